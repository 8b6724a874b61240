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
from canvas_sis_sync.sync.parameters import parameters_of
from canvas_sis_sync.sync.session import Context, log

LARGE_BYTES = 20_000_000
"""From this size on a hosted Canvas gets the zip in two steps (API 9, request time)."""
OFFER_SECONDS = 25 * 60
"""An offer older than this is not used any more; Canvas keeps it for about 30 minutes (API 10)."""
DID_NOT_RUN = (NothingArrived, Throttled, AccessRefused, RedirectRefused)


def send(context: Context, batch: Batch) -> Batch:
    """Ask the gate once more, journal what is about to happen, and POST.

    Return the batch sending (it is not known yet what became of it), importing or rejected, or still packed when it has
    to be weighed again. Raises HeldError and TimeRanOut as the gate does; CanvasError with the batch back in `packed`
    when the request provably did not run; ZipAltered when the zip changed while it was being sent.
    """
    for _ in context.waits("Canvas was throttling this token"):
        with context.sending_lock():
            asked = wait_for_go(context, batch)
            if not still_stands(context, batch):
                return context.journal.amend(batch.not_planned())
            user = context.canvas.current_user()
            if suspect := _perhaps_sent(context, batch, user):
                return suspect
            batch = _about_to_send(context, batch, asked.highest_id, user)
            try:
                return _post(context, batch)
            except Throttled as error:
                batch = _did_not_run(context, batch, error)
            except DID_NOT_RUN as error:
                _did_not_run(context, batch, error)
                raise
    raise AssertionError("waiting never ends by itself")


def _about_to_send(context: Context, batch: Batch, mark: int, user: User) -> Batch:
    context.account_record.begin(batch.fingerprint, mark, user.id)
    batch = context.move(
        batch.about_to_send(
            context.target,
            context.clock.now(),
            mark=mark,
            user_id=user.id,
            parameters=parameters_of(context.settings, batch),
            upload=way(context, batch),
            reason=f"sending {reached(batch.zip).size} bytes",
        )
    )
    context.archive.write_receipt(batch)
    return batch


def _did_not_run(context: Context, batch: Batch, error: CanvasError) -> Batch:
    context.account_record.give_up(batch.fingerprint)
    return context.move(_as_journalled(context, batch).not_sent(error.sentence))


def _perhaps_sent(context: Context, batch: Batch, user: User) -> Batch | None:
    """Return the batch in `sending` when Canvas has an import that it may have become in a past this journal lacks.

    Only a batch that this run claimed cannot have been sent: an archive may have been restored from a backup that was
    made while the batch was packed, or before it was retried.
    """
    if batch.id in context.claimed_here:
        return None
    account, mark = context.target.account_id, batch.mark
    if mark is None:
        previous = context.journal.previous_sent(context.target)
        mark = previous.import_id if previous else None
    if mark is None:
        listing = context.canvas.list_imports(account, limit=FIRST_PAGE)
    else:
        listing = context.canvas.imports_above(account, mark)
    as_if_sent = batch.perhaps_sent_before(context.target, mark=mark, user_id=user.id, reason="")
    resolution = find(context, as_if_sent, listing)
    if resolution.found is Found.NONE:
        return None
    return context.move(
        batch.perhaps_sent_before(
            context.target,
            mark=min(found.id for found in resolution.imports) - 1,
            user_id=user.id,
            reason="Canvas has an import with its files that this journal does not know; it was not sent",
        )
    )


def way(context: Context, batch: Batch) -> str:
    """Choose "direct" or "two-step": by setting, else by who hosts Canvas and by size, never by trying (API 10)."""
    chosen = context.settings.upload
    if chosen != "auto":
        return str(chosen)
    return "two-step" if context.settings.hosted and reached(batch.zip).size > LARGE_BYTES else "direct"


def _post(context: Context, batch: Batch) -> Batch:
    try:
        return _two_step(context, batch) if reached(batch.sending).upload == "two-step" else _direct(context, batch)
    except RequestRejected as error:
        reason = outcome.rejection(error, batch.parameters)
        return context.move(note_stray(context, _as_journalled(context, batch)).rejected(reason))


def _as_journalled(context: Context, batch: Batch) -> Batch:
    """Give the batch with what was noted of it since: the import that it was announced as and that was given up."""
    return context.journal.batch(batch.id) or batch


def _direct(context: Context, batch: Batch) -> Batch:
    zip_path = context.archive.zip_path(batch)
    try:
        with context.show.stage("uploading", reached(batch.zip).size) as done:
            answer = context.canvas.create_import(
                context.target.account_id, zip_path, batch.parameters, sha256=reached(batch.zip).sha256, progress=done
            )
    except AnswerLost as error:
        log.warning("%s", error.sentence, extra={"batch": batch.id})
        return context.journal.amend(batch.lost(error.sentence, error.seconds))
    return accepted(context, batch, answer)


