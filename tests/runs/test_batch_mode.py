"""Batch mode, and first deliveries: nobody is deleted whose absence nobody has judged."""

from __future__ import annotations

import pytest
from support.exports import (
    BATCH_MODE,
    DIFFING,
    MULTI_TERM,
    accepted,
    approve,
    deliver,
    enrolled,
    existing,
    export,
    held,
    import_by_hand,
    leaving,
    places,
    plan,
)
from support.golden import Golden
from support.homes import Home

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

FULL = export()


@pytest.mark.parametrize("mode", [{}, DIFFING], ids=["of a home", "of a data set"])
def test_a_first_delivery_goes_and_says_that_it_is_one(
    home: Home, sandbox: Sandbox, mode: dict[str, str], golden: Golden
) -> None:
    home.configure(**mode)
    batch = accepted(home, FULL)
    golden("\n".join(batch.notes))
    assert plan(home, batch)["against"] == ""


@pytest.mark.parametrize("mode", [BATCH_MODE, MULTI_TERM], ids=["one term", "several terms"])
def test_a_first_delivery_in_batch_mode_is_held_and_can_be_approved(
    home: Home, sandbox: Sandbox, mode: dict[str, str]
) -> None:
    home.configure(**mode)
    import_by_hand(sandbox, FULL)
    few = leaving(FULL, 6)
    batch = held(home, few, "first-in-batch-mode")
    assert enrolled(sandbox) == places(FULL)
    approve(home, batch)
    home.run()
    stays = {place for place in places(FULL) if place[0].endswith("S99")} if mode is BATCH_MODE else set()
    assert enrolled(sandbox) == places(few) | stays


def test_a_first_delivery_of_a_data_set_of_somebody_else_is_held(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    import_by_hand(sandbox, FULL, diffing_data_set_identifier="nightly")
    home.configure(**DIFFING)
    few = leaving(FULL, 6)
    batch = held(home, few, "unknown-base")
    golden(batch.reason)
    assert enrolled(sandbox) == places(FULL)
    approve(home, batch)
    assert home.run().result.outcome == "imported"
    assert enrolled(sandbox) == places(few)


def test_who_is_missing_is_dropped_in_the_term_and_in_no_other(home: Home, sandbox: Sandbox) -> None:
    accepted(home, FULL)
    home.configure(**BATCH_MODE)
    few = leaving(FULL, 6)
    accepted(home, few)
    assert enrolled(sandbox, "deleted") == {place for place in places(FULL) - places(few) if place[0].endswith("F25")}
    assert enrolled(sandbox) == places(FULL) - enrolled(sandbox, "deleted")


@pytest.mark.slow
def test_an_import_that_canvas_aborts_deletes_nobody_and_is_explained(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    first = accepted(home, FULL)
    home.configure(**BATCH_MODE | {"SIS_IMPORT_CHANGE_THRESHOLD": "4"})
    home.drop(leaving(FULL, 6))
    told = home.run()
    assert (told.result.exit_code, home.last().state) == (4, BatchState.ABORTED)
    golden(told.message)
    assert enrolled(sandbox) == places(FULL)
    home.say("skip", home.last().id, "seen")
    batch = held(home, leaving(FULL, 13), "group-removals")
    assert plan(home, batch)["against"] == f"batch {first.id} (import 1)"


def test_more_deletions_than_planned_end_with_4_and_the_numbers(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    accepted(home, FULL)
    course = "course_id,short_name,long_name,status,term_id\nlaw-F25,Law,Law,active,F25\n"
    import_by_hand(sandbox, {"courses.csv": course})
    home.configure(**BATCH_MODE)
    batch = deliver(home, export(121))
    assert batch.state is BatchState.NOT_ACCEPTED
    golden(batch.reason)
    assert "law-F25" not in existing(sandbox, "course")
    assert enrolled(sandbox) == places(export(121))
    assert home.run().result.exit_code == 5
