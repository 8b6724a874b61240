"""An approval is for exactly what was seen: if anything of it differs at sending time, nothing is sent."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.exports import (
    DIFFING,
    ROWS,
    STUDENTS,
    accepted,
    approve,
    cut,
    enrolled,
    export,
    held,
    import_by_hand,
    places,
    restore,
    tripped,
)
from support.golden import Golden
from support.homes import Home, Watching

from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

FULL, HALF = export(), cut(export(), ROWS // 2)
DATA_SET = {"diffing_data_set_identifier": "nightly"}


@pytest.fixture
def approved(home: Home, sandbox: Sandbox) -> Batch:
    """Give a batch that was held against an accepted delivery, and approved."""
    home.configure(**DIFFING)
    accepted(home, FULL)
    batch = held(home, HALF, "removals", "group-removals")
    approve(home, batch)
    return batch


def held_again(home: Home, approved: Batch, golden: Golden) -> None:
    """Run, and expect the approved batch to be held instead of sent and to say why in its message."""
    told = home.run()
    batch = home.last()
    assert (told.result.exit_code, batch.id, batch.state) == (5, approved.id, BatchState.HELD)
    assert (batch.import_id, batch.approval) == (None, None)
    assert batch.reason in told.message
    golden(batch.reason)


def alter(home: Home, batch: Batch) -> None:
    with (home.folder_of(batch) / "import.zip").open("ab") as file:
        file.write(b"\0")


def test_exactly_what_was_approved_is_sent(home: Home, sandbox: Sandbox, approved: Batch) -> None:
    assert home.run().result.outcome == "imported"
    assert enrolled(sandbox) == places(HALF)


def test_another_zip_is_not_sent_and_cannot_be_approved(
    home: Home, sandbox: Sandbox, approved: Batch, golden: Golden
) -> None:
    alter(home, approved)
    held_again(home, approved, golden)
    assert home.type("approve", approved.id, "--reason", "never mind", "--yes").returncode == 2
    assert home.run().result.exit_code == 5
    assert (len(sandbox.imports), enrolled(sandbox)) == (1, places(FULL))


def test_nothing_is_sent_to_another_account(home: Home, sandbox: Sandbox, approved: Batch, golden: Golden) -> None:
    home.configure(CANVAS_ACCOUNT_ID=sandbox.add_account())
    held_again(home, approved, golden)
    assert len(sandbox.imports) == 1


def test_another_last_accepted_delivery_voids_it(home: Home, sandbox: Sandbox, approved: Batch, golden: Golden) -> None:
    before = home.batches()[0]
    restore(sandbox, before)
    assert home.run().result.exit_code == 5
    home.say("skip", before.id, "undone by hand")
    held_again(home, approved, golden)
    assert len(sandbox.imports) == 1


def test_another_base_of_diffing_voids_it_and_can_be_approved_in_turn(
    home: Home, sandbox: Sandbox, approved: Batch, golden: Golden
) -> None:
    import_by_hand(sandbox, export(STUDENTS + 5), **DATA_SET)
    held_again(home, approved, golden)
    assert tripped(home, home.last()) == ["approval", "unknown-base", "removals", "group-removals"]
    assert len(sandbox.imports) == 2
    approve(home, approved)
    assert home.run().result.outcome == "imported"
    assert enrolled(sandbox) == places(HALF)


@pytest.mark.parametrize(
    "change",
    [
        lambda _sandbox, home, batch: alter(home, batch),
        lambda sandbox, _home, _batch: import_by_hand(sandbox, FULL, **DATA_SET),
    ],
    ids=["the zip", "the base"],
)
def test_what_changes_after_the_last_look_is_seen_before_anything_is_sent(
    home: Home, sandbox: Sandbox, approved: Batch, change: Callable[[Sandbox, Home, Batch], object], golden: Golden
) -> None:
    changes = [lambda: change(sandbox, home, approved)]
    told = home.run(show=Watching(end={"comparing": lambda: changes and changes.pop()()}))
    assert (told.result.exit_code, home.last().state) == (5, BatchState.HELD)
    assert home.last().reason in told.message
    golden(home.last().reason)
    assert home.last().import_id is None
    assert enrolled(sandbox) == places(FULL)


def test_what_changed_before_the_approval_is_shown_in_it_and_asked_once(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.configure(**DIFFING)
    accepted(home, FULL)
    batch = held(home, HALF, "removals", "group-removals")
    import_by_hand(sandbox, export(STUDENTS + 5), **DATA_SET)
    said = home.type("approve", batch.id, "--reason", "it is meant", "--yes")
    assert said.returncode == 0
    golden(said.stdout)
    assert home.run().result.outcome == "imported"
    assert home.last().id == batch.id


def test_what_nothing_holds_any_longer_is_not_approved_and_goes(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.configure(**DIFFING)
    accepted(home, FULL)
    batch = held(home, HALF, "removals", "group-removals")
    home.configure(SIS_SYNC_BREAKER_ENROLLMENT="off")
    said = home.type("approve", batch.id, "--reason", "it is meant", "--yes")
    assert said.returncode == 0, said
    golden(said.stdout)
    assert home.last().approval is None
    assert home.run().result.outcome == "imported"
