"""Begin: open what a run works with: journal, archive, the wire, and the target that the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from canvas_sis_sync import __version__
from canvas_sis_sync.account_record import AccountRecord
from canvas_sis_sync.archive import Archive, wording
from canvas_sis_sync.canvas import Canvas
from canvas_sis_sync.errors import JournalError
from canvas_sis_sync.journal.file import FILE_NAME, is_lost
from canvas_sis_sync.journal.ledger import Journal
from canvas_sis_sync.lock import account_name, target_lock
from canvas_sis_sync.model import Target
from canvas_sis_sync.polling import Clock, Deadline, Retry
from canvas_sis_sync.progress import Show
from canvas_sis_sync.settings import Settings, use_network
from canvas_sis_sync.steps.context import Context, log, steady
from canvas_sis_sync.steps.rehearsal import refuse_sandbox

USER_AGENT = f"canvas-sis-sync/{__version__} (SIS import client)"


@contextmanager
def begin(settings: Settings, show: Show, clock: Clock, *, patient: bool) -> Iterator[Context]:
    """Give the context of one run. Raises JournalError, SettingsError for a sandbox at another's home, CanvasError."""
    clock = steady(clock)
    with open_journal(settings, clock) as journal, open_canvas(settings, patient_retry(clock)) as canvas:
        refuse_sandbox(settings, journal, canvas)
        context = assemble(settings, journal, canvas, clock, show=show, patient=patient)
        journal.remember_target(settings.base_url, settings.account_id, context.target)
        yield context


def assemble(
    settings: Settings, journal: Journal, canvas: Canvas, clock: Clock, *, show: Show, patient: bool
) -> Context:
    """Put together what the steps share. Raises CanvasError when the account was never resolved."""
    target = resolve(settings, journal, canvas)
    context = Context(
        settings=settings,
        journal=journal,
        archive=Archive(settings.archive),
        canvas=canvas,
        target=target,
        clock=clock,
        deadline=Deadline(clock, settings.poll_limit),
        show=show,
        sending_lock=lambda: target_lock(
            settings.state_folder, target, partial(context.pause, what="another home was sending to this account")
        ),
        account_record=account_record(settings, target),
        patient=patient,
    )
    return context


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

    def tell(problem: BaseException, seconds: float) -> None:
        log.info("asking again in %.0f s: %s", seconds, problem)

    return Retry(clock, on_retry=tell)


def open_canvas(settings: Settings, retry: Retry) -> Canvas:
    """Give the wire to the configured Canvas, with questions repeated by `retry`."""
    use_network(settings)
    return Canvas(settings.base_url, settings.token.reveal(), retry=retry.call, user_agent=USER_AGENT)


def resolve(settings: Settings, journal: Journal, canvas: Canvas) -> Target:
    """Resolve `CANVAS_ACCOUNT_ID` to a root account, asking Canvas unless the journal remembers."""
    known = journal.target(settings.base_url, settings.account_id)
    return known or Target(settings.host, canvas.root_account(settings.account_id).id)
