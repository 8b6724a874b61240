"""What a check finds out: findings, checked files, the report, and whether it is bad enough to refuse.

Owns the values; leaves showing them to others. They hold places, columns and rules; of the values of rows only dates,
words that stand for no value, and the names of invisible characters.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from canvas_sis_sync.check._rule import Severity

_WORST_FIRST = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule says about a place."""

    rule: str
    severity: Severity
    #: Name inside the delivery, None for the set as a whole.
    file: str | None
    #: As Canvas counts (CSV 6), None for a whole file.
    row: int | None
    column: str | None
    message: str


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """A file that was looked at."""

    name: str
    #: Canvas's kind, None when it is not recognized or not read by Canvas.
    kind: str | None
    #: Data rows as Canvas counts them, None when Canvas drops the file.
    rows: int | None
    #: Lines behind the first one of a file that Canvas drops.
    lost_rows: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """All that a check of a set found out."""

    files: tuple[CheckedFile, ...] = ()
    #: At most `CheckOptions.most_places` of a rule, by file and row.
    findings: tuple[Finding, ...] = ()
    #: All places of each rule, those not kept too.
    counts: Mapping[str, int] = field(default_factory=dict)
    #: Places by severity.
    fatal: int = 0
    error: int = 0
    warning: int = 0
    #: Rows that Canvas would refuse, as the files alone show, by kind; not those of files that it drops.
    refused: Mapping[str, int] = field(default_factory=dict)
    #: Rows among these that are exact duplicates of others, which newer versions of Canvas leave out.
    repeated: int = 0
    #: Rows without any value, over which Canvas passes.
    empty_rows: int = 0
    #: The delivery is compared with an earlier one, so that only some of its rows are imported.
    diffed: bool = False

    @property
    def refused_rows(self) -> int:
        """Rows that Canvas would refuse, alone or with their file, as the files alone show."""
        return sum(self.refused.values()) + self.lost_rows

    @property
    def lost_rows(self) -> int:
        """Rows of the files that Canvas would drop."""
        return sum(each.lost_rows for each in self.files)

    @property
    def rows(self) -> int:
        """Data rows in all files."""
        return sum(each.rows or each.lost_rows for each in self.files)

    @property
    def summary(self) -> Mapping[str, int]:
        """Places by the word for their severity."""
        return {"fatal": self.fatal, "error": self.error, "warning": self.warning}


def merged(reports: Iterable[Report]) -> Report:
    """Join the reports of several sets into one."""
    reports = tuple(reports)
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for report in reports:
        counts.update(report.counts)
        refused.update(report.refused)
    return Report(
        files=tuple(file for report in reports for file in report.files),
        findings=tuple(finding for report in reports for finding in report.findings),
        counts=dict(counts),
        fatal=sum(report.fatal for report in reports),
        error=sum(report.error for report in reports),
        warning=sum(report.warning for report in reports),
        refused=dict(refused),
        repeated=sum(report.repeated for report in reports),
        empty_rows=sum(report.empty_rows for report in reports),
        diffed=any(report.diffed for report in reports),
    )


class Allowed(Protocol):
    """How many rejected rows an import may have (SIS_SYNC_MAX_ERROR_ROWS)."""

    def exceeded(self, refused: int, rows: int, /) -> bool:
        """Return whether `refused` out of `rows` is more than allowed."""


@dataclass(frozen=True, slots=True)
class RefuseOn:
    """How bad findings must be for a delivery to be refused."""

    #: The mildest severity that refuses; None: nothing does.
    severity: Severity | None = Severity.FATAL
    #: The delivery is refused too when more than this share of its rows would be; None: any share will do.
    share: float | None = None

    @classmethod
    def parse(cls, text: str) -> RefuseOn:
        """Read `fatal`, `fatal,5%`, `error`, `warning` or `never`. Raises ValueError with what fits."""
        word, _, share = (part.strip() for part in text.partition(","))
        if word == "never" and not share:
            return cls(severity=None)
        percent = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", share)
        bad_share = bool(share) and (percent is None or word != "fatal" or float(percent[1]) > 100)
        if word not in set(Severity) or bad_share or text.strip().endswith(","):
            raise ValueError("must be fatal, error, warning, never, or fatal with a share of rows such as fatal,5%")
        return cls(Severity(word), float(percent[1]) / 100 if percent else None)


def too_many_refused(report: Report, allowed: Allowed) -> str:
    """Return a sentence when more rows would be rejected than an import may have, or all of them; else "".

    Of a delivery that is compared with an earlier one it is not known which rows are imported, unless all are bad.
    """
    refused, rows = report.refused_rows, report.rows
    if refused and refused + report.empty_rows >= rows:
        return f"Canvas would reject every row ({refused:,})."
    if not report.diffed and allowed.exceeded(refused - report.repeated, rows):
        return f"Canvas would reject {refused:,} of {rows:,} rows: more than SIS_SYNC_MAX_ERROR_ROWS allows."
    return ""


def refuses(report: Report, refuse_on: RefuseOn, allowed: Allowed) -> bool:
    """Return whether a delivery with this report must not be sent."""
    if refuse_on.severity is not None and too_many_refused(report, allowed):
        return True
    if refuse_on.share is not None and report.refused_rows > refuse_on.share * report.rows:
        return True
    return refuse_on.severity is not None and any(report.summary[each] for each in _as_bad_as(refuse_on.severity))


def worst_first(report: Report) -> list[Finding]:
    """Return the findings by severity."""
    return sorted(report.findings, key=lambda finding: _WORST_FIRST.index(finding.severity))


def refusing(report: Report, refuse_on: RefuseOn) -> list[Finding]:
    """Return the findings for which a delivery is refused, the worst first; all of them when none is bad enough.

    Where only the number of rejected rows refuses, these are the errors.
    """
    worst = worst_first(report)
    for mildest in filter(None, (refuse_on.severity, Severity.ERROR)):
        if found := [finding for finding in worst if finding.severity in _as_bad_as(mildest)]:
            return found
    return worst


def _as_bad_as(mildest: Severity) -> tuple[Severity, ...]:
    """Return a severity and those that are worse."""
    return _WORST_FIRST[: _WORST_FIRST.index(mildest) + 1]
