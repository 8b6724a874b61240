"""Nights on which Canvas refuses enrollments of users that have not come yet, and what a home made of that."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

from support.homes import COURSES, Home, Watching, fast_clock

from canvas_sis_sync.clock import Clock
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.sandbox.sandbox import Sandbox

USERS_HEADER = "user_id,login_id,first_name,last_name,status\n"
ENROLLMENTS_HEADER = "course_id,user_id,role,status\n"
DAY = 86400


def delivery(*users: str, enrolled: str = "", courses: str = COURSES) -> dict[str, str]:
    """Give an export of these users, and of enrollments of these (by default the same) in one course."""
    return {
        "users.csv": USERS_HEADER + "".join(f"{user},{user},Ada,Example,active\n" for user in users),
        "courses.csv": courses,
        "enrollments.csv": ENROLLMENTS_HEADER
        + "".join(f"c1,{user},student,active\n" for user in enrolled.split() or users),
    }


def later(days: float) -> Clock:
    """Give a clock that is days ahead."""
    fast = fast_clock()
    return Clock(lambda: fast.now() + days * DAY, fast.monotonic, fast.sleep)


def send(home: Home, files: dict[str, str], days: float = 0, **options: Any) -> list[Batch]:
    """Drop an export, run, and give the batches that the run entered."""
    known = {batch.id for batch in home.batches()}
    home.drop(files)
    home.run(clock=later(days), **options)
    return [batch for batch in home.batches() if batch.id not in known]


def enrolled(sandbox: Sandbox) -> dict[str, str]:
    """Ask the sandbox's database who is enrolled, and how."""
    query = "SELECT sis_id, e.status FROM enrollment e JOIN login USING (user) ORDER BY sis_id"
    with closing(sqlite3.connect(sandbox.database)) as connection:
        return dict(connection.execute(query).fetchall())


def remasters(home: Home) -> list[Batch]:
    return [batch for batch in home.batches() if batch.remaster_of]


class Unplugged(BaseException):
    """Ends a run where it is."""


def unplug(*_: object) -> None:
    raise Unplugged


class Entered(Watching):
    """Does something once the run has entered a remaster."""

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self._then = then

    def note(self, text: str) -> None:
        super().note(text)
        if "once more" in text:
            self._then()
