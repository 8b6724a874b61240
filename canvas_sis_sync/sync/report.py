"""Outcomes as text for people and as JSON for programs. Pure: values in, text or dictionaries out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.delivery.files import Entry
from canvas_sis_sync.errors import HeldError, SyncError
from canvas_sis_sync.home.batch import ACCEPTED, IN_FLIGHT, Batch, BatchState
from canvas_sis_sync.plain_text import Lines, lines
from canvas_sis_sync.plan.values import Approval
from canvas_sis_sync.sync.decision import GateDecision
from canvas_sis_sync.sync.next_steps import in_words, next_steps

SCHEMA = 1


def moment(seconds: float | None) -> str | None:
    """Give a time as ISO 8601 in UTC, None for none."""
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def age(seconds: float) -> str:
    """Give a duration in the two largest units that matter."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{int(seconds)} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // 1440} days"


def size(count: int) -> str:
    """Give a number of bytes in the unit that reads best."""
    value = float(count)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def rows(count: int | None) -> str:
    """Give a number of rows in words."""
    return "rows not counted" if count is None else f"{count:,} rows"


def import_page(target: Target, base_url: str) -> str:
    """Give the address of the account's import page in Canvas."""
    scheme = base_url.split("://", 1)[0] or "https"
    return f"{scheme}://{target.host}/accounts/{target.account_id}/sis_import"


def batch_message(
    batch: Batch,
    base_url: str,
    first_messages: Callable[[SisImport], Sequence[str]],
    left: str = "",
    *,
    gone: bool = False,
) -> Lines:
    """Word what somebody must know about a batch: what happened, what Canvas has, its messages, what to type.

    `left` is a sentence about what waits meanwhile; `gone` says that terms, accounts or courses vanish whole in it.
    """
    happened = f"Batch {batch.id} ({batch.drop_name}) is {batch.state}: {_sentence(batch.reason)}"
    said = [
        happened,
        *_in_canvas(batch, base_url, first_messages),
        left,
        f"Next: {in_words(next_steps(batch, gone=gone))}",
    ]
    return lines(filter(None, said))


def trouble_message(
    trouble: SyncError,
    about: Batch | None,
    base_url: str,
    first_messages: Callable[[SisImport], Sequence[str]],
    left: str = "",
) -> Lines:
    """Word what ended a run, with the batch that it left open and a sentence about what waits meanwhile."""
    said = [trouble.sentence, *trouble.details]
    if about is not None:
        said.append(f"Batch {about.id} ({about.drop_name}) is {about.state}.")
        said += _in_canvas(about, base_url, first_messages)
    return lines(filter(None, [*said, left, trouble.hint]))


def import_lines(sis_import: SisImport, first_messages: Callable[[SisImport], Sequence[str]]) -> list[str]:
    """Say what an import has applied, and its first messages."""
    applied = _applied_rows(sis_import)
    known = f"It has applied: {applied}." if applied else "It tells of no applied row, but some may have been applied."
    return [known, *(f"  Canvas: {text}" for text in first_messages(sis_import))]


def _in_canvas(batch: Batch, base_url: str, first_messages: Callable[[SisImport], Sequence[str]]) -> list[str]:
    said = []
    if batch.import_id is not None:
        said.append(f"It is import {batch.import_id} at {import_page(batch.target, base_url)}")
    said.append(_applied(batch))
    if batch.sis_import is not None:
        said += [f"  Canvas: {text}" for text in first_messages(batch.sis_import)]
    return said


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _applied(batch: Batch) -> str:
    if batch.sis_import is None:
        if batch.state in IN_FLIGHT:
            return "Whether Canvas has it is not known yet."
        return "Canvas has nothing of it: nothing was changed."
    applied = _applied_rows(batch.sis_import)
    if applied:
        return f"Canvas has applied: {applied} (of {batch.rows:,} rows sent)."
    if batch.state in ACCEPTED:
        return f"Canvas has applied none of the {batch.rows:,} rows sent: nothing had changed."
    return f"Canvas tells of no applied row (of {batch.rows:,} sent), but some may have been applied."


def _applied_rows(sis_import: SisImport) -> str:
    return ", ".join(f"{number:,} {kind}" for kind, number in row_counts(sis_import).items() if number)


def row_counts(sis_import: SisImport) -> dict[str, int]:
    """Give the rows that Canvas processed, per kind."""
    return {kind: number for kind, number in sis_import.counts.items() if not kind.endswith(("_count", "_deleted"))}


