"""What is told of two deliveries: rows, statuses, groups, terms, canaries, and what hangs on what is gone."""

from __future__ import annotations

import gc
import io
import os
import tempfile
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from support.golden import Golden
from support.sentences import in_full
from support.tables import delivered, delivery

from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.errors import HomeError
from canvas_sis_sync.plan.changes import _dependants, _differences, _kinds, comparing
from canvas_sis_sync.plan.changes._layout import best_spread, lay_out, spreading
from canvas_sis_sync.plan.changes.comparing import compare, compare_apart, compare_kind, recognised
from canvas_sis_sync.plan.values import Changes, GroupChanges, KindChanges
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS

USERS = "user_id,login_id,status\n"
COURSES = "course_id,short_name,account_id,term_id,status\n"
SECTIONS = "section_id,course_id,name,status\n"
ENROLLMENTS = "course_id,section_id,user_id,role,status\n"


def only(changes: Changes, kind: str) -> KindChanges:
    found = changes.of(kind)
    assert found is not None
    return found


def users(before: str, now: str) -> KindChanges:
    return only(compare(delivery(users=USERS + before), delivery(users=USERS + now)), "user")


# rows


def test_rows_are_told_apart_by_key() -> None:
    found = users("u1,a,active\nu2,b,active\nu3,c,active\n", "u3,c,active\nu2,B,active\nu4,d,active\n")
    assert (found.added, found.changed, found.removed, found.differences) == (1, 1, 1, 3)
    assert found.changed_columns == {"login_id": 1}
    assert (found.rows_before, found.rows_now) == (3, 3)


def test_of_repeated_keys_the_last_row_takes_part() -> None:
    found = users("u1,x,active\nu1,a,active\n", "u1,a,active\n")
    assert found == KindChanges("user", rows_before=2, rows_now=1, duplicates_before=1)


def test_rows_without_any_value_are_no_rows() -> None:
    found = users("u1,a,active\n,,\n\n", ",,\nu1,a,active\n , ,\n,,,x\n")
    assert (found.rows_before, found.rows_now, found.added) == (1, 2, 1)


def test_files_of_a_kind_are_one_set_in_the_order_of_their_names() -> None:
    one, other = USERS + "u1,a,active\n", USERS + "u1,b,active\nu2,c,active\n"
    found = compare(delivery(b=other, a=one), delivery(x=USERS + "u2,c,active\nu1,b,active\n"))
    assert only(found, "user") == KindChanges("user", rows_before=3, rows_now=2, duplicates_before=1)


def test_columns_of_several_files_add_up() -> None:
    old = delivery(a="user_id,login_id,email\nu1,a,x\n", b="login_id,user_id\nb,u2\n")
    new = delivery(a="user_id,login_id,email\nu1,a,x\nu2,b,y\n")
    found = only(compare(old, new), "user")
    assert found.changed_columns == {"email": 1}
    assert (found.columns_gained, found.columns_lost) == ((), ())


def test_gained_and_lost_columns_are_told_and_change_no_row() -> None:
    old, new = "user_id,login_id,email\nu1,a,x\nu2,b,x\n", "login_id,user_id,status\na,u1,active\nc,u2,active\n"
    found = only(compare(delivery(u=old), delivery(u=new)), "user")
    assert (found.columns_gained, found.columns_lost) == (("status",), ("email",))
    assert (found.changed, found.changed_columns) == (1, {"login_id": 1})


def test_a_key_column_that_is_missing_is_blank() -> None:
    old, new = "course_id,user_id\nc1,u1\n", "user_id,role,course_id\nu1,,c1\nu1,ta,c1\n"
    found = only(compare(delivery(e=old), delivery(e=new)), "enrollment")
    assert (found.added, found.changed, found.removed) == (1, 0, 0)


