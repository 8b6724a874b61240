"""Remaster: the same zip once more, whole, after a diffed import, so that what waits in vain is sent (DIFF 2, 8).

Never in place of a diffed import: a remaster derives no removals. It is a batch like any other, through gate, check
and journal, with `remaster_of`.
"""

from __future__ import annotations

from collections.abc import Iterator

from canvas_sis_sync.model import ACCEPTED, Batch, DropFile, DropKind, State
from canvas_sis_sync.steps.bases import UNDONE, data_set
from canvas_sis_sync.steps.claim import RETRIED_ZIP
from canvas_sis_sync.steps.context import Context, log
from canvas_sis_sync.steps.waiting import take_stock
from canvas_sis_sync.waiting_rows import Waiting

DAY = 86400


def follow_up(context: Context, batch: Batch) -> Batch:
    """Take stock of what waits after an accepted batch of a data set, and enter its remaster where one is due.

    Called before the batch is journalled as filed: a run that is killed in between decides again, and finds a remaster
    that it had entered, since that is then the last batch. Gives the batch with what is worth knowing in its notes.
    """
    if batch.state not in ACCEPTED or not data_set(batch.parameters):
        return batch
    waiting = take_stock(context, batch)
    notes = list(waiting.unknown)
    if _may_follow(context, batch):
        why, instead = _why(context, batch, waiting)
        notes += filter(None, [instead])
        if why:
            remaster = _enter(context, batch, why)
            notes.append(f"Its zip is sent once more, whole, as batch {remaster.id}: {why}.")
            context.show.note(f"Batch {batch.id} is sent once more, whole, as {remaster.id}: {why}.")
    return context.journal.amend(batch, notes=tuple(dict.fromkeys((*batch.notes, *notes))))


def _may_follow(context: Context, batch: Batch) -> bool:
    """Say whether a remaster may come now: the batch was diffed, nothing came after it, and nobody must act first."""
    final = batch.sis_import
    if final is None or final.diffed_against is None or final.workflow_state in UNDONE:
        return False
    same = data_set(context.settings.import_parameters) == data_set(batch.parameters)
    return same and not batch.over_limit and context.journal.last_id() == batch.id


def _why(context: Context, batch: Batch, waiting: Waiting) -> tuple[str, str]:
    """Say why a remaster is due, a clause, or else why none is sent although one might be expected, a sentence."""
    setting = context.settings.remaster
    if setting.when == "every":
        due = not _was_whole(context, batch, setting.every)
        return ("the last import of everything is older than SIS_SYNC_REMASTER allows" if due else ""), ""
    if setting.when != "auto" or not (waiting.ready or waiting.unknown):
        return "", ""
    if waiting.unknown:
        return "", "No remaster is sent, since it is not known which rows Canvas refused."
    found = f"rows that Canvas refused for want of something that is defined by now: {waiting.ready:,}"
    if any(other.remaster_of for other in _since(context, batch, DAY)):
        return "", f"There are {found}; the last remaster is less than a day ago, so they wait for a later one."
    return found, ""


def _was_whole(context: Context, batch: Batch, seconds: float) -> bool:
    """Say whether everything was imported within that time: the first delivery of the data set, or a remaster."""
    return any(
        other.state in ACCEPTED and final.diffed_against is None and not final.threshold_exceeded
        for other in _since(context, batch, seconds)
        if (final := other.sis_import)
    )


def _since(context: Context, batch: Batch, seconds: float) -> Iterator[Batch]:
    """Give the batches of the same data set that were sent within that time, newest first."""
    now = context.clock.now()
    for other in context.journal.sent(batch.target):
        if now - (other.sent_at or other.claimed_at) >= seconds:
            return
        if data_set(other.parameters) == data_set(batch.parameters):
            yield other


def _enter(context: Context, batch: Batch, why: str) -> Batch:
    now = context.clock.now()
    remaster = context.journal.add(
        Batch(
            id=context.archive.new_id(now, context.journal.last_id()),
            state=State.CLAIMED,
            target=batch.target,
            drop_name=batch.drop_name,
            drop_kind=DropKind.ZIP,
            claimed_at=now,
            files=(DropFile(RETRIED_ZIP, 0, 0, ""),),
            reason=f"sends batch {batch.id} once more, whole, as a new base of its data set: {why}",
            remaster_of=batch.id,
        )
    )
    log.info("entered: %s", remaster.reason, extra={"batch": remaster.id})
    context.archive.make_batch_folder(remaster.id)
    context.archive.write_receipt(remaster)
    return remaster
