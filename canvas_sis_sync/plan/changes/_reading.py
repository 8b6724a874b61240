"""The files of one kind in one delivery, read once: into buckets, and with a look at every row.

Owns which files take part (DIFF 1, 3). A file that Canvas refuses as a whole counts as missing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress
from typing import BinaryIO, cast

from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.parallel import Progress
from canvas_sis_sync.plan.changes._layout import CELL, ESCAPE, PART, Columns, Layout, escape, records, spreading
from canvas_sis_sync.plan.changes._spool import Buckets, Spool
from canvas_sis_sync.progress import unseen
from canvas_sis_sync.sis_csv.reader import Block, CsvFile, Malformed, open_csv
from canvas_sis_sync.sis_csv.texts import NotUtf8

REPORTED_BYTES = 1 << 20
_MARKS = tuple(mark.encode() for mark in (CELL, PART, ESCAPE))


@dataclass(frozen=True, slots=True)
class Source:
    """A file of a kind."""

    file: DeliveryFile
    #: Lower-cased columns, as `CsvFile.columns` has them.
    header: tuple[str, ...]


@dataclass(slots=True)
class Side:
    """What was read of one side."""

    #: Rows that have any value.
    rows: int = 0
    buckets: Buckets = ()
    #: Rows by the word that their status is.
    endings: Counter[str] = field(default_factory=Counter)
    #: Rows by the course they belong to.
    places: Counter[str] = field(default_factory=Counter)
    #: Rows that hang on objects that are gone.
    dependants: int = 0
    #: A file that Canvas refuses as a whole: nothing else holds then.
    refused: DeliveryFile | None = None


Look = Callable[[Side, Columns], None]
"""Notes something of some rows."""


def sources_of(files: Iterable[DeliveryFile]) -> dict[str, tuple[Source, ...]]:
    """Give the files that are recognised by their header, by kind, in the order in which Canvas reads them (CSV 8)."""
    found: dict[str, tuple[Source, ...]] = {}
    for file in sorted(files, key=lambda file: file.name):
        if kind := file.header.kind:
            found[kind.name] = (*found.get(kind.name, ()), Source(file, file.header.columns))
    return found


def columns_of(sources: Iterable[Source]) -> tuple[str, ...]:
    """Give the columns that any of the files has."""
    return tuple(dict.fromkeys(chain.from_iterable(source.header for source in sources)))


def rows_of(source: Source, names: Sequence[str]) -> Iterator[Columns]:
    """Give the rows of a file that have any value, some at a time. Raises NotUtf8, Malformed."""
    with source.file.open() as stream:
        yield from _rows(open_csv(stream), names)


def _rows(csv: CsvFile, names: Sequence[str]) -> Iterator[dict[str, list[str]]]:
    places: Mapping[str, int] = {name: place for place, name in reversed(list(enumerate(csv.header)))}
    for block in csv.blocks:
        columns = _with_values(block)
        blank = [""] * len(columns[0])
        yield {name: columns[places[name]] if name in places else blank for name in names}


def _with_values(block: Block) -> Sequence[list[str]]:
    """Leave out the rows without any value, which Canvas skips (CSV 4)."""
    if not all("" in column for column in block.columns):
        return block.columns
    kept = [any(values) or row in block.overlong for row, values in enumerate(zip(*block.columns, strict=True))]
    return [list(compress(column, kept)) for column in block.columns]


def read_side(
    sources: Iterable[Source],
    layout: Layout,
    spool: Spool | None,
    looks: Sequence[Look] = (),
    progress: Progress = unseen,
) -> Side:
    """Read the files of one side; without a spool its rows are only looked at. Raises OSError."""
    side = Side()
    for source in sources:
        try:
            with source.file.open() as stream:
                _read(_Watched(stream, progress), layout, spool, looks, side)
        except (NotUtf8, Malformed):
            return Side(refused=source.file)
    if spool:
        side.buckets = spool.finish()
    return side


def _read(stream: _Watched, layout: Layout, spool: Spool | None, looks: Sequence[Look], side: Side) -> None:
    names = tuple(dict.fromkeys((*layout.header, *layout.key)))
    flushed = 0
    for columns in _rows(open_csv(cast("BinaryIO", stream)), names):
        count = len(columns[names[0]])
        side.rows += count
        for look in looks:
            look(side, columns)
        if spool:
            cells = escape(columns) if stream.has_marks else columns
            spool.add(spreading(layout, cells, spool.column), list(records(layout, cells, count)))
            if stream.bytes_read - flushed > spool.flush_bytes:
                spool.flush()
                flushed = stream.bytes_read


class _Watched:
    """Reads on from another stream, tells how far, and notes whether a mark of ours is in it."""

    def __init__(self, stream: BinaryIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress
        self._reported = 0
        self.bytes_read = 0
        self.has_marks = False

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        chunk = self._stream.read(size)
        self.bytes_read += len(chunk)
        self.has_marks = self.has_marks or any(mark in chunk for mark in _MARKS)
        if self.bytes_read - self._reported >= REPORTED_BYTES or not chunk:
            self._progress(self.bytes_read - self._reported)
            self._reported = self.bytes_read
        return chunk
