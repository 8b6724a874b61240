"""`sis-sync approve`: a person's approval to send a held batch, exactly as it is.

What is approved is what the plan was made of: the zip, the import options, the target, and what it was compared
with. If one of them differs when the next run assesses the batch again, that holds it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from canvas_sis_sync.canvas.retry import Retry
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.errors import EXIT_DONE, EXIT_REFUSED, CanvasError, HeldError, UsageError
from canvas_sis_sync.home import log
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.plain_text import lines
from canvas_sis_sync.plan import text as plan_text
from canvas_sis_sync.plan.values import Approval, Basis
from canvas_sis_sync.progress import Silent
from canvas_sis_sync.sync.assess import assess_batch, still_stands, would_be_assessed_otherwise
from canvas_sis_sync.sync.next_steps import in_words, next_steps
from canvas_sis_sync.sync.session import Session, assemble, does_not_fit, for_a_person, open_canvas

FEW_ATTEMPTS = 2
"""A person waits for the answer: Canvas is asked once more, not for five minutes."""
FEW = 5
"""Vanished groups that are named."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A held batch, as a person sees it before saying yes."""

    text: str
    #: What the plan was made of; None when the batch has to be approved no longer.
    basis: Basis | None
    exit_code: int = EXIT_DONE


def show(settings: Settings, batch_id: str, clock: Clock) -> Shown:
    """Return the plan that a batch is held for, made again if what it was made of has changed since.

    Otherwise the next run would find the approval void, and a person would be asked twice. Without Canvas it is the
    plan as it was. Raises UsageError when the batch is not held for a plan, HeldError when a run is at work.
    """
    with for_a_person(settings, clock) as session:
        held = session.batch(batch_id)
        _basis(held, session.archive.read_plan(held.id))
        batch = _assessed_now(session, held)
        plan = session.archive.read_plan(batch.id)
    if batch.state is BatchState.REFUSED:
        refused = f"Batch {batch.id} was checked again, and is refused now: {batch.reason}"
        return Shown(lines([refused, f"Next: {in_words(next_steps(batch))}"]), None, EXIT_REFUSED)
    if batch.state is not BatchState.HELD:
        return Shown(
            f"Batch {batch.id} was compared again with what Canvas has now, and nothing holds it any longer. There is"
            " nothing to approve; the next run continues with it.",
            None,
        )
    basis = _basis(batch, plan)
    if plan is None:
        return Shown(
            f"The plan of batch {batch.id} cannot be read any more. It is held for this: {batch.reason}", basis
        )
    return Shown(lines([plan_text.table(plan), *_may_be_remembered(plan)]), basis)


def approve(
    settings: Settings,
    batch_id: str,
    reason: str,
    clock: Clock,
    *,
    remember: bool = False,
    shown: Basis | None = None,
) -> str:
    """Release a held batch for the next run, and with `remember` allow its vanished groups to be missing from then on.

    `shown` is what the person has seen the plan of. Raises UsageError when the batch is not held for a plan, or there
    is nothing to remember; HeldError when a run is at work, or made another plan meanwhile.
    """
    with for_a_person(settings, clock) as session:
        batch = session.batch(batch_id)
        plan = session.archive.read_plan(batch.id)
        basis = _basis(batch, plan)
        if shown is not None and shown != basis:
            raise HeldError(
                f"Batch {batch.id} was assessed again meanwhile, and its plan has changed.",
                f"Nothing was changed. Look at it with `sis-sync plan {batch.id}`.",
            )
        gone = _gone(batch, plan) if remember else ()
        approval = Approval(basis, session.who, clock.now(), reason, gone)
        batch = session.journal.move(batch.approved(approval), who=session.who)
        session.file(batch)
        log.get_logger(batch.id).info("approved by %s: %s", session.who, reason)
    remembered = [f"{by} {name or '(none)'} may be missing from now on." for by, name in gone]
    return lines([f"Batch {batch.id} is approved, exactly as it is. The next run sends it.", *remembered])


def _assessed_now(session: Session, batch: Batch) -> Batch:
    """Assess a held batch again when its plan was made of something else than it would be made of now.

    The import parameters stay those of its plan: they may have been given for one run, and under others, such as batch
    mode, a person would approve something else than what was held.
    """
    asked = batch.basis.parameters if batch.basis else session.settings.import_parameters
    settings = replace(session.settings, import_parameters=asked)
    try:
        with open_canvas(settings, Retry(session.clock, attempts=FEW_ATTEMPTS)) as canvas:
            session = assemble(settings, session.journal, canvas, session.clock, show=Silent(), patient=False)
            elsewhere = session.target != batch.target
            if elsewhere or (still_stands(session, batch) and not would_be_assessed_otherwise(session, batch)):
                return batch
            reason = "assessed again: what its plan was made of has changed"
            return assess_batch(session, session.move(batch.released(reason), who=session.who))
    except CanvasError as error:
        log.get_logger(batch.id).warning("not assessed again: %s", error.sentence)
        return session.batch(batch.id)


def _basis(batch: Batch, plan: Mapping[str, Any] | None) -> Basis:
    """Give what the batch's plan was made of; a batch that is held for something else cannot be approved."""
    if batch.state is not BatchState.HELD:
        raise does_not_fit("approve", batch)
    if batch.basis is None or (plan is not None and plan["verdict"] != "hold"):
        raise UsageError(
            f"Batch {batch.id} is not held for what it would change in Canvas: {batch.reason}",
            f"Nothing was changed. Type `sis-sync discard {batch.id} --reason TEXT`, and export again.",
        )
    return batch.basis


def _may_be_remembered(plan: Mapping[str, Any]) -> list[str]:
    named = [f"{each['by']} {each['group'] or '(none)'}" for each in plan["gone"]]
    more = f" and {len(named) - FEW} more" if len(named) > FEW else ""
    return [f"With --remember, {', '.join(named[:FEW])}{more} may be missing from then on."] if named else []


def _gone(batch: Batch, plan: Mapping[str, Any] | None) -> tuple[tuple[str, str], ...]:
    gone = tuple((each["by"], each["group"]) for each in plan["gone"]) if plan else ()
    if not gone:
        raise UsageError(
            f"No term, account or course vanishes whole in batch {batch.id}, so there is nothing to remember.",
            "Nothing was changed. Approve it without --remember.",
        )
    return gone
