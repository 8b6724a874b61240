"""The shapes of Canvas's answers: refusals (API 7), File, User and SisImport objects (API 5), times.

Owns no state: everything shown is passed in.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from canvas_sis_sync.sandbox._records import QUEUED_OR_RUNNING, Import, Message, Progress, SandboxUser, StoredFile

_SHOWN = 24


class ErrorReply(Exception):
    """A request that is answered with an error: status, body (JSON-able, or text) and headers."""

    def __init__(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}


def not_found() -> ErrorReply:
    """Build the 404 of an unknown import, account, term or file."""
    return ErrorReply(404, {"errors": [{"message": "There is nothing here by that id."}]})


def wrong_parameter(text: str) -> ErrorReply:
    """Build the 400 of a parameter that Canvas refuses."""
    return ErrorReply(400, {"message": text})


def server_error(text: str = "An unexpected exception.") -> ErrorReply:
    """Build the 500 of an unexpected exception."""
    error = {"message": text, "error_code": "internal_server_error"}
    return ErrorReply(500, {"errors": [error], "error_report_id": 4711})


def show_time(seconds: float | None) -> str | None:
    """Write a time as ISO 8601 in UTC with whole seconds; None stays None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def show_file(file: StoredFile, base_url: str) -> dict[str, Any]:
    """Write a File object; its URL asks for a token and leads to the storage (API 5, changes since 2022)."""
    created = show_time(file.created_at)
    return {
        "id": file.id,
        "uuid": file.verifier,
        "folder_id": None,
        "display_name": file.name,
        "filename": file.name,
        "upload_status": "success",
        "content-type": file.content_type,
        "url": f"{base_url}/files/{file.id}/download?download_frd=1",
        "size": file.size,
        "created_at": created,
        "updated_at": created,
        "locked": False,
        "hidden": False,
    }


def show_user(user: SandboxUser) -> dict[str, Any]:
    """Write a User object."""
    return {"id": user.id, "name": user.name, "short_name": user.name, "sortable_name": user.name}


def show_message(message: Message, import_id: int) -> dict[str, Any]:
    """Write one entry of the errors listing (API 4)."""
    return {
        "sis_import_id": import_id,
        "file": message.file,
        "message": message.message,
        "row": message.row,
        "row_info": message.row_info,
    }


def show_progress(progress: Progress, base_url: str) -> dict[str, Any]:
    """Write a Progress object (API 6)."""
    shown = {
        "id": progress.id,
        "context_id": progress.account_id,
        "context_type": "Account",
        "user_id": progress.user_id,
        "tag": "sis_batch_state_restore",
        "completion": progress.completion,
        "workflow_state": progress.workflow_state,
        "created_at": show_time(progress.created_at),
        "updated_at": show_time(progress.updated_at),
        "message": progress.message,
        "url": f"{base_url}/api/v1/progress/{progress.id}",
    }
    if progress.results is not None:
        shown["results"] = progress.results
    return shown


def show_import(record: Import, user: SandboxUser | None, *, base_url: str, now: float) -> dict[str, Any]:
    """Write a SisImport object as it looks at `now`."""
    shown: dict[str, Any] = {
        "id": record.id,
        "created_at": show_time(record.created_at),
        "started_at": show_time(record.started_at),
        "ended_at": show_time(record.ended_at),
        "updated_at": show_time(record.updated_at),
        "progress": record.progress,
        "workflow_state": record.workflow_state,
        "data": dict(record.data),
        "diffed_against_import_id": None,
        **record.options,
    }
    if record.options.get("diffing_data_set_identifier"):
        shown["diffing_threshold_exceeded"] = record.diffing_threshold_exceeded
    if user is not None:
        shown["user"] = show_user(user)
    if record.workflow_state not in QUEUED_OR_RUNNING:
        shown |= _show_messages(record)
    return shown | _show_files(record, base_url, now)


def _show_messages(record: Import) -> dict[str, Any]:
    shown = {}
    if record.failures:
        shown["processing_errors"] = _pairs(record.failures)
    if record.warnings:
        shown["processing_warnings"] = _pairs(record.warnings)
    return shown


def _pairs(messages: list[Message]) -> list[list[str | None]]:
    pairs = [[message.file, message.message] for message in messages[:_SHOWN]]
    if len(messages) > _SHOWN:
        pairs.append([None, f"and {len(messages) - _SHOWN} more messages of this sort"])
    return pairs


def _show_files(record: Import, base_url: str, now: float) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    appears = record.errors_attachment_at
    if record.errors_attachment is not None and appears is not None and appears <= now:
        shown["errors_attachment"] = show_file(record.errors_attachment, base_url)
    for name, files in (
        ("csv_attachments", record.attachments),
        ("diffed_csv_attachments", record.diffed_attachments),
    ):
        if files is not None:
            shown[name] = [show_file(file, base_url) for file in files]
    return shown


def with_string_ids(value: Any) -> Any:
    """Turn numeric ids into text, at any depth, as `application/json+canvas-string-ids` asks."""
    if isinstance(value, list):
        return [with_string_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _string_id(key, item) for key, item in value.items()}


def _string_id(key: str, value: Any) -> Any:
    if key == "id" or key.endswith("_id"):
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if key.endswith("_ids") and isinstance(value, Iterable):
        return [str(item) for item in value]
    return with_string_ids(value)