@pytest.mark.parametrize(
    "content",
    [
        "abstract_course_id,short_name\na1,A\n",
        "enrollment_id,grade_publishing_status\n1,published\n",
        "group_category_id,category_name\ng1,G\n",
    ],
)
def test_of_kinds_without_a_key_rows_are_only_counted(content: str) -> None:
    changes = compare(delivery(x=content + content.splitlines()[1]), delivery(x=content))
    assert [(each.rows_before, each.rows_now, each.differences) for each in changes.kinds] == [(2, 1, 0)]
    assert changes.kinds[0].duplicates_before == 0


def test_a_kind_that_is_missing_now_removes_nothing() -> None:
    changes = compare(delivery(u=USERS + "u1,a,active\nu1,b,active\n", c=COURSES + "c1,C,,T,active\n"), [])
    assert changes.kinds == (
        KindChanges("course", in_now=False, rows_before=1),
        KindChanges("user", in_now=False, rows_before=2, duplicates_before=1),
    )
    assert changes.groups == ()


def test_a_kind_that_was_missing_adds_every_key() -> None:
    assert compare([], delivery(u=USERS + "u1,a,active\nu1,b,deleted\nu2,c,active\n")).kinds == (
        KindChanges(
            "user",
            in_before=False,
            rows_now=3,
            duplicates_now=1,
            added=2,
            added_ending={"deleted": 1},
            ending_now={"deleted": 1},
        ),
    )


def test_a_header_alone_removes_everything() -> None:
    found = users("u1,a,active\nu2,a,deleted\n", "")
    assert (found.in_now, found.removed, found.ended) == (True, 2, 1)


# files that Canvas refuses


@pytest.mark.parametrize("bad", [b"\xff\n", b'u9,"x"y,active\n', b"u9,x,active\r\n"])
def test_a_file_that_is_refused_as_a_whole_counts_as_missing(bad: bytes) -> None:
    good = USERS.encode() + b"u1,a,active\n"
    late = good * 2_000
    changes = compare(delivery(a=good), delivery(a=good, b=late.replace(USERS.encode(), b"") + bad, c=good + bad))
    assert only(changes, "user") == KindChanges("user", rows_before=1, rows_now=1)
    assert compare(delivery(a=good + bad), []).kinds == ()
    assert only(compare(delivery(a=good), delivery(a=good + bad)), "user").in_now is False


def test_columns_of_a_refused_file_do_not_count() -> None:
    old = delivery(a=USERS + "u1,a,active\n", b=USERS.replace("status", "email") + 'u2,a,x"\n')
    assert only(compare(old, delivery(a=USERS + "u1,a,active\n")), "user").columns_lost == ()


def test_files_are_recognised_by_their_header() -> None:
    files = delivery(z=USERS, b="a,b\n", c="", d=b"\xff", e='"x\n', a=USERS + "u1,a,active\n", f="\n\n")
    assert recognised(files) == {"user": (files[5], files[0])}
    assert compare(files, []).of("user") == KindChanges("user", in_now=False, rows_before=1)


# statuses


@pytest.mark.parametrize(
    ("before", "now", "turned"),
    [
        ("active", "Deleted", {"deleted": 1}),
        ("active", "deleted_last_completed", {"deleted": 1}),
        ("active", "COMPLETED", {"completed": 1}),
        ("inactive", "deletedx", {"deleted": 1}),
        ("", "inactive", {"inactive": 1}),
        ("deleted", "deleted_last_completed", {}),
        ("deleted", "inactive", {}),
        ("completed", "inactive", {}),
        ("inactive", "active", {}),
        ("active", "xdeleted", {}),
    ],
)
def test_a_status_turns_when_it_ends_more_than_before(before: str, now: str, turned: dict[str, int]) -> None:
    found = compare(
        delivery(e=ENROLLMENTS + f"c,s,u,r,{before}\n"), delivery(e=ENROLLMENTS + f"c,s,u,r,{now}\nc,s,u2,r,{now}\n")
    )
    assert only(found, "enrollment").turned == turned


