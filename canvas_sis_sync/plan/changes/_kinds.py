"""The files of one kind on both sides, read and compared; large ones by two processes and on disk.

Owns how the work is shared out. What comes out does not depend on it.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from canvas_sis_sync.parallel import Forked, Progress, may_fork
from canvas_sis_sync.plan.changes import _spool
from canvas_sis_sync.plan.changes._differences import KindComparison, KindTally, Places, RowSink
from canvas_sis_sync.plan.changes._layout import Columns, Layout, best_spread, lay_out
from canvas_sis_sync.plan.changes._reading import Look, Side, Source, columns_of, read_side, rows_of
from canvas_sis_sync.plan.changes._spool import Bucket, Spool
from canvas_sis_sync.plan.changes._statuses import ending
from canvas_sis_sync.plan.changes._zeros import with_zeros
from canvas_sis_sync.plan.values import KindChanges, LostZeros
from canvas_sis_sync.progress import unseen
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.reader import Malformed
from canvas_sis_sync.sis_csv.texts import NotUtf8

MEMORY_BYTES = 32 << 20
"""CSV on one side up to which nothing is put on disk."""
BUCKET_BYTES = 1 << 20
"""CSV on one side for each bucket: little enough to be compared in the processor's cache."""
MOST_BUCKETS = 1024
LARGE_BUCKET_BYTES = 16 << 20
"""A bucket that has more on one side, as most rows have the same cell, is compared in several passes."""
LEAST_FORKED_BYTES = 8 << 20
"""Less CSV on both sides together is read sooner than a process is started."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The files of a kind on both sides, and what is wanted of them."""

    kind: Kind
    before: tuple[Source, ...]
    now: tuple[Source, ...]
    #: Give the course of rows before and now, where both deliveries have the kind.
    places: Places | None = None
    places_now: Places | None = None
    canaries: Collection[str] = ()
    sink: RowSink | None = None
    looks_before: Sequence[Look] = ()
    scratch: Path | None = None
    progress: Progress = unseen

    @property
    def size(self) -> int:
        """Bytes of both sides."""
        return _size(self.before) + _size(self.now)


@dataclass(frozen=True, slots=True)
class Compared:
    """What was found of a kind; `pair` has the files that take part."""

    pair: Pair
    changes: KindChanges
    tally: KindTally
    before: Side
    now: Side


def compare_pair(pair: Pair) -> Compared:
    """Compare the files of a kind, without those that Canvas refuses as a whole. Raises HomeError, OSError."""
    while True:
        with _without_garbage_collection():
            compared = _Work(pair).compare()
        refused = {compared.before.refused, compared.now.refused} - {None}
        if not refused:
            return compared
        pair = replace(
            pair,
            before=tuple(source for source in pair.before if source.file not in refused),
            now=tuple(source for source in pair.now if source.file not in refused),
        )


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Spare the collector lists of millions of cells, none of which is in a cycle: a tenth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _size(sources: Sequence[Source]) -> int:
    return sum(source.file.size for source in sources)


