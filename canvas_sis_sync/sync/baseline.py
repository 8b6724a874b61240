"""The baseline: what a delivery is compared with, by people and breakers, and by Canvas's diffing.

These are two different things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, takewhile

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.canvas.records import UNDONE, SisImport, Target
from canvas_sis_sync.delivery.files import DeliveryFile, Entry
from canvas_sis_sync.delivery.judging import look_into
from canvas_sis_sync.errors import BadZipError, CanvasError, NotFound
from canvas_sis_sync.home.batch import ACCEPTED, Batch
from canvas_sis_sync.home.drops import DropFile
from canvas_sis_sync.plan.changes.canvas_diffing import choose_base, is_certain
from canvas_sis_sync.plan.values import Basis
from canvas_sis_sync.sync import report
from canvas_sis_sync.sync.session import Session, log

CANVAS_ACCEPTED = ("imported", "imported_with_messages")
MOST_SINCE = 20
"""Deliveries that a delivery in batch mode is compared with, besides the last one in batch mode."""
SCOPE = ("batch_mode_term_id", "multi_term_batch_mode")
"""What says in which terms batch mode deletes."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """A delivery that another one is compared with."""

    #: What it is, in words.
    about: str
    files: tuple[DeliveryFile, ...]
    #: Newest mtime of its files in seconds, None where it is not known.
    newest: float | None = None
    #: The files that it was claimed as, empty for a path.
    claimed: tuple[DropFile, ...] = ()
    #: The batch it was, None for a path.
    batch: Batch | None = None
    #: The state in which Canvas shows its import now, or as the journal has it where Canvas was not asked; "" for none.
    shown: str = ""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What the batch's zip consists of, empty for a path."""
        return self.batch.entries if self.batch else ()


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a delivery is compared with."""

    #: The last accepted delivery of this target and data set that nobody has undone, None without one. In batch mode
    #: the last one in batch mode.
    before: Earlier | None = None
    #: A batch that is to be compared with and whose zip cannot be read any more.
    lost: Batch | None = None
    #: Only in batch mode, which deletes that too: what was sent after it and may be in Canvas, oldest first.
    since: tuple[Earlier, ...] = ()
    #: The import that Canvas's diffing will choose, None for none.
    diff_import: SisImport | None = None
    #: What that import was sent from, None when it is none of ours.
    diff_base: Earlier | None = None
    #: Why Canvas could not be asked which import that is, "" when it was.
    trouble: str = ""


def find_baseline(session: Session, options: ImportOptions) -> Baseline:
    """Find what a delivery with these options is compared with now. Raises CanvasError."""
    found = _sent_before(session, options, partial(_shown, session))
    chosen = _diff_import(session, options.data_set)
    diff_base = _sent_as(session, found.before, chosen)
    return replace(found, before=found.before or diff_base, diff_import=chosen, diff_base=diff_base)


def baseline_as_known(session: Session, options: ImportOptions) -> Baseline:
    """Find what a delivery is compared with, by the journal alone when Canvas cannot be asked."""
    try:
        return find_baseline(session, options)
    except CanvasError as error:
        return _journalled_baseline(session, options, error)


def _journalled_baseline(session: Session, options: ImportOptions, trouble: CanvasError) -> Baseline:
    found = _sent_before(session, options, _journalled)
    before = found.before if options.data_set else None
    known = before.batch.sis_import if before and before.batch else None
    sentence = f"Canvas was not asked: {trouble.sentence}"
    return replace(found, diff_import=known, diff_base=before if known else None, trouble=sentence)


def basis_of(zip_sha256: str, target: Target, options: ImportOptions, baseline: Baseline) -> Basis:
    """Return what a plan of this zip is made of."""
    before = baseline.before.batch if baseline.before else baseline.lost
    return Basis(
        zip_sha256=zip_sha256,
        parameters=dict(options.parameters),
        target=target,
        before=before.id if before else "",
        since=tuple(each.batch.id for each in baseline.since if each.batch),
        base_import=baseline.diff_import.id if baseline.diff_import else None,
    )


def earlier(session: Session, batch: Batch) -> Earlier | None:
    """Look into an archived batch's zip, None when it cannot be read any more."""
    try:
        contents = look_into(session.archive.zip_path(batch))
    except (BadZipError, OSError) as error:
        log.warning("the zip of batch %s cannot be read: %s", batch.id, error)
        return None
    what = f"batch {batch.id}" + ("" if batch.import_id is None else f" (import {batch.import_id})")
    claimed = claimed_files(session, batch)
    return Earlier(what, contents.files, newest_mtime(claimed), claimed, batch)


def newest_mtime(files: Sequence[DropFile]) -> float | None:
    """Return the newest mtime of files, in seconds."""
    return max((file.mtime_ns / 1e9 for file in files), default=None)


def claimed_files(session: Session, batch: Batch) -> tuple[DropFile, ...]:
    """Return the files that a batch was claimed as; those of what it repeats, if it does."""
    repeated: Batch | None = batch
    while repeated is not None and (of := repeated.retry_of or repeated.remaster_of):
        repeated = session.journal.batch(of)
    return repeated.files if repeated else ()


