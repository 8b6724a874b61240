"""Records of one side of a kind, in buckets by the hash of their key, so that two sides are compared bucket by bucket.

Owns what is kept in memory and what in a nameless file. Records of the same key are always in the same bucket and
stay in their order; nothing else depends on the hash.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from canvas_sis_sync.changes.layout import EDGE
from canvas_sis_sync.errors import HomeError

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
        return cast("BinaryIO", tempfile.TemporaryFile(dir=scratch or (large if large.is_dir() else None)))


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

    def __init__(self, buckets: int, file: BinaryIO | None) -> None:
        self._records: list[list[str]] = [[] for _ in range(buckets)]
        self._chunks: list[list[Chunk]] = [[] for _ in range(buckets)]
        self._file = file

    def add(self, keys: Iterable[str], records: Iterable[str]) -> None:
        """Take records, each with its key or what else is the same for the same key."""
        count = len(self._records)
        put = [bucket.append for bucket in self._records]
        for number, record in zip(map(hash, keys), records, strict=True):
            put[number % count](record)

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
        with _wording():
            offset = self._file.seek(0, os.SEEK_END)
            self._file.write(data)
        return offset, len(data)

    def finish(self) -> Buckets:
        """Give what is in the buckets, for `read`. Raises HomeError."""
        self.flush()
        if self._file is not None:
            with _wording():
                self._file.flush()
        return tuple(map(tuple, self._chunks))


def read(chunks: Iterable[Chunk], file: BinaryIO | None) -> Iterator[list[str]]:
    """Give the records of a bucket as they were taken, chunk by chunk, each split at its marks. Raises OSError."""
    for chunk in chunks:
        yield (chunk if isinstance(chunk, str) else _text(chunk, cast("BinaryIO", file))).split(EDGE)


def _text(chunk: tuple[int, int], file: BinaryIO) -> str:
    offset, size = chunk
    if hasattr(os, "pread"):  # another process may be reading the file, too
        return os.pread(file.fileno(), size, offset).decode()
    file.seek(offset)
    return file.read(size).decode()
