"""Canvas's CSV dialect: bytes in, trimmed values out by rows or by columns, streaming (CSV 3 to 6).

Owns quoting, trimming and row numbers. A text of many records is split as a whole: each quoted cell is taken out and
leaves one quote behind, and so the text is well-formed exactly when every quote that is left is a whole cell and
every line end is of the file's style. Only where that fails is the text walked cell by cell, to say where and why.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import BinaryIO

from canvas_sis_sync.sis_csv import texts
from canvas_sis_sync.sis_csv.formats import TRIMMED, Kind
from canvas_sis_sync.sis_csv.kinds import recognize

_UNICODE_SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_WIDE_SPACE = re.compile(f"[{_UNICODE_SPACES[6:]}]")
_CELL = re.compile(r'"[^"]*+(?:""[^"]*+)*+"|[^",\r\n]*+')
MOST_COLUMNS = 1000
"""Columns of a file. Canvas knows fewer than 100 of the largest kind."""
_ROW_END = "\n"
"""Stands as a cell between two rows; no value is a line end alone, being trimmed."""


class Malformed(ValueError):
    """A record breaks the rules of quotes or line ends; `row` is its number as Canvas counts, the header being 1."""

    def __init__(self, row: int, fault: str) -> None:
        super().__init__(f"Row {row} is malformed: {fault}. Repair the export: Canvas drops the whole file.")
        self.row = row


class TooManyColumns(Malformed):
    """A header has more cells than any file of Canvas's kinds; nothing of the file is read."""

    def __init__(self, columns: int) -> None:
        ValueError.__init__(
            self, f"The header has {columns:,} columns; files with more than {MOST_COLUMNS:,} are not read."
        )
        self.row = 1


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows that follow each other, by column."""

    #: Number of the first of them as Canvas counts; the others follow without a gap.
    first_row: int
    #: One list of values for each cell of the header: trimmed, "" for no value.
    columns: tuple[list[str], ...]
    #: Indexes of rows that have values beyond the header's cells, which Canvas ignores.
    overlong: frozenset[int] = frozenset()

    def __len__(self) -> int:
        return len(self.columns[0])


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file whose header has been read. Its rows can be taken once, by `blocks` or by iterating.

    Iterating gives of each row its number as Canvas counts (the first data row is 2) and one value for each cell of
    the header: trimmed, None when empty or missing. Rows without any value are counted, but not given. Both raise
    `NotUtf8` and `Malformed` where the stream turns out to be so.
    """

    #: Lower-cased, but not trimmed: a padded name is one that Canvas does not find (CSV 3). Empty for an empty file.
    header: list[str]
    #: Recognized from the trimmed header, None when no rule fits.
    kind: Kind | None
    #: The rows, those without any value included, some 1,000 at a time.
    blocks: Iterator[Block]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the file has: a doubled one counts once, and an empty header cell is none (CSV 3)."""
        return tuple(dict.fromkeys(name for name in self.header if name.strip(TRIMMED)))

    def __iter__(self) -> Iterator[tuple[int, list[str | None]]]:
        for block in self.blocks:
            for index, values in enumerate(zip(*block.columns, strict=True)):
                if any(values) or index in block.overlong:
                    yield block.first_row + index, [value or None for value in values]


def open_csv(stream: BinaryIO) -> CsvFile:
    """Read the header of a CSV and give its rows as they are asked for, in flat memory.

    The stream is read forward from where it stands and is not closed. Raises `NotUtf8` and `Malformed`; a file that
    is both is `NotUtf8`, as Canvas looks for that first.
    """
    pieces = texts.decoded(stream)
    line_end, whole = texts.cut(pieces)
    try:
        cells, rest = _header(whole, line_end)
        blocks = _blocks(rest, line_end, len(cells), pieces)
    except _Fault as fault:
        _read_to_end(pieces)
        raise Malformed(1, fault.sentence) from None
    if len(cells) > MOST_COLUMNS:
        _read_to_end(pieces)
        raise TooManyColumns(len(cells))
    return CsvFile(header=[cell.lower() for cell in cells], kind=recognize(cells), blocks=blocks)


class _Fault(Exception):
    """The record that begins at `start` of a text is malformed."""

    def __init__(self, start: int, sentence: str) -> None:
        super().__init__(sentence)
        self.start = start
        self.sentence = sentence


class _Irregular(Exception):
    """A text is malformed somewhere."""


def _read_to_end(pieces: Iterator[str]) -> None:
    """Decode what is left, so that `NotUtf8` is raised before any other fault is."""
    for _ in pieces:
        pass


def _header(whole: Iterator[str], line_end: str) -> tuple[list[str], Iterator[str]]:
    """Return the cells of the first record that is not an empty line, and the texts that follow it."""
    for text in whole:
        for start, end in _records(text, line_end):
            outside, quoted = _unquoted(text[start:end])
            cells = outside.split(",")
            _put_back(cells, quoted)
            return cells, chain([text[end + len(line_end) :]], whole)
    return [], iter(())


def _blocks(whole: Iterator[str], line_end: str, width: int, pieces: Iterator[str]) -> Iterator[Block]:
    """Yield the rows of each text, up to the first malformed record."""
    row = 2
    for text in whole:
        try:
            block = _block(text, line_end, width, row)
        except _Irregular:
            fault = _first_fault(text, line_end)
            block = _block(text[: fault.start], line_end, width, row)
            if len(block):
                yield block
            _read_to_end(pieces)
            raise Malformed(row + len(block), fault.sentence) from None
        if len(block):
            yield block
            row += len(block)


def _block(text: str, line_end: str, width: int, row: int) -> Block:
    """Split a text of whole records into columns. Raises `_Irregular`."""
    outside, quoted = _unquoted(text)
    if _has_stray_line_end(outside, line_end):
        raise _Irregular
    if line_end * 2 in outside or outside.startswith(line_end) or outside.endswith(line_end):
        outside = line_end.join(filter(None, outside.split(line_end)))
    if not outside:
        return Block(row, tuple([] for _ in range(width)))
    marked = outside.replace(line_end, f",{_ROW_END},")
    rows = (len(marked) - len(outside)) // (3 - len(line_end)) + 1
    cells = marked.split(",")
    _put_back(cells, _trimmed(quoted))
    if _needs_trimming(f",{marked},", ","):
        cells = [cell if cell == _ROW_END else _value(cell) for cell in cells]
    columns = _regular(cells, rows, width)
    return Block(row, columns) if columns else Block(row, *_ragged(cells, rows, width))


def _has_stray_line_end(outside: str, line_end: str) -> bool:
    if len(line_end) == 1:
        return ("\r" if line_end == "\n" else "\n") in outside
    return outside.count("\r") + outside.count("\n") != outside.count(line_end) * 2


def _unquoted(text: str) -> tuple[str, list[str]]:
    """Leave one quote in place of each quoted cell, and give the contents of these. Raises `_Irregular`."""
    if len(text) > texts.RECORD_LIMIT:
        raise _Irregular
    pieces = text.split('"')
    if len(pieces) % 2 == 0:
        raise _Irregular
    if "" in pieces[2:-2:2]:
        pieces = _joined(pieces)
    return '"'.join(pieces[::2]), pieces[1::2]


def _joined(pieces: list[str]) -> list[str]:
    """Join what doubled quotes have split: nothing stands between them, and no cells touch without a separator."""
    joined = [pieces[0]]
    content: list[str] = []
    for inside, after in zip(pieces[1:-2:2], pieces[2:-2:2], strict=True):
        content.append(inside)
        if after:
            joined += ['"'.join(content), after]
            content.clear()
    return [*joined, '"'.join([*content, pieces[-2]]), pieces[-1]]


def _put_back(cells: list[str], quoted: list[str]) -> None:
    """Replace the quotes that `_unquoted` left by contents. Raises `_Irregular` where one is not a whole cell."""
    position = -1
    try:
        for content in quoted:
            position = cells.index('"', position + 1)
            cells[position] = content
    except ValueError:
        raise _Irregular from None


def _needs_trimming(text: str, edge: str) -> bool:
    """Return whether any value may have to be trimmed; each stands between two edges."""
    return (
        (" " in text and (f"{edge} " in text or f" {edge}" in text))
        or any(map(text.__contains__, "\0\t\v\f\r"))
        or (not text.isascii() and _WIDE_SPACE.search(text) is not None)
    )


def _trimmed(quoted: list[str]) -> list[str]:
    text = '"'.join(["", *quoted, ""])
    return [_value(cell) for cell in quoted] if "\n" in text or _needs_trimming(text, '"') else quoted


def _value(cell: str) -> str:
    """Trim a cell; what is made of Unicode spaces only is no value (CSV 4)."""
    trimmed = cell.strip(TRIMMED)
    return trimmed if trimmed.isascii() or trimmed.strip(_UNICODE_SPACES) else ""


def _regular(cells: list[str], rows: int, width: int) -> tuple[list[str], ...] | None:
    """Make columns of rows that have one cell for each of the header, None when some do not."""
    step = width + 1
    if len(cells) != rows * step - 1 or cells[width::step].count(_ROW_END) != rows - 1:
        return None
    return tuple([cells[column::step] for column in range(width)])


def _ragged(cells: list[str], rows: int, width: int) -> tuple[tuple[list[str], ...], frozenset[int]]:
    """Make columns of rows of any length, and find those that have values beyond the last column."""
    columns: tuple[list[str], ...] = tuple([] for _ in range(width))
    overlong = set()
    start = 0
    cells.append(_ROW_END)
    for row in range(rows):
        end = cells.index(_ROW_END, start)
        values = cells[start:end]
        if any(values[width:]):
            overlong.add(row)
        values += [""] * (width - len(values))
        for column, value in zip(columns, values, strict=False):
            column.append(value)
        start = end + 1
    return columns, frozenset(overlong)


def _first_fault(text: str, line_end: str) -> _Fault:
    """Find the first malformed record of a text that has one."""
    records = _records(text, line_end)
    try:
        while True:
            next(records)
    except _Fault as fault:
        return fault


def _records(text: str, line_end: str) -> Iterator[tuple[int, int]]:
    """Walk a text cell by cell: give start and end of each record that is not empty. Raises `_Fault`."""
    if len(text) > texts.RECORD_LIMIT:
        limit = f"it is longer than {texts.RECORD_LIMIT} characters, so a quote is probably not closed"
        raise _Fault(0, limit)
    start = position = 0
    while position < len(text):
        cell = position
        position = _end_of_cell(text, cell)
        if text.startswith(",", position):
            position += 1
        elif text.startswith(line_end, position):
            if start < position:
                yield start, position
            start = position = position + len(line_end)
        elif position < len(text):
            raise _Fault(start, _sentence(text, cell, position))
    if start < len(text):
        yield start, len(text)


def _end_of_cell(text: str, start: int) -> int:
    """Return where the cell from `start` on ends, which is `start` itself for an empty one or an unclosed quote."""
    found = _CELL.match(text, start)
    return found.end() if found else start


def _sentence(text: str, cell: int, position: int) -> str:
    """Describe what is wrong with the cell from `cell` to `position`, where neither a comma nor a line end follows."""
    if text[position] in "\r\n":
        return "its line end differs from the first one of the file"
    if position == cell:
        return "a quote is opened and never closed"
    if text[cell] == '"':
        return "something stands between a closing quote and the next comma"
    return "there is a quote inside a cell that does not begin with one"


_FORMATS = (
    (b"PK\x03\x04", "an Excel workbook (.xlsx) or a zip"),
    (b"PK\x05\x06", "an empty zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook (.xls)"),
    (b"\x1f\x8b", "a file compressed by gzip"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"%PDF-", "a PDF"),
)
_PAGES = (b"<!doctype html", b"<html")


def foreign_format(head: bytes) -> str:
    """Name the format that a file with these first bytes has, "" where it may be a CSV."""
    for beginning, name in _FORMATS:
        if head.startswith(beginning):
            return name
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    return "a web page (HTML)" if text.startswith(_PAGES) else ""
