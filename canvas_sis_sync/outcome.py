"""What a finished import means for its batch: the state, why, and whether too many rows were refused.

Pure. Canvas's workflow_state decides, never its progress; ending well for Canvas is not enough
(docs/life-of-a-batch.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from canvas_sis_sync.model import ACCEPTED, Batch, SisImport, State, Taken

_LONGEST_MESSAGE = 300
_NOT_ROWS = frozenset(
    {
        "error_count",
        "warning_count",
        "batch_courses_deleted",
        "batch_sections_deleted",
        "batch_enrollments_deleted",
    }
)
"""Keys of data.counts that do not count processed rows (API 5)."""


class Allowed(Protocol):
    """How many refused rows still count as accepted (SIS_SYNC_MAX_ERROR_ROWS)."""

    def exceeded(self, refused: int, rows: int, /) -> bool:
        """Say whether `refused` out of `rows` is more than allowed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state a batch ends in."""

    state: State
    #: One or more sentences.
    reason: str
    #: Accepted, but with more refused rows than allowed.
    over_limit: bool = False


def of(batch: Batch, final: SisImport, allowed: Allowed, taken: Taken) -> Outcome:
    """Say how the batch ended.

    `final` is Canvas's record in a final state. An import that somebody restored meanwhile counts as what it had been:
    the gate holds on it. Raises ValueError when the import is not over.
    """
    differences = (*taken.dangerous, *taken.other)
    state = _state(final)
    if state not in ACCEPTED:
        return Outcome(state, " ".join((_failure(final), *differences)))
    if shortcomings := (*_shortcomings(batch, final), *differences):
        return Outcome(State.NOT_ACCEPTED, " ".join(shortcomings))
    over_limit = allowed.exceeded(_messages(final), _given(batch, final))
    return Outcome(state, _success(batch, final, over_limit=over_limit), over_limit)


def first_messages(final: SisImport, n: int = 3) -> tuple[str, ...]:
    """Give Canvas's first `n` messages, failures first, each on one line with its file."""
    pairs = (*final.processing_errors, *final.processing_warnings)[:n]
    return tuple(_one_line(f"{file}: {message}" if file else message) for file, message in pairs)


def _state(final: SisImport) -> State:
    if not final.finished:
        raise ValueError(f"import {final.id} is {final.workflow_state}, which is not an end")
    if final.workflow_state not in {"restored", "partially_restored"}:
        return State(final.workflow_state)
    if final.processing_errors or final.error_count:
        return State.FAILED_WITH_MESSAGES
    return State.IMPORTED_WITH_MESSAGES if _messages(final) else State.IMPORTED


def _failure(final: SisImport) -> str:
    if final.workflow_state == "aborted":
        return f"Import {final.id} is aborted: {final.abort_kind}."
    why = f" Canvas says: {_one_line(final.error_message)}" if final.error_message else ""
    return f"Import {final.id} is {final.workflow_state}; rows may have been applied.{why}"


def _success(batch: Batch, final: SisImport, *, over_limit: bool) -> str:
    processed, given, messages = _processed(final), _given(batch, final), _messages(final)
    sentence = f"Canvas processed {processed:,} of {given:,} rows and left {messages:,} messages."
    if over_limit:
        sentence += " That is more than SIS_SYNC_MAX_ERROR_ROWS allows."
    if final.workflow_state in {"restored", "partially_restored"}:
        sentence += f" It is {final.workflow_state} now: somebody has undone what it changed, or a part of that."
    return sentence


def _shortcomings(batch: Batch, final: SisImport) -> tuple[str, ...]:
    """Find what makes an import that ended well for Canvas one that is not accepted."""
    kinds = {entry.kind for entry in batch.entries if entry.kind and entry.size}
    missing = sorted(kinds - set(final.supplied or ()))
    found = []
    if missing:
        found.append(f"Canvas did not recognise a file of: {', '.join(missing)}.")
    if _has_rows(batch) and not _processed(final) and final.diffed_against is None:
        found.append("Canvas processed no row, although there were some.")
    return tuple(found)


def _has_rows(batch: Batch) -> bool:
    return any(entry.rows != 0 for entry in batch.entries if entry.size)


def _processed(final: SisImport) -> int:
    return sum(number for name, number in final.counts.items() if name not in _NOT_ROWS)


def _messages(final: SisImport) -> int:
    """Count Canvas's messages: a refused row has one at least, stray files have some too."""
    listed = len(final.processing_errors) + len(final.processing_warnings)
    return max(listed, (final.error_count or 0) + (final.warning_count or 0))


def _given(batch: Batch, final: SisImport) -> int:
    """Count the rows Canvas was given; of a diffed upload it read the differences only (DIFF 1)."""
    uncounted = any(entry.rows is None for entry in batch.entries if entry.kind)
    if uncounted or final.diffed_against is not None:
        return _processed(final) + _messages(final)
    return batch.rows


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 3] + "..."
