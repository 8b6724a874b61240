"""A hold and an approval survive what is killed at any commit, a run or a command: nothing goes unapproved."""

from __future__ import annotations

import json
from collections.abc import Callable
from signal import SIGKILL

import pytest
from support.exports import DIFFING, ROWS, accepted, approve, cut, enrolled, export, held, places, plan
from support.homes import Home
from support.victims import Victims

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

NewHome = Callable[..., Home]
FULL, HALF = export(), cut(export(), ROWS // 2)
TOO_MANY = ("removals", "group-removals")


def drop(home: Home) -> tuple[str, ...]:
    home.drop(HALF)
    return ("run",)


def hold(home: Home) -> tuple[str, ...]:
    batch = held(home, HALF, *TOO_MANY)
    return "approve", batch.id, "--reason", "it is meant", "--yes"


def hold_and_approve(home: Home) -> tuple[str, ...]:
    approve(home, held(home, HALF, *TOO_MANY))
    return ("run",)


def hold_and_let_another_base_come(home: Home) -> tuple[str, ...]:
    command = hold_and_approve(home)
    home.configure(SIS_IMPORT_DIFFING_DROP_STATUS="completed")
    return command


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prepare", "code", "may_be_sent"),
    [(drop, 5, False), (hold, 0, False), (hold_and_approve, 0, True), (hold_and_let_another_base_come, 5, False)],
    ids=["holding", "approving", "sending", "a void approval"],
)
def test_killed_at_any_commit_only_what_was_approved_is_sent(
    sandbox: Sandbox,
    new_home: NewHome,
    victims: Victims,
    prepare: Callable[[Home], tuple[str, ...]],
    code: int,
    *,
    may_be_sent: bool,
) -> None:
    number, ended = 0, -SIGKILL
    while ended == -SIGKILL:
        number += 1
        for when in ("before", "after"):
            data_set = dict.fromkeys(DIFFING, f"{when}{number}")
            home = new_home(sandbox.url, f"{when}{number}", SIS_SYNC_LOST_SECONDS=1, **data_set)
            accepted(home, FULL)
            assert enrolled(sandbox) == places(FULL)
            command = prepare(home)
            known = len(sandbox.imports)
            ended = victims.run(home, *command, at=number, when=when)
            assert ended in {code, -SIGKILL}
            assert "Traceback" not in home.outputs[-1]
            assert may_be_sent or len(sandbox.imports) == known
            finish(home)
            assert len(sandbox.imports) == known + 1
            assert enrolled(sandbox) == places(HALF)
            assert json.loads((home.folder_of(home.last()) / "receipt.json").read_text())["batch"]["approval"]
    assert number > 1


def finish(home: Home) -> None:
    """Run to the end, approving what is held: the batch must be held for its rows, or have been approved before."""
    for _ in range(4):
        told = home.run()
        if told.result.outcome == "held" or home.last().state is BatchState.HELD:
            assert set(TOO_MANY) <= {each["breaker"] for each in plan(home, home.last())["breakers"]}
            approve(home, home.last())
        elif told.result.outcome == "idle":
            return
    raise AssertionError(f"there was always something left to do: {told.message}")
