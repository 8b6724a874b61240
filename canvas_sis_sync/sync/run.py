"""The order of the steps of a run, and nothing else (docs/life-of-a-batch.md)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from canvas_sis_sync.errors import (
    EXIT_DONE,
    EXIT_HELD,
    EXIT_IMPORT_FAILED,
    EXIT_REFUSED,
    EXIT_SETTINGS,
    DropChanged,
    JournalError,
    SyncError,
    TimeRanOut,
)
from canvas_sis_sync.home import inbox
from canvas_sis_sync.home.archive import Archive, read_receipt
from canvas_sis_sync.home.batch import OPEN, UNSENT, Batch, BatchState
from canvas_sis_sync.home.drops import Drop
from canvas_sis_sync.home.journal_questions import Questions
from canvas_sis_sync.sync._claim import claim, is_back, look, resume
from canvas_sis_sync.sync._finish import file_away
from canvas_sis_sync.sync._poll import follow
from canvas_sis_sync.sync._recover import recover
from canvas_sis_sync.sync._send import send
from canvas_sis_sync.sync.assess import assess_batch, would_be_assessed_otherwise
from canvas_sis_sync.sync.gate import wait_for_go
from canvas_sis_sync.sync.pack import pack
from canvas_sis_sync.sync.session import Session, log
from canvas_sis_sync.sync.token_end import report_token_end

EXIT_OF_STATE: Mapping[BatchState, int] = {
    BatchState.REFUSED: EXIT_REFUSED,
    BatchState.HELD: EXIT_HELD,
    BatchState.REJECTED: EXIT_SETTINGS,
    BatchState.NOT_ACCEPTED: EXIT_IMPORT_FAILED,
    BatchState.FAILED: EXIT_IMPORT_FAILED,
    BatchState.FAILED_WITH_MESSAGES: EXIT_IMPORT_FAILED,
    BatchState.ABORTED: EXIT_IMPORT_FAILED,
}
"""What the run says that brings a batch into this state; later ones say 5."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did and how it ended."""

    #: State of the last batch, or "idle", "locked", "waiting" or "held".
    outcome: str
    exit_code: int = EXIT_DONE
    #: The batches that this run brought to an end, in order.
    batches: tuple[Batch, ...] = ()
    #: What ended the run early.
    trouble: SyncError | None = None
    #: The batch that somebody must look at, or that was left open by the trouble.
    about: Batch | None = None


def run(session: Session) -> RunResult:
    """Finish what an earlier run left, then carry drop after drop into Canvas until none is left.

    Never raises a SyncError: it becomes the result's trouble.
    """
    result = RunResult("idle")
    try:
        require_whole_journal(session.journal, session.archive)
        while result.exit_code == EXIT_DONE or (result.about is not None and not result.about.holds):
            batch = _next_left_over(session, result.batches) or _held(session) or _next_claimed(session)
            if batch is None:
                return result
            if not _wants_work(batch):
                return replace(result, outcome="held", exit_code=EXIT_HELD, about=batch)
            result = _after(result, deliver(session, batch), told_before=_told_before(batch))
            if len(result.batches) == 1:
                report_token_end(session)
            if not session.patient:
                return result
    except SyncError as error:
        return _broken_off(session, result, error)
    return result


def deliver(session: Session, batch: Batch) -> Batch:
    """Take a batch through the steps that are left, and file it away."""
    while batch.state in OPEN:
        batch = STEPS[batch.state](session, batch)
    return batch if batch.filed else file_away(session, batch)


def _bring_in_and_pack(session: Session, batch: Batch) -> Batch:
    batch = resume(session, batch)
    return pack(session, batch) if batch.state is BatchState.CLAIMED else batch


def _assess_and_send(session: Session, batch: Batch) -> Batch:
    batch = assess_batch(session, batch)
    return send(session, batch) if batch.state is BatchState.PACKED else batch


STEPS: Mapping[BatchState, Callable[[Session, Batch], Batch]] = {
    BatchState.CLAIMED: _bring_in_and_pack,
    BatchState.PACKED: _assess_and_send,
    BatchState.SENDING: recover,
    BatchState.IMPORTING: follow,
}
"""The step that takes a batch out of each open state."""


