"""Exports of several nights that are in the inbox together: one drop a night, and a hold where the order is unknown."""

from __future__ import annotations

import os
from pathlib import Path

from support.golden import Golden
from support.homes import Home

from canvas_sis_sync.home import inbox
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.home.drops import DropKind
from canvas_sis_sync.sandbox.sandbox import Sandbox

USERS = "user_id,login_id,full_name,status\nu1,u1,Uma One,active\n"
COURSES = "course_id,short_name,long_name,status\nc1,C1,Course 1,active\n"
ENROLLED = "course_id,user_id,role,status\nc1,u1,student,active\n"
DROPPED = "course_id,user_id,role,status\nc1,u1,student,deleted\n"
NIGHTS = {
    "users_9_30_31.csv": USERS,
    "courses_9_30_31.csv": COURSES,
    "enrollments_9_30_31.csv": ENROLLED,
    "users_10_1_31.csv": USERS,
    "courses_10_1_31.csv": COURSES,
    "enrollments_10_1_31.csv": DROPPED,
}


def enrolled(sandbox: Sandbox) -> int:
    sandbox.wait_idle()
    return sandbox.count("enrollment")


def test_nights_go_one_after_the_other_the_newest_last(home: Home, sandbox: Sandbox) -> None:
    home.drop(NIGHTS)
    for path in home.inbox.iterdir():
        os.utime(path, (1_900_000_000, 1_900_000_000))  # a copy has lost the times
    assert home.run().result.outcome == "imported"
    assert [batch.drop_name for batch in home.batches()] == ["loose files of 2031-09-30", "loose files"]
    assert [len(batch.files) for batch in home.batches()] == [3, 3]
    assert enrolled(sandbox) == 0


def test_all_but_the_newest_night_can_be_discarded(home: Home, sandbox: Sandbox) -> None:
    home.drop({**NIGHTS, "users_9_29_31.csv": USERS})
    done = home.type("discard", "--all-but-newest", "--reason", "only the newest counts")
    assert done.returncode == 0
    assert sorted(path.name for path in home.inbox.iterdir()) == sorted(name for name in NIGHTS if "10_1" in name)
    assert [batch.state for batch in home.batches()] == [BatchState.DISCARDED] * 2
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1


def test_files_that_contradict_each_other_and_have_no_dates_are_held_and_named(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop({"users.csv": USERS, "courses.csv": COURSES, "enrollments-a.csv": ENROLLED, "enrollments-b.csv": DROPPED})
    dry = home.type("run", "--dry-run")
    held = home.run()
    assert (dry.returncode, held.result.exit_code, home.last().state) == (5, 5, BatchState.HELD)
    golden(held.message)
    assert not sandbox.imports
    home.type("approve", home.last().id, "--yes", "--reason", "both are of this morning")
    assert home.run().result.outcome == "imported"


def test_parts_of_one_night_go_together(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users_staff_20310930_0200.csv": USERS, "users_students_20310930_0230.csv": USERS.replace("1", "2")})
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1


def test_a_night_is_a_drop_of_loose_files(tmp_path: Path) -> None:
    for name in NIGHTS:
        (tmp_path / name).write_text("x", encoding="utf-8")
    drops = inbox.scan(tmp_path).drops
    assert [(drop.name, drop.kind) for drop in drops] == [
        ("loose files of 2031-09-30", DropKind.LOOSE),
        ("loose files of 2031-10-01", DropKind.LOOSE),
    ]


def test_a_night_copied_before_an_older_one_is_not_taken_for_an_export_sent_before(
    home: Home, sandbox: Sandbox
) -> None:
    home.drop(NIGHTS)
    for name in NIGHTS:
        when = 1_900_000_000 + 60 * ("9_30" in name)
        os.utime(home.inbox / name, (when, when))
    assert home.run().result.outcome == "imported"
    assert [batch.state for batch in home.batches()] == [BatchState.IMPORTED] * 2
    assert enrolled(sandbox) == 0


def test_an_older_night_after_a_newer_one_is_held_by_its_time(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    for night, when in ("10_1", 1_900_000_060), ("9_30", 1_900_000_000):
        home.drop({name: text for name, text in NIGHTS.items() if night in name})
        for path in home.inbox.iterdir():
            os.utime(path, (when, when))
        home.run()
    assert [batch.state for batch in home.batches()] == [BatchState.IMPORTED, BatchState.HELD]
    golden(home.last().reason)
