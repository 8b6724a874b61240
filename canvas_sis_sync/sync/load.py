"""A load: the delivery that is to be weighed, a packed batch or files that are none yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from canvas_sis_sync.delivery.files import DeliveryFile, Entry
from canvas_sis_sync.delivery.judging import look_into
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.sync.bases import newest_mtime
from canvas_sis_sync.sync.session import Context


@dataclass(frozen=True, slots=True)
class Load:
    """A delivery that is to be weighed."""

    #: Batch id or path.
    about: str
    files: tuple[DeliveryFile, ...]
    #: Newest mtime of its files in seconds, None where it is not known.
    newest: float | None = None
    #: Rows that check expects Canvas to refuse, by kind.
    refused: Mapping[str, int] = field(default_factory=dict)
    #: Rows of files of one kind that contradict each other.
    contradictions: int = 0
    #: What its zip consists of; empty when there is none yet.
    entries: tuple[Entry, ...] = ()
    #: True when it would become a new base after a diffed import of the same zip.
    remaster: bool = False
    #: Folder for what does not fit into memory, None for the system's.
    scratch: Path | None = None


def load_of(context: Context, batch: Batch) -> Load:
    """Give a packed batch as what is to be weighed. Raises BadZipError."""
    return Load(
        batch.id,
        look_into(context.archive.zip_path(batch)).files,
        newest_mtime(context, batch),
        batch.refused_rows,
        batch.contradictions,
        batch.entries,
        remaster=batch.remaster_of is not None,
        scratch=context.archive.batch_folder(batch.id),
    )