@pytest.mark.parametrize(
    ("header", "row", "word", "turned"),
    [
        ("group_id,name,status", "g,G", "deleted", {"deleted": 1}),
        ("group_id,name,status", "g,G", "Deleted", {}),
        ("group_id,name,status", "g,G", "Completed", {"completed": 1}),
        ("group_id,name,status", "g,G", "closed", {}),
        ("account_id,user_id,status", "a,u", "DELETED", {"deleted": 1}),
        ("account_id,user_id,status", "a,u", "deletedx", {}),
        ("user_id,login_id,status", "u,l", "suspended", {}),
        ("user_id,login_id,status", "u,l", "inactive", {}),
        ("user_id,existing_user_id,status", "u,l", "deleted", {}),
    ],
)
def test_a_status_is_taken_as_the_kind_takes_it(header: str, row: str, word: str, turned: dict[str, int]) -> None:
    changes = compare(delivery(x=f"{header}\n{row},active\n"), delivery(x=f"{header}\n{row},{word}\n"))
    assert (changes.kinds[0].turned, changes.kinds[0].ending_now) == (turned, turned)
    assert changes.kinds[0].changed == 1


def test_without_a_status_on_both_sides_nothing_turns() -> None:
    found = only(compare(delivery(u="user_id,login_id\nu1,a\n"), delivery(u=USERS + "u1,a,deleted\n")), "user")
    assert (found.turned, found.ending_now) == ({}, {"deleted": 1})


def test_removed_rows_that_had_ended_are_counted_without_a_status_column_now_too() -> None:
    now = delivery(u="user_id,login_id\nu3,c\n")
    found = only(compare(delivery(u=USERS + "u1,a,Deleted\nu2,b,active\nu3,c,active\n"), now), "user")
    assert (found.removed, found.ended) == (2, 1)


# groups

SPRING = COURSES + "c1,C,A1,S31,active\nc2,C,A2,S31,active\nc3,C,A1,F31,active\nc4,C,A2,,active\n"
SECTIONS_OF_ALL = SECTIONS + "".join(f"s{number},c{number},S,active\n" for number in range(1, 5))
ROWS = tuple(f"c{course},s{course},u{user},student,active\n" for course in range(1, 5) for user in range(1, 4))


def spring(rows: Iterable[str] = ROWS, courses: str = SPRING) -> list[DeliveryFile]:
    return delivery(courses=courses, sections=SECTIONS_OF_ALL, enrollments=ENROLLMENTS + "".join(rows))


def losing(*which: int) -> list[str]:
    return [row for number, row in enumerate(ROWS) if number not in which]


def test_of_a_term_that_loses_a_row_all_kinds_are_told() -> None:
    assert compare(spring(), spring(losing(0, 3))).groups == (
        GroupChanges("term", "S31", "course", rows_before=2),
        GroupChanges("term", "S31", "section", rows_before=2),
        GroupChanges("term", "S31", "enrollment", rows_before=6, removed=2, removed_by_term={"S31": 2}),
    )


@pytest.mark.parametrize(("by", "name"), [("account", "A2"), ("course", "c2")])
def test_groups_are_by_what_is_asked_for(by: str, name: str) -> None:
    changes = compare(spring(), spring(losing(3)), group_by=by)
    assert {(group.by, group.name) for group in changes.groups} == {(by, name)}


def test_without_terms_groups_are_by_account() -> None:
    courses = "course_id,short_name,account_id\nc1,C,A1\nc2,C,A2\nc3,C,A1\n"
    changes = compare(spring(courses=courses), spring(losing(0), courses))
    assert {(group.by, group.name) for group in changes.groups} == {("account", "A1")}


def test_terms_that_only_the_new_courses_name_count() -> None:
    courses = "course_id,short_name,account_id\nc1,C,A1\n"
    changes = compare(spring(courses=courses), spring(losing(9), SPRING))
    assert {(group.by, group.name) for group in changes.groups} == {("term", "")}


