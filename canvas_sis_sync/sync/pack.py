"""Pack: a claimed batch gets the zip that Canvas will get."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from canvas_sis_sync.delivery import packing
from canvas_sis_sync.delivery.files import Bundle, DeliveryFile, Entry
from canvas_sis_sync.delivery.opening import Delivery, deliver_from, is_zip
from canvas_sis_sync.delivery.packing import from_folder
from canvas_sis_sync.delivery.reading import describe, from_zip, read_back
from canvas_sis_sync.delivery.transcoding import NotInEncoding
from canvas_sis_sync.errors import BadZipError, DropChanged, HomeError, SyncError
from canvas_sis_sync.file_names import STAND_IN, on_disk
from canvas_sis_sync.files import make_folder
from canvas_sis_sync.home.archive import ORIGINAL_ZIP, ZIP, copy, sync_folder, wording
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.progress import Show, added_up
from canvas_sis_sync.sis_csv.counter import RowCounter
from canvas_sis_sync.sis_csv.kinds import KINDS
from canvas_sis_sync.sync._claim import is_unchanged, settle_claimed
from canvas_sis_sync.sync.session import Session

OWN = ".own"
"""Folder of a ready-made zip's copy, which nobody else has open, until it is known what becomes of it."""


def pack(session: Session, batch: Batch) -> Batch:
    """Write the batch's zip, read it back, and only then let the loose files go.

    Return the batch packed, or refused when its ready-made zip cannot be believed; one that was set aside is discarded,
    with its zip, in any case. While the sources' writer is not done it is waited for, and packed again. Raises
    HomeError, TimeRanOut.
    """
    folder = session.archive.batch_folder(batch.id)
    while True:
        with wording(folder):
            packed = _attempt(session, batch)
            sync_folder(folder)
        if is_unchanged(session, batch):
            break
        batch = settle_claimed(session, batch)
        if batch.state is BatchState.HELD:
            return batch
    if isinstance(packed, DropChanged):
        raise packed
    if isinstance(packed, SyncError):
        return _keep_refused(session, batch, packed)
    batch = _journal(session, batch, packed)
    session.archive.write_receipt(batch)
    remove_sources(session, batch)
    return batch


def _attempt(session: Session, batch: Batch) -> Bundle | BadZipError | NotInEncoding | DropChanged:
    """Write the zip; what is wrong with its sources counts only if their writer was done."""
    folder, sources = session.archive.batch_folder(batch.id), session.archive.sources(batch.id)
    names, encoding = [file.name for file in batch.files], session.settings.source_encoding
    try:
        made, _ = make_zip(sources, names, folder, encoding, session.show)
    except (BadZipError, NotInEncoding, DropChanged) as error:
        return error
    return made


def _journal(session: Session, batch: Batch, made: Bundle) -> Batch:
    """Journal what became of the sources; what was set aside is discarded instead, by whoever claimed it for that."""
    if batch.set_aside:
        return session.move(batch.with_zip(made).discarded(batch.set_aside), who=batch.steps[0].who)
    return session.move(batch.packed(made, f"{len(made.entries)} files, {made.size} bytes"))


def make_zip(
    sources: Path, names: Sequence[str], folder: Path, source_encoding: str, show: Show
) -> tuple[Bundle, Delivery]:
    """Make `import.zip` in `folder` of the files `names` below `sources`; return it and what it holds.

    What is returned is read from the zip: whoever still writes to a source changes neither it nor what is judged. A
    ready-made zip of CSVs is copied byte for byte. What was converted, or came in a zip that is not sent as it is, is
    kept as `original.zip`. Raises BadZipError when a ready-made zip cannot be believed, NotInEncoding, DropChanged,
    OSError when the disk does not take it.
    """
    if not is_zip(names):
        delivery = deliver_from(sources, names, source_encoding)
        made = _from_files(delivery.files, folder / ZIP, show)
        if delivery.originals:
            _from_files(delivery.originals, folder / ORIGINAL_ZIP, show)
        return made, _as_packed(made, delivery)
    own = _own_copy(sources, names[0], folder)
    delivery = deliver_from(own.parent, [own.name], source_encoding)
    if delivery.as_it_is:
        made = _in_place(_described(own, delivery.files, show), folder / ZIP)
    else:
        made = _from_files(delivery.files, folder / ZIP, show)
        own.replace(folder / ORIGINAL_ZIP)
    shutil.rmtree(own.parent)
    return made, _as_packed(made, delivery)


