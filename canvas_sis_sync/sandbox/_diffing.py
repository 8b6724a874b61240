"""Diffing: comparing an upload with an earlier one and importing the differences only (DIFF 1 to 8).

Owns the choice of the base, the pairing of files, the thresholds and the difference files. Follows the code of
2023-24 where it differs from that of 2022. Both sides of a pair are held in memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from canvas_sis_sync.sandbox._records import Import
from canvas_sis_sync.sandbox._reporting import Reporter
from canvas_sis_sync.sandbox._state import State
from canvas_sis_sync.sandbox._supplied import (
    CsvInput,
    Supplied,
    Unpacked,
    csv_lines,
    inspect,
    open_binary,
    unpack,
    write_copy,
)
from canvas_sis_sync.sis_csv.kinds import KINDS
from canvas_sis_sync.sis_csv.reader import open_csv

Cells = dict[str, str | None]
MOST_REFUSED = 5
"""Imports in a row above a threshold; the one after the next fails (changes-since-2022, Imports)."""
_SUCCESSFUL = frozenset({"imported", "imported_with_messages"})


@dataclass(frozen=True, slots=True)
class DiffTable:
    """One side of a pair."""

    columns: tuple[str, ...]
    #: The last row of each key.
    rows: dict[tuple[str | None, ...], Cells]


def replace_by_differences(
    state: State, record: Import, upload: Unpacked, supplied: list[Supplied], report: Reporter
) -> list[Supplied]:
    """Return what is imported instead of the supplied files.

    That is the supplied files themselves when there is no base, on a remaster, or above a threshold (DIFF 1, 5), and
    nothing when a threshold has refused the comparison too often since the base: then the import fails.
    Raises RuntimeError for what makes Canvas fail: a broken archive that is to be compared (CSV 5), a kind without a
    key on both sides.
    """
    base = _choose_base(state, record)
    if base is None or base.upload is None or record.options["diffing_remaster"]:
        return supplied
    if _refused_since(state, base) > MOST_REFUSED:
        report.fail("Too many imports in a row exceeded a threshold of diffing, so nothing was imported")
        return []
    if upload.fault is not None:
        raise RuntimeError(upload.fault)
    with unpack(base.upload, base.upload_name) as earlier:
        threshold = record.options["change_threshold"]
        if threshold is not None and _change(upload.total_size, earlier.total_size) > threshold:
            return _refuse(record, supplied, report, "The size has changed by more than change_threshold allows")
        old = inspect(earlier, report, count_only=False)
        differences = _Differences(state, record, report)
        result = [file for name in KINDS for file in differences.of_kind(_only(name, supplied), _only(name, old))]
    limit = record.options["diff_row_count_threshold"]
    if limit is not None and sum(file.rows for file in differences.made) > limit:
        return _refuse(record, supplied, report, "There are more differences than diff_row_count_threshold allows")
    record.data["diffed_against_sis_batch_id"] = base.id
    differences.publish()
    return result


def _refused_since(state: State, base: Import) -> int:
    """Count the successful imports of the data set since the base that a threshold kept from being compared."""
    later = (other for other in _successful_of_data_set(state, base) if _age(other) > _age(base))
    return sum(other.diffing_threshold_exceeded for other in later)


def _choose_base(state: State, record: Import) -> Import | None:
    """Return the import to compare with (DIFF 2): the newest diffed or remastered one, else the oldest."""
    candidates = _successful_of_data_set(state, record)
    bases = [
        other
        for other in candidates
        if "diffed_against_sis_batch_id" in other.data or other.options["diffing_remaster"]
    ]
    return max(bases, key=_age) if bases else min(candidates, key=_age, default=None)


def _successful_of_data_set(state: State, record: Import) -> list[Import]:
    """List the other successful imports of an import's data set."""
    return [
        other
        for other in state.imports.values()
        if other.account_id == record.account_id
        and other.options["diffing_data_set_identifier"] == record.options["diffing_data_set_identifier"]
        and other.workflow_state in _SUCCESSFUL
        and other is not record
    ]