def test_a_course_is_where_it_was_before() -> None:
    changes = compare(spring(), spring(losing(0), SPRING.replace("S31", "F31")))
    assert {group.name for group in changes.groups} == {"S31"}


def test_a_course_that_was_not_sent_before_is_where_it_is_now() -> None:
    changes = compare(spring(courses=COURSES), spring(losing(0)))
    assert {group.name for group in changes.groups} == {"S31"}


def test_rows_that_turn_count_for_their_group() -> None:
    rows = [ROWS[0].replace("active", "completed"), ROWS[1].replace("active", "inactive"), *ROWS[2:]]
    assert compare(spring(), spring(rows)).groups[-1] == GroupChanges("term", "S31", "enrollment", 6, turned=2)


def test_repeated_rows_do_not_count_for_their_group() -> None:
    before = [*ROWS, ROWS[0].replace("active", "completed"), ROWS[0]]
    assert compare(spring(before), spring(losing(0, 1, 2, 3, 4, 5))).groups[-1] == GroupChanges(
        "term", "S31", "enrollment", 6, 6, removed_by_term={"S31": 6}
    )


def test_an_enrollment_without_a_course_is_in_that_of_its_section() -> None:
    rows = [row.replace("c1,s1", ",s1") for row in ROWS]
    changes = compare(spring(rows), spring(rows[1:]))
    assert changes.groups[-1] == GroupChanges("term", "S31", "enrollment", 6, 1, removed_by_term={"S31": 1})
    bare = [row.split(",", 1)[1] for row in ROWS]
    files = [
        delivery(courses=SPRING, s=SECTIONS_OF_ALL, e=ENROLLMENTS.split(",", 1)[1] + "".join(each))
        for each in (bare, bare[1:])
    ]
    assert compare(*files).groups == changes.groups


def test_rows_that_belong_to_no_course_are_in_no_group() -> None:
    rows = ",,u1,student,active\n,s9,u1,student,active\n"
    changes = compare(delivery(e=ENROLLMENTS + rows), delivery(e=ENROLLMENTS))
    assert (changes.groups, changes.concentrated) == ((), ())
    assert changes.removed_by_term == {"enrollment": {"": 2}}


def test_in_groups_too_what_is_removed_is_cut_by_the_term_of_its_course() -> None:
    courses = "c1,C,,S31,active\nc2,C,,F31,active\nc3,C,A1,F31,active\n"
    rows = "c1,,u1,ta,active\nc2,,u1,ta,active\nc2,,u2,ta,deleted\nc3,,u1,ta,active\n,s9,u1,ta,active\n"
    both = delivery(c=COURSES + courses, e=ENROLLMENTS + rows), delivery(c=COURSES + courses, e=ENROLLMENTS)
    found = {group.name: group for group in compare(*both, group_by="account").groups if group.kind == "enrollment"}
    assert found["A1"].removed_by_term == {"F31": 1}
    assert found[""].removed_by_term == {"S31": 1, "F31": 1}
    assert compare(*both).removed_by_term["enrollment"] == {"": 1, "S31": 1, "F31": 2}


def test_group_rows_of_a_course_belong_to_its_term() -> None:
    before = delivery(c=SPRING, g="group_id,name,course_id,status\ng1,G,c1,available\ng2,G,,available\n")
    now = delivery(c=SPRING, g="group_id,name,course_id,status\n")
    assert compare(before, now).groups == (
        GroupChanges("term", "S31", "course", 2),
        GroupChanges("term", "S31", "group", 1, 1),
    )


