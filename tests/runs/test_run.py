"""Whole runs against the sandbox: from the inbox to a finished import and a filed batch."""

from __future__ import annotations

import zipfile

import pytest
from support.golden import Golden
from support.homes import COURSES, ENROLLMENTS, USERS, Home, Watching

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox


def test_loose_files_become_one_import_and_leave_the_inbox(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": USERS, "courses.csv": COURSES, "enrollments.csv": ENROLLMENTS})
    told = home.run()
    assert told.result.exit_code == 0
    assert told.result.outcome == "imported"
    assert [record.workflow_state for record in sandbox.imports] == ["imported"]
    assert sandbox.count("enrollment") == 2
    assert not list(home.inbox.iterdir())
    batch = home.last()
    folder = home.archive / batch.id[:4] / batch.id[4:6] / batch.id
    assert sorted(path.name for path in folder.iterdir()) == ["check.json", "import.zip", "plan.json", "receipt.json"]
    with zipfile.ZipFile(folder / "import.zip") as packed:
        assert packed.read("users.csv").decode() == USERS


def test_sub_folders_and_zips_are_drops_of_their_own_sent_oldest_first(home: Home, sandbox: Sandbox) -> None:
    home.drop({"a/users.csv": USERS}, folder="night")
    with zipfile.ZipFile(home.inbox / "later.zip", "w") as ready:
        ready.writestr("users.csv", USERS)
        ready.writestr("courses.csv", COURSES)
    told = home.run()
    assert [batch.state for batch in told.result.batches] == [BatchState.IMPORTED, BatchState.IMPORTED]
    assert [batch.drop_name for batch in told.result.batches] == ["night", "later.zip"]
    assert [entry.name for entry in told.result.batches[0].entries] == ["a/users.csv"]
    assert not list(home.inbox.iterdir())


def test_a_failed_import_holds_the_next_drop_until_it_is_skipped(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop()
    assert home.run().result.exit_code == 4
    home.drop({"courses.csv": COURSES})
    held = home.run()
    assert held.result.exit_code == 5
    assert len(sandbox.imports) == 1
    assert (home.inbox / "courses.csv").exists()
    assert home.call("skip", home.last().id, "--reason", "known").returncode == 0
    assert home.run().result.outcome == "imported"


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_zip_that_is_no_longer_what_was_packed_is_held(
    home: Home, sandbox: Sandbox, damage: str, golden: Golden
) -> None:
    foreign = sandbox.add_import("importing")
    home.drop()
    sandbox.set_state(foreign, "imported")
    begun = Watching(end={"reading back": lambda: sandbox.set_state(foreign, "importing")})
    told = home.run(patient=False, show=begun)
    assert told.result.outcome == "waiting"
    batch = home.last()
    assert batch.state is BatchState.PACKED
    path = home.archive / batch.id[:4] / batch.id[4:6] / batch.id / "import.zip"
    path.unlink()
    if damage == "changed":
        path.write_bytes(b"something else")
    sandbox.set_state(foreign, "imported")
    told = home.run()
    assert told.result.exit_code == 5
    golden(told.message)
    assert len(sandbox.imports) == 1
