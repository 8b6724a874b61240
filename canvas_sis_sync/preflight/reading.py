"""A stream that notes what goes by while it is read: how much, and whether rare characters are in it."""

from __future__ import annotations

from typing import BinaryIO, cast

from canvas_sis_sync.forked import Progress
from canvas_sis_sync.preflight.marks import CONTROLS

_CONTROLS = tuple(control.encode() for control in CONTROLS)


class Watched:
    """Reads on from another stream."""

    def __init__(self, stream: BinaryIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress
        self.bytes_read = 0
        #: True once a NUL was read; it may belong to rows that are still to come.
        self.has_nul = False
        #: True once something was read that may be a mark in an id (`marks`), which is so of few files.
        self.has_marks = False
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        chunk = self._stream.read(size)
        self.bytes_read += len(chunk)
        self.has_nul = self.has_nul or b"\0" in chunk
        self.has_marks = self.has_marks or _holds_marks(self._last + chunk)
        self._last = chunk[-1:]
        self._progress(len(chunk))
        return chunk

    @property
    def as_stream(self) -> BinaryIO:
        """Pass for a stream of which only `read` is used."""
        return cast("BinaryIO", self)


def _holds_marks(chunk: bytes) -> bool:
    return (
        not chunk.isascii()
        or any(map(chunk.__contains__, _CONTROLS))
        or (b"+" in chunk and (b"E+" in chunk or b"e+" in chunk))
        or (b"." in chunk and b".0" in chunk)
    )
