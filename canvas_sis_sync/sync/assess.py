"""Assess: the only judge of a delivery, used by `run`, `run --dry-run`, `check` and `plan`.

What check says of the files comes first; what is not refused for that is compared with what Canvas has, and held when
a breaker trips that nobody approved.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.check.findings import Report
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.check.rules.sets import CONTRADICTION
from canvas_sis_sync.errors import BadZipError
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.home.stages import reached
from canvas_sis_sync.plan import text as plan_text
from canvas_sis_sync.plan.breakers.case import Case
from canvas_sis_sync.plan.breakers.registry import judge
from canvas_sis_sync.plan.values import Approval, Basis, Plan, Tripped
from canvas_sis_sync.progress import Show
from canvas_sis_sync.sync import checking, report
from canvas_sis_sync.sync.baseline import Baseline, basis_of, find_baseline
from canvas_sis_sync.sync.candidate import Candidate, of_batch
from canvas_sis_sync.sync.parameters import options_for
from canvas_sis_sync.sync.planning import make_plan
from canvas_sis_sync.sync.session import Session

FIRST = 3
"""Breakers that a batch's reason names; the rest is in plan.json."""
BASIS_WORDS = {
    "zip_sha256": "the zip",
    "parameters": "the import parameters",
    "target": "the target",
    "before": "the last accepted delivery",
    "since": "what was sent after that",
    "base_import": "the import that Canvas will compare with",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What it takes to compare a delivery with what Canvas has."""

    session: Session
    asked: ImportOptions
    baseline: Baseline
    approval: Approval | None = None
    #: Compare what check refuses too.
    even_if_refused: bool = False


@dataclass(frozen=True, slots=True)
class Assessment:
    """What there is to say about a delivery, and what a run would do with it."""

    report: Report
    #: The state in which a batch would be with it: refused, unchanged, held, or still packed when it may be sent.
    state: BatchState
    #: Why, in sentences; empty for one that may be sent.
    reasons: tuple[str, ...] = ()
    #: None when it was not compared with anything.
    plan: Plan | None = None
    #: What the plan was made of, None without one.
    basis: Basis | None = None
    #: The approval that it goes by, None for none.
    approval: Approval | None = None


def assess(
    candidate: Candidate,
    options: CheckOptions,
    settings: Settings,
    show: Show,
    comparison: Comparison | None = None,
    *,
    refuse_on: str = "",
) -> Assessment:
    """Judge a delivery, as far as it can be judged by what is known: without `comparison` by its files alone.

    `refuse_on` stands for SIS_SYNC_REFUSE_ON. Raises CanvasError when Canvas has to be asked and cannot be, BadZipError
    for a zip that cannot be read.
    """
    found = checking.check(candidate.delivery, options, show)
    refusal = checking.refusal(candidate.delivery, found, settings, refuse_on)
    assessment = Assessment(found, BatchState.REFUSED if refusal else BatchState.PACKED, refusal)
    if comparison is not None and (comparison.even_if_refused or not refusal):
        return _compared(candidate, assessment, comparison)
    return assessment if refusal else _judged_by_files(assessment)


def assess_batch(session: Session, batch: Batch) -> Batch:
    """Judge a packed batch; return it packed with the basis of its plan, refused, held, or unchanged.

    Raises CanvasError, HomeError.
    """
    if not _is_as_packed(session, batch):
        return _altered(session, batch)
    asked = options_for(session.settings, batch)
    comparison = Comparison(session, asked, find_baseline(session, asked), batch.approval)
    options = checking.options_by_canvas(session)
    try:
        assessment = assess(of_batch(session, batch), options, session.settings, session.show, comparison)
    except BadZipError as error:
        if not _is_as_packed(session, batch):
            return _altered(session, batch)
        return _refused(session, batch, f"{error.sentence} {error.hint}")
    batch = _journalled(session, batch, assessment)
    if assessment.state is BatchState.REFUSED:
        return _refused(session, batch, " ".join(assessment.reasons))
    if assessment.state is BatchState.UNCHANGED:
        return session.move(batch.unchanged(" ".join(assessment.reasons)))
    if assessment.state is BatchState.HELD:
        return session.move(batch.held(_shortened(assessment.reasons)))
    return batch


def _judged_by_files(assessment: Assessment) -> Assessment:
    """Hold what breakers hold that need nothing to compare with."""
    case = Case(has_before=False, contradictions=assessment.report.counts.get(CONTRADICTION, 0))
    if tripped := judge(case):
        return replace(assessment, state=BatchState.HELD, reasons=tuple(each.message for each in tripped))
    return assessment


def _compared(candidate: Candidate, assessment: Assessment, comparison: Comparison) -> Assessment:
    session, asked = comparison.session, comparison.asked
    baseline = comparison.baseline
    basis = basis_of(candidate.sha256, session.target, asked, baseline)
    made = make_plan(session, candidate, assessment.report, baseline, asked)
    plan, approval = made, comparison.approval
    if not baseline.trouble:  # else its base is not known, so the approval stands as far as can be seen
        plan, approval = _honoured(made, comparison.approval, basis)
    compared = replace(assessment, plan=plan, basis=basis, approval=approval)
    if assessment.state is BatchState.REFUSED:
        return compared
    if plan.unchanged:
        reason = f"the same as {plan.against}, which Canvas has accepted; not sent"
        return replace(compared, state=BatchState.UNCHANGED, reasons=(reason,))
    if plan.breakers and approval is None:
        return replace(compared, state=BatchState.HELD, reasons=tuple(tripped.message for tripped in plan.breakers))
    return compared


def _journalled(session: Session, batch: Batch, assessment: Assessment) -> Batch:
    """Keep what was found of a batch, in the journal and in its folder."""
    found, plan = assessment.report, assessment.plan
    session.archive.write_check(batch.id, checking.as_json(found, refused=assessment.state is BatchState.REFUSED))
    batch = session.journal.amend(batch.assessed(dict(found.summary)))
    if plan is None:
        return batch
    for note in plan.notes:
        session.show.note(note)
    session.archive.write_plan(batch.id, plan_text.as_json(plan, report.approval_json(assessment.approval)))
    limits = limits_in_force(session.settings)
    return session.journal.amend(batch.planned_on(assessment.basis, limits, plan.planned, plan.notes))


def _refused(session: Session, batch: Batch, reason: str) -> Batch:
    return session.move(batch.refused(reason, lets_pass=session.settings.after_refusal == "continue"))


def _honoured(plan: Plan, approval: Approval | None, basis: Basis) -> tuple[Plan, Approval | None]:
    """Give an approval when it is for exactly this basis; else none, and the plan held since it is void."""
    if approval is None or approval.basis == basis:
        return plan, approval
    return replace(plan, breakers=(_void(approval, basis), *plan.breakers), unchanged=False), None


def would_be_assessed_otherwise(session: Session, batch: Batch) -> bool:
    """Say whether a batch is held for what is no longer so: other options, other limits, a zip that was altered."""
    if batch.state is not BatchState.HELD:
        return False
    assessment = batch.assessment
    if assessment is None or assessment.basis is None:
        return batch.zip is not None and _is_as_packed(session, batch)
    asked = options_for(session.settings, batch)
    return dict(assessment.basis.parameters) != asked.parameters or assessment.limits != limits_in_force(
        session.settings
    )


def limits_in_force(settings: Settings) -> str:
    """Give a digest of the settings that breakers look at."""
    limits = sorted((kind, str(limit)) for kind, limit in settings.breakers.items())
    return hashlib.sha256(repr((limits, settings.breaker_group_by, settings.canaries)).encode()).hexdigest()


def still_stands(session: Session, batch: Batch) -> bool:
    """Say whether the batch's plan is still made of what it would be made of now. Raises CanvasError."""
    asked = options_for(session.settings, batch)
    return _is_as_packed(session, batch) and batch.basis == basis_of(
        reached(batch.zip).sha256, batch.target, asked, find_baseline(session, asked)
    )


def _is_as_packed(session: Session, batch: Batch) -> bool:
    """Compare the zip with what the journal says of it: a disk may have changed it, or a writer that kept it open."""
    try:
        with session.archive.zip_path(batch).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == reached(batch.zip).sha256
    except OSError:
        return False


def _altered(session: Session, batch: Batch) -> Batch:
    name = reached(batch.zip).name
    reason = f"{name} is no longer what was packed: it is missing, or its sha256 differs from the journal's"
    if batch.approval is not None:
        reason += ", so the approval is void"
    reason += ". Put the zip back as it was, and the next run continues."
    return session.move(batch.not_planned().held(reason))


def _shortened(reasons: tuple[str, ...]) -> str:
    more = len(reasons) - FIRST
    return " ".join([*reasons[:FIRST], f"{more} more in plan.json."] if more > 0 else reasons)


def _void(approval: Approval, now: Basis) -> Tripped:
    changed = [words for name, words in BASIS_WORDS.items() if getattr(approval.basis, name) != getattr(now, name)]
    return Tripped("approval", f"The approval is void: {' and '.join(changed)} changed since it was given.")
