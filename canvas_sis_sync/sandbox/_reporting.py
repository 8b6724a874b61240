"""What an import says: its messages, how they decide its end, and the errors attachment (API 5, 6; CSV 6).

Owns the final state of an import that nothing broke.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

from canvas_sis_sync.sandbox._records import QUEUED_OR_RUNNING, Import, Message
from canvas_sis_sync.sandbox._state import State

_ATTACHMENT_SECONDS = 0.2


class Stopped(Exception):
    """The import was aborted, or the sandbox is ending."""


def stop_if_over(state: State, record: Import) -> None:
    """Raise Stopped unless the import is still to be worked on."""
    if record.workflow_state not in QUEUED_OR_RUNNING or state.stopping.is_set():
        raise Stopped


class Reporter:
    """Collects the messages of one import."""

    def __init__(self, state: State, record: Import) -> None:
        self._state = state
        self._record = record
        self._failures = 0
        #: Set at the end of the rows; None when nothing was imported.
        self.statistics: dict[str, Any] | None = None
        #: The file that `warn` speaks about.
        self.file = ""
        #: The row that `warn` speaks about.
        self.row: tuple[int, Sequence[str | None]] = (0, ())

    def add(self, message: str, *, file: str | None = None, failure: bool = False) -> None:
        """Store a message about a file, or about the whole import."""
        self._store(message, file, failure=failure)

    def fail(self, message: str, *, file: str | None = None) -> None:
        """Store a message that makes the import fail."""
        self.add(message, file=file, failure=True)

    def warn(self, message: str) -> None:
        """Store a message about the present row."""
        number, values = self.row
        self._store(message, self.file, row=number, row_info=_cells(values, number))

    def _store(self, message: str, file: str | None, *, failure: bool = False, **place: Any) -> None:
        state = self._state
        stored = Message(state.next_id("message"), file, message, failure=failure, created_at=state.now(), **place)
        self._failures += failure
        self._record.messages.append(stored)

    def finish(self) -> None:
        """Bring the import to the end that its messages decide (API 6), unless it was ended otherwise."""
        state, record = self._state, self._record
        self.sum_up()
        end = state.faults.take("unknown-state") or self._end()
        with state.changed:
            if record.workflow_state in QUEUED_OR_RUNNING:
                state.move(record, end, progress=100, ended_at=state.now())

    def _end(self) -> str:
        if self._failures:
            return "failed_with_messages"
        return "imported_with_messages" if self._record.messages else "imported"

    def sum_up(self) -> None:
        """Write the totals into `data`, and the errors attachment if there is anything to say."""
        messages = self._record.messages
        if self.statistics is not None:
            self._record.data["statistics"] = self.statistics
        counts = self._record.data.setdefault("counts", {})
        counts |= {"error_count": self._failures, "warning_count": len(messages) - self._failures}
        if messages:
            self._write_attachment()

    def _write_attachment(self) -> None:
        state, record = self._state, self._record
        path = state.new_path(".csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("sis_import_id", "file", "message", "row"))
            writer.writerows((record.id, entry.file, entry.message, entry.row) for entry in record.messages)
        late = state.faults.standing("late-attachment")
        name = f"sis_errors_{record.id}.csv"
        record.errors_attachment = state.add_file(name, path, path.stat().st_size)
        if late != "never":
            record.errors_attachment_at = state.now() + (_ATTACHMENT_SECONDS if late is None else float(late))


def _cells(values: Sequence[str | None], number: int) -> str:
    """Write a row as `row_info` has it: its cells, whatever they hold, and its number."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([*values, number])
    return text.getvalue()
