"""What batch mode would delete because a delivery does not have it (DIFF 9 to 11).

Owns the scope in SIS ids and the candidates among the rows that we know. Objects that other feeds brought, or that
vanished before batch mode was switched on, are candidates too, and only Canvas knows them.
"""

from __future__ import annotations

from collections.abc import Collection

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.plan.changes.effects import whole
from canvas_sis_sync.plan.values import Changes, Effect, KindChanges, Prediction
from canvas_sis_sync.sis_csv.kinds import BATCH_MODE_KINDS

DEFAULT_TERM = ""
"""Stands for the term of courses that name none."""


def predict_batch_mode(changes: Changes, options: ImportOptions) -> Prediction:
    """Say what batch mode would delete: rows that are gone, of kinds supplied now, in its terms (DIFF 9).

    A header alone is supplied. Where the terms cannot be determined, everything that is gone counts. Rows already
    in the drop status count too, although Canvas leaves them alone.
    """
    terms = _scope(options, changes)
    return Prediction(tuple(_effect(each, changes, options, terms) for each in changes.kinds), scope=terms)


def _scope(options: ImportOptions, changes: Changes) -> frozenset[str] | None:
    """Give the SIS ids of batch mode's terms, "" being the default term; None when they cannot be determined.

    A single term that is named wins over multi-term mode, whose terms are those that the delivery touches (DIFF 11).
    """
    named = options.term
    if not options.is_on("batch_mode") or not named:
        return changes.terms_now if options.multi_term else None
    form, _, sis_id = named.partition(":")
    if form == "sis_integration_id":
        sis_id = changes.term_integration_ids.get(sis_id, "")
    if form in {"sis_term_id", "sis_integration_id"}:
        return frozenset({sis_id}) if sis_id else None
    return frozenset({DEFAULT_TERM}) if named == "default" else None


def _effect(each: KindChanges, changes: Changes, options: ImportOptions, terms: Collection[str] | None) -> Effect:
    if each.kind not in BATCH_MODE_KINDS:
        return whole(each, "imported whole, batch mode does not delete this kind", options)
    by_term = changes.removed_by_term.get(each.kind, {})
    removed = each.removed - each.ended if terms is None else sum(by_term.get(term, 0) for term in terms)
    return whole(each, "imported whole, what is missing from it is deleted", options, removed=removed)