class _Work:
    """The work on a pair whose files are all taken for good."""

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._layouts = lay_out(pair.kind, columns_of(pair.before), columns_of(pair.now))
        before, now = self._layouts
        self._comparison = KindComparison(
            pair.kind,
            before,
            now,
            pair.places,
            pair.places_now,
            pair.canaries,
            pair.sink,
            removes=bool(pair.now),
        )
        size = max(_size(pair.before), _size(pair.now))
        self._on_disk = bool(before.key) and size > MEMORY_BYTES
        self._buckets = min(max(size // BUCKET_BYTES, 1), MOST_BUCKETS)
        self._spread = self._find_spread() if before.key else ""
        self._may_fork = pair.size >= LEAST_FORKED_BYTES and may_fork()

    def compare(self) -> Compared:
        with ExitStack() as stack:
            files = [self._open(stack), self._open(stack)]
            before, now = self._read(files)
            tally = KindTally() if before.refused or now.refused else self._differences(before, now, files)
            changes = replace(self._changes(before, now, tally), lost_zeros=self._lost_zeros(tally, now, files[1]))
        return Compared(self._pair, changes, tally, before, now)

    def _open(self, stack: ExitStack) -> BinaryIO | None:
        return stack.enter_context(_spool.open_file(self._pair.scratch)) if self._on_disk else None

    def _read(self, files: Sequence[BinaryIO | None]) -> tuple[Side, Side]:
        pair = self._pair
        before = partial(self._read_side, pair.before, self._layouts[0], files[0], pair.looks_before)
        now = partial(self._read_side, pair.now, self._layouts[1], files[1], [self._look_at_endings])
        if not (self._may_fork and pair.before and pair.now):
            return before(pair.progress), now(pair.progress)
        with Forked(before, pair.progress) as other:

            def progress(count: int) -> None:
                pair.progress(count)
                other.pass_on()

            mine = now(progress)
            return other.result() or before(unseen), mine

    def _look_at_endings(self, side: Side, rows: Columns) -> None:
        for status, count in Counter(rows.get("status", ())).items():
            if word := ending(self._pair.kind, status):
                side.endings[word] += count

    def _read_side(
        self,
        sources: Sequence[Source],
        layout: Layout,
        file: BinaryIO | None,
        looks: Sequence[Look],
        progress: Progress,
    ) -> Side:
        spool_of_side = Spool(self._spread, self._buckets, file) if layout.key else None
        return read_side(sources, layout, spool_of_side, looks, progress)

    def _find_spread(self) -> str:
        """Choose the column for buckets by the first rows there are."""
        layout = self._layouts[1]
        for source in (*self._pair.now, *self._pair.before):
            with suppress(NotUtf8, Malformed):
                for columns in rows_of(source, layout.key):
                    return best_spread(layout, columns)
        return layout.key[0]

    def _differences(self, before: Side, now: Side, files: Sequence[BinaryIO | None]) -> KindTally:
        if not (before.buckets or now.buckets):
            return KindTally()

        def compare(numbers: Iterable[int], progress: Progress) -> KindTally:
            tally = KindTally()
            for number in numbers:
                progress(0)
                old = Bucket(before.buckets[number], files[0], len(self._comparison.before.parts))
                new = Bucket(now.buckets[number], files[1], len(self._comparison.now.parts))
                self._compare_bucket(old, new, tally)
            return tally

        numbers = range(self._buckets)
        if len(numbers) == 1 or self._pair.sink or not self._may_fork:
            return compare(numbers, unseen)
        with Forked(partial(compare, numbers[1::2])) as other:
            tally = compare(numbers[::2], unseen)
            tally.join(other.result() or compare(numbers[1::2], unseen))
            return tally

    def _compare_bucket(self, before: Bucket, now: Bucket, tally: KindTally) -> None:
        passes = max(before.size, now.size) // LARGE_BUCKET_BYTES + 1
        for old, new in zip(before.in_parts(passes), now.in_parts(passes), strict=True):
            tally.join(self._comparison.compare(old, new))

    def _lost_zeros(self, tally: KindTally, now: Side, file: BinaryIO | None) -> LostZeros | None:
        """Sum up the lost zeros; the keys of the new side are read again only where few have lost some."""
        if not tally.zeros_lost:
            return None
        any_left = tally.zeros_lost < LostZeros.MANY and self._any_zeros(now, file)
        return LostZeros(tally.zeros_lost, *min(tally.first_zeros_lost), is_every=not any_left)

    def _any_zeros(self, side: Side, file: BinaryIO | None) -> bool:
        width = len(self._comparison.now.parts)
        return any(
            True
            for chunks in side.buckets
            for texts in Bucket(chunks, file, width).read()
            for _ in with_zeros(texts[::width])
        )

    def _changes(self, before: Side, now: Side, tally: KindTally) -> KindChanges:
        pair = self._pair
        before_columns, now_columns = columns_of(pair.before), columns_of(pair.now)
        both = pair.before and pair.now
        has_key = bool(before.buckets)
        return KindChanges(
            kind=pair.kind.name,
            in_before=bool(pair.before),
            in_now=bool(pair.now),
            rows_before=before.rows,
            rows_now=now.rows,
            duplicates_before=before.rows - tally.distinct_before if has_key else 0,
            duplicates_now=now.rows - tally.distinct_now if has_key else 0,
            added=tally.added,
            changed=tally.changed,
            removed=tally.removed,
            ended=tally.ended,
            changed_columns=dict(tally.changed_columns),
            turned=dict(tally.turned),
            added_ending=dict(tally.added_ending),
            ending_now=dict(now.endings),
            columns_gained=_without(now_columns, before_columns) if both else (),
            columns_lost=_without(before_columns, now_columns) if both else (),
        )


def _without(names: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    known = frozenset(others)
    return tuple(name for name in names if name not in known)
