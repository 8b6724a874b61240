"""How many rows a file has, counted from its bytes as they pass by on their way elsewhere.

Owns counting, which is right for every file that Canvas can read, and notices what is not UTF-8. Leaves finding other
faults to `reader`.
"""

from __future__ import annotations

import codecs
import io
from dataclasses import dataclass
from typing import BinaryIO

from canvas_sis_sync.sis_csv.reader import Malformed, open_csv
from canvas_sis_sync.sis_csv.texts import NotUtf8

BLOCK_BYTES = 1 << 18
HEAD_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LINE_ENDS = b"\r\n"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a CSV holds, at a glance."""

    #: The kind's name, None when Canvas will not recognize the file: no rule fits, or it is not UTF-8 (CSV 5).
    kind: str | None
    #: Data rows as Canvas counts them (CSV 6), None when the file is not UTF-8 or a quote is never closed.
    rows: int | None
    #: Lower-cased, not trimmed; empty for a file that is empty or not UTF-8, or whose header is malformed.
    header: tuple[str, ...]


def count_rows(stream: BinaryIO) -> Summary:
    """Count the data rows of a CSV, reading the stream to its end. Raises nothing but what reading raises."""
    counter = RowCounter()
    while block := stream.read(BLOCK_BYTES):
        counter.feed(block)
    return counter.finish()


def count_lines(stream: BinaryIO) -> int:
    """Count the lines with content of a file that is no CSV, whatever its quotes, reading the stream to its end."""
    counter = RowCounter()
    while block := stream.read(BLOCK_BYTES):
        counter.count(block)
    return counter.lines


class RowCounter:
    """Counts the data rows of a CSV that is fed block by block, cut anywhere."""

    def __init__(self) -> None:
        self._head = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._is_utf8 = True
        self.lines = 0
        self._quoted = False
        self._in_line = False

    def feed(self, block: bytes) -> None:
        """Take the next bytes of the file."""
        self._decode(block)
        if self.lines < 3 and len(self._head) < HEAD_BYTES:
            self._head += block
        if self._quoted or b'"' in block:
            block = self._outside_quotes(block)
        if block:
            self.count(block)

    def finish(self) -> Summary:
        """Return what was counted, with None for what cannot be known of a file that cannot be read."""
        unreadable = Summary(kind=None, rows=None, header=())
        self._decode(b"", final=True)
        if not self._is_utf8:
            return unreadable
        try:
            file = open_csv(io.BytesIO(self._head))
        except (NotUtf8, Malformed):
            return unreadable
        rows = max(self.lines - self._lines_of_mark_alone() - 1, 0)
        return Summary(
            kind=file.kind.name if file.kind else None,
            rows=None if self._quoted else rows,
            header=tuple(file.header),
        )

    def _decode(self, block: bytes, *, final: bool = False) -> None:
        try:
            self._decoder.decode(block, final)
        except UnicodeDecodeError:
            self._is_utf8 = False

    def _outside_quotes(self, block: bytes) -> bytes:
        """Leave out what stands inside quotes, whose line ends do not end a row."""
        pieces = block.split(b'"')
        outside = pieces[self._quoted :: 2]
        self._quoted ^= len(pieces) % 2 == 0
        if self._quoted:
            outside.append(b"")  # so that a line which begins with the open quote is counted now
        return b'"'.join(outside)

    def count(self, block: bytes) -> None:
        """Count the lines with content that begin in the block."""
        lines = block.splitlines()
        continues = self._in_line and block[0] not in _LINE_ENDS
        self.lines += len(lines) - lines.count(b"") - continues
        self._in_line = block[-1] not in _LINE_ENDS

    def _lines_of_mark_alone(self) -> int:
        """Return 1 when the byte order mark is followed by a line end, or nothing, and was counted as a line."""
        after = self._head.removeprefix(_BYTE_ORDER_MARK)
        return int(len(after) < len(self._head) and after[:1] in (b"", b"\r", b"\n"))
