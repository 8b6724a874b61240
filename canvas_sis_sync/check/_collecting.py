"""What a block adds to what is known, and the keys by which its rows are held against others (CSV 8, 10; DIFF 4)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from canvas_sis_sync.check._ids import DEFINES
from canvas_sis_sync.check._keys import Keys
from canvas_sis_sync.check._known import FileResult
from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.sis_csv.formats import Kind

RENAMED = frozenset({"account", "term", "course", "section", "group", "group_category", "user"})
"""Families whose ids can be changed; the type of such a row is the family's name."""
ROWS = "rows"
"""What rows of one object are compared as."""


Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Claim:
    """Columns that only one object may hold, and the columns that tell objects apart."""

    #: What is compared: rows of kinds with the same name are held against each other.
    name: str
    kind: str
    columns: tuple[str, ...]
    owner: tuple[str, ...]
    rule: str
    any_case: bool = False
    #: False where what a row that deletes holds is free for others.
    deleted_owns: bool = True
    #: False where a row that deletes may hold what belongs to another.
    deleted_claims: bool = True


CLAIMS = (
    Claim("change", "change_sis_id", ("new_id", "type"), ("old_id", "old_integration_id"), "change-new-id-taken"),
    Claim(
        "change_integration",
        "change_sis_id",
        ("new_integration_id", "type"),
        ("old_id", "old_integration_id"),
        "change-new-integration-id-taken",
    ),
    Claim("account", "account", ("integration_id",), ("account_id",), "account-integration-id-duplicate"),
    Claim("term", "term", ("integration_id",), ("term_id",), "term-integration-id-duplicate"),
    Claim("course", "course", ("integration_id",), ("course_id",), "course-integration-id-taken"),
    Claim("section", "section", ("integration_id",), ("section_id",), "section-integration-id-taken"),
    Claim(
        "course_of_section",
        "section",
        ("section_id",),
        ("course_id",),
        "section-moves",
        deleted_owns=False,
        deleted_claims=False,
    ),
    Claim("user", "user", ("integration_id",), ("user_id",), "user-integration-id-claimed", deleted_claims=False),
    Claim("user", "login", ("integration_id",), ("user_id",), "login-integration-id-claimed"),
    Claim(
        "login",
        "user",
        ("login_id", "authentication_provider_id"),
        ("user_id",),
        "user-login-id-claimed",
        any_case=True,
        deleted_owns=False,
    ),
    Claim(
        "login",
        "login",
        ("login_id", "authentication_provider_id"),
        ("user_id",),
        "login-already-exists",
        any_case=True,
    ),
    Claim(
        "name",
        "group_category",
        ("category_name", "account_id", "course_id"),
        ("group_category_id",),
        "group-category-name-taken",
        deleted_owns=False,
    ),
)


def key_columns(kind: Kind, options: CheckOptions) -> tuple[str, ...]:
    """Give the columns that tell the objects of a kind apart: when diffing those of the diff key (DIFF 4)."""
    objects = {
        "change_sis_id": ("type", *kind.key),
        "term": ("term_id", "date_override_enrollment_type"),
        "abstract_course": ("abstract_course_id",),
        "admin": (*kind.key, "role", "role_id"),
        "group_category": ("group_category_id",),
        "grade_publishing_results": ("enrollment_id",),
    }
    undiffable = not kind.key or kind.name == "group_category"
    return kind.key if options.diffing and not undiffable else objects.get(kind.name, kind.key)


