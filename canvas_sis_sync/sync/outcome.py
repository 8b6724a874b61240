"""What a finished import means for its batch: the state, why, and whether too many rows were refused.

Pure. Canvas's workflow_state decides, never its progress; ending well for Canvas is not enough
(docs/life-of-a-batch.md).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.canvas.records import UNDONE, AbortKind, SisImport, Taken
from canvas_sis_sync.errors import RequestRejected
from canvas_sis_sync.home.batch import ACCEPTED, Batch, BatchState
from canvas_sis_sync.plan.breakers.limits import Limit
from canvas_sis_sync.sis_csv.kinds import KINDS

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
_ENDINGS = ("deleted", "concluded", "deactivated")
"""The numbers of a word of data.statistics that count a removal (API 5)."""

_THRESHOLD = (
    "A threshold kept Canvas from comparing it, which the plan did not expect: all of it was imported, and nothing that"
    " is missing from it was removed."
)
_NO_THRESHOLD = (
    "Canvas compared it with {}, and the plan expected a threshold to prevent that: what is missing from it was"
    " removed."
)
_ANOTHER_BASE = "Canvas compared it with {}, and the plan was made for {}: what it removed is not what the plan says."
_TOO_MANY_THRESHOLDS = (
    "Canvas imported nothing of it. With diffing it does so after too many imports in a row that exceeded"
    " change_threshold or diff_row_count_threshold, and would fail the same files again. Raise the threshold"
    " (SIS_IMPORT_CHANGE_THRESHOLD, SIS_IMPORT_DIFF_ROW_COUNT_THRESHOLD), or send one delivery whole: retry it and type"
    " `sis-sync run --param diffing_remaster_data_set=true`."
)
_LOOK = "Look at the import in Canvas, at the one it was compared with, and whether somebody else sends this data set."


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state a batch ends in."""

    state: BatchState
    #: One or more sentences.
    reason: str
    #: Accepted, but with more refused rows than allowed.
    over_limit: bool = False
    #: What was noticed and asks nobody to act: sentences.
    notes: tuple[str, ...] = ()


def of(batch: Batch, final: SisImport, allowed: Limit, taken: Taken) -> Outcome:
    """Say how the batch ended.

    `final` is Canvas's record in a final state. An import that somebody restored meanwhile counts as what it had been:
    the gate holds on it. Raises ValueError when the import is not over.
    """
    differences = (*taken.dangerous, *taken.other)
    state = _state(final)
    if state not in ACCEPTED:
        return Outcome(state, " ".join((_failure(batch, final), *differences)))
    if shortcomings := (*_shortcomings(batch, final), *_breaches(batch, final), *differences):
        return Outcome(BatchState.NOT_ACCEPTED, " ".join(shortcomings))
    over_limit = allowed.exceeded(_messages(final), _given(batch, final))
    return Outcome(state, _success(batch, final, over_limit=over_limit), over_limit, _shortfall(batch, final))


def rejection(error: RequestRejected, options: ImportOptions) -> str:
    """Say why Canvas rejected the POST of an import with these options: the term, where that was not found (API 7).

    A 404 of a POST is about the account or the term of batch mode, and the account was found before.
    """
    term = options.term
    if error.status != HTTPStatus.NOT_FOUND or not options.is_on("batch_mode") or not term:
        return error.sentence
    setting = f"SIS_IMPORT_BATCH_MODE_TERM_ID={term}"
    return (
        f"{error.sentence} The term of batch mode ({setting}) is unknown to Canvas or deleted: send terms.csv by itself"
        " first, without batch mode (--param batch_mode= --param batch_mode_term_id= --param change_threshold=), or"
        f" correct {setting}."
    )


def first_messages(final: SisImport, n: int = 3) -> tuple[str, ...]:
    """Give Canvas's first `n` messages, failures first, each on one line with its file."""
    pairs = (*final.processing_errors, *final.processing_warnings)[:n]
    return tuple(_one_line(f"{file}: {message}" if file else message) for file, message in pairs)


def _state(final: SisImport) -> BatchState:
    if not final.finished:
        raise ValueError(f"import {final.id} is {final.workflow_state}, which is not an end")
    if final.workflow_state not in UNDONE:
        return BatchState(final.workflow_state)
    if final.processing_errors or final.error_count:
        return BatchState.FAILED_WITH_MESSAGES
    return BatchState.IMPORTED_WITH_MESSAGES if _messages(final) else BatchState.IMPORTED


def _failure(batch: Batch, final: SisImport) -> str:
    if final.workflow_state == "aborted":
        return f"Import {final.id} is aborted: {final.abort_kind}. {_after_abort(batch, final)}"
    if _is_refused_whole(batch, final):
        return f"Import {final.id} is {final.workflow_state}: {_TOO_MANY_THRESHOLDS}"
    why = f" Canvas says: {_one_line(final.error_message)}" if final.error_message else ""
    return f"Import {final.id} is {final.workflow_state}; rows may have been applied.{why}"


