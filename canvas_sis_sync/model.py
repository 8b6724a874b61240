"""The value types and the states of a batch: frozen, slotted, standard library only.

Owns the words of the design and nothing that reads or writes. Times are seconds since the epoch (UTC) unless the
name says otherwise, sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO


class State(StrEnum):
    """Where a batch stands. The words are kept for good: journal, receipts and `--json` carry them."""

    CLAIMED = "claimed"
    PACKED = "packed"
    SENDING = "sending"
    IMPORTING = "importing"
    REFUSED = "refused"
    HELD = "held"
    REJECTED = "rejected"
    IMPORTED = "imported"
    IMPORTED_WITH_MESSAGES = "imported_with_messages"
    NOT_ACCEPTED = "not_accepted"
    FAILED = "failed"
    FAILED_WITH_MESSAGES = "failed_with_messages"
    ABORTED = "aborted"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    DISCARDED = "discarded"
    RETRIED = "retried"


UNSENT = frozenset({State.CLAIMED, State.PACKED})
"""Under way, nothing sent."""
IN_FLIGHT = frozenset({State.SENDING, State.IMPORTING})
"""Canvas may have it, or has it."""
OPEN = UNSENT | IN_FLIGHT
"""A later run goes on with these."""
HOLDING = frozenset(
    {
        State.REFUSED,
        State.HELD,
        State.REJECTED,
        State.NOT_ACCEPTED,
        State.FAILED,
        State.FAILED_WITH_MESSAGES,
        State.ABORTED,
    }
)
"""Nothing is sent until somebody acts."""
ACCEPTED = frozenset({State.IMPORTED, State.IMPORTED_WITH_MESSAGES})
"""Canvas has applied it."""

TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.CLAIMED: frozenset({State.PACKED, State.HELD, State.REFUSED}),
    State.PACKED: frozenset({State.SENDING, State.HELD, State.REFUSED, State.UNCHANGED}),
    State.SENDING: frozenset({State.IMPORTING, State.PACKED, State.REJECTED, State.RETRIED}),
    State.IMPORTING: ACCEPTED | {State.NOT_ACCEPTED, State.FAILED, State.FAILED_WITH_MESSAGES, State.ABORTED},
    State.REFUSED: frozenset({State.SKIPPED, State.DISCARDED, State.RETRIED}),
    State.HELD: frozenset({State.PACKED, State.DISCARDED}),
    State.REJECTED: frozenset({State.RETRIED, State.DISCARDED}),
    State.IMPORTED: frozenset(),
    State.IMPORTED_WITH_MESSAGES: frozenset(),
    State.NOT_ACCEPTED: frozenset({State.SKIPPED, State.RETRIED}),
    State.FAILED: frozenset({State.SKIPPED, State.RETRIED}),
    State.FAILED_WITH_MESSAGES: frozenset({State.SKIPPED, State.RETRIED}),
    State.ABORTED: frozenset({State.SKIPPED, State.RETRIED}),
    State.UNCHANGED: frozenset(),
    State.SKIPPED: frozenset(),
    State.DISCARDED: frozenset(),
    State.RETRIED: frozenset(),
}
"""Which state may follow which (docs/life-of-a-batch.md)."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a batch goes: Canvas's host (with a port if not the default one) and the root account's numeric id."""

    host: str
    account_id: int


CANVAS_UNFINISHED = frozenset({"initializing", "created", "importing", "cleanup_batch", "restoring"})
"""Canvas's workflow_states that are not an end (API 6)."""
CANVAS_FINISHED = frozenset(
    {
        "imported",
        "imported_with_messages",
        "failed",
        "failed_with_messages",
        "aborted",
        "restored",
        "partially_restored",
    }
)
"""Canvas's workflow_states that are an end (API 6). Any other word is unknown and keeps the gate shut."""


@dataclass(frozen=True, slots=True)
class DropFile:
    """One file of a drop, as it lay in the inbox."""

    #: Path below the drop, with forward slashes; a loose file's or a zip's own name.
    name: str
    size: int
    mtime_ns: int
    #: Device and inode (or what the system has instead), so that a replaced file is told from the same one.
    file_id: str


class DropKind(StrEnum):
    """How a drop lies in the inbox."""

    LOOSE = "loose"
    FOLDER = "folder"
    ZIP = "zip"


