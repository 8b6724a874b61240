"""Which course a row belongs to, and which term and account a course belongs to.

Owns the look-up in the courses and sections of both deliveries; those before count first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import repeat

from canvas_sis_sync.plan.changes._layout import Columns
from canvas_sis_sync.plan.changes._reading import Source, rows_of
from canvas_sis_sync.plan.changes._statuses import DELETED, ending
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS


@dataclass(frozen=True, slots=True)
class Courses:
    """The courses of one delivery."""

    #: Term and account by course, "" for none.
    homes: dict[str, tuple[str, str]] = field(default_factory=dict)
    #: The terms that courses name, deleted ones left out.
    live_terms: frozenset[str] = frozenset()


def read_courses(sources: Iterable[Source]) -> Courses:
    """Read the courses of files that have been read to their end before."""
    homes: dict[str, tuple[str, str]] = {}
    known: dict[tuple[str, str], tuple[str, str]] = {}
    live: set[str] = set()
    for rows in _rows(sources, ("course_id", "term_id", "account_id", "status")):
        pairs = list(zip(rows["term_id"], rows["account_id"], strict=True))
        homes.update(zip(rows["course_id"], map(known.setdefault, pairs, pairs), strict=True))
        for term, status in set(zip(rows["term_id"], rows["status"], strict=True)):
            if ending(KINDS["course"], status) != DELETED:
                live.add(term)
    return Courses(homes, frozenset(live))


def _rows(sources: Iterable[Source], names: Sequence[str]) -> Iterator[Columns]:
    for source in sources:
        yield from rows_of(source, names)


class Sections:
    """The course of each section, read when a row first asks for it."""

    def __init__(self, before: Iterable[Source] = (), now: Iterable[Source] = ()) -> None:
        self._sources = (*now, *before)

    @cached_property
    def courses(self) -> dict[str, str]:
        """Give the course of each section."""
        found: dict[str, str] = {}
        known: dict[str, str] = {}
        for rows in _rows(self._sources, ("section_id", "course_id")):
            found.update(zip(rows["section_id"], map(known.setdefault, *repeat(rows["course_id"], 2)), strict=True))
        return found

    def places(self, kind: Kind, columns: Iterable[str]) -> Callable[[Columns], Sequence[str]] | None:
        """Give what tells the course of rows with these columns, None when they belong to none."""
        columns = set(columns)
        if "course_id" not in kind.columns:
            return None
        if kind.name == "enrollment" and "section_id" in columns:
            return self._of_enrollments
        return _of_rows if "course_id" in columns else None

    def _of_enrollments(self, rows: Columns) -> Sequence[str]:
        courses = rows.get("course_id") or [""] * len(rows["section_id"])
        if "" not in courses:
            return courses
        of = self.courses
        return [course or of.get(section, "") for course, section in zip(courses, rows["section_id"], strict=True)]


def _of_rows(rows: Columns) -> Sequence[str]:
    return rows["course_id"]
