"""Breakers: what holds a delivery before anything is sent. Pure.

    case            what is judged, and the arithmetic
    _losses         breakers that count rows
    _circumstances  breakers about the delivery as such
    _batch_mode     breakers of batch mode
    _words          places, shares, limits, dates

Owns the registry and the order. Leaves to others where limits come from (`settings`, which also raises them for one
run), what changed, and what Canvas would do. docs/breakers.md has a section for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from canvas_sis_sync.plan.breakers import _batch_mode, _circumstances, _losses
from canvas_sis_sync.plan.breakers.case import Case
from canvas_sis_sync.plan.values import Changes, Tripped

MOST_TOLD = 12
"""Places that one breaker names."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """One reason to hold a delivery."""

    #: Kept for good.
    id: str
    #: What it holds, for docs/breakers.md.
    holds: str
    judge: Callable[[Case], Iterator[Tripped]]
    #: It needs no earlier delivery to compare with.
    at_first: bool = False


BREAKERS = (
    Breaker(
        "first-in-batch-mode",
        "Batch mode without an accepted delivery to compare with.",
        _batch_mode.first,
        at_first=True,
    ),
    Breaker("batch-term", "Batch mode of a term that no course is in.", _batch_mode.term, at_first=True),
    Breaker("batch-empty", "Batch mode with a file that has a header and no row.", _batch_mode.empty, at_first=True),
    Breaker("batch-terms", "Batch mode for several terms without a valid term.", _batch_mode.terms, at_first=True),
    Breaker(
        "unknown-base",
        "Diffing against an import that was not sent from here.",
        _circumstances.unknown_base,
        at_first=True,
    ),
    Breaker(
        "files-contradict",
        "Files of one kind that are neither parts nor nights of one export.",
        _circumstances.contradiction,
        at_first=True,
    ),
    Breaker("renames", "Changes of ids in a data set that is diffed.", _circumstances.renames, at_first=True),
    Breaker("thresholds", "A data set that Canvas keeps refusing to compare.", _circumstances.thresholds),
    Breaker("older", "A delivery that is older than the last accepted one.", _circumstances.older),
    Breaker("lost-zeros", "Ids that came back without their leading zeros.", _losses.lost_zeros),
    Breaker("canary", "Rows that must be in every delivery and are missing.", _circumstances.canary, at_first=True),
    Breaker("gone", "A term, account or course of which nothing is left.", _losses.gone),
    Breaker("removals", "A kind that loses more rows than its limit.", _losses.removals),
    Breaker(
        "group-removals",
        "A term, account or course that loses more rows of a kind than its limit.",
        _losses.group_removals,
    ),
    Breaker("new-keys", "A kind of which most keys are new and most old ones gone.", _losses.new_keys),
    Breaker("empty", "A kind without a row that had some.", _losses.empty),
    Breaker(
        "columns", "Missing rows that diffing would never remove, since columns or files changed too.", _losses.columns
    ),
)
"""What explains the rest comes first: reports begin with what tripped first."""


def judge(case: Case) -> tuple[Tripped, ...]:
    """Return every breaker that trips, in the order of the registry; none of them lets the delivery go.

    A breaker that trips in more than a dozen places names those, and how many more there are.
    """
    asked = (each for each in BREAKERS if case.has_before or each.at_first)
    return tuple(tripped for each in asked for tripped in _places(each, case))


def noticed(changes: Changes) -> Iterator[str]:
    """Yield what looks like something that a breaker holds, and is too little of it to hold."""
    for each in changes.kinds:
        if each.lost_zeros and not each.lost_zeros.are_systematic:
            yield _losses.about_zeros(each.kind, each.lost_zeros)


def _places(breaker: Breaker, case: Case) -> Iterator[Tripped]:
    found = breaker.judge(case)
    yield from islice(found, MOST_TOLD)
    if more := sum(1 for _ in found):
        yield Tripped(breaker.id, f"The same holds for {more:,} more.")
