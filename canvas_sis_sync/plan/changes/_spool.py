"""Records of one side of a kind, in buckets by the hash of their key, so that two sides are compared bucket by bucket.

Owns what is kept in memory and what in a nameless file. Records of the same key are always in the same bucket and
stay in their order, and so are those of keys that differ by zeros only; nothing else depends on the hash.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import compress, islice, repeat
from operator import ne
from pathlib import Path
from typing import BinaryIO, cast

from canvas_sis_sync.errors import HomeError
from canvas_sis_sync.plan.changes._layout import EDGE

FLUSH_BYTES = 2 << 20
CHUNK_BYTES = 16 << 10
"""CSV after which records are put out of the way, and what each bucket should have by then: little enough to be in the
processor's cache still, and enough for it to be worth a piece of the file."""

Chunk = str | tuple[int, int]
"""Some records of a bucket: their text, or where it begins in the file and how many bytes it has."""
Buckets = tuple[tuple[Chunk, ...], ...]


def open_file(scratch: Path | None) -> BinaryIO:
    """Open a nameless file in a folder: it is gone when closed, however the process ends.

    Without a folder that is the system's for what is large, which is not kept in memory as the usual one may be.
    Raises HomeError.
    """
    large = Path("/var/tmp")  # noqa: S108 - the file has no name there
    with _wording():
        return cast("BinaryIO", tempfile.TemporaryFile(buffering=0, dir=scratch or (large if large.is_dir() else None)))


@contextmanager
def _wording() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise HomeError(
            f"The deliveries cannot be compared on disk: {(error.strerror or 'an unknown fault').lower()}.",
            "Make room for as much as both deliveries have when unpacked, then run again.",
        ) from error


class Spool:
    """Takes the records of one side."""

    def __init__(self, column: str, buckets: int, file: BinaryIO | None) -> None:
        #: The key column by which `add` distinguishes rows.
        self.column = column
        self._records: list[list[str]] = [[] for _ in range(buckets)]
        self._chunks: list[list[Chunk]] = [[] for _ in range(buckets)]
        self._file = file
        #: Bytes of CSV after which to `flush`.
        self.flush_bytes = max(FLUSH_BYTES, buckets * CHUNK_BYTES)

    def add(self, cells: Sequence[str], records: list[str]) -> None:
        """Take records, each with a cell that is the same for the same key; runs of the same cell are taken fastest."""
        if not cells:
            return
        buckets, count = self._records, len(self._records)
        starts = [0, *compress(range(1, len(cells)), map(ne, cells, islice(cells, 1, None)))]
        ends = [*starts[1:], len(cells)]
        for start, end, number in zip(starts, ends, map(_spread, map(cells.__getitem__, starts)), strict=True):
            buckets[number % count] += records[start:end]

    def flush(self) -> None:
        """Put what was taken out of the way. Raises HomeError."""
        for chunks, records in zip(self._chunks, self._records, strict=True):
            if records:
                chunks.append(self._kept(EDGE.join(records)))
                records.clear()

    def _kept(self, text: str) -> Chunk:
        if self._file is None:
            return text
        data = text.encode()
        return append(self._file, data), len(data)

    def finish(self) -> Buckets:
        """Give what is in the buckets. Raises HomeError."""
        self.flush()
        return tuple(map(tuple, self._chunks))


@dataclass(frozen=True, slots=True)
class Bucket:
    """Some records of one side."""

    chunks: tuple[Chunk, ...]
    file: BinaryIO | None
    #: Parts of a record.
    width: int
    #: Which records are meant, by the hash of their key, where it is too much for one pass.
    part: int = 0
    parts: int = 1

    @property
    def size(self) -> int:
        """Characters or bytes of all its records."""
        return sum(len(chunk) if isinstance(chunk, str) else chunk[1] for chunk in self.chunks)

    def in_parts(self, count: int) -> Iterator[Bucket]:
        """Give buckets that have the records between them, all of one key in the same one."""
        return (replace(self, part=part, parts=count) for part in range(count))

    def read(self) -> Iterator[list[str]]:
        """Give the parts of its records one after the other, in pieces. Raises OSError."""
        for chunk in self.chunks:
            texts = (chunk if isinstance(chunk, str) else _text(chunk, cast("BinaryIO", self.file))).split(EDGE)
            yield texts if self.parts == 1 else list(compress(texts, self._are_meant(texts)))

    def _are_meant(self, texts: list[str]) -> Iterator[bool]:
        for key in texts[:: self.width]:
            yield from repeat(_spread(key) % self.parts == self.part, self.width)


def _spread(key: str) -> int:
    """Return a number that is the same for keys that differ by zeros only."""
    return hash(key.replace("0", ""))


def _text(chunk: tuple[int, int], file: BinaryIO) -> str:
    return read_at(file, *chunk).decode()


def append(file: BinaryIO, data: bytes) -> int:
    """Write to the end of a nameless file, and return where that was. Raises HomeError."""
    with _wording():
        offset = file.seek(0, os.SEEK_END)
        left = memoryview(data)
        while left:  # a file without a buffer may take less than all
            left = left[file.write(left) :]
    return offset


def read_at(file: BinaryIO, offset: int, size: int) -> bytes:
    """Read from a place in a nameless file, wherever others read in it. Raises OSError."""
    if hasattr(os, "pread"):  # another process may be reading the file, too
        return os.pread(file.fileno(), size, offset)
    file.seek(offset)
    return file.read(size)
