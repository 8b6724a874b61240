"""Canvas's CSV dialect: bytes in, rows of trimmed values out, streaming (CSV 3 to 6).

Owns encoding, line ends, quoting, trimming and row numbers. Text is cut into records at the line ends that no quote
encloses, and a record is taken only if it follows the grammar to the letter, because Canvas drops the whole file
otherwise; Python's own csv module accepts most of what is malformed here.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from canvas_sis_sync.sis_csv.formats import TRIMMED, Kind
from canvas_sis_sync.sis_csv.kinds import recognise

BLOCK_BYTES = 1 << 18
RECORD_LIMIT = 1 << 24
"""Characters in one record beyond which a quote must have been left open; keeps memory flat."""

_UNICODE_SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_FIRST_LINE_END = re.compile(r"\r\n|\n|\r(?!\Z)")
_CELL = re.compile(r'(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|\Z)')
_CELL_BEFORE_LINE_END = re.compile(r'(?:"[^"]*(?:""[^"]*)*"|[^",\r\n]*)[\r\n]')


class NotUtf8(ValueError):
    """The bytes are not strict UTF-8; `offset` is where the first bad byte is, counted from 0."""

    def __init__(self, offset: int) -> None:
        super().__init__(
            f"The file is not valid UTF-8 (first bad byte at offset {offset}). "
            "Export it as UTF-8: Canvas ignores the whole file."
        )
        self.offset = offset


class Malformed(ValueError):
    """A record breaks the rules of quotes or line ends; `row` is its number as Canvas counts, the header being 1."""

    def __init__(self, row: int, fault: str) -> None:
        super().__init__(f"Row {row} is malformed: {fault}. Repair the export: Canvas drops the whole file.")
        self.row = row


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A file whose header has been read. Iterating gives its rows, once.

    Each row is its number as Canvas counts (the first data row is 2) and one value for each cell of the header:
    trimmed, None when empty or missing. Rows without any value are counted, but not given. Raises `NotUtf8` and
    `Malformed` where the stream turns out to be so.
    """

    #: Lower-cased, but not trimmed: a padded name is one that Canvas does not find (CSV 3). Empty for an empty file.
    header: list[str]
    #: Recognised from the trimmed header, None when no rule fits.
    kind: Kind | None
    _rows: Iterator[tuple[int, list[str]]]

    def __iter__(self) -> Iterator[tuple[int, list[str | None]]]:
        width = len(self.header)
        for number, cells in self._rows:
            values = [_value(cell) for cell in cells]
            if any(values):
                values += [None] * (width - len(values))
                yield number, values[:width]


def open_csv(stream: BinaryIO) -> CsvFile:
    """Read the header of a CSV and give its rows as they are asked for, in flat memory.

    The stream is read forward from where it stands and is not closed. Raises `NotUtf8` and `Malformed`.
    """
    rows = _rows(_text(stream))
    _, cells = next(rows, (1, []))
    return CsvFile(header=[cell.lower() for cell in cells], kind=recognise(cells), _rows=rows)


def _value(cell: str) -> str | None:
    """Trim a cell; what is empty or made of Unicode spaces only has no value (CSV 4)."""
    trimmed = cell.strip(TRIMMED)
    return trimmed or None if trimmed.isascii() or trimmed.strip(_UNICODE_SPACES) else None


def _text(stream: BinaryIO) -> Iterator[str]:
    """Decode block by block, without the byte order mark."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    mark = "\ufeff"
    consumed = 0
    while True:
        block = stream.read(BLOCK_BYTES)
        consumed += len(block)
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise NotUtf8(consumed - len(error.object) + error.start) from None
        if text:
            yield text.removeprefix(mark)
            mark = ""
        if not block:
            return


def _rows(blocks: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
    """Give the number and the raw cells of every record that is not an empty line, the header first."""
    opening, line_end = _opening(blocks)
    lines = _lines(opening, blocks, line_end)
    for number, record in _records(lines, line_end):
        yield number, _cells(number, record)


def _opening(blocks: Iterator[str]) -> tuple[str, str]:
    """Read up to the first line end, which sets the style of the file (CSV 4)."""
    text = ""
    for block in blocks:
        text += block
        if found := _FIRST_LINE_END.search(text):
            return text, found.group()
        if len(text) > RECORD_LIMIT:
            break
    return text, "\r" if text.endswith("\r") else "\n"


def _lines(text: str, blocks: Iterator[str], line_end: str) -> Iterator[str]:
    """Cut text at every line end, quoted or not."""
    *lines, text = text.split(line_end)
    yield from lines
    for block in blocks:
        *lines, text = (text + block).split(line_end)
        yield from lines
        if len(text) > RECORD_LIMIT:
            break
    yield text


def _records(lines: Iterable[str], line_end: str) -> Iterator[tuple[int, str]]:
    """Join the lines that an open quote holds together, leave out empty ones and number the rest from 1."""
    number = 1
    held: list[str] = []
    size = 0
    quoted = 0
    for line in lines:
        held.append(line)
        size += len(line) + 1
        quoted ^= line.count('"') & 1
        if size > RECORD_LIMIT:
            raise Malformed(number, f"it is longer than {RECORD_LIMIT} characters, so a quote is probably not closed")
        if quoted:
            continue
        if record := line_end.join(held):
            yield number, record
            number += 1
        held.clear()
        size = 0
    if quoted:
        raise Malformed(number, "a quote is opened and never closed")


def _cells(number: int, record: str) -> list[str]:
    """Split one record, or raise `Malformed` where it leaves the grammar."""
    quotes = record.count('"')
    if not quotes and "\r" not in record and "\n" not in record:
        return record.split(",")
    cells = record[1:-1].split('","')
    if quotes == 2 * len(cells) and record.startswith('"') and record.endswith('"'):
        return cells  # every cell is quoted and no quote is left over, so none stands inside a cell
    return list(_strict_cells(number, record))


def _strict_cells(number: int, record: str) -> Iterator[str]:
    position = 0
    while cell := _CELL.match(record, position):
        quoted, plain, separator = cell.groups()
        yield plain if quoted is None else quoted.replace('""', '"')
        if not separator:
            return
        position = cell.end()
    raise Malformed(number, _fault(record[position:]))


def _fault(rest: str) -> str:
    """Say what is wrong with the cell that `rest` begins with."""
    if _CELL_BEFORE_LINE_END.match(rest):
        return "its line end differs from the first one of the file"
    if rest.startswith('"'):
        return "something stands between a closing quote and the next comma"
    return "there is a quote inside a cell that does not begin with one"
