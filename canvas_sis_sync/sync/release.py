"""What a person says about a batch: `retry`, `skip`, `discard`, `adopt`.

Each is recorded in the journal with the person's login, the time and the reason, and writes the batch's receipt anew.
Nothing is sent here: the next run does that.
"""

from __future__ import annotations

from canvas_sis_sync.canvas.records import CANVAS_FINISHED, CANVAS_UNFINISHED, SisImport, Target
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.delivery.judging import look_into
from canvas_sis_sync.errors import CanvasError, NotFound, SyncError, UsageError
from canvas_sis_sync.home import log
from canvas_sis_sync.home.batch import OPEN, TRANSITIONS, Batch, BatchState, Release
from canvas_sis_sync.home.drops import DropFile, DropKind
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.home.stages import reached
from canvas_sis_sync.plain_text import lines
from canvas_sis_sync.sis_csv.reader import open_csv
from canvas_sis_sync.sync import report
from canvas_sis_sync.sync._claim import RETRIED_ZIP
from canvas_sis_sync.sync._remaster import rejected_since_whole
from canvas_sis_sync.sync.baseline import CANVAS_ACCEPTED
from canvas_sis_sync.sync.gate import GONE
from canvas_sis_sync.sync.session import Session, account_record, does_not_fit, for_a_person


def skip(settings: Settings, batch_id: str, reason: str, clock: Clock) -> str:
    """Acknowledge a batch that was sent or refused, so that the next drop may go.

    Releases its import in the state that Canvas shows now. Raises UsageError when the batch does not hold anything.
    """
    with for_a_person(settings, clock) as session:
        batch = session.batch(batch_id)
        state = _live_state(session, batch)
        batch = _given_up(session, batch, state)
        if BatchState.SKIPPED not in TRANSITIONS[batch.state] and not _gate_may_hold(batch, state):
            raise does_not_fit("skip", batch)
        release = _release_of(session, batch, state, reason)
        batch = session.journal.skip(batch, release, reason=reason, who=session.who)
        session.file(batch)
        log.get_logger(batch.id).info("skipped by %s: %s", session.who, reason)
        name = batch.options.data_set
        waiting = rejected_since_whole(session.journal, batch.target, name) if _is_diff_base(batch, state) else 0
    released = f" Import {batch.import_id} is released while it is {state}." if release else ""
    acknowledged = f"Batch {batch.id} is acknowledged.{released} The next run continues with the inbox."
    return lines([acknowledged, *([_not_sent_again(waiting)] if waiting else [])])


def _not_sent_again(waiting: int) -> str:
    return (
        f"Up to {waiting:,} rows that Canvas rejected are not sent again while they stay as they are, because Canvas"
        " imports only what differs: a run with `--param diffing_remaster_data_set=true` sends everything."
    )


def skip_import(settings: Settings, import_id: int, reason: str, clock: Clock) -> str:
    """Release somebody else's import in the state that Canvas shows now. Raises CanvasError when it cannot be asked."""
    with for_a_person(settings, clock) as session:
        target = session.target
        own = session.journal.by_import(target, import_id)
        if own is not None and own.state is BatchState.IMPORTING:
            raise UsageError(
                f"Import {import_id} is that of batch {own.id}, which is still {own.state}.",
                f"Nothing was recorded. To stop waiting for it: `sis-sync skip {own.id} --reason TEXT`.",
            )
        try:
            state = session.canvas.get_import(target.account_id, import_id).workflow_state
        except NotFound:
            raise UsageError(
                f"Canvas has no import {import_id} in account {target.account_id}.",
                "Nothing was recorded. `sis-sync status` names the import that the gate is about.",
            ) from None
        session.journal.release(_release(session, target, import_id, state, reason))
        log.get_logger().info("import %s (%s) released by %s: %s", import_id, state, session.who, reason)
    return f"Import {import_id} is released while it is {state}. The next run continues with the inbox."


