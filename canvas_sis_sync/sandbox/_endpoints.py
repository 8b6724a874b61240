"""The endpoints besides uploading: imports, their errors, abort and restore, accounts and files (API 1, 4, 6).

Each takes the call and what its path names, and returns what Canvas would send as JSON.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response

from canvas_sis_sync.sandbox._call import Call
from canvas_sis_sync.sandbox._parameters import is_true
from canvas_sis_sync.sandbox._records import QUEUED_OR_RUNNING, Import, Progress, SandboxUser
from canvas_sis_sync.sandbox._replies import (
    ErrorReply,
    not_found,
    server_error,
    show_import,
    show_message,
    show_progress,
    show_time,
    show_user,
)
from canvas_sis_sync.sandbox._state import State

Answer = dict[str, Any] | list[Any]
Paged = tuple[Answer, dict[str, str]]
STORAGE = "/storage/"
"""Where files are; a storage service outside Canvas, which no token must reach."""
_HINT = 5
_STATES = frozenset(
    {
        *("initializing", "created", "importing", "cleanup_batch", "imported", "imported_with_messages", "aborted"),
        *("failed", "failed_with_messages", "restoring", "partially_restored", "restored"),
    }
)


def _show(call: Call, record: Import) -> dict[str, Any]:
    user = call.state.user_of(record)
    return show_import(record, user, base_url=call.base_url, now=call.state.now())


def list_imports(call: Call, account: str) -> Paged:
    """List imports, newest first, filtered by states and creation time (API 4)."""
    account_id = call.root_account_id(account)
    asked = {*call.request.args.getlist("workflow_state[]"), *call.request.args.getlist("workflow_state")}
    states = asked & _STATES or None
    since = _time(call.request.args.get("created_since"))
    before = _time(call.request.args.get("created_before"))

    def wanted(record: Import) -> bool:
        return (
            (states is None or record.workflow_state in states)
            and (since is None or record.created_at > since)
            and (before is None or record.created_at < before)
        )

    shown, headers = call.page(call.state.list_imports(account_id, wanted))
    return {"sis_imports": [_show(call, record) for record in shown]}, headers


def _time(text: str | None) -> float | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def list_importing(call: Call, account: str) -> Answer:
    """List what is being imported; queued imports are not in it."""
    account_id = call.root_account_id(account)
    running = call.state.list_imports(
        account_id, lambda record: record.workflow_state in {"importing", "cleanup_batch"}
    )
    return {"sis_imports": [_show(call, record) for record in running]}


def get_import(call: Call, account: str, import_id: int) -> Answer:
    """Show one import."""
    return _show(call, call.state.find_import(call.root_account_id(account), import_id))


def abort_import(call: Call, account: str, import_id: int) -> Answer:
    """Abort one import and show it."""
    record = call.state.find_import(call.root_account_id(account), import_id)
    call.state.abort(record)
    return _show(call, record)


def abort_all_pending(call: Call, account: str) -> Answer:
    """Abort every import that has not begun."""
    call.state.abort_pending(call.root_account_id(account))
    return {"aborted": True}


def restore_states(call: Call, account: str, import_id: int) -> Answer:
    """Undo the changes of state of a finished import; raises ErrorReply 400 with bare text for both options."""
    record = call.state.find_import(call.root_account_id(account), import_id)
    form = {**call.params(), **call.request.form.to_dict()}
    asked = {name for name in ("batch_mode", "undelete_only", "unconclude_only") if is_true(form.get(name))}
    if {"undelete_only", "unconclude_only"} <= asked:
        raise ErrorReply(400, "undelete_only and unconclude_only exclude each other")
    return show_progress(restore(call.state, record, call.user, asked), call.base_url)


def import_errors(call: Call, account: str, import_id: int) -> Paged:
    """List the messages of one import, newest first."""
    return _errors(call, [call.state.find_import(call.root_account_id(account), import_id)])


def account_errors(call: Call, account: str) -> Paged:
    """List the messages of all imports of an account, newest first."""
    return _errors(call, call.state.list_imports(call.root_account_id(account), lambda _: True))


def _errors(call: Call, records: list[Import]) -> Paged:
    if call.state.faults.standing("errors-endpoint-fails") is not None:
        raise server_error()
    only_failures = is_true(call.request.args.get("failure"))
    found = [
        (message, record.id)
        for record in records
        for message in record.messages
        if message.failure or not only_failures
    ]
    found.sort(key=lambda pair: pair[0].id, reverse=True)
    shown, headers = call.page(found)
    return {"sis_import_errors": [show_message(*pair) for pair in shown]}, headers


def get_progress(call: Call, job_id: int) -> Answer:
    """Show a job."""
    job = call.state.jobs.get(job_id)
    if job is None:
        raise not_found()
    return show_progress(job, call.base_url)


def current_user(call: Call) -> Answer:
    """Show the user of the token, and say that this is not Canvas."""
    return show_user(call.user) | {"sandbox": True}


def get_token(call: Call, hint: str) -> Answer:
    """Show the user's token that begins so, with when it ends (changes since 2022)."""
    if len(hint) < _HINT or not call.user.token.startswith(hint):
        raise not_found()
    return {
        "id": call.user.id,
        "user_id": call.user.id,
        "purpose": "SIS import",
        "workflow_state": "active",
        "expires_at": show_time(call.state.token_end()),
        "visible_token": f"{call.user.token[:_HINT]}...",
    }


