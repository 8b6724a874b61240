"""What was uploaded is not what Canvas has: small files by hand, rejected rows and skipped imports in between."""

from __future__ import annotations

import pytest
from support.exports import (
    BATCH_MODE,
    DIFFING,
    NO_BATCH_MODE,
    Files,
    accepted,
    approve,
    deliver,
    enrolled,
    existing,
    export,
    held,
    leaving,
    places,
    plan,
    restore,
)
from support.golden import Golden
from support.homes import Home

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

FULL = export()
ONE_ROW = {"enrollments.csv": "\n".join(FULL["enrollments.csv"].splitlines()[:2]) + "\n"}
LATE_COURSE = {"courses.csv": "course_id,short_name,long_name,status\nlate,L,Late,active\n"}
NEW_ROW = {"enrollments.csv": "course_id,user_id,role,status\nart-F25,s0001,ta,active\n"}
LATE_IN_TERM = {
    "courses.csv": "course_id,short_name,long_name,status,term_id\nlate,L,Late,active,F25\n",
    "enrollments.csv": "course_id,user_id,role,status\nlate,s0001,student,active\n",
}
XLIST = {"xlists.csv": "xlist_course_id,section_id,status\nart-F25,other,active\n"}
SECTION = {"sections.csv": "section_id,course_id,name,status\nother,bio-F25,Other,active\n"}
HALF = {**FULL, "enrollments.csv": "".join(FULL["enrollments.csv"].splitlines(keepends=True)[:181])}
"""Half of the enrollments, 180 of 360: 120 of the 240 in the term of batch mode are missing."""


def send_by_hand(home: Home, files: Files) -> None:
    home.configure(**NO_BATCH_MODE)
    home.drop(files)
    home.run()
    if home.last().state is BatchState.HELD:
        assert home.type("approve", home.last().id, "--yes", "--reason", "by hand").returncode == 0
        home.run()
    assert home.last().state is BatchState.IMPORTED
    home.configure(**BATCH_MODE)


@pytest.mark.parametrize(
    "by_hand",
    [ONE_ROW, LATE_COURSE, NEW_ROW, LATE_IN_TERM],
    ids=["a row again", "a late course", "a new row", "a late course in the term"],
)
def test_a_small_file_by_hand_does_not_let_a_truncated_night_pass(
    home: Home, sandbox: Sandbox, by_hand: Files, golden: Golden
) -> None:
    accepted(home, FULL)
    home.configure(**BATCH_MODE)
    night = accepted(home, FULL)
    send_by_hand(home, by_hand)
    sent = home.last()
    before = enrolled(sandbox)
    batch = held(home, HALF, "removals", "group-removals")
    golden(batch.reason, "reason")
    assert plan(home, batch)["against"] == f"batch {night.id} (import 2)"
    golden(batch.notes[0], "note")
    assert sent.id in batch.notes[0]
    assert batch.basis is not None
    assert (batch.basis.before, batch.basis.since) == (night.id, (sent.id,))
    assert enrolled(sandbox) == before
    home.say("discard", batch.id, "half an export")
    accepted(home, FULL)
    assert enrolled(sandbox) == places(FULL)
    assert "late" not in existing(sandbox, "course") or by_hand is LATE_COURSE


@pytest.mark.slow
def test_a_kind_that_batch_mode_does_not_delete_is_not_asked_for_after_it_was_sent_by_hand(
    home: Home, sandbox: Sandbox
) -> None:
    accepted(home, FULL)
    accepted(home, FULL | SECTION)
    home.configure(**BATCH_MODE)
    accepted(home, FULL | SECTION)
    send_by_hand(home, XLIST)
    accepted(home, FULL | SECTION)


