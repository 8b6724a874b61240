"""A session: an open home with its journal and its Canvas, for a run, for a person's decision, or only to look."""

from __future__ import annotations

import getpass
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from ipaddress import ip_address

from canvas_sis_sync import __version__
from canvas_sis_sync.canvas.answers import User
from canvas_sis_sync.canvas.client import Canvas
from canvas_sis_sync.canvas.records import Target
from canvas_sis_sync.canvas.retry import Retry, intervals
from canvas_sis_sync.clock import Clock, Deadline, steady
from canvas_sis_sync.errors import HeldError, JournalError, SettingsError, TimeRanOut, UsageError
from canvas_sis_sync.home.account_record import AccountRecord
from canvas_sis_sync.home.archive import Archive, wording
from canvas_sis_sync.home.batch import OPEN, Batch
from canvas_sis_sync.home.journal import Journal
from canvas_sis_sync.home.journal_file import FILE_NAME, is_lost
from canvas_sis_sync.home.lock import account_name, home_lock, target_lock
from canvas_sis_sync.home.log import setup
from canvas_sis_sync.home.settings import Settings, use_network
from canvas_sis_sync.plain_text import visible
from canvas_sis_sync.progress import Show, Silent

log = logging.getLogger("canvas_sis_sync")
USER_AGENT = f"canvas-sis-sync/{__version__} (SIS import client)"


@dataclass(frozen=True)
class Session:
    """An open home, and how long its work may take."""

    settings: Settings
    journal: Journal
    canvas: Canvas
    clock: Clock
    show: Show
    deadline: Deadline
    #: Login name of the person, or "run".
    who: str = "run"
    #: False with --no-wait, and where a person waits for the answer: every wait ends the work.
    patient: bool = False
    #: Ids of the batches that this run claimed: only these are certain never to have been sent.
    claimed_here: set[str] = field(default_factory=set)

    @cached_property
    def archive(self) -> Archive:
        """The archive of the home."""
        return Archive(self.settings.archive)

    @cached_property
    def target(self) -> Target:
        """The root account that the settings name, asked of Canvas unless the journal remembers. Raises CanvasError."""
        known = self.journal.target(self.settings.base_url, self.settings.account_id)
        return known or Target(self.settings.host, self.canvas.root_account(self.settings.account_id).id)

    @cached_property
    def user(self) -> User:
        """The token's user, asked of Canvas once. Raises CanvasError."""
        return self.canvas.current_user()

    @cached_property
    def account_record(self) -> AccountRecord:
        """Which home has sent what to the account, kept beside its lock."""
        return account_record(self.settings, self.target)

    def sending_lock(self) -> AbstractContextManager[None]:
        """Take the account's lock in the user's state folder, so that two homes cannot send or reconcile at once."""
        pause = partial(self.pause, what="another home was sending to this account")
        return target_lock(self.settings.state_folder, self.target, pause)

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
            raise TimeRanOut(f"Not waiting (--no-wait) while {what}.", "The next run continues with it.")
        if self.deadline.passed:
            raise TimeRanOut(
                f"The time of this run (SIS_SYNC_POLL_LIMIT) ran out while {what}.",
                "The next run continues with it. If this comes often, raise SIS_SYNC_POLL_LIMIT.",
            )
        self.clock.sleep(min(seconds, max(self.deadline.remaining, 0.0)))

    def move(self, moved: Batch, *, who: str = "run") -> Batch:
        """Keep a move of a batch in the journal, and say so in the log."""
        moved = self.journal.move(replace(moved, reason=visible(moved.reason)), who=who)
        log.info("%s: %s", moved.state, moved.reason, extra={"batch": moved.id})
        return moved

    def batch(self, batch_id: str) -> Batch:
        """Read a batch that a person named. Raises UsageError when there is none of that id."""
        found = self.journal.batch(batch_id)
        if found is None:
            raise UsageError(f"There is no batch {batch_id} in this home.", "`sis-sync status` names the last one.")
        return found

    def file(self, batch: Batch) -> None:
        """Write the batch's receipt as the journal has it now; one that is over needs no run to do it then."""
        filed = batch.state not in OPEN and batch.errors_complete
        if self.archive.batch_folder(batch.id).exists():
            self.archive.write_receipt(replace(batch, filed=filed))
        self.journal.amend(replace(batch, filed=filed))


@contextmanager
def begin(settings: Settings, show: Show, clock: Clock, *, patient: bool) -> Iterator[Session]:
    """Open the session of one run. Raises JournalError, SettingsError for a sandbox at another's home, CanvasError."""
    clock = steady(clock)
    with open_journal(settings, clock) as journal, open_canvas(settings, patient_retry(clock)) as canvas:
        refuse_sandbox(settings, journal, canvas)
        session = assemble(settings, journal, canvas, clock, show=show, patient=patient)
        journal.remember_target(settings.base_url, settings.account_id, session.target)
        yield session


