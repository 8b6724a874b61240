"""Exports that are not UTF-8: what they seem to be, and their conversion where an encoding is configured.

Never on a guess, and strictly: a byte that the configured encoding has no character for ends the conversion.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, BinaryIO

from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.errors import SyncError
from canvas_sis_sync.sis_csv.reader import foreign_format

BLOCK_BYTES = 1 << 18
SAMPLE_BYTES = 1 << 16


class NotInEncoding(SyncError):
    """A file has bytes that the configured encoding has no character for."""


def recoded(file: DeliveryFile, encoding: str) -> DeliveryFile:
    """Return `file` as UTF-8; one that is UTF-8 already, or no text at all, is given as it is.

    Reads the file once, to learn its size as UTF-8. Raises NotInEncoding, OSError.
    """
    if _size_as_utf8(file, "utf-8") is not None or _is_foreign(file):
        return file
    size = _size_as_utf8(file, encoding)
    if size is None:
        raise NotInEncoding(
            f"{file.name} is neither UTF-8 nor {encoding}: it has bytes that mean nothing in either.",
            "Let the SIS export UTF-8, or set SIS_SYNC_SOURCE_ENCODING to what it really writes.",
        )

    def open_recoded() -> BinaryIO:
        return io.BufferedReader(_Recoded(file.open(), encoding), BLOCK_BYTES)

    return replace(file, size=size, open=open_recoded)


def guess(file: DeliveryFile) -> str:
    """Name what a file that is not UTF-8 seems to be, by its first bytes that are not ASCII. Raises OSError."""
    with file.open() as stream:
        sample = stream.read(SAMPLE_BYTES)
        while sample and sample.isascii() and b"\0" not in sample:
            sample = stream.read(SAMPLE_BYTES)
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    nuls_even, nuls_odd = sample[::2].count(0), sample[1::2].count(0)
    if nuls_even + nuls_odd > len(sample) // 8:
        return "utf-16-le" if nuls_odd >= nuls_even else "utf-16-be"
    return "cp1252"


def _is_foreign(file: DeliveryFile) -> bool:
    with file.open() as stream:
        return bool(foreign_format(stream.read(SAMPLE_BYTES)))


def _size_as_utf8(file: DeliveryFile, encoding: str) -> int | None:
    try:
        with file.open() as stream:
            return sum(len(block) for block in _blocks(stream, encoding))
    except UnicodeError:
        return None


def _blocks(stream: BinaryIO, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    while block := stream.read(BLOCK_BYTES):
        yield decoder.decode(block).encode()
    yield decoder.decode(b"", final=True).encode()


class _Recoded(io.RawIOBase):
    """A stream of UTF-8 over a stream in another encoding."""

    def __init__(self, source: BinaryIO, encoding: str) -> None:
        self._source = source
        self._blocks = _blocks(source, encoding)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = block
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count

    def close(self) -> None:
        self._source.close()
        super().close()
