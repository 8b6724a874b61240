"""Remaster: the same zip once more, whole, after a diffed import, so that what waits in vain is sent (DIFF 2, 8).

Never in place of a diffed import: a remaster derives no removals. It is a batch like any other, through gate, check
and journal, with `remaster_of`.
"""

from __future__ import annotations

from collections.abc import Iterator

from canvas_sis_sync.canvas.records import UNDONE
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.batch_states import ACCEPTED, State
from canvas_sis_sync.home.drops import DropFile, DropKind
from canvas_sis_sync.plan.waiting_rows import Waiting
from canvas_sis_sync.sync._claim import RETRIED_ZIP
from canvas_sis_sync.sync._waiting import stock_after, take_stock
from canvas_sis_sync.sync.baseline import data_set
from canvas_sis_sync.sync.session import Context, log

DAY = 86400


def follow_up(context: Context, batch: Batch) -> Batch:
    """Take stock of what waits after an accepted batch of a data set, and enter its remaster where one is due.

    After an unchanged delivery it is that of the batch with the same content, which `unchanged` has made sure is the
    last that was sent. Called before the batch is journalled as filed: a run that is killed in between decides again,
    and finds a remaster that it had entered, since that is then the last batch. Gives the batch with what is worth
    knowing in its notes.
    """
    sent = _sent(context, batch)
    if batch.state is State.NOT_ACCEPTED and data_set(batch.parameters):
        take_stock(context, batch)  # Canvas compares the next delivery with it all the same
    if sent is None:
        return batch
    waiting = take_stock(context, batch) if sent is batch else stock_after(context.archive, sent.id)
    notes = list(waiting.unknown)
    if _may_follow(context, sent) and context.journal.last_id() == batch.id:
        why, instead = _why(context, sent, waiting)
        notes += filter(None, [instead])
        if why:
            remaster = _enter(context, sent, why)
            notes.append(f"Batch {sent.id} is sent once more, whole, as batch {remaster.id}: {why}.")
            context.show.note(notes[-1])
    return context.journal.amend(batch, notes=tuple(dict.fromkeys((*batch.notes, *notes))))


def _sent(context: Context, batch: Batch) -> Batch | None:
    """Give the accepted batch of a data set that brought the content of a batch that is over, None for none."""
    sent: Batch | None = batch
    if batch.state is State.UNCHANGED and batch.basis is not None:
        sent = context.journal.batch(batch.basis.before)
    return sent if sent and sent.state in ACCEPTED and data_set(sent.parameters) else None


def _may_follow(context: Context, sent: Batch) -> bool:
    """Say whether a remaster may come after an import: it was diffed, it stands, and nobody must act first."""
    final = sent.sis_import
    if final is None or final.diffed_against is None or final.workflow_state in UNDONE:
        return False
    return data_set(context.settings.import_parameters) == data_set(sent.parameters) and not sent.over_limit


def _why(context: Context, sent: Batch, waiting: Waiting) -> tuple[str, str]:
    """Say why a remaster is due, a clause, or else why none is sent although one might be expected, a sentence."""
    setting = context.settings.remaster
    if setting.when == "every":
        due = not any(map(_was_whole, _since(context, sent, setting.every)))
        return ("the last import of everything is older than SIS_SYNC_REMASTER allows" if due else ""), ""
    if setting.when != "auto" or not (waiting.ready or waiting.unknown):
        return "", ""
    if waiting.unknown:
        return "", "No remaster is sent, since it is not known which rows Canvas refused."
    found = f"rows that Canvas refused for want of something that is defined by now: {waiting.ready:,}"
    if any(other.remaster_of for other in _since(context, sent, DAY)):
        return "", f"There are {found}; the last remaster is less than a day ago, so they wait for a later one."
    return found, ""


def _was_whole(batch: Batch) -> bool:
    """Say whether a batch brought everything: the first delivery of a data set, or a remaster.

    A remaster counts whatever became of it: one that was held and discarded is not entered again with each delivery.
    """
    final = batch.sis_import
    whole = final is not None and final.diffed_against is None and not final.threshold_exceeded
    return batch.remaster_of is not None or (batch.state in ACCEPTED and whole)


def _since(context: Context, sent: Batch, seconds: float) -> Iterator[Batch]:
    """Give the batches of the same data set that were entered or sent within that time, newest first."""
    now = context.clock.now()
    for other in context.journal.entered(sent.target):
        if now - (other.sent_at or other.claimed_at) >= seconds:
            return
        if _data_set_of(context, other) == data_set(sent.parameters):
            yield other


def _data_set_of(context: Context, batch: Batch) -> str:
    """Give the data set of a batch, "" for none; of a remaster that was never sent it is that of what it repeats."""
    repeated = context.journal.batch(batch.remaster_of) if batch.remaster_of else None
    return data_set((repeated or batch).parameters)


def _enter(context: Context, sent: Batch, why: str) -> Batch:
    now = context.clock.now()
    remaster = context.journal.add(
        Batch(
            id=context.archive.new_id(now, context.journal.last_id()),
            state=State.CLAIMED,
            target=sent.target,
            drop_name=sent.drop_name,
            drop_kind=DropKind.ZIP,
            claimed_at=now,
            files=(DropFile(RETRIED_ZIP, 0, 0, ""),),
            reason=f"sends batch {sent.id} once more, whole, as a new base of its data set: {why}",
            remaster_of=sent.id,
        )
    )
    log.info("entered: %s", remaster.reason, extra={"batch": remaster.id})
    context.archive.make_batch_folder(remaster.id)
    context.archive.write_receipt(remaster)
    return remaster
