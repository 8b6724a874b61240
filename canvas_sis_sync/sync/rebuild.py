"""Rebuild: a lost or damaged journal is made again from the receipts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from canvas_sis_sync.clock import Clock
from canvas_sis_sync.errors import HeldError, RecordError, UsageError
from canvas_sis_sync.home.archive import Archive, sync_folder, wording
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.journal import Journal
from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.home.lock import home_lock
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.sync.gate import resets_on_schedule

FEW = 5
"""Faults that are named."""


def rebuild(settings: Settings, clock: Clock) -> str:
    """Make the journal again from the receipts; the one that is there is kept beside it.

    A batch that was under way is gone on with from what its receipt says, which is never later than what happened:
    receipts are written before anything is sent. Raises HeldError while a run is at work, or when a receipt is not to
    be believed, UsageError when there is nothing to rebuild from, HomeError, JournalError.
    """
    path = settings.archive / FILE_NAME
    archive = Archive(settings.archive)
    with home_lock(settings.archive / ".lock") as free:
        if not free:
            raise HeldError("A run of this home is at work.", "Try again when it has ended.")
        receipts = list(archive.receipts())
        if not receipts:
            raise UsageError(f"There is no receipt in {settings.archive}.", "Nothing was changed.")
        batches = _believed(settings.archive, receipts)
        partial = path.with_suffix(".rebuilt")
        with wording(settings.archive):
            partial.unlink(missing_ok=True)
            with Journal.open(partial, clock.now) as made:
                made.restore_all(batches)
            kept = _keep(settings, clock)
            partial.replace(path)
            sync_folder(settings.archive)
    text = f"The journal was rebuilt from {len(batches)} receipts."
    return text + (f" The old one is kept as {kept}." if kept else "")


def _believed(archive: Path, receipts: Sequence[tuple[Path, Batch | RecordError]]) -> list[Batch]:
    """Return the batches of the receipts, oldest first. Raises HeldError that names those not to be believed."""
    batches = [batch for _, batch in receipts if isinstance(batch, Batch)]
    faults = [
        f"{folder.relative_to(archive)}: {error}"
        for folder, error in receipts
        if isinstance(error, RecordError) and not _vanishes(folder)
    ]
    faults += _claimed_twice(batches)
    if faults:
        more = f" and {len(faults) - FEW} more" if len(faults) > FEW else ""
        raise HeldError(
            f"These batch folders have no receipt that can be believed: {'; '.join(faults[:FEW])}{more}."
            " Nothing was changed.",
            "Put their receipts back from a backup. Of a batch without a receipt nothing was sent: move the CSVs in its"
            " files/ folder back into the inbox, and the folder out of the archive. Then type `sis-sync"
            " rebuild-journal` again.",
        )
    return batches


def _claimed_twice(batches: Sequence[Batch]) -> Iterator[str]:
    """Name the batches that say to be the same import; only overwritten Canvases give an id twice."""
    first: dict[tuple[object, int], str] = {}
    for batch in batches:
        if batch.import_id is not None and not resets_on_schedule(batch.target.host):
            other = first.setdefault((batch.target, batch.import_id), batch.id)
            if other != batch.id:
                yield f"{batch.id}: import {batch.import_id} is that of batch {other} too"


def _vanishes(folder: Path) -> bool:
    """Remove a batch folder in which nothing was put yet."""
    with suppress(OSError):
        folder.rmdir()
        return True
    return False


def _keep(settings: Settings, clock: Clock) -> str:
    path = settings.archive / FILE_NAME
    if not path.exists():
        return ""
    kept = path.with_suffix(f".{int(clock.now())}.old")
    # What SQLite has to undo after a crash goes along, so that it is not undone in the new one.
    undo = path.with_name(f"{path.name}-journal")
    if undo.exists():
        undo.replace(kept.with_name(f"{kept.name}-journal"))
    path.replace(kept)
    return kept.name
