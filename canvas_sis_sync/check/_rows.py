"""The rows of one block, seen by columns, and the heading of their file.

Owns access by column name as Canvas has it: a missing column is one of blank cells, of two equal ones the first counts.
Finds out as which column a header cell was probably meant that Canvas does not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches

from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.sis_csv.formats import TRIMMED, Kind, ValueType
from canvas_sis_sync.sis_csv.reader import Block

LEAST_LIKENESS = 0.82
"""Takes `sttaus` for status and `mail` for email, and leaves `course_code`, `middle_name` and `start_time` alone."""
_BETWEEN = re.compile(r"[\W_]+|sis")


class Heading:
    """The header of a file of a recognized kind."""

    def __init__(self, cells: Sequence[str], kind: Kind) -> None:
        self.cells = tuple(cells)
        self.kind = kind
        self.places: dict[str, int] = {}
        for place, cell in enumerate(cells):
            self.places.setdefault(cell, place)

    def has(self, name: str) -> bool:
        """Return whether Canvas finds the column: header cells are compared untrimmed (CSV 3)."""
        return name in self.places

    def padded(self) -> tuple[str, ...]:
        """Name the columns of the kind that Canvas does not find because their header cell is padded."""
        trimmed = {cell.strip(TRIMMED) for cell in self.cells if cell.strip(TRIMMED) != cell}
        return tuple(name for name in self.kind.columns if name in trimmed and not self.has(name))

    def mistyped(self) -> dict[str, str]:
        """Return the cells that are no column of the kind and near one that is missing, with the name of that."""
        missing = [name for name in self.kind.columns if not self.has(name) and name not in self.padded()]
        unknown = dict.fromkeys(cell for cell in self.cells if cell.strip(TRIMMED) not in self.kind.columns)
        return {cell: near for cell in unknown if (near := nearest(cell, missing))}

    def doubled(self) -> tuple[str, ...]:
        """Name the columns of the kind that stand there more than once."""
        return tuple(name for name in self.kind.columns if self.cells.count(name) > 1)


class Rows:
    """A block of consecutive rows. Values are trimmed; "" stands for no value."""

    def __init__(
        self, heading: Heading, block: Block, options: CheckOptions, *, may_hold_nul: bool, may_hold_marks: bool
    ) -> None:
        self._heading = heading
        self._columns = block.columns
        self._overlong = block.overlong
        self._distinct: dict[str, set[str]] = {}
        self._hashes: dict[str, list[int]] = {}
        self._texts: dict[str, str] = {}
        self.first_row = block.first_row
        self.size = len(block)
        self._blanks = [""] * self.size
        self.options = options
        self.may_hold_nul = may_hold_nul
        self.may_hold_marks = may_hold_marks

    @property
    def kind(self) -> Kind:
        """The kind of the file."""
        return self._heading.kind

    def has(self, name: str) -> bool:
        """Return whether the file has the column."""
        return self._heading.has(name)

    def column(self, name: str) -> list[str]:
        """Return the values of a column, blanks for one that is missing."""
        place = self._heading.places.get(name)
        return self._blanks if place is None else self._columns[place]

    def distinct(self, name: str) -> set[str]:
        """Return the different values of a column."""
        found = self._distinct.get(name)
        if found is None:
            found = self._distinct[name] = set(self.column(name)) if self.has(name) else {""}
        return found

    def hashes(self, name: str) -> list[int]:
        """Return the hashes of a column; that of a blank is 0."""
        found = self._hashes.get(name)
        if found is None:
            found = self._hashes[name] = list(map(hash, self.column(name)))
        return found

    def text(self, name: str) -> str:
        """Return the values of a column as one text, with a comma between them."""
        found = self._texts.get(name)
        if found is None:
            found = self._texts[name] = ",".join(self.column(name))
        return found

    def line(self, place: int) -> int:
        """Return a hash of all cells of a row, those that Canvas does not know too."""
        return hash(tuple(column[place] for column in self._columns))

    def places(self, name: str, values: set[str]) -> list[int]:
        """Return the places in the block at which a column has one of some values."""
        if not values:
            return []
        return [place for place, value in enumerate(self.column(name)) if value in values]

    def blank(self, *names: str) -> list[int]:
        """Return the places at which all of some columns are blank."""
        present = [self.column(name) for name in names if self.has(name)]
        if not present:
            return list(range(self.size))
        first, *others = present
        if any("" not in column for column in present):
            return []
        places = [place for place, value in enumerate(first) if not value]
        for column in others:
            places = [place for place in places if not column[place]]
        return places

    def all_columns(self) -> Iterator[tuple[str, list[str]]]:
        """Yield every column and its name, those that Canvas does not know too."""
        yield from zip(self._heading.cells, self._columns, strict=True)

    def text_columns(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the columns whose text Canvas stores or looks up."""
        for name, column in self.kind.columns.items():
            if column.type is ValueType.TEXT and self.has(name):
                yield name, self.column(name)

    def empty(self) -> set[int]:
        """Return the places of rows without any value: Canvas counts them and passes over them silently (CSV 4)."""
        return set(self.blank(*self._heading.places)) - self._overlong


def nearest(cell: str, names: Iterable[str]) -> str:
    """Return the column among `names` that a header cell is near, "" for none.

    Case, spaces, hyphens and underscores do not count, nor does an `_id` that is left out.
    """
    plain = {_plain(name): name for name in names}
    wanted = _plain(cell)
    for text in (wanted, f"{wanted}id"):
        if wanted and text in plain:
            return plain[text]
    return next((plain[text] for text in get_close_matches(wanted, plain, 1, LEAST_LIKENESS)), "")


def _plain(name: str) -> str:
    return _BETWEEN.sub("", name.lower())