def _age(record: Import) -> tuple[float, int]:
    return record.created_at, record.id


def _change(current: int, base: int) -> float:
    """Return the change of size in percent (DIFF 5)."""
    if base == 0:
        return math.inf if current else 0.0
    return abs(1 - current / base) * 100


def _refuse(record: Import, supplied: list[Supplied], report: Reporter, why: str) -> list[Supplied]:
    record.diffing_threshold_exceeded = True
    report.add(f"{why}, so the upload is imported whole")
    return supplied


def _only(kind: str, files: Iterable[Supplied]) -> list[Supplied]:
    return [file for file in files if file.kind.name == kind]


class _Differences:
    """The difference files of one import."""

    def __init__(self, state: State, record: Import, report: Reporter) -> None:
        self.made: list[Supplied] = []
        self._state = state
        self._record = record
        self._report = report

    def of_kind(self, current: list[Supplied], base: list[Supplied]) -> list[Supplied]:
        """Return what is imported of one kind; raises RuntimeError for a kind without a key."""
        if not current or not base:
            return current
        if not current[0].kind.key:
            raise RuntimeError(f"{current[0].kind.name} has no key to compare by")
        pairs = _pair(current, base)
        if pairs is None:
            self._report.add(f"The {current[0].kind.name} files of both uploads cannot be paired")
            return current
        return [self._of_pair(new, old) for new, old in pairs]

    def _of_pair(self, new: Supplied, old: Supplied) -> Supplied:
        current, base = read_table(new), read_table(old)
        if set(current.columns) != set(base.columns) or not set(new.kind.key) & set(base.columns):
            self._report.add("The columns differ from the earlier file's", file=new.file.name)
            return new
        rows = difference(current, base, self._status(new))
        path = self._state.new_path(".csv")
        with path.open("wb") as file:
            file.writelines(csv_lines(current.columns, ([row[name] for name in current.columns] for row in rows)))
        made = Supplied(CsvInput(new.file.name, path.stat().st_size, partial(open_binary, path)), new.kind, len(rows))
        self.made.append(made)
        return made

    def _status(self, file: Supplied) -> str:
        """Return the status of removed rows (DIFF 6)."""
        option = {"enrollment": "diffing_drop_status", "user": "diffing_user_remove_status"}.get(file.kind.name)
        return (option and self._record.options[option]) or "deleted"

    def publish(self) -> None:
        """Show the difference files with the import."""
        record, state = self._record, self._state
        record.diffed_attachments = [write_copy(state, made) for made in self.made]
        record.data["diffed_attachment_ids"] = [file.id for file in record.diffed_attachments]


def _pair(current: list[Supplied], base: list[Supplied]) -> list[tuple[Supplied, Supplied]] | None:
    """Pair one with one, several by their names; None when that does not work out (DIFF 3)."""
    if len(current) == len(base) == 1:
        return [(current[0], base[0])]
    old = {file.file.name: file for file in base}
    if len(current) != len(base) or any(file.file.name not in old for file in current):
        return None
    return [(file, old[file.file.name]) for file in current]


def read_table(supplied: Supplied) -> DiffTable:
    """Read a file by its kind's key; of equal keys the last row stays, in its own place."""
    with supplied.file.open() as stream:
        opened = open_csv(stream)
        columns = {name: index for index, name in reversed(list(enumerate(opened.header)))}
        rows: dict[tuple[str | None, ...], Cells] = {}
        for _, values in opened:
            cells = {name: values[columns[name]] for name in opened.columns}
            key = tuple(cells.get(name) for name in supplied.kind.key)
            rows.pop(key, None)
            rows[key] = cells
    return DiffTable(opened.columns, rows)


def difference(current: DiffTable, base: DiffTable, removed_status: str) -> list[Cells]:
    """Return added and changed rows, then removed ones with their new status (DIFF 4)."""
    added = [cells for key, cells in current.rows.items() if base.rows.get(key) != cells]
    removed = [cells for key, cells in base.rows.items() if key not in current.rows]
    if "status" in current.columns:
        removed = [{**cells, "status": removed_status} for cells in removed]
    return added + removed
