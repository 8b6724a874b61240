"""One import from its upload to its end, and the queue that imports of one account wait in (API 5, 6; CSV 2).

Owns the order of things and the record's progress: files, rows kind by kind, clean-up, messages and counts. What a row
means is in the `_rows_` modules, what is derived from missing rows in `_cleanup` and `_diffing`.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from canvas_sis_sync.sandbox import _diffing, _rows_courses, _rows_groups, _rows_people
from canvas_sis_sync.sandbox._cleanup import clean_up
from canvas_sis_sync.sandbox._records import Import
from canvas_sis_sync.sandbox._reporting import Reporter, Stopped, stop_if_over
from canvas_sis_sync.sandbox._rows import Ignored, Refused, Row, RowContext, Rule, count_only
from canvas_sis_sync.sandbox._state import State
from canvas_sis_sync.sandbox._store import Ledger
from canvas_sis_sync.sandbox._supplied import Supplied, inspect, unpack, write_copy
from canvas_sis_sync.sis_csv.kinds import KINDS
from canvas_sis_sync.sis_csv.reader import CsvFile, open_csv

_CHUNK = 100
_SMALL = 50
_LEAST_FOR_DUPLICATES = 100
_RULES: dict[str, Rule] = {
    "change_sis_id": _rows_courses.change_sis_id,
    "account": _rows_courses.account,
    "term": _rows_courses.term,
    "course": _rows_courses.course,
    "section": _rows_courses.section,
    "xlist": _rows_courses.xlist,
    "user": _rows_people.user,
    "login": _rows_people.login,
    "enrollment": _rows_people.enrollment,
    "admin": _rows_people.admin,
    "group_category": _rows_groups.group_category,
    "group": _rows_groups.group,
    "group_membership": _rows_groups.group_membership,
}
"""Kinds without a rule of their own are checked by their format record and counted."""


class Importer:
    """Works on one import. `rows_per_second` None is as fast as it can; `count_only` stores and checks nothing."""

    def __init__(self, state: State, record: Import, *, rows_per_second: float | None, count_only: bool) -> None:
        self._state = state
        self._record = record
        self._rows_per_second = rows_per_second
        self._count_only = count_only
        self._report = Reporter(state, record)
        self._aborts = False
        self._done = 0
        self._total = 0

    def run(self) -> None:
        """Bring the import to its end.

        Raises whatever breaks it, which its caller turns into the state `failed`.
        """
        self._aborts = self._state.faults.take("abort") is not None
        if self._state.faults.take("fail") is not None:
            raise RuntimeError("The sandbox lets this import fail.")
        try:
            self._import()
        except Stopped:
            return
        self._report.finish()

    def _import(self) -> None:
        record = self._record
        if record.upload is None:
            return
        with unpack(record.upload, record.upload_name) as upload:
            supplied = inspect(upload, self._report, count_only=self._count_only)
            record.attachments = [write_copy(self._state, supply, count_only=self._count_only) for supply in supplied]
            record.data["downloadable_attachment_ids"] = [file.id for file in record.attachments]
            if record.options["diffing_data_set_identifier"] and not self._count_only:
                supplied = _diffing.replace_by_differences(self._state, record, upload, supplied, self._report)
            self._import_supplied(supplied)

    def _import_supplied(self, supplied: Sequence[Supplied]) -> None:
        data = self._record.data
        data["counts"] = {kind.plural: 0 for kind in KINDS.values()} if supplied else {}
        self._total = sum(supply.rows for supply in supplied)
        if supplied:
            data["supplied_batches"] = [name for name in KINDS if any(name == supply.kind.name for supply in supplied)]
            data["running_immediately"] = self._total < _SMALL
            data["completed_importers"] = []
        with self._state.store.connect() as connection:
            ledger = Ledger(connection, self._record.account_id, self._record.id)
            for name in data.get("supplied_batches", ()):
                for supply in supplied:
                    if supply.kind.name == name:
                        self._import_file(supply, ledger)
                data["completed_importers"].append(name)
            ledger.commit()
            if not self._count_only:
                clean_up(self._state, self._record, ledger, self._report)
            self._report.statistics = ledger.statistics() if supplied else None

    def _import_file(self, supply: Supplied, ledger: Ledger) -> None:
        if self._count_only:
            self._record.data["counts"][supply.kind.plural] += supply.rows
            self._advance(supply.rows)
            return
        self._report.file = supply.file.name if self._total < _SMALL else supply.file.base_name
        if self._leaves_out_duplicates(supply):
            self._report.file = f"{self._report.file[:-4]}_deduplicated.csv"
        context = RowContext(ledger, self._record.options, tuple(self._state.roles), self._report.warn)
        with supply.file.open() as stream:
            file = open_csv(stream)
            columns = {name: index for index, name in reversed(list(enumerate(file.header)))}
            rows = _without_duplicates(file) if self._leaves_out_duplicates(supply) else iter(file)
            while chunk := list(islice(rows, self._chunk_size())):
                for number, values in chunk:
                    self._report.row = number, values
                    self._import_row(Row(supply.kind, {name: values[columns[name]] for name in columns}), context)
                ledger.commit()
                self._advance(len(chunk))

    def _leaves_out_duplicates(self, supply: Supplied) -> bool:
        return supply.rows >= _LEAST_FOR_DUPLICATES and self._state.faults.standing("deduplicate") is not None

    def _import_row(self, row: Row, context: RowContext) -> None:
        try:
            _RULES.get(row.kind.name, count_only)(row, context)
        except Refused as refused:
            context.warn(str(refused))
        except Ignored:
            pass
        else:
            self._record.data["counts"][row.kind.plural] += 1

    def _advance(self, rows: int) -> None:
        """Move the progress on, take as long as was asked for, and stop when the import was aborted."""
        self._done += rows
        self._record.progress = min(99, self._done * 100 // max(self._total, 1))
        rate = self._rate()
        if rate is not None:
            self._state.pause(rows / rate)
        if self._aborts and self._done * 2 >= self._total:
            self._state.move(self._record, "aborted", ended_at=self._state.now())
        stop_if_over(self._state, self._record)

    def _rate(self) -> float | None:
        slow = self._state.faults.standing("slow")
        return self._rows_per_second if slow is None else float(slow)

    def _chunk_size(self) -> int:
        rate = self._rate()
        return _CHUNK if rate is None else max(1, min(_CHUNK, int(rate / 10)))


def _without_duplicates(file: CsvFile) -> Iterator[tuple[int, list[str | None]]]:
    """Return the last one of equal rows, numbered as if the others had never been there."""
    rows = {tuple(values): place for place, (_, values) in enumerate(file)}
    return enumerate(map(list, sorted(rows, key=rows.__getitem__)), 2)


class Worker:
    """A thread that imports what is queued for one account."""

    def __init__(self, state: State, account_id: int, make_importer: Callable[[Import], Importer]) -> None:
        self._state = state
        self._account_id = account_id
        self._make_importer = make_importer
        self._thread = threading.Thread(target=self._work, name=f"sandbox-queue-{account_id}")

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the thread, which comes soon after `stopping` is set."""
        self._thread.join()

    def _work(self) -> None:
        state = self._state
        while True:
            with state.changed:
                while not state.stopping.is_set() and state.next_due(self._account_id) is None:
                    state.changed.wait()
                record = state.next_due(self._account_id)
                if state.stopping.is_set() or record is None:
                    return
                state.move(record, "importing", started_at=state.now())
            self._run(record)

    def _run(self, record: Import) -> None:
        try:
            self._make_importer(record).run()
        except Exception as error:  # noqa: BLE001 - whatever breaks an import must not stop the queue
            record.data["stack_trace"] = traceback.format_exc()
            record.data["error_message"] = f"{type(error).__name__}: {error}"
            self._state.move(record, "failed")
