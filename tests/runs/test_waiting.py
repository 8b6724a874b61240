"""The order of a run: what is taken when, what is waited for, and what --no-wait leaves for later."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home, Watching, fast_clock

from canvas_sis_sync.clock import Clock
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow


class Hands:
    """A clock that stands still unless it is turned, or slept by."""

    def __init__(self) -> None:
        self.now = time.time()
        self.clock = Clock(lambda: self.now, lambda: self.now, self.sleep)
        self.slept = 0.0

    def sleep(self, seconds: float) -> None:
        time.sleep(0.005)
        self.now += seconds
        self.slept += seconds


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def settling(home: Home) -> Home:
    home.configure(SIS_SYNC_SETTLE_SECONDS=60)
    return home


def test_a_drop_is_taken_once_it_has_looked_the_same_for_the_settle_time(
    settling: Home, sandbox: Sandbox, hands: Hands
) -> None:
    settling.drop()
    began = hands.now
    assert settling.run(clock=hands.clock).result.outcome == "imported"
    assert 60 <= settling.last().claimed_at - began < 120


def test_an_earlier_runs_look_counts(settling: Home, sandbox: Sandbox, hands: Hands) -> None:
    settling.drop()
    for minute in range(2):
        told = settling.run(clock=hands.clock, patient=False)
        assert (told.result.outcome, told.result.exit_code) == ("waiting", 0), minute
        hands.now += 29
    hands.now += 2
    told = settling.run(clock=hands.clock, patient=False)
    assert told.result.exit_code == 0
    assert len(settling.batches()) == 1
    assert hands.slept == 0


def test_a_drop_that_is_still_written_to_is_not_taken(
    settling: Home, sandbox: Sandbox, hands: Hands, golden: Golden
) -> None:
    settling.configure(SIS_SYNC_POLL_LIMIT="10m")

    class Writing(Hands):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            with (settling.inbox / "users.csv").open("a") as file:
                file.write("u3,u3,Cem,Example,active\n")

    settling.drop()
    told = settling.run(clock=Writing().clock)
    assert (told.result.outcome, told.result.exit_code) == ("waiting", 6)
    golden(told.message)
    assert (settling.inbox / "users.csv").exists()
    assert sandbox.imports == ()
    assert settling.run(clock=hands.clock).result.outcome == "imported"


def test_a_clock_that_was_set_back_begins_the_settle_time_anew(settling: Home, sandbox: Sandbox, hands: Hands) -> None:
    settling.drop()
    settling.run(clock=hands.clock, patient=False)
    hands.now -= 3600
    for _ in range(2):
        assert settling.run(clock=hands.clock, patient=False).result.outcome == "waiting"
        hands.now += 31
    assert settling.batches() == []
    settling.run(clock=hands.clock, patient=False)
    assert len(settling.batches()) == 1


@pytest.mark.parametrize(("age", "taken"), [(-10, True), (0, True), (10, False), (None, False)])
def test_with_a_marker_only_the_marker_counts(
    settling: Home, sandbox: Sandbox, hands: Hands, age: int | None, *, taken: bool
) -> None:
    settling.configure(SIS_SYNC_MARKER="done")
    settling.drop(folder="night")
    users = settling.inbox / "night" / "users.csv"
    os.utime(users, (1_000_000, 1_000_000))
    if age is not None:
        (users.parent / "done").touch()
        os.utime(users.parent / "done", (1_000_000 - age, 1_000_000 - age))
    settling.run(clock=hands.clock, patient=False)
    hands.now += 600
    settling.run(clock=hands.clock, patient=False)
    assert bool(settling.batches()) is taken
    assert users.exists() is not taken


def test_the_oldest_drop_goes_first_even_when_only_a_newer_one_is_settled(
    settling: Home, sandbox: Sandbox, hands: Hands
) -> None:
    settling.drop({"courses.csv": COURSES, "users.csv": USERS}, folder="newer")
    settling.run(clock=hands.clock, patient=False)
    hands.now += 61
    settling.drop({"courses.csv": COURSES}, folder="older")
    os.utime(settling.inbox / "older" / "courses.csv", (1, 1))
    told = settling.run(clock=hands.clock)
    assert [batch.drop_name for batch in told.result.batches] == ["older", "newer"]
    assert told.result.outcome == "imported"


def test_no_wait_sends_at_most_one_batch_and_ends_well(home: Home, sandbox: Sandbox) -> None:
    home.drop({"courses.csv": COURSES}, folder="a")
    home.drop({"courses.csv": COURSES, "users.csv": USERS}, folder="b")
    before = 0
    for _ in range(4):
        told = home.run(patient=False)
        assert told.result.exit_code == 0
        assert len(home.batches()) <= before + 1
        before = len(home.batches())
        sandbox.wait_idle()
    assert [batch.state for batch in home.batches()] == [BatchState.IMPORTED, BatchState.IMPORTED]


def test_no_wait_takes_one_look_at_an_unfinished_import(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("slow=1")
    home.drop()
    for _ in range(2):
        asked = len(sandbox.requests)
        told = home.run(patient=False)
        assert (told.result.outcome, told.result.exit_code) == ("waiting", 0)
        assert "--no-wait" in told.message
    assert len(sandbox.requests) - asked == 1
    assert home.last().state is BatchState.IMPORTING


def test_no_wait_still_says_by_its_exit_code_that_somebody_must_act(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop()
    codes = [home.run(patient=False).result.exit_code]
    sandbox.wait_idle()
    codes += [home.run(patient=False).result.exit_code for _ in range(2)]
    assert [code for code in codes if code][:2] == [4, 5]


def test_a_newer_export_may_replace_one_that_waits_in_the_inbox(home: Home, sandbox: Sandbox) -> None:
    """The gate is shut when the run begins, and the export is replaced meanwhile: only the new one is sent."""
    theirs = sandbox.add_import("importing")
    home.drop()
    newer = USERS + "u3,u3,Cem,Example,active\n"

    class Replacing(Watching):
        def note(self, text: str) -> None:
            if not self.notes:
                (home.inbox / "users.csv").unlink()
                home.drop({"users.csv": newer})
                sandbox.set_state(theirs, "imported")
            super().note(text)

    assert home.run(show=Replacing()).result.outcome == "imported"
    assert sandbox.count("user") >= 3
    assert home.last().entries[0].size == len(newer)


def test_a_drop_that_vanishes_while_it_waits_is_not_missed(home: Home, sandbox: Sandbox) -> None:
    theirs = sandbox.add_import("importing")
    home.drop()

    class Removing(Watching):
        def note(self, text: str) -> None:
            (home.inbox / "users.csv").unlink(missing_ok=True)
            sandbox.set_state(theirs, "imported")

    told = home.run(show=Removing())
    assert (told.result.outcome, told.result.exit_code) == ("idle", 0)
    assert home.batches() == []


def test_a_run_goes_on_until_nothing_is_left(home: Home, sandbox: Sandbox) -> None:
    """A drop that arrives while another one is imported goes in the same run."""
    home.drop()
    late = iter([{"courses.csv": COURSES, "users.csv": USERS}])

    def arrive() -> None:
        for files in late:
            home.drop(files, folder="late")

    told = home.run(show=Watching(begin={"importing": arrive}))
    assert [batch.drop_name for batch in told.result.batches] == ["loose files", "late"]
    assert told.result.outcome == "imported"


def test_the_poll_limit_is_for_all_waiting_of_a_run_together(home: Home, sandbox: Sandbox, hands: Hands) -> None:
    home.configure(SIS_SYNC_POLL_LIMIT="90s")
    sandbox.add_import("importing")
    home.drop()
    assert home.run(clock=hands.clock).result.exit_code == 6
    assert 89 <= hands.slept <= 91


def test_what_is_left_lying_in_the_inbox_stays_and_is_mentioned_by_status(home: Home, sandbox: Sandbox) -> None:
    outside = home.folder / "outside"
    outside.mkdir()
    (outside / "secret.csv").write_text(USERS)
    (home.inbox / "linked.csv").symlink_to(outside / "secret.csv")
    (home.inbox / "linked").symlink_to(outside)
    home.drop({"users.csv": USERS, "notes.txt": "n", "users.csv.part": "half", ".hidden.csv": "h"})
    assert home.run().result.outcome == "imported"
    assert sorted(path.name for path in home.inbox.iterdir()) == [
        ".hidden.csv",
        "linked",
        "linked.csv",
        "notes.txt",
        "users.csv.part",
    ]
    assert [entry.name for entry in home.last().entries] == ["users.csv"]
    assert "linked, linked.csv, notes.txt" in home.type("status", "--offline").stdout


def test_a_folder_drop_keeps_its_paths_and_leaves_what_is_no_csv(home: Home, sandbox: Sandbox) -> None:
    home.drop({"a/users.csv": USERS, "b/courses.csv": COURSES, "b/readme.txt": "r"}, folder="night.csv")
    assert home.run().result.outcome == "imported"
    assert [entry.name for entry in home.last().entries] == ["a/users.csv", "b/courses.csv"]
    left = sorted(path.relative_to(home.inbox).as_posix() for path in home.inbox.rglob("*"))
    assert left == ["night.csv", "night.csv/b", "night.csv/b/readme.txt"]


def test_an_inbox_that_is_gone_is_told_with_what_to_do(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.inbox.rmdir()
    told = home.run()
    assert (told.result.outcome, told.result.exit_code) == ("held", 5)
    golden(told.message)
    assert f"sis-sync --home {home.folder} init" in told.message


def test_an_archive_that_is_gone_is_told_and_not_made_anew(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.archive.rmdir()
    home.drop()
    told = home.run()
    assert told.result.exit_code == 5
    golden(told.message)
    assert not home.archive.exists()
    assert (home.inbox / "users.csv").exists()


def test_a_disk_without_room_takes_nothing(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    import shutil

    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=1_000))
    home.drop()
    told = home.run()
    assert told.result.exit_code == 5
    golden(told.message)
    assert (home.inbox / "users.csv").exists()


def test_everything_that_is_made_is_private(home: Home, sandbox: Sandbox) -> None:
    os.umask(0o022)
    home.drop({"users.csv": USERS, "courses.csv": b"course_id,short_name,long_name,status\n,,,active\n"})
    (home.inbox / "users.csv").chmod(0o666)
    home.run(clock=fast_clock())
    home.type("status", "--offline")
    state = Path(home.env["XDG_STATE_HOME"]) / "sis-sync"
    made = [path for top in (home.archive, home.folder / "logs", state) for path in [top, *top.rglob("*")]]
    assert {"import.zip", "receipt.json", "errors.csv", "sis-sync.log"} <= {path.name for path in made}
    wrong = {path: oct(path.stat().st_mode) for path in made if path.stat().st_mode & 0o077}
    assert not wrong
