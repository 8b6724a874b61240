"""What rows mention, held against what is known: ids that are not defined, deleted, or changed beforehand (CSV 10).

What rows mention of their own kind is judged once all files of the kind have been read: an account's parent, a term's
override, a course's blueprint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from canvas_sis_sync.check._ids import DEFINES, REFERENCES, Reference
from canvas_sis_sync.check._results import FileResult, SetKnowledge
from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.check._rule import Hit

RuleHits = tuple[str, list[Hit]]
Fault = tuple[FileResult, str, int, str]
"""The file's result, the rule, the row and the column."""
DISSOCIATE = hash("dissociate")


@dataclass(frozen=True, slots=True)
class Mentions:
    """What a block mentions wrongly."""

    #: Rule and places, in the order in which Canvas looks.
    hits: list[RuleHits]
    #: Rule and column of what is said once of the file, such as that the set cannot define what is mentioned.
    once: list[tuple[str, str]]


def look_up(rows: Rows, known: SetKnowledge) -> Mentions:
    """Hold the ids that a block mentions against those known.

    Where the set has no file of the kind that defines them it is only noted that nothing can be said, unless the set
    is meant to be complete.
    """
    hits: list[RuleHits] = []
    once = []
    for reference in REFERENCES.get(rows.kind.name, ()):
        if not rows.has(reference.column):
            continue
        if reference.family in known.families or rows.options.complete:
            if places := _undefined(rows, reference, known):
                hits.append((reference.rule, [(place, reference.column) for place in places]))
        elif len(rows.blank(reference.column)) < rows.size:
            once.append((reference.rule, reference.column))
    if rows.kind.name == "enrollment":
        once += _deleted_with_their_users(rows, known)
        hits = [*_without_context(rows, dict(hits), known), *_of_enrollments(rows, known)]
    if rows.kind.name == "login":
        hits += _existing_logins(rows, known)
    if rows.kind.name == "course":
        hits += _deleted_accounts(rows, known)
    return Mentions([*hits, *_renamed(rows, known)], once)


def _undefined(rows: Rows, reference: Reference, known: SetKnowledge) -> list[int]:
    """Return the places at which a column names nothing that is defined."""
    ids = known.ids[reference.family]
    keys = rows.hashes(reference.column)
    if ids.active.issuperset(keys):
        return []
    missing = set(keys) - ids.active
    if not reference.active_only:
        missing -= ids.deleted
    places = [place for place, key in enumerate(keys) if key in missing]
    return [place for place in places if not reference.counts or reference.counts(rows, place)]


def _without_context(rows: Rows, hits: dict[str, list[Hit]], known: SetKnowledge) -> Iterator[RuleHits]:
    """Separate the rows without any known course or section from those that lack one of the two.

    Canvas looks for the user, then for any context, then for the section, then for the course (CSV 10.10).
    """
    sections = {place for place, _ in hits.pop("enrollment-section-unknown", ())}
    courses = {place for place, _ in hits.pop("enrollment-course-unknown", ())}
    section_ids, course_ids = rows.column("section_id"), rows.column("course_id")
    neither = {place for place in sections if place in courses or not course_ids[place]}
    neither |= {place for place in courses if not section_ids[place]}
    yield "enrollment-user-unknown", hits.pop("enrollment-user-unknown", [])
    if {"section", "course"} <= known.families or rows.options.complete:
        yield "enrollment-course-and-section-unknown", [(place, "course_id") for place in sorted(neither)]
        sections -= neither
        courses -= neither
    yield "enrollment-section-unknown", [(place, "section_id") for place in sorted(sections)]
    yield "enrollment-course-unknown", [(place, "course_id") for place in sorted(courses - sections)]
    yield from hits.items()


def _of_enrollments(rows: Rows, known: SetKnowledge) -> Iterator[RuleHits]:
    """Find sections of other courses, and users, courses and sections that the delivery deletes."""
    yield "enrollment-section-not-in-course", [(place, "course_id") for place in _in_other_courses(rows, known)]
    active = {status for status in rows.distinct("status") if not status.lower().startswith("deleted")}
    for rule, column, family in (
        ("enrollment-deleted-user", "user_id", "user"),
        ("enrollment-deleted-user", "user_integration_id", "user_integration"),
        ("enrollment-validation", "course_id", "course"),
        ("enrollment-validation", "section_id", "section"),
    ):
        ids = known.ids[family]
        if ids.deleted and rows.has(column):
            gone = {value for value in rows.distinct(column) if hash(value) in ids.deleted - ids.active}
            statuses = rows.column("status")
            yield rule, [(place, column) for place in rows.places(column, gone) if statuses[place] in active]


