"""Keys that came back without the leading zeros of their numbers, as a spreadsheet program saves them."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator

from canvas_sis_sync.plan.changes._layout import CELL

Renamed = tuple[str, str]
"""A number as it was, and without its leading zeros."""

_ZEROS = re.compile(rf"(?:\A|(?<={CELL}))0+(?=[0-9]+(?:{CELL}|\Z))")


def with_zeros(keys: Iterable[str]) -> Iterator[str]:
    """Yield the keys that have a number with leading zeros."""
    return (key for key in keys if (key[:1] == "0" or f"{CELL}0" in key) and _ZEROS.search(key))


def lost_zeros(removed: Iterable[str], before: Container[str], now: Container[str]) -> list[Renamed]:
    """Return a number of each removed key that is new without the leading zeros of all its numbers."""
    pairs = ((key, _ZEROS.sub("", key)) for key in with_zeros(removed))
    return [_first_number(old, new) for old, new in pairs if new in now and new not in before]


def _first_number(old: str, new: str) -> Renamed:
    cells = zip(old.split(CELL), new.split(CELL), strict=True)
    return next(pair for pair in cells if pair[0] != pair[1])
