"""Deliveries that exceed a threshold of diffing night after night: what Canvas fails, and what leads out of it."""

from __future__ import annotations

import pytest
from support.exports import DIFFING, accepted, deliver, export, run, tripped
from support.golden import Golden
from support.homes import Home

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox._diffing import MOST_REFUSED
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

STUDENTS = 4
THRESHOLD = {"SIS_IMPORT_DIFF_ROW_COUNT_THRESHOLD": 1}


@pytest.fixture
def sixth(home: Home, sandbox: Sandbox) -> Home:
    """Give a home whose last six deliveries exceeded the threshold; somebody has approved each."""
    sandbox.add_fault("late-attachment=0")
    home.configure(**DIFFING, **THRESHOLD)
    accepted(home, export(STUDENTS))
    for number in range(MOST_REFUSED + 1):
        sent(home, number + 1)
        assert home.last().state is BatchState.IMPORTED_WITH_MESSAGES, home.last().reason
    return home


def sent(home: Home, number: int) -> None:
    """Deliver more students than the threshold allows rows to differ, and approve it when it is held."""
    if deliver(home, export(STUDENTS + 2 * number)).state is BatchState.HELD:
        home.type("approve", home.last().id, "--reason", "it is meant", "--yes")
        run(home)


def test_the_seventh_in_a_row_fails_and_a_remaster_leads_out(sixth: Home, sandbox: Sandbox, golden: Golden) -> None:
    before = sandbox.count("user")
    sent(sixth, 7)
    failed = sixth.last()
    assert (failed.state, sandbox.count("user")) == (BatchState.FAILED_WITH_MESSAGES, before)
    message = sixth.run().message
    golden(message)
    assert "sis-sync run --param diffing_remaster_data_set=true" in message
    sixth.say("retry", failed.id, "sent whole")
    assert sixth.type("run", "--param", "diffing_remaster_data_set=true").returncode == 0
    assert sandbox.count("user") > before
    sent(sixth, 8)
    assert sixth.last().state in {BatchState.IMPORTED, BatchState.IMPORTED_WITH_MESSAGES}


def test_one_that_canvas_failed_ends_no_row_of_thresholds(sixth: Home, sandbox: Sandbox) -> None:
    sent(sixth, 7)
    sixth.say("skip", sixth.last().id, "seen")
    held = deliver(sixth, export(STUDENTS + 16))
    assert held.state is BatchState.HELD
    assert "thresholds" in tripped(sixth, held)
