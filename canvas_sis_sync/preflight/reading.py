"""A stream that notes what goes by while it is read: how much, and whether a NUL is in it."""

from __future__ import annotations

from typing import BinaryIO, cast

from canvas_sis_sync.forked import Progress


class Watched:
    """Reads on from another stream."""

    def __init__(self, stream: BinaryIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress
        self.bytes_read = 0
        #: True once a NUL was read; it may belong to rows that are still to come.
        self.has_nul = False

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        chunk = self._stream.read(size)
        self.bytes_read += len(chunk)
        self.has_nul = self.has_nul or b"\0" in chunk
        self._progress(len(chunk))
        return chunk

    @property
    def as_stream(self) -> BinaryIO:
        """Pass for a stream of which only `read` is used."""
        return cast("BinaryIO", self)