def collect(rows: Rows, idle: set[int], refused: set[int], result: FileResult) -> None:
    """Take over what the rows of a block define and claim; `idle` rows have no effect, `refused` ones among them.

    A row that is ignored on request defines what it names: it is about an object that stays.
    """
    deleting = _deleting(rows)
    _collect_ids(rows, refused, deleting, result)
    _collect_keys(rows, idle, deleting, result)
    match rows.kind.name:
        case "change_sis_id":
            _collect_changes(rows, refused, result)
        case "section":
            pairs = zip(rows.hashes("section_id"), rows.hashes("course_id"), strict=True)
            result.known.course_of.update(_kept(pairs, refused | deleting))
        case "xlist":
            shown = enumerate(zip(rows.hashes("section_id"), rows.hashes("xlist_course_id"), strict=True))
            places = [(section, 0 if place in deleting else course) for place, (section, course) in shown]
            result.known.shown_in.update(_kept(places, refused))
        case "account":
            _collect_links(rows, idle, deleting, ("account_id", "parent_account_id"), result)
        case "term":
            _collect_links(rows, idle, deleting, ("term_id", "date_override_enrollment_type"), result)
        case "course" if rows.has("blueprint_course_id"):
            _collect_links(rows, idle, deleting, ("course_id", "blueprint_course_id"), result)


def _deleting(rows: Rows) -> set[int]:
    """Give the places of rows that delete what they are about."""
    if rows.options.skip_deletes:
        return set()
    match rows.kind.name:
        case "user":
            words = {word for word in rows.distinct("status") if word.lower() == "deleted"}
        case "group" | "differentiation_tag":
            words = {"deleted"}
        case _:
            words = {word for word in rows.distinct("status") if word.lower().startswith("deleted")}
    return set(rows.places("status", words))


def _kept(values: Iterable[Value], without: Collection[int]) -> Iterable[Value]:
    return values if not without else [value for place, value in enumerate(values) if place not in without]


def _hashes(rows: Rows, columns: Sequence[str], *, any_case: bool = False) -> Iterable[int]:
    """Hash some columns of each row together."""
    values = [rows.column(name) for name in columns]
    if any_case:
        values[0] = list(map(str.lower, values[0]))
    return map(hash, zip(*values, strict=True))


def _collect_ids(rows: Rows, refused: set[int], deleting: set[int], result: FileResult) -> None:
    for family, column in DEFINES.get(rows.kind.name, ()):
        if rows.has(column):
            keys = rows.hashes(column)
            ids = result.known.ids[family]
            ids.active.update(_kept(keys, refused | deleting))
            ids.deleted.update(keys[place] for place in deleting - refused)


def _collect_keys(rows: Rows, idle: set[int], deleting: set[int], result: FileResult) -> None:
    columns = key_columns(rows.kind, rows.options)
    others = [name for name in rows.kind.columns if name not in columns]
    keys = _keys_of(ROWS, rows, result)
    keys.extend(_hashes(rows, columns), _hashes(rows, others), idle)
    marks = bytearray(rows.size)
    for place in deleting:
        marks[place] = 1
    keys.deletes += marks
    for claim in CLAIMS:
        if claim.kind == rows.kind.name and rows.has(claim.columns[0]):
            without = {*idle, *rows.blank(claim.columns[0]), *(() if claim.deleted_owns else deleting)}
            claimed = _hashes(rows, claim.columns, any_case=claim.any_case)
            keys = _keys_of(claim.name, rows, result)
            keys.extend(claimed, _hashes(rows, claim.owner), without)
            keys.deletes += marks


def _keys_of(name: str, rows: Rows, result: FileResult) -> Keys:
    found = result.keys.get(name)
    if found is None:
        found = result.keys[name] = Keys(result.file.name, rows.kind.name)
    return found


def _collect_changes(rows: Rows, refused: set[int], result: FileResult) -> None:
    """Note which ids are changed into which."""
    columns = ("type", "old_id", "new_id", "new_integration_id")
    for place, row in enumerate(zip(*map(rows.column, columns), strict=True)):
        kind, old, new, integration = row
        family = kind.lower()
        if family not in RENAMED or place in refused:
            continue
        if old and new and old != new:
            result.known.renamed[family].add(hash(old))
        result.known.ids[family].active.add(hash(new))
        if family == "user":
            result.known.ids["user_integration"].active.add(hash(integration))


def _collect_links(rows: Rows, idle: set[int], deleting: set[int], names: tuple[str, str], result: FileResult) -> None:
    own, other = map(rows.hashes, names)
    for place, (mine, theirs) in enumerate(zip(own, other, strict=True)):
        if place not in idle:
            result.links.append((rows.first_row + place, mine, theirs, place in deleting))
