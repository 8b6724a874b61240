"""What Canvas can report of an import at most, if it does what is predicted: rows by kind, removals by its own words.

Owns which words of `data.statistics` (API 5) have a bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from canvas_sis_sync.plan.values import Changes, Mode, Planned, Prediction

NONE: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Word:
    """What removes things of one of Canvas's words."""

    name: str
    #: The kind whose rows do.
    kind: str
    #: Kinds whose removal takes them along, and how many is known from the rows that name both.
    counted: tuple[str, ...] = ()
    #: Kinds whose removal takes them along, nobody knows how many: then the word has no bound.
    uncounted: tuple[str, ...] = ()


_WORDS = (
    _Word("Account", "account"),
    _Word("EnrollmentTerm", "term"),
    _Word("AbstractCourse", "abstract_course"),
    _Word("Course", "course"),
    _Word("CourseSection", "section", counted=("course",)),
    _Word("Pseudonym", "user"),
    _Word("Enrollment", "enrollment", counted=("course", "section", "user"), uncounted=("user_observer",)),
    _Word("AccountUser", "admin", uncounted=("user", "account")),
    _Word("UserObserver", "user_observer", uncounted=("user",)),
    _Word("GroupCategory", "group_category", uncounted=("course", "account")),
    _Word("Group", "group", uncounted=("group_category", "course", "account")),
)
"""GroupMembership has no bound: joining a group of a category leaves the others of it (CSV 10.14). Neither has
CommunicationChannel, which no row names."""


def planned(changes: Changes, prediction: Prediction, refused: Mapping[str, int] = NONE) -> Planned:
    """Give upper bounds for what Canvas may report of a delivery: rows processed, and objects removed by word.

    `refused` are the rows by kind that are expected to be refused in batch mode, which removes their objects (DIFF 9);
    one that nobody expected is beyond the bound, and is reported. Nothing is bounded when the import that Canvas
    compares with is unknown.
    """
    if not prediction.base_known:
        return Planned()
    removed = {effect.kind: effect.ending for effect in prediction.effects}
    for effect in prediction.effects:
        if effect.mode is Mode.WHOLE:  # removed by batch mode, so by no row; diffing writes rows
            removed[effect.kind] += effect.removed
    for kind, count in refused.items():
        removed[kind] = removed.get(kind, 0) + count
    rows = {effect.kind: effect.rows for effect in prediction.effects}
    return Planned(rows, dict(_bounds(removed, changes.dependants, refused)), threshold=bool(prediction.refused))


def _bounds(
    removed: Mapping[str, int], dependants: Mapping[str, int | None], refused: Mapping[str, int]
) -> Iterator[tuple[str, int]]:
    for word in _WORDS:
        along: int | None = 0
        if any(refused.get(kind) for kind in word.counted):
            continue  # what hangs on a refused row's object has not been counted
        if any(removed.get(kind) for kind in word.counted):
            along = dependants.get(word.kind)
        if along is not None and not any(removed.get(kind) for kind in word.uncounted):
            yield word.name, removed.get(word.kind, 0) + along
