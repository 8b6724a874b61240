"""Undoing an import's changes of state (API 6, restore_states).

Owns the job and what it puts back; states only, as Canvas does.
"""

from __future__ import annotations

from collections.abc import Collection

from canvas_sis_sync.sandbox._records import QUEUED_OR_RUNNING, Import, Progress, SandboxUser
from canvas_sis_sync.sandbox._replies import not_found
from canvas_sis_sync.sandbox._state import State


def restore(state: State, record: Import, user: SandboxUser, asked: Collection[str]) -> Progress:
    """Start the job that puts states back and return it; raises Refusal 404 for an unfinished import.

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