def test_before_the_first_night_in_batch_mode_a_small_file_stands_for_nothing_either(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    accepted(home, FULL)
    send_by_hand(home, NEW_ROW)
    batch = held(home, HALF, "removals", "group-removals")
    golden(batch.reason)
    assert enrolled(sandbox) == places(FULL)
    home.say("discard", batch.id, "half an export")
    accepted(home, FULL)


@pytest.mark.slow
def test_another_term_in_between_stands_for_nothing(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    accepted(home, FULL)
    fall, spring = export(terms=["F25"]), export(terms=["S99"])
    for term, files in (("F25", fall), ("S99", spring)) * 2:
        home.configure(**BATCH_MODE | {"SIS_IMPORT_BATCH_MODE_TERM_ID": f"sis_term_id:{term}"})
        accepted(home, files)
    home.configure(**BATCH_MODE)
    half = {**fall, "enrollments.csv": "".join(fall["enrollments.csv"].splitlines(keepends=True)[:121])}
    golden(held(home, half, "removals", "group-removals").reason)
    assert enrolled(sandbox) == places(FULL)


@pytest.mark.slow
def test_what_canvas_applied_of_an_aborted_import_counts_too(home: Home, sandbox: Sandbox) -> None:
    few = leaving(FULL, 60)
    accepted(home, few)
    home.configure(**BATCH_MODE)
    accepted(home, few)
    home.configure(SIS_IMPORT_CHANGE_THRESHOLD="1", SIS_SYNC_BREAKER_ENROLLMENT="50%")
    kept = [row for row in FULL["enrollments.csv"].splitlines(keepends=True) if ",s006" not in row[:13]]
    more = {**FULL, "enrollments.csv": "".join(kept)}
    batch = deliver(home, more)
    assert batch.state is BatchState.ABORTED
    assert enrolled(sandbox) > places(few)
    home.say("skip", batch.id, "seen")
    home.configure(**BATCH_MODE, SIS_SYNC_BREAKER_ENROLLMENT="")
    held(home, few, "removals", "group-removals")


@pytest.mark.slow
def test_what_was_undone_since_does_not_count(home: Home, sandbox: Sandbox) -> None:
    few = leaving(FULL, 60)
    accepted(home, few)
    home.configure(**BATCH_MODE)
    accepted(home, few)
    send_by_hand(home, FULL)
    restore(sandbox, home.last())
    assert home.run().result.outcome == "idle"
    home.drop(few)
    assert home.run().result.exit_code == 5
    home.say("skip", home.batches()[2].id, "undone by hand")
    home.run()
    assert home.last().state is BatchState.IMPORTED


def test_an_approval_is_for_the_parameters_that_it_was_held_with(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    accepted(home, FULL)
    home.configure(**BATCH_MODE)
    accepted(home, FULL)
    home.drop(ONE_ROW)
    by_hand = [
        option
        for name in ("batch_mode", "batch_mode_term_id", "change_threshold")
        for option in ("--param", f"{name}=")
    ]
    assert home.type("run", *by_hand).returncode == 5
    batch = home.last()
    approve(home, batch)
    assert home.last().approval is not None
    assert home.last().approval.basis.parameters == {}
    assert home.type("run").returncode == 5
    golden(home.last().reason)
    assert enrolled(sandbox) == places(FULL)
    approve(home, batch)
    assert home.last().approval.basis.parameters != {}


def test_what_was_sent_since_counts_where_it_had_more(home: Home, sandbox: Sandbox) -> None:
    accepted(home, leaving(FULL, 60))
    home.configure(**BATCH_MODE)
    accepted(home, leaving(FULL, 60))
    send_by_hand(home, FULL)
    held(home, leaving(FULL, 60), "removals", "group-removals")


def test_without_diffing_the_same_is_sent_again(home: Home, sandbox: Sandbox) -> None:
    accepted(home, FULL)
    accepted(home, FULL)
    assert len(sandbox.imports) == 2


def test_without_diffing_the_same_is_skipped_by_setting(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_SKIP_UNCHANGED="true")
    accepted(home, FULL)
    assert deliver(home, FULL).state is BatchState.UNCHANGED


@pytest.mark.parametrize("settings", [{"SIS_SYNC_SKIP_UNCHANGED": "true"}, DIFFING], ids=["plain", "diffing"])
def test_after_rejected_rows_the_same_is_sent_again(home: Home, sandbox: Sandbox, settings: dict[str, str]) -> None:
    home.configure(**settings)
    unknown = "art-F25,nobody,student,active\n" * 3
    files = {**FULL, "enrollments.csv": FULL["enrollments.csv"] + unknown}
    assert deliver(home, files).state is BatchState.IMPORTED_WITH_MESSAGES
    assert deliver(home, files).state is not BatchState.UNCHANGED
    assert len(sandbox.imports) == 2


def test_what_canvas_was_never_given_again_is_sent_each_night(home: Home, sandbox: Sandbox) -> None:
    """A diffed import takes nothing of what an import before it had not taken, and says nothing about it."""
    home.configure(**DIFFING)
    nobody = {"enrollments.csv": FULL["enrollments.csv"]}
    batch = deliver(home, nobody)
    assert batch.state is BatchState.NOT_ACCEPTED
    home.say("skip", batch.id, "the users come later")
    for _ in range(3):
        accepted(home, nobody)
    assert len(sandbox.imports) == 4


def test_rows_that_diffing_never_sends_again_are_no_reason_to_send_nothing(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.configure(**DIFFING)
    files = {**FULL, "enrollments.csv": FULL["enrollments.csv"] + "art-F25,nobody,student,active\n"}
    for _ in range(4):
        accepted(home, files)
    assert len(sandbox.imports) == 4
    golden("\n".join(home.last().notes))


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{"SIS_SYNC_SKIP_UNCHANGED": "true"}, DIFFING], ids=["plain", "diffing"])
@pytest.mark.parametrize("state", ["restored", "partially_restored", "restore_failed"])
def test_what_was_undone_is_sent_again(home: Home, sandbox: Sandbox, settings: dict[str, str], state: str) -> None:
    home.configure(**settings)
    batch = accepted(home, FULL)
    sandbox.set_state(batch.sent_as, state)
    home.drop(FULL)
    assert home.run().result.exit_code == 5
    home.say("skip", batch.id, "seen")
    home.run()
    assert home.last().id != batch.id
    assert home.last().state is not BatchState.UNCHANGED
    assert len(sandbox.imports) == 2


@pytest.mark.parametrize("settings", [{"SIS_SYNC_SKIP_UNCHANGED": "true"}, DIFFING], ids=["plain", "diffing"])
def test_what_canvas_no_longer_knows_is_sent_again(home: Home, sandbox: Sandbox, settings: dict[str, str]) -> None:
    """A test environment is overwritten on a schedule, and what was imported there is gone."""
    home.configure(**settings)
    batch = accepted(home, FULL)
    sandbox.add_fault(f"forget={batch.import_id}")
    home.drop(FULL)
    assert home.run().result.exit_code == 5
    home.say("skip", batch.id, "the test environment was overwritten")
    home.run()
    assert home.last().id != batch.id
    assert home.last().state is not BatchState.UNCHANGED
    assert len(sandbox.imports) == 2
