"""Breakers about the delivery as such: what must be in it, its age, and how diffing would take it."""

from __future__ import annotations

from collections.abc import Iterator

from canvas_sis_sync.plan.breakers import _words
from canvas_sis_sync.plan.breakers.case import Case
from canvas_sis_sync.plan.changes.canvas_diffing import skips_removals
from canvas_sis_sync.plan.values import Tripped

MOST_THRESHOLDS = 2
"""Imports in a row whose diff Canvas refused that are let pass; after five it fails them (DIFF 5)."""


def canary(case: Case) -> Iterator[Tripped]:
    """Find rows that must be present and are not."""
    for name in case.changes.missing_canaries:
        message = f"{name} must be in every delivery (SIS_SYNC_CANARIES) and is missing or deleted."
        yield Tripped("canary", message, name.partition(":")[0])


def contradiction(case: Case) -> Iterator[Tripped]:
    """Find files of one kind that are certainly neither parts nor nights of one export."""
    count = case.contradictions
    if count:
        yield Tripped(
            "files-contradict",
            f"{count:,} {'row says' if count == 1 else 'rows say'} something else than a row of another file about the"
            " same object, and which of the two Canvas applies last is not certain: are these files of two nights?",
        )


def older(case: Case) -> Iterator[Tripped]:
    """Find a delivery that was written before the last accepted one."""
    before, now = case.newest_before, case.newest_now
    if before is not None and now is not None and now < before:
        yield Tripped(
            "older",
            f"The newest file of this delivery is from {_words.moment(now)}, older than that of the last accepted one"
            f" from {_words.moment(before)}: is it an export that was sent before?",
        )


def unknown_base(case: Case) -> Iterator[Tripped]:
    """Find out that nobody here knows what Canvas would compare with, and so what it would remove."""
    if case.derives and not case.prediction.base_known and not skips_removals(case.options):
        yield Tripped(
            "unknown-base",
            f"Canvas would compare with import {case.prediction.base_import}, which was not sent from here: what it"
            " would remove cannot be determined.",
        )


def renames(case: Case) -> Iterator[Tripped]:
    """Find changes of ids in a data set that is diffed: rows that go are carried out again (DIFF 7)."""
    found = case.changes.of("change_sis_id")
    if case.options.data_set and not case.options.batch_mode and found is not None and found.in_now:
        yield Tripped(
            "renames",
            "change_sis_id: changes of ids are part of a diffed data set, where Canvas carries rows out again that are"
            " missing from the next delivery: send them in an import of their own, without diffing.",
            "change_sis_id",
        )


def thresholds(case: Case) -> Iterator[Tripped]:
    """Find a data set that Canvas keeps refusing to compare."""
    times = case.thresholds_in_a_row
    if case.derives and times > MOST_THRESHOLDS:
        yield Tripped(
            "thresholds",
            f"Canvas refused to compare the last {times} deliveries of the data set, because they differ by more than"
            " SIS_IMPORT_CHANGE_THRESHOLD or SIS_IMPORT_DIFF_ROW_COUNT_THRESHOLD, and removed nothing; after five it"
            " fails them: raise the threshold, or send one with --param diffing_remaster_data_set=true.",
        )
