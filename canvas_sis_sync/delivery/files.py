"""The files of a delivery, and of the zip that is made of them, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.reader import Malformed, open_csv
from canvas_sis_sync.sis_csv.texts import NotUtf8


@dataclass(frozen=True, slots=True)
class Header:
    """What the first line of a CSV says."""

    #: None when Canvas does not recognize it.
    kind: Kind | None = None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeliveryFile:
    """One CSV of a delivery, wherever it is: loose in a folder or inside a zip."""

    #: Path inside the zip that Canvas gets, with forward slashes.
    name: str
    size: int
    #: Opens the content for reading in binary.
    open: Callable[[], BinaryIO]

    @cached_property
    def header(self) -> Header:
        """What the first line says, read once; nothing for a file that is no CSV. Raises OSError, BadZipError."""
        try:
            with self.open() as stream:
                csv = open_csv(stream)
        except (NotUtf8, Malformed):
            return Header()
        return Header(csv.kind, csv.columns)


@dataclass(frozen=True, slots=True)
class Entry:
    """One file inside a batch's zip."""

    name: str
    #: Uncompressed size.
    size: int
    crc32: int
    #: Canvas's kind (csv-formats 10), None when the header is not recognized.
    kind: str | None = None
    #: Data rows as Canvas counts them, None when they were not counted.
    rows: int | None = None
    #: True when the kind has password columns, which Canvas removes from its copy.
    has_passwords: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """A zip that has been written, fsynced and read back."""

    path: Path
    size: int
    sha256: str
    entries: tuple[Entry, ...]
