"""The archive: batch folders, receipts, `errors.csv`, and what makes them last.

`archive/YYYY/MM/<batch>/` holds `import.zip`, `check.json`, `receipt.json` and `errors.csv`; until the zip has been
read back also `files/`, the claimed sources. Folders are 0700, files 0600.
Whatever is written here is written beside its place, fsynced and renamed, so that a reader finds the old or the new,
never half of it.
"""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from canvas_sis_sync.canvas.records import ImportMessage
from canvas_sis_sync.errors import HomeError, RecordError, next_step
from canvas_sis_sync.files import make_folder, open_regular, opener
from canvas_sis_sync.home._record import BATCH_ID, batch_from_record, parse, read, to_record
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.plain_text import Writer, original
from canvas_sis_sync.plan.shapes import PlanRecord

RECEIPT = "receipt.json"
ERRORS = "errors.csv"
CHECK = "check.json"
PLAN = "plan.json"
ZIP = "import.zip"
ORIGINAL_ZIP = "original.zip"
YEAR = re.compile(r"\d{4}", re.ASCII)
MONTH = re.compile(r"\d{2}", re.ASCII)
ANYTHING = re.compile(r"[^.].*", re.DOTALL)
NO_FOLDER = "is no folder, or a link, which is not followed"
COPY_BLOCK = 1 << 20
SCHEMA = 2
"""Form of a receipt: since 2 a batch has stages."""
SPARE_BYTES = 16 << 20
"""Room that is left free besides what a batch needs, for journal, receipt and log."""


class Archive:
    """The folder `archive/` of a home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new_id(self, now: float, last: str = "") -> str:
        """Give an id for a batch that is claimed now: UTC date and time, and a number where that is taken.

        It sorts after `last`, the id of the batch before, also when the clock was set back in between.
        """
        stamp = datetime.fromtimestamp(now, UTC).strftime("%Y%m%d-%H%M%S")
        base = max(stamp, last[: len(stamp)])
        candidate, number = base, 1
        while candidate <= last or self.batch_folder(candidate).exists():
            number += 1
            candidate = f"{base}-{number:03}"
        return candidate

    def batch_folder(self, batch_id: str) -> Path:
        """Give the folder of a batch, whether it exists or not."""
        return self.folder / batch_id[:4] / batch_id[4:6] / batch_id

    def sources(self, batch_id: str) -> Path:
        """Give the folder that a batch's claimed files lie in until they are packed."""
        return self.batch_folder(batch_id) / "files"

    def zip_path(self, batch: Batch) -> Path:
        """Return the path of a packed batch's zip, or of the one that keeps what none could be made of."""
        return self.batch_folder(batch.id) / (batch.zip.name if batch.zip else batch.kept_zip)

    def make_batch_folder(self, batch_id: str) -> Path:
        """Make the folder of a batch and make it last."""
        folder = self.batch_folder(batch_id)
        with wording(folder):
            for level in (folder.parent.parent, folder.parent, folder):
                make_folder(level)
                sync_folder(level.parent)
        return folder

    def require_space(self, needed: int) -> None:
        """Raise HomeError unless `needed` bytes and some to spare are free."""
        with wording(self.folder):
            free = shutil.disk_usage(self.folder).free
        if free < needed + SPARE_BYTES:
            raise HomeError(
                f"The disk of {self.folder} has {free // 1_000_000} MB free, and the drop may need"
                f" {(needed + SPARE_BYTES) // 1_000_000} MB. Nothing was touched.",
                "Make room on that disk; the next run takes the drop by itself.",
            )

    def write_receipt(self, batch: Batch, extra: Mapping[str, Any] | None = None) -> None:
        """Write receipt.json from the journal's record of the batch."""
        receipt = {"schema": SCHEMA, "batch": to_record(batch), **(extra or {})}
        text = json.dumps(receipt, ensure_ascii=False, indent=1)
        self._write(self.batch_folder(batch.id) / RECEIPT, text + "\n")

    def write_check(self, batch_id: str, found: Mapping[str, Any]) -> None:
        """Write check.json: what the rules say about the batch's files, without any value of a row."""
        self._write(self.batch_folder(batch_id) / CHECK, json.dumps(found, ensure_ascii=False, indent=1) + "\n")

    def write_plan(self, batch_id: str, plan: Mapping[str, Any]) -> None:
        """Write plan.json: what the batch would change in Canvas, without any value of a row but ids of groups."""
        self._write(self.batch_folder(batch_id) / PLAN, json.dumps(plan, ensure_ascii=False, indent=1) + "\n")

    def read_plan(self, batch_id: str) -> Mapping[str, Any] | None:
        """Read plan.json back, None when it is missing or no plan."""
        return _read_back(PlanRecord, self.batch_folder(batch_id) / PLAN)

    def write_errors(self, batch: Batch, messages: Iterable[ImportMessage]) -> int:
        """Write errors.csv, never with `row_info`, and give the number of messages."""
        text = StringIO(newline="")
        writer = Writer(text)
        writer.add(("sis_import_id", "file", "message", "row"))
        count = 0
        for message in messages:
            writer.add((batch.import_id, message.file, message.message, message.row))
            count += 1
        self._write(self.batch_folder(batch.id) / ERRORS, text.getvalue())
        return count

    def messages(self, batch_id: str) -> Iterator[ImportMessage]:
        """Read errors.csv back, nothing when there is none. Raises OSError."""
        path = self.batch_folder(batch_id) / ERRORS
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    number = int(row["row"]) if row["row"] else None
                    yield ImportMessage(original(row["file"]) or None, original(row["message"]), number)

    def newest_batch(self) -> str | None:
        """Return the id of the batch folder with the highest name, None without any. Raises HomeError."""
        for year in reversed(_folders(self.folder, YEAR)):
            for month in reversed(_folders(year, MONTH)):
                batches = _folders(month, BATCH_ID)
                if batches:
                    return batches[-1].name
        return None

    def receipts(self) -> Iterator[tuple[Path, Batch | RecordError]]:
        """Read all receipts, oldest first; an error stands for what is no batch folder or has no sound receipt.

        Links are not followed. Raises HomeError where a folder cannot be entered.
        """
        for year in _entries(self.folder, YEAR):
            for month in _entries(year, MONTH) if _is_folder(year) else ():
                for folder in _entries(month, ANYTHING) if _is_folder(month) else ():
                    if _is_folder(folder) or BATCH_ID.fullmatch(folder.name) or folder.is_symlink():
                        yield folder, self._receipt(folder)
                if not _is_folder(month):
                    yield month, RecordError(NO_FOLDER)
            if not _is_folder(year):
                yield year, RecordError(NO_FOLDER)

    def _receipt(self, folder: Path) -> Batch | RecordError:
        try:
            if not _is_folder(folder):
                return RecordError(NO_FOLDER)
            batch = _batch_in(folder)
            if self.batch_folder(batch.id) != folder:
                return RecordError(f"is of batch {batch.id}, whose folder is another one", "its receipt")
        except RecordError as error:
            return error
        return batch

    def _write(self, path: Path, text: str) -> None:
        partial = path.with_name(f".{path.name}.part")
        with wording(path):
            partial.unlink(missing_ok=True)
            with open(partial, "x", encoding="utf-8", newline="", opener=opener) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            sync_folder(path.parent)


