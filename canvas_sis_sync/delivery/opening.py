"""What a drop's files are as a delivery: the CSVs that Canvas would get, wherever they are and as UTF-8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.delivery.judging import look_into
from canvas_sis_sync.delivery.packing import from_folder
from canvas_sis_sync.delivery.transcoding import recoded
from canvas_sis_sync.file_names import on_disk


@dataclass(frozen=True, slots=True)
class Delivery:
    """The files of a drop or of an archived zip, as values."""

    files: tuple[DeliveryFile, ...]
    #: Names of what came along and is not sent.
    others: tuple[str, ...] = ()
    #: True for a ready-made zip that is sent byte for byte.
    as_it_is: bool = False
    #: What the files were before they were converted to UTF-8; empty when nothing was.
    originals: tuple[DeliveryFile, ...] = ()


def deliver_from(folder: Path, names: Sequence[str], source_encoding: str) -> Delivery:
    """Look at the files `names` below `folder`; a single zip stands for its contents.

    Raises BadZipError for a zip that cannot be believed, NotInEncoding, OSError.
    """
    if is_zip(names):
        contents = look_into(folder / on_disk(names[0]))
        found = Delivery(contents.files, contents.foreign, as_it_is=contents.plain)
    else:
        found = Delivery(from_folder(folder, names))
    if not source_encoding:
        return found
    files = tuple(recoded(file, source_encoding) for file in found.files)
    if files == found.files:
        return found
    return Delivery(files, found.others, originals=found.files)


def is_zip(names: Sequence[str]) -> bool:
    """Return whether the files of a drop are one ready-made zip."""
    return len(names) == 1 and names[0].lower().endswith(".zip")
