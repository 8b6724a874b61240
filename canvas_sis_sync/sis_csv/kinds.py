"""Canvas's 22 kinds of SIS file, one record each, in the order in which Canvas tries and imports them (CSV 2, 3, 10).

Owns the table and recognition by it. A kind reads: name, plural, customary file, columns, recognition rule, diff key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from canvas_sis_sync.sis_csv.formats import TRIMMED, Column, Kind, Strictness, ValueType

DATE, BOOLEAN, INTEGER = ValueType.DATE, ValueType.BOOLEAN, ValueType.INTEGER


def _columns(*columns: Column) -> Mapping[str, Column]:
    return MappingProxyType({column.name: column for column in columns})


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
    Kind(
        "change_sis_id",
        "change_sis_ids",
        "change_sis_id.csv",
        _columns(
            Column("old_id"),
            Column("new_id"),
            Column("old_integration_id"),
            Column("new_integration_id"),
            _whole("type", "account term course section group group_category user", required=True),
        ),
        any_of=(("old_id", "old_integration_id"),),
        key=("old_id", "old_integration_id"),
    ),
    Kind(
        "account",
        "accounts",
        "accounts.csv",
        _columns(
            Column("account_id", required=True),
            Column("parent_account_id"),
            Column("name"),
            _begins("status", "active deleted"),
            Column("integration_id"),
        ),
        all_of=("account_id", "parent_account_id"),
        key=("account_id",),
    ),
    Kind(
        "term",
        "terms",
        "terms.csv",
        _columns(
            Column("term_id", required=True),
            Column("name"),
            STATUS,
            Column("integration_id"),
            _whole(
                "date_override_enrollment_type",
                "StudentEnrollment TeacherEnrollment TaEnrollment DesignerEnrollment",
                any_case=False,
            ),
            Column("start_date", DATE),
            Column("end_date", DATE),
        ),
        all_of=("term_id", "name"),
        key=("term_id",),
    ),
    Kind(
        "abstract_course",
        "abstract_courses",
        "abstract_courses.csv",
        _columns(
            Column("abstract_course_id", required=True),
            Column("short_name", required=True),
            Column("long_name", required=True),
            Column("account_id"),
            Column("fallback_account_id"),
            Column("term_id"),
            STATUS,
        ),
        all_of=("abstract_course_id", "short_name"),
        none_of=("course_id",),
    ),
    Kind(
        "course",
        "courses",
        "courses.csv",
        _columns(
            Column("course_id", required=True),
            Column("short_name"),
            Column("long_name"),
            Column("account_id"),
            Column("fallback_account_id"),
            Column("term_id"),
            _begins("status", "active deleted completed unpublished published", required=True),
            Column("integration_id"),
            Column("start_date", DATE),
            Column("end_date", DATE),
            _begins("course_format", "online on_campus blended not_set"),
            Column("blueprint_course_id"),
            _whole("grade_passback_setting", "nightly_sync disabled not_set"),
            Column("homeroom_course", BOOLEAN),
            Column("friendly_name"),
            Column("abstract_course_id"),
        ),
        all_of=("course_id", "short_name"),
        key=("course_id",),
    ),
    Kind(
        "section",
        "sections",
        "sections.csv",
        _columns(
            Column("section_id", required=True),
            Column("course_id", required=True),
            Column("name"),
            STATUS,
            Column("integration_id"),
            Column("start_date", DATE),
            Column("end_date", DATE),
        ),
        all_of=("section_id", "name"),
        key=("section_id",),
    ),
    Kind(
        "xlist",
        "xlists",
        "xlists.csv",
        _columns(Column("xlist_course_id", required=True), Column("section_id", required=True), STATUS_WHOLE),
        all_of=("xlist_course_id", "section_id"),
        key=("section_id",),
    ),
    Kind(
        "user",
        "users",
        "users.csv",
        _columns(
            Column("user_id", required=True),
            Column("integration_id"),
            Column("login_id", required=True, any_case=True),
            Column("password"),
            Column("ssha_password"),
            Column("authentication_provider_id"),
            Column("first_name"),
            Column("last_name"),
            Column("full_name"),
            Column("sortable_name"),
            Column("short_name"),
            Column("email"),
            Column("pronouns"),
            _whole(
                "declared_user_type",
                "administrative observer staff student student_other teacher <delete>",
                any_case=False,
            ),
            Column("canvas_password_notification", BOOLEAN),
            Column("home_account", BOOLEAN),
            _begins("status", "active suspended deleted", required=True),
        ),
        all_of=("user_id", "login_id"),
        none_of=EXISTING,
        key=("user_id",),
    ),
    Kind(
        "login",
        "logins",
        "logins.csv",
        _columns(
            Column("user_id", required=True),
            Column("integration_id"),
            Column("login_id", required=True, any_case=True),
            Column("password"),
            Column("ssha_password"),
            Column("authentication_provider_id"),
            Column("existing_user_id"),
            Column("existing_integration_id"),
            Column("existing_canvas_user_id", INTEGER),
            Column("root_account"),
            Column("email"),
        ),
        any_of=(EXISTING,),
        key=("user_id",),
    ),
    Kind(
        "enrollment",
        "enrollments",
        "enrollments.csv",
        _columns(
            Column("course_id"),
            Column("section_id"),
            Column("user_id"),
            Column("user_integration_id"),
            Column("role"),
            Column("role_id", INTEGER),
            _begins("status", "active completed inactive deleted deleted_last_completed", required=True),
            Column("start_date", DATE),
            Column("end_date", DATE),
            Column("associated_user_id"),
            Column("limit_section_privileges", BOOLEAN),
            Column("notify", BOOLEAN),
            Column("root_account"),
            Column("temporary_enrollment_source_user_id"),
        ),
        any_of=(("section_id", "course_id"), ("user_id", "user_integration_id")),
        key=ENROLLMENT_KEY,
    ),
    Kind(
        "admin",
        "admins",
        "admins.csv",
        _columns(
            Column("user_id", required=True),
            Column("account_id"),
            Column("role_id", INTEGER),
            Column("role"),
            STATUS_WHOLE,
            Column("root_account"),
        ),
        all_of=("account_id", "user_id"),
        key=("user_id", "account_id"),
    ),
    Kind(
        "group_category",
        "group_categories",
        "group_categories.csv",
        _columns(
            Column("group_category_id", required=True),
            Column("account_id"),
            Column("course_id"),
            Column("category_name", required=True),
            STATUS,
        ),
        all_of=("group_category_id", "category_name"),
        key=("group_id",),  # which it does not have: it is never diffed (DIFF 7)
    ),
    Kind(
        "differentiation_tag_set",
        "differentiation_tag_sets",
        "differentiation_tag_sets.csv",
        _columns(
            Column("tag_set_id", required=True),
            Column("course_id", required=True),
            Column("set_name", required=True),
            STATUS,
        ),
        all_of=("tag_set_id", "set_name"),
        key=("tag_set_id",),
    ),
    Kind(
        "group",
        "groups",
        "groups.csv",
        _columns(
            Column("group_id", required=True),
            Column("group_category_id"),
            Column("account_id"),
            Column("course_id"),
            Column("name", required=True),
            STATUS_OF_GROUP,
        ),
        all_of=("group_id", "name"),
        key=("group_id",),
    ),
    Kind(
        "differentiation_tag",
        "differentiation_tags",
        "differentiation_tags.csv",
        _columns(
            Column("tag_id", required=True),
            Column("tag_set_id"),
            Column("course_id"),
            Column("name", required=True),
            STATUS_OF_GROUP,
        ),
        all_of=("tag_id", "name"),
        key=("tag_id",),
    ),
    Kind(
        "group_membership",
        "group_memberships",
        "groups_membership.csv",
        _columns(Column("group_id", required=True), Column("user_id", required=True), STATUS_OF_MEMBERSHIP),
        all_of=("group_id", "user_id"),
        key=("group_id", "user_id"),
    ),
    Kind(
        "differentiation_tag_membership",
        "differentiation_tag_memberships",
        "differentiation_tag_membership.csv",
        _columns(Column("tag_id", required=True), Column("user_id", required=True), STATUS_OF_MEMBERSHIP),
        all_of=("tag_id", "user_id"),
        key=("tag_id", "user_id"),
    ),
    Kind(
        "institutional_tag_category",
        "institutional_tag_categories",
        "institutional_tag_categories.csv",
        _columns(
            Column("category_id", required=True),
            Column("name", required=True),
            Column("description"),
            STATUS,
        ),
        all_of=("category_id", "name"),
        none_of=("tag_id", "institutional_tag_id"),
        key=("category_id",),
    ),
    Kind(
        "institutional_tag",
        "institutional_tags",
        "institutional_tags.csv",
        _columns(
            Column("institutional_tag_id", required=True),
            Column("category_id", required=True),
            Column("name", required=True),
            Column("description", required=True),
            STATUS,
        ),
        all_of=("institutional_tag_id", "category_id", "name"),
        key=("institutional_tag_id",),
    ),
    Kind(
        "institutional_tag_association",
        "institutional_tag_associations",
        "institutional_tag_associations.csv",
        _columns(Column("institutional_tag_id", required=True), Column("user_id", required=True), STATUS),
        all_of=("institutional_tag_id", "user_id"),
        key=("institutional_tag_id", "user_id"),
    ),
    Kind(
        "grade_publishing_results",
        "grade_publishing_results",
        "grade_publishing_results.csv",
        _columns(
            Column("enrollment_id", INTEGER, required=True),
            _whole("grade_publishing_status", "published error", required=True),
            Column("message"),
        ),
        all_of=("enrollment_id", "grade_publishing_status"),
    ),
    Kind(
        "user_observer",
        "user_observers",
        "user_observers.csv",
        _columns(Column("observer_id", required=True), Column("student_id", required=True), STATUS_WHOLE),
        all_of=("observer_id", "student_id"),
        key=("observer_id", "student_id"),
    ),
)

KINDS: Mapping[str, Kind] = MappingProxyType({kind.name: kind for kind in _TABLE})
"""All kinds by name, in import order; that of the last twelve is of 2026 and not confirmed (changes since 2022)."""


def recognise(header: Iterable[str]) -> Kind | None:
    """Find the kind of a file by its header cells, None when no rule fits (CSV 3).

    Cells are trimmed and lower-cased here; the first kind whose rule fits wins.
    """
    names = {cell.strip(TRIMMED).lower() for cell in header}
    return next((kind for kind in KINDS.values() if kind.fits(names)), None)


BATCH_MODE_KINDS = ("course", "section", "enrollment")
"""Kinds that batch mode deletes when they are missing."""
OWNERS = {"section": ("course",), "enrollment": ("course", "section", "user")}
"""Kinds whose objects Canvas deletes with others, and which those are."""
