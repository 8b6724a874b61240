"""Finish: an import that has ended is filed away with its messages, and new rejected rows are reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

from canvas_sis_sync.canvas.records import ImportMessage, SisImport
from canvas_sis_sync.errors import CanvasError
from canvas_sis_sync.home.archive import ERRORS
from canvas_sis_sync.home.batch import ACCEPTED, Batch
from canvas_sis_sync.plain_text import visible
from canvas_sis_sync.sync._rejections import Rejection, counted, in_words
from canvas_sis_sync.sync._remaster import follow_up
from canvas_sis_sync.sync.alerts import NEWS
from canvas_sis_sync.sync.pack import remove_sources
from canvas_sis_sync.sync.session import Session, log

ATTACHMENT_SECONDS = 120
"""How long the errors attachment, written by a job of its own after the end (API 5), is waited for."""
KEPT_SECONDS = 30 * 86400
"""Canvas keeps messages for 30 days (API 4); later there is nothing to fetch."""


def file_away(session: Session, batch: Batch) -> Batch:
    """Fetch the messages, write `errors.csv` and `receipt.json`, see what is to follow, and journal that it is done.

    When the messages cannot be had in full the receipt says so, and the next run tries again. Raises HomeError.
    """
    complete, final = True, batch.sis_import
    too_late = session.clock.now() - batch.claimed_at > KEPT_SECONDS
    if final is not None and _has_messages(final):
        final, messages = (final, None) if too_late else _messages(session, batch, final)
        complete = messages is not None and session.archive.write_errors(batch, messages) >= _message_count(final)
        if complete and messages and batch.state in ACCEPTED and not batch.over_limit:
            batch = _report_rejected(session, batch, messages)
    filed = complete or too_late
    if filed:
        batch = follow_up(session, session.journal.amend(batch.reported(final, complete=complete)))
    batch = replace(batch.reported(final, complete=complete), filed=filed)
    session.archive.write_receipt(batch)
    if batch.zip or batch.kept_zip:
        remove_sources(session, batch)
    return session.journal.amend(batch)


def _report_rejected(session: Session, batch: Batch, messages: Sequence[ImportMessage]) -> Batch:
    """Keep Canvas's messages, in groups, in log and notes, and as news what the import before did not have."""
    now = counted(messages, batch.entries)
    note = f"Canvas left messages: {in_words(now)}."
    log.info("%s", note, extra={"batch": batch.id})
    session.show.note(f"Batch {batch.id}: {note}")
    if new := now - _rejected_before(session, batch, {found.kind for found in now}):
        text = (
            f"Canvas accepted batch {batch.id} (import {batch.import_id}) and left {now.total():,} messages, usually"
            f" about rows that it rejected. The import before did not have {new.total():,} of them: {in_words(new)}."
            f" All of them: {session.archive.batch_folder(batch.id) / ERRORS}"
        )
        session.journal.add_news(f"{NEWS}{batch.id}", visible(text))
    return session.journal.amend(batch.noted(note))


def _rejected_before(session: Session, batch: Batch, kinds: Collection[str]) -> Counter[Rejection]:
    """Count the messages of the import before; those of a kind that it did not have are the last one's that had it."""
    before: Counter[Rejection] = Counter()
    wanted = set(kinds)
    for other in session.journal.sent(batch.target):
        if other.id == batch.id:
            continue
        found = wanted & {entry.kind or "" for entry in other.entries}
        if found:
            messages = counted(session.archive.messages(other.id), other.entries)
            before.update({message: count for message, count in messages.items() if message.kind in found})
            wanted -= found
        if not wanted - {""}:
            break
    return before


def _has_messages(final: SisImport) -> bool:
    return bool(
        _message_count(final) or final.processing_errors or final.processing_warnings or final.has_errors_attachment
    )


def _message_count(final: SisImport) -> int:
    return (final.error_count or 0) + (final.warning_count or 0)


def _messages(session: Session, batch: Batch, final: SisImport) -> tuple[SisImport, list[ImportMessage] | None]:
    try:
        final = _with_attachment(session, final)
        return final, list(session.canvas.import_errors(session.target.account_id, final.id))
    except CanvasError as error:
        log.warning("Canvas's messages could not be fetched: %s", error.sentence, extra={"batch": batch.id})
        return final, None


def _with_attachment(session: Session, final: SisImport) -> SisImport:
    """Wait until the errors attachment is there, or for a while; the messages are then written too."""
    began = session.clock.monotonic()
    seen = final
    while not seen.has_errors_attachment and session.patient:
        if session.clock.monotonic() - began >= ATTACHMENT_SECONDS or session.deadline.passed:
            break
        session.clock.sleep(1.0)
        seen = session.canvas.get_import(session.target.account_id, final.id)
    return seen if seen.workflow_state == final.workflow_state else final
