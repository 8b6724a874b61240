"""Follow: poll an import until it is over, and say what that means for its batch."""

from __future__ import annotations

from canvas_sis_sync.canvas import options
from canvas_sis_sync.canvas.records import CANVAS_UNFINISHED, SisImport
from canvas_sis_sync.errors import AnswerLost, HeldError, NotFound, NothingArrived, Throttled
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.sync import outcome
from canvas_sis_sync.sync.session import Session, log

WAITED_OUT = (AnswerLost, NothingArrived, Throttled)


def follow(session: Session, batch: Batch) -> Batch:
    """Poll until the import is over, then journal the batch's final state.

    Canvas's own troubles (5xx, lost connections) are waited out up to the run's time and then raised. Raises
    HeldError for a workflow_state that nobody knows, TimeRanOut, AccessRefused.
    """
    aborting = _abort_if_dangerous(session, batch, batch.sis_import)
    missing_since: float | None = None
    with session.show.stage("importing", 100) as done:
        for _ in session.waits(f"Canvas was importing batch {batch.id} (import {batch.import_id})"):
            try:
                seen = _look(session, batch)
            except NotFound:
                missing_since = missing_since or session.clock.monotonic()
                if session.clock.monotonic() - missing_since >= session.settings.lost_seconds:
                    return _gone(session, batch)
                continue
            if seen is None:
                continue
            missing_since = None
            done(seen.progress or 0)
            batch = session.journal.amend(batch.seen(seen)) if _moved(batch, seen) else batch
            aborting = aborting or _abort_if_dangerous(session, batch, seen)
            if seen.finished:
                return _end(session, batch, seen)
            if seen.workflow_state not in CANVAS_UNFINISHED:
                raise _unknown(batch, seen)
    raise AssertionError("waiting never ends by itself")


def _look(session: Session, batch: Batch) -> SisImport | None:
    """Look once; None when Canvas could not be asked and there is time to ask again."""
    try:
        return session.canvas.get_import(batch.target.account_id, batch.sent_as)
    except WAITED_OUT as error:
        log.warning("%s", error.sentence, extra={"batch": batch.id})
        if session.deadline.passed or not session.patient:
            raise
        return None


def _end(session: Session, batch: Batch, final: SisImport) -> Batch:
    taken = options.compare(batch.options, final)
    allowed = session.settings.max_error_rows
    ended = outcome.of(batch, final, allowed, taken)
    return session.move(batch.ended(ended.state, final, ended.reason, over_limit=ended.over_limit, notes=ended.notes))


def _gone(session: Session, batch: Batch) -> Batch:
    reason = f"Canvas no longer knows import {batch.import_id}; whether its rows were applied cannot be determined here"
    return session.move(batch.not_accepted(reason))


def _abort_if_dangerous(session: Session, batch: Batch, seen: SisImport | None) -> bool:
    """Abort an import for which Canvas did not take an option that limits deletions, or took one that deletes."""
    if seen is None or seen.finished:
        return False
    dangerous = options.compare(batch.options, seen).dangerous
    if not dangerous:
        return False
    log.error("aborting import %s: %s", seen.id, "; ".join(dangerous), extra={"batch": batch.id})
    try:
        session.canvas.abort_import(batch.target.account_id, seen.id)
    except NotFound:
        log.warning("import %s was over before it could be aborted", seen.id, extra={"batch": batch.id})
    except WAITED_OUT as error:
        log.warning("%s", error.sentence, extra={"batch": batch.id})
        return False
    return True


def _moved(batch: Batch, seen: SisImport) -> bool:
    return batch.sis_import is None or batch.sis_import.workflow_state != seen.workflow_state


def _unknown(batch: Batch, seen: SisImport) -> HeldError:
    return HeldError(
        f"Import {seen.id} (batch {batch.id}) is in a state that this version of sis-sync does not know:"
        f" {seen.workflow_state}. Nothing is sent while it is.",
        "Look at the import in Canvas, and for a newer version of sis-sync. The next run looks again; to stop waiting"
        f" for it: `sis-sync skip {batch.id} --reason TEXT`.",
    )
