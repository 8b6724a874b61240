"""Canvas's 22 kinds of SIS file, one record each, in the order in which Canvas tries and imports them (CSV 2, 3, 10).

Owns the table and recognition by it. A kind reads: name, columns, plural and customary file if unusual, recognition
rule, diff key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from canvas_sis_sync.sis_csv.formats import TRIMMED, Column, Kind, Strictness, ValueType

DATE, BOOLEAN, INTEGER = ValueType.DATE, ValueType.BOOLEAN, ValueType.INTEGER


def _kind(
    name: str,
    *columns: Column | str,
    plural: str = "",
    file_hint: str = "",
    all_of: tuple[str, ...] = (),
    any_of: tuple[tuple[str, ...], ...] = (),
    none_of: tuple[str, ...] = (),
    key: tuple[str, ...] = (),
) -> Kind:
    """Describe a kind; a column that is only named holds text, and may be blank."""
    plural = plural or f"{name}s"
    described = [Column(column) if isinstance(column, str) else column for column in columns]
    by_name = MappingProxyType({column.name: column for column in described})
    return Kind(name, plural, file_hint or f"{plural}.csv", by_name, all_of, any_of, none_of, key)


def _required(name: str, *, any_case: bool = False) -> Column:
    return Column(name, required=True, any_case=any_case)


def _enum(name: str, words: str, strictness: Strictness, **marks: bool) -> Column:
    any_case = marks.pop("any_case", True)
    return Column(name, ValueType.ENUM, allowed=tuple(words.split()), strictness=strictness, any_case=any_case, **marks)


def _whole(name: str, words: str, **marks: bool) -> Column:
    return _enum(name, words, Strictness.WHOLE, **marks)


def _begins(name: str, words: str, **marks: bool) -> Column:
    return _enum(name, words, Strictness.PREFIX, **marks)


STATUS = _begins("status", "active deleted", required=True)
STATUS_WHOLE = _whole("status", "active deleted", required=True)
STATUS_OF_MEMBERSHIP = _begins("status", "accepted deleted", required=True)
STATUS_OF_GROUP = _enum("status", "available closed completed deleted", Strictness.PREFIX_EXACT_DELETED, required=True)
EXISTING = ("existing_user_id", "existing_integration_id", "existing_canvas_user_id")
ENROLLMENT_KEY = (
    *("course_id", "section_id", "user_id", "user_integration_id", "role", "role_id"),
    *("associated_user_id", "temporary_enrollment_source_user_id"),
)

_TABLE = (
    _kind(
        "change_sis_id",
        "old_id",
        "new_id",
        "old_integration_id",
        "new_integration_id",
        _whole("type", "account term course section group group_category user", required=True),
        file_hint="change_sis_id.csv",
        any_of=(("old_id", "old_integration_id"),),
        key=("old_id", "old_integration_id"),
    ),
    _kind(
        "account",
        _required("account_id"),
        "parent_account_id",
        "name",
        _begins("status", "active deleted"),
        "integration_id",
        all_of=("account_id", "parent_account_id"),
        key=("account_id",),
    ),
    _kind(
        "term",
        _required("term_id"),
        "name",
        STATUS,
        "integration_id",
        _whole(
            "date_override_enrollment_type",
            "StudentEnrollment TeacherEnrollment TaEnrollment DesignerEnrollment",
            any_case=False,
        ),
        Column("start_date", DATE),
        Column("end_date", DATE),
        all_of=("term_id", "name"),
        key=("term_id",),
    ),
    _kind(
        "abstract_course",
        _required("abstract_course_id"),
        _required("short_name"),
        _required("long_name"),
        "account_id",
        "fallback_account_id",
        "term_id",
        STATUS,
        all_of=("abstract_course_id", "short_name"),
        none_of=("course_id",),
    ),
    _kind(
        "course",
        _required("course_id"),
        "short_name",
        "long_name",
        "account_id",
        "fallback_account_id",
        "term_id",
        _begins("status", "active deleted completed unpublished published", required=True),
        "integration_id",
        Column("start_date", DATE),
        Column("end_date", DATE),
        _begins("course_format", "online on_campus blended not_set"),
        "blueprint_course_id",
        _whole("grade_passback_setting", "nightly_sync disabled not_set"),
        Column("homeroom_course", BOOLEAN),
        "friendly_name",
        "abstract_course_id",
        all_of=("course_id", "short_name"),
        key=("course_id",),
    ),
    _kind(
        "section",
        _required("section_id"),
        _required("course_id"),
        "name",
        STATUS,
        "integration_id",
        Column("start_date", DATE),
        Column("end_date", DATE),
        all_of=("section_id", "name"),
        key=("section_id",),
    ),
    _kind(
        "xlist",
        _required("xlist_course_id"),
        _required("section_id"),
        STATUS_WHOLE,
        all_of=("xlist_course_id", "section_id"),
        key=("section_id",),
    ),
    _kind(
        "user",
        _required("user_id"),
        "integration_id",
        _required("login_id", any_case=True),
        "password",
        "ssha_password",
        "authentication_provider_id",
        "first_name",
        "last_name",
        "full_name",
        "sortable_name",
        "short_name",
        "email",
        "pronouns",
        _whole(
            "declared_user_type",
            "administrative observer staff student student_other teacher <delete>",
            any_case=False,
        ),
        Column("canvas_password_notification", BOOLEAN),
        Column("home_account", BOOLEAN),
        _begins("status", "active suspended deleted", required=True),
        all_of=("user_id", "login_id"),
        none_of=EXISTING,
        key=("user_id",),
    ),
    _kind(
        "login",
        _required("user_id"),
        "integration_id",
        _required("login_id", any_case=True),
        "password",
        "ssha_password",
        "authentication_provider_id",
        "existing_user_id",
        "existing_integration_id",
        Column("existing_canvas_user_id", INTEGER),
        "root_account",
        "email",
        any_of=(EXISTING,),
        key=("user_id",),
    ),
    _kind(
        "enrollment",
        "course_id",
        "section_id",
        "user_id",
        "user_integration_id",
        "role",
        Column("role_id", INTEGER),
        _begins("status", "active completed inactive deleted deleted_last_completed", required=True),
        Column("start_date", DATE),
        Column("end_date", DATE),
        "associated_user_id",
        Column("limit_section_privileges", BOOLEAN),
        Column("notify", BOOLEAN),
        "root_account",
        "temporary_enrollment_source_user_id",
        any_of=(("section_id", "course_id"), ("user_id", "user_integration_id")),
        key=ENROLLMENT_KEY,
    ),
    _kind(
        "admin",
        _required("user_id"),
        "account_id",
        Column("role_id", INTEGER),
        "role",
        STATUS_WHOLE,
        "root_account",
        all_of=("account_id", "user_id"),
        key=("user_id", "account_id"),
    ),
    _kind(
        "group_category",
        _required("group_category_id"),
        "account_id",
        "course_id",
        _required("category_name"),
        STATUS,
        plural="group_categories",
        all_of=("group_category_id", "category_name"),
        key=("group_id",),  # which it does not have: it is never diffed (DIFF 7)
    ),
    _kind(
        "differentiation_tag_set",
        _required("tag_set_id"),
        _required("course_id"),
        _required("set_name"),
        STATUS,
        all_of=("tag_set_id", "set_name"),
        key=("tag_set_id",),
    ),
    _kind(
        "group",
        _required("group_id"),
        "group_category_id",
        "account_id",
        "course_id",
        _required("name"),
        STATUS_OF_GROUP,
        all_of=("group_id", "name"),
        key=("group_id",),
    ),
    _kind(
        "differentiation_tag",
        _required("tag_id"),
        "tag_set_id",
        "course_id",
        _required("name"),
        STATUS_OF_GROUP,
        all_of=("tag_id", "name"),
        key=("tag_id",),
    ),
    _kind(
        "group_membership",
        _required("group_id"),
        _required("user_id"),
        STATUS_OF_MEMBERSHIP,
        file_hint="groups_membership.csv",
        all_of=("group_id", "user_id"),
        key=("group_id", "user_id"),
    ),
    _kind(
        "differentiation_tag_membership",
        _required("tag_id"),
        _required("user_id"),
        STATUS_OF_MEMBERSHIP,
        file_hint="differentiation_tag_membership.csv",
        all_of=("tag_id", "user_id"),
        key=("tag_id", "user_id"),
    ),
    _kind(
        "institutional_tag_category",
        _required("category_id"),
        _required("name"),
        "description",
        STATUS,
        plural="institutional_tag_categories",
        all_of=("category_id", "name"),
        none_of=("tag_id", "institutional_tag_id"),
        key=("category_id",),
    ),
    _kind(
        "institutional_tag",
        _required("institutional_tag_id"),
        _required("category_id"),
        _required("name"),
        _required("description"),
        STATUS,
        all_of=("institutional_tag_id", "category_id", "name"),
        key=("institutional_tag_id",),
    ),
    _kind(
        "institutional_tag_association",
        _required("institutional_tag_id"),
        _required("user_id"),
        STATUS,
        all_of=("institutional_tag_id", "user_id"),
        key=("institutional_tag_id", "user_id"),
    ),
    _kind(
        "grade_publishing_results",
        Column("enrollment_id", INTEGER, required=True),
        _whole("grade_publishing_status", "published error", required=True),
        "message",
        plural="grade_publishing_results",
        all_of=("enrollment_id", "grade_publishing_status"),
    ),
    _kind(
        "user_observer",
        _required("observer_id"),
        _required("student_id"),
        STATUS_WHOLE,
        all_of=("observer_id", "student_id"),
        key=("observer_id", "student_id"),
    ),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _TABLE})
"""All kinds by name, in import order; that of the last twelve is of 2026 and not confirmed (changes since 2022)."""


def recognize(header: Iterable[str]) -> Kind | None:
    """Find the kind of a file by its header cells, None when no rule fits (CSV 3).

    Cells are trimmed and lower-cased here; the first kind whose rule fits wins.
    """
    names = {cell.strip(TRIMMED).lower() for cell in header}
    return next((kind for kind in KINDS.values() if kind.fits(names)), None)


BATCH_MODE_KINDS = ("course", "section", "enrollment")
"""Kinds that batch mode deletes when they are missing."""
OWNERS = {"section": ("course",), "enrollment": ("course", "section", "user")}
"""Kinds whose objects Canvas deletes with others, and which those are."""
