"""Limits on rows: what their texts mean, which breakers have one, and how one is raised for a single run.

Owns the value. What is counted against it is the matter of those who are handed it. The names of kinds are repeated
here, because idle ticks load settings and need no CSV; a test holds them against the formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

DEFAULT_ERROR_ROWS = "10%, at least 20 rows"

EVERY_KIND = "10%,5000"
EXCEPTIONS = {
    "user": "2%",
    "change_sis_id": "off",  # these rows are delivered once only: that they are gone the next time means nothing
}
"""Kinds whose default is another one than that of every kind."""
KINDS_WITH_LIMITS = (
    *("change_sis_id", "account", "term", "course", "section", "xlist", "user", "login", "enrollment", "admin"),
    *("group_category", "differentiation_tag_set", "group", "differentiation_tag", "group_membership"),
    *("differentiation_tag_membership", "institutional_tag_category", "institutional_tag"),
    *("institutional_tag_association", "user_observer"),
)
"""Kinds whose rows have a key (DIFF 4)."""


@dataclass(frozen=True)
class Limit:
    """How many of a number of rows may be concerned: a percentage, a count, the stricter of both, or no limit."""

    #: 0 to 100, None for none.
    percent: float | None = None
    #: Rows, None for none.
    count: int | None = None
    #: Up to this many rows the percentage does not matter.
    floor: int = 0

    def exceeded(self, count: int, rows: int, /, *, least: int = 0) -> bool:
        """Return whether `count` of `rows` rows is more than the limit; exactly the limit is not.

        Among fewer than `least` rows the percentage does not count.
        """
        if self.count is not None and count > self.count:
            return True
        if self.percent is None or not self.percent_counts(rows, least):
            return False
        return count > self.floor and count * 100 > round(self.percent * rows, 6)

    def percent_counts(self, rows: int, least: int) -> bool:
        """Return whether there is a percentage that counts among so many rows; none at all (0 %) always does."""
        return self.percent is not None and (rows >= least or not self.percent)

    def __str__(self) -> str:
        percent = "" if self.percent is None else f"{self.percent:g}%"
        count = "" if self.count is None else str(self.count)
        return ",".join(filter(None, (percent, count))) or "off"


def parse_limit(text: str) -> Limit:
    """Read a percentage, a count, both, or `off`. Raises ValueError."""
    if text == "off":
        return Limit()
    found = re.fullmatch(r"(?:([0-9]{1,3}(?:\.[0-9]+)?) ?%)?(, ?(?=[0-9]))?([0-9]{1,12})?", text)
    if not text or not found or bool(found[2]) != bool(found[1] and found[3]) or float(found[1] or 0) > 100:
        raise ValueError("must be a limit such as 10%, 5000, both as 10%,5000, or off")
    return Limit(percent=float(found[1]) if found[1] else None, count=int(found[3]) if found[3] else None)


def parse_error_rows(text: str) -> Limit:
    """Read a limit, or the default with its lower bound. Raises ValueError."""
    return Limit(percent=10, floor=20) if text == DEFAULT_ERROR_ROWS else parse_limit(text)


def raised(breakers: Mapping[str, Limit], texts: Iterable[str]) -> dict[str, Limit]:
    """Give the limits of a single run, raised by texts such as `enrollment=30%`.

    A part that a text leaves out, percentage or count, stays as it is. Raises UsageError for a kind without a breaker,
    for what is no limit, for `off`, and for what would lower a limit.
    """
    limits = dict(breakers)
    for text in texts:
        kind = text.partition("=")[0]
        limits[kind] = _raised(limits, kind, text)
    return limits


def _raised(limits: Mapping[str, Limit], kind: str, text: str) -> Limit:
    from canvas_sis_sync.errors import UsageError

    label, limit = f"--breaker {text}", text.partition("=")[2]
    if kind not in limits:
        raise UsageError(f"{label} names no kind of file that has a breaker.", f"Write one of {', '.join(limits)}.")
    if limit == "off":
        raise UsageError(
            f"{label}: a breaker is raised for one run, never switched off.",
            f"Write the limit that this delivery needs, such as --breaker {kind}=30%.",
        )
    try:
        wanted = parse_limit(limit)
    except ValueError:
        raise UsageError(f"{label} is no limit.", f"Write --breaker {kind}=30%, {kind}=20000 or both.") from None
    given = {name: part for name in ("percent", "count") if (part := getattr(wanted, name)) is not None}
    for name, part in given.items():
        present = getattr(limits[kind], name)
        if present is None or part < present:
            raise UsageError(
                f"{label} would lower the limit, which is {limits[kind]}.",
                f"Write a higher one, or leave --breaker {kind} out.",
            )
    return replace(limits[kind], **given)
