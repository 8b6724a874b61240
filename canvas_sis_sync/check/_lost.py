"""A file that Canvas drops whole: what it seems to be, and how many rows are lost with it (CSV 5)."""

from __future__ import annotations

from dataclasses import replace

from canvas_sis_sync.check._known import FileResult
from canvas_sis_sync.check._rows import nearest
from canvas_sis_sync.check._tally import Tally
from canvas_sis_sync.check.findings import CheckedFile
from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.errors import SyncError
from canvas_sis_sync.sis_csv.counter import count_lines
from canvas_sis_sync.sis_csv.kinds import KINDS, recognise
from canvas_sis_sync.sis_csv.reader import foreign_format

HEAD_BYTES = 1 << 13
LONGEST_LINE = 200
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_COLUMNS = frozenset(name for kind in KINDS.values() for name in kind.columns)


def dropped(name: str, rule_id: str, message: str = "") -> FileResult:
    """Give the result of a file that Canvas ignores as a whole: nothing else is said of it."""
    result = FileResult(CheckedFile(name, None, None), Tally(name))
    result.tally.add(rule_id)
    if message:
        result.tally.say(rule_id, message)
    return result


def lost(file: DeliveryFile, rule_id: str, message: str = "") -> FileResult:
    """Give the result of a file that Canvas drops, with the number of its rows and what its beginning says."""
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
    """Say what is wrong with a header; "" where the line may be a row, whose cells are shown to nobody."""
    for separator, name in _SEPARATORS.items():
        cells = [cell.strip('" ').lower() for cell in line.split(separator)]
        if len(cells) > 1 and not _COLUMNS.isdisjoint(cells):
            return f"The columns are separated by {name}; Canvas takes commas only. First line: {line[:LONGEST_LINE]}"
    cells = [cell.strip().lower() for cell in line.split(",")]
    meant = {cell: near for cell in cells if cell not in _COLUMNS and (near := nearest(cell, _COLUMNS))}
    kind = recognise(meant.get(cell, cell) for cell in cells)
    if not kind or not meant:
        return ""
    pairs = ", ".join(f"{cell if cell.isprintable() else ascii(cell)} as {near}" for cell, near in meant.items())
    return f"The columns are those of no kind of SIS file. Probably meant: {pairs}; then it is of kind {kind.name}."
