"""What Canvas makes of the text of a date (CSV 7).

Owns the verdict on one text: fine, bad (Canvas complains and takes no date) or misread (silently another date than
meant, or none). Canvas reads with Ruby's lenient parser; the numeric forms are read here as that does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum, auto
from functools import lru_cache

LONGEST = 128
"""Characters beyond which Canvas takes any text for a bad date."""


class DateVerdict(Enum):
    """What happens to the text of a date."""

    #: ISO 8601 with a day of the calendar.
    FINE = auto()
    #: Canvas complains, and the date is empty.
    BAD = auto()
    #: Canvas says nothing and takes another date than was probably meant, or none.
    MISREAD = auto()


@dataclass(frozen=True, slots=True)
class DateReading:
    """A date as Canvas reads it."""

    verdict: DateVerdict
    #: In UTC; None where Canvas takes no date or it is not known which.
    moment: datetime | None = None


_MISREAD = DateReading(DateVerdict.MISREAD)
_BAD = DateReading(DateVerdict.BAD)

_TIME = re.compile(
    r"[T\s]\s*(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:[.,]\d+)?)?"
    r"(?:\s*(?P<half>[ap])\.?m\.?)?\s*(?P<zone>Z|UTC|GMT|[-+]\d{1,2}(?::?\d{2})?)?\Z",
    re.IGNORECASE | re.ASCII,
)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d|\d{8})([T ]\d\d:\d\d(:\d\d(\.\d+)?)?\s*(Z|[-+]\d\d(:?\d\d)?)?|T\d{6}Z?)?\Z", re.ASCII
)
_THREE_NUMBERS = re.compile(r"(\d+)([-/.])(\d+)\2(\d+)(?=[T\s]|\Z)", re.ASCII)
_TWO_NUMBERS = re.compile(r"(\d{1,2})/(\d{1,2})(?=[T\s]|\Z)", re.ASCII)
_DIGITS = re.compile(r"(\d{2}|\d{4}|\d{6}|\d{8}|\d{10}|\d{12}|\d{14})(?:T(\d{4}|\d{6})Z?)?(?=[T\s]|\Z)", re.ASCII)
_YEAR_AND_MONTH = re.compile(r"\d{4}-\d\d?(?=[T\s]|\Z)", re.ASCII)
_NAMED_DAY = re.compile(r"(\d{2,})[\s-]+[A-Za-z]{3,}", re.ASCII)
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DAY, _YEAR = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?", r"(?P<year>\d{4})(?=[T\s]|\Z)"
_NAMED_MONTH = tuple(
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (rf"{_MONTH}\s+{_DAY},?\s+{_YEAR}", rf"{_DAY}[-\s]{_MONTH},?[-\s]{_YEAR}")
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_NUMBER = re.compile(r"\d{5}", re.ASCII)
_DAY_ZERO = date(1899, 12, 30)
"""The day from which spreadsheets count."""
_DAY_NUMBERS = range(36526, 54789)
"""Numbers of spreadsheets for the days of 2000 to 2049."""
_SAFE = re.compile(r"(?:\d\d?|\d{4})([-/.])\d\d?\1(?:\d\d|\d{4})(?:[T ][\d:.Z+-]{1,20})?", re.ASCII)
_LENGTHS = {2: "d", 4: "md", 6: "ymd", 8: "Ymd", 10: "YmdH", 12: "YmdHM", 14: "YmdHMS"}


@lru_cache(maxsize=1 << 14)
def read_date(text: str) -> DateReading:
    """Judge a trimmed text that is not empty, as CSV 7 and Ruby's parser have it."""
    if len(text) > LONGEST:
        return _BAD
    if found := _THREE_NUMBERS.match(text):
        fields = _by_length(found[1], found[3], found[4])
    elif found := _DIGITS.match(text):
        fields = _run_of_digits(found[1] + (found[2] or ""))
    elif found := _YEAR_AND_MONTH.match(text):
        fields = _run_of_digits(text[:4])
    elif found := _TWO_NUMBERS.match(text):
        fields = {"m": int(found[1]), "d": int(found[2])}
    elif found := _named_month(text):
        month = _MONTHS.index(found["month"][:3].lower()) + 1
        fields = {"Y": int(found["year"]), "m": month, "d": int(found["day"])}
    elif (found := _NAMED_DAY.match(text)) and len(found[1]) == 2 and int(found[1]) > 31:
        return _BAD
    else:
        return _MISREAD
    fields |= _time(text, found.end())
    return _reading(fields, is_iso=_ISO.match(text) is not None)