def _is_refused_whole(batch: Batch, final: SisImport) -> bool:
    """Recognize an import that Canvas failed for the thresholds before it: one message without a file, and no row."""
    if final.workflow_state != "failed_with_messages" or _processed(final) or len(final.processing_errors) != 1:
        return False
    ((file, _),) = final.processing_errors
    is_diffed = bool(batch.options.data_set)
    return not file and is_diffed and not batch.options.remaster


def _after_abort(batch: Batch, final: SisImport) -> str:
    """Say how much of an aborted import was applied, and what to think of before the next command (API 6, DIFF 10)."""
    applied = f"Canvas counts {_processed(final):,} of {_given(batch, final):,} rows as applied"
    match final.abort_kind:
        case AbortKind.THRESHOLD:
            limit = f" (now {batch.options.change_threshold})" if batch.options.change_threshold else ""
            return (
                f"{applied}. If the export was cut short, skip it and export again. If what is missing is really to be"
                f" removed, raise SIS_IMPORT_CHANGE_THRESHOLD{limit} and retry it."
            )
        case AbortKind.NO_TERMS:
            return f"{applied}. The rows of terms.csv say which terms it covers: add terms.csv to the export."
        case AbortKind.RUNNING:
            return f"{applied}; what was under way then may have been applied after it was counted."
        case AbortKind.WAITING:
            return f"{applied}."


def _success(batch: Batch, final: SisImport, *, over_limit: bool) -> str:
    processed, given, messages = _processed(final), _given(batch, final), _messages(final)
    sentence = f"Canvas processed {processed:,} of {given:,} rows and left {messages:,} messages."
    if over_limit:
        sentence += " That is more than SIS_SYNC_MAX_ERROR_ROWS allows."
    if final.workflow_state in UNDONE:
        sentence += f" It is {final.workflow_state} now: somebody has undone what it changed, or a part of it."
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


def _breaches(batch: Batch, final: SisImport) -> Iterator[str]:
    """Find where Canvas reports more than the plan allows for, or only that the plan was made for something else."""
    if otherwise := _compared_otherwise(batch, final):
        yield otherwise
        return
    yield from _more_rows(batch, final)
    yield from _more_removals(batch, final)


def _more_rows(batch: Batch, final: SisImport) -> Iterator[str]:
    for kind, most in (batch.planned.rows if batch.planned else {}).items():
        processed = final.counts.get(KINDS[kind].plural, 0) if kind in KINDS else 0
        if processed > most:
            yield (
                f"Canvas processed {processed:,} {kind} rows, and the plan knows of {most:,}: look at the import in"
                " Canvas for files that are not this delivery's."
            )


def _more_removals(batch: Batch, final: SisImport) -> Iterator[str]:
    for word, most in (batch.planned.removals if batch.planned else {}).items():
        reported = final.statistics.get(word)
        numbers = reported if isinstance(reported, dict) else {}
        removed = sum(number for name in _ENDINGS if isinstance(number := numbers.get(name), int))
        if removed > most:
            yield (
                f"Canvas deleted, concluded or deactivated {removed:,} of {word}, and by the plan it is {most:,} at"
                f" most: look at plan.json and at the import in Canvas, which can undo it for 30 days (restore_states)."
            )


def _compared_otherwise(batch: Batch, final: SisImport) -> str:
    """Say how diffing did not compare with what the plan was made for (DIFF 2, 5), "" when it did or nobody knows."""
    if batch.basis is None or not batch.options.data_set:
        return ""
    remaster = batch.options.remaster
    expected = None if remaster else batch.basis.base_import
    threshold = batch.planned.threshold if batch.planned else None
    if final.threshold_exceeded:
        found = "" if threshold in (True, None) else _THRESHOLD
    elif final.diffed_against != expected:
        found = _ANOTHER_BASE.format(_import(final.diffed_against), _import(expected))
    else:
        found = _NO_THRESHOLD.format(_import(expected)) if threshold else ""
    return found and f"{found} {_LOOK}"


def _import(import_id: int | None) -> str:
    return "no import" if import_id is None else f"import {import_id}"


def _shortfall(batch: Batch, final: SisImport) -> tuple[str, ...]:
    """Say of rows that Canvas was given and did not process whether its messages account for them."""
    if batch.planned is None or not batch.planned.rows:
        return ()
    given, processed, messages = sum(batch.planned.rows.values()), _processed(final), _messages(final)
    missing = given - processed
    if missing <= 0:
        return ()
    if missing == messages:
        return (f"{missing:,} of {given:,} rows were not applied: Canvas refused them.",)
    return (f"{missing:,} of {given:,} rows were not applied, and Canvas left {messages:,} messages.",)


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
