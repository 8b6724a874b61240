"""What was uploaded is not what Canvas has: small files by hand, rejected rows and skipped imports in between."""

from __future__ import annotations

import pytest
from homes import Home
from nights import BATCH_MODE, DIFFING, Files, accepted, deliver, export, leaving

from canvas_sis_sync.model import State
from canvas_sis_sync.sandbox import Sandbox

FULL = export()
BY_HAND = {"SIS_IMPORT_BATCH_MODE": "", "SIS_IMPORT_BATCH_MODE_TERM_ID": "", "SIS_IMPORT_CHANGE_THRESHOLD": ""}
ONE_ROW = {"enrollments.csv": "\n".join(FULL["enrollments.csv"].splitlines()[:2]) + "\n"}
LATE_COURSE = {"courses.csv": "course_id,short_name,long_name,status\nlate,L,Late,active\n"}


def night(home: Home, files: Files) -> State:
    home.drop(files)
    home.run()
    return home.last().state


def send_by_hand(home: Home, files: Files) -> None:
    home.configure(**BY_HAND)
    home.drop(files)
    home.run()
    if home.last().state is State.HELD:
        assert home.type("approve", home.last().id, "--yes", "--reason", "by hand").returncode == 0
        home.run()
    assert home.last().state is State.IMPORTED
    home.configure(**BATCH_MODE)


@pytest.mark.parametrize("by_hand", [ONE_ROW, LATE_COURSE], ids=["one enrollment", "a late course"])
def test_a_small_file_by_hand_does_not_let_a_truncated_night_pass(home: Home, sandbox: Sandbox, by_hand: Files) -> None:
    accepted(home, FULL)
    home.configure(**BATCH_MODE)
    accepted(home, FULL)
    send_by_hand(home, by_hand)
    half = {**FULL, "enrollments.csv": "\n".join(FULL["enrollments.csv"].splitlines()[:61]) + "\n"}
    before = sandbox.count("enrollment")
    assert night(home, half) is State.HELD
    assert sandbox.count("enrollment") == before
    home.type("discard", home.last().id, "--reason", "half an export")
    assert night(home, FULL) is State.IMPORTED


def test_what_was_sent_since_counts_where_it_had_more(home: Home, sandbox: Sandbox) -> None:
    accepted(home, leaving(FULL, 60))
    home.configure(**BATCH_MODE)
    accepted(home, leaving(FULL, 60))
    send_by_hand(home, FULL)
    assert night(home, leaving(FULL, 60)) is State.HELD


def test_without_diffing_the_same_is_sent_again(home: Home, sandbox: Sandbox) -> None:
    accepted(home, FULL)
    accepted(home, FULL)
    assert len(sandbox.imports) == 2


def test_without_diffing_the_same_is_skipped_by_setting(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_SKIP_UNCHANGED="true")
    accepted(home, FULL)
    assert deliver(home, FULL).state is State.UNCHANGED


@pytest.mark.parametrize("settings", [{"SIS_SYNC_SKIP_UNCHANGED": "true"}, DIFFING], ids=["plain", "diffing"])
def test_after_rejected_rows_the_same_is_sent_again(home: Home, sandbox: Sandbox, settings: dict[str, str]) -> None:
    home.configure(**settings)
    unknown = "art-F25,nobody,student,active\n" * 3
    files = {**FULL, "enrollments.csv": FULL["enrollments.csv"] + unknown}
    assert deliver(home, files).state is State.IMPORTED_WITH_MESSAGES
    assert deliver(home, files).state is not State.UNCHANGED
    assert len(sandbox.imports) == 2
