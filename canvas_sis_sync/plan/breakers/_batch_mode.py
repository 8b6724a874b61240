"""Breakers of batch mode, which have no limit to tune (DIFF 9, 11)."""

from __future__ import annotations

from collections.abc import Iterator

from canvas_sis_sync.plan.breakers.case import Case
from canvas_sis_sync.plan.values import Tripped
from canvas_sis_sync.sis_csv.kinds import BATCH_MODE_KINDS


def first(case: Case) -> Iterator[Tripped]:
    """Find batch mode with nothing to compare with."""
    if case.options.batch_mode and not case.has_before:
        yield Tripped(
            "first-in-batch-mode",
            "Batch mode deletes what this delivery does not contain, and there is no accepted delivery yet that tells"
            " what that would be.",
        )


def term(case: Case) -> Iterator[Tripped]:
    """Find a term that no course of this delivery or of the last accepted one is in."""
    if not case.options.batch_mode or case.options.multi_term:
        return
    name = case.options.term
    scope = case.prediction.scope
    if scope is None:
        message = (
            f"Which term {name or 'this'} is, which batch mode would delete in, cannot be determined here: write"
            " SIS_IMPORT_BATCH_MODE_TERM_ID=sis_term_id:X."
        )
    elif scope & (case.changes.course_terms_before | case.changes.course_terms_now):
        return
    else:
        message = (
            f"No course of this delivery or of the last accepted one is in the term {name}, in which batch mode would"
            " delete (SIS_IMPORT_BATCH_MODE_TERM_ID)."
        )
    yield Tripped("batch-term", message, by="term", group=name)


def empty(case: Case) -> Iterator[Tripped]:
    """Find files with a header alone: batch mode deletes everything of their kind."""
    for name in BATCH_MODE_KINDS:
        found = case.changes.of(name)
        if case.options.batch_mode and found is not None and found.in_now and not found.rows_now:
            yield Tripped(
                "batch-empty",
                f"{name}: its file has a header and no row, so batch mode would delete every {name} in its scope:"
                " leave the file out.",
                name,
            )


def terms(case: Case) -> Iterator[Tripped]:
    """Find batch mode for several terms without one."""
    if case.options.multi_term and not case.changes.valid_terms:
        yield Tripped(
            "batch-terms",
            "Batch mode for all terms in the import finds no valid row in a terms.csv: Canvas would abort after having"
            " applied all rows.",
            "term",
        )
