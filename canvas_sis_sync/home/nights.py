"""Loose files of several nights: which of them belong together, by the dates in their names.

An SIS that stamps its exports never overwrites the last one, so while something holds, the nights pile up beside each
other. Names that differ in nothing but a date are nights of one export. Times alone never part files: staff and
students may be exported half an hour apart and belong together.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canvas_sis_sync.home.drops import DropFile

_TIME = r"(?:[T_. -]\d{1,2}[:_.h-]?\d{2}(?:[:_.m-]?\d{2})?(?:[._]\d{3,6})?s?Z?(?:[+-]\d{2}:?\d{2})?)?(?!\d)"
_EPOCH = re.compile(r"(?<!\d)(?P<epoch>1\d{9})(?:\d{3})?(?!\d)")
_YEAR_FIRST = (
    re.compile(rf"(?<!\d)(?P<year>\d{{4}})(?P<sep>[-_. ])(?P<month>\d{{1,2}})(?P=sep)(?P<day>\d{{1,2}}){_TIME}"),
    re.compile(r"(?<!\d)(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?:\d{4}|\d{6})(?!\d)"),
    re.compile(rf"(?<!\d)(?P<year>\d{{4}})(?P<month>\d{{2}})(?P<day>\d{{2}}){_TIME}"),
)
_YEAR_LAST = (
    re.compile(rf"(?<!\d)(?P<one>\d{{1,2}})(?P<sep>[-_. ])(?P<two>\d{{1,2}})(?P=sep)(?P<year>\d{{4}}|\d{{2}}){_TIME}"),
    re.compile(rf"(?<!\d)(?P<one>\d{{2}})(?P<two>\d{{2}})(?P<year>\d{{4}}){_TIME}"),
)
_SIX_DIGITS = re.compile(rf"(?<!\d)(\d{{2}})(\d{{2}})(\d{{2}}){_TIME}")
_FIRST_YEAR, _LAST_YEAR = 1990, 2199
_TWO_DIGITS = 2


@dataclass(frozen=True, slots=True)
class _Stamp:
    """The date in a name, which day and month may share the order of in doubt."""

    #: The name without its stamp: what the nights of one export have in common.
    rest: str
    month_first: date | None
    day_first: date | None


def nights(files: Sequence[DropFile]) -> list[tuple[str, tuple[DropFile, ...]]]:
    """Part loose files into nights, oldest first, each with its date as YYYY-MM-DD; one night without a date for all.

    Files are parted only where names differ in nothing but a date. Those without a date go with the newest night.
    """
    stamps = {file.name: _stamp(file) for file in files}
    dates = _dates(files, stamps)
    exports: defaultdict[str, set[date]] = defaultdict(set)
    for name, stamp in stamps.items():
        if stamp is not None:
            exports[stamp.rest].add(dates[name])
    if not any(len(found) > 1 for found in exports.values()):
        return [("", tuple(files))]
    place = _places(exports)
    parted: defaultdict[date, list[DropFile]] = defaultdict(list)
    newest = max(max(found) for found in exports.values())
    for file in files:
        stamp = stamps[file.name]
        parted[place[stamp.rest, dates[file.name]] if stamp else newest].append(file)
    return [(night.isoformat(), tuple(parted[night])) for night in sorted(parted)]


def is_later(now: Sequence[DropFile], before: Sequence[DropFile]) -> bool:
    """Say whether the dates in their names make `now` a later night of the export that `before` is a night of."""
    stamps = {file.name: _stamp(file) for file in (*before, *now)}
    dates = _dates((*before, *now), stamps)
    newest: dict[str, date] = {}
    for file in before:
        if stamp := stamps[file.name]:
            newest[stamp.rest] = max(dates[file.name], newest.get(stamp.rest, date.min))
    shared = [
        (dates[file.name], newest[stamp.rest]) for file in now if (stamp := stamps[file.name]) and stamp.rest in newest
    ]
    return bool(shared) and all(this > that for this, that in shared)


def _places(exports: dict[str, set[date]]) -> dict[tuple[str, date], date]:
    """Say which night each date of each export belongs to: its own, or where all exports have as many, its rank's.

    Exports that run across midnight are stamped with two dates a night.
    """
    counts = {len(found) for found in exports.values()}
    if len(counts) > 1:
        return {(rest, day): day for rest, found in exports.items() for day in found}
    ranks = [max(days) for days in zip(*(sorted(found) for found in exports.values()), strict=True)]
    return {(rest, day): ranks[rank] for rest, found in exports.items() for rank, day in enumerate(sorted(found))}


def _dates(files: Sequence[DropFile], stamps: dict[str, _Stamp | None]) -> dict[str, date]:
    """Read all dates in one order of day and month: the one that fits them all, or in doubt that agrees with mtimes."""
    dated = [(file, stamp) for file in files if (stamp := stamps[file.name])]
    month_first = {file.name: stamp.month_first for file, stamp in dated}
    day_first = {file.name: stamp.day_first for file, stamp in dated}
    if None in month_first.values():
        chosen = day_first
    elif None in day_first.values():
        chosen = month_first
    else:
        chosen = min(month_first, day_first, key=lambda read: _disorder([file for file, _ in dated], read))
    return {name: day or month_first[name] or date.min for name, day in chosen.items()}


def _disorder(files: Sequence[DropFile], read: dict[str, date | None]) -> int:
    """Count the neighbors in order of mtime whose dates fall."""
    days = [read[file.name] or date.min for file in sorted(files, key=lambda file: file.mtime_ns)]
    return sum(later < earlier for earlier, later in pairwise(days))


def _stamp(file: DropFile) -> _Stamp | None:
    """Find the first date in a name, the least doubtful forms first."""
    for found, month_first, day_first in _readings(file):
        if month_first or day_first:
            return _Stamp(file.name[: found.start()] + "\0" + file.name[found.end() :], month_first, day_first)
    return None


def _readings(file: DropFile) -> Iterator[tuple[re.Match[str], date | None, date | None]]:
    """Yield what in a name may be a date, read with the month first and with the day first."""
    for pattern in _YEAR_FIRST:
        for found in pattern.finditer(file.name):
            day = _date(found["year"], found["month"], found["day"])
            yield found, day, day
    for pattern in _YEAR_LAST:
        for found in pattern.finditer(file.name):
            one, two, year = found["one"], found["two"], found["year"]
            yield found, _date(year, one, two), _date(year, two, one)
    for found in _EPOCH.finditer(file.name):
        day = datetime.fromtimestamp(int(found["epoch"]), UTC).date()
        yield found, day, day
    year_now = datetime.fromtimestamp(file.mtime_ns / 1e9, UTC).year
    for found in _SIX_DIGITS.finditer(file.name):
        yield found, *_read_six(found[1], found[2], found[3], year_now)


def _read_six(one: str, two: str, three: str, year_now: int) -> tuple[date | None, date | None]:
    """Read six digits, which may as well be a time of day: only as a date of about the year the file was written."""
    readings = (_date(one, two, three), _date(three, one, two), _date(three, two, one))
    year_first, month_first, day_first = (day if day and abs(day.year - year_now) <= 1 else None for day in readings)
    return (year_first, year_first) if year_first else (month_first, day_first)


def _date(year: str, month: str, day: str) -> date | None:
    number = int(year) + (2000 if len(year) == _TWO_DIGITS else 0)
    try:
        return date(number, int(month), int(day)) if _FIRST_YEAR <= number <= _LAST_YEAR else None
    except ValueError:
        return None
