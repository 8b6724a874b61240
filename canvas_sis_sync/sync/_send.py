"""Send: a packed batch becomes one import in Canvas, or provably none (docs/life-of-a-batch.md)."""

from __future__ import annotations

from dataclasses import replace

from canvas_sis_sync.canvas import options
from canvas_sis_sync.canvas.answers import Offer, User
from canvas_sis_sync.canvas.records import SisImport
from canvas_sis_sync.errors import (
    AccessRefused,
    AnswerLost,
    CanvasError,
    NotFound,
    NothingArrived,
    RedirectRefused,
    RequestRejected,
    Throttled,
    ZipAltered,
)
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.stages import reached
from canvas_sis_sync.sync import outcome
from canvas_sis_sync.sync._reconcile import Found, find
from canvas_sis_sync.sync.assess import still_stands
from canvas_sis_sync.sync.gate import FIRST_PAGE, wait_for_go
from canvas_sis_sync.sync.parameters import options_for
from canvas_sis_sync.sync.session import Session, log

LARGE_BYTES = 20_000_000
"""From this size on a hosted Canvas gets the zip in two steps (API 9, request time)."""
OFFER_SECONDS = 25 * 60
"""An offer older than this is not used any more; Canvas keeps it for about 30 minutes (API 10)."""
DID_NOT_RUN = (NothingArrived, Throttled, AccessRefused, RedirectRefused)


def send(session: Session, batch: Batch) -> Batch:
    """Ask the gate once more, journal what is about to happen, and POST.

    Return the batch sending (it is not known yet what became of it), importing or rejected, or still packed when it has
    to be assessed again. Raises HeldError and TimeRanOut as the gate does; CanvasError with the batch back in `packed`
    when the request provably did not run; ZipAltered when the zip changed while it was being sent.
    """
    for _ in session.waits("Canvas was throttling this token"):
        with session.sending_lock():
            asked = wait_for_go(session, batch)
            if not still_stands(session, batch):
                return session.journal.amend(batch.not_planned())
            user = session.user
            if suspect := _perhaps_sent(session, batch, user):
                return suspect
            batch = _about_to_send(session, batch, asked.highest_id, user)
            try:
                return _post(session, batch)
            except Throttled as error:
                batch = _did_not_run(session, batch, error)
            except DID_NOT_RUN as error:
                _did_not_run(session, batch, error)
                raise
    raise AssertionError("waiting never ends by itself")


def _about_to_send(session: Session, batch: Batch, mark: int, user: User) -> Batch:
    session.account_record.begin(batch.fingerprint, mark, user.id)
    batch = session.move(
        batch.about_to_send(
            session.target,
            session.clock.now(),
            mark=mark,
            user_id=user.id,
            parameters=options_for(session.settings, batch).parameters,
            upload=way(session, batch),
            reason=f"sending {reached(batch.zip).size} bytes",
        )
    )
    session.archive.write_receipt(batch)
    return batch


def _did_not_run(session: Session, batch: Batch, error: CanvasError) -> Batch:
    session.account_record.give_up(batch.fingerprint)
    return session.move(_as_journalled(session, batch).not_sent(error.sentence))


def _perhaps_sent(session: Session, batch: Batch, user: User) -> Batch | None:
    """Return the batch in `sending` when Canvas has an import that it may have become in a past this journal lacks.

    Only a batch that this run claimed cannot have been sent: an archive may have been restored from a backup that was
    made while the batch was packed, or before it was retried.
    """
    if batch.id in session.claimed_here:
        return None
    account, mark = session.target.account_id, batch.mark
    if mark is None:
        previous = session.journal.previous_sent(session.target)
        mark = previous.import_id if previous else None
    if mark is None:
        listing = session.canvas.list_imports(account, limit=FIRST_PAGE)
    else:
        listing = session.canvas.imports_above(account, mark)
    as_if_sent = batch.perhaps_sent_before(session.target, mark=mark, user_id=user.id, reason="")
    resolution = find(session, as_if_sent, listing)
    if resolution.found is Found.NONE:
        return None
    return session.move(
        batch.perhaps_sent_before(
            session.target,
            mark=min(found.id for found in resolution.imports) - 1,
            user_id=user.id,
            reason="Canvas has an import with its files that this journal does not know; it was not sent",
        )
    )


def way(session: Session, batch: Batch) -> str:
    """Choose "direct" or "two-step": by setting, else by who hosts Canvas and by size, never by trying (API 10)."""
    chosen = session.settings.upload
    if chosen != "auto":
        return str(chosen)
    return "two-step" if session.settings.hosted and reached(batch.zip).size > LARGE_BYTES else "direct"


def _post(session: Session, batch: Batch) -> Batch:
    try:
        return _two_step(session, batch) if reached(batch.sending).upload == "two-step" else _direct(session, batch)
    except RequestRejected as error:
        reason = outcome.rejection(error, batch.options)
        return session.move(note_stray(session, _as_journalled(session, batch)).rejected(reason))


def _as_journalled(session: Session, batch: Batch) -> Batch:
    """Give the batch with what was noted of it since: the import that it was announced as and that was given up."""
    return session.journal.batch(batch.id) or batch


