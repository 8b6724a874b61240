"""`sis-sync discard --all-but-newest`: after a hold, only the newest of what waits shall be sent.

Each older drop is claimed and packed as by a run, so that its bytes are safe at every instant, but set aside: that is
journalled with the claim, and whatever is killed, the next run finishes it without sending it. A batch that holds is
discarded last. Until then it keeps the gate shut.
"""

from __future__ import annotations

from dataclasses import dataclass

from canvas_sis_sync.clock import Clock, steady
from canvas_sis_sync.home import inbox, log
from canvas_sis_sync.home.archive import wording
from canvas_sis_sync.home.batch import TRANSITIONS, Batch, BatchState
from canvas_sis_sync.home.drops import Drop
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.plain_text import lines
from canvas_sis_sync.progress import Show
from canvas_sis_sync.sync._claim import claim, look
from canvas_sis_sync.sync.run import deliver, require_whole_journal
from canvas_sis_sync.sync.session import Session, for_a_person, refuse_sandbox

COMMAND = "discard --all-but-newest"


@dataclass(frozen=True, slots=True)
class WaitingDrops:
    """What waits at one look."""

    #: Older drops whose writer is done.
    settled: tuple[Drop, ...]
    #: Names of the older ones that are still being written to.
    unsettled: tuple[str, ...]
    #: Name of the newest drop, "" for an empty inbox.
    newest: str


def discard_all_but_newest(settings: Settings, reason: str, clock: Clock, show: Show) -> str:
    """Discard the batch that holds, if it was not sent, and all drops but the newest; give what was done.

    Their files go to the archive. A drop that is still being written to is left alone, and the hold with it. Raises
    SettingsError when a sandbox answers at another's home, HeldError while a run is at work, HomeError, JournalError,
    CanvasError when the account was never resolved.
    """
    with for_a_person(settings, steady(clock), show) as session:
        refuse_sandbox(settings, session.journal, session.canvas)
        require_whole_journal(session.journal, session.archive)
        waiting = _waiting(session)
        held = _held(session)
        if not waiting.newest:
            return _nothing(held)
        taken = {drop.name: _set_aside(session, drop, reason, session.who) for drop in waiting.settled}
        ended = [batch for batch in taken.values() if batch is not None]
        said = [_in_words(batch) for batch in ended]
        left = [*waiting.unsettled, *(name for name, batch in taken.items() if batch is None)]
        if left or any(batch.state is not BatchState.DISCARDED for batch in ended):
            return lines([*said, *_incomplete(held, left)])
        if held:
            said.append(_discard(session, held, reason))
        return lines([*said, f"{waiting.newest} waits for the next run."])


def _waiting(session: Session) -> WaitingDrops:
    """Look at the inbox, and again after a while when an older drop was not seen before."""
    with wording(session.settings.inbox):
        first = look(session)
        older = {drop.name: inbox.signature(drop) for drop, _ in first[:-1]}
        looked = first
        if not all(is_settled for _, is_settled in first[:-1]) and not session.settings.marker:
            session.show.note("Waiting until nobody has written to the older drops for a while.")
            session.clock.sleep(session.settings.settle_seconds)
            looked = look(session)
    settled = tuple(drop for drop, is_done in looked if is_done and older.get(drop.name) == inbox.signature(drop))
    unsettled = set(older) - {drop.name for drop in settled}
    return WaitingDrops(settled, tuple(sorted(unsettled)), first[-1][0].name if first else "")


def _held(session: Session) -> Batch | None:
    """Find the batch that keeps the gate shut, if it was not sent."""
    for waiting in session.journal.waiting():
        unsent = BatchState.DISCARDED in TRANSITIONS[waiting.state]
        if waiting.holds and unsent and waiting.target == session.target:
            return session.journal.batch(waiting.id)
    return None


def _set_aside(session: Session, drop: Drop, reason: str, who: str) -> Batch | None:
    """Take a drop to the archive; None when it is no longer as it was: what replaced it may be the newest now."""
    with wording(drop.folder):
        drops = inbox.scan(session.settings.inbox, session.settings.marker).drops
    if inbox.signature(drop) not in {inbox.signature(each) for each in drops if each.name == drop.name}:
        return None
    return deliver(session, claim(session, drop, set_aside=f"{COMMAND}: {reason}", who=who))


def _discard(session: Session, batch: Batch, reason: str) -> str:
    batch = session.journal.move(batch.discarded(f"{COMMAND}: {reason}"), who=session.who)
    session.file(batch)
    log.get_logger(batch.id).info("discarded by %s: %s", session.who, batch.reason)
    return _in_words(batch)


def _in_words(batch: Batch) -> str:
    if batch.state is BatchState.DISCARDED:
        return f"Batch {batch.id} ({batch.drop_name}) will not be sent. Its files are in the archive."
    return f"Batch {batch.id} ({batch.drop_name}) is {batch.state}: {batch.reason}"


def _nothing(held: Batch | None) -> str:
    if held is None:
        return "Nothing was discarded: the inbox is empty."
    return lines(
        [
            f"Nothing was discarded: the inbox is empty, so batch {held.id} is the newest that waits.",
            f"Next: `sis-sync discard {held.id} --reason TEXT` if it is not to be sent either.",
        ]
    )


def _incomplete(held: Batch | None, left: list[str]) -> list[str]:
    said = [f"Left alone, for it is still being written to or changed meanwhile: {', '.join(left)}."] if left else []
    if held:
        said.append(f"So batch {held.id} is {held.state} as before, and nothing is sent.")
    return [*said, f"Next: `sis-sync {COMMAND} --reason TEXT` once that is over."]