def discard(settings: Settings, batch_id: str, reason: str, clock: Clock) -> str:
    """Close a batch that was not sent and will not be. Its files stay in the archive, and an approval is void."""
    with for_a_person(settings, clock) as session:
        batch = session.batch(batch_id)
        if BatchState.DISCARDED not in TRANSITIONS[batch.state] or not _is_in_a_zip(batch):
            raise does_not_fit("discard", batch)
        batch = session.journal.move(batch.discarded(reason), who=session.who)
        session.file(batch)
        log.get_logger(batch.id).info("discarded by %s: %s", session.who, reason)
        folder = session.archive.batch_folder(batch.id)
    return f"Batch {batch.id} will not be sent. Its files stay in {folder}. The next run continues with the inbox."


def retry(settings: Settings, batch_id: str, reason: str, clock: Clock) -> str:
    """Enter a new batch with the same zip, which the next run judges anew and sends; gives what it repeats.

    Raises UsageError when the batch's state does not allow it, or a later batch was imported since.
    """
    with for_a_person(settings, clock) as session:
        batch = session.batch(batch_id)
        if BatchState.RETRIED not in TRANSITIONS[batch.state]:
            raise does_not_fit("retry", batch)
        later = session.journal.accepted_after(batch)
        if later is not None:
            raise UsageError(
                f"Batch {later} was imported after {batch.id}: sending {batch.id} again would set what is newer back.",
                f"`sis-sync skip {batch.id} --reason TEXT` closes it; export anew what is missing in Canvas.",
            )
        state = _live_state(session, batch)
        whole = _is_diff_base(batch, state)
        repeats = _what_it_repeats(session, batch, whole=whole)
        release = _release_of(session, batch, state, reason)
        successor = session.journal.replace_by_retry(
            batch, _successor(session, batch, whole=whole), release, reason=reason, who=session.who
        )
        account_record(settings, batch.target).give_up(batch.fingerprint)
        session.archive.make_batch_folder(successor.id)
        session.file(successor)
        session.file(session.batch(batch.id))
        log.get_logger(batch.id).info("retried as %s by %s: %s", successor.id, session.who, reason)
    return lines([*repeats, f"Batch {batch.id} will be sent again as {successor.id} by the next run."])


def adopt(settings: Settings, batch_id: str, import_id: int, reason: str, clock: Clock) -> str:
    """Say which import a batch became whose answer was lost. Raises UsageError when that cannot be."""
    with for_a_person(settings, clock) as session:
        batch = session.batch(batch_id)
        if batch.state is not BatchState.SENDING:
            raise does_not_fit("adopt", batch)
        if session.settings.host != batch.target.host:
            raise UsageError(
                f"Batch {batch.id} was sent to {batch.target.host}, and CANVAS_BASE_URL names {settings.host}.",
                f"Nothing was recorded. Let CANVAS_BASE_URL name {batch.target.host} and run the command again.",
            )
        if import_id in session.journal.taken(batch.target, import_id, but=batch.id):
            raise UsageError(f"Import {import_id} belongs to another batch.", "Nothing was recorded.")
        record = account_record(settings, batch.target)
        if import_id in record.taken_by_others(batch.fingerprint):
            raise UsageError(f"Import {import_id} belongs to a batch of another home.", "Nothing was recorded.")
        try:
            found = session.canvas.get_import(batch.target.account_id, import_id)
        except NotFound:
            raise UsageError(f"Canvas has no import {import_id}.", "Nothing was recorded.") from None
        record.take(batch.fingerprint, batch.mark or 0, reached(batch.sending).user_id, import_id)
        batch = session.journal.move(batch.importing(found, reason), who=session.who)
        session.file(batch)
        log.get_logger(batch.id).info("import %s adopted by %s: %s", import_id, session.who, reason)
    return f"Batch {batch.id} is import {import_id} ({found.workflow_state}). The next run continues with it."


def _given_up(session: Session, batch: Batch, state: str | None) -> Batch:
    """Close a batch whose import is in a state that this version does not know: no run can know when that is over."""
    if batch.state is not BatchState.IMPORTING or state is None or state in CANVAS_UNFINISHED | CANVAS_FINISHED:
        return batch
    reason = (
        f"Import {batch.import_id} is {state}, which this version does not know; {session.who} does not wait for it"
    )
    return session.journal.move(batch.not_accepted(reason), who=session.who)


