"""Recover: find out what became of a batch whose sending has no answer (docs/life-of-a-batch.md).

A batch is `sending` here. It leaves as importing (its import was found), or as packed (there is certainly none, so it
is sent again), or stays while somebody must say which import it is.
"""

from __future__ import annotations

from dataclasses import replace

from canvas_sis_sync.canvas.records import AbortKind, Listing, SisImport
from canvas_sis_sync.errors import BadZipError, HeldError, NotFound
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.stages import reached
from canvas_sis_sync.sync._reconcile import Found, find
from canvas_sis_sync.sync._send import accepted, give_up, unannounced, way
from canvas_sis_sync.sync.next_steps import in_words, which_import
from canvas_sis_sync.sync.session import Session, log

MOST_LOST_UPLOADS = 5
"""A proxy that refuses every upload does so at the next one too; each of these was a whole upload."""
HOSTED_REQUEST_SECONDS = 45
"""A direct upload cut after more than this was probably cut by the hosted limit of a minute (API 9)."""


def recover(session: Session, batch: Batch) -> Batch:
    """Look until it is settled what became of the sending.

    Raises HeldError when it cannot be settled, TimeRanOut, CanvasError.
    """
    with session.sending_lock():
        quiet = _Quiet(session, batch)
        session.show.note(f"Finding out whether Canvas has batch {batch.id}.")
        for _ in session.waits(f"it was not settled whether Canvas has batch {batch.id}"):
            quiet.begin_look()
            listing = session.canvas.imports_above(batch.target.account_id, batch.mark or 0)
            batch = quiet.look(batch, listing)
            sending = reached(batch.sending)
            if batch.import_id is not None:
                settled = _look_at_known(session, batch, batch.import_id, quiet)
            elif sending.upload == "two-step" and not sending.perhaps_sent:
                reason = "it was announced, but no data were sent; it will be announced again"
                settled = unannounced(session, batch, reason)
            else:
                settled = _look_for_it(session, batch, listing, quiet)
            if settled is not None:
                return settled
    raise AssertionError("waiting never ends by itself")


class _Quiet:
    """How long it has been quiet since the answer was lost, or since this run began to look, in seconds.

    This run's own time is measured by its monotonic clock alone. For the time between two runs there are two clocks
    that may have been set, Canvas's and ours, both journalled at the first look: the smaller difference counts.
    """

    def __init__(self, session: Session, batch: Batch) -> None:
        self._session = session
        self._lost_since = reached(batch.sending).lost_since
        self._lost_since_here = reached(batch.sending).lost_since_here
        self._began = session.clock.monotonic()
        self._seconds = 0.0

    def begin_look(self) -> None:
        """Take note of this run's time before Canvas is asked."""
        self._seconds = self._session.clock.monotonic() - self._began

    def look(self, batch: Batch, listing: Listing) -> Batch:
        """Take note of when Canvas gave a complete listing; return the batch with the first such time."""
        if listing.canvas_now is None:
            return batch
        now = self._session.clock.now()
        if reached(batch.sending).lost_since is None:
            return self._session.journal.amend(batch.looked_for(listing.canvas_now, now))
        if self._lost_since is not None and self._lost_since_here is not None:
            between = min(listing.canvas_now - self._lost_since, now - self._lost_since_here)
            self._seconds = max(self._seconds, between)
        return batch

    @property
    def is_over(self) -> bool:
        """Say whether SIS_SYNC_LOST_SECONDS had passed at this look."""
        return self._seconds >= self._session.settings.lost_seconds


def _look_for_it(session: Session, batch: Batch, listing: Listing, quiet: _Quiet) -> Batch | None:
    try:
        resolution = find(session, batch, listing)
    except (BadZipError, OSError) as error:
        raise _cannot_compare(session, batch, listing) from error
    undecided = resolution.found is Found.UNDECIDABLE or (
        resolution.found is Found.OURS and reached(batch.sending).perhaps_sent
    )
    if undecided:
        choices = tuple(found.id for found in resolution.imports)
        raise undecided_hold(session.journal.amend(batch.undecided(choices)), resolution.imports)
    if resolution.found is Found.OURS:
        return adopt(session, batch, resolution.imports[0], "found after its answer was lost")
    if resolution.found is Found.NONE and quiet.is_over:
        return _certainly_none(session, batch)
    return None


