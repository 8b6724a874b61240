"""The sandbox's memory: users, imports, files, offers, jobs, and the clock they live by.

Owns ids, the lock, every change of an import's state, and `imports.json`, from which a sandbox with a folder of its own
is restored at its next start. Rows live in `_store`, HTTP in `_server`.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from canvas_sis_sync.sandbox._faults import Faults
from canvas_sis_sync.sandbox._records import (
    ABORTABLE,
    QUEUED_OR_RUNNING,
    Import,
    Message,
    Progress,
    SandboxUser,
    StoredFile,
    StoredOffer,
)
from canvas_sis_sync.sandbox._replies import not_found
from canvas_sis_sync.sandbox._store import Store


@dataclass(frozen=True, slots=True)
class Role:
    """A role that enrollments or admins can have."""

    id: int
    name: str
    label: str
    #: The type of enrollment it stands for, or AccountMembership.
    base: str


BUILT_IN_ROLES = (
    ("StudentEnrollment", "Student"),
    ("TeacherEnrollment", "Teacher"),
    ("TaEnrollment", "TA"),
    ("DesignerEnrollment", "Designer"),
    ("ObserverEnrollment", "Observer"),
    ("AccountAdmin", "Account Admin"),
)


_SAVED = "imports.json"
_SEQUENCES = ("import", "file", "message", "progress")
"""Users and roles are made again at each start and must get the same ids again."""
_RUNNING = frozenset({"importing", "cleanup_batch", "restoring"})


class State:
    """Everything that is not a row. `changed` is the lock and is notified at every change."""

    def __init__(self, folder: Path, faults: Faults) -> None:
        self.folder = folder
        self.faults = faults
        self.store = Store(folder / "canvas.sqlite3")
        self.changed = threading.Condition(threading.RLock())
        self.stopping = threading.Event()
        self._began = time.time()
        self.users: dict[str, SandboxUser] = {}
        self.imports: dict[int, Import] = {}
        self.files: dict[int, StoredFile] = {}
        self.offers: dict[str, StoredOffer] = {}
        self.jobs: dict[int, Progress] = {}
        self.threads: list[threading.Thread] = []
        self.last_ids: dict[str, int] = {}
        self.roles = [
            Role(self.next_id("role"), name, label, name if name.endswith("Enrollment") else "AccountMembership")
            for name, label in BUILT_IN_ROLES
        ]

    def now(self) -> float:
        """Return the time, skewed if that fault is armed."""
        return time.time() + float(self.faults.standing("clock-skew") or 0)

    def token_end(self) -> float | None:
        """Return when all tokens end, None when they do not."""
        after = self.faults.standing("token-ends")
        return None if after is None else self._began + float(after)

    def next_id(self, what: str) -> int:
        """Count up one of the id sequences."""
        with self.changed:
            self.last_ids[what] = self.last_ids.get(what, 0) + 1
            return self.last_ids[what]

    def new_path(self, suffix: str = "") -> Path:
        """Invent a name for a new file."""
        return self.folder / "files" / f"{secrets.token_hex(8)}{suffix}"

    def add_user(self, token: str, name: str, *, may_import: bool = True) -> SandboxUser:
        """Make a user with a token of its own."""
        user = SandboxUser(self.next_id("user"), name, token, may_import)
        with self.changed:
            self.users[token] = user
        return user

    def user_of(self, record: Import) -> SandboxUser | None:
        """Return the user who made the import, None when it is nobody known here."""
        return next((user for user in self.users.values() if user.id == record.user_id), None)

    def add_file(self, name: str, path: Path | None, size: int) -> StoredFile:
        """Make a file that can be downloaded."""
        file = StoredFile(self.next_id("file"), name, size, secrets.token_hex(12), self.now(), path)
        with self.changed:
            self.files[file.id] = file
        return file

    def add_import(self, account_id: int, user_id: int, options: dict[str, Any]) -> Import:
        """Make an import in state `initializing`."""
        with self.changed:
            now = self.now()
            record = Import(self.next_id("import"), account_id, user_id, now, now, options=options)
            self.imports[record.id] = record
            return record

    def queue(self, record: Import, upload: Path, name: str) -> None:
        """Give an import its file, which lets it leave `initializing`."""
        with self.changed:
            record.upload, record.upload_name = upload, name
            if record.workflow_state == "initializing" and self.faults.take("stuck-initializing") is None:
                self.move(record, "created")

    def move(self, record: Import, workflow_state: str, **changes: Any) -> None:
        """Change an import's state, and other fields with it."""
        with self.changed:
            record.workflow_state = workflow_state
            record.updated_at = self.now()
            for name, value in changes.items():
                setattr(record, name, value)
            self.changed.notify_all()

    def visible(self, record: Import) -> bool:
        """Return whether the import is known, which the fault `forget` denies."""
        forgotten = self.faults.standing("forget")
        return forgotten is None or forgotten not in {"", str(record.id)}

    def find_import(self, account_id: int, import_id: int) -> Import:
        """Return an import; raises ErrorReply 404 when the account has none by that id."""
        record = self.imports.get(import_id)
        if record is None or record.account_id != account_id or not self.visible(record):
            raise not_found()
        return record

    def list_imports(self, account_id: int, wanted: Callable[[Import], bool]) -> list[Import]:
        """List an account's imports, newest first."""
        with self.changed:
            found = [
                record
                for record in self.imports.values()
                if record.account_id == account_id and self.visible(record) and wanted(record)
            ]
        return sorted(found, key=lambda record: record.id, reverse=True)

    def abort(self, record: Import) -> None:
        """Abort an import; raises ErrorReply 404 when it is finished (API 6)."""
        with self.changed:
            if record.workflow_state not in ABORTABLE:
                raise not_found()
            self.move(record, "aborted")

    def abort_pending(self, account_id: int) -> None:
        """Abort what has not begun; running imports continue (API 6)."""
        with self.changed:
            for record in self.imports.values():
                if record.account_id == account_id and record.workflow_state in {"initializing", "created"}:
                    self.move(record, "aborted", progress=100)

    def next_due(self, account_id: int) -> Import | None:
        """Return the import to work on now: the oldest unfinished one, unless it is planted or already taken."""
        unfinished = [
            record
            for record in self.imports.values()
            if record.account_id == account_id and record.workflow_state in QUEUED_OR_RUNNING
        ]
        if any(record.workflow_state != "created" for record in unfinished):
            return None
        oldest = min(unfinished, key=lambda record: (record.created_at, record.id), default=None)
        return None if oldest is None or oldest.planted else oldest

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Do something after a while, unless the sandbox ends before."""

        def wait_and_act() -> None:
            if self.pause(seconds):
                action()

        thread = threading.Thread(target=wait_and_act, name="sandbox-later")
        self.threads.append(thread)
        thread.start()

    def pause(self, seconds: float) -> bool:
        """Wait, but not beyond the sandbox's end; False when it is ending."""
        return not self.stopping.wait(seconds)