def test_where_most_is_lost_is_told_by_term_account_and_course() -> None:
    rows = [row.replace("active", "deleted") if row.startswith("c3") else row for row in losing(0, 1, 3)]
    changes = compare(spring([*ROWS, "c1,s1,u9,student,deleted\n"]), spring(rows))
    assert changes.concentrated == (
        GroupChanges("term", "F31", "enrollment", 3, turned=3),
        GroupChanges("term", "S31", "enrollment", 7, 4, 1, removed_by_term={"S31": 3}),
        GroupChanges("account", "A1", "enrollment", 7, 3, 1, 3, removed_by_term={"S31": 2}),
        GroupChanges("account", "A2", "enrollment", 6, 1, removed_by_term={"S31": 1}),
        GroupChanges("course", "c3", "enrollment", 3, turned=3),
        GroupChanges("course", "c1", "enrollment", 4, 3, 1, removed_by_term={"S31": 2}),
        GroupChanges("course", "c2", "enrollment", 3, 1, removed_by_term={"S31": 1}),
    )


def test_only_three_of_each_are_told() -> None:
    changes = compare(spring(), spring([]))
    assert [group.name for group in changes.concentrated if group.by == "course"] == ["c1", "c2", "c3"]


def test_what_is_removed_is_cut_by_term_whatever_groups_are_by() -> None:
    before = spring([*ROWS, "c1,s1,u9,student,deleted\n"])
    changes = compare(before, spring(losing(0, 9), SPRING.replace("c3,C,A1,F31,active\n", "")), group_by="course")
    assert changes.removed_by_term == {"course": {"F31": 1}, "section": {}, "enrollment": {"S31": 1, "": 1}}


# terms

TERMS = "term_id,name,status,integration_id,end_date,date_override_enrollment_type\n"


def test_terms_are_known_by_their_last_row_in_either_delivery() -> None:
    old = delivery(t=TERMS + "S31,S,active,i1,2031-05-01,\nF31,F,active,,2031-12-01,\nX,X,active,,,\n")
    new = delivery(
        t=TERMS + "S31,S,active,i2,2031-05-02,\nS31,S,active,i2,2031-05-03,\nS31,,active,,2031-06-01,TaEnrollment\n"
    )
    changes = compare(old, new)
    assert changes.term_ends == {"S31": "2031-05-03", "F31": "2031-12-01", "X": ""}
    assert changes.term_integration_ids == {"i1": "S31", "i2": "S31"}


def test_valid_terms_are_those_that_canvas_would_apply() -> None:
    rows = "a,A,Active,,,\nb,B,deletedx,,,\n,C,active,,,\nd,,active,,,\ne,E,gone,,,\nf,,active,,,TaEnrollment\n"
    assert compare([], delivery(t=TERMS + rows)).valid_terms == 2
    assert compare(delivery(t=TERMS + rows), []).valid_terms == 0


def test_terms_that_courses_name() -> None:
    now = COURSES + "c1,C,,S31,deleted\nc2,C,,F31,active\n"
    changes = compare(delivery(c=SPRING), delivery(c=now))
    assert changes.course_terms_before == {"S31", "F31", ""}
    assert changes.course_terms_now == {"F31"}


# canaries


def test_canaries_must_be_there_and_not_deleted() -> None:
    now = delivery(u=USERS + "u1,a,active\nu2,b,Deleted\nu3,c,deleted\nu3,c,active\n", c="course_id,short_name\nc1,C\n")
    canaries = [("user", "u1"), ("user", "u2"), ("user", "u3"), ("user", "u9"), ("course", "c1"), ("account", "a")]
    assert compare([], now, canaries=canaries).missing_canaries == ("user:u2", "user:u9", "account:a")


# what hangs on what is gone


def everything(courses: str, sections: str, people: str, enrollments: str) -> list[DeliveryFile]:
    return delivery(
        c=COURSES + courses,
        s=SECTIONS + sections,
        u="user_id,login_id,status,integration_id\n" + people,
        e="course_id,section_id,user_id,user_integration_id,status\n" + enrollments,
    )


