"""Pack: a claimed batch gets the zip that Canvas will get (design 4, "Pack")."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from canvas_sis_sync import bundle
from canvas_sis_sync.archive import ORIGINAL_ZIP, ZIP, link_or_copy, sync_folder, wording
from canvas_sis_sync.errors import BadZipError, DropChanged, HomeError
from canvas_sis_sync.model import Batch, Bundle, DeliveryFile, Entry, State
from canvas_sis_sync.progress import Show
from canvas_sis_sync.sis_csv import KINDS, RowCounter
from canvas_sis_sync.steps.claim import is_unchanged, settle_claimed
from canvas_sis_sync.steps.context import Context


def pack(context: Context, batch: Batch) -> Batch:
    """Write the batch's zip, read it back, and only then let the loose files go.

    Gives the batch packed, or refused when its ready-made zip cannot be believed. While the sources' writer is not
    done it is waited for, and packed again. Raises HomeError, TimeRanOut.
    """
    folder, sources = context.archive.batch_folder(batch.id), context.archive.sources(batch.id)
    while True:
        with wording(folder):
            made = _attempt(sources, batch, folder, context.show)
            sync_folder(folder)
        if is_unchanged(context, batch):
            break
        batch = settle_claimed(context, batch)
        if batch.state is State.HELD:
            return batch
    if isinstance(made, BadZipError):
        return _refuse(context, batch, made)
    if isinstance(made, DropChanged):
        raise made
    batch = context.move(
        batch,
        State.PACKED,
        f"{len(made.entries)} files, {made.size} bytes",
        entries=made.entries,
        zip_name=made.path.name,
        zip_size=made.size,
        zip_sha256=made.sha256,
    )
    context.archive.write_receipt(batch)
    remove_sources(context, batch)
    return batch


def _attempt(sources: Path, batch: Batch, folder: Path, show: Show) -> Bundle | BadZipError | DropChanged:
    """Write the zip; what is wrong with its sources counts only if their writer was done."""
    try:
        return write_zip(sources, [file.name for file in batch.files], folder, show)
    except (BadZipError, DropChanged) as error:
        return error


def write_zip(sources: Path, names: Sequence[str], folder: Path, show: Show) -> Bundle:
    """Make `import.zip` in `folder` out of claimed files; a ready-made zip of CSVs is taken byte for byte.

    Raises BadZipError when a ready-made zip cannot be believed, OSError when the disk does not take it.
    """
    if len(names) == 1 and names[0].lower().endswith(".zip"):
        return _from_zip(sources / names[0], folder, show)
    return _from_files(bundle.from_folder(sources, names), folder, show)


def remove_sources(context: Context, batch: Batch) -> None:
    """Remove the loose files of a packed batch: their bytes are in the zip, which has been read back."""
    sources = context.archive.sources(batch.id)
    if sources.exists():
        with wording(sources):
            shutil.rmtree(sources)


def _from_files(files: Sequence[DeliveryFile], folder: Path, show: Show) -> Bundle:
    partial, counters = folder / f".{ZIP}.part", _Counters()
    total = sum(file.size for file in files)
    with show.stage("zipping", total) as done:
        made = bundle.pack(files, partial, observe=counters.observe, progress=_added_up(done))
    with show.stage("reading back", total) as done:
        _read_back(partial, made.entries, done)
    return _in_place(replace(made, entries=counters.complete(made.entries)), folder / ZIP)


def _read_back(partial: Path, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
    try:
        bundle.read_back(partial, entries, progress=_added_up(done))
    except BadZipError as error:
        raise HomeError(
            f"{partial} does not read back as it was written: {error.sentence} The claimed files are kept.",
            "Check that disk; the next run packs anew.",
        ) from error


def _from_zip(source: Path, folder: Path, show: Show) -> Bundle:
    contents = bundle.look_into(source)
    if not contents.plain:
        made = _from_files(contents.files, folder, show)
        link_or_copy(source, folder / ORIGINAL_ZIP)
        return made
    counters = _Counters()
    with show.stage("reading", sum(file.size for file in contents.files)) as done:
        described = bundle.describe(source, observe=counters.observe, progress=_added_up(done))
    link_or_copy(source, folder / ZIP)
    return replace(described, path=folder / ZIP, entries=counters.complete(described.entries))


def _in_place(made: Bundle, destination: Path) -> Bundle:
    made.path.chmod(0o600)
    made.path.replace(destination)
    return replace(made, path=destination)


def _refuse(context: Context, batch: Batch, error: BadZipError) -> Batch:
    folder = context.archive.batch_folder(batch.id)
    with wording(folder):
        link_or_copy(context.archive.sources(batch.id) / batch.files[0].name, folder / ORIGINAL_ZIP)
    batch = context.move(batch, State.REFUSED, error.sentence, zip_name=ORIGINAL_ZIP)
    remove_sources(context, batch)
    return batch


def _added_up(done: Callable[[int], None]) -> Callable[[int], None]:
    total = 0

    def add(count: int) -> None:
        nonlocal total
        total += count
        done(total)

    return add


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
