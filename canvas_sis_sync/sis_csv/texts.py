"""From bytes to texts of whole records, in flat memory (CSV 3 and 4).

Owns the encoding, the byte order mark, the style of line ends and where the stream may be cut. Leaves to `reader`
whether what stands between the cuts is CSV.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import BinaryIO

BLOCK_BYTES = 1 << 16
"""Bytes read at a time: some 1,000 rows; larger blocks are slower, because their cells leave the processor's cache."""
RECORD_LIMIT = 1 << 23
"""Characters in one record beyond which it is given up; keeps memory flat."""

_LINE_END = re.compile(r"\r\n|\n|\r")


class NotUtf8(ValueError):
    """The bytes are not strict UTF-8; `offset` is where the first bad byte is, counted from 0."""

    def __init__(self, offset: int) -> None:
        super().__init__(
            f"The file is not valid UTF-8 (first bad byte at offset {offset}). "
            "Export it as UTF-8: Canvas ignores the whole file."
        )
        self.offset = offset


def decoded(stream: BinaryIO) -> Iterator[str]:
    """Decode block by block, without the byte order mark; no piece but the last ends in CR. Raises `NotUtf8`."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    mark = "\ufeff"
    consumed = 0
    held = ""
    while True:
        block = stream.read(BLOCK_BYTES)
        consumed += len(block)
        try:
            text = held + decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise NotUtf8(consumed - len(error.object) + error.start) from None
        if text:
            text = text.removeprefix(mark)
            mark = ""
        held = "\r" if block and text.endswith("\r") else ""
        yield text[:-1] if held else text
        if not block:
            return


def cut(pieces: Iterator[str]) -> tuple[str, Iterator[str]]:
    """Return the line end of a file, which is the first found anywhere in it, and its text cut at such line ends.

    Each text is one or more whole records, without the last line end; one longer than `RECORD_LIMIT` is not whole,
    and the last.
    """
    opening = ""
    found = None
    for piece in pieces:
        opening += piece
        found = _LINE_END.search(piece)
        if found or len(opening) > RECORD_LIMIT:
            break
    line_end = found.group() if found else "\n"
    return line_end, _whole(chain([opening], pieces), line_end)


def _whole(pieces: Iterable[str], line_end: str) -> Iterator[str]:
    """Cut at the last line end of each piece that no quote encloses."""
    held: list[str] = []
    size = 0
    quoted = False
    for piece in pieces:
        quoted ^= piece.count('"') % 2 == 1
        end = _last_line_end(piece, line_end, quoted=quoted)
        if end >= 0:
            yield "".join([*held, piece[:end]])
            held.clear()
            size = 0
        rest = piece[end + len(line_end) :] if end >= 0 else piece
        held.append(rest)
        size += len(rest)
        if size > RECORD_LIMIT:
            break
    if size:
        yield "".join(held)


def _last_line_end(piece: str, line_end: str, *, quoted: bool) -> int:
    """Find the last line end outside quotes, -1 without one; `quoted` is True when the piece ends inside quotes."""
    end = len(piece)
    while end >= 0:
        quote = piece.rfind('"', 0, end)
        if not quoted and (found := piece.rfind(line_end, quote + 1, end)) >= 0:
            return found
        quoted = not quoted
        end = quote
    return -1
