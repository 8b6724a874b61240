"""The desk at which a person's word about a batch is taken: a home, locked, with its journal and its Canvas."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from canvas_sis_sync.canvas.client import Canvas
from canvas_sis_sync.canvas.records import Target
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.errors import HeldError, UsageError
from canvas_sis_sync.home import log
from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.home.batch import OPEN, Batch
from canvas_sis_sync.home.journal import Journal
from canvas_sis_sync.home.lock import home_lock
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.plain_text import visible
from canvas_sis_sync.sync.session import open_canvas, open_journal, patient_retry


@dataclass(frozen=True, slots=True)
class Desk:
    """A home, locked, for a person's word about one of its batches."""

    settings: Settings
    journal: Journal
    archive: Archive
    canvas: Canvas
    clock: Clock
    who: str

    def batch(self, batch_id: str) -> Batch:
        """Read a batch. Raises UsageError when there is none of that id."""
        found = self.journal.batch(batch_id)
        if found is None:
            raise UsageError(f"There is no batch {batch_id} in this home.", "`sis-sync status` names the last one.")
        return found

    def asks(self, target: Target) -> bool:
        """Say whether the Canvas that the settings name is the target's, whose import ids mean nothing elsewhere."""
        return self.settings.host == target.host

    def file(self, batch: Batch) -> None:
        """Write the batch's receipt as the journal has it now; one that is over needs no run to do it then."""
        filed = batch.state not in OPEN and batch.errors_complete
        if self.archive.batch_folder(batch.id).exists():
            self.archive.write_receipt(replace(batch, filed=filed))
        self.journal.amend(replace(batch, filed=filed))


@contextmanager
def desk(settings: Settings, clock: Clock) -> Iterator[Desk]:
    """Open a home for a person's word. Raises HeldError while a run is at work, HomeError, JournalError."""
    with ExitStack() as stack:
        if not stack.enter_context(home_lock(settings.archive / ".lock")):
            raise HeldError(
                "A run of this home is at work, and may be waiting for Canvas.",
                "Try again when it has ended, or end it with Ctrl-C (or SIGTERM): the next run goes on with its batch.",
            )
        stack.enter_context(log.setup(settings.logs, [settings.token.reveal()]))
        journal = stack.enter_context(open_journal(settings, clock))
        canvas = stack.enter_context(open_canvas(settings, patient_retry(clock)))
        yield Desk(settings, journal, Archive(settings.archive), canvas, clock, _login())


def does_not_fit(command: str, batch: Batch) -> UsageError:
    """Say that a batch is in no state for a command."""
    return UsageError(
        f"Batch {batch.id} is {batch.state}, and that is not something to {command}.",
        "Nothing was changed. `sis-sync status` says what the gate waits for.",
    )


def _login() -> str:
    try:
        return visible(getpass.getuser())
    except (OSError, KeyError, ImportError):
        return "unknown"
