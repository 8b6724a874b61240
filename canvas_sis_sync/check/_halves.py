"""The two halves of a large file, read at the same time by two processes.

Owns where a CSV may be cut. The second process is forked, so that it knows what is known so far and hashes alike; where
that is not safe, or the file is not a plain one, the caller reads it as a whole. The outcome does not depend on it.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, TypeVar, cast

from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.parallel import Forked, Progress, may_fork
from canvas_sis_sync.progress import unseen

LEAST_BYTES = 16 << 20
"""Smaller files are read sooner than a process is started."""
CHUNK_BYTES = 1 << 20

Found = TypeVar("Found")
Work = Callable[[BinaryIO, int], Found]
"""Gets a stream and how many bytes at its start belong to the other half: none in the process that asked."""


@dataclass(frozen=True, slots=True)
class CutPoint:
    """Where a file is cut: between two records."""

    #: The first line, which the second half is given too.
    header: bytes
    offset: int


def in_halves(file: DeliveryFile, work: Work[Found]) -> tuple[Found, Found] | None:
    """Do the same work on both halves of a file at the same time; each is a CSV with the file's header.

    Gives None where the file is too small, cannot be cut, or the second process did not finish its work. Raises
    whatever the work on the first half raises.
    """
    if not worth_it(file.size):
        return None
    with file.open() as stream:
        cut = find_cut(stream, file.size) if stream.seekable() else None
    return _at_once(file, cut, work) if cut else None


def find_cut(stream: BinaryIO, size: int) -> CutPoint | None:
    """Find a line end about the middle that no quote encloses; None where the header is not a plain line."""
    header = stream.readline(CHUNK_BYTES)
    if not header.endswith(b"\n") or b'"' in header or b"\r" in header[:-2] or not header.strip(b"\xef\xbb\xbf\r\n"):
        return None
    offset = len(header)
    quotes = 0
    while offset < size // 2:
        chunk = stream.read(min(CHUNK_BYTES, size // 2 - offset))
        if not chunk:
            return None
        offset += len(chunk)
        quotes += chunk.count(b'"')
    for line in iter(lambda: stream.readline(CHUNK_BYTES), b""):
        offset += len(line)
        quotes += line.count(b'"')
        if quotes % 2 == 0 and line.endswith(b"\n"):
            return CutPoint(header, offset)
    return None


def worth_it(size: int) -> bool:
    """Return whether to start a process: not for a small file, and not where it is unsafe."""
    return size >= LEAST_BYTES and may_fork()


def _at_once(file: DeliveryFile, cut: CutPoint, work: Work[Found]) -> tuple[Found, Found] | None:
    def second_half(report: Progress) -> Found:
        with file.open() as stream:
            stream.seek(cut.offset)
            return work(cast("BinaryIO", Piece(stream, cut.header, sys.maxsize, report)), len(cut.header))

    with Forked(second_half) as helper:
        with file.open() as stream:
            first = work(cast("BinaryIO", Piece(stream, b"", cut.offset)), 0)
        second = helper.result()
    return None if second is None else (first, second)


class Piece(io.RawIOBase):
    """Some bytes and then a part of a stream; reports at each read that it is still running."""

    def __init__(self, stream: BinaryIO, before: bytes, size: int, report: Progress = unseen) -> None:
        self._stream = stream
        self._before = before
        self._left = size
        self._report = report

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        self._report(0)
        if self._before:
            before, self._before = self._before, b""
            return before
        chunk = self._stream.read(min(size, self._left))
        self._left -= len(chunk)
        return chunk