def read_receipt(folder: Path) -> Batch | None:
    """Read the batch from a folder's receipt, None when it is missing, cut short or no receipt."""
    try:
        return _batch_in(folder)
    except RecordError:
        return None


def _batch_in(folder: Path) -> Batch:
    """Read the batch from a folder's receipt. Raises RecordError when there is none, or it is no receipt."""
    receipt = _content(folder / RECEIPT)
    if not isinstance(receipt, dict) or "batch" not in receipt:
        raise RecordError("is not a receipt", RECEIPT)
    if receipt.get("schema") not in (1, SCHEMA):
        raise RecordError("is of a later version of sis-sync", RECEIPT)
    try:
        return batch_from_record(receipt["batch"])
    except RecordError as error:
        raise RecordError(error.fault, f"{RECEIPT}: ", "".join(error.place).removeprefix(".") or "it") from None


def _read_back(kind: Any, path: Path) -> Mapping[str, Any] | None:
    """Read a JSON file of ours, None when it is missing or of another shape than `kind`."""
    try:
        found: Mapping[str, Any] = read(kind, _content(path))
    except RecordError:
        return None
    return found


def _content(path: Path) -> Any:
    """Read what JSON a regular file holds; a link is not followed. Raises RecordError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode) or path.is_symlink():
                raise RecordError("is not a file", path.name)
            content = file.read()
    except FileNotFoundError:
        raise RecordError("is missing", path.name) from None
    except OSError as error:
        raise RecordError(f"cannot be read: {(error.strerror or str(error)).lower()}", path.name) from None
    try:
        return parse(content)
    except RecordError as error:
        raise RecordError(error.fault, path.name) from None


def _entries(folder: Path, name: re.Pattern[str]) -> list[Path]:
    """List what is called so in a folder, sorted by name, hidden entries left out. Raises HomeError."""
    with wording(folder):
        return sorted(entry for entry in folder.iterdir() if name.fullmatch(entry.name))


def _folders(folder: Path, name: re.Pattern[str]) -> list[Path]:
    return [entry for entry in _entries(folder, name) if _is_folder(entry)]


def _is_folder(path: Path) -> bool:
    """Say whether a folder is there, and not a link to one. Raises HomeError when that cannot be seen."""
    with wording(path):
        return stat.S_ISDIR(path.lstat().st_mode)


def link_or_copy(source: Path, destination: Path) -> None:
    """Give a file of ours a second name, or where the system cannot, a copy; replaces what is there."""
    destination.unlink(missing_ok=True)
    try:
        destination.hardlink_to(source)
    except OSError:
        copy(source, destination)


def copy(source: Path, destination: Path) -> None:
    """Copy a regular file into a private one that lasts and that nobody else has open; replaces what is there.

    Raises FileNotFoundError when the source is a link or no file, OSError.
    """
    partial = destination.with_name(".copy.part")
    partial.unlink(missing_ok=True)
    with open_regular(source) as reading, open(partial, "xb", opener=opener) as writing:
        shutil.copyfileobj(reading, writing, COPY_BLOCK)
        writing.flush()
        os.fsync(writing.fileno())
    partial.replace(destination)


def sync_folder(folder: Path) -> None:
    """Make renames and new names in a folder last, where the system can (Windows cannot open a folder)."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def wording(path: Path) -> Iterator[None]:
    """Turn what the system says about a path, such as a full disk, into a HomeError."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise HomeError(
            f"{where}: {(error.strerror or str(error)).lower()}. What was already claimed is in the archive, the rest"
            " in the inbox; nothing is lost.",
            next_step(error),
        ) from error