@contextmanager
def for_a_person(settings: Settings, clock: Clock, show: Show | None = None) -> Iterator[Session]:
    """Open a home, locked, for what a person says about one of its batches.

    Raises HeldError while a run is at work, HomeError, JournalError.
    """
    with ExitStack() as stack:
        if not stack.enter_context(home_lock(settings.archive / ".lock")):
            raise HeldError(
                "A run of this home is at work, and may be waiting for Canvas.",
                "Try again when it has ended, or end it with Ctrl-C (or SIGTERM): the next run continues its batch.",
            )
        stack.enter_context(setup(settings.logs, [settings.token.reveal()]))
        journal = stack.enter_context(open_journal(settings, clock))
        canvas = stack.enter_context(open_canvas(settings, patient_retry(clock)))
        opened = assemble(settings, journal, canvas, clock, show=show or Silent(), patient=show is not None)
        yield replace(opened, who=_login())


def assemble(
    settings: Settings, journal: Journal, canvas: Canvas, clock: Clock, *, show: Show, patient: bool
) -> Session:
    """Put together what is open already."""
    deadline = Deadline(clock, settings.poll_limit)
    return Session(settings, journal, canvas, clock, show, deadline, patient=patient)


def does_not_fit(command: str, batch: Batch) -> UsageError:
    """Return the error for a command that a batch in its state is not for."""
    return UsageError(
        f"Batch {batch.id} is {batch.state}, and that is not something to {command}.",
        "Nothing was changed. `sis-sync status` says what the gate waits for.",
    )


def account_record(settings: Settings, target: Target) -> AccountRecord:
    """Return the record of what this user's homes have sent to an account."""
    path = settings.state_folder / f"{account_name(target)}.sqlite3"
    return AccountRecord(path, settings.home.resolve())


def open_journal(settings: Settings, clock: Clock) -> Journal:
    """Open the home's journal. Raises JournalError when it is unreadable, or lost beside a non-empty archive."""
    require_journal(settings)
    return Journal.open(settings.archive / FILE_NAME, clock.now)


def require_journal(settings: Settings) -> None:
    """Raise JournalError when there is no journal beside an archive that is not empty, HomeError without archive."""
    path = settings.archive / FILE_NAME
    with wording(settings.archive):
        lost = is_lost(path)
    if lost:
        raise JournalError(
            f"The journal {path} is missing, and the archive is not empty: what was sent is not known.",
            "Nothing was sent. Put the journal back, or type `sis-sync rebuild-journal`.",
        )


def patient_retry(clock: Clock) -> Retry:
    """Give the ordinary policy for questions: at most 8 attempts or 5 minutes, each repetition logged."""

    def log_retry(problem: BaseException, seconds: float) -> None:
        log.info("asking again in %.0f s: %s", seconds, problem)

    return Retry(clock, on_retry=log_retry)


def open_canvas(settings: Settings, retry: Retry) -> Canvas:
    """Give the wire to the configured Canvas, with questions repeated by `retry`."""
    use_network(settings)
    return Canvas(settings.base_url, settings.token.reveal(), retry=retry.call, user_agent=USER_AGENT)


def refuse_sandbox(settings: Settings, journal: Journal, canvas: Canvas) -> None:
    """Raise SettingsError when a sandbox answers at an exported address although the home belongs to another Canvas.

    Canvas is asked only then. A home whose own `.env` names the sandbox is made for it. Raises CanvasError.
    """
    if not settings.exported_url:
        return
    belongs = _belongs_to(settings, journal)
    if not belongs or not canvas.current_user().is_sandbox:
        return
    raise SettingsError(
        f"CANVAS_BASE_URL (environment) is {settings.base_url}, where a sandbox answers, but {belongs}. Nothing was"
        " claimed, and nothing was sent.",
        "Type `unset CANVAS_BASE_URL CANVAS_API_TOKEN` to work with this home. Rehearse in a home of its own: sis-sync"
        " --home FOLDER init",
    )


def _belongs_to(settings: Settings, journal: Journal) -> str:
    """Say which other Canvas the home belongs to, "" when none is known."""
    if settings.overridden_url:
        return f"{settings.home / '.env'} names {settings.overridden_url}"
    last = journal.last()
    if last is None or last.target.host == settings.host or _is_loopback(last.target.host):
        return ""
    return f"the last batch of this home, {last.id}, went to {last.target.host}"


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    try:
        return name == "localhost" or ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _login() -> str:
    try:
        return visible(getpass.getuser())
    except (OSError, KeyError, ImportError):
        return "unknown"