def get_account(call: Call, account: str) -> Answer:
    """Show an account; a root account has neither parent nor root."""
    row = call.account(account)
    is_root = row["root"] == row["id"]
    return {
        "id": row["id"],
        "name": row["name"],
        "workflow_state": row["status"],
        "parent_account_id": row["parent"],
        "root_account_id": None if is_root else row["root"],
        "sis_account_id": row["sis_id"],
        "default_time_zone": "UTC",
    }


def list_terms(call: Call, account: str) -> Paged:
    """List the terms of a root account."""
    terms = call.state.store.terms(call.account_id(account))
    shown, headers = call.page(terms)
    return {
        "enrollment_terms": [
            {
                "id": term["id"],
                "name": term["name"],
                "sis_term_id": term["sis_id"],
                "start_at": term["start_at"],
                "end_at": term["end_at"],
                "workflow_state": term["status"],
            }
            for term in shown
        ]
    }, headers


def list_roles(call: Call, account: str) -> Paged:
    """List the roles of an account."""
    call.account_id(account)
    roles = [
        {"id": role.id, "role": role.name, "label": role.label, "base_role_type": role.base, "workflow_state": "active"}
        for role in call.state.roles
    ]
    shown, headers = call.page(roles)
    return list(shown), headers


def download(call: Call, file_id: int) -> Response:
    """Send whoever has a token to the storage, where the file is; raises ErrorReply 404 for an unknown file."""
    file = call.state.files.get(file_id)
    if file is None or file.path is None or call.state.faults.standing("attachments-unreadable") is not None:
        raise not_found()
    return Response(status=302, headers={"location": f"{call.base_url}{STORAGE}{file.verifier}"})


def stored(state: State, request: HttpRequest, verifier: str) -> Response:
    """Send a file to whoever knows its address; like a storage service it refuses tokens.

    Raises ErrorReply 400, 404.
    """
    if "Authorization" in request.headers:
        raise ErrorReply(400, "Only one way of authorisation is allowed: the address alone, and no token.")
    file = next((file for file in list(state.files.values()) if file.verifier == verifier), None)
    if file is None or file.path is None:
        raise not_found()
    stream = file.path.open("rb")
    headers = {"content-length": str(file.path.stat().st_size)}
    response = Response(iter(lambda: stream.read(1 << 16), b""), headers=headers, content_type=file.content_type)
    response.call_on_close(stream.close)
    return response


def restore(state: State, record: Import, user: SandboxUser, asked: Collection[str]) -> Progress:
    """Start the job that puts states back and return it; raises ErrorReply 404 for an unfinished import.

    `asked` holds the options that are true; any of them makes the result `partially_restored`.
    """
    with state.changed:
        if record.workflow_state in {"initializing", *QUEUED_OR_RUNNING}:
            raise not_found()
        now = state.now()
        job = Progress(state.next_id("progress"), record.account_id, user.id, now, now, record.id)
        state.jobs[job.id] = job
        state.move(record, "restoring")
    state.later(0.05, lambda: _work(state, record, job, asked))
    return job


def _work(state: State, record: Import, job: Progress, asked: Collection[str]) -> None:
    job.workflow_state = "running"
    count = state.store.restore(record.id, asked)
    job.results = {"message": f"{count} states put back"}
    job.completion, job.workflow_state, job.updated_at = 100.0, "completed", state.now()
    state.move(record, "partially_restored" if asked else "restored")
