"""What a block mentions, held against what is known: ids that are not defined, deleted, or changed beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from canvas_sis_sync.preflight.ids import DEFINES, REFERENCES, Reference
from canvas_sis_sync.preflight.known import Known
from canvas_sis_sync.preflight.rows import Rows
from canvas_sis_sync.preflight.rule import Hit

RuleHits = tuple[str, list[Hit]]


@dataclass(frozen=True, slots=True)
class Mentions:
    """What a block mentions wrongly."""

    #: Rule and places, in the order in which Canvas looks.
    hits: list[RuleHits]
    #: Rule and column where the set has no file that could define what is mentioned.
    unanswered: list[tuple[str, str]]


def look_up(rows: Rows, known: Known) -> Mentions:
    """Hold the ids that a block mentions against those known.

    Where the set has no file of the kind that defines them it is only noted that nothing can be said, unless the set
    is meant to be complete.
    """
    hits: list[RuleHits] = []
    unanswered = []
    for reference in REFERENCES.get(rows.kind.name, ()):
        if not rows.has(reference.column):
            continue
        if reference.family in known.families or rows.aim.complete:
            if places := _undefined(rows, reference, known):
                hits.append((reference.rule, [(place, reference.column) for place in places]))
        elif len(rows.blank(reference.column)) < rows.size:
            unanswered.append((reference.rule, reference.column))
    if rows.kind.name == "enrollment":
        hits = [*_without_context(rows, dict(hits), known), *_of_enrollments(rows, known)]
    if rows.kind.name == "login":
        hits += _existing_logins(rows, known)
    return Mentions([*hits, *_renamed(rows, known)], unanswered)


def _undefined(rows: Rows, reference: Reference, known: Known) -> list[int]:
    """Give the places at which a column names nothing that is defined."""
    ids = known.ids[reference.family]
    keys = rows.hashes(reference.column)
    if ids.active.issuperset(keys):
        return []
    missing = set(keys) - ids.active
    if not reference.active_only:
        missing -= ids.deleted
    places = [place for place, key in enumerate(keys) if key in missing]
    return [place for place in places if not reference.counts or reference.counts(rows, place)]


def _without_context(rows: Rows, hits: dict[str, list[Hit]], known: Known) -> Iterator[RuleHits]:
    """Tell rows that have neither a course nor a section that is known from those that lack one of them.

    Canvas looks for the user, then for any context, then for the section, then for the course (CSV 10.10).
    """
    sections = {place for place, _ in hits.pop("enrollment-section-unknown", ())}
    courses = {place for place, _ in hits.pop("enrollment-course-unknown", ())}
    section_ids, course_ids = rows.column("section_id"), rows.column("course_id")
    neither = {place for place in sections if place in courses or not course_ids[place]}
    neither |= {place for place in courses if not section_ids[place]}
    yield "enrollment-user-unknown", hits.pop("enrollment-user-unknown", [])
    if {"section", "course"} <= known.families or rows.aim.complete:
        yield "enrollment-course-and-section-unknown", [(place, "course_id") for place in sorted(neither)]
        sections -= neither
        courses -= neither
    yield "enrollment-section-unknown", [(place, "section_id") for place in sorted(sections)]
    yield "enrollment-course-unknown", [(place, "course_id") for place in sorted(courses - sections)]
    yield from hits.items()


def _of_enrollments(rows: Rows, known: Known) -> Iterator[RuleHits]:
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


def _in_other_courses(rows: Rows, known: Known) -> Iterator[int]:
    """Give the places at which section and course are known, and not as belonging together."""
    if not (rows.has("section_id") and rows.has("course_id") and known.sections_of_courses):
        return
    sections, courses = rows.column("section_id"), rows.column("course_id")
    pairs = list(map(hash, zip(sections, courses, strict=True)))
    if known.sections_of_courses.issuperset(pairs):
        return
    for place, pair in enumerate(pairs):
        if pair in known.sections_of_courses or not courses[place] or not sections[place]:
            continue
        section, course = hash(sections[place]), hash(courses[place])
        if section not in known.cross_listed and known.ids["section"].has(section) and known.ids["course"].has(course):
            yield place


def _existing_logins(rows: Rows, known: Known) -> Iterator[RuleHits]:
    """Find logins whose id a users file of the set defines."""
    ids = known.ids["user"]
    places = [place for place, user in enumerate(rows.hashes("user_id")) if user and ids.has(user)]
    yield "login-already-exists", [(place, "user_id") for place in places]


def _renamed(rows: Rows, known: Known) -> Iterator[RuleHits]:
    """Find ids that are changed before this file is read."""
    if not known.renamed or rows.kind.name == "change_sis_id":
        return
    for family, column in _columns_of(rows.kind.name):
        if (old := known.renamed.get(family)) and rows.has(column):
            guilty = {value for value in rows.distinct(column) if hash(value) in old}
            yield "change-runs-first", [(place, column) for place in rows.places(column, guilty)]


def _columns_of(kind: str) -> Iterable[tuple[str, str]]:
    defined = DEFINES.get(kind, ())
    mentioned = tuple((each.family, each.column) for each in REFERENCES.get(kind, ()))
    parents = (("account", "parent_account_id"),) if kind == "account" else ()
    return dict.fromkeys((*defined, *mentioned, *parents))
