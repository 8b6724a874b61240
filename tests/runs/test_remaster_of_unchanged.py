"""A remaster that is due does not wait for a change: an unchanged delivery asks for it too, and for one only."""

from __future__ import annotations

import pytest
from support.golden import Golden
from support.homes import Home
from support.rejected_rows import Entered, Unplugged, delivery, enrolled, later, remasters, send, unplug

from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

EVERY, SAME = "every:7d", delivery("u1", "u9")


@pytest.fixture
def diffed(home: Home, sandbox: Sandbox) -> Batch:
    """Give the diffed delivery of a home without remasters: it brought the user of an enrollment refused before."""
    sandbox.add_fault("late-attachment=0")
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="nightly")
    send(home, delivery("u1", enrolled="u1 u9"))
    (batch,) = send(home, SAME)
    assert batch.sis_import is not None
    assert batch.sis_import.diffed_against == 1
    return batch


def unchanged(home: Home, days: float = 0) -> list[Batch]:
    """Deliver the same once more, and give what was entered after that."""
    batch, *entered = send(home, SAME, days)
    assert (batch.state, batch.filed) == (BatchState.UNCHANGED, True)
    return entered


def test_everything_is_sent_after_an_unchanged_delivery_once_its_time_has_come(
    home: Home, sandbox: Sandbox, diffed: Batch, golden: Golden
) -> None:
    home.configure(SIS_SYNC_REMASTER=EVERY)
    assert unchanged(home, 6.9) == []
    (remaster,) = unchanged(home, 7.1)

    assert (remaster.remaster_of, remaster.state) == (diffed.id, BatchState.IMPORTED)
    assert (remaster.zip.sha256, remaster.drop_name) == (diffed.zip.sha256, diffed.drop_name)
    assert enrolled(sandbox) == {"u1": "active", "u9": "active"}
    same = home.batches()[3]
    golden(same.notes[-1])
    assert diffed.id in same.notes[-1]
    assert remaster.id in same.notes[-1]
    assert home.receipt(same)["batch"]["notes"] == list(same.notes)
    assert [unchanged(home, days) for days in (7.2, 9)] == [[], []]


@pytest.mark.slow
def test_with_never_a_delivery_without_refused_rows_is_unchanged_and_asks_for_none(
    home: Home, sandbox: Sandbox
) -> None:
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="nightly")
    send(home, delivery("u1"))
    send(home, SAME)
    assert unchanged(home, 8) == []


def test_with_never_a_delivery_is_sent_while_refused_rows_may_stay_so(home: Home, diffed: Batch) -> None:
    batch, *entered = send(home, SAME, days=8)
    assert (batch.state, entered) == (BatchState.IMPORTED, [])


def test_after_an_import_that_was_not_diffed_nothing_is_due(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="nightly", SIS_SYNC_REMASTER=EVERY)
    send(home, SAME)
    assert unchanged(home, 8) == []


@pytest.mark.slow
def test_one_that_was_discarded_is_not_entered_again_at_once(home: Home, diffed: Batch) -> None:
    home.configure(SIS_SYNC_REMASTER=EVERY)
    path = home.folder_of(diffed) / "import.zip"
    _, held = send(home, SAME, 7.1, show=Entered(lambda: path.rename(path.with_suffix(".away"))))
    assert (held.remaster_of, held.state) == (diffed.id, BatchState.HELD)
    path.with_suffix(".away").rename(path)
    home.say("discard", held.id, "not now")

    assert unchanged(home, 8.2) == []
    (remaster,) = unchanged(home, 14.3)
    assert (remaster.remaster_of, remaster.state) == (diffed.id, BatchState.IMPORTED)


@pytest.mark.slow
def test_a_run_that_is_killed_after_entering_it_enters_no_second_one(
    home: Home, sandbox: Sandbox, diffed: Batch
) -> None:
    home.configure(SIS_SYNC_REMASTER=EVERY)
    home.drop(SAME)
    a_week_later = later(7.1)
    with pytest.raises(Unplugged):
        home.run(show=Entered(unplug), clock=a_week_later)
    for _ in range(2):
        home.run(clock=a_week_later)

    assert [batch.state for batch in remasters(home)] == [BatchState.IMPORTED]
    assert all(batch.filed for batch in home.batches())
    assert len(sandbox.imports) == 3
