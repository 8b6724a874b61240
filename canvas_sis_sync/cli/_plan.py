"""`sis-sync plan`: what a delivery would change in Canvas, before anything is claimed, written or sent."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from canvas_sis_sync.canvas.retry import Retry
from canvas_sis_sync.cli._rows_folder import RowsFolder
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.delivery.files import DeliveryFile, Entry
from canvas_sis_sync.delivery.opening import Delivery, deliver_from
from canvas_sis_sync.errors import EXIT_DONE, EXIT_HELD, EXIT_REFUSED, UsageError
from canvas_sis_sync.file_names import on_disk
from canvas_sis_sync.home import inbox
from canvas_sis_sync.home.archive import wording
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.journal import Journal
from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.plain_text import lines
from canvas_sis_sync.plan import text as plan_text
from canvas_sis_sync.plan.changes.comparing import compare
from canvas_sis_sync.progress import Show, Silent
from canvas_sis_sync.sis_csv.counter import RowCounter
from canvas_sis_sync.sync import report
from canvas_sis_sync.sync.assess import Assessment, Comparison, assess, would_be_assessed_otherwise
from canvas_sis_sync.sync.baseline import Baseline, Earlier, baseline_as_known, earlier
from canvas_sis_sync.sync.candidate import Candidate, of_batch
from canvas_sis_sync.sync.checking import options_by_canvas
from canvas_sis_sync.sync.next_steps import discard, in_words, next_steps
from canvas_sis_sync.sync.parameters import options_for
from canvas_sis_sync.sync.planning import sent_before
from canvas_sis_sync.sync.session import Session, assemble, open_canvas, require_journal

FEW_ATTEMPTS = 2
"""A person waits for the answer: Canvas is asked once more, not for five minutes."""
BLOCK_BYTES = 1 << 20
ASSESSED = frozenset({BatchState.PACKED, BatchState.HELD})
"""What a run would assess again; of any other batch the plan is kept as it was."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """What a person wants to see."""

    #: A batch, or a CSV, folder or zip; "" for the held batch, else the next drop.
    about: str = ""
    #: The same, in place of the last accepted delivery; "" for that.
    against: str = ""
    #: Where the rows go that differ, None for nowhere.
    output: Path | None = None


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A plan to be shown."""

    text: str
    as_json: Mapping[str, Any]
    refused: bool = False

    @property
    def exit_code(self) -> int:
        """3 when a run would refuse it, 5 when it would hold it and nobody has approved exactly that."""
        if self.refused:
            return EXIT_REFUSED
        return EXIT_HELD if self.as_json["verdict"] == "hold" and not self.as_json["approval"] else EXIT_DONE


def plan(settings: Settings, clock: Clock, asked: PlanRequest | None = None, *, show: Show | None = None) -> ShownPlan:
    """Say what a delivery would change; when Canvas cannot be asked, by the last accepted batch that the journal knows.

    Raises UsageError for what does not exist, HomeError, JournalError, BadZipError for what cannot be read, CanvasError
    when the account was never resolved.
    """
    asked = asked or PlanRequest()
    with looking(settings, clock, show or Silent()) as session:
        batch = _batch(session, asked.about)
        if batch is not None and batch.state not in ASSESSED and not asked.against:
            return _kept(session, batch, asked)
        rows = RowsFolder(asked.output) if asked.output is not None else None
        comparison = _comparison(session, batch, asked)
        if batch is not None:
            folder, candidate = session.archive.batch_folder(batch.id), _of_batch(session, batch)
        else:
            found = _found(session, asked.about)
            folder, candidate = found.folder, _of_files(found, comparison.baseline)
        with wording(folder):
            assessment = assess(candidate, options_by_canvas(session), settings, session.show, comparison)
        return _shown(session, batch, candidate, assessment, comparison, rows)


def _comparison(session: Session, batch: Batch | None, asked: PlanRequest) -> Comparison:
    options = options_for(session.settings, batch)
    baseline = baseline_as_known(session, options)
    if asked.against:
        baseline = replace(baseline, before=_earlier(session, asked.against), since=(), lost=None)
    approval = batch.approval if batch is not None and not asked.against else None
    return Comparison(session, options, baseline, approval, even_if_refused=True)


def _shown(
    session: Session,
    batch: Batch | None,
    candidate: Candidate,
    assessment: Assessment,
    comparison: Comparison,
    rows: RowsFolder | None,
) -> ShownPlan:
    if assessment.plan is None:
        raise AssertionError("it is compared even if check refuses it")
    written = _write_rows(rows, candidate, comparison.baseline) if rows is not None else []
    found = plan_text.as_json(assessment.plan, report.approval_json(assessment.approval))
    said = [plan_text.table(found), *written]
    if assessment.state is BatchState.REFUSED:
        said += ["", *assessment.reasons, "A run would refuse this; `sis-sync check` says more."]
    elif batch:
        said += _standing(session, batch, found)
    return ShownPlan(lines(said), found, refused=assessment.state is BatchState.REFUSED)


@contextmanager
def looking(settings: Settings, clock: Clock, show: Show) -> Iterator[Session]:
    """Give what the steps share, of a home that is only looked at. Raises HomeError, JournalError, CanvasError."""
    require_journal(settings)
    with (
        Journal.open_to_read(settings.archive / FILE_NAME) as journal,
        open_canvas(settings, Retry(clock, attempts=FEW_ATTEMPTS)) as canvas,
    ):
        yield assemble(settings, journal, canvas, clock, show=show, patient=False)


