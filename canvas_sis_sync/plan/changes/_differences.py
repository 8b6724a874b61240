"""The rows of two sides of a kind, compared bucket by bucket (DIFF 4).

Owns what added, changed, removed and turned rows are. Of repeated keys only the last row of a side takes part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import compress, filterfalse
from operator import ne
from typing import Protocol

from canvas_sis_sync.plan.changes._layout import CELL, Columns, Layout, split
from canvas_sis_sync.plan.changes._spool import Bucket
from canvas_sis_sync.plan.changes._statuses import DELETED, ending, turn
from canvas_sis_sync.plan.changes._zeros import Renamed, lost_zeros
from canvas_sis_sync.sis_csv.formats import Kind

GONE_LIMIT = 200_000
"""Objects that are gone beyond which their ids are not kept."""

Places = Callable[[Columns], Sequence[str]]
"""Gives the course that each row belongs to, "" for none."""


class RowSink(Protocol):
    """Takes whole rows that differ, some at a time and in no order."""

    def add(self, kind: Kind, what: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Take rows that are `added`, `changed` (as they are now) or `removed`, without the password columns."""


@dataclass(slots=True)
class KindTally:
    """What differs, counted; tallies of different buckets add up."""

    distinct_before: int = 0
    distinct_now: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    changed_columns: Counter[str] = field(default_factory=Counter)
    turned: Counter[str] = field(default_factory=Counter)
    added_ending: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    #: By the course that the rows belonged to; those that turned with those that came so.
    removed_at: Counter[str] = field(default_factory=Counter)
    ended_at: Counter[str] = field(default_factory=Counter)
    turned_at: Counter[str] = field(default_factory=Counter)
    #: Rows before that did not take part.
    repeated_at: Counter[str] = field(default_factory=Counter)
    #: Ids of the objects that are removed or have become deleted, some more than `GONE_LIMIT` at most.
    gone: set[str] = field(default_factory=set)
    gone_integrations: set[str] = field(default_factory=set)
    #: Removed rows whose key is a new one's with leading zeros, and for each bucket that has any the first of them.
    zeros_lost: int = 0
    first_zeros_lost: list[Renamed] = field(default_factory=list)
    #: Canaries that are there and not deleted.
    alive: set[str] = field(default_factory=set)

    def join(self, other: KindTally) -> None:
        """Add what another one counted."""
        for each in fields(self):
            mine, others = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, set):
                mine |= others
            else:
                mine += others
                setattr(self, each.name, mine)


class KeyedRows:
    """One side of a bucket: the texts of the last row of each key."""

    def __init__(self, layout: Layout, bucket: Bucket) -> None:
        self.layout = layout
        self.count = 0
        #: The parts behind the key, each by key.
        self.parts: list[dict[str, str]] = [{} for _ in layout.parts[1:]]
        width = len(layout.parts)
        for texts in bucket.read():
            keys = texts[::width]
            self.count += len(keys)
            for number, part in enumerate(self.parts, start=1):
                part.update(zip(keys, texts[number::width], strict=True))

    @property
    def rows(self) -> dict[str, str]:
        """Give what both sides have of each row, by key."""
        return self.parts[0]

    def columns(self, keys: Sequence[str]) -> Columns:
        """Give rows by column."""
        texts = [keys, *(list(map(part.__getitem__, keys)) for part in self.parts)]
        return _columns(self.layout, texts)

    def statuses(self, keys: Sequence[str]) -> Sequence[str]:
        """Give the status of rows, marks in it as they were escaped; nothing where there is no such column."""
        for names, part in zip(self.layout.parts[1:], self.parts, strict=True):
            if "status" in names:
                place = names.index("status")
                return [text.split(CELL, place + 1)[place] for text in map(part.__getitem__, keys)]
        return ()


