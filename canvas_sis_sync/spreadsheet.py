"""CSVs that people open in a spreadsheet, which computes cells that look like formulas, wherever they come from.

Such a cell gets a single quote before it, and so does one that begins with a quote: `original` takes it away again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from typing import IO

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
