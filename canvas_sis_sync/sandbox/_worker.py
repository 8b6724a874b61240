"""The queue of one root account: one import at a time, oldest first (API 6).

Owns the way of an import through its states. What happens to rows is the importer's part.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable

from canvas_sis_sync.sandbox._importer import Importer
from canvas_sis_sync.sandbox._records import Import
from canvas_sis_sync.sandbox._state import State


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