@dataclass(frozen=True, slots=True)
class _Found:
    """Files that are no batch."""

    about: str
    folder: Path
    delivery: Delivery
    #: Newest mtime in seconds.
    newest: float


def _batch(session: Session, about: str) -> Batch | None:
    """Find the batch that is meant; None when a path is, or the next drop."""
    if about:
        return session.journal.batch(about)
    for waiting in session.journal.waiting():
        if waiting.target == session.target and waiting.state in ASSESSED:
            batch = session.journal.batch(waiting.id)
            if batch is not None and (batch.zip or batch.kept_zip):
                return batch
    return None


def _kept(session: Session, batch: Batch, asked: PlanRequest) -> ShownPlan:
    """Show the plan of a batch that is no longer assessed, as it was made then."""
    if asked.output is not None:
        raise UsageError(
            f"Batch {batch.id} is {batch.state}, so its plan is shown as it was made, and no row is compared.",
            "Nothing was written. Name with --against what to compare it with.",
        )
    found = session.archive.read_plan(batch.id)
    if found is None:
        raise UsageError(
            f"Batch {batch.id} is {batch.state}, and there is no plan of it.",
            "Name with --against what to compare it with.",
        )
    return ShownPlan(plan_text.table(found), found)


def _of_batch(session: Session, batch: Batch) -> Candidate:
    if not (batch.zip or batch.kept_zip):
        raise UsageError(
            f"Batch {batch.id} is {batch.state} and has no zip to look into: {batch.reason}",
            "`sis-sync status` says what it waits for.",
        )
    with wording(session.archive.batch_folder(batch.id)):
        return replace(of_batch(session, batch), scratch=None)


def _found(session: Session, named: str) -> _Found:
    """Look at what a path names, or at the next drop."""
    if not named:
        return _next_drop(session)
    found = inbox.named(Path(named))
    if found is None:
        raise UsageError(
            f"There is no batch {named} in this home, and no such file or folder.",
            "Name a batch, a CSV, a folder or a zip; `sis-sync status` names the last batch.",
        )
    folder, names = found
    if not names:
        raise UsageError(f"There is no CSV in {folder}.", "Name a batch, a CSV, a folder or a zip.")
    return _delivered(session, named, folder, names)


def _next_drop(session: Session) -> _Found:
    settings = session.settings
    with wording(settings.inbox):
        drops = inbox.scan(settings.inbox, settings.marker).drops
    if not drops:
        raise UsageError(
            "There is nothing to plan: no batch is held, and the inbox is empty.",
            "Name a batch, a CSV, a folder or a zip.",
        )
    return _delivered(session, f"{drops[0].name} (inbox)", drops[0].folder, [file.name for file in drops[0].files])


def _delivered(session: Session, about: str, folder: Path, names: Sequence[str]) -> _Found:
    with wording(folder):
        newest = max((folder / on_disk(name)).stat().st_mtime for name in names)
        return _Found(about, folder, deliver_from(folder, names, session.settings.source_encoding), newest)


def _of_files(found: _Found, baseline: Baseline) -> Candidate:
    with wording(found.folder):
        entries = _entries(found.delivery.files, baseline)
    return Candidate(found.about, found.delivery, found.newest, entries=entries)


def _entries(files: Sequence[DeliveryFile], baseline: Baseline) -> tuple[Entry, ...]:
    """Describe files as a zip does; empty where their sizes show already that they are not those of before."""
    before = baseline.before.entries if baseline.before else ()
    if sorted(file.size for file in files) != sorted(entry.size for entry in before):
        return ()
    return tuple(map(_entry, files))


def _entry(file: DeliveryFile) -> Entry:
    checksum, counter = 0, RowCounter()
    with file.open() as stream:
        while block := stream.read(BLOCK_BYTES):
            checksum = zlib.crc32(block, checksum)
            counter.feed(block)
    summary = counter.finish()
    return Entry(file.name, file.size, checksum, summary.kind, summary.rows)


def _earlier(session: Session, named: str) -> Earlier:
    """Find what somebody wants to compare with."""
    batch = session.journal.batch(named)
    if batch is None:
        found = _found(session, named)
        return Earlier(found.about, found.delivery.files, found.newest)
    looked = earlier(session, batch)
    if looked is None:
        raise UsageError(f"The zip of batch {batch.id} cannot be read.", "Name another batch, or a file or folder.")
    return looked


def _write_rows(rows: RowsFolder, candidate: Candidate, baseline: Baseline) -> list[str]:
    with wording(rows.folder), rows, sent_before(candidate, baseline) as before:
        compare(before.files if before else (), candidate.files, sink=rows)
    return ["", rows.summary]


def _standing(session: Session, batch: Batch, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is next for a batch that was assessed before."""
    yield ""
    if found["approval"]:
        yield f"Next: `sis-sync run` sends it; until then {discard(batch, 'takes that back')}."
    elif batch.state is BatchState.PACKED:
        yield f"Next: `sis-sync run` {'holds' if found['verdict'] == 'hold' else 'continues with'} it."
    elif batch.basis is None:
        yield f"Next: {in_words(next_steps(batch))}"
    elif found["verdict"] == "hold":
        yield f"Next: {in_words(next_steps(batch, gone=bool(found['gone']), is_plan_shown=True))}"
    else:
        yield f"Batch {batch.id} is held for this: {batch.reason}"
        if would_be_assessed_otherwise(session, batch):
            yield "By today's settings nothing trips."
            yield "Next: `sis-sync run` assesses it again."
        else:
            yield "As things are today nothing trips."
            yield f"Next: {in_words(next_steps(batch, is_plan_shown=True))}"
