"""Up to the limit a delivery goes, one row above it nothing does: what is dropped in Canvas is what was let pass."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from support.exports import (
    DIFFING,
    ROWS,
    STUDENTS,
    Files,
    accepted,
    cut,
    enrolled,
    export,
    held,
    leaving,
    places,
    run,
    turned,
)
from support.golden import Golden
from support.homes import Home

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

FULL = export()
SCHOOLS = 370


@pytest.mark.slow
def test_exactly_the_limit_goes_and_one_more_does_not(home: Home, sandbox: Sandbox) -> None:
    home.configure(**DIFFING)
    accepted(home, FULL)
    within = leaving(FULL, STUDENTS // 10)
    accepted(home, within)
    assert enrolled(sandbox) == places(within)
    assert len(enrolled(sandbox, "deleted")) == ROWS // 10
    held(home, leaving(FULL, STUDENTS // 10 * 2), "removals", "group-removals")
    assert enrolled(sandbox) == places(within)


@pytest.mark.slow
def test_a_limit_is_raised_for_one_run_alone(home: Home, sandbox: Sandbox) -> None:
    home.configure(**DIFFING)
    accepted(home, FULL)
    fewer, fewest = leaving(FULL, 30), leaving(FULL, 60)
    batch = held(home, fewer, "removals", "group-removals")
    assert run(home, "enrollment=30%").result.outcome == "imported"
    assert (home.last().id, enrolled(sandbox)) == (batch.id, places(fewer))
    held(home, fewest, "removals", "group-removals")
    assert enrolled(sandbox) == places(fewer)


@pytest.mark.slow
def test_a_kind_whose_breaker_is_off_is_not_watched_and_the_others_are(home: Home, sandbox: Sandbox) -> None:
    home.configure(**DIFFING, SIS_SYNC_BREAKER_ENROLLMENT="off")
    accepted(home, FULL)
    half = cut(FULL, ROWS // 2)
    accepted(home, half)
    assert enrolled(sandbox) == places(half)
    held(home, cut(half, STUDENTS // 2, "users.csv"), "removals")
    assert enrolled(sandbox) == places(half)


@pytest.mark.slow
def test_without_any_mode_half_an_export_drops_nobody(home: Home, sandbox: Sandbox) -> None:
    accepted(home, FULL)
    accepted(home, cut(cut(FULL, ROWS // 2), STUDENTS // 2, "users.csv"))
    assert enrolled(sandbox) == places(FULL)
    few = turned(FULL, "completed", 10)
    accepted(home, few)
    assert enrolled(sandbox) == places(few)
    assert enrolled(sandbox, "completed") == places(FULL) - places(few)


def districts(broken: int = -1) -> Files:
    """Export 370 schools of one course each, the first of them with 120 students, of which a broken one lost half."""
    rosters = {school: 120 if school == 0 else 3 for school in range(SCHOOLS)}
    taught = {school: rows // 2 if school == broken else rows for school, rows in rosters.items()}
    files = export()
    return {
        "accounts.csv": _lines("account_id,parent_account_id,name,status", (f"school{n},,S,active" for n in rosters)),
        "courses.csv": _lines(
            "course_id,short_name,long_name,account_id,status", (f"c{n},C,C,school{n},active" for n in rosters)
        ),
        "users.csv": files["users.csv"],
        "enrollments.csv": _lines(
            "course_id,user_id,role,status",
            (f"c{n},s{student:04},student,active" for n, rows in taught.items() for student in range(rows)),
        ),
    }


def _lines(header: str, rows: Iterable[str]) -> str:
    return "\n".join([header, *rows, ""])


@pytest.mark.slow
def test_one_broken_school_among_370_is_held_and_named(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.configure(**DIFFING, SIS_SYNC_BREAKER_GROUP_BY="account")
    accepted(home, districts())
    batch = held(home, districts(broken=0), "group-removals")
    golden(batch.reason)
    assert enrolled(sandbox) == places(districts())


def test_three_drops_behind_a_hold_become_one_import_of_the_newest(home: Home, sandbox: Sandbox) -> None:
    home.configure(**DIFFING)
    accepted(home, FULL)
    held(home, cut(FULL, ROWS // 2), "removals", "group-removals")
    for night in (1, 2, 3):
        home.drop(export(STUDENTS + night), folder=f"night{night}")
        assert home.run().result.exit_code == 5
    done = home.type("discard", "--all-but-newest", "--reason", "half an export")
    assert (done.returncode, done.stderr) == (0, "")
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 2
    assert enrolled(sandbox) == places(export(STUDENTS + 3))
    assert [batch.state for batch in home.batches()] == [
        BatchState.IMPORTED,
        *[BatchState.DISCARDED] * 3,
        BatchState.IMPORTED,
    ]