def summary(batch: Batch) -> str:
    """Word a batch that ended well, in one line for a terminal."""
    files, zipped = len(batch.entries), batch.zip.size if batch.zip else 0
    plural = "" if files == 1 else "s"
    text = f"Batch {batch.id}: {files} file{plural}, {batch.rows:,} rows, {size(zipped)} zipped"
    if batch.sis_import is not None:
        text += f"; import {batch.sis_import.id} {batch.state}"
        messages = _messages(batch.sis_import)
        text += f" with {messages:,} messages (see errors.csv)" if messages else ""
    if batch.state in {BatchState.UNCHANGED, BatchState.DISCARDED}:
        text += f"; {batch.reason}"
    findings = batch.assessment.findings if batch.assessment else {}
    found = findings.get("fatal", 0) + findings.get("error", 0)
    if found:
        text += f"; check had found {found:,} errors (see check.json)"
    return text + "."


def _messages(sis_import: SisImport) -> int:
    return (sis_import.error_count or 0) + (sis_import.warning_count or 0)


def batch_json(batch: Batch | None) -> dict[str, Any] | None:
    """Give a batch with the keys that `--json` promises (docs/json.md)."""
    if batch is None:
        return None
    return {
        "id": batch.id,
        "state": str(batch.state),
        "reason": batch.reason,
        "drop": batch.drop_name,
        "host": batch.target.host,
        "account_id": batch.target.account_id,
        "claimed_at": moment(batch.claimed_at),
        "import_id": batch.import_id,
        "retry_of": batch.retry_of,
        "remaster_of": batch.remaster_of,
        "approval": approval_json(batch.approval),
        "notes": list(batch.notes),
        "over_limit": batch.over_limit,
        "errors_complete": batch.errors_complete,
        "findings": dict(batch.assessment.findings) if batch.assessment else {},
        "parameters": dict(batch.parameters),
        "zip": {"bytes": batch.zip.size, "sha256": batch.zip.sha256} if batch.zip else None,
        "files": entries_json(batch.entries)
        or [{"name": file.name, "kind": None, "rows": None, "bytes": file.size} for file in batch.files],
        "steps": [
            {"at": moment(step.at), "state": str(step.state), "who": step.who, "reason": step.reason}
            for step in batch.steps
        ],
    }


def approval_json(approval: Approval | None) -> dict[str, Any] | None:
    """Give an approval with the keys that `--json` promises."""
    if approval is None:
        return None
    return {"at": moment(approval.at), "who": approval.who, "reason": approval.reason}


def entries_json(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Give the files of a zip with the keys that `--json` promises."""
    return [{"name": entry.name, "kind": entry.kind, "rows": entry.rows, "bytes": entry.size} for entry in entries]


def import_json(sis_import: SisImport | None) -> dict[str, Any] | None:
    """Give Canvas's record of an import with the keys that `--json` promises."""
    if sis_import is None:
        return None
    return {
        "id": sis_import.id,
        "workflow_state": sis_import.workflow_state,
        "progress": sis_import.progress,
        "created_at": moment(sis_import.created_at),
        "ended_at": sis_import.ended_at,
        "counts": dict(sis_import.counts),
        "statistics": dict(sis_import.statistics),
        "error_count": sis_import.error_count,
        "warning_count": sis_import.warning_count,
    }


def gate_json(decision: GateDecision | None) -> dict[str, Any] | None:
    """Give the gate's answer with the keys that `--json` promises."""
    if decision is None:
        return None
    return {"verdict": str(decision.verdict), "reason": decision.reason}


def run_json(
    outcome: str, batches: Sequence[Batch], about: Batch | None, trouble: SyncError | None, message: str
) -> dict[str, Any]:
    """Give the result of a run as one object."""
    batch = about or (batches[-1] if batches else None)
    return {
        "schema": SCHEMA,
        "outcome": outcome,
        "batches": [batch_json(each) for each in batches],
        "batch": batch_json(batch),
        "import": import_json(batch.sis_import if batch else None),
        "gate": _gate_of_run(outcome, batches, about, trouble),
        "message": message,
    }


def _gate_of_run(
    outcome: str, batches: Sequence[Batch], about: Batch | None, trouble: SyncError | None
) -> Mapping[str, str] | None:
    if isinstance(trouble, HeldError):
        return {"verdict": "hold", "reason": trouble.sentence}
    if outcome == "waiting" and trouble is not None:
        return {"verdict": "wait", "reason": trouble.sentence}
    if about is not None and trouble is None:
        return {"verdict": "hold", "reason": f"Batch {about.id} is {about.state}."}
    return {"verdict": "go", "reason": "The last batch was accepted."} if batches else None


def error_json(error: SyncError) -> dict[str, Any]:
    """Give an error as one object, for `--json`."""
    return {"schema": SCHEMA, "error": error.sentence, "hint": error.hint, "exit_code": error.exit_code}
