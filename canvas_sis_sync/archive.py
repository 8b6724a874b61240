"""The archive: batch folders, receipts, `errors.csv`, and what makes them last.

`archive/YYYY/MM/<batch>/` holds `import.zip`, `check.json`, `receipt.json` and `errors.csv`, with diffing also
`waiting.json`; until the zip has been read back also `files/`, the claimed sources. Folders are 0700, files 0600.
Whatever is written here is written beside its place, fsynced and renamed, so that a reader finds the old or the new,
never half of it.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from canvas_sis_sync import private
from canvas_sis_sync.errors import HomeError
from canvas_sis_sync.handles import open_regular
from canvas_sis_sync.model import Batch, ImportMessage
from canvas_sis_sync.record import batch_from_record, to_record

RECEIPT = "receipt.json"
ERRORS = "errors.csv"
CHECK = "check.json"
PLAN = "plan.json"
WAITING = "waiting.json"
ZIP = "import.zip"
ORIGINAL_ZIP = "original.zip"
COPY_BLOCK = 1 << 20
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
        """Give the path of a packed batch's zip."""
        return self.batch_folder(batch.id) / batch.zip_name

    def make_batch_folder(self, batch_id: str) -> Path:
        """Make the folder of a batch and make it last."""
        folder = self.batch_folder(batch_id)
        with wording(folder):
            for level in (folder.parent.parent, folder.parent, folder):
                private.make_folder(level)
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
        receipt = {"schema": 1, "batch": to_record(batch), **(extra or {})}
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
        return self._read(self.batch_folder(batch_id) / PLAN)

    def write_waiting(self, batch_id: str, waiting: Mapping[str, Any]) -> None:
        """Write waiting.json: the keys of the rows that Canvas refused and that diffing will not send again."""
        text = json.dumps(waiting, ensure_ascii=False)
        self._write(self.batch_folder(batch_id) / WAITING, text + "\n")

    def read_waiting(self, batch_id: str) -> Mapping[str, Any] | None:
        """Read waiting.json back, None when it is missing or no such file."""
        return self._read(self.batch_folder(batch_id) / WAITING)

    def write_errors(self, batch: Batch, messages: Iterable[ImportMessage]) -> int:
        """Write errors.csv, never with `row_info`, and give the number of messages."""
        text = StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(("sis_import_id", "file", "message", "row"))
        count = 0
        for message in messages:
            row = "" if message.row is None else message.row
            writer.writerow((batch.import_id, message.file or "", message.message, row))
            count += 1
        self._write(self.batch_folder(batch.id) / ERRORS, text.getvalue())
        return count

    def refused_rows(self, batch_id: str) -> Iterator[tuple[str, int]]:
        """Give file and number of each row that errors.csv has a message about; raises OSError, but not for none."""
        path = self.batch_folder(batch_id) / ERRORS
        if path.exists():
            with path.open(encoding="utf-8", newline="") as file:
                yield from ((row["file"], int(row["row"])) for row in csv.DictReader(file) if row["row"])

    def newest_batch(self) -> str | None:
        """Give the id of the batch folder with the highest name, None without any."""
        for year in sorted(self._years(), reverse=True):
            for month in sorted((entry for entry in year.iterdir() if entry.is_dir()), reverse=True):
                batches = sorted(entry.name for entry in month.iterdir() if entry.is_dir())
                if batches:
                    return batches[-1]
        return None

    def receipts(self) -> Iterator[tuple[Path, Batch | None]]:
        """Read all receipts, oldest first; None stands for a folder whose receipt is missing or no receipt."""
        for folder in sorted(self.folder.glob("[0-9][0-9][0-9][0-9]/[0-9][0-9]/*/")):
            yield folder, read_receipt(folder)

    def _years(self) -> Iterator[Path]:
        return (entry for entry in self.folder.iterdir() if len(entry.name) == 4 and entry.name.isdigit())

    @staticmethod
    def _read(path: Path) -> Mapping[str, Any] | None:
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _write(self, path: Path, text: str) -> None:
        partial = path.with_name(f".{path.name}.part")
        with wording(path):
            partial.unlink(missing_ok=True)
            with open(partial, "x", encoding="utf-8", newline="", opener=private.opener) as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
            sync_folder(path.parent)


def read_receipt(folder: Path) -> Batch | None:
    """Read the batch from a folder's receipt, None when it is missing, cut short or no receipt."""
    try:
        return batch_from_record(json.loads((folder / RECEIPT).read_text(encoding="utf-8"))["batch"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


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
    with open_regular(source) as reading, open(partial, "xb", opener=private.opener) as writing:
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
            "Mend the disk or its permissions; the next run goes on by itself.",
        ) from error
