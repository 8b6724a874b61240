"""What terms.csv says of terms (CSV 10.3), but for rows that set a date override: they are about an existing term."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from canvas_sis_sync.changes.reading import Source, rows_of
from canvas_sis_sync.sis_csv import KINDS

_STATUS = KINDS["term"].columns["status"]
_COLUMNS = ("term_id", "name", "status", "integration_id", "end_date", "date_override_enrollment_type")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one delivery, by SIS id; the last row of each counts."""

    ends: dict[str, str] = field(default_factory=dict)
    #: SIS ids by integration id.
    integration_ids: dict[str, str] = field(default_factory=dict)
    #: Rows that Canvas would apply.
    valid: int = 0


def read_terms(sources: Iterable[Source]) -> Terms:
    """Read the terms of files that have been read to their end before."""
    ends: dict[str, str] = {}
    integration_ids: dict[str, str] = {}
    valid = 0
    for source in sources:
        for rows in rows_of(source, _COLUMNS):
            for term, name, status, integration_id, end, override in zip(*map(rows.__getitem__, _COLUMNS), strict=True):
                if not term or override:
                    continue
                ends[term] = end
                if integration_id:
                    integration_ids[integration_id] = term
                valid += bool(name) and _STATUS.accepts(status)
    return Terms(ends, integration_ids, valid)