def save(state: State) -> None:
    """Write everything down, replacing what was written before."""
    with state.changed:
        remembered = {
            "last_ids": state.last_ids,
            "files": [asdict(file) for file in state.files.values()],
            "imports": [asdict(record) for record in state.imports.values()],
        }
        text = json.dumps(remembered, default=str, indent=1)
        draft = state.folder / f"{_SAVED}.new"
        draft.write_text(text, encoding="utf-8")
        draft.replace(state.folder / _SAVED)


def read_saved(state: State) -> None:
    """Read what an earlier sandbox wrote down, if any. What was running when it ended has failed."""
    path = state.folder / _SAVED
    if not path.exists():
        return
    remembered = json.loads(path.read_text(encoding="utf-8"))
    for name in _SEQUENCES:
        state.last_ids[name] = remembered["last_ids"].get(name, 0)
    state.files.update({fields["id"]: _file(fields) for fields in remembered["files"]})
    for fields in remembered["imports"]:
        record = _import(fields)
        state.imports[record.id] = record
        if record.workflow_state in _RUNNING:
            state.move(record, "failed")


def _file(fields: dict[str, Any]) -> StoredFile:
    return StoredFile(**{**fields, "path": _path(fields["path"])})


def _files(listed: list[dict[str, Any]] | None) -> list[StoredFile] | None:
    return None if listed is None else [_file(fields) for fields in listed]


def _import(fields: dict[str, Any]) -> Import:
    errors = fields["errors_attachment"]
    nested = {
        "messages": [Message(**message) for message in fields["messages"]],
        "upload": _path(fields["upload"]),
        "attachments": _files(fields["attachments"]),
        "diffed_attachments": _files(fields["diffed_attachments"]),
        "errors_attachment": None if errors is None else _file(errors),
    }
    return Import(**{**fields, **nested})


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
