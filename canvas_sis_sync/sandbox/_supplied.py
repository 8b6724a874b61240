"""The CSV files of an upload: found as Canvas finds them, recognized, and read through once before any row is applied.

Owns zips, file names, the judgment of whole files (API 3.1, 9; CSV 3 to 5), and the copies that an import shows.
Content is opened again and again from where it is, never unpacked to disk or memory.
"""

from __future__ import annotations

import csv
import stat
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import BinaryIO, cast

from canvas_sis_sync.sandbox._records import StoredFile
from canvas_sis_sync.sandbox._reporting import Reporter
from canvas_sis_sync.sandbox._state import State
from canvas_sis_sync.sis_csv.counter import count_rows
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS
from canvas_sis_sync.sis_csv.reader import Malformed, open_csv
from canvas_sis_sync.sis_csv.texts import NotUtf8

_RATIO = 100
_TOTAL_LIMIT = 50 << 30
_ENTRIES = 100_000
_LINE_END = "\r\n"
"""Python's writer quotes a cell for the characters of the line end only, and a bare CR would be malformed."""
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
    ignored: tuple[str, ...] = ()
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
    """Return whether the entry is ignored without a message: hidden, unsafe, or a link."""
    parts = entry.filename.split("/")
    return (
        any(part.startswith(".") or part in _HIDDEN for part in parts)
        or entry.filename.startswith("/")
        or stat.S_ISLNK(entry.external_attr >> 16)
    )


def _can_be_read(entry: zipfile.ZipInfo) -> bool:
    """Return whether the entry is stored or deflated, and open; any other becomes an empty file."""
    return entry.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED} and not entry.flag_bits & 1


@dataclass(frozen=True, slots=True)
class Supplied:
    """A file that will be imported."""

    file: CsvInput
    kind: Kind
    #: Data rows, those without any value left out.
    rows: int


def inspect(upload: Unpacked, report: Reporter, *, count_only: bool) -> list[Supplied]:
    """Return the files that can be imported; what cannot is reported, fatal or not (CSV 5)."""
    if upload.fault is not None:
        report.fail(upload.fault)
    for name in upload.ignored:
        report.add(f"{name} is no CSV and was ignored", file=name)
    look = _count if count_only else _read_through
    return [supplied for file in upload.files if (supplied := look(file, report)) is not None]


def _count(file: CsvInput, report: Reporter) -> Supplied | None:
    with file.open() as stream:
        summary = count_rows(stream)
    if summary.kind is None or summary.rows is None:
        report.fail(f"{file.name} cannot be read", file=file.name)
        return None
    return Supplied(file, KINDS[summary.kind], summary.rows)


def _read_through(file: CsvInput, report: Reporter) -> Supplied | None:
    try:
        with file.open() as stream:
            opened = open_csv(stream)
            rows = sum(1 for _ in opened)
    except NotUtf8:
        report.fail("The file is not UTF-8 and was ignored", file=file.name)
    except Malformed:
        report.fail("The CSV is malformed and was ignored", file=file.name)
    else:
        if opened.kind is not None:
            return Supplied(file, opened.kind, rows)
        if opened.header:
            report.fail("The header belongs to no kind of file", file=file.name)
    return None


def write_copy(state: State, supplied: Supplied, *, count_only: bool = False) -> StoredFile:
    """Keep the copy of a file that `csv_attachments` shows, without passwords; only its size when counting."""
    if count_only:
        return state.add_file(supplied.file.base_name, None, supplied.file.size)
    path = state.new_path(".csv")
    with supplied.file.open() as stream, path.open("wb") as copy:
        if supplied.kind.password_columns:
            opened = open_csv(stream)
            kept = [index for index, name in enumerate(opened.header) if name not in supplied.kind.password_columns]
            lines = ([values[index] for index in kept] for _, values in opened)
            copy.writelines(csv_lines([opened.header[index] for index in kept], lines))
        else:
            while block := stream.read(1 << 20):
                copy.write(block)
    return state.add_file(supplied.file.base_name, path, path.stat().st_size)


class _Line:
    """A file that hands back what was written last."""

    def write(self, text: str) -> int:
        self.text = text
        return len(text)


def csv_lines(header: Iterable[str], rows: Iterable[Iterable[str | None]]) -> Iterable[bytes]:
    """Write header and rows as CSV, line by line."""
    line = _Line()
    writer = csv.writer(line, lineterminator=_LINE_END)
    for cells in chain([header], rows):
        writer.writerow(cells)
        yield line.text.removesuffix(_LINE_END).encode() + b"\n"
