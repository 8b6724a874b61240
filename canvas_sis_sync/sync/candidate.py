"""A candidate: a delivery that is to be judged, a packed batch or files that are none yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from canvas_sis_sync.delivery.files import Bundle, DeliveryFile, Entry
from canvas_sis_sync.delivery.judging import look_into
from canvas_sis_sync.delivery.opening import Delivery
from canvas_sis_sync.delivery.reading import from_zip
from canvas_sis_sync.home.archive import ORIGINAL_ZIP
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.drops import DropFile, DropKind
from canvas_sis_sync.sync.baseline import claimed_files, newest_mtime
from canvas_sis_sync.sync.session import Session


@dataclass(frozen=True, slots=True)
class Candidate:
    """A delivery that is to be judged."""

    #: Batch id or path.
    about: str
    delivery: Delivery
    #: Newest mtime of its files in seconds, None where it is not known.
    newest: float | None = None
    #: The files that it was claimed as, empty for files that are no drop.
    claimed: tuple[DropFile, ...] = ()
    #: What its zip consists of; empty when there is none yet.
    entries: tuple[Entry, ...] = ()
    #: Of its zip, "" when there is none yet.
    sha256: str = ""
    #: Folder for what does not fit into memory, None for the system's.
    scratch: Path | None = None

    @property
    def files(self) -> tuple[DeliveryFile, ...]:
        """The CSVs that Canvas would get."""
        return self.delivery.files


def packed(about: str, made: Bundle, delivery: Delivery, files: tuple[DropFile, ...]) -> Candidate:
    """Return what was just packed, but is no batch."""
    return Candidate(about, delivery, newest_mtime(files), files, made.entries, made.sha256)


def of_batch(session: Session, batch: Batch) -> Candidate:
    """Return a packed batch, with the names of what came along in its ready-made zip. Raises BadZipError, OSError."""
    original = session.archive.batch_folder(batch.id) / ORIGINAL_ZIP
    came_along = batch.drop_kind is DropKind.ZIP and original.exists()
    others = look_into(original).foreign if came_along else ()
    claimed = claimed_files(session, batch)
    return Candidate(
        batch.id,
        Delivery(from_zip(session.archive.zip_path(batch), [entry.name for entry in batch.entries]), others),
        newest_mtime(claimed),
        claimed,
        batch.entries,
        batch.zip.sha256 if batch.zip else "",
        scratch=session.archive.batch_folder(batch.id),
    )
