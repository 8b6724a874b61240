"""The table of kinds: recognition, the words of its columns, keys and names."""

from __future__ import annotations

import dataclasses
import io

import pytest

from canvas_sis_sync.sis_csv.formats import Strictness, ValueType
from canvas_sis_sync.sis_csv.kinds import KINDS, recognize
from canvas_sis_sync.sis_csv.reader import open_csv

USUAL_HEADERS = {
    "change_sis_id": "old_id,new_id,type",
    "account": "account_id,parent_account_id,name,status",
    "term": "term_id,name,status,start_date,end_date",
    "abstract_course": "abstract_course_id,short_name,long_name,account_id,term_id,status",
    "course": "course_id,short_name,long_name,account_id,term_id,status,start_date,end_date",
    "section": "section_id,course_id,name,status,start_date,end_date",
    "xlist": "xlist_course_id,section_id,status",
    "user": "user_id,login_id,password,first_name,last_name,short_name,email,status",
    "login": "user_id,login_id,existing_user_id,email",
    "enrollment": "course_id,user_id,role,section_id,status",
    "admin": "user_id,account_id,role,status",
    "group_category": "group_category_id,account_id,course_id,category_name,status",
    "differentiation_tag_set": "tag_set_id,course_id,set_name,status",
    "group": "group_id,group_category_id,account_id,course_id,name,status",
    "differentiation_tag": "tag_id,tag_set_id,course_id,name,status",
    "group_membership": "group_id,user_id,status",
    "differentiation_tag_membership": "tag_id,user_id,status",
    "institutional_tag_category": "category_id,name,description,status",
    "institutional_tag": "institutional_tag_id,category_id,name,description,status",
    "institutional_tag_association": "institutional_tag_id,user_id,status",
    "grade_publishing_results": "enrollment_id,grade_publishing_status,message",
    "user_observer": "observer_id,student_id,status",
}
DOCUMENTED_PLURALS = (
    "change_sis_ids accounts terms abstract_courses courses sections xlists users logins enrollments admins "
    "group_categories groups group_memberships grade_publishing_results user_observers"
)
EXISTING = ("existing_user_id", "existing_integration_id", "existing_canvas_user_id")
AS_LOGIN = dict.fromkeys(EXISTING, "login")
AS_ENROLLMENT = dict.fromkeys(("course_id", "section_id"), "enrollment")
IN_A_CONTEXT = {
    "parent_account_id": "account",
    "short_name": "course",
    "user_id": "enrollment",
    "user_integration_id": "enrollment",
}
STRAY_COLUMNS = {
    "abstract_course": {"course_id": "course", "name": "term", "parent_account_id": "account"},
    "course": {"name": "term", "parent_account_id": "account"},
    "section": {"short_name": "course", "term_id": "term"},
    "xlist": {"name": "section"},
    "user": {"course_id": "course", "abstract_course_id": "abstract_course", **AS_LOGIN},
    "enrollment": {
        "name": "section",
        "short_name": "course",
        "login_id": "user",
        "xlist_course_id": "xlist",
        **AS_LOGIN,
    },
    "admin": {"login_id": "user", "parent_account_id": "account", **AS_ENROLLMENT, **AS_LOGIN},
    "group_category": {**IN_A_CONTEXT, **AS_LOGIN},
    "group": {
        "section_id": "section",
        "term_id": "term",
        "category_name": "group_category",
        **IN_A_CONTEXT,
        **AS_LOGIN,
    },
    "group_membership": {"account_id": "admin", "name": "group", "login_id": "user", **AS_ENROLLMENT, **AS_LOGIN},
    "grade_publishing_results": AS_LOGIN,
    "user_observer": AS_LOGIN,
}


def kind_of(header: list[str]) -> str | None:
    kind = recognize(header)
    return kind.name if kind else None


@pytest.mark.parametrize(("name", "header"), USUAL_HEADERS.items())
def test_every_kind_is_recognised_by_its_usual_header(name: str, header: str) -> None:
    assert kind_of(header.split(",")) == name
    assert kind_of(list(reversed(header.split(",")))) == name
    assert set(header.split(",")) <= set(KINDS[name].columns)


@pytest.mark.parametrize(("name", "header"), USUAL_HEADERS.items())
def test_padding_case_and_byte_order_mark_do_not_hide_a_kind(name: str, header: str) -> None:
    dressed = ",".join(f"  {cell.upper()}\t\0" for cell in header.split(","))

    assert kind_of(dressed.split(",")) == name
    file = open_csv(io.BytesIO(b"\xef\xbb\xbf" + dressed.encode() + b"\r\n"))
    assert file.kind is KINDS[name]


@pytest.mark.parametrize("meant", [name for name in USUAL_HEADERS if "tag" not in name])
def test_one_stray_column_turns_a_file_into_another_kind_in_these_cases_and_no_others(meant: str) -> None:
    header = USUAL_HEADERS[meant].split(",")
    known = {column for kind in KINDS.values() if "tag" not in kind.name for column in kind.columns}

    became = {column: kind_of([*header, column]) for column in known - set(header)}

    renamed = {} if meant == "change_sis_id" else dict.fromkeys(("old_id", "old_integration_id"), "change_sis_id")
    assert {column: kind for column, kind in became.items() if kind != meant} == renamed | STRAY_COLUMNS.get(meant, {})


@pytest.mark.parametrize(
    "header",
    ["", "name", "user_id", "course_id", "user id,login id", "user_id;login_id", "enrollment_id", "tag_set_id"],
)
def test_a_header_that_fits_no_rule_has_no_kind(header: str) -> None:
    assert kind_of(header.split(",")) is None


