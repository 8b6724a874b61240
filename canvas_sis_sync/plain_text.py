"""Text from outside made harmless where people read it: on terminals, in logs and mails, and in JSON.

Names of files, cells, Canvas's messages and what people type may hold escape sequences, bidirectional marks, invisible
characters and line ends. A plain `str` counts as one line that may hold any of them; only `lines` makes text of several
lines. So a line end that comes from outside cannot begin a line of a mail or of the log.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import IO, Any

from canvas_sis_sync.file_names import on_disk

_SPACES = frozenset("\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000")
"""Not printable for Python, but harmless and ordinary, as between the words of French and Japanese."""
_IGNORABLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Printable for Python, but shown as nothing: fillers and variation selectors."""
_BYTES = range(0xDC80, 0xDD00)
"""Bytes of a file's name that are not UTF-8, as Python has them; shown as what they are."""
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Lines(str):
    """Text whose line ends are ours and that holds nothing invisible."""

    __slots__ = ()


def lines(parts: Iterable[str]) -> Lines:
    """Join lines; a part that is `Lines` already stays as it is, any other becomes one visible line."""
    return Lines("\n".join(map(visible, parts)))


def visible(text: str) -> str:
    r"""Return the text as one line, with what is not seen or moves a cursor as `\n`, `\x1b` or `\u202e`.

    Letters, combining marks and spaces of all languages stay as they are, and so does text that is `Lines`.
    """
    if isinstance(text, Lines) or (text.isprintable() and not _IGNORABLE.search(text)):
        return text
    return "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    if character in _SPACES or (character.isprintable() and not _IGNORABLE.match(character)):
        return character
    code = ord(on_disk(character))
    if _BYTES[0] <= code <= _BYTES[-1]:
        code -= _BYTES[0] - 0x80
    if code < 0x100:
        return _NAMED.get(character) or f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def as_json(value: Any, indent: int | None = None) -> Lines:
    r"""Return a value as JSON in which letters are readable, and what `visible` escapes is written as `\u202e`."""
    import json

    written = json.dumps(value, ensure_ascii=False, indent=indent).split("\n")
    return Lines("\n".join(line if visible(line) == line else "".join(map(_in_json, line)) for line in written))


def _in_json(character: str) -> str:
    import json

    return character if _escaped(character) == character else json.dumps(character)[1:-1]


_FORMULAS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212'")
"""What makes a spreadsheet compute a cell, in full width and small form too, and the quote that prevents it."""
_QUOTED = "\r\n"
"""Python's writer quotes a cell for characters of the line end only, and a bare CR would begin a row of its own."""


def inert(cell: str) -> str:
    """Return a cell that no spreadsheet computes."""
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell


def original(cell: str) -> str:
    """Return what `inert` was given."""
    return cell.removeprefix("'")


class Writer:
    """Writes rows to a file, each text in them `inert`; numbers stay as they are, None is a blank cell."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._writer = csv.writer(self, lineterminator=_QUOTED)

    def write(self, line: str) -> int:
        """Take a line from the writer of the standard library. Raises OSError."""
        return self._file.write(f"{line.removesuffix(_QUOTED)}\n")

    def add(self, cells: Iterable[str | int | None]) -> None:
        """Write one row. Raises OSError."""
        self._writer.writerow([inert(cell) if isinstance(cell, str) else cell for cell in cells])
