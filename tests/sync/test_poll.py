"""Polling while Canvas cannot be asked: it is waited out, and the import is never sent again."""

from __future__ import annotations

import pytest
from support.homes import Home, Watching

from canvas_sis_sync.canvas.retry import Retry
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

MORE_THAN_ONE_QUESTION = 2 * Retry().attempts + 1
ALWAYS = 100_000


def posts(sandbox: Sandbox) -> int:
    return sum(asked.method == "POST" and asked.path.endswith("/sis_imports") for asked in sandbox.requests)


@pytest.mark.parametrize("fault", ["get-500", "get-cut"])
def test_an_outage_that_outlasts_a_question_is_waited_out(home: Home, sandbox: Sandbox, fault: str) -> None:
    home.drop()
    outage = Watching({"importing": lambda: sandbox.add_fault(f"{fault}={MORE_THAN_ONE_QUESTION}")})
    told = home.run(show=outage)
    assert (told.result.exit_code, home.last().state) == (0, BatchState.IMPORTED)
    assert posts(sandbox) == 1


@pytest.mark.parametrize("patient", [True, False])
def test_an_import_that_canvas_does_not_answer_for_is_left_to_the_next_run(
    home: Home, sandbox: Sandbox, *, patient: bool
) -> None:
    home.configure(SIS_SYNC_POLL_LIMIT="30m")
    home.drop()
    told = home.run(patient=patient, show=Watching({"importing": lambda: sandbox.add_fault(f"get-500={ALWAYS}")}))
    assert (told.result.exit_code, home.last().state) == (13, BatchState.IMPORTING)
    sandbox.clear_faults()
    assert home.run().result.outcome == "imported"
    assert posts(sandbox) == 1
