"""What an upload holds: its CSV files and its strays, found as Canvas finds them (API 3.1, 9; CSV 5).

Owns zips and file names. Content is opened again and again from where it lies, never unpacked to disk or memory.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

_RATIO = 100
_TOTAL_LIMIT = 50 << 30
_ENTRIES = 100_000
_HIDDEN = frozenset({"__MACOSX", "Desktop DB", "Desktop DF"})


@dataclass(frozen=True, slots=True)
class CsvInput:
    """One CSV of an upload."""

    #: Path inside the zip, or the upload's own name.
    name: str
    #: Uncompressed.
    size: int
    open: Callable[[], BinaryIO]

    @property
    def base_name(self) -> str:
        """The name without folders, as attachments show it."""
        return self.name.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An upload, looked into."""

    files: tuple[CsvInput, ...] = ()
    #: Paths that are ignored with a message.
    strays: tuple[str, ...] = ()
    #: Why the archive cannot be used, None when it can.
    fault: str | None = None
    #: Uncompressed size of everything in it (DIFF 5).
    total_size: int = 0


@contextmanager
def unpack(path: Path, name: str) -> Iterator[Unpacked]:
    """Look into an upload whose name decides how it is read; its files can be opened within the context."""
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if extension == "csv":
        size = path.stat().st_size
        files = (CsvInput(name, size, partial(open_binary, path)),) if size else ()
        yield Unpacked(files, total_size=size)
    elif extension != "zip":
        yield Unpacked()
    elif not zipfile.is_zipfile(path):
        yield Unpacked(fault="The upload is no archive that can be read; error report 4711.")
    else:
        with zipfile.ZipFile(path) as archive:
            yield _look_into(archive, path.stat().st_size)


def open_binary(path: Path) -> BinaryIO:
    """Open a file for reading."""
    return path.open("rb")


def _look_into(archive: zipfile.ZipFile, archive_size: int) -> Unpacked:
    entries = archive.infolist()
    total = sum(entry.file_size for entry in entries)
    if len(entries) > _ENTRIES:
        return Unpacked(fault="The archive has too many entries; error report 4712.", total_size=total)
    if total > min(archive_size * _RATIO, _TOTAL_LIMIT):
        return Unpacked(fault="The archive is too big once unpacked; error report 4713.", total_size=total)
    kept = {entry.filename: entry for entry in entries if not (entry.is_dir() or _is_passed_over(entry))}
    is_csv = {name: name.lower().endswith(".csv") for name in sorted(kept)}
    files = tuple(
        CsvInput(name, kept[name].file_size, partial(_open, archive, kept[name]))
        for name in is_csv
        if is_csv[name] and kept[name].file_size and _can_be_read(kept[name])
    )
    return Unpacked(files, tuple(name for name in is_csv if not is_csv[name]), total_size=total)


def _open(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> BinaryIO:
    return cast("BinaryIO", archive.open(entry))


def _is_passed_over(entry: zipfile.ZipInfo) -> bool:
    """Tell whether the entry is ignored without a message: hidden, unsafe, or a link."""
    parts = entry.filename.split("/")
    return (
        any(part.startswith(".") or part in _HIDDEN for part in parts)
        or entry.filename.startswith("/")
        or stat.S_ISLNK(entry.external_attr >> 16)
    )


def _can_be_read(entry: zipfile.ZipInfo) -> bool:
    """Tell whether the entry is stored or deflated, and open; any other becomes an empty file."""
    return entry.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} and not entry.flag_bits & 1