def test_rows_that_hang_on_what_is_gone_are_counted() -> None:
    before = everything(
        "c1,C,,,active\nc2,C,,,active\nc3,C,,,deleted\nc4,C,,,active\n",
        "s1,c1,S,active\ns2,c2,S,active\ns3,c3,S,active\ns4,c1,S,deleted\ns5,c4,S,active\n",
        "u1,a,active,i1\nu2,b,active,\nu3,c,active,\n",
        "c1,,u2,,active\n,s1,u2,,active\n,s1,u2,,deleted\n,s2,u2,,active\n,s3,u2,,active\n,s5,u1,,active\n"
        "c4,,,i1,active\n,s5,u2,,active\n,s5,u3,,active\n",
    )
    now = everything("c4,C,,,active\nc2,C,,,active\n", "s5,c4,S,active\n", "u2,b,active,\nu3,c,deleted,\n", "")
    # c1, s1, s2, s3, u1 are removed and u3 has become deleted; c3 and s4 had been deleted before.
    assert compare(before, now).dependants == {"section": 1, "enrollment": 7}


def test_nothing_hangs_on_what_stays() -> None:
    assert compare(spring(), spring(losing(0))).dependants == {"section": 0, "enrollment": 0}
    assert compare([], []).dependants == {"section": 0, "enrollment": 0}


def test_too_much_that_is_gone_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (_dependants, _differences):
        monkeypatch.setattr(module, "GONE_LIMIT", 2)
    before = everything("c1,C,,,active\n", "s1,c1,S,active\n", "u1,a,active,\n", "c1,,u1,,active\n")
    assert compare(before, everything("", "", "", "")).dependants == {"section": 1, "enrollment": None}


# whole rows


