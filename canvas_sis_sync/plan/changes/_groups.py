"""What each term, account and course loses, added up from what the rows of each course lose.

Owns which groups are shown. Rows that belong to no course are in no group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest

from canvas_sis_sync.plan.values import GroupChanges
from canvas_sis_sync.sis_csv.kinds import BATCH_MODE_KINDS

MOST_TOLD = 3
"""Terms, accounts and courses of each that people are shown."""


@dataclass(frozen=True, slots=True)
class Losses:
    """What a kind had and loses, by course or by what courses are in."""

    kind: str
    rows_before: Counter[str]
    removed: Counter[str]
    ended: Counter[str]
    turned: Counter[str]
    #: By the same, of the kinds that batch mode deletes: what is removed without what had ended, by term.
    removed_by_term: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def by(self, home_of: Callable[[str], str], term_of: Callable[[str], str]) -> Losses:
        """Add up those of courses whose home is the same; "" is no course."""
        return Losses(
            self.kind,
            _folded(self.rows_before, home_of),
            _folded(self.removed, home_of),
            _folded(self.ended, home_of),
            _folded(self.turned, home_of),
            self._by_term(home_of, term_of) if self.kind in BATCH_MODE_KINDS else {},
        )

    def _by_term(self, home_of: Callable[[str], str], term_of: Callable[[str], str]) -> Mapping[str, Mapping[str, int]]:
        found: dict[str, Counter[str]] = {}
        for course, count in (self.removed - self.ended).items():
            if course:
                found.setdefault(home_of(course), Counter())[term_of(course)] += count
        return found

    def at(self, by: str, name: str) -> GroupChanges:
        """Give what one group loses."""
        return GroupChanges(
            by,
            name,
            self.kind,
            self.rows_before[name],
            self.removed[name],
            self.ended[name],
            self.turned[name],
            self.removed_by_term.get(name, {}),
        )


def _folded(counts: Counter[str], home_of: Callable[[str], str]) -> Counter[str]:
    folded: Counter[str] = Counter()
    for course, count in counts.items():
        if course:
            folded[home_of(course)] += count
    return folded


def home_finder(by: str, homes: Mapping[str, tuple[str, str]]) -> Callable[[str], str]:
    """Give what tells the group of a course by "term", "account" or "course"; "" for a course that names none."""
    if by == "course":
        return str
    place = ("term", "account").index(by)
    return lambda course: homes.get(course, ("", ""))[place]


def losing_groups(by: str, losses: Sequence[Losses]) -> Iterator[GroupChanges]:
    """Give of each group that loses a row all kinds that have rows in it."""
    names = {name for each in losses for name in (*each.removed, *each.turned)}
    for name in sorted(names):
        yield from (each.at(by, name) for each in losses if each.rows_before[name])


def worst_groups(by: str, losses: Sequence[Losses]) -> Iterator[GroupChanges]:
    """Give the few groups that lose most, with the kinds that lose anything; none where courses name no group."""
    lost: Counter[str] = Counter()
    for each in losses:
        lost += each.removed - each.ended + each.turned
    if set(lost) == {""}:
        return
    for _, name in nsmallest(MOST_TOLD, ((-count, name) for name, count in lost.items())):
        places = (each.at(by, name) for each in losses)
        yield from (each for each in places if each.removed > each.ended or each.turned)


def removed_by_term(losses: Iterable[Losses], term_of: Callable[[str], str]) -> dict[str, dict[str, int]]:
    """Give per kind of batch mode the rows removed that had not ended, by term; "" is also for no course."""
    found = {}
    for each in losses:
        if each.kind in BATCH_MODE_KINDS:
            left: Counter[str] = Counter()
            for course, count in (each.removed - each.ended).items():
                left[term_of(course) if course else ""] += count
            found[each.kind] = dict(left)
    return found
