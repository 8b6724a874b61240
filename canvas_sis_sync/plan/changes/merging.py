"""Several deliveries as one: the files of the first, and the rows by which each later one differed from what it found.

Owns which row of a key counts, that of the last delivery that had it, and that no row is counted because it was sent
again. Nothing is removed: what a later delivery left out is still there.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.plan.changes import _spool
from canvas_sis_sync.plan.changes.comparing import compare_kind, recognised
from canvas_sis_sync.plan.values import Changes
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Files = Sequence[DeliveryFile]


@contextmanager
def together(
    deliveries: Sequence[Files], kinds: Collection[str], *, scratch: Path | None = None
) -> Iterator[tuple[DeliveryFile, ...]]:
    """Yield the files of some kinds of several deliveries, oldest first, as those of one delivery.

    Rows that differ are kept in nameless files in `scratch` until the end of the context. Raises HomeError where there
    is no room, and what opening and reading the files raises.
    """
    found: dict[str, list[DeliveryFile]] = {kind: [] for kind in KINDS if kind in kinds}
    with ExitStack() as stack:
        for number, delivery in enumerate(deliveries):
            for kind, files in recognised(delivery).items():
                new = files
                if found.get(kind):
                    rows = _Rows(stack.enter_context(_spool.open_file(scratch)))
                    compare_kind(KINDS[kind], found[kind], files, scratch=scratch, sink=rows)
                    new = rows.files(f"{kind}.csv")
                if kind in found:  # files are read in the order of their names
                    found[kind] += [replace(file, name=f"{number:04}/{file.name}") for file in new]
        yield tuple(file for files in found.values() for file in files)


def each_once(changes: Changes) -> Changes:
    """Count each row before once, however many deliveries had it."""
    kinds = (
        replace(each, rows_before=each.rows_before - each.duplicates_before, duplicates_before=0)
        for each in changes.kinds
    )
    return replace(changes, kinds=tuple(kinds))


class _Rows:
    """Takes the rows that a comparison finds added or changed, as a CSV without password columns."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = 0

    def add(self, kind: Kind, what: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Take rows. Raises HomeError."""
        del kind
        if what == "removed":
            return
        text = io.StringIO(newline="")
        writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerows(rows if self._size else (columns, *rows))
        data = text.getvalue().encode()
        _spool.append(self._file, data)
        self._size += len(data)

    def files(self, name: str) -> tuple[DeliveryFile, ...]:
        """Return a file with what was taken, none without a row."""
        return (DeliveryFile(name, self._size, self._open),) if self._size else ()

    def _open(self) -> BinaryIO:
        return cast("BinaryIO", io.BufferedReader(_FromStart(self._file)))


class _FromStart(io.RawIOBase):
    """Reads a nameless file from its start, wherever others read in it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._offset = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read on. Raises OSError."""
        place = memoryview(buffer)
        piece = _spool.read_at(self._file, self._offset, len(place))
        place[: len(piece)] = piece
        self._offset += len(piece)
        return len(piece)