class Kept:
    def __init__(self) -> None:
        self.rows: list[tuple[str, str, tuple[str, ...], tuple[str, ...]]] = []

    def add(self, kind: Kind, what: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        self.rows += [(kind.name, what, tuple(columns), tuple(row)) for row in rows]


def test_whole_rows_are_given_without_passwords() -> None:
    before = "user_id,password,login_id,email\nu1,secret,a,x\nu2,secret,b,x\n"
    now = "login_id,user_id,ssha_password,status\nb,u2,secret,active\nc,u3,secret,active\nB,u2,secret,active\n"
    kept = Kept()
    compare(delivery(u=before), delivery(u=now), sink=kept)
    assert sorted(kept.rows) == [
        ("user", "added", ("login_id", "user_id", "status"), ("c", "u3", "active")),
        ("user", "changed", ("login_id", "user_id", "status"), ("B", "u2", "active")),
        ("user", "removed", ("user_id", "login_id", "email"), ("u1", "a", "x")),
    ]


# large ones


def large() -> tuple[list[DeliveryFile], list[DeliveryFile]]:
    rows = [f"c{number % 7},s{number % 9},u{number},student,active\n" for number in range(3_000)]
    courses = COURSES + "".join(f"c{number},C,A,T{number % 3},active\n" for number in range(7))
    old = delivery(c=courses, e=ENROLLMENTS + "".join([*rows, *rows[:5]]))
    new = delivery(c=courses, e=ENROLLMENTS + "".join(rows[10:-10]).replace("u100,student,active", "u100,ta,deleted"))
    return old, new


@pytest.fixture
def spread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have small deliveries compared as large ones are."""
    assert threading.active_count() == 1
    monkeypatch.setattr(_kinds, "MEMORY_BYTES", 0)
    monkeypatch.setattr(_kinds, "BUCKET_BYTES", 10_000)
    monkeypatch.setattr(_kinds, "LEAST_FORKED_BYTES", 0)
    monkeypatch.setattr(comparing, "APART_BYTES", 0)


def test_large_deliveries_are_told_of_as_small_ones(spread: None, tmp_path: Path) -> None:
    old, new = large()
    with pytest.MonkeyPatch.context() as patch:
        patch.undo()
        patch.setattr(_kinds, "MEMORY_BYTES", 1 << 30)
        patch.setattr(os, "cpu_count", lambda: 1)
        expected = compare(old, new, canaries=[("course", "c1")])
    told: list[int] = []
    assert compare_apart(old, new, canaries=[("course", "c1")], scratch=tmp_path, progress=told.append) == expected
    assert sum(told) == sum(file.size for file in (*old, *new))
    assert only(expected, "enrollment").duplicates_before == 5
    assert list(tmp_path.iterdir()) == []


def test_another_process_does_the_work(spread: None, tmp_path: Path) -> None:
    _, new = large()

    def opened() -> io.BytesIO:
        (tmp_path / str(os.getpid())).touch()
        return io.BytesIO(b"course_id,user_id\nc1,u1\n")

    compare_apart([DeliveryFile("e.csv", 100, opened)], new)
    assert str(os.getpid()) not in {path.name for path in tmp_path.iterdir()}


def test_small_ones_start_no_process(tmp_path: Path) -> None:
    def opened() -> io.BytesIO:
        (tmp_path / str(os.getpid())).touch()
        return io.BytesIO(b"course_id,user_id\nc1,u1\n")

    _, new = large()
    compare_apart([DeliveryFile("e.csv", 100, opened)], new)
    assert [path.name for path in tmp_path.iterdir()] == [str(os.getpid())]


@pytest.mark.parametrize("deaths", ["before", "now"])
def test_a_process_that_dies_is_made_up_for(spread: None, deaths: str) -> None:
    old, new = large()
    expected = compare(old, new)
    mine = os.getpid()

    def dying(file: DeliveryFile) -> DeliveryFile:
        def opened() -> object:
            if os.getpid() != mine:
                os._exit(9)
            return file.open()

        return DeliveryFile(file.name, file.size, opened)  # type: ignore[arg-type]

    files = [dying(file) for file in (old if deaths == "before" else new)]
    assert (compare_apart(files, new) if deaths == "before" else compare_apart(old, files)) == expected


def test_a_comparing_process_that_dies_is_made_up_for(
    spread: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old, new = large()
    expected = compare(old, new)
    mine, read_at, deaths = os.getpid(), os.pread, tmp_path / "deaths"

    def dying(file: int, size: int, offset: int) -> bytes:
        if os.getpid() != mine:
            deaths.touch()
            os._exit(9)
        return read_at(file, size, offset)

    monkeypatch.setattr(os, "pread", dying)
    assert compare(old, new) == expected
    assert deaths.exists()


def test_it_works_where_processes_cannot_read_a_file_at_once(spread: None, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = large()
    expected = compare(old, new)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.delattr(os, "pread")
    assert compare(old, new) == expected


def test_no_room_is_told_in_a_sentence(spread: None, tmp_path: Path, golden: Golden) -> None:
    with pytest.raises(HomeError) as caught:
        compare(*large(), scratch=tmp_path / "missing")
    golden(in_full(caught.value))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_disk_is_told_in_a_sentence(spread: None, monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    full = Path("/dev/full")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda buffering, **_options: full.open("r+b", buffering))
    with pytest.raises(HomeError) as caught:
        compare(*large())
    golden(in_full(caught.value))


def test_compare_kind_passes_over_other_kinds() -> None:
    old, new = large()
    found = compare_kind(KINDS["enrollment"], old, new)
    assert found == only(compare(old, new), "enrollment")
    assert compare_kind(KINDS["user"], old, new) == KindChanges("user", in_before=False, in_now=False)


def test_keys_without_the_spreading_column_are_spread_too(spread: None) -> None:
    rows = [f"c{number % 7},s{number % 9},,i{number % 700},active\n" for number in range(3_000)]
    header = "course_id,section_id,user_id,user_integration_id,status\n"
    found = only(compare(delivery(e=header + "".join(rows)), delivery(e=header + "".join(rows[::-2]))), "enrollment")
    assert found.rows_before == 3_000
    assert found.removed == len(set(rows) - set(rows[::-2]))


def test_files_are_deliveries_of_any_order() -> None:
    old, new = large()
    assert compare(old[::-1], new[::-1]) == compare(old, new)
    assert compare([delivered(file.name, file.open().read()) for file in old], new) == compare(old, new)


@pytest.mark.skipif(not hasattr(os, "pread"), reason="that system reads in another way")
def test_rows_that_nearly_all_have_the_same_cell_are_compared_in_passes(
    spread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"c{max(number - 2_600, 0)},s1,u{number},student,active\n" for number in range(3_000)]
    old, new = delivery(e=ENROLLMENTS + "".join([*rows, rows[0]])), delivery(e=ENROLLMENTS + "".join(rows[:1:-1]))
    expected = compare(old, new)
    reads: Counter[tuple[int, int]] = Counter()
    read_at = os.pread

    def noted(file: int, size: int, offset: int) -> bytes:
        reads[file, offset] += 1
        return read_at(file, size, offset)

    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(_kinds, "LARGE_BUCKET_BYTES", 10_000)
    monkeypatch.setattr(os, "pread", noted)
    assert compare(old, new) == expected
    assert (only(expected, "enrollment").removed, only(expected, "enrollment").duplicates_before) == (2, 1)
    assert max(reads.values()) > 5


def test_rows_are_put_into_buckets_by_the_column_in_which_most_of_them_follow_each_other() -> None:
    layout, _ = lay_out(KINDS["enrollment"], ENROLLMENTS.strip().split(","), ())
    columns = {
        "course_id": [f"c{number // 50}" for number in range(700)],
        "section_id": [f"s{number // 25}" for number in range(700)],
        "user_id": [f"u{number}" for number in range(700)],
        "role": ["student"] * 700,
    }
    assert best_spread(layout, columns) == "course_id"
    assert best_spread(layout, columns | {"course_id": ["c1"] * 700}) == "section_id"
    assert best_spread(layout, {name: ["x"] for name in columns}) == "course_id"


def test_the_collector_is_left_as_it_was(spread: None, tmp_path: Path) -> None:
    compare(*large())
    assert gc.isenabled()
    with pytest.raises(HomeError):
        compare(*large(), scratch=tmp_path / "missing")
    assert gc.isenabled()
    gc.disable()
    try:
        compare(*large())
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_rows_without_a_cell_to_spread_them_by_are_spread_by_their_key() -> None:
    layout, _ = lay_out(KINDS["user_observer"], ("observer_id", "student_id"), ())
    rows = {"observer_id": ["o1", "", ""], "student_id": ["s1", "s2", "s3"]}
    assert len(set(spreading(layout, rows, "observer_id"))) == 3
    assert spreading(layout, rows, "observer_id")[0] == "o1"


def test_nothing_hangs_on_what_is_only_completed() -> None:
    before = everything("c1,C,,,active\n", "s1,c1,S,active\n", "", "c1,,u1,,active\n")
    now = everything("c1,C,,,completed\n", "s1,c1,S,active\n", "", "c1,,u1,,active\n")
    assert compare(before, now).dependants == {"section": 0, "enrollment": 0}


def test_nothing_is_told_by_term_or_account_where_courses_name_none() -> None:
    courses = "course_id,short_name\nc1,C\n"
    changes = compare(spring(courses=courses), spring(losing(0), courses))
    assert {group.by for group in changes.concentrated} == {"course"}


def test_a_section_is_in_the_course_that_it_was_in_before() -> None:
    files = [
        delivery(c=SPRING, s=f"{SECTIONS}s1,{course},S,active\n", e=f"section_id,user_id,status\n{row}")
        for course, row in (("c1", "s1,u1,active\n"), ("c3", ""))
    ]
    assert {group.name for group in compare(*files).groups} == {"S31"}
