"""One file under all rules that can be judged from it and from what was read before it.

A file that Canvas drops whole is described instead: what it seems to be, and how many rows are lost with it (CSV 5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import BinaryIO, cast

from canvas_sis_sync.check._halves import Work, in_halves
from canvas_sis_sync.check._judging import Judge
from canvas_sis_sync.check._marks import CONTROLS
from canvas_sis_sync.check._names import kind_of_name
from canvas_sis_sync.check._results import FileResult, SetKnowledge, Tally
from canvas_sis_sync.check._rows import Heading, nearest
from canvas_sis_sync.check.findings import CheckedFile
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.check.registry import rules_of
from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.errors import SyncError
from canvas_sis_sync.parallel import Progress
from canvas_sis_sync.progress import unseen
from canvas_sis_sync.sis_csv.counter import count_lines
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import BATCH_MODE_KINDS, KINDS, recognize
from canvas_sis_sync.sis_csv.reader import CsvFile, Malformed, TooManyColumns, foreign_format, open_csv
from canvas_sis_sync.sis_csv.texts import NotUtf8

_RULE_OF_FAULT: Mapping[type[ValueError], str] = {
    NotUtf8: "file-not-utf8",
    Malformed: "file-malformed-csv",
    TooManyColumns: "file-too-many-columns",
}
HEAD_BYTES = 1 << 13
LONGEST_LINE = 200
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_COLUMNS = frozenset(name for kind in KINDS.values() for name in kind.columns)
_CONTROLS = tuple(control.encode() for control in CONTROLS)


def kind_of(file: DeliveryFile) -> str:
    """Return the kind of a file by its header, "" where it is not recognized or cannot be read."""
    try:
        kind = file.header.kind
    except (OSError, SyncError, ValueError):
        return ""
    return kind.name if kind else ""


def check_file(file: DeliveryFile, options: CheckOptions, known: SetKnowledge, progress: Progress) -> FileResult:
    """Read a file once and ask all rules. Faults of the file are findings; nothing is raised for them."""

    def work(stream: BinaryIO, repeated: int) -> FileResult:
        watched = Watched(stream, unseen if repeated else progress)
        result = _read(file.name, watched, options, known)
        result.bytes_read = watched.bytes_read - repeated
        return result

    try:
        result = _in_halves(file, work, progress) or _as_a_whole(file, work)
    except (NotUtf8, Malformed) as fault:
        return dropped_file(file, _RULE_OF_FAULT[type(fault)], str(fault))
    except UnicodeError:  # from a stream that converts a file, which has changed since it was looked at
        return dropped(file.name, "file-unreadable")
    except SyncError as fault:
        return dropped(file.name, "file-unreadable", fault.sentence)
    except OSError as fault:
        return dropped(file.name, "file-unreadable", f"The file cannot be read: {(fault.strerror or '').lower()}.")
    if result.file.kind:
        _conclude(Heading(result.header, KINDS[result.file.kind]), options, result)
    elif result.header:
        found = dropped_file(file, "file-headers-unrecognised")
        result.tally.join(found.tally)
        result.file = found.file
    if result.bytes_read != file.size:
        result.tally.add("file-changed")
    return result


def _as_a_whole(file: DeliveryFile, work: Work[FileResult]) -> FileResult:
    with file.open() as stream:
        return work(stream, 0)


def _in_halves(file: DeliveryFile, work: Work[FileResult], progress: Progress) -> FileResult | None:
    """Read a large file by two processes; None where it has to be read as a whole."""
    try:
        halves = in_halves(file, work)
    except ValueError:  # NotUtf8, Malformed: said of the whole file
        return None
    if halves is None:
        return None
    first, second = halves
    progress(second.bytes_read)
    first.join(second)
    return first


def _read(name: str, watched: Watched, options: CheckOptions, known: SetKnowledge) -> FileResult:
    """Judge what a stream holds, but for the file as a whole. Raises NotUtf8, Malformed."""
    csv = open_csv(watched.as_stream)
    result = FileResult(CheckedFile(name, None, None), Tally(name, options.most_places), tuple(csv.header))
    if csv.kind:
        rows_read = _judge(csv, csv.kind, watched, Judge(csv.kind.name, options, known, result))
        result.file = CheckedFile(name, csv.kind.name, rows_read)
    else:
        _pass_over(csv)
        if not csv.header:
            result.tally.add("file-empty")
    return result


def _pass_over(csv: CsvFile) -> None:
    """Read to the end, because the encoding is looked at first; of a file that is not recognized nothing else is."""
    try:
        for _ in csv.blocks:
            pass
    except Malformed:
        pass


def _judge(csv: CsvFile, kind: Kind, watched: Watched, judge: Judge) -> int:
    """Judge all blocks and count the rows, as Canvas does."""
    heading = Heading(csv.header, kind)
    rows_read = 0
    for block in csv.blocks:
        judge.judge(heading, block, may_hold_nul=watched.has_nul, may_hold_marks=watched.has_marks)
        rows_read += len(block)
    return rows_read


def _conclude(heading: Heading, options: CheckOptions, result: FileResult) -> None:
    """Ask the rules about the header and about the file as a whole."""
    tally = result.tally
    mistyped = heading.mistyped()
    for cell, near in mistyped.items():
        tally.add("header-mistyped", None, cell, f"; {near} was probably meant")
    meant = {near: cell for cell, near in mistyped.items()}
    tally.absent = {name: meant.get(name, "") for name in heading.kind.columns if not heading.has(name)}
    named = kind_of_name(result.file.name)
    if named and named != heading.kind.name:
        tally.add("file-kind-by-name")
        tally.describe(
            "file-kind-by-name",
            f"The name of the file says {named}, and its columns say {heading.kind.name}: Canvas goes by the columns.",
        )
    for rule in rules_of(heading.kind.name):
        if rule.heading_check:
            for column in rule.heading_check(heading, options):
                tally.once(rule.id, column)
        everywhere = tally.counts[rule.id] == result.judged - result.refused
        if rule.once_if_everywhere and everywhere and tally.counts[rule.id] > 1:
            tally.make_one(rule.id)
    if not result.file.rows:
        tally.add("file-header-only")
    if result.refused and options.asked.batch_mode and heading.kind.name in BATCH_MODE_KINDS:
        tally.add("set-refused-rows-deleted")


class Watched:
    """Reads on from another stream."""

    def __init__(self, stream: BinaryIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress
        self.bytes_read = 0
        #: True once a NUL was read; it may belong to rows that are still to come.
        self.has_nul = False
        #: True once something was read that may be a mark in an id (`marks`), which is so of few files.
        self.has_marks = False
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        """Read on."""
        chunk = self._stream.read(size)
        self.bytes_read += len(chunk)
        self.has_nul = self.has_nul or b"\0" in chunk
        self.has_marks = self.has_marks or _holds_marks(self._last + chunk)
        self._last = chunk[-1:]
        self._progress(len(chunk))
        return chunk

    @property
    def as_stream(self) -> BinaryIO:
        """Return this object as a binary stream; only its `read` is used."""
        return cast("BinaryIO", self)


def _holds_marks(chunk: bytes) -> bool:
    return (
        not chunk.isascii()
        or any(map(chunk.__contains__, _CONTROLS))
        or (b"+" in chunk and (b"E+" in chunk or b"e+" in chunk))
        or (b"." in chunk and b".0" in chunk)
    )


def dropped(name: str, rule_id: str, message: str = "") -> FileResult:
    """Return the result of a file that Canvas ignores as a whole: nothing else is said of it."""
    result = FileResult(CheckedFile(name, None, None), Tally(name))
    result.tally.add(rule_id)
    if message:
        result.tally.describe(rule_id, message)
    return result


def dropped_file(file: DeliveryFile, rule_id: str, message: str = "") -> FileResult:
    """Return the result of a file that Canvas drops, with the number of its rows and what its beginning says."""
    try:
        with file.open() as stream:
            head = stream.read(HEAD_BYTES)
        if form := foreign_format(head):
            return dropped(file.name, "file-not-csv", f"The file is {form}, whatever its name says. Export it as CSV.")
        with file.open() as stream:
            rows = max(count_lines(stream) - 1, 0)
    except (OSError, SyncError, ValueError):
        return dropped(file.name, rule_id, message)
    said = _about_header(_first_line(head))
    if said and rule_id == "file-headers-unrecognised":
        message = said
    elif said and rule_id == "file-malformed-csv":
        message = f"{message} {said}"
    result = dropped(file.name, rule_id, message)
    result.file = replace(result.file, lost_rows=rows)
    return result


def _first_line(head: bytes) -> str:
    text = head.decode(errors="replace").removeprefix("\ufeff")
    return next((line for line in text.splitlines() if line.strip()), "")


def _about_header(line: str) -> str:
    """Describe what is wrong with a header; "" where the line may be a row, whose cells are shown to nobody."""
    for separator, name in _SEPARATORS.items():
        cells = [cell.strip('" ').lower() for cell in line.split(separator)]
        if len(cells) > 1 and not _COLUMNS.isdisjoint(cells):
            return f"The columns are separated by {name}; Canvas takes commas only. First line: {line[:LONGEST_LINE]}"
    cells = [cell.strip().lower() for cell in line.split(",")]
    meant = {cell: near for cell in cells if cell not in _COLUMNS and (near := nearest(cell, _COLUMNS))}
    kind = recognize(meant.get(cell, cell) for cell in cells)
    if not kind or not meant:
        return ""
    pairs = ", ".join(f"{cell if cell.isprintable() else ascii(cell)} as {near}" for cell, near in meant.items())
    return f"The columns are those of no kind of SIS file. Probably meant: {pairs}; then it is of kind {kind.name}."