def _columns(layout: Layout, texts: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {}
    for names, part in zip(layout.parts, texts, strict=True):
        columns |= split(part, names)
    return columns


@dataclass(frozen=True, slots=True)
class KindComparison:
    """How two sides of a kind are compared."""

    kind: Kind
    before: Layout
    now: Layout
    #: None for a kind whose rows belong to no course.
    places: Places | None = None
    places_now: Places | None = None
    canaries: Collection[str] = ()
    sink: RowSink | None = None
    #: False where the kind is missing now, by which nothing is removed (DIFF 3).
    removes: bool = True

    def compare(self, before: Bucket, now: Bucket) -> KindTally:
        """Compare one bucket."""
        old, new = KeyedRows(self.before, before), KeyedRows(self.now, now)
        tally = KindTally(distinct_before=len(old.rows), distinct_now=len(new.rows))
        differing = list(compress(new.rows, map(ne, map(old.rows.get, new.rows), new.rows.values())))
        changed = list(filter(old.rows.__contains__, differing))
        tally.changed, tally.added = len(changed), len(differing) - len(changed)
        tally.removed = len(old.rows) - (len(new.rows) - tally.added) if self.removes else 0
        if changed:
            self._look_at_changed(old.columns(changed), new.columns(changed), tally)
        if tally.added:
            self._look_at_added(new, list(filterfalse(old.rows.__contains__, differing)), tally)
        if tally.removed:
            removed = list(filterfalse(new.rows.__contains__, old.rows))
            self._look_at_removed(old.columns(removed), tally)
            if tally.added and (renamed := lost_zeros(removed, old.rows, new.rows)):
                tally.zeros_lost, tally.first_zeros_lost = len(renamed), [min(renamed)]
        if old.count > len(old.rows) and self.places:
            tally.repeated_at = _places_of_repeated(old, before, self.places)
        self._look_for_canaries(new, tally)
        return tally

    def _look_at_added(self, new: KeyedRows, added: Sequence[str], tally: KindTally) -> None:
        words = [ending(self.kind, status) for status in new.statuses(added)]
        ending_keys = list(compress(added, words))
        tally.added_ending.update(filter(None, words))
        if ending_keys and self.places_now:
            tally.turned_at.update(self.places_now(new.columns(ending_keys)))
        if self.sink:
            self._sink("added", new.columns(added), self.now)

    def _look_at_changed(self, old: Columns, new: Columns, tally: KindTally) -> None:
        for name in self.before.common:
            if count := sum(map(ne, old[name], new[name])):
                tally.changed_columns[name] = count
        if tally.changed_columns["status"]:
            self._look_at_turned(old, list(zip(old["status"], new["status"], strict=True)), tally)
        if self.sink:
            self._sink("changed", new, self.now)

    def _look_at_turned(self, old: Columns, statuses: Sequence[tuple[str, str]], tally: KindTally) -> None:
        turns = {pair: word for pair in set(statuses) if (word := turn(self.kind, *pair))}
        has_turned = [pair in turns for pair in statuses]
        if not any(has_turned):
            return
        tally.turned.update(map(turns.__getitem__, compress(statuses, has_turned)))
        if self.places:
            tally.turned_at.update(compress(self.places(old), has_turned))
        self._note_gone(old, [turns.get(pair) == DELETED for pair in statuses], tally)

    def _look_at_removed(self, old: Columns, tally: KindTally) -> None:
        has_ended = [False] * tally.removed
        if "status" in old:
            words = {status: ending(self.kind, status) == DELETED for status in set(old["status"])}
            has_ended = list(map(words.__getitem__, old["status"]))
        tally.ended = sum(has_ended)
        if self.places:
            places = self.places(old)
            tally.removed_at.update(places)
            tally.ended_at.update(compress(places, has_ended))
        self._note_gone(old, [not each for each in has_ended], tally)
        if self.sink:
            self._sink("removed", old, self.before)

    def _note_gone(self, old: Columns, which: Sequence[bool], tally: KindTally) -> None:
        if len(self.kind.key) == 1 and len(tally.gone) <= GONE_LIMIT:
            tally.gone.update(compress(old[self.kind.key[0]], which))
            tally.gone_integrations.update(compress(old.get("integration_id", ()), which))

    def _look_for_canaries(self, new: KeyedRows, tally: KindTally) -> None:
        present = [canary for canary in self.canaries if canary in new.rows]
        statuses: Mapping[str, Sequence[str]] = new.columns(present)
        for canary, status in zip(present, statuses.get("status") or [""] * len(present), strict=True):
            if ending(self.kind, status) != DELETED:
                tally.alive.add(canary)

    def _sink(self, what: str, columns: Columns, layout: Layout) -> None:
        names = [name for name in layout.header if name not in self.kind.password_columns]
        if self.sink and names:
            self.sink.add(self.kind, what, names, zip(*map(columns.__getitem__, names), strict=True))


def _places_of_repeated(old: KeyedRows, bucket: Bucket, places: Places) -> Counter[str]:
    """Count the rows that did not take part by the course they belonged to."""
    found: Counter[str] = Counter()
    width = len(old.layout.parts)
    for texts in bucket.read():
        found.update(places(_columns(old.layout, [texts[number::width] for number in range(width)])))
    found.subtract(places(old.columns(list(old.rows))))
    return +found