def _deleted_with_their_users(rows: Rows, known: SetKnowledge) -> list[tuple[str, str]]:
    """Return whether a row deletes an enrollment of a user whom the delivery deletes."""
    ids = known.ids["user"]
    gone = ids.deleted - ids.active
    if gone and any(status.lower().startswith("deleted") for status in rows.distinct("status")):
        pairs = zip(rows.hashes("user_id"), rows.column("status"), strict=True)
        if any(user in gone and status.lower().startswith("deleted") for user, status in pairs):
            return [("enrollment-both-deleted", "")]
    return []


def _in_other_courses(rows: Rows, known: SetKnowledge) -> Iterator[int]:
    """Yield the places at which section and course are known, and the section is in another course at the end."""
    if not (rows.has("section_id") and rows.has("course_id") and known.course_of):
        return
    sections, courses = rows.hashes("section_id"), rows.hashes("course_id")
    found = list(map(known.course_of.get, sections))
    if found == courses:
        return
    for place, (section, own, course) in enumerate(zip(sections, found, courses, strict=True)):
        if not course or own is None or course in {own, known.shown_in.get(section)}:
            continue
        if known.ids["course"].has(course):
            yield place


def _deleted_accounts(rows: Rows, known: SetKnowledge) -> Iterator[RuleHits]:
    """Find courses of accounts that the delivery deletes."""
    ids = known.ids["account"]
    gone = ids.deleted - ids.active
    if gone and rows.has("account_id"):
        places = [place for place, key in enumerate(rows.hashes("account_id")) if key in gone]
        yield "course-account-deleted", [(place, "account_id") for place in places]


def _existing_logins(rows: Rows, known: SetKnowledge) -> Iterator[RuleHits]:
    """Find logins whose id a users file of the set defines."""
    ids = known.ids["user"]
    places = [place for place, user in enumerate(rows.hashes("user_id")) if user and ids.has(user)]
    yield "login-already-exists", [(place, "user_id") for place in places]


def _renamed(rows: Rows, known: SetKnowledge) -> Iterator[RuleHits]:
    """Find ids that are changed before this file is read."""
    if not known.renamed or rows.kind.name == "change_sis_id":
        return
    for family, column in _columns_of(rows.kind.name):
        if (old := known.renamed.get(family)) and rows.has(column):
            wrong = {value for value in rows.distinct(column) if hash(value) in old}
            yield "change-runs-first", [(place, column) for place in rows.places(column, wrong)]


def _columns_of(kind: str) -> Iterable[tuple[str, str]]:
    defined = DEFINES.get(kind, ())
    mentioned = tuple((each.family, each.column) for each in REFERENCES.get(kind, ()))
    parents = (("account", "parent_account_id"),) if kind == "account" else ()
    return dict.fromkeys((*defined, *mentioned, *parents))


def faults_within_kind(kind: str, results: Sequence[FileResult], known: SetKnowledge) -> Iterator[Fault]:
    """Judge the links of all files of a kind, in the order of reading, once they have all been read."""
    match kind:
        case "account":
            yield from _faults_of_accounts(results, known)
        case "term":
            yield from _faults_of_terms(results)
        case "course":
            yield from _faults_of_blueprints(results, known)


def _faults_of_accounts(results: Sequence[FileResult], known: SetKnowledge) -> Iterator[Fault]:
    """Find parents that no earlier row defines, and accounts that become their own ancestors."""
    read = {0}
    renamed_to = known.ids["account"].active - {key for each in results for _, key, *_ in each.links}
    parents: dict[int, int] = {}
    gone: set[int] = set()
    for result in results:
        for row, account, parent, deletes in result.links:
            if parent in gone:
                yield result, "account-parent-deleted", row, "parent_account_id"
            (gone.add if deletes else gone.discard)(account)
            if _is_above(account, parent, parents):
                yield result, "account-parent-loop", row, "parent_account_id"
            else:
                if parent not in read and parent not in renamed_to:
                    yield result, "account-parent-unknown", row, "parent_account_id"
                parents[account] = parent
            read.add(account)


def _is_above(account: int, parent: int, parents: dict[int, int]) -> bool:
    """Return whether an account is its new parent, or an ancestor of it. The known parents hold no loop."""
    while parent and parent != account:
        parent = parents.get(parent, 0)
    return parent == account


def _faults_of_terms(results: Sequence[FileResult]) -> Iterator[Fault]:
    """Find date overrides of terms that no earlier row defines."""
    read = set()
    for result in results:
        for row, term, override, _ in result.links:
            if not override:
                read.add(term)
            elif term not in read:
                yield result, "term-override-on-new-term", row, "term_id"


def _faults_of_blueprints(results: Sequence[FileResult], known: SetKnowledge) -> Iterator[Fault]:
    """Find blueprints that no row defines: Canvas links courses when all have been read."""
    for result in results:
        for row, _, blueprint, _ in result.links:
            if blueprint != DISSOCIATE and not known.ids["course"].has(blueprint):
                yield result, "course-blueprint-unknown", row, "blueprint_course_id"
