"""`sis-sync run`: one run, and what is said about it."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from canvas_sis_sync import plain_text
from canvas_sis_sync.cli._config import exposed
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.errors import (
    EXIT_HELD,
    EXIT_TIME_RAN_OUT,
    EXIT_UNREACHABLE,
    HomeError,
    JournalError,
    SettingsError,
    SyncError,
)
from canvas_sis_sync.file_names import on_disk
from canvas_sis_sync.home import inbox, log
from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.episode import Episode
from canvas_sis_sync.home.journal import Journal
from canvas_sis_sync.home.journal_file import FILE_NAME, is_lost
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.progress import Show
from canvas_sis_sync.sync import alerts, outcome, report
from canvas_sis_sync.sync import idle as tick
from canvas_sis_sync.sync.run import RunResult
from canvas_sis_sync.sync.session import open_journal

REMIND_EVERY = 86_400
"""Seconds; the default of SIS_SYNC_REMIND_EVERY, for when that cannot be read."""
NUMBERS = re.compile(r"\d+")
SUBJECTS = {EXIT_UNREACHABLE: alerts.UNREACHABLE, EXIT_TIME_RAN_OUT: "time ran out"}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What a caller wants of a run."""

    show: Show
    clock: Clock
    #: False with --no-wait: one look, at most one batch.
    patient: bool = True


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run's result, and what of it is to be said."""

    result: RunResult
    #: What happened, in words; "" when there is nothing to say.
    message: str
    #: False when the same trouble was reported before and nobody is watching.
    notify: bool
    #: One line about a trouble that has ended, else "".
    recovery: str = ""
    #: What nobody has to act on and was not reported before: lines.
    news: tuple[str, ...] = ()
    #: What is to be remembered once `text` was shown, None for nothing.
    once_shown: tuple[Episode, ...] | None = None

    @property
    def text(self) -> str:
        """What is to be said."""
        return plain_text.lines([*([self.message] if self.notify and self.message else []), *self.news])


def run(settings: Settings, how: RunOptions, *, watched: bool, verbosity: int) -> RunReport:
    """Run once; `watched` means that a person is at the terminal, who sees every message each time.

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
            result = RunResult("held" if error.exit_code == EXIT_HELD else "waiting", error.exit_code, trouble=error)
        return _report(settings, how, result, watched=watched)


def idle_message(settings: Settings) -> str:
    """Return the message for an inbox without a drop, with the files in it that are never sent."""
    idle = "Nothing to do: no drop in the inbox, nothing under way."
    return plain_text.lines([idle, *_others(settings), *exposed(settings)])


def as_json(run_report: RunReport) -> dict[str, object]:
    """Give the result as the object of `run --json`."""
    result = run_report.result
    message = plain_text.lines(filter(None, [run_report.message, *run_report.news]))
    return report.run_json(result.outcome, result.batches, result.about, result.trouble, message)


def was_shown(archive: Path, run_report: RunReport, clock: Clock) -> None:
    """Journal that what was to be said has been shown, so that it is not said again."""
    if run_report.once_shown is None:
        return
    try:
        if is_lost(archive / FILE_NAME):
            return
        with Journal.open(archive / FILE_NAME, clock.now) as journal:
            journal.remember_episodes(run_report.once_shown)
    except (OSError, JournalError) as error:
        log.get_logger().warning("%s", error)


def without_settings(home: Path, error: SettingsError, clock: Clock) -> RunReport:
    """Journal that the settings cannot be read, and say whether that is to be reported; where none may be made it is.

    The archive is always in the home, whatever its settings say.
    """
    sentence = type(error.sentence)(f"Error: {error.sentence}")
    message = plain_text.lines(filter(None, [sentence, error.hint]))
    result = RunResult("waiting", error.exit_code, trouble=error)
    path = home / "archive" / FILE_NAME
    try:
        if not (home / "inbox").is_dir() or is_lost(path):  # it is no home, or what was sent is not known
            return RunReport(result, message, notify=True)
        with Journal.open(path, clock.now) as journal:
            reason = plain_text.visible(error.sentence)
            alert = alerts.met(journal.episodes(), alerts.SETTINGS, reason, clock.now(), REMIND_EVERY)
            journal.remember_episodes(alert.episodes)
    except (OSError, JournalError):
        return RunReport(result, message, notify=True)
    return RunReport(result, message, alert.notify, once_shown=alert.once_shown if alert.notify else None)


def _report(settings: Settings, how: RunOptions, result: RunResult, *, watched: bool) -> RunReport:
    watched_only = [*_others(settings), *exposed(settings)] if watched else []
    message = plain_text.lines([_message(settings, result), *watched_only])
    if result.outcome == "locked":
        return RunReport(result, message, watched)
    alert = _alert(settings, how, result)
    if alert is None:
        return RunReport(result, message, watched or bool(result.exit_code))
    return RunReport(
        result,
        message,
        watched or alert.notify,
        alert.recovery,
        alert.news,
        alert.once_shown if alert.notify or alert.news or watched else None,
    )


def _alert(settings: Settings, how: RunOptions, result: RunResult) -> alerts.Alert | None:
    """Journal the trouble of this run, or its end, and find what is news; None without a journal, and none is made."""
    now = how.clock.now()
    try:
        with open_journal(settings, how.clock) as journal:
            earlier = journal.episodes()
            if result.exit_code:
                subject, reason = _subject(result)
                alert = alerts.met(earlier, subject, reason, now, settings.remind_every)
            else:
                alert = alerts.over(earlier, now)
            alert = alerts.with_files(alert, _left_lying(settings), now, settings.settle_seconds)
            journal.remember_episodes(alert.episodes)
            return alert
    except (HomeError, JournalError):
        return None


def _left_lying(settings: Settings) -> dict[str, str]:
    """Name the files in the inbox that belong to no drop, each with a text that changes when it is written to."""
    looks = {}
    try:
        for name in inbox.left_lying(settings.inbox, settings.marker):
            with suppress(OSError):
                found = os.lstat(settings.inbox / on_disk(name))
                looks[plain_text.visible(name)] = f"{found.st_size} {found.st_mtime_ns}"
    except (OSError, HomeError):
        return {}
    return looks


def _subject(result: RunResult) -> tuple[str, str]:
    subject = SUBJECTS.get(result.exit_code, "hold")
    if result.trouble is not None:
        reason = plain_text.visible(result.trouble.sentence)
        # The free room on a disk, or a temporary name, is another one at every run, and the trouble is the same.
        return subject, NUMBERS.sub("#", reason) if isinstance(result.trouble, HomeError) else reason
    about = result.about
    if about is None:
        return subject, result.outcome
    # Held twice in the same words, because another approval became void, is two troubles.
    return subject, f"{about.id} {about.state}, step {len(about.steps)}: {about.reason}"


def _message(settings: Settings, result: RunResult) -> str:
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
        lines.append("Another run of this home is in progress, so this one does nothing.")
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
    """Take SIGTERM as Ctrl-C, so that a run that is stopped closes what it has open."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