def _cannot_compare(session: Session, batch: Batch, listing: Listing) -> HeldError:
    """Word the hold of a batch whose zip cannot be compared with what may be its import."""
    taken = session.journal.taken(batch.target, batch.mark or 0, but=batch.id)
    listed = sorted(seen.id for seen in listing.imports if seen.id > (batch.mark or 0) and seen.id not in taken)
    return HeldError(
        f"The answer to the upload of batch {batch.id} was lost, and its zip, {session.archive.zip_path(batch)}, is"
        f" missing or damaged, so it cannot be compared with what Canvas has: import {', '.join(map(str, listed))}.",
        "Put the zip back as it was, and the next run continues. If you are certain which import it is, type"
        f" `sis-sync adopt {batch.id} {listed[0]} --reason TEXT`.",
    )


def _certainly_none(session: Session, batch: Batch) -> Batch:
    sending = reached(batch.sending)
    slow = sending.upload == "direct" and (sending.cut_after or 0) > HOSTED_REQUEST_SECONDS
    if slow and way(session, batch) == "direct":
        raise HeldError(
            f"The upload of batch {batch.id} was cut after {sending.cut_after:.0f} seconds, and Canvas has no import of"
            " it. Sent the same way it would be cut again, so it was not.",
            "If your Canvas is hosted by Instructure, set SIS_SYNC_UPLOAD=two-step, and the next run goes on. If it is"
            f" not, raise its time-out and type `sis-sync retry {batch.id} --reason TEXT`.",
        )
    if sending.lost_uploads >= MOST_LOST_UPLOADS:
        raise HeldError(
            f"Batch {batch.id} was uploaded {sending.lost_uploads} times, and each time the answer was lost and Canvas"
            f" made no import. The last answer: {batch.reason}",
            f"Find out what is between this machine and Canvas. To send it again: `sis-sync retry {batch.id} --reason"
            " TEXT`.",
        )
    session.account_record.give_up(batch.fingerprint)
    reason = "Canvas certainly has no import of it; it will be sent again"
    return session.move(batch.not_sent(reason))


def _look_at_known(session: Session, batch: Batch, import_id: int, quiet: _Quiet) -> Batch | None:
    """Judge by the state of an id that Canvas gave before it had the data.

    That it is given up is journalled as a stray before it is aborted, so that a run that is killed in between does not
    take its own abort for somebody else's.
    """
    given_up = import_id in batch.strays
    try:
        seen = session.canvas.get_import(batch.target.account_id, import_id)
    except NotFound:
        seen = None
    if seen is not None and seen.workflow_state not in {"initializing", "aborted" if given_up else ""}:
        return adopt(session, batch, seen, "Canvas has its data")
    if not (quiet.is_over or given_up):
        return None
    if not given_up:
        batch = session.journal.amend(batch.left_behind(import_id))
    left = give_up(session, batch, import_id)
    if left is not None and left.workflow_state == "initializing":
        return None
    begun = left is not None and (left.workflow_state != "aborted" or left.abort_kind is AbortKind.RUNNING)
    if left is not None and begun:
        return adopt(session, batch, left, "Canvas has its data")
    reason = f"import {import_id} never got its data and was aborted; it will be sent again"
    return session.move(batch.not_sent(reason).not_its_import())


def adopt(session: Session, batch: Batch, found: SisImport, how: str) -> Batch:
    """Journal that `found` is the batch's import, and no stray if it was taken for one."""
    log.info("import %s: %s", found.id, how, extra={"batch": batch.id})
    left = tuple(stray for stray in batch.strays if stray != found.id)
    return accepted(session, session.journal.amend(replace(batch, strays=left)), found)


def undecided_hold(batch: Batch, imports: tuple[SisImport, ...]) -> HeldError:
    """Word the hold of a batch that may be any of several imports, or that may have been sent before."""
    listed = ", ".join(f"{found.id} ({found.workflow_state})" for found in imports)
    if reached(batch.sending).perhaps_sent:
        sentence = (
            f"Canvas has an import with the files of batch {batch.id} that this journal does not know: {listed}. The"
            " batch may have been sent before, for example when the archive was restored from a backup. Nothing is sent"
            " until somebody decides."
        )
    else:
        sentence = (
            f"The answer to the upload of batch {batch.id} was lost, and it cannot be determined from here which import"
            f" it became: {listed}. Nothing is sent until somebody decides."
        )
    steps = which_import(batch, [found.id for found in imports])
    return HeldError(sentence, f"Compare their files and times in Canvas. Next: {in_words(steps)}")
