"""Is there anything to do? What every cron tick pays for, so it imports no more than that takes.

Everything else (`sync`, requests, the lock) is imported once there is work.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from canvas_sis_sync.errors import HomeError, JournalError, next_step
from canvas_sis_sync.home import inbox
from canvas_sis_sync.home.journal_file import FILE_NAME, anything_waits, is_lost, lasting
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.sync import alerts

if TYPE_CHECKING:
    from canvas_sis_sync.clock import Clock
    from canvas_sis_sync.progress import Show
    from canvas_sis_sync.sync.run import RunResult


def is_idle(settings: Settings) -> bool:
    """Say whether the inbox is empty, nothing waits in the journal, and nothing is to be reported.

    A home in which that cannot be said is not idle.
    """
    try:
        return _nothing_waits(settings) and not _is_news(settings)
    except HomeError:
        return False


def work(settings: Settings, show: Show, clock: Clock, *, patient: bool) -> RunResult:
    """Take the home's lock, look again, and run.

    Not `patient` is --no-wait: one look, at most one batch. Raises SyncError for what keeps a run from beginning.
    """
    from canvas_sis_sync.home.lock import home_lock
    from canvas_sis_sync.sync import run
    from canvas_sis_sync.sync.session import begin

    with ExitStack() as stack:
        if not stack.enter_context(home_lock(settings.archive / ".lock")):
            return run.RunResult("locked")
        if _nothing_waits(settings):
            return run.RunResult("idle")
        return run.run(stack.enter_context(begin(settings, show, clock, patient=patient)))


def _nothing_waits(settings: Settings) -> bool:
    try:
        if inbox.has_drops(settings.inbox, settings.marker):
            return False
        waiting = anything_waits(settings.archive / FILE_NAME)
        return not is_lost(settings.archive / FILE_NAME) if waiting is None else not waiting
    except (HomeError, JournalError):
        return False
    except OSError as error:
        raise not_a_home(settings, error) from error


def _is_news(settings: Settings) -> bool:
    try:
        lying = inbox.left_lying(settings.inbox, settings.marker)
        return alerts.is_news(lasting(settings.archive / FILE_NAME), lying)
    except (OSError, JournalError):
        return True


def not_a_home(settings: Settings, error: OSError) -> HomeError:
    """Return the error for a home whose folders cannot be looked into."""
    hint = next_step(error)
    if isinstance(error, FileNotFoundError):
        hint = f"If {settings.home} is the home you mean, type `sis-sync --home {settings.home} init`."
    return HomeError(f"{error.filename or settings.inbox}: {(error.strerror or str(error)).lower()}.", hint)
