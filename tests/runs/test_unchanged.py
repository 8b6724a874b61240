"""A delivery that is the same as the last accepted one is not sent, unless sending it would do something."""

from __future__ import annotations

import pytest
from support.exports import BATCH_MODE, DIFFING, Files, accepted, deliver, enrolled, export, leaving, places, plan
from support.golden import Golden
from support.homes import Home

from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

FULL = export()
RENAMED = {f"export-{name}": text for name, text in FULL.items()}


@pytest.fixture
def first(home: Home, sandbox: Sandbox) -> Batch:
    """Give an accepted delivery of a data set."""
    home.configure(**DIFFING)
    return accepted(home, FULL)


@pytest.mark.parametrize("files", [FULL, RENAMED], ids=["the same names", "other names"])
def test_the_same_content_is_not_sent_and_nobody_hears_of_it(
    home: Home, sandbox: Sandbox, first: Batch, files: Files, golden: Golden
) -> None:
    home.drop(files)
    done = home.type("run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    batch = home.last()
    assert (batch.state, batch.import_id) == (BatchState.UNCHANGED, None)
    golden(batch.reason)
    assert first.id in batch.reason
    assert (batch.filed, plan(home, batch)["unchanged"], home.receipt()["batch"]["state"]) == (True, True, "unchanged")
    assert len(sandbox.imports) == 1
    assert not list(home.inbox.iterdir())


def test_what_comes_after_it_is_compared_with_the_last_accepted_one(home: Home, sandbox: Sandbox, first: Batch) -> None:
    for _ in range(2):
        assert deliver(home, FULL).state is BatchState.UNCHANGED
    batch = accepted(home, leaving(FULL, 6))
    assert plan(home, batch)["against"] == f"batch {first.id} (import 1)"
    assert enrolled(sandbox) == places(leaving(FULL, 6))
    accepted(home, FULL)
    assert enrolled(sandbox) == places(FULL)


@pytest.mark.parametrize(
    ("settings", "times"),
    [
        ({"SIS_IMPORT_OVERRIDE_SIS_STICKINESS": "true"}, 2),
        ({"SIS_IMPORT_DIFFING_DROP_STATUS": "inactive"}, 1),
        ({"SIS_IMPORT_DIFFING_REMASTER_DATA_SET": "true"}, 1),
    ],
    ids=["stickiness", "another parameter", "a remaster"],
)
def test_what_would_do_something_is_sent(
    home: Home, sandbox: Sandbox, first: Batch, settings: dict[str, str], times: int
) -> None:
    home.configure(**settings)
    for _ in range(times):
        accepted(home, FULL)
    assert len(sandbox.imports) == 1 + times
    assert enrolled(sandbox) == places(FULL)


@pytest.mark.slow
def test_batch_mode_is_sent_each_time(home: Home, sandbox: Sandbox) -> None:
    accepted(home, FULL)
    home.configure(**BATCH_MODE)
    accepted(home, FULL)
    accepted(home, FULL)
    assert len(sandbox.imports) == 3
    assert enrolled(sandbox) == places(FULL)


@pytest.mark.slow
def test_a_failed_import_in_between_makes_the_same_worth_sending(home: Home, sandbox: Sandbox, first: Batch) -> None:
    sandbox.add_fault("fail")
    failed = deliver(home, export(121))
    assert failed.state is BatchState.FAILED
    home.say("skip", failed.id, "the next export has it all")
    accepted(home, FULL)
    assert len(sandbox.imports) == 3
    assert deliver(home, FULL).state is BatchState.UNCHANGED
