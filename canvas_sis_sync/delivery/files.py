"""The files of a delivery, and of the zip that is made of them, as values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class DeliveryFile:
    """One CSV of a delivery, wherever it lies: loose in a folder or inside a zip."""

    #: Path inside the zip that Canvas gets, with forward slashes.
    name: str
    size: int
    #: Opens the content for reading in binary.
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file inside a batch's zip."""

    name: str
    #: Uncompressed size.
    size: int
    crc32: int
    #: Canvas's kind (csv-formats 10), None when the header is not recognised.
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
