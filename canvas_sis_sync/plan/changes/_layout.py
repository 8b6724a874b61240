"""How the cells of a row are laid out to be compared: the key, what both sides have, and what only one has.

Owns the order of the columns, which does not matter to Canvas (DIFF 4), and the text that stands for some cells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import ne

from canvas_sis_sync.sis_csv.formats import Kind

CELL, PART, ESCAPE = "\x1f", "\x1e", "\x1d"
"""Stand between cells, as a cell between parts of a record, and in cells in which one of the three occurs."""
EDGE = f"{CELL}{PART}{CELL}"
"""What so stands between parts, and between records too."""
_ESCAPED = {ESCAPE: f"{ESCAPE}0", CELL: f"{ESCAPE}1", PART: f"{ESCAPE}2"}
_ESCAPES = str.maketrans(_ESCAPED)
LEAST_VALUES = 8
"""Values among some hundred rows that a column must have to distinguish buckets."""

Columns = Mapping[str, Sequence[str]]
"""Some rows, by column."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of one side of a kind."""

    #: As the files have them, doubled ones once.
    header: tuple[str, ...]
    #: Those of the kind's key that one of the sides has.
    key: tuple[str, ...]
    #: The others that both sides have.
    common: tuple[str, ...]
    #: The others that only this side has.
    extra: tuple[str, ...]

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """Give the columns of each text of a record, the key first."""
        return (self.key, self.common, self.extra) if self.extra else (self.key, self.common)


def lay_out(kind: Kind, before: Sequence[str], now: Sequence[str]) -> tuple[Layout, Layout]:
    """Lay out both sides from the columns they have; one without any has no rows, and gets those of the other."""
    before, now = before or now, now or before
    key = tuple(name for name in kind.key if name in before or name in now)
    both = set(before) & set(now) - set(key)
    common = tuple(name for name in now if name in both)

    def of(header: Sequence[str]) -> Layout:
        extra = tuple(name for name in header if name not in key and name not in both)
        return Layout(tuple(header), key, common, extra)

    return of(before), of(now)


def records(layout: Layout, columns: Columns, count: int) -> Iterator[str]:
    """Make one text of each row: its parts, with an edge between them."""
    blank, part = [""] * count, [PART] * count
    cells: list[Sequence[str]] = []
    for names in layout.parts:
        cells += [part, *(map(columns.__getitem__, names) if names else [blank])]
    return map(CELL.join, zip(*cells[1:], strict=True))


def spreading(layout: Layout, columns: Columns, name: str) -> Sequence[str]:
    """Give the cells of a key column, and for those without a value the whole key."""
    if "" not in columns[name]:
        return columns[name]
    keys = zip(*map(columns.__getitem__, layout.key), strict=True)
    return [cell or CELL.join(key) for cell, key in zip(columns[name], keys, strict=True)]


def best_spread(layout: Layout, columns: Columns) -> str:
    """Choose the key column by which rows are put into buckets: one with many values, each in rows that follow."""
    changes = {name: sum(map(ne, columns[name], columns[name][1:])) for name in layout.key}
    several = [name for name in layout.key if len(set(columns[name])) > LEAST_VALUES]
    return min(several or layout.key, key=changes.__getitem__)


def split(texts: Sequence[str], names: Sequence[str]) -> dict[str, list[str]]:
    """Give the cells that texts were joined from, escaped ones as they were, by column."""
    if not texts or not names:
        return {name: [] for name in names}
    joined = CELL.join(texts)
    cells = joined.split(CELL)
    if ESCAPE in joined:
        cells = list(map(_unescaped, cells))
    return {name: cells[place :: len(names)] for place, name in enumerate(names)}


def escape(columns: Columns) -> dict[str, list[str]]:
    """Replace marks in the cells; no two cells become the same, and cells without a mark stay as they are."""
    return {name: [cell.translate(_ESCAPES) for cell in column] for name, column in columns.items()}


def _unescaped(cell: str) -> str:
    for mark in (PART, CELL, ESCAPE):  # the mark of marks last
        cell = cell.replace(_ESCAPED[mark], mark)
    return cell
