"""Batch mode's clean-up: deleting what the import did not contain (DIFF 9 to 11).

Owns scope, thresholds and deletions; they go by the stamps that the ledger leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from canvas_sis_sync.sandbox._records import Import
from canvas_sis_sync.sandbox._reporting import Reporter, Stopped, stop_if_over
from canvas_sis_sync.sandbox._state import State
from canvas_sis_sync.sandbox._store import Ledger, Stored

_KINDS = ("course", "section", "enrollment")
_PLURAL = {"course": "courses", "section": "sections", "enrollment": "enrollments"}
_SCOPE = {
    "enrollment": "SELECT e.* FROM enrollment e JOIN course c ON c.id = e.course"
    " WHERE e.status <> 'deleted' AND e.batch IS NOT NULL AND c.term = ?",
    "section": "SELECT s.* FROM section s JOIN course c ON c.id = coalesce(s.original_course, s.course)"
    " WHERE s.status <> 'deleted' AND s.sis_id IS NOT NULL AND s.batch IS NOT NULL AND c.term = ?",
    "course": "SELECT * FROM course"
    " WHERE status <> 'deleted' AND sis_id IS NOT NULL AND batch IS NOT NULL AND term = ?",
}
"""Objects without a stamp were never part of an import, and are safe (DIFF 9)."""


def clean_up(state: State, record: Import, ledger: Ledger, report: Reporter) -> None:
    """Delete what is in scope and was not touched, if batch mode is on.

    Raises Stopped after aborting the import because of `change_threshold` or for want of terms.
    """
    supplied = [kind for kind in _KINDS if kind in record.data.get("supplied_batches", ())]
    terms = _terms(record, ledger)
    if terms is None or not supplied:
        return
    state.move(record, "cleanup_batch", progress=0)
    if not terms:
        _stop(state, record, report, "multi-term batch mode, but no term was imported")
    scope = {kind: [row for term in terms for row in ledger.select(_SCOPE[kind], term)] for kind in supplied}
    missing = {kind: [row for row in rows if _is_missing(kind, row, record)] for kind, rows in scope.items()}
    _check_threshold(state, record, report, scope, missing)
    for done, kind in enumerate(reversed(supplied)):
        stop_if_over(state, record)
        _delete(kind, missing[kind], record, ledger)
        record.progress = min(99, (done + 1) * 100 // len(supplied))
        ledger.commit()


def _terms(record: Import, ledger: Ledger) -> list[int] | None:
    """Return the terms in scope; None when batch mode is off or not in effect."""
    if record.options["batch_mode_term_id"] is not None:
        return [record.options["batch_mode_term_id"]]
    if record.options["multi_term_batch_mode"]:
        return [row["id"] for row in ledger.find_all("term", batch=record.id)]
    return None


def _is_missing(kind: str, row: Stored, record: Import) -> bool:
    """Return whether an object was not touched; enrollments already in the drop status are left alone."""
    drop = record.options["batch_mode_enrollment_drop_status"]
    return row["batch"] != record.id and not (kind == "enrollment" and row["status"] == drop)


def _check_threshold(
    state: State,
    record: Import,
    report: Reporter,
    scope: Mapping[str, Sequence[Stored]],
    missing: Mapping[str, Sequence[Stored]],
) -> None:
    threshold = record.options["change_threshold"]
    for kind, rows in scope.items():
        if threshold is not None and rows and len(missing[kind]) * 100 > threshold * len(rows):
            text = f"{len(missing[kind])} {_PLURAL[kind]} would be deleted, which is above the change threshold"
            _stop(state, record, report, text)


def _stop(state: State, record: Import, report: Reporter, text: str) -> None:
    report.add(text)
    report.sum_up()
    state.move(record, "aborted", progress=100, ended_at=state.now())
    raise Stopped


def _delete(kind: str, rows: Sequence[Stored], record: Import, ledger: Ledger) -> None:
    drop = record.options["batch_mode_enrollment_drop_status"] or "deleted"
    if kind == "enrollment" and drop == "deleted_last_completed":
        raise RuntimeError("The clean-up does not know the status deleted_last_completed.")
    for row in rows:
        ledger.set_status(kind, row, drop if kind == "enrollment" else "deleted", by_cleanup=True)
        if kind != "enrollment":
            ledger.delete_all("enrollment", by_cleanup=True, **{kind: row["id"]})
    record.data["counts"][f"batch_{_PLURAL[kind]}_deleted"] = len(rows)
