"""A batch: its states, which may follow which, its steps, and what people and runs have said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.delivery.files import Entry
from canvas_sis_sync.home.drops import DropFile, DropKind
from canvas_sis_sync.plan.values import Approval, Basis, Planned


class BatchState(StrEnum):
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


UNSENT = frozenset({BatchState.CLAIMED, BatchState.PACKED})
"""Under way, nothing sent."""


IN_FLIGHT = frozenset({BatchState.SENDING, BatchState.IMPORTING})
"""Canvas may have it, or has it."""


OPEN = UNSENT | IN_FLIGHT
"""A later run goes on with these."""


HOLDING = frozenset(
    {
        BatchState.REFUSED,
        BatchState.HELD,
        BatchState.REJECTED,
        BatchState.NOT_ACCEPTED,
        BatchState.FAILED,
        BatchState.FAILED_WITH_MESSAGES,
        BatchState.ABORTED,
    }
)
"""Nothing is sent until somebody acts."""


ACCEPTED = frozenset({BatchState.IMPORTED, BatchState.IMPORTED_WITH_MESSAGES})
"""Canvas has applied it."""


TRANSITIONS: Mapping[BatchState, frozenset[BatchState]] = {
    BatchState.CLAIMED: frozenset({BatchState.PACKED, BatchState.HELD, BatchState.REFUSED, BatchState.DISCARDED}),
    BatchState.PACKED: frozenset(
        {BatchState.SENDING, BatchState.HELD, BatchState.REFUSED, BatchState.UNCHANGED, BatchState.DISCARDED}
    ),
    BatchState.SENDING: frozenset({BatchState.IMPORTING, BatchState.PACKED, BatchState.REJECTED, BatchState.RETRIED}),
    BatchState.IMPORTING: ACCEPTED
    | {BatchState.NOT_ACCEPTED, BatchState.FAILED, BatchState.FAILED_WITH_MESSAGES, BatchState.ABORTED},
    BatchState.REFUSED: frozenset({BatchState.SKIPPED, BatchState.DISCARDED, BatchState.RETRIED}),
    BatchState.HELD: frozenset({BatchState.CLAIMED, BatchState.PACKED, BatchState.DISCARDED}),
    BatchState.REJECTED: frozenset({BatchState.RETRIED, BatchState.DISCARDED}),
    BatchState.IMPORTED: frozenset(),
    BatchState.IMPORTED_WITH_MESSAGES: frozenset(),
    BatchState.NOT_ACCEPTED: frozenset({BatchState.SKIPPED, BatchState.RETRIED}),
    BatchState.FAILED: frozenset({BatchState.SKIPPED, BatchState.RETRIED}),
    BatchState.FAILED_WITH_MESSAGES: frozenset({BatchState.SKIPPED, BatchState.RETRIED}),
    BatchState.ABORTED: frozenset({BatchState.SKIPPED, BatchState.RETRIED}),
    BatchState.UNCHANGED: frozenset(),
    BatchState.SKIPPED: frozenset(),
    BatchState.DISCARDED: frozenset(),
    BatchState.RETRIED: frozenset(),
}
"""Which state may follow which (docs/life-of-a-batch.md)."""


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
    state: BatchState
    #: Login name of the person, or "run".
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A drop that has been claimed, as the journal has it."""

    id: str
    state: BatchState
    target: Target
    drop_name: str
    drop_kind: DropKind
    claimed_at: float
    #: What the drop consisted of, before the first rename.
    files: tuple[DropFile, ...] = ()
    #: True once one of these may have left the inbox.
    moving: bool = False
    #: What the zip consists of, once packed.
    entries: tuple[Entry, ...] = ()
    #: Name of the zip in the batch's folder, "" before packing.
    zip_name: str = ""
    zip_size: int = 0
    zip_sha256: str = ""
    #: The import parameters of the last sending, without the upload's own.
    parameters: Mapping[str, str] = field(default_factory=dict)
    #: Highest import id of the account before the claim, and from sending on before the POST.
    mark: int | None = None
    #: Canvas id of the token's user at sending.
    user_id: int | None = None
    #: "direct" or "two-step", "" before sending.
    upload: str = ""
    sent_at: float | None = None
    #: Seconds that a direct upload lasted whose answer was lost, None when none was.
    cut_after: float | None = None
    #: Direct uploads of it whose answer was lost.
    lost_uploads: int = 0
    #: Canvas's clock at the first look for a lost import, None while nothing is lost.
    lost_since: float | None = None
    #: This machine's clock at that look.
    lost_since_here: float | None = None
    #: The mark of an announcement whose answer was lost: its record may appear above it, and never gets data.
    announced_above: int | None = None
    #: True while it may have been sent in a past that this journal does not know, such as before a restore from backup.
    perhaps_sent: bool = False
    #: Imports that a person was asked to choose from.
    choices: tuple[int, ...] = ()
    import_id: int | None = None
    #: Canvas's record at the last look.
    sis_import: SisImport | None = None
    #: Why it is where it is: one sentence.
    reason: str = ""
    #: The batch that this one repeats.
    retry_of: str | None = None
    #: The diffed batch after which this one sends the same zip as a new base of the data set.
    remaster_of: str | None = None
    #: Why it shall not be sent, as somebody said before it was claimed; "" for one that shall.
    set_aside: str = ""
    #: What its last plan was made of, None before it was planned.
    basis: Basis | None = None
    #: The breaker settings of that plan, as a digest: a held batch is weighed again under others.
    limits: str = ""
    #: What Canvas can report of it at most, by that plan.
    planned: Planned | None = None
    #: A person's word that it may go although breakers tripped.
    approval: Approval | None = None
    #: What was noticed and asks nobody to act: sentences.
    notes: tuple[str, ...] = ()
    #: What check found: places by severity; empty before it was checked.
    findings: Mapping[str, int] = field(default_factory=dict)
    #: Rows that check expects Canvas to refuse, by kind.
    refused_rows: Mapping[str, int] = field(default_factory=dict)
    #: Rows of files of one kind that contradict each other, as check found them.
    contradictions: int = 0
    #: True when it was refused, and the next batch may go all the same (SIS_SYNC_AFTER_REFUSAL).
    lets_pass: bool = False
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
    def fingerprint(self) -> str:
        """What tells the batch from those of other homes, which may have claimed in the same second."""
        return f"{self.id} {self.claimed_at!r}"

    @property
    def rows(self) -> int:
        """Data rows in all recognised files of the zip."""
        return sum(entry.rows or 0 for entry in self.entries if entry.kind)