def _as_packed(made: Bundle, delivery: Delivery) -> Delivery:
    return Delivery(from_zip(made.path, [file.name for file in delivery.files]), delivery.others)


def _own_copy(sources: Path, name: str, folder: Path) -> Path:
    """Copy a ready-made zip under its name into a folder of its own, of which nothing else is left."""
    own = folder / OWN
    if own.exists():
        shutil.rmtree(own)
    make_folder(own)
    copied = own / _own_name(name)
    copy(sources / on_disk(name), copied)
    return copied


def _own_name(name: str) -> str:
    """Return what the copy of a ready-made zip is called; messages name it, so it has to be UTF-8."""
    return STAND_IN.sub("_", name)


def remove_sources(session: Session, batch: Batch) -> None:
    """Remove the loose files of a packed batch: their bytes are in the zip, which has been read back."""
    sources = session.archive.sources(batch.id)
    if sources.exists():
        with wording(sources):
            shutil.rmtree(sources)


def _from_files(files: Sequence[DeliveryFile], destination: Path, show: Show) -> Bundle:
    partial, counters = destination.with_name(f".{destination.name}.part"), _Counters()
    total = sum(file.size for file in files)
    with show.stage("zipping", total) as done:
        made = packing.pack(files, partial, observe=counters.observe, progress=added_up(done))
    with show.stage("reading back", total) as done:
        _read_back(partial, made.entries, done)
    return _in_place(replace(made, entries=counters.complete(made.entries)), destination)


def _read_back(partial: Path, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
    try:
        read_back(partial, entries, progress=added_up(done))
    except BadZipError as error:
        raise HomeError(
            f"{partial} does not read back as it was written: {error.sentence} The claimed files are kept.",
            "Check that disk; the next run packs the files again.",
        ) from error


def _described(own: Path, files: Sequence[DeliveryFile], show: Show) -> Bundle:
    counters = _Counters()
    with show.stage("reading", sum(file.size for file in files)) as done:
        described = describe(own, observe=counters.observe, progress=added_up(done))
    return replace(described, entries=counters.complete(described.entries))


def _in_place(made: Bundle, destination: Path) -> Bundle:
    made.path.replace(destination)
    return replace(made, path=destination)


def _keep_refused(session: Session, batch: Batch, error: BadZipError | NotInEncoding) -> Batch:
    """Refuse what could not be packed; its bytes are kept as `original.zip`, or loose where no zip can hold them."""
    kept = _original(session, batch, error)
    batch = batch.kept_as(kept)
    if batch.set_aside:
        batch = session.move(batch.discarded(batch.set_aside), who=batch.steps[0].who)
    else:
        lets_pass = session.settings.after_refusal == "continue"
        batch = session.move(batch.refused(f"{error.sentence} {error.hint}", lets_pass=lets_pass))
    if kept:
        remove_sources(session, batch)
    return batch


def _original(session: Session, batch: Batch, error: BadZipError | NotInEncoding) -> str:
    """Make `original.zip` of what was claimed and return its name, "" when it cannot be made."""
    folder, sources = session.archive.batch_folder(batch.id), session.archive.sources(batch.id)
    names = [file.name for file in batch.files]
    with wording(folder):
        if is_zip(names):
            (folder / OWN / _own_name(names[0])).replace(folder / ORIGINAL_ZIP)
            shutil.rmtree(folder / OWN)
        elif isinstance(error, BadZipError):
            return ""
        else:
            _from_files(from_folder(sources, names), folder / ORIGINAL_ZIP, session.show)
    return ORIGINAL_ZIP


class _Counters:
    """Counts the rows of each file while it is read for the zip."""

    def __init__(self) -> None:
        self._counters: dict[str, RowCounter] = {}

    def observe(self, name: str) -> RowCounter:
        self._counters[name] = RowCounter()
        return self._counters[name]

    def complete(self, entries: Sequence[Entry]) -> tuple[Entry, ...]:
        return tuple(self._complete(entry) for entry in entries)

    def _complete(self, entry: Entry) -> Entry:
        summary = self._counters[entry.name].finish()
        if summary.kind is None:
            return entry
        passwords = set(KINDS[summary.kind].password_columns) & set(summary.header)
        return replace(entry, kind=summary.kind, rows=summary.rows, has_passwords=bool(passwords))