@dataclass(frozen=True, slots=True)
class Drop:
    """What travels together: all loose CSVs at the top of the inbox, or one sub-folder, or one zip."""

    #: Folder or zip name; "loose files" for the loose ones.
    name: str
    kind: DropKind
    #: The folder the names of `files` are relative to: the inbox, or the sub-folder.
    folder: Path
    files: tuple[DropFile, ...]


@dataclass(frozen=True, slots=True)
class Inbox:
    """What lies in the inbox at one look."""

    #: Oldest first.
    drops: tuple[Drop, ...]
    #: Paths below the inbox that are neither CSV nor zip, left lying.
    others: tuple[str, ...]

    @property
    def file_count(self) -> int:
        """Files in all drops."""
        return sum(len(drop.files) for drop in self.drops)


@dataclass(frozen=True, slots=True)
class DeliveryFile:
    """One CSV of a delivery, wherever it lies: loose in a folder or inside a zip."""

    #: Path inside the zip that Canvas gets, with forward slashes.
    name: str
    size: int
    #: Opens the content for reading in binary.
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class Entry:
    """One file inside a batch's zip."""

    name: str
    #: Uncompressed size.
    size: int
    crc32: int
    #: Canvas's kind (csv-formats 10), None when the header is not recognised.
    kind: str | None = None
    #: Data rows as Canvas counts them, None when they were not counted.
    rows: int | None = None
    #: True when the kind has password columns, which Canvas removes from its copy.
    has_passwords: bool = False


@dataclass(frozen=True, slots=True)
class Bundle:
    """A zip that has been written, fsynced and read back."""

    path: Path
    size: int
    sha256: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that Canvas keeps with an import (API 5, csv_attachments)."""

    name: str
    size: int | None


class AbortKind(StrEnum):
    """How an import came to be aborted, and what that means for its rows (API 6): clauses about an import."""

    WAITING = (
        "somebody aborted it while it waited, as far as Canvas's record shows; "
        "rows may have been applied only if it had just begun"
    )
    RUNNING = "somebody aborted it while it ran; rows were or may have been applied"
    THRESHOLD = (
        "Canvas aborted it because batch mode would have deleted more than change_threshold allows; "
        "its rows were applied, nothing missing from it was deleted"
    )
    NO_TERMS = (
        "Canvas aborted it because multi-term batch mode found no term in it; "
        "its rows were applied, nothing missing from it was deleted"
    )


@dataclass(frozen=True, slots=True)
class SisImport:
    """Canvas's record of an import, read defensively: what is missing is None or empty (API 5)."""

    id: int
    #: As Canvas says it; not limited to the words we know.
    workflow_state: str
    created_at: float | None = None
    ended_at: str | None = None
    progress: int | None = None
    user_id: int | None = None
    #: Recognised kinds, singular; None while absent.
    supplied: tuple[str, ...] | None = None
    #: Rows processed per kind (plural), error_count, warning_count and the batch_*_deleted numbers.
    counts: Mapping[str, int] = field(default_factory=dict)
    statistics: Mapping[str, Any] = field(default_factory=dict)
    #: None while the answer has no csv_attachments.
    attachments: tuple[Attachment, ...] | None = None
    has_errors_attachment: bool = False
    #: (file or None, message), failures and then warnings.
    processing_errors: tuple[tuple[str | None, str], ...] = ()
    processing_warnings: tuple[tuple[str | None, str], ...] = ()
    #: data.error_message, the text of an exception.
    error_message: str | None = None
    #: The echo of the import's parameters, by Canvas's field names (batch_mode, skip_deletes, ...).
    options: Mapping[str, Any] = field(default_factory=dict)
    diffed_against: int | None = None

    @property
    def finished(self) -> bool:
        """True in a state that is an end; False for unknown words too."""
        return self.workflow_state in CANVAS_FINISHED

    @property
    def abort_kind(self) -> AbortKind:
        """Tell the kinds of `aborted` apart; without evidence it is the kind that promises least.

        Only Canvas's own aborts set ended_at and leave a warning, and only batch mode knows them (API 6, DIFF 10, 11).
        """
        batch_mode = self.options.get("batch_mode") or self.options.get("multi_term_batch_mode")
        if self.ended_at and self.processing_warnings and batch_mode:
            one_term = self.options.get("batch_mode_term_id") or not self.options.get("multi_term_batch_mode")
            return AbortKind.THRESHOLD if one_term or self.counts.get("terms") else AbortKind.NO_TERMS
        # abort_all_pending sets the progress of waiting imports to 100.
        begun = self.supplied or self.attachments or any(self.counts.values()) or self.progress not in {0, 100}
        return AbortKind.RUNNING if begun else AbortKind.WAITING

    @property
    def error_count(self) -> int | None:
        """Messages with the failure flag, None until Canvas has counted them."""
        return self.counts.get("error_count")

    @property
    def warning_count(self) -> int | None:
        """All other messages, which includes every refused row; None until Canvas has counted them."""
        return self.counts.get("warning_count")


