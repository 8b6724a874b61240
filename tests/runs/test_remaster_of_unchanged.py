"""A remaster that is due does not wait for a change: an unchanged delivery asks for it too, and for one only."""

from __future__ import annotations

import pytest
from support.homes import Home
from support.rejected_rows import Entered, Unplugged, delivery, enrolled, remasters, send, unplug

from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.batch_states import State
from canvas_sis_sync.sandbox.sandbox import Sandbox

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
    assert (batch.state, batch.filed) == (State.UNCHANGED, True)
    return entered


def test_what_can_be_taken_by_now_is_sent_after_an_unchanged_delivery_and_once(
    home: Home, sandbox: Sandbox, diffed: Batch
) -> None:
    home.configure(SIS_SYNC_REMASTER="auto")
    (remaster,) = unchanged(home)

    assert (remaster.remaster_of, remaster.state) == (diffed.id, State.IMPORTED)
    assert (remaster.zip_sha256, remaster.drop_name) == (diffed.zip_sha256, diffed.drop_name)
    assert enrolled(sandbox) == {"u1": "active", "u9": "active"}
    same = home.batches()[2]
    assert same.notes[-1].startswith(f"Batch {diffed.id} is sent once more, whole, as batch {remaster.id}: rows that")
    assert home.receipt(same)["batch"]["notes"] == list(same.notes)
    assert [unchanged(home, days) for days in (0, 2)] == [[], []]


@pytest.mark.slow
def test_everything_is_sent_after_an_unchanged_delivery_once_its_time_has_come(home: Home, diffed: Batch) -> None:
    home.configure(SIS_SYNC_REMASTER=EVERY)
    assert unchanged(home, 6.9) == []
    (remaster,) = unchanged(home, 7.1)
    assert (remaster.remaster_of, remaster.state) == (diffed.id, State.IMPORTED)
    assert unchanged(home, 7.2) == []


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["never", "auto"])
def test_where_none_is_due_an_unchanged_delivery_asks_for_none(home: Home, diffed: Batch, setting: str) -> None:
    no_longer = delivery("u1", "u2")
    send(home, no_longer)
    home.configure(SIS_SYNC_REMASTER=setting)
    batch, *entered = send(home, no_longer, days=8)
    assert (batch.state, entered) == (State.UNCHANGED, [])


def test_after_an_import_that_was_not_diffed_nothing_is_due(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="nightly", SIS_SYNC_REMASTER=EVERY)
    send(home, SAME)
    assert unchanged(home, 8) == []


def test_what_is_not_known_of_the_rows_that_wait_is_said(home: Home, diffed: Batch) -> None:
    home.configure(SIS_SYNC_REMASTER="auto")
    (home.folder_of(diffed) / "waiting.json").unlink()
    assert unchanged(home) == []
    told = home.last().notes
    assert f"Which rows waited after batch {diffed.id} is not known." in told
    assert any("No remaster is sent" in note for note in told)


@pytest.mark.slow
@pytest.mark.parametrize(("setting", "due", "soon", "later"), [("auto", 0, 0.9, 1.1), (EVERY, 7.1, 8.2, 14.3)])
def test_one_that_was_discarded_is_not_entered_again_at_once(
    home: Home, diffed: Batch, setting: str, due: float, soon: float, later: float
) -> None:
    home.configure(SIS_SYNC_REMASTER=setting)
    path = home.folder_of(diffed) / "import.zip"
    _, held = send(home, SAME, due, show=Entered(lambda: path.rename(path.with_suffix(".away"))))
    assert (held.remaster_of, held.state) == (diffed.id, State.HELD)
    path.with_suffix(".away").rename(path)
    home.say("discard", held.id, "not now")

    assert unchanged(home, soon) == []
    (remaster,) = unchanged(home, later)
    assert (remaster.remaster_of, remaster.state) == (diffed.id, State.IMPORTED)


@pytest.mark.slow
def test_a_run_that_is_killed_after_entering_it_enters_no_second_one(
    home: Home, sandbox: Sandbox, diffed: Batch
) -> None:
    home.configure(SIS_SYNC_REMASTER="auto")
    home.drop(SAME)
    with pytest.raises(Unplugged):
        home.run(show=Entered(unplug))
    for _ in range(2):
        home.run()

    assert [batch.state for batch in remasters(home)] == [State.IMPORTED]
    assert all(batch.filed for batch in home.batches())
    assert len(sandbox.imports) == 3
