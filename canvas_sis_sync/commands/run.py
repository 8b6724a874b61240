"""`sis-sync run`: one run, and what is said about it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FrameType

from canvas_sis_sync import episodes, inbox, log, outcome, plain_text, report, tick
from canvas_sis_sync.archive import Archive
from canvas_sis_sync.commands.exposed import exposed
from canvas_sis_sync.errors import (
    EXIT_HELD,
    EXIT_TIME_RAN_OUT,
    EXIT_UNREACHABLE,
    HomeError,
    JournalError,
    SyncError,
)
from canvas_sis_sync.model import Batch
from canvas_sis_sync.polling import Clock
from canvas_sis_sync.progress import Show
from canvas_sis_sync.settings import Settings
from canvas_sis_sync.steps.begin import open_journal
from canvas_sis_sync.sync import Result

SUBJECTS = {EXIT_UNREACHABLE: episodes.UNREACHABLE, EXIT_TIME_RAN_OUT: "time ran out"}


@dataclass(frozen=True, slots=True)
class How:
    """What a caller wants of a run."""

    show: Show
    clock: Clock
    #: False with --no-wait: one look, at most one batch.
    patient: bool = True


@dataclass(frozen=True, slots=True)
class Told:
    """A run's result, and what of it is to be said."""

    result: Result
    #: What happened, in words; "" when there is nothing to say.
    message: str
    #: False when the same trouble was told before and nobody is watching.
    tell: bool
    #: One line about a trouble that has ended, else "".
    recovery: str = ""


def run(settings: Settings, how: How, *, watched: bool, verbosity: int) -> Told:
    """Run once; `watched` says that a person is looking, who is told everything every time.

    Raises KeyboardInterrupt, also for SIGTERM.
    """
    with ExitStack() as stack:
        stack.enter_context(log.setup(settings.logs, [settings.token.reveal()], verbosity))
        stack.enter_context(_terminating())
        try:
            for sentence in exposed(settings):
                log.get_logger().warning("%s", sentence)
            result = tick.work(settings, how.show, how.clock, patient=how.patient)
        except SyncError as error:
            log.get_logger().error("%s", error.sentence)
            result = Result("held" if error.exit_code == EXIT_HELD else "waiting", error.exit_code, trouble=error)
        return _told(settings, how, result, watched=watched)


def idle_message(settings: Settings) -> str:
    """Say that there is nothing to do, and what lies in the inbox all the same."""
    idle = "Nothing to do: no drop in the inbox, nothing under way."
    return plain_text.lines([idle, *_others(settings), *exposed(settings)])


def as_json(told: Told) -> dict[str, object]:
    """Give the result as the object of `run --json`."""
    result = told.result
    return report.run_json(result.outcome, result.batches, result.about, result.trouble, told.message)


def _told(settings: Settings, how: How, result: Result, *, watched: bool) -> Told:
    watched_only = [*_others(settings), *exposed(settings)] if watched else []
    message = plain_text.lines([_message(settings, result), *watched_only])
    if result.outcome in {"locked", "idle"} and result.trouble is None:
        return Told(result, message, watched)
    telling = _telling(settings, how, result)
    return Told(result, message, watched or telling.tell, telling.recovery)


def _telling(settings: Settings, how: How, result: Result) -> episodes.Telling:
    """Journal the trouble of this run, or its end; without a journal everything is told."""
    try:
        with open_journal(settings, how.clock) as journal:
            earlier = journal.episodes()
            if result.exit_code:
                subject, reason = _subject(result)
                telling = episodes.met(earlier, subject, reason, how.clock.now(), settings.remind_every)
            else:
                telling = episodes.over(earlier)
            journal.remember_episodes(telling.episodes)
            return telling
    except (HomeError, JournalError):
        return episodes.Telling((), tell=bool(result.exit_code))


def _subject(result: Result) -> tuple[str, str]:
    subject = SUBJECTS.get(result.exit_code, "hold")
    if result.trouble is not None:
        return subject, plain_text.visible(result.trouble.sentence)
    about = result.about
    if about is None:
        return subject, result.outcome
    # Held twice in the same words, because another approval became void, is two troubles.
    return subject, f"{about.id} {about.state}, step {len(about.steps)}: {about.reason}"


def _message(settings: Settings, result: Result) -> str:
    lines = [report.summary(batch) for batch in result.batches if batch != result.about]
    base_url, first, left = settings.base_url, outcome.first_messages, _drops_left(settings)
    if result.trouble is not None:
        lines.append(report.trouble_message(result.trouble, result.about, base_url, first, left))
    elif result.about is not None:
        gone = _has_gone(settings, result.about)
        lines.append(report.batch_message(result.about, base_url, first, left, gone=gone))
    if result.outcome == "idle" and not lines:
        lines.append("Nothing to do: no drop in the inbox, nothing under way.")
    if result.outcome == "locked":
        lines.append("Another run of this home is at work; this one leaves it to that.")
    return plain_text.lines(lines)


def _has_gone(settings: Settings, batch: Batch) -> bool:
    """Say whether a batch's plan has terms, accounts or courses that vanish whole."""
    plan = Archive(settings.archive).read_plan(batch.id)
    return bool(plan and plan["gone"])


def _others(settings: Settings) -> list[str]:
    """Mention the files in the inbox that belong to no drop."""
    try:
        others = inbox.scan(settings.inbox, settings.marker).others
    except (OSError, HomeError):
        return []
    return [f"Left lying in the inbox, neither CSV nor zip: {', '.join(others[:5])}."] if others else []


def _drops_left(settings: Settings) -> str:
    """Count what waits while nothing is sent, in a sentence; "" for nothing."""
    try:
        left = len(inbox.scan(settings.inbox, settings.marker).drops)
    except (OSError, HomeError):
        return ""
    return f"Waiting in the inbox, untouched: {left} drop{'' if left == 1 else 's'}." if left else ""


@contextmanager
def _terminating() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C, so that a run that is told to stop closes what it has open."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