def shown(text: str) -> str:
    """Return ` "08/31/2026"`, and how Canvas reads it, for a text of three numbers or with the name of a month.

    A number that a spreadsheet has made of a day is shown with that day. "" for any other text: only what cannot be
    anything else than a date is shown, because columns may be shifted and rows are about people.
    """
    if _DAY_NUMBER.fullmatch(text) and int(text) in _DAY_NUMBERS:
        return f' "{text}" (the number of a spreadsheet for {_DAY_ZERO + timedelta(days=int(text))})'
    named = _named_month(text)
    if not (_SAFE.fullmatch(text) or (named and (named.end() == len(text) or _TIME.match(text, named.end())))):
        return ""
    reading = read_date(text)
    taken = (
        f" (Canvas reads {reading.moment:%Y-%m-%d})"
        if reading.moment and reading.verdict is DateVerdict.MISREAD
        else ""
    )
    return f' "{text}"{taken}'


def _named_month(text: str) -> re.Match[str] | None:
    """Match a text that begins with day, name of the month, and year of four digits, which Canvas reads as meant."""
    return next((found for form in _NAMED_MONTH if (found := form.match(text))), None)


def _by_length(first: str, second: str, third: str) -> dict[str, int]:
    """Find the year among three numbers: one of more than two digits, else the first (CSV 7: day first!)."""
    if len(first) <= 2 and len(second) > 2:
        first, second, third = second, third, first
    elif len(first) <= 2 and len(third) > 2:
        first, third = third, first
    return {"Y": int(first), "m": int(second), "d": int(third)}


def _run_of_digits(digits: str) -> dict[str, int]:
    fields: dict[str, int] = {}
    for field in _LENGTHS[len(digits)]:
        width = 4 if field == "Y" else 2
        fields[field.replace("y", "Y")], digits = int(digits[:width]), digits[width:]
    return fields


def _time(text: str, start: int) -> dict[str, int]:
    """Read the time and the offset behind a date; nothing where there is none that is known."""
    found = _TIME.match(text, start)
    if not found:
        return {}
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + 12 * (found["half"].lower() == "p")
    return {"H": hour, "M": int(found["minute"]), "S": int(found["second"] or 0), "offset": _offset(found["zone"])}


def _offset(zone: str | None) -> int:
    """Return the minutes east of UTC."""
    digits = (zone or "")[1:].replace(":", "")
    if not digits.isdigit():
        return 0
    hours, minutes = (int(digits[:-2]), int(digits[-2:])) if len(digits) > 2 else (int(digits), 0)
    return (60 * hours + minutes) * (-1 if str(zone).startswith("-") else 1)


def _reading(fields: dict[str, int], *, is_iso: bool) -> DateReading:
    """Judge numbers: what is out of range is bad; a day that the month does not have rolls over silently."""
    hour, minute, second = fields.get("H", 0), fields.get("M", 0), fields.get("S", 0)
    month, day, offset = fields.get("m", 1), fields.get("d", 1), fields.get("offset", 0)
    in_range = 1 <= month <= 12 and 1 <= day <= 31 and minute <= 59 and second <= 60 and abs(offset) < 24 * 60
    if not in_range or hour > 24 or (hour == 24 and minute + second):
        return _BAD
    if not 1 <= fields.get("Y", 0) <= 9998:
        return _MISREAD
    month_began = datetime(fields["Y"], month, 1, tzinfo=UTC)
    moment = month_began + timedelta(days=day - 1, hours=hour, minutes=minute, seconds=second)
    rolled_over = moment.month != month or hour == 24 or second == 60
    if fields["Y"] > 1:
        moment -= timedelta(minutes=offset)
    return DateReading(DateVerdict.FINE if is_iso and not rolled_over else DateVerdict.MISREAD, moment)