def test_only_ordinary_white_space_is_trimmed_from_header_cells() -> None:
    assert kind_of(["user_id", "\u00a0login_id"]) is None
    assert kind_of(["user_id", "\ufefflogin_id"]) is None


def test_enrollments_need_one_column_of_each_group() -> None:
    assert kind_of(["section_id", "user_integration_id"]) == "enrollment"
    assert kind_of(["section_id", "course_id"]) is None
    assert kind_of(["user_id", "user_integration_id"]) is None


def test_kinds_come_in_import_order_the_newer_ones_among_the_last() -> None:
    assert list(KINDS) == list(USUAL_HEADERS)
    assert [kind.name for kind in KINDS.values()] == list(KINDS)
    assert [name for name in KINDS if name.startswith("institutional_tag")] == list(KINDS)[-5:-2]
    assert list(KINDS)[-2:] == ["grade_publishing_results", "user_observer"]


def test_plurals_are_the_words_of_the_counts() -> None:
    assert [kind.plural for kind in KINDS.values() if "tag" not in kind.name] == DOCUMENTED_PLURALS.split()
    assert len({kind.plural for kind in KINDS.values()}) == 22
    assert KINDS["institutional_tag_category"].plural == "institutional_tag_categories"


def test_files_have_their_customary_names() -> None:
    assert KINDS["group_membership"].file_hint == "groups_membership.csv"
    assert KINDS["user"].file_hint == "users.csv"
    assert all(kind.file_hint.endswith(".csv") for kind in KINDS.values())


def test_keys_identify_rows_as_diffing_does() -> None:
    keys = {name: kind.key for name, kind in KINDS.items()}
    assert {name for name, key in keys.items() if not key} == {"abstract_course", "grade_publishing_results"}
    assert keys["admin"] == ("user_id", "account_id")
    assert keys["login"] == keys["user"] == ("user_id",)
    assert keys["xlist"] == ("section_id",)
    assert len(keys["enrollment"]) == 8
    foreign = {name: set(key) - set(KINDS[name].columns) for name, key in keys.items()}
    assert {name: columns for name, columns in foreign.items() if columns} == {"group_category": {"group_id"}}


def test_only_users_and_logins_carry_passwords() -> None:
    carriers = {name: kind.password_columns for name, kind in KINDS.items() if kind.password_columns}
    assert carriers == dict.fromkeys(("user", "login"), ("password", "ssha_password"))


def test_recognition_columns_are_columns_of_their_kind() -> None:
    for kind in KINDS.values():
        assert {*kind.all_of, *(name for group in kind.any_of for name in group)} <= set(kind.columns)
        assert {name: column.name for name, column in kind.columns.items()} == {name: name for name in kind.columns}


@pytest.mark.parametrize(
    ("kind", "column", "taken", "refused"),
    [
        ("enrollment", "status", ["active", "Active", "deletedish", "deleted_last_completed"], ["dropped", " active"]),
        ("xlist", "status", ["active", "DELETED"], ["actively", "delete"]),
        ("admin", "status", ["active"], ["active2"]),
        ("user_observer", "status", ["deleted"], ["deleted_"]),
        ("grade_publishing_results", "grade_publishing_status", ["published", "Error"], ["errors"]),
        ("course", "status", ["unpublished", "active-2024"], ["available"]),
        ("course", "grade_passback_setting", ["Nightly_Sync", "disabled"], ["nightly", "disabled2"]),
        ("term", "date_override_enrollment_type", ["StudentEnrollment"], ["studentenrollment"]),
        ("user", "declared_user_type", ["teacher", "<delete>"], ["Teacher", "teachers"]),
        ("group", "status", ["available", "Deleted", "closed!"], ["active"]),
        ("group_membership", "status", ["accepted"], ["active"]),
        ("change_sis_id", "type", ["group_category", "Course"], ["courses"]),
        ("user", "full_name", ["anything"], []),
    ],
)
def test_words_are_taken_as_strictly_as_canvas_looks(
    kind: str, column: str, taken: list[str], refused: list[str]
) -> None:
    accepts = KINDS[kind].columns[column].accepts
    assert [word for word in [*taken, *refused] if accepts(word)] == taken


def test_groups_and_tags_delete_only_by_the_exact_word() -> None:
    exact = {
        name
        for name, kind in KINDS.items()
        for column in kind.columns.values()
        if column.strictness is Strictness.PREFIX_EXACT_DELETED
    }
    assert exact == {"group", "differentiation_tag"}


def test_columns_say_what_they_hold() -> None:
    user, enrollment = KINDS["user"].columns, KINDS["enrollment"].columns
    assert [name for name, column in user.items() if column.required] == ["user_id", "login_id", "status"]
    assert (user["login_id"].any_case, user["user_id"].any_case) == (True, False)
    assert [name for name, column in enrollment.items() if column.required] == ["status"]
    assert enrollment["start_date"].type is ValueType.DATE
    assert enrollment["role_id"].type is ValueType.INTEGER
    assert enrollment["notify"].type is ValueType.BOOLEAN
    assert not KINDS["account"].columns["status"].required
    enums = [column for kind in KINDS.values() for column in kind.columns.values() if column.type is ValueType.ENUM]
    assert all(column.allowed for column in enums)


def test_the_table_cannot_be_changed() -> None:
    kind = KINDS["user"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        kind.name = "other"  # type: ignore[misc]  # what must not be possible
    with pytest.raises(TypeError):
        kind.columns["extra"] = kind.columns["user_id"]  # type: ignore[index]  # what must not be possible
    with pytest.raises(TypeError):
        KINDS["extra"] = kind  # type: ignore[index]  # what must not be possible
