"""Remaster: the same zip once more, whole, after a diffed import, so that rejected rows are sent again (DIFF 2, 8).

Never in place of a diffed import: a remaster derives no removals. It is a batch like any other, through gate, check
and journal, with `remaster_of`.
"""

from __future__ import annotations

from collections.abc import Iterator

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.canvas.records import UNDONE, Target
from canvas_sis_sync.home.batch import ACCEPTED, Batch, BatchState
from canvas_sis_sync.home.drops import DropFile, DropKind
from canvas_sis_sync.home.journal_questions import Questions
from canvas_sis_sync.sync._claim import RETRIED_ZIP
from canvas_sis_sync.sync.baseline import CANVAS_ACCEPTED
from canvas_sis_sync.sync.session import Session, log

WHY = "the last import of everything is older than SIS_SYNC_REMASTER allows"


def follow_up(session: Session, batch: Batch) -> Batch:
    """Enter the remaster of an accepted batch of a data set where one is due, and return the batch with a note of it.

    After an unchanged delivery it is that of the batch with the same content, which `_unchanged` has made sure is the
    last that was sent. Called before the batch is journalled as filed: a run that is killed in between decides again,
    and finds a remaster that it had entered, since that is then the last batch.
    """
    sent = _sent(session, batch)
    if sent is None or not _is_due(session, sent) or session.journal.last_id() != batch.id:
        return batch
    remaster = _enter(session, sent)
    note = f"Batch {sent.id} is sent once more, whole, as batch {remaster.id}: {WHY}."
    session.show.note(note)
    return session.journal.amend(batch.noted(note))


def rejected_since_whole(journal: Questions, target: Target, name: str) -> int:
    """Count Canvas's messages since the last import of everything in a data set.

    It is an upper bound of the rows that stay rejected: a row that changed since has been sent again, and a message may
    be about no row.
    """
    count = 0
    for other in journal.sent(target):
        final = other.sis_import
        if final is not None and final.workflow_state in CANVAS_ACCEPTED and other.options.data_set == name:
            count += (final.error_count or 0) + (final.warning_count or 0)
            if final.diffed_against is None:
                break
    return count


def _sent(session: Session, batch: Batch) -> Batch | None:
    """Return the accepted batch of a data set that brought the content of a batch that is over, None for none."""
    sent: Batch | None = batch
    if batch.state is BatchState.UNCHANGED and batch.basis is not None:
        sent = session.journal.batch(batch.basis.before)
    return sent if sent and sent.state in ACCEPTED and sent.options.data_set else None


def _is_due(session: Session, sent: Batch) -> bool:
    """Return whether a remaster is to follow an import: it was diffed, it stands, and nobody must act first."""
    final, every = sent.sis_import, session.settings.remaster
    if not every or final is None or final.diffed_against is None or final.workflow_state in UNDONE:
        return False
    if ImportOptions(session.settings.import_parameters).data_set != sent.options.data_set or sent.over_limit:
        return False
    return not any(map(_was_whole, _since(session, sent, every)))


def _was_whole(batch: Batch) -> bool:
    """Return whether a batch brought everything: the first delivery of a data set, or a remaster.

    A remaster counts whatever became of it: one that was held and discarded is not entered again with each delivery.
    """
    final = batch.sis_import
    whole = final is not None and final.diffed_against is None and not final.threshold_exceeded
    return batch.remaster_of is not None or (batch.state in ACCEPTED and whole)


def _since(session: Session, sent: Batch, seconds: float) -> Iterator[Batch]:
    """Yield the batches of the same data set that were entered or sent within that time, newest first."""
    now = session.clock.now()
    for other in session.journal.entered(sent.target):
        sent_at = other.sending.sent_at if other.sending else None
        if now - (sent_at or other.claimed_at) >= seconds:
            return
        if _data_set_of(session, other) == sent.options.data_set:
            yield other


def _data_set_of(session: Session, batch: Batch) -> str:
    """Return the data set of a batch, "" for none; of a remaster that was never sent it is that of what it repeats."""
    repeated = session.journal.batch(batch.remaster_of) if batch.remaster_of else None
    return (repeated or batch).options.data_set


def _enter(session: Session, sent: Batch) -> Batch:
    now = session.clock.now()
    remaster = session.journal.add(
        Batch(
            id=session.archive.new_id(now, session.journal.last_id()),
            state=BatchState.CLAIMED,
            target=sent.target,
            drop_name=sent.drop_name,
            drop_kind=DropKind.ZIP,
            claimed_at=now,
            files=(DropFile(RETRIED_ZIP, 0, 0, ""),),
            reason=f"sends batch {sent.id} once more, whole, as a new base of its data set: {WHY}",
            remaster_of=sent.id,
        )
    )
    log.info("entered: %s", remaster.reason, extra={"batch": remaster.id})
    session.archive.make_batch_folder(remaster.id)
    session.archive.write_receipt(remaster)
    return remaster
