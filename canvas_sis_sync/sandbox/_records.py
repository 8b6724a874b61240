"""What the sandbox remembers about accounts, users, files, imports and requests: plain records, no behavior.

Times are seconds since the epoch by the sandbox's (possibly skewed) clock, sizes are bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

QUEUED_OR_RUNNING = frozenset({"created", "importing", "cleanup_batch", "restoring"})
"""States that keep the next import of the account waiting (API 6)."""
ABORTABLE = frozenset({"initializing", "created", "importing", "cleanup_batch"})
"""States in which an abort works (API 6)."""


@dataclass(frozen=True, slots=True)
class SandboxUser:
    """Somebody with a token."""

    id: int
    name: str
    token: str
    #: May import and manage SIS data.
    may_import: bool = True


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """One request as it was asked and answered."""

    method: str
    path: str
    #: Name and value pairs in the order of the query string.
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    #: HTTP status, None when the connection was cut instead.
    status: int | None
    #: Content-Length as announced, 0 without one.
    content_length: int

    def header(self, name: str) -> str | None:
        """Return the value of a header, whatever the case of its name; None without one."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that can be downloaded, or only shown when it has no path."""

    id: int
    name: str
    size: int
    #: The code in the address of the storage, which opens it without a token.
    verifier: str
    created_at: float
    path: Path | None = None
    content_type: str = "text/csv"


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an import (API 4)."""

    id: int
    file: str | None
    message: str
    row: int | None = None
    #: The row's cells, passwords included: what a client must not log.
    row_info: str | None = None
    #: True for what makes the import fail.
    failure: bool = False
    created_at: float = 0.0


@dataclass(slots=True)
class Import:
    """One SIS import."""

    id: int
    account_id: int
    user_id: int
    created_at: float
    updated_at: float
    workflow_state: str = "initializing"
    started_at: float | None = None
    ended_at: float | None = None
    progress: int = 0
    #: Echo of the parameters by Canvas's field names (API 5).
    options: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=lambda: {"import_type": "instructure_csv"})
    messages: list[Message] = field(default_factory=list)
    #: The file as it came, None while there is none.
    upload: Path | None = None
    #: Its name, whose extension decides how it is read (API 3.1).
    upload_name: str = ""
    #: None until processing has begun.
    attachments: list[StoredFile] | None = None
    diffed_attachments: list[StoredFile] | None = None
    diffing_threshold_exceeded: bool = False
    errors_attachment: StoredFile | None = None
    #: When the errors attachment shows; None for never.
    errors_attachment_at: float | None = None
    #: Put here by a test: the queue waits for it but does not run it.
    planted: bool = False

    @property
    def failures(self) -> list[Message]:
        """The messages that make the import fail."""
        return [message for message in self.messages if message.failure]

    @property
    def warnings(self) -> list[Message]:
        """All other messages, refused rows included."""
        return [message for message in self.messages if not message.failure]


@dataclass(slots=True)
class StoredOffer:
    """An announced two-step upload (API 10)."""

    import_id: int
    code: str
    name: str
    size: int | None
    params: dict[str, str]
    #: By the sandbox's clock.
    expires_at: float
    uploaded: Path | None = None


@dataclass(slots=True)
class Progress:
    """A job whose course can be polled (API 6, restore_states)."""

    id: int
    account_id: int
    user_id: int
    created_at: float
    updated_at: float
    import_id: int
    workflow_state: str = "queued"
    completion: float = 0.0
    message: str | None = None
    results: dict[str, Any] | None = None
