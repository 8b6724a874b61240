"""Locks held by the operating system: one run a home, one sender a target, and gone with their process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.golden import Golden
from support.sentences import in_full

from canvas_sis_sync.canvas.records import Target
from canvas_sis_sync.errors import HomeError, TimeRanOut
from canvas_sis_sync.home.lock import home_lock, target_lock

HOLDER = """
import sys, time
from pathlib import Path
from canvas_sis_sync.home.lock import home_lock
with home_lock(Path(sys.argv[1])) as free:
    print(free, flush=True)
    time.sleep(60)
"""
TARGET = Target("canvas.example.edu:8443", 7)


@contextmanager
def another_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        try:
            yield holder
        finally:
            holder.kill()


def test_a_second_run_of_a_home_finds_the_lock_taken_until_the_first_one_dies(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with another_process(path) as holder:
        with home_lock(path) as free:
            assert not free
        holder.kill()
        holder.wait()
        with home_lock(path) as free:
            assert free
    with home_lock(path) as again:
        assert again
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_home_without_archive_is_not_made_by_its_lock(tmp_path: Path, golden: Golden) -> None:
    with pytest.raises(HomeError) as caught, home_lock(tmp_path / "archive" / ".lock"):
        pass
    golden(in_full(caught.value))
    assert not (tmp_path / "archive").exists()


def test_a_lock_that_cannot_be_written_is_told(tmp_path: Path, golden: Golden) -> None:
    (tmp_path / ".lock").mkdir()
    with pytest.raises(HomeError) as caught, home_lock(tmp_path / ".lock"):
        pass
    golden(in_full(caught.value))


def test_a_second_sender_waits_until_the_first_is_done(tmp_path: Path) -> None:
    order: list[str] = []
    taken = threading.Event()

    def first() -> None:
        with target_lock(tmp_path / "state", TARGET, time.sleep):
            taken.set()
            time.sleep(0.3)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    taken.wait()
    with target_lock(tmp_path / "state", TARGET, lambda _: time.sleep(0.02)):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["canvas.example.edu_8443-7.lock"]


def no_waiting(seconds: float) -> None:
    pytest.fail(f"it waits for {seconds} seconds")


def test_other_targets_do_not_wait(tmp_path: Path) -> None:
    with (
        target_lock(tmp_path, TARGET, no_waiting),
        target_lock(tmp_path, Target(TARGET.host, 8), no_waiting),
        target_lock(tmp_path, Target("canvas.example.edu", 7), no_waiting),
    ):
        assert len(list(tmp_path.iterdir())) == 3


def test_what_ends_the_waiting_is_raised_and_takes_nothing(tmp_path: Path) -> None:
    def too_late(_seconds: float) -> None:
        raise TimeRanOut("Time is over.")

    with target_lock(tmp_path, TARGET, time.sleep), pytest.raises(TimeRanOut):  # noqa: SIM117 - the order is the point
        with target_lock(tmp_path, TARGET, too_late):
            pytest.fail("it was taken")
    with target_lock(tmp_path, TARGET, no_waiting):
        pass
