"""Canvas's side: the target, imports as Canvas shows them, and what the gate makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


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
        "restore_failed",
    }
)
"""Canvas's workflow_states that are an end (API 6). Any other word is unknown and keeps the gate shut."""


UNDONE = frozenset({"restored", "partially_restored", "restore_failed"})
"""The ends of an import that somebody undid, or tried to; what it had come to before is no longer shown."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that Canvas keeps with an import (API 5, csv_attachments)."""

    name: str
    #: In bytes.
    size: int | None
    #: Where Canvas gives it back. Secret, since older Canvas puts an access code into it: kept nowhere.
    url: str | None = field(default=None, repr=False, compare=False, metadata={"secret": True})


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
    #: Recognized kinds, singular; None while absent.
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
    #: diffing_threshold_exceeded: True when a threshold kept Canvas from diffing.
    threshold_exceeded: bool = False

    @property
    def finished(self) -> bool:
        """True in a state that is an end; False for unknown words too."""
        return self.workflow_state in CANVAS_FINISHED

    @property
    def abort_kind(self) -> AbortKind:
        """Distinguish the kinds of `aborted`; without evidence it is the kind that promises least.

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
    #: The answer's Date header, None when it had none: ages are counted by Canvas's clock, not ours.
    canvas_now: float | None


@dataclass(frozen=True, slots=True)
class Taken:
    """How the options that Canvas echoed differ from those asked for: sentences, none when all were taken."""

    #: More could be deleted than was asked for.
    dangerous: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