def _direct(session: Session, batch: Batch) -> Batch:
    zip_path = session.archive.zip_path(batch)
    try:
        with session.show.stage("uploading", reached(batch.zip).size) as done:
            answer = session.canvas.create_import(
                session.target.account_id, zip_path, batch.parameters, sha256=reached(batch.zip).sha256, progress=done
            )
    except AnswerLost as error:
        log.warning("%s", error.sentence, extra={"batch": batch.id})
        return session.journal.amend(batch.lost(error.sentence, error.seconds))
    return accepted(session, batch, answer)


def _two_step(session: Session, batch: Batch) -> Batch:
    announced = session.clock.monotonic()
    try:
        answer, offer = session.canvas.announce_import(
            session.target.account_id, f"{batch.id}.zip", reached(batch.zip).size, batch.parameters
        )
    except AnswerLost as error:
        unannounced(session, batch, error.sentence)
        raise
    if offer is None:
        reason = (
            "Canvas answered the announcement of an upload without saying where to upload to, so it does not know the"
            " two-step way; set SIS_SYNC_UPLOAD=direct"
        )
        return session.move(batch.left_behind(answer.id).rejected(reason))
    _take(session, batch, answer)
    batch = session.journal.amend(batch.seen(answer, f"announced as {answer.id}"))
    session.archive.write_receipt(batch)
    if options.compare(batch.options, answer).dangerous:
        return _importing(session, batch, answer)  # and aborted by the next step, before it has any data
    return _upload(session, batch, offer, announced)


def unannounced(session: Session, batch: Batch, reason: str) -> Batch:
    """Take back a batch whose announcement has no answer.

    No data have left, so it may be announced again; the record that this one may have made, perhaps only later, is
    nobody's.
    """
    session.account_record.give_up(batch.fingerprint)
    return session.move(note_stray(session, batch).not_announced(reason))


def _upload(session: Session, batch: Batch, offer: Offer, announced: float) -> Batch:
    """Send the data, unless the offer is too old.

    From here on the state of the announced import tells what happened, whatever was answered (API 10).
    """
    if session.clock.monotonic() - announced >= OFFER_SECONDS:
        return batch
    try:
        _send_data_and_confirm(session, batch, offer)
    except (AnswerLost, Throttled) as error:
        log.warning("%s", error.sentence, extra={"batch": batch.id})
        return session.journal.amend(replace(batch, reason=error.sentence))
    return batch


def _send_data_and_confirm(session: Session, batch: Batch, offer: Offer) -> None:
    try:
        with session.show.stage("uploading", reached(batch.zip).size) as done:
            zip_path = session.archive.zip_path(batch)
            stored = session.canvas.upload_to_offer(offer, zip_path, progress=done, sha256=reached(batch.zip).sha256)
    except (NothingArrived, RequestRejected, ZipAltered):
        # The storage has none of the data, so the announced import is nobody's.
        session.journal.amend(batch.left_behind(batch.sent_as).not_its_import())
        give_up(session, batch, batch.sent_as)
        raise
    if stored.location:
        try:
            session.canvas.confirm(stored.location)
        except CanvasError as error:
            log.warning("%s", error.sentence, extra={"batch": batch.id})


def accepted(session: Session, batch: Batch, answer: SisImport) -> Batch:
    """Journal that `answer` is the batch's import; while it is `initializing` the batch stays in sending."""
    _take(session, batch, answer)
    if answer.workflow_state == "initializing":
        return session.journal.amend(batch.seen(answer))
    return _importing(session, batch, answer)


def _take(session: Session, batch: Batch, answer: SisImport) -> None:
    session.account_record.take(batch.fingerprint, batch.mark or 0, reached(batch.sending).user_id, answer.id)


def _importing(session: Session, batch: Batch, answer: SisImport) -> Batch:
    taken = options.compare(batch.options, answer)
    for difference in (*taken.dangerous, *taken.other):
        log.warning("%s", difference, extra={"batch": batch.id})
    batch = session.move(batch.importing(answer, f"Canvas has it as import {answer.id}"))
    session.archive.write_receipt(batch)
    return batch


def note_stray(session: Session, batch: Batch) -> Batch:
    """Note the record that a refused POST left behind: the one `initializing` above the mark by our user (API 3.2).

    Finding it is a courtesy to the next gate, so trouble with Canvas here is only logged.
    """
    if batch.mark is None:
        return batch
    try:
        listing = session.canvas.imports_above(session.target.account_id, batch.mark)
    except CanvasError as error:
        log.info("could not look for a stray record: %s", error.sentence, extra={"batch": batch.id})
        return batch
    user_id = reached(batch.sending).user_id
    left = [
        found.id
        for found in listing.imports
        if found.workflow_state == "initializing" and found.user_id in (None, user_id)
    ]
    taken = session.journal.taken(session.target, batch.mark, but=batch.id)
    left = [stray for stray in left if stray not in taken]
    return session.journal.amend(batch.left_behind(*left)) if len(left) == 1 else batch


def give_up(session: Session, batch: Batch, import_id: int) -> SisImport | None:
    """Abort an import that never got its data, and read it back: None when Canvas does not know it any more."""
    account = session.target.account_id
    try:
        session.canvas.abort_import(account, import_id)
    except NotFound:
        log.info("import %s could not be aborted: it is over", import_id, extra={"batch": batch.id})
    try:
        return session.canvas.get_import(account, import_id)
    except NotFound:
        return None
