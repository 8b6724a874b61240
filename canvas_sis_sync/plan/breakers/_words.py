"""The words of breakers: places, shares, limits and dates."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

from canvas_sis_sync.plan.breakers.case import FLOOR
from canvas_sis_sync.plan.breakers.limits import Limit


def place(by: str, name: str, *, knows_courses: bool = True) -> str:
    """Name a group; without courses of either delivery no row's term and account are known."""
    if name:
        return f"{by} {name}"
    if not knows_courses:
        return f"courses whose {by} is not known, as there is no courses.csv"
    return "the rows that name no course" if by == "course" else f"the courses that name no {by}"


def share(count: int, rows: int) -> str:
    """Give `count` of `rows` rows in words, with the percentage."""
    percent = f" ({count * 100 / rows:.1f} %)" if rows else ""
    return f"{count:,} of {rows:,} rows{percent}"


def rows(count: int, kind: str) -> str:
    """Count rows of a kind."""
    return f"{count:,} {kind} row" if count == 1 else f"{count:,} {kind} rows"


def new_rows(count: int) -> str:
    """Count rows that are new."""
    return "1 new row that is" if count == 1 else f"{count:,} new rows that are"


def limit(kind: str, allowed: Limit, rows: int) -> str:
    """Give what is allowed of so many rows, and the setting that says so."""
    parts = [f"{allowed.percent:g} %"] if allowed.percent_counts(rows, FLOOR) else []
    if allowed.count is not None:
        parts.append(f"{allowed.count:,} rows")
    return f"the limit is {' or '.join(parts)} (SIS_SYNC_BREAKER_{kind.upper()})"


def listed(parts: list[str]) -> str:
    """Join words to a list."""
    return " and ".join(filter(None, (", ".join(parts[:-1]), *parts[-1:])))


def moment(seconds: float) -> str:
    """Give a time, in seconds since the epoch, as date and time."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def ended(text: str, now: float) -> str:
    """Say whether a term is over, from its end date as in terms.csv and the present in seconds since the epoch."""
    if not text:
        return "there is no end date in terms.csv"
    end = _date(text)
    if end is None:
        return f"terms.csv gives its end as {text}, which is no date that is understood here"
    days = (datetime.fromtimestamp(now, UTC).date() - end).days
    if days > 0:
        return f"it ended on {end}, {_days(days)} ago"
    return f"it has not ended: its last day is {end}, {f'in {_days(-days)}' if days else 'today'}"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


def _date(text: str) -> date | None:
    found = re.match(r"\s*(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)", text)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None