@dataclass(frozen=True, slots=True)
class ImportMessage:
    """One message of an import (API 4, errors listing), without `row_info`, which can hold passwords."""

    file: str | None
    message: str
    row: int | None


@dataclass(frozen=True, slots=True)
class Listing:
    """One listing of imports and when Canvas gave it."""

    imports: tuple[SisImport, ...]
    #: The answer's Date header, None when it had none: ages are told by Canvas's clock, not ours.
    canvas_now: float | None


@dataclass(frozen=True, slots=True)
class Taken:
    """How the options that Canvas echoed differ from those asked for: sentences, none when all were taken."""

    #: More could be deleted than was asked for.
    dangerous: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


class Verdict(StrEnum):
    """May the next batch be sent?"""

    GO = "go"
    WAIT = "wait"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The gate's answer."""

    verdict: Verdict
    #: One sentence.
    reason: str
    #: What to type next, for a hold.
    hint: str = ""
    #: The import that the decision is about.
    import_id: int | None = None
    workflow_state: str | None = None
    #: Worth telling although the gate is open.
    note: str = ""


@dataclass(frozen=True, slots=True)
class Release:
    """A person's word that an import in a certain state shall not keep the gate shut."""

    target: Target
    import_id: int
    workflow_state: str
    who: str
    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Episode:
    """A trouble that lasts over several runs."""

    subject: str
    reason: str
    began_at: float
    #: Runs that met it so far.
    runs: int
    #: When somebody was last told, None when nobody was yet.
    told_at: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One transition of a batch, as journalled."""

    at: float
    state: State
    #: Login name of the person, or "run".
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A drop that has been claimed, as the journal has it."""

    id: str
    state: State
    target: Target
    drop_name: str
    drop_kind: DropKind
    claimed_at: float
    #: What the drop consisted of, before the first rename.
    files: tuple[DropFile, ...] = ()
    #: What the zip consists of, once packed.
    entries: tuple[Entry, ...] = ()
    #: Name of the zip in the batch's folder, "" before packing.
    zip_name: str = ""
    zip_size: int = 0
    zip_sha256: str = ""
    #: The import parameters of the last sending, without the upload's own.
    parameters: Mapping[str, str] = field(default_factory=dict)
    #: Highest import id of the account before the POST.
    mark: int | None = None
    #: Canvas id of the token's user at sending.
    user_id: int | None = None
    #: "direct" or "two-step", "" before sending.
    upload: str = ""
    sent_at: float | None = None
    #: Seconds that a direct upload lasted whose answer was lost, None when none was.
    cut_after: float | None = None
    #: Canvas's clock at the first look for a lost import, None while nothing is lost.
    lost_since: float | None = None
    import_id: int | None = None
    #: Canvas's record at the last look.
    sis_import: SisImport | None = None
    #: Why it is where it is: one sentence.
    reason: str = ""
    #: The batch that this one repeats.
    retry_of: str | None = None
    #: True when it was accepted, but with more refused rows than allowed, and nobody has released it.
    over_limit: bool = False
    #: False while Canvas's messages have not been fetched in full.
    errors_complete: bool = True
    #: True once receipt.json and errors.csv are on disk as they shall stay.
    filed: bool = False
    #: Import records in Canvas that this batch left behind and that are not its import.
    strays: tuple[int, ...] = ()
    #: What people said about its import.
    releases: tuple[Release, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def sent_as(self) -> int:
        """The id of the batch's import; raises ValueError for a batch that has none."""
        if self.import_id is None:
            raise ValueError(f"batch {self.id} has no import")
        return self.import_id

    @property
    def rows(self) -> int:
        """Data rows in all recognised files of the zip."""
        return sum(entry.rows or 0 for entry in self.entries if entry.kind)
