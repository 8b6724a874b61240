"""What a delivery is compared with: the last accepted one by breakers, and by diffing what Canvas will choose."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.exports import (
    BATCH_MODE,
    DIFFING,
    STUDENTS,
    accepted,
    approve,
    deliver,
    enrolled,
    export,
    held,
    import_by_hand,
    leaving,
    places,
    plan,
    restore,
    run,
    tripped,
    without,
)
from support.golden import Golden
from support.homes import Home, Watching

from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

FULL, FEWER, FEWEST = export(), leaving(export(), 6), leaving(export(), 13)


@pytest.fixture
def first(home: Home, sandbox: Sandbox) -> Batch:
    """Give an accepted delivery of a data set."""
    home.configure(**DIFFING)
    return accepted(home, FULL)


def fail(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    assert deliver(home, FEWER).state is BatchState.FAILED


def abort(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("abort")
    assert deliver(home, FEWER).state is BatchState.ABORTED


def undo(home: Home, sandbox: Sandbox) -> None:
    restore(sandbox, accepted(home, FEWER))
    assert enrolled(sandbox) == places(FULL)


@pytest.mark.slow
@pytest.mark.parametrize("end", [fail, abort, undo])
def test_an_import_that_did_not_stand_is_not_compared_with(
    home: Home, sandbox: Sandbox, first: Batch, end: Callable[[Home, Sandbox], None]
) -> None:
    end(home, sandbox)
    before = enrolled(sandbox)
    home.say("skip", home.last().id, "seen")
    batch = held(home, FEWEST, "removals", "group-removals")
    assert plan(home, batch)["against"] == f"batch {first.id} (import 1)"
    assert plan(home, batch)["diff_base"] == {"import": 1, "known": True}
    assert enrolled(sandbox) == before
    home.say("discard", batch.id, "too many")
    accepted(home, FEWER)
    assert enrolled(sandbox) == places(FEWER)


def test_behind_a_threshold_canvas_compares_with_an_older_one_and_people_with_the_last(
    home: Home, sandbox: Sandbox, first: Batch, golden: Golden
) -> None:
    home.configure(SIS_IMPORT_CHANGE_THRESHOLD="2")
    told: list[str] = []
    show = Watching(begin={"uploading": lambda: told.extend(show.notes)})
    home.drop(FEWER)
    assert home.run(show=show).result.outcome == "imported_with_messages"
    second = home.last()
    assert tuple(told) == second.notes[: len(told)]
    golden("\n".join(second.notes), "second")
    assert sandbox.imports[1].diffing_threshold_exceeded
    assert enrolled(sandbox) == places(FULL)
    third = accepted(home, leaving(FULL, 1))
    seen = plan(home, third)
    assert seen["against"] == f"batch {second.id} (import 2)"
    assert seen["diff_base"] == {"import": 1, "known": True}
    golden("\n".join(seen["notes"]), "third")
    kinds = {each["kind"]: each for each in seen["kinds"]}
    assert (kinds["enrollment"]["added"], kinds["enrollment"]["will_be_removed"]) == (15, 3)
    assert enrolled(sandbox) == places(leaving(FULL, 1))
    assert home.last().sis_import is not None
    assert home.last().sis_import.diffed_against == 1


@pytest.mark.slow
def test_rows_behind_a_threshold_still_count_for_breakers(
    home: Home, sandbox: Sandbox, first: Batch, golden: Golden
) -> None:
    home.configure(SIS_IMPORT_CHANGE_THRESHOLD="2")
    accepted(home, leaving(FULL, 10))
    home.configure(SIS_IMPORT_CHANGE_THRESHOLD="")
    batch = held(home, leaving(FULL, 14), "removals")
    golden(batch.reason)
    assert enrolled(sandbox) == places(FULL)


@pytest.mark.slow
def test_after_three_imports_behind_a_threshold_the_next_is_held(
    home: Home, sandbox: Sandbox, first: Batch, golden: Golden
) -> None:
    home.configure(SIS_IMPORT_CHANGE_THRESHOLD="0")
    for more in (1, 2, 3):
        accepted(home, export(STUDENTS + more))
    batch = held(home, export(STUDENTS + 4), "thresholds")
    golden(batch.reason)
    home.say("discard", batch.id, "remastered")
    home.configure(SIS_IMPORT_DIFFING_REMASTER_DATA_SET="true")
    accepted(home, export(STUDENTS + 4))
    home.configure(SIS_IMPORT_DIFFING_REMASTER_DATA_SET="", SIS_IMPORT_CHANGE_THRESHOLD="50")
    accepted(home, export(STUDENTS + 5))
    assert enrolled(sandbox) == places(export(STUDENTS + 5))


def test_what_vanished_while_its_kind_was_left_out_is_reported(home: Home, sandbox: Sandbox, first: Batch) -> None:
    home.configure(SIS_SYNC_BREAKER_ENROLLMENT="off")
    accepted(home, without(FULL, "enrollments.csv"))
    batch = accepted(home, FEWER)
    assert (
        f"enrollment: 18 rows of batch {first.id} (import 1), the last delivery that had this kind, are missing now;"
        " Canvas will not remove these." in batch.notes
    )
    assert enrolled(sandbox) == places(FULL)


def test_what_canvas_imported_is_compared_with_although_it_was_not_accepted_here(home: Home, sandbox: Sandbox) -> None:
    home.configure(**DIFFING, SIS_IMPORT_OVERRIDE_SIS_STICKINESS="true")
    sandbox.add_fault("ignore-option=override_sis_stickiness")
    first = deliver(home, FULL)
    assert first.state is BatchState.NOT_ACCEPTED
    home.say("skip", first.id, "the option does not matter")
    batch = held(home, FEWEST, "removals", "group-removals")
    assert plan(home, batch)["against"] == f"batch {first.id} (import 1)"
    assert enrolled(sandbox) == places(FULL)


@pytest.mark.slow
def test_without_an_accepted_delivery_the_base_of_diffing_is_compared_with(home: Home, sandbox: Sandbox) -> None:
    """Canvas refused all rows of the first import, which is the base all the same."""
    home.configure(**DIFFING, SIS_SYNC_MAX_ERROR_ROWS="off")
    first = deliver(home, {"enrollments.csv": FULL["enrollments.csv"]})
    assert (first.state, enrolled(sandbox)) == (BatchState.NOT_ACCEPTED, set())
    home.say("skip", first.id, "the users were missing")
    batch = held(home, FEWEST, "removals", "group-removals")
    assert plan(home, batch)["against"] == f"batch {first.id} (import 1)"


@pytest.mark.slow
def test_batch_mode_counts_what_vanished_while_its_kind_was_left_out(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    first = accepted(home, FULL)
    home.configure(**BATCH_MODE)
    noon = held(home, without(FULL, "enrollments.csv"), "empty")
    approve(home, noon)
    run(home)
    assert home.last().state is BatchState.IMPORTED
    batch = held(home, FEWEST, "group-removals")
    notes = "\n".join(plan(home, batch)["notes"])
    golden(notes)
    assert first.id in notes
    assert enrolled(sandbox) == places(FULL)


@pytest.mark.slow
def test_the_first_delivery_in_batch_mode_may_delete_what_an_earlier_program_left(home: Home, sandbox: Sandbox) -> None:
    import_by_hand(sandbox, FULL)
    home.configure(**BATCH_MODE)
    batch = held(home, FEWER, "first-in-batch-mode")
    approve(home, batch)
    assert run(home).result.exit_code == 0
    assert home.last().state is BatchState.IMPORTED
    assert enrolled(sandbox) < places(FULL)
    assert places(FEWER) <= enrolled(sandbox)


def test_a_held_batch_is_weighed_again_under_other_settings_and_only_then(home: Home, sandbox: Sandbox) -> None:
    home.configure(**DIFFING)
    accepted(home, FULL)
    batch = held(home, FEWEST, "removals", "group-removals")
    steps = len(batch.steps)
    assert run(home).result.exit_code == 5
    assert len(home.last().steps) == steps
    home.configure(SIS_SYNC_CANARIES="user:nobody")
    assert run(home).result.exit_code == 5
    assert "canary" in tripped(home, batch)
    home.configure(SIS_SYNC_CANARIES="", SIS_SYNC_BREAKER_ENROLLMENT="50%")
    assert run(home).result.exit_code == 0
    assert (home.last().id, home.last().state) == (batch.id, BatchState.IMPORTED)
    assert enrolled(sandbox) == places(FEWEST)
