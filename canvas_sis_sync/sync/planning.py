"""Planning: what a delivery would change in Canvas, what Canvas would make of it, and which breakers trip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from canvas_sis_sync.canvas.options import ImportOptions, in_words
from canvas_sis_sync.check.findings import Report
from canvas_sis_sync.check.rules.sets import CONTRADICTION
from canvas_sis_sync.home.nights import is_later
from canvas_sis_sync.plan.breakers.case import Case
from canvas_sis_sync.plan.breakers.registry import judge, noticed
from canvas_sis_sync.plan.changes import bounds
from canvas_sis_sync.plan.changes.batch_mode import predict_batch_mode
from canvas_sis_sync.plan.changes.canvas_diffing import DiffBase, predict_diffing
from canvas_sis_sync.plan.changes.comparing import compare_apart, compare_kind, recognised
from canvas_sis_sync.plan.changes.effects import predict_plain
from canvas_sis_sync.plan.changes.merging import each_once, together
from canvas_sis_sync.plan.values import Changes, Plan, Planned, Prediction, Tripped
from canvas_sis_sync.progress import added_up
from canvas_sis_sync.sis_csv.kinds import KINDS
from canvas_sis_sync.sync._remaster import rejected_since_whole
from canvas_sis_sync.sync._unchanged import is_unchanged, no_changes
from canvas_sis_sync.sync.baseline import Baseline, Earlier, last_with_kind, thresholds_in_a_row
from canvas_sis_sync.sync.candidate import Candidate
from canvas_sis_sync.sync.session import Session

FEW = 3
"""Batches sent since that are named."""


def make_plan(
    session: Session, candidate: Candidate, report: Report, baseline: Baseline, options: ImportOptions
) -> Plan:
    """Return what a delivery would change against `baseline` under these import options, and which breakers trip.

    `report` is what check found in it.
    """
    with sent_before(candidate, baseline) as before:
        return _made(session, candidate, report, replace(baseline, before=before), options)


def _made(session: Session, candidate: Candidate, report: Report, baseline: Baseline, options: ImportOptions) -> Plan:
    before = baseline.before
    plan = Plan(
        about=candidate.about,
        against=before.about if before else "",
        changes=Changes(),
        prediction=Prediction(),
        asked=in_words(options),
        notes=tuple(_notes_about_baseline(baseline, options)),
    )
    if before and is_unchanged(session, candidate, before, options):
        return replace(plan, changes=no_changes(candidate.entries), unchanged=True)
    left_out = {} if options.data_set else _left_out(session, candidate, before, options)
    changed = _compared(session, candidate, [*([before] if before else []), *left_out.values()])
    if baseline.since:
        changed = each_once(changed)
    prediction = _prediction(candidate, baseline, options, changed)
    case = replace(
        _circumstances(session, candidate, report, baseline, options),
        changes=changed,
        prediction=prediction,
        limits=session.settings.breakers,
    )
    notes = (
        *plan.notes,
        prediction.refused,
        *(f"{kind} is compared with {had.about}, the last delivery that had it." for kind, had in left_out.items()),
        *noticed(changed),
        *_notes(session, candidate, options, changed),
    )
    return replace(
        plan,
        changes=changed,
        prediction=prediction,
        breakers=(*judge(case), *_lost(baseline)),
        notes=tuple(filter(None, notes)),
        planned=_planned(report, before, options, changed, prediction),
        gone=case.newly_gone,
    )


@contextmanager
def sent_before(candidate: Candidate, baseline: Baseline) -> Iterator[Earlier | None]:
    """Yield what a delivery is compared with as one delivery: what was sent since is part of it.

    Of what was sent since only the kinds count that are here, or that the last delivery in batch mode had: no other is
    deleted, or missing.
    """
    before, since = baseline.before, baseline.since
    if before is None or not since:
        yield before
        return
    kinds = recognised(before.files).keys() | recognised(candidate.files).keys()
    with together([each.files for each in (before, *since)], kinds, scratch=candidate.scratch) as files:
        yield replace(
            before,
            files=files,
            newest=max((each.newest for each in (before, *since) if each.newest is not None), default=None),
            claimed=tuple(file for each in (before, *since) for file in each.claimed),
        )


def _compared(session: Session, candidate: Candidate, earlier: Sequence[Earlier]) -> Changes:
    before = [file for each in earlier for file in each.files]
    with session.show.stage("comparing", sum(file.size for file in (*candidate.files, *before))) as done:
        return compare_apart(
            before,
            candidate.files,
            group_by=session.settings.breaker_group_by,
            canaries=session.settings.canaries,
            scratch=candidate.scratch,
            progress=added_up(done),
        )


def _planned(
    report: Report, before: Earlier | None, options: ImportOptions, changed: Changes, prediction: Prediction
) -> Planned:
    """Bound what Canvas can report; not what batch mode deletes of a term of which nothing is known."""
    planned = bounds.planned(changed, prediction, report.refused if options.batch_mode else {})
    return replace(planned, removals={}) if before is None and options.batch_mode else planned


def _left_out(
    session: Session, candidate: Candidate, before: Earlier | None, options: ImportOptions
) -> dict[str, Earlier]:
    """Find the kinds that the last accepted delivery had left out, each with the last one that had it, and its files.

    Canvas still has what that one brought. Diffing alone does not look so far back.
    """
    if before is None:
        return {}
    missing = recognised(candidate.files).keys() - recognised(before.files).keys()
    found = {kind: last_with_kind(session, options, kind) for kind in KINDS if kind in missing}
    return {kind: replace(had, files=recognised(had.files).get(kind, ())) for kind, had in found.items() if had}


def _prediction(candidate: Candidate, baseline: Baseline, options: ImportOptions, changed: Changes) -> Prediction:
    if options.batch_mode:
        return predict_batch_mode(changed, options)
    if not options.data_set:
        return predict_plain(changed, options)
    base = baseline.diff_base
    compared_with = DiffBase(
        baseline.diff_import.id if baseline.diff_import else None,
        base.files if base else None,
        is_before=base is not None and base is baseline.before,
    )
    return predict_diffing(candidate.files, compared_with, options, changed, scratch=candidate.scratch)


def _circumstances(
    session: Session, candidate: Candidate, report: Report, baseline: Baseline, options: ImportOptions
) -> Case:
    """Return what the breakers look at besides the rows."""
    return Case(
        options=options,
        has_before=baseline.before is not None,
        # A copy may have mixed the times of two nights up; their order is that of the dates in the names.
        newest_before=baseline.before.newest
        if baseline.before and not is_later(candidate.claimed, baseline.before.claimed)
        else None,
        newest_now=candidate.newest,
        refused=report.refused,
        contradictions=report.counts.get(CONTRADICTION, 0),
        remembered=session.journal.remembered(session.target),
        thresholds_in_a_row=thresholds_in_a_row(session, options),
        now=session.clock.now(),
    )


def _lost(baseline: Baseline) -> Iterator[Tripped]:
    if baseline.lost is not None:
        yield Tripped(
            "before-lost",
            f"The zip of batch {baseline.lost.id}, the last accepted delivery, cannot be read any more, so there is"
            " nothing to compare with; put it back into the archive, or approve this one.",
        )


def _notes_about_baseline(baseline: Baseline, options: ImportOptions) -> Iterator[str]:
    if baseline.trouble:
        yield baseline.trouble
    if baseline.before is None and baseline.lost is None:
        what = f"of data set {options.data_set}" if options.data_set else "of this home to this Canvas"
        yield f"This is the first delivery {what}: there is nothing to compare with."
    elif baseline.diff_base is not None and baseline.diff_base is not baseline.before:
        yield f"Canvas will compare with {baseline.diff_base.about}, which is not the last accepted delivery."
    if baseline.before is not None and baseline.since:
        latest = ", ".join(each.about for each in baseline.since[: -FEW - 1 : -1])
        more = ", and more" if baseline.since[FEW:] else ""
        yield f"It is compared with {baseline.before.about} and with what was sent since: {latest}{more}."


def _notes(session: Session, candidate: Candidate, options: ImportOptions, changed: Changes) -> Iterator[str]:
    if not options.data_set:
        return
    if waiting := rejected_since_whole(session.journal, session.target, options.data_set):
        yield (
            f"Up to {waiting:,} rows that Canvas refused, unchanged since, are not sent again by diffing; a remaster"
            " (SIS_SYNC_REMASTER) would."
        )
    yield from _returning_kinds(session, candidate, options, changed)
    yield from _left_for_good(options, changed)


def _returning_kinds(session: Session, candidate: Candidate, options: ImportOptions, changed: Changes) -> Iterator[str]:
    """Find what vanished while its kind was left out: diffing compares with the base only, which has not got it."""
    present = recognised(candidate.files)
    for each in changed.kinds:
        if each.in_before or not each.in_now:
            continue
        had = last_with_kind(session, options, each.kind)
        if had is None:
            continue
        found = compare_kind(
            KINDS[each.kind], recognised(had.files).get(each.kind, ()), present[each.kind], scratch=candidate.scratch
        )
        if found.removed - found.ended:
            yield (
                f"{each.kind}: {found.removed - found.ended:,} rows of {had.about}, the last delivery that had this"
                " kind, are missing now; Canvas will not remove these."
            )


def _left_for_good(options: ImportOptions, changed: Changes) -> Iterator[str]:
    """Find what a remaster that is asked for by parameter leaves behind: it derives no removals (DIFF 2)."""
    missing = sum(each.removed - each.ended for each in changed.kinds)
    if missing and options.remaster and not options.batch_mode:
        yield f"{missing:,} rows are missing; a remaster does not remove them, and later deliveries will not either."