def _two_step(context: Context, batch: Batch) -> Batch:
    announced = context.clock.monotonic()
    try:
        answer, offer = context.canvas.announce_import(
            context.target.account_id, f"{batch.id}.zip", reached(batch.zip).size, batch.parameters
        )
    except AnswerLost as error:
        unannounced(context, batch, error.sentence)
        raise
    if offer is None:
        reason = (
            "Canvas answered the announcement of an upload without saying where to upload to, so it does not know the"
            " two-step way; set SIS_SYNC_UPLOAD=direct"
        )
        return context.move(batch.left_behind(answer.id).rejected(reason))
    _take(context, batch, answer)
    batch = context.journal.amend(batch.seen(answer, f"announced as {answer.id}"))
    context.archive.write_receipt(batch)
    if options.compare(batch.parameters, answer).dangerous:
        return _importing(context, batch, answer)  # and aborted by the next step, before it has any data
    return _upload(context, batch, offer, announced)


def unannounced(context: Context, batch: Batch, reason: str) -> Batch:
    """Take back a batch whose announcement has no answer.

    No data have left, so it may be announced again; the record that this one may have made, perhaps only later, is
    nobody's.
    """
    context.account_record.give_up(batch.fingerprint)
    return context.move(note_stray(context, batch).not_announced(reason))


def _upload(context: Context, batch: Batch, offer: Offer, announced: float) -> Batch:
    """Send the data, unless the offer is too old.

    From here on the state of the announced import tells what happened, whatever was answered (API 10).
    """
    if context.clock.monotonic() - announced >= OFFER_SECONDS:
        return batch
    try:
        _send_data_and_confirm(context, batch, offer)
    except (AnswerLost, Throttled) as error:
        log.warning("%s", error.sentence, extra={"batch": batch.id})
        return context.journal.amend(replace(batch, reason=error.sentence))
    return batch


def _send_data_and_confirm(context: Context, batch: Batch, offer: Offer) -> None:
    try:
        with context.show.stage("uploading", reached(batch.zip).size) as done:
            zip_path = context.archive.zip_path(batch)
            stored = context.canvas.upload_to_offer(offer, zip_path, progress=done, sha256=reached(batch.zip).sha256)
    except (NothingArrived, RequestRejected, ZipAltered):
        # The storage has none of the data, so the announced import is nobody's.
        context.journal.amend(batch.left_behind(batch.sent_as).not_its_import())
        give_up(context, batch, batch.sent_as)
        raise
    if stored.location:
        try:
            context.canvas.confirm(stored.location)
        except CanvasError as error:
            log.warning("%s", error.sentence, extra={"batch": batch.id})


def accepted(context: Context, batch: Batch, answer: SisImport) -> Batch:
    """Journal that `answer` is the batch's import; while it is `initializing` the batch stays in sending."""
    _take(context, batch, answer)
    if answer.workflow_state == "initializing":
        return context.journal.amend(batch.seen(answer))
    return _importing(context, batch, answer)


def _take(context: Context, batch: Batch, answer: SisImport) -> None:
    context.account_record.take(batch.fingerprint, batch.mark or 0, reached(batch.sending).user_id, answer.id)


def _importing(context: Context, batch: Batch, answer: SisImport) -> Batch:
    taken = options.compare(batch.parameters, answer)
    for difference in (*taken.dangerous, *taken.other):
        log.warning("%s", difference, extra={"batch": batch.id})
    batch = context.move(batch.importing(answer, f"Canvas has it as import {answer.id}"))
    context.archive.write_receipt(batch)
    return batch


def note_stray(context: Context, batch: Batch) -> Batch:
    """Note the record that a refused POST left behind: the one `initializing` above the mark by our user (API 3.2).

    Finding it is a courtesy to the next gate, so trouble with Canvas here is only logged.
    """
    if batch.mark is None:
        return batch
    try:
        listing = context.canvas.imports_above(context.target.account_id, batch.mark)
    except CanvasError as error:
        log.info("could not look for a stray record: %s", error.sentence, extra={"batch": batch.id})
        return batch
    user_id = reached(batch.sending).user_id
    left = [
        found.id
        for found in listing.imports
        if found.workflow_state == "initializing" and found.user_id in (None, user_id)
    ]
    taken = context.journal.taken(context.target, batch.mark, but=batch.id)
    left = [stray for stray in left if stray not in taken]
    return context.journal.amend(batch.left_behind(*left)) if len(left) == 1 else batch


def give_up(context: Context, batch: Batch, import_id: int) -> SisImport | None:
    """Abort an import that never got its data, and read it back: None when Canvas does not know it any more."""
    account = context.target.account_id
    try:
        context.canvas.abort_import(account, import_id)
    except NotFound:
        log.info("import %s could not be aborted: it is over", import_id, extra={"batch": batch.id})
    try:
        return context.canvas.get_import(account, import_id)
    except NotFound:
        return None