def _broken_off(session: Session, result: RunResult, trouble: SyncError) -> RunResult:
    """End a run by what it could not go on from, with the batch that it leaves open."""
    outcome, code = result.outcome, trouble.exit_code
    if code == EXIT_HELD:
        outcome = "held"
    if isinstance(trouble, TimeRanOut | DropChanged):
        outcome, code = "waiting", code if session.patient else EXIT_DONE
    left = [waiting for waiting in session.journal.waiting() if waiting.is_open and waiting.target == session.target]
    about = session.journal.batch(left[0].id) if left else None
    return replace(result, outcome=outcome, exit_code=code, trouble=trouble, about=about)


def _after(result: RunResult, batch: Batch, *, told_before: bool) -> RunResult:
    log.info("done: %s, %s", batch.state, batch.reason, extra={"batch": batch.id})
    code = EXIT_OF_STATE.get(batch.state, EXIT_DONE)
    if batch.over_limit:
        code = EXIT_IMPORT_FAILED
    if code and told_before:
        code = EXIT_HELD
    return replace(
        result,
        outcome=str(batch.state),
        exit_code=code or result.exit_code,
        batches=(*result.batches, batch),
        about=batch if code else result.about,
    )


def _wants_work(batch: Batch) -> bool:
    return batch.state in OPEN or not batch.filed


def _told_before(batch: Batch) -> bool:
    """Say whether an earlier run brought the batch to its end, and only its messages are still to be fetched."""
    return batch.state not in OPEN and not batch.errors_complete


def _next_left_over(session: Session, done: Collection[Batch]) -> Batch | None:
    """Find the oldest batch that an earlier run left open or unfiled; what this run has `done` is for the next one.

    One that Canvas may have at another target is left alone: neither its host nor its token is the present one.
    """
    ids = {batch.id for batch in done}
    for waiting in session.journal.waiting():
        batch = session.journal.batch(waiting.id)
        if batch is None or batch.id in ids or not _wants_work(batch):
            continue
        if batch.target == session.target:
            return batch
        if batch.state in UNSENT:
            # What it left behind at the other target stays there.
            return session.journal.amend(batch.moved_to(session.target))
        session.show.note(f"Batch {batch.id} is {batch.state} at {batch.target.host}; left alone.")
    return None


def _held(session: Session) -> Batch | None:
    """Give the oldest batch that keeps the next one waiting; one whose reason to be held has gone is opened again."""
    held = [waiting for waiting in session.journal.waiting() if waiting.holds and waiting.target == session.target]
    batch = session.journal.batch(held[0].id) if held else None
    if batch is None or batch.state is not BatchState.HELD:
        return batch
    if batch.zip is None:
        return session.move(batch.reopened("its files are back")) if is_back(session, batch) else batch
    if not would_be_assessed_otherwise(session, batch):
        return batch
    return session.move(batch.released("assessed again: its zip, import parameters, or breaker settings have changed"))


def _next_claimed(session: Session) -> Batch | None:
    """Claim the oldest drop once it is settled and the gate is open; None when the inbox is empty.

    The gate is asked first: what waits stays in the inbox, where a newer export may replace it.
    """
    for _ in session.waits("a drop in the inbox was still being written to; nothing of it was sent"):
        drops = _settled_first(session)
        if not drops:
            return None
        if drops[0] is None:
            session.show.note("Waiting until nobody has written to the oldest drop for a while.")
            continue
        before = inbox.signature(drops[0])
        asked = wait_for_go(session)
        again = _settled_first(session)
        if again and again[0] is not None and inbox.signature(again[0]) == before:
            batch = claim(session, again[0], mark=asked.highest_id)
            session.claimed_here.add(batch.id)
            return batch
    return None


def _settled_first(session: Session) -> list[Drop | None]:
    """Look at the inbox: empty for no drop, else the oldest one first, or None in its place if it is not settled."""
    return [drop if is_settled else None for drop, is_settled in look(session)[:1]]


def require_whole_journal(journal: Questions, archive: Archive) -> None:
    """Raise JournalError when the newest batch folder is unknown to the journal, or its receipt knows more steps."""
    newest = archive.newest_batch()
    if newest is None:
        return
    known, receipt = journal.batch(newest), read_receipt(archive.batch_folder(newest))
    if known is None or (receipt is not None and len(receipt.steps) > len(known.steps)):
        raise JournalError(
            f"The archive knows more of batch {newest} than the journal: the journal is older than the archive.",
            "Nothing was sent. Put the right journal back, or type `sis-sync rebuild-journal`.",
        )
