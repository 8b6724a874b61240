"""Weigh: what a batch would change in Canvas, whether that is plausible, and whether somebody approved exactly that."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.batch_states import State
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.plan import text
from canvas_sis_sync.plan.values import Approval, Basis, Plan, Tripped
from canvas_sis_sync.sync import report
from canvas_sis_sync.sync.bases import basis_of, find_bases
from canvas_sis_sync.sync.load import load_of
from canvas_sis_sync.sync.parameters import parameters_of
from canvas_sis_sync.sync.plan import make_plan
from canvas_sis_sync.sync.session import Context

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


def weigh(context: Context, batch: Batch) -> Batch:
    """Compare a packed batch with what Canvas has accepted, and hold it when a breaker trips that nobody approved.

    Gives the batch packed with the basis of its plan, held, or unchanged. Raises CanvasError, HomeError.
    """
    if not _is_as_packed(context, batch):
        return _altered(context, batch)
    parameters = parameters_of(context.settings, batch)
    bases = find_bases(context, parameters)
    basis = basis_of(batch, parameters, bases)
    plan = make_plan(context, load_of(context, batch), bases, parameters)
    plan, approval = honoured(plan, batch.approval, basis)
    for note in plan.notes:
        context.show.note(note)
    context.archive.write_plan(batch.id, text.as_json(plan, report.approval_json(approval)))
    limits = limits_in_force(context.settings)
    known = {"basis": basis, "limits": limits, "planned": plan.planned, "notes": plan.notes}
    if plan.unchanged:
        reason = f"the same as {plan.against}, which Canvas has accepted; not sent"
        return context.move(batch, State.UNCHANGED, reason, **known)
    if plan.breakers and approval is None:
        return context.move(batch, State.HELD, _reason(plan), approval=None, **known)
    return context.journal.amend(batch, **known)


def honoured(plan: Plan, approval: Approval | None, basis: Basis) -> tuple[Plan, Approval | None]:
    """Give an approval when it is for exactly this basis; else none, and the plan held since it is void."""
    if approval is None or approval.basis == basis:
        return plan, approval
    return replace(plan, breakers=(_void(approval, basis), *plan.breakers), unchanged=False), None


def would_be_weighed_otherwise(context: Context, batch: Batch) -> bool:
    """Say whether a batch is held for what is no longer so: other parameters, other limits, a zip that was altered."""
    if batch.state is not State.HELD:
        return False
    if batch.basis is None:
        return bool(batch.zip_sha256) and _is_as_packed(context, batch)
    parameters = parameters_of(context.settings, batch)
    return dict(batch.basis.parameters) != parameters or batch.limits != limits_in_force(context.settings)


def limits_in_force(settings: Settings) -> str:
    """Give a digest of the settings that breakers look at."""
    limits = sorted((kind, str(limit)) for kind, limit in settings.breakers.items())
    return hashlib.sha256(repr((limits, settings.breaker_group_by, settings.canaries)).encode()).hexdigest()


def still_stands(context: Context, batch: Batch) -> bool:
    """Say whether the batch's plan is still made of what it would be made of now. Raises CanvasError."""
    parameters = parameters_of(context.settings, batch)
    return _is_as_packed(context, batch) and batch.basis == basis_of(batch, parameters, find_bases(context, parameters))


def _is_as_packed(context: Context, batch: Batch) -> bool:
    """Compare the zip with what the journal says of it: a disk may have changed it, or a writer that kept it open."""
    try:
        with context.archive.zip_path(batch).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == batch.zip_sha256
    except OSError:
        return False


def _altered(context: Context, batch: Batch) -> Batch:
    reason = f"{batch.zip_name} is no longer what was packed: it is missing, or its sha256 differs from the journal's"
    if batch.approval is not None:
        reason += ", so the approval is void"
    reason += ". Put the zip back as it was, and the next run continues."
    return context.move(batch, State.HELD, reason, basis=None, approval=None)


def _reason(plan: Plan) -> str:
    said = [tripped.message for tripped in plan.breakers[:FIRST]]
    more = len(plan.breakers) - FIRST
    return " ".join([*said, f"{more} more in plan.json."] if more > 0 else said)


def _void(approval: Approval, now: Basis) -> Tripped:
    changed = [words for name, words in BASIS_WORDS.items() if getattr(approval.basis, name) != getattr(now, name)]
    return Tripped("approval", f"The approval is void: {' and '.join(changed)} changed since it was given.")
