"""`sis-sync rebuild-journal`: a lost or damaged journal is made anew from the receipts in the archive."""

from __future__ import annotations

from pathlib import Path

from canvas_sis_sync.archive import Archive, sync_folder
from canvas_sis_sync.errors import HeldError, UsageError
from canvas_sis_sync.journal.file import FILE_NAME
from canvas_sis_sync.journal.ledger import Journal
from canvas_sis_sync.lock import home_lock
from canvas_sis_sync.polling import Clock
from canvas_sis_sync.settings import Settings


def rebuild(settings: Settings, clock: Clock) -> str:
    """Make the journal anew from the receipts; the one that is there is kept beside it.

    A batch that was under way is gone on with from what its receipt says, which is never later than what happened:
    receipts are written before anything is sent. Raises HeldError while a run is at work, or when a batch folder has
    no receipt to read, UsageError when there is nothing to rebuild from.
    """
    path = settings.archive / FILE_NAME
    archive = Archive(settings.archive)
    with home_lock(settings.archive / ".lock") as free:
        if not free:
            raise HeldError("A run of this home is at work.", "Try again when it has ended.")
        receipts = list(archive.receipts())
        if not receipts:
            raise UsageError(f"There is no receipt in {settings.archive}.", "Nothing was changed.")
        unread = [folder.name for folder, batch in receipts if batch is None and not _vanishes(folder)]
        if unread:
            raise HeldError(
                f"These batch folders have no receipt that can be read: {', '.join(unread[:5])}. Their files were"
                " claimed, and nothing of them was sent. Nothing was changed.",
                "Move the CSVs in their files/ folders back into the inbox, move the folders out of the archive, and"
                " type `sis-sync rebuild-journal` again.",
            )
        partial = path.with_suffix(".rebuilt")
        partial.unlink(missing_ok=True)
        with Journal.open(partial, clock.now) as made:
            made.restore_all(batch for _, batch in receipts if batch is not None)
        kept = _keep(settings, clock)
        partial.replace(path)
        sync_folder(settings.archive)
    read = sum(batch is not None for _, batch in receipts)
    text = f"The journal was rebuilt from {read} receipts."
    return text + (f" The old one is kept as {kept}." if kept else "")


def _vanishes(folder: Path) -> bool:
    """Remove a batch folder in which nothing was put yet."""
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


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
