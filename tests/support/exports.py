"""Exports of a college that does not exist, night after night, and what the sandbox's database says of its students."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from collections.abc import Collection, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import requests
from support.homes import Home, fast_clock

from canvas_sis_sync.cli import _run as run_command
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.plan.breakers.limits import raised
from canvas_sis_sync.progress import Silent
from canvas_sis_sync.sandbox.sandbox import Sandbox

STUDENTS = 120
ROWS = 3 * STUDENTS
COURSES = {"F25": ("art-F25", "bio-F25"), "S99": ("art-S99",)}
ENDS = {"F25": "2025-12-19", "S99": "2099-05-14"}
DIFFING = {"SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER": "nightly"}
BATCH_MODE = {
    "SIS_IMPORT_BATCH_MODE": "true",
    "SIS_IMPORT_BATCH_MODE_TERM_ID": "sis_term_id:F25",
    "SIS_IMPORT_CHANGE_THRESHOLD": "100",
}
MULTI_TERM = {"SIS_IMPORT_MULTI_TERM_BATCH_MODE": "true", "SIS_IMPORT_CHANGE_THRESHOLD": "100"}
NO_BATCH_MODE = dict.fromkeys((*BATCH_MODE, *MULTI_TERM), "")

Files = dict[str, str]
Place = tuple[str, str]
"""A course and a user."""


def export(students: int = STUDENTS, terms: Collection[str] = ("F25", "S99")) -> Files:
    """Export so many students, each of them in all courses of the terms; the terms themselves are always named."""
    courses = [(course, term) for term in terms for course in COURSES[term]]
    people = [f"s{number:04}" for number in range(students)]
    return {
        "terms.csv": _csv("term_id,name,status,end_date", [f"{term},{term},active,{ENDS[term]}" for term in ENDS]),
        "courses.csv": _csv(
            "course_id,short_name,long_name,status,term_id",
            [f"{course},{course},{course},active,{term}" for course, term in courses],
        ),
        "users.csv": _csv(
            "user_id,login_id,first_name,last_name,status",
            [f"{user},{user},Ada,Example,active" for user in people],
        ),
        "enrollments.csv": _csv(
            "course_id,user_id,role,status",
            [f"{course},{user},student,active" for user in people for course, _ in courses],
        ),
    }


def _csv(header: str, rows: Sequence[str]) -> str:
    return "\n".join([header, *rows, ""])


def cut(files: Files, rows: int, name: str = "enrollments.csv") -> Files:
    """Leave the first rows of one file, as a disk that is full does."""
    return {**files, name: "".join(files[name].splitlines(keepends=True)[: rows + 1])}


def without(files: Files, *names: str) -> Files:
    return {name: text for name, text in files.items() if name not in names}


def turned(files: Files, status: str, rows: int) -> Files:
    """Give the last enrollments another status."""
    head, tail = (part := files["enrollments.csv"].splitlines(keepends=True))[:-rows], part[-rows:]
    return {**files, "enrollments.csv": "".join([*head, *(row.replace(",active", f",{status}") for row in tail)])}


def places(files: Files) -> set[Place]:
    """Give the active places that an export names."""
    cells = [row.split(",") for row in files["enrollments.csv"].splitlines()[1:]]
    return {(course, user) for course, user, _, status in cells if status == "active"}


def enrolled(sandbox: Sandbox, status: str = "active") -> set[Place]:
    """Ask the sandbox's database who has a place with this status, in a course and by a user that are active."""
    query = (
        "SELECT course.sis_id, login.sis_id FROM enrollment JOIN course ON course.id = enrollment.course"
        " JOIN login ON login.user = enrollment.user"
        " WHERE enrollment.status = ? AND course.status = 'active' AND login.status = 'active'"
    )
    with closing(sqlite3.connect(sandbox.database)) as connection:
        return set(connection.execute(query, (status,)).fetchall())


def leaving(files: Files, students: int) -> Files:
    """Take the places of so many students away in all courses, and leave the students."""
    gone = {f"s{number:04}" for number in range(students)}
    rows = [row for row in files["enrollments.csv"].splitlines() if row.split(",")[1] not in gone]
    return {**files, "enrollments.csv": "\n".join([*rows, ""])}


def existing(sandbox: Sandbox, kind: str) -> set[str]:
    """Ask the sandbox's database for the ids of what is not deleted."""
    query = f"SELECT sis_id FROM {kind} WHERE status <> 'deleted' AND sis_id IS NOT NULL"
    with closing(sqlite3.connect(sandbox.database)) as connection:
        return {row[0] for row in connection.execute(query)}


def deliver(home: Home, files: Files) -> Batch:
    """Drop an export and run once; give the batch that it became."""
    home.drop(files)
    run(home)
    return home.last()


def run(home: Home, *breakers: str) -> run_command.RunReport:
    """Run once, with limits raised for this run."""
    loaded = home.settings()
    loaded = replace(loaded, breakers=raised(loaded.breakers, breakers))
    how = run_command.RunOptions(Silent(), fast_clock())
    told = run_command.run(loaded, how, watched=True, verbosity=0)
    home.outputs.append(told.text)
    run_command.was_shown(loaded.archive, told, how.clock)
    return told


def accepted(home: Home, files: Files) -> Batch:
    """Deliver what Canvas must accept."""
    batch = deliver(home, files)
    assert batch.state in {BatchState.IMPORTED, BatchState.IMPORTED_WITH_MESSAGES}, batch.reason
    return batch


def held(home: Home, files: Files, *breakers: str) -> Batch:
    """Deliver what must be held by these breakers, in their order."""
    batch = deliver(home, files)
    assert (batch.state, batch.import_id) == (BatchState.HELD, None), batch.reason
    assert tripped(home, batch) == list(breakers)
    return batch


def tripped(home: Home, batch: Batch) -> list[str]:
    """Name the breakers of a batch's plan, each of them once, in their order."""
    return list(dict.fromkeys(each["breaker"] for each in plan(home, batch)["breakers"]))


def plan(home: Home, batch: Batch) -> Any:
    return json.loads((home.folder_of(batch) / "plan.json").read_text(encoding="utf-8"))


def approve(home: Home, batch: Batch, *options: str) -> None:
    done = home.type("approve", batch.id, "--reason", "it is meant", "--yes", *options)
    assert (done.returncode, done.stderr) == (0, "")


def import_by_hand(sandbox: Sandbox, files: Files, **parameters: str) -> int:
    """Let somebody else import files, and give the id of the import."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as ready:
        for name, text in files.items():
            ready.writestr(name, text)
    return int(_ask(sandbox, "POST", "", packed.getvalue(), extension="zip", **parameters)["id"])


def restore(sandbox: Sandbox, batch: Batch) -> None:
    """Let somebody undo a batch's import in Canvas."""
    _ask(sandbox, "PUT", f"/{batch.import_id}/restore_states")
    while sandbox.imports[batch.sent_as - 1].workflow_state != "restored":
        fast_clock().sleep(0.01)


def _ask(sandbox: Sandbox, method: str, path: str, body: bytes = b"", **parameters: str) -> Any:
    answer = requests.request(
        method,
        f"{sandbox.url}/api/v1/accounts/1/sis_imports{path}",
        data=body,
        params=parameters,
        headers={"Authorization": f"Bearer {sandbox.token}"},
        timeout=10,
    )
    answer.raise_for_status()
    sandbox.wait_idle()
    return answer.json()