def _is_in_a_zip(batch: Batch) -> bool:
    """Say whether all of a batch's bytes are in the archive: those of a claimed one may still be on their way."""
    return batch.state is not BatchState.CLAIMED or bool(batch.retry_of or batch.remaster_of)


def _live_state(session: Session, batch: Batch) -> str | None:
    """Give the state that Canvas shows now, or the journal's when Canvas cannot be asked; None without an import."""
    if batch.sis_import is None:
        return None
    if session.settings.host != batch.target.host:
        return batch.sis_import.workflow_state
    try:
        return session.canvas.get_import(batch.target.account_id, batch.sis_import.id).workflow_state
    except NotFound:
        return GONE
    except CanvasError as error:
        log.get_logger(batch.id).warning("%s", error.sentence)
        return batch.sis_import.workflow_state


def _gate_may_hold(batch: Batch, state: str | None) -> bool:
    """Say whether the gate may hold on a batch that is closed: its import has changed its state since."""
    if batch.import_id is None or batch.state in OPEN:
        return False
    return batch.over_limit or state not in ("imported", "imported_with_messages")


def _release_of(session: Session, batch: Batch, state: str | None, reason: str) -> Release | None:
    """Release a batch's import; what Canvas still works on is waited for all the same."""
    if batch.import_id is None or state is None or state in CANVAS_UNFINISHED:
        return None
    return _release(session, batch.target, batch.import_id, state, reason)


def _release(session: Session, target: Target, import_id: int, state: str, reason: str) -> Release:
    return Release(target, import_id, state, session.who, session.clock.now(), reason)


def _is_diff_base(batch: Batch, state: str | None) -> bool:
    """Say whether Canvas compares later deliveries with a batch: sent again by diffing, nothing of it would be."""
    return bool(batch.options.data_set) and state in CANVAS_ACCEPTED


def _successor(session: Session, batch: Batch, *, whole: bool) -> Batch:
    return Batch(
        id=session.archive.new_id(session.clock.now(), session.journal.last_id()),
        state=BatchState.CLAIMED,
        target=batch.target,
        drop_name=batch.drop_name,
        drop_kind=DropKind.ZIP,
        claimed_at=session.clock.now(),
        files=(DropFile(RETRIED_ZIP, 0, 0, ""),),
        reason=f"sends batch {batch.id} again",
        mark=batch.mark if batch.import_id is None else batch.import_id,
        retry_of=batch.id,
        remaster_of=batch.remaster_of or (batch.id if whole else None),
    )


def _what_it_repeats(session: Session, batch: Batch, *, whole: bool) -> list[str]:
    """Say what sending the same zip again does twice."""
    lines = []
    applied = _applied_rows(batch.sis_import)
    if applied:
        lines.append(f"{applied:,} rows that Canvas has applied already are applied again.")
    elif batch.state is BatchState.SENDING:
        lines.append("If Canvas has an import of it after all, all its rows are applied twice.")
    if whole:
        lines.append(
            f"Canvas would compare it with import {batch.import_id} and find nothing new, so it is sent whole, as a new"
            " base of its data set."
        )
    if any(entry.kind == "change_sis_id" for entry in batch.entries):
        lines.append("Its change_sis_id rows are sent again: those already applied will be refused, or rename anew.")
    if _notifies(session, batch):
        lines.append("Its enrollments have a notify column: people may get their notification a second time.")
    return lines


def _applied_rows(sis_import: SisImport | None) -> int:
    return 0 if sis_import is None else sum(report.row_counts(sis_import).values())


def _notifies(session: Session, batch: Batch) -> bool:
    if not any(entry.kind == "enrollment" for entry in batch.entries):
        return False
    try:
        files = look_into(session.archive.zip_path(batch)).files
        for file in files:
            with file.open() as stream:
                if "notify" in open_csv(stream).header:
                    return True
    except (OSError, ValueError, SyncError):
        return False
    return False