def thresholds_in_a_row(session: Session, options: ImportOptions) -> int:
    """Count the newest imports of the data set, up to the first that Canvas diffed, that a threshold kept from it.

    As Canvas does, only those that it imported are counted: one that failed ends no row.
    """
    count = 0
    if options.data_set:
        for batch in _sent(session, options.data_set):
            if batch.sis_import is None or batch.sis_import.workflow_state not in CANVAS_ACCEPTED:
                continue
            if not batch.sis_import.threshold_exceeded:
                break
            count += 1
    return count


def last_with_kind(session: Session, options: ImportOptions, kind: str) -> Earlier | None:
    """Give the last accepted delivery of the data set that had a kind, None for none."""
    for batch in _accepted(session, options.data_set):
        if any(entry.kind == kind for entry in batch.entries):
            return earlier(session, batch)
    return None


def _sent_before(session: Session, options: ImportOptions, shown: Callable[[Batch], str]) -> Baseline:
    """Find the deliveries that count as sent before; `shown` gives the state in which an import is now."""
    if options.batch_mode:
        return _of_batch_mode(session, options, shown)
    for batch in _accepted(session, options.data_set):
        if (state := shown(batch)) not in UNDONE:
            found = earlier(session, batch)
            return Baseline(replace(found, shown=state)) if found else Baseline(lost=batch)
    return Baseline()


def _of_batch_mode(session: Session, options: ImportOptions, shown: Callable[[Batch], str]) -> Baseline:
    """Find the last delivery in batch mode, and what was sent since: together they are what Canvas may have.

    The last delivery alone is not, where that is a small file that somebody sent by hand. Before the first one in batch
    mode the fullest of the latest deliveries stands for it.
    """
    base = next(_standing(_in_scope(session, options), shown), None)
    if base is None:
        latest = islice(_standing(_accepted(session, options.data_set), shown), MOST_SINCE)
        base = max(latest, key=lambda batch: batch.rows, default=None)  # of equally full ones the newest
    if base is None:
        return Baseline()
    later = takewhile(lambda batch: batch.id != base.id, _sent(session, options.data_set))
    applied = islice((batch for batch in later if _may_be_in_canvas(batch, shown)), MOST_SINCE)
    read = [(batch, earlier(session, batch)) for batch in (base, *reversed(list(applied)))]
    lost = next((batch for batch, found in read if found is None), None)
    return Baseline(read[0][1], lost, tuple(found for _, found in read[1:] if found))


def _in_scope(session: Session, options: ImportOptions) -> Iterator[Batch]:
    """Find the accepted deliveries in batch mode for the same term, or for all terms in them, newest first."""
    for batch in _accepted(session, options.data_set):
        same = all(batch.parameters.get(name) == options.parameters.get(name) for name in SCOPE)
        if same and batch.options.batch_mode:
            yield batch


def _standing(batches: Iterable[Batch], shown: Callable[[Batch], str]) -> Iterator[Batch]:
    return (batch for batch in batches if shown(batch) not in UNDONE)


def _may_be_in_canvas(batch: Batch, shown: Callable[[Batch], str]) -> bool:
    """Say whether rows of a batch were applied, whatever became of its import, and not all of them were undone."""
    final = batch.sis_import
    applied = final is not None and (_is_accepted(batch) or any(report.row_counts(final).values()))
    return applied and shown(batch) != "restored"


def _shown(session: Session, batch: Batch) -> str:
    try:
        return session.canvas.get_import(session.target.account_id, batch.sent_as).workflow_state
    except NotFound:
        return ""


def _journalled(batch: Batch) -> str:
    return batch.sis_import.workflow_state if batch.sis_import else ""


def _diff_import(session: Session, name: str) -> SisImport | None:
    if not name:
        return None
    enough = partial(is_certain, identifier=name)
    found = session.canvas.imports_until(session.target.account_id, CANVAS_ACCEPTED, enough)
    return choose_base(found, name)


def _sent_as(session: Session, before: Earlier | None, chosen: SisImport | None) -> Earlier | None:
    if chosen is None:
        return None
    if before and before.batch and before.batch.import_id == chosen.id:
        return before
    batch = session.journal.by_import(session.target, chosen.id)
    return earlier(session, batch) if batch else None


def _accepted(session: Session, name: str) -> Iterator[Batch]:
    return (batch for batch in _sent(session, name) if _is_accepted(batch))


def _is_accepted(batch: Batch) -> bool:
    """Go by Canvas's word, whatever was made of it here: what it has applied is what the next delivery changes.

    A whole import of which no row was processed has changed nothing.
    """
    final = batch.sis_import
    if final is None or final.workflow_state not in CANVAS_ACCEPTED:
        return False
    return batch.state in ACCEPTED or final.diffed_against is not None or any(report.row_counts(final).values())


def _sent(session: Session, name: str) -> Iterator[Batch]:
    return (batch for batch in session.journal.sent(session.target) if batch.options.data_set == name)
