"""The sandbox as a whole: start, stop, and what tests and demos may look at or put in place.

Owns the folder it works in and the life of its threads.
"""

from __future__ import annotations

import importlib.util
import shutil
import ssl
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from canvas_sis_sync.errors import UsageError
from canvas_sis_sync.sandbox._faults import Faults
from canvas_sis_sync.sandbox._parameters import read_options
from canvas_sis_sync.sandbox._records import QUEUED_OR_RUNNING, Import, SeenRequest
from canvas_sis_sync.sandbox._state import Role, State, read_saved, save

if TYPE_CHECKING:
    from canvas_sis_sync.sandbox._importer import Worker
    from canvas_sis_sync.sandbox._wire import Server

_IDLE_SECONDS = 30.0
OPEN_PATHS = ("/uploads/", "/storage/")
"""What stands for a storage service outside Canvas."""


class Sandbox:
    """A Canvas to practice on, at 127.0.0.1; a context manager, or `start` and `stop`.

    `port` 0 takes any free one. Without `data` everything lives in a temporary folder and is gone at the end.
    `rows_per_second` None imports as fast as it can; `count_only` counts rows and stores none. `faults` are
    `NAME[=VALUE]` of docs/sandbox.md. Raises UsageError for an unknown fault, a port in use, or without Werkzeug.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        token: str = "sandbox-token",  # noqa: S107 - an invented one
        data: Path | None = None,
        rows_per_second: float | None = None,
        count_only: bool = False,
        faults: Sequence[str] = (),
        ssl_context: ssl.SSLContext | None = None,
        host_name: str = "127.0.0.1",
    ) -> None:
        self.token = token
        self.rows_per_second = rows_per_second
        self.count_only = count_only
        if importlib.util.find_spec("werkzeug") is None:
            raise UsageError(
                "The sandbox needs Werkzeug, which is not installed.",
                "Type: pip install 'canvas-sis-sync[sandbox]'",
            )
        self._faults = Faults(faults)
        self._temporary = data is None
        self._folder = Path(tempfile.mkdtemp(prefix="sis-sandbox-")) if data is None else data
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / "files").mkdir(exist_ok=True)
        self._state = State(self._folder, self._faults)
        self._requests: list[SeenRequest] = []
        self._workers: list[Worker] = []
        self._port = port
        self._ssl_context = ssl_context
        self._host_name = host_name
        self._server: Server | None = None
        self._prepare()

    def _prepare(self) -> None:
        read_saved(self._state)
        self.user = self._state.add_user(self.token, "Sandbox Admin")
        if not self._state.store.accounts():
            self._state.store.add_root_account("Sandbox College")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        bugs = self._server.bugs if self._server is not None else []
        if error is None and bugs:
            raise RuntimeError("The sandbox itself broke:\n" + "\n".join(bugs))

    def start(self) -> None:
        """Listen, and begin to work off the queue; raises UsageError when the port is in use."""
        try:
            self._server = self._make_server()
        except UsageError:
            self.stop()
            raise
        self.port = self._server.port
        self._server.start()
        for account_id, account in self._state.store.accounts().items():
            if account["root"] == account_id:
                self._start_worker(account_id)

    def _make_server(self) -> Server:
        from canvas_sis_sync.sandbox._server import Application
        from canvas_sis_sync.sandbox._wire import Server

        return Server(Application(self._state, self._requests.append), self._port, self._ssl_context)

    def _start_worker(self, account_id: int) -> None:
        from canvas_sis_sync.sandbox._importer import Importer, Worker

        def make_importer(record: Import) -> Importer:
            return Importer(self._state, record, rows_per_second=self.rows_per_second, count_only=self.count_only)

        worker = Worker(self._state, account_id, make_importer)
        self._workers.append(worker)
        worker.start()

    def stop(self) -> None:
        """Close the socket, end all threads, and remove the temporary folder."""
        with self._state.changed:
            self._state.stopping.set()
            self._state.changed.notify_all()
        if self._server is not None:
            self._server.stop()
        for worker in self._workers:
            worker.join()
        for thread in self._state.threads:
            thread.join()
        if self._temporary:
            shutil.rmtree(self._folder, ignore_errors=True)
        else:
            save(self._state)

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        scheme = "http" if self._ssl_context is None else "https"
        return f"{scheme}://{self._host_name}:{self.port}"

    @property
    def requests(self) -> tuple[SeenRequest, ...]:
        """What was asked so far, in the order of the answers."""
        return tuple(self._requests)

    @property
    def tokens_astray(self) -> tuple[SeenRequest, ...]:
        """Requests that carried a token to where it must not go: the storage of uploads and of attachments."""
        at_storage = (each for each in self.requests if each.path.startswith(OPEN_PATHS))
        return tuple(each for each in at_storage if each.header("Authorization"))

    @property
    def imports(self) -> tuple[Import, ...]:
        """All imports, oldest first; the records themselves, not copies."""
        with self._state.changed:
            return tuple(self._state.imports.values())

    @property
    def database(self) -> Path:
        """The SQLite file of the imported rows."""
        return self._state.store.path

    def count(self, kind: str) -> int:
        """Count the objects of a kind (singular, as in CSV 10) that exist and are not deleted."""
        return self._state.store.count(kind)

    def add_fault(self, text: str) -> None:
        """Arm `NAME[=VALUE]`; raises UsageError for what does not exist."""
        self._faults.add(text)

    def clear_faults(self) -> None:
        """Disarm everything."""
        self._faults.clear()

    def add_user(self, token: str, name: str, *, may_import: bool = True) -> int:
        """Make somebody with a token of their own and return the user's id."""
        return self._state.add_user(token, name, may_import=may_import).id

    def add_account(self, name: str = "Another College") -> int:
        """Make another root account, with a queue of its own, and return its id."""
        account_id = self._state.store.add_root_account(name)
        self._start_worker(account_id)
        return account_id

    def add_role(self, name: str, base: str = "StudentEnrollment") -> int:
        """Make a custom role and return its id."""
        role = Role(self._state.next_id("role"), name, name, base)
        self._state.roles.append(role)
        return role.id

    def add_import(
        self,
        workflow_state: str = "imported",
        *,
        user_id: int = 0,
        account_id: int = 1,
        attachments: Iterable[tuple[str, int]] | None = None,
        created_at: float | None = None,
    ) -> int:
        """Plant somebody's import and return its id; 0 is a user that nobody knows.

        An unfinished one keeps the queue waiting until `set_state` ends it. `attachments` are names and sizes in
        bytes. `created_at` is seconds since the epoch, now if None.
        """
        state = self._state
        with state.changed:
            record = state.add_import(account_id, user_id, read_options({}, None))
            record.planted = True
            record.created_at = record.created_at if created_at is None else created_at
            if attachments is not None:
                record.attachments = [state.add_file(name, None, size) for name, size in attachments]
            state.move(record, workflow_state)
        return record.id

    def set_state(self, import_id: int, workflow_state: str) -> None:
        """Change an import's state, as if Canvas or somebody else had."""
        self._state.move(self._state.imports[import_id], workflow_state)

    def wait_idle(self, seconds: float = _IDLE_SECONDS) -> None:
        """Wait until nothing that was sent is queued or running; raises TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        with self._state.changed:
            while any(
                record.workflow_state in QUEUED_OR_RUNNING and not record.planted
                for record in self._state.imports.values()
            ):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"imports are still unfinished after {seconds} s")
                self._state.changed.wait(left)
