"""What the steps of one run share: settings, journal, archive, the wire, the clock, and how a run waits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from canvas_sis_sync.account_record import AccountRecord
from canvas_sis_sync.archive import Archive
from canvas_sis_sync.canvas import Canvas
from canvas_sis_sync.errors import TimeRanOut
from canvas_sis_sync.journal.ledger import Journal
from canvas_sis_sync.model import Batch, State, Target
from canvas_sis_sync.plain_text import visible
from canvas_sis_sync.polling import Clock, Deadline, intervals
from canvas_sis_sync.progress import Show
from canvas_sis_sync.settings import Settings

log = logging.getLogger("canvas_sis_sync")


@dataclass(frozen=True, slots=True)
class Context:
    """One run."""

    settings: Settings
    journal: Journal
    archive: Archive
    canvas: Canvas
    target: Target
    clock: Clock
    deadline: Deadline
    show: Show
    #: Takes the account's lock in the user's state folder, so that two homes cannot send or reconcile at once.
    sending_lock: Callable[[], AbstractContextManager[None]]
    #: Which home has sent what to the account, kept beside that lock.
    account_record: AccountRecord
    #: False with --no-wait: every wait ends the run.
    patient: bool
    #: Ids of the batches that this run claimed: only these are certain never to have been sent.
    claimed_here: set[str] = field(default_factory=set)

    def waits(self, what: str) -> Iterator[None]:
        """Iterate with growing pauses, 1 to 30 s, from now on; a look comes before the first pause.

        `what` completes "stopped waiting while ...". Raises TimeRanOut when the run's time is over.
        """
        for pause in intervals():
            yield
            self.pause(pause, what)

    def pause(self, seconds: float, what: str) -> None:
        """Wait, but never beyond the run's time; raises TimeRanOut when that is over, or with --no-wait."""
        if not self.patient:
            raise TimeRanOut(f"Not waiting (--no-wait) while {what}.", "The next run goes on with it.")
        if self.deadline.passed:
            raise TimeRanOut(
                f"The time of this run (SIS_SYNC_POLL_LIMIT) ran out while {what}.",
                "The next run goes on with it. If this comes often, raise SIS_SYNC_POLL_LIMIT.",
            )
        self.clock.sleep(min(seconds, max(self.deadline.remaining, 0.0)))

    def move(self, batch: Batch, state: State, reason: str, **changes: Any) -> Batch:
        """Move a batch in the journal, and say so in the log."""
        reason = visible(reason)
        changed = self.journal.move(batch, state, reason=reason, **changes)
        log.info("%s: %s", state, reason, extra={"batch": batch.id})
        return changed


def steady(clock: Clock) -> Clock:
    """Give a clock whose `now` cannot jump while a run lasts: the time it began, and what has passed since."""
    began, mark = clock.now(), clock.monotonic()
    return Clock(lambda: began + clock.monotonic() - mark, clock.monotonic, clock.sleep)
