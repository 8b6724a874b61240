"""The end of a term: held as `gone`, told apart from a broken export, and approved, for once or for good."""

from __future__ import annotations

import pytest
from support.exports import (
    BATCH_MODE,
    DIFFING,
    MULTI_TERM,
    accepted,
    approve,
    enrolled,
    existing,
    export,
    held,
    places,
    plan,
    without,
)
from support.golden import Golden
from support.homes import Home

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

FULL, AFTER = export(), export(terms=["S99"])
BEFORE_S99 = export(terms=["F25"])


def test_a_term_that_is_over_is_held_and_told_by_its_name_and_end(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.configure(**DIFFING)
    accepted(home, FULL)
    batch = held(home, AFTER, "gone")
    golden(batch.reason, "over")
    assert plan(home, batch)["gone"] == [{"by": "term", "group": "F25"}]
    assert enrolled(sandbox) == places(FULL)
    home.say("discard", batch.id, "not yet")
    batch = held(home, BEFORE_S99, "gone")
    golden(batch.reason, "not-over")
    assert enrolled(sandbox) == places(FULL)


@pytest.mark.slow
@pytest.mark.parametrize("mode", [DIFFING, BATCH_MODE, MULTI_TERM], ids=["diffing", "batch mode", "multi-term"])
def test_approved_the_term_goes_and_the_other_stays(home: Home, sandbox: Sandbox, mode: dict[str, str]) -> None:
    home.configure(**(DIFFING if mode is DIFFING else {}))
    accepted(home, FULL)
    home.configure(**mode)
    batch = held(home, AFTER, "gone")
    approve(home, batch)
    assert home.run().result.outcome == "imported"
    assert home.last().id == batch.id
    assert enrolled(sandbox) == places(AFTER)
    assert existing(sandbox, "course") == {"art-S99"}
    assert len(sandbox.imports) == 2


@pytest.mark.slow
@pytest.mark.parametrize("option", [(), ("--remember",)], ids=["for once", "for good"])
def test_a_term_may_be_missing_again_only_if_that_is_remembered(
    home: Home, sandbox: Sandbox, option: tuple[str, ...]
) -> None:
    home.configure(**DIFFING)
    accepted(home, FULL)
    approve(home, held(home, AFTER, "gone"), *option)
    home.run()
    accepted(home, FULL)
    assert enrolled(sandbox) == places(FULL)
    if option:
        accepted(home, AFTER)
        assert enrolled(sandbox) == places(AFTER)
        accepted(home, FULL)
        held(home, BEFORE_S99, "gone")
    else:
        held(home, AFTER, "gone")
    assert enrolled(sandbox) == places(FULL)


def test_in_multi_term_mode_a_term_that_is_not_named_keeps_everything(home: Home, sandbox: Sandbox) -> None:
    accepted(home, FULL)
    home.configure(**MULTI_TERM)
    accepted(home, {**AFTER, "terms.csv": FULL["terms.csv"].replace("F25,F25,active,2025-12-19\n", "")})
    assert enrolled(sandbox) == places(FULL)


def test_a_gone_term_does_not_hide_what_else_is_missing(home: Home, sandbox: Sandbox) -> None:
    home.configure(**DIFFING)
    accepted(home, FULL)
    batch = held(
        home,
        without(AFTER, "users.csv") | {"enrollments.csv": export(60, ["S99"])["enrollments.csv"]},
        "gone",
        "removals",
        "group-removals",
        "empty",
    )
    assert batch.state is BatchState.HELD
    assert enrolled(sandbox) == places(FULL)
