"""What terms.csv says of terms (CSV 10.3), and which terms a delivery touches (DIFF 11).

Rows that set a date override touch their term, but say nothing else of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from canvas_sis_sync.plan.changes._reading import Source, rows_of
from canvas_sis_sync.sis_csv.kinds import KINDS

_STATUS = KINDS["term"].columns["status"]
_OVERRIDE = KINDS["term"].columns["date_override_enrollment_type"]
_COLUMNS = ("term_id", "name", "status", "integration_id", "end_date", "date_override_enrollment_type")


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one delivery, by SIS id; the last row of each counts."""

    ends: dict[str, str] = field(default_factory=dict)
    #: SIS ids by integration id.
    integration_ids: dict[str, str] = field(default_factory=dict)
    #: Rows that Canvas would apply.
    valid: int = 0
    #: The terms of rows that Canvas would apply, date overrides too.
    touched: frozenset[str] = frozenset()


def read_terms(sources: Iterable[Source]) -> Terms:
    """Read the terms of files that have been read to their end before."""
    ends: dict[str, str] = {}
    integration_ids: dict[str, str] = {}
    touched: set[str] = set()
    valid = 0
    for source in sources:
        for rows in rows_of(source, _COLUMNS):
            for term, name, status, integration_id, end, override in zip(*map(rows.__getitem__, _COLUMNS), strict=True):
                applied = term and _STATUS.accepts(status) and (_OVERRIDE.accepts(override) if override else name)
                if applied:
                    touched.add(term)
                if not term or override:
                    continue
                ends[term] = end
                if integration_id:
                    integration_ids[integration_id] = term
                valid += bool(applied)
    return Terms(ends, integration_ids, valid, frozenset(touched))


def renamed_terms(sources: Iterable[Source]) -> frozenset[str]:
    """Give the old and the new SIS ids of terms that change_sis_id.csv renames (DIFF 9)."""
    ids: set[str] = set()
    for source in sources:
        for rows in rows_of(source, ("old_id", "new_id", "type")):
            for *both, kind in zip(rows["old_id"], rows["new_id"], rows["type"], strict=True):
                if kind.lower() == "term":
                    ids.update(both)
    return frozenset(ids - {""})
