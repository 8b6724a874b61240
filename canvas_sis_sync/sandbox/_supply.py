"""The CSV files of an upload, recognised and read through once, before any row is applied (CSV 3 to 5).

Owns the judgement about whole files, and the copies of them that an import shows.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from canvas_sis_sync.sandbox._records import StoredFile
from canvas_sis_sync.sandbox._reporting import Reporter
from canvas_sis_sync.sandbox._state import State
from canvas_sis_sync.sandbox._unpacking import CsvInput, Unpacked
from canvas_sis_sync.sis_csv.counter import count_rows
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS
from canvas_sis_sync.sis_csv.reader import Malformed, open_csv
from canvas_sis_sync.sis_csv.texts import NotUtf8

_QUOTED_SIGNS = "\r\n"
"""Python's writer quotes a cell for the signs of the line end only, and a bare CR would make the file malformed."""


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
    for name in upload.strays:
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
    writer = csv.writer(line, lineterminator=_QUOTED_SIGNS)
    for cells in chain([header], rows):
        writer.writerow(cells)
        yield line.text.removesuffix(_QUOTED_SIGNS).encode() + b"\n"
