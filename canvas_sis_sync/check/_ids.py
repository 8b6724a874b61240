"""Which ids a delivery defines, and which columns define and mention them (CSV 10).

Owns the tables of definitions, references and claims, and the sets of hashes that answer for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.sis_csv.kinds import KINDS


@dataclass(slots=True)
class Ids:
    """The ids of one family that a delivery defines, as hashes."""

    #: Those of rows that do not delete. A blank names nothing, so it is never undefined.
    active: set[int] = field(default_factory=lambda: {0})
    #: Those of rows that delete.
    deleted: set[int] = field(default_factory=set)

    def join(self, other: Ids) -> None:
        """Take over the ids of another file."""
        if len(self.active) == 1:
            self.active = other.active
        else:
            self.active |= other.active
        self.deleted |= other.deleted

    def has(self, key: int) -> bool:
        """Return whether the id is defined, be it by a row that deletes."""
        return key in self.active or key in self.deleted


DEFINES = {
    "account": (("account", "account_id"),),
    "term": (("term", "term_id"),),
    "abstract_course": (("abstract_course", "abstract_course_id"),),
    "course": (("course", "course_id"),),
    "section": (("section", "section_id"),),
    "xlist": (("course", "xlist_course_id"),),
    "user": (("user", "user_id"), ("user_integration", "integration_id")),
    "login": (("user", "user_id"), ("user_integration", "integration_id")),
    "group_category": (("group_category", "group_category_id"),),
    "group": (("group", "group_id"),),
    "differentiation_tag_set": (("tag_set", "tag_set_id"),),
    "differentiation_tag": (("tag", "tag_id"),),
    "institutional_tag_category": (("tag_category", "category_id"),),
    "institutional_tag": (("institutional_tag", "institutional_tag_id"),),
}
"""Family and column of the ids that the rows of a kind define."""

ONLY_ADD = frozenset({"xlist", "login"})
"""Kinds that define ids beside the main kind of the family: without that kind nothing can be said."""


def families_of(kinds: Iterable[str]) -> frozenset[str]:
    """Return the families whose ids a set of files with these kinds should define."""
    return frozenset(family for kind in set(kinds) - ONLY_ADD for family, _ in DEFINES.get(kind, ()))


@dataclass(frozen=True, slots=True)
class Reference:
    """A column that mentions ids of a family."""

    column: str
    family: str
    #: The rule about an id that is not defined.
    rule: str
    #: True when an id that the delivery deletes will not do.
    active_only: bool = False
    #: Says whether the cell of a row counts, None when all do.
    counts: Callable[[Rows, int], bool] | None = None


def _no_fallback(rows: Rows, place: int) -> bool:
    return not rows.column("fallback_account_id")[place]


def _links(rows: Rows, place: int) -> bool:
    return rows.column("status")[place].lower() == "active"


def _by_user_id(rows: Rows, place: int) -> bool:
    return not rows.column("user_integration_id")[place]


def _observes(rows: Rows, place: int) -> bool:
    return is_observer(rows.column("role")[place])


def is_observer(role: str) -> bool:
    """Return whether a role is the built-in one of observers, by either of its names (CSV 10.10)."""
    return role.lower() == "observer" or role == "ObserverEnrollment"


REFERENCES = {
    "abstract_course": (Reference("term_id", "term", "abstract-term-silent"),),
    "course": (
        Reference("account_id", "account", "course-account-unknown", counts=_no_fallback),
        Reference("term_id", "term", "course-term-silent"),
        Reference("abstract_course_id", "abstract_course", "course-abstract-unknown"),
    ),
    "section": (Reference("course_id", "course", "section-course-unknown"),),
    "xlist": (
        Reference("section_id", "section", "xlist-section-unknown"),
        Reference("xlist_course_id", "course", "xlist-creates-course", counts=_links),
    ),
    "login": (
        Reference("existing_user_id", "user", "login-existing-not-found", active_only=True),
        Reference("existing_integration_id", "user_integration", "login-existing-not-found", active_only=True),
    ),
    "enrollment": (
        Reference("user_integration_id", "user_integration", "enrollment-user-unknown"),
        Reference("user_id", "user", "enrollment-user-unknown", counts=_by_user_id),
        Reference("section_id", "section", "enrollment-section-unknown"),
        Reference("course_id", "course", "enrollment-course-unknown"),
        Reference("associated_user_id", "user", "enrollment-associated-user-unknown", counts=_observes),
        Reference("temporary_enrollment_source_user_id", "user", "enrollment-temporary-source-unknown"),
    ),
    "admin": (
        Reference("account_id", "account", "admin-account-unknown", active_only=True),
        Reference("user_id", "user", "admin-user-unknown", active_only=True),
    ),
    "group_category": (
        Reference("account_id", "account", "group-category-account-unknown", active_only=True),
        Reference("course_id", "course", "group-category-course-unknown", active_only=True),
    ),
    "group": (
        Reference("account_id", "account", "group-account-unknown", active_only=True),
        Reference("course_id", "course", "group-course-unknown", active_only=True),
        Reference("group_category_id", "group_category", "group-category-unknown"),
    ),
    "group_membership": (
        Reference("user_id", "user", "membership-user-unknown"),
        Reference("group_id", "group", "membership-group-unknown"),
    ),
    "user_observer": (
        Reference("observer_id", "user", "observer-unknown", active_only=True),
        Reference("student_id", "user", "observer-student-unknown", active_only=True),
    ),
    "differentiation_tag_set": (Reference("course_id", "course", "tag-set-course-unknown", active_only=True),),
    "differentiation_tag": (
        Reference("course_id", "course", "tag-course-unknown", active_only=True),
        Reference("tag_set_id", "tag_set", "tag-set-unknown"),
    ),
    "differentiation_tag_membership": (
        Reference("user_id", "user", "tag-member-user-unknown"),
        Reference("tag_id", "tag", "tag-member-tag-unknown"),
    ),
    "institutional_tag": (Reference("category_id", "tag_category", "inst-tag-category-unknown"),),
    "institutional_tag_association": (
        Reference("user_id", "user", "inst-association-user-unknown"),
        Reference("institutional_tag_id", "institutional_tag", "inst-association-tag-unknown"),
    ),
}
"""What the rows of a kind mention and Canvas must know, in the order in which Canvas looks. A course's blueprint and an
account's parent are of the same kind, so `_ancestry` looks at them once the kind has been read."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Columns whose values only one object may hold."""

    #: The rule about a second object that holds them.
    rule: str
    kind: str
    columns: tuple[str, ...] = ("integration_id",)
    #: What the rows are about, where that is not their kind.
    about: str = ""
    #: The columns that identify the objects, where these are not those of the kind's diff key.
    apart: tuple[str, ...] = ()
    any_case: bool = False
    #: False where what a row that deletes holds is free for others.
    deleted_owns: bool = True
    #: False where a row that deletes may hold what belongs to another.
    deleted_claims: bool = True

    @property
    def name(self) -> str:
        """What is compared: claims with the same name are held against each other, across kinds too."""
        return f"{self.columns[0]} of {self.about or self.kind}"

    @property
    def owner(self) -> tuple[str, ...]:
        """The columns that identify the objects."""
        return self.apart or KINDS[self.kind].key


_LOGIN = ("login_id", "authentication_provider_id")
_NAME = ("category_name", "account_id", "course_id")
CLAIMS = (
    Claim("change-new-id-taken", "change_sis_id", ("new_id", "type")),
    Claim("change-new-integration-id-taken", "change_sis_id", ("new_integration_id", "type")),
    Claim("account-integration-id-duplicate", "account"),
    Claim("term-integration-id-duplicate", "term"),
    Claim("course-integration-id-taken", "course"),
    Claim("section-integration-id-taken", "section"),
    Claim("section-moves", "section", ("section_id",), apart=("course_id",), deleted_owns=False, deleted_claims=False),
    Claim("user-integration-id-claimed", "user", deleted_claims=False),
    Claim("login-integration-id-claimed", "login", about="user"),
    Claim("user-login-id-claimed", "user", _LOGIN, any_case=True, deleted_owns=False),
    Claim("login-already-exists", "login", _LOGIN, about="user", any_case=True),
    Claim("group-category-name-taken", "group_category", _NAME, apart=("group_category_id",), deleted_owns=False),
)
