"""A forked process gives its result and its progress, may fail or die, and never outlives who waits for it."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from canvas_sis_sync import forked
from canvas_sis_sync.forked import Forked, Progress, may_fork

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(path: Path) -> int:
    while not path.exists() or not path.read_text():
        time.sleep(0.005)
    return int(path.read_text())


def test_it_gives_what_another_process_found_and_tells_how_far_it_is() -> None:
    def work(tell: Progress) -> int:
        for count in (1, 0, 2):
            tell(count)
        return os.getpid()

    told: list[int] = []
    with Forked(work, told.append) as process:
        assert process.result() not in {None, os.getpid()}
        assert process.result() is not None
    assert told == [1, 2]


def test_progress_is_passed_on_while_it_works(tmp_path: Path) -> None:
    def work(tell: Progress) -> str:
        tell(5)
        wait_for(tmp_path / "go")
        return "found"

    told: list[int] = []
    with Forked(work, told.append) as process:
        while not told:
            process.pass_on()
        (tmp_path / "go").write_text("1")
        assert process.result() == "found"
        process.pass_on()
    assert told == [5]


def test_work_that_fails_gives_nothing_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    def fail(_tell: Progress) -> int:
        raise ValueError

    with Forked(fail) as process:
        assert process.result() is None
    assert capfd.readouterr() == ("", "")


def test_one_that_dies_gives_nothing() -> None:
    with Forked(lambda _tell: os._exit(3)) as process:
        assert process.result() is None
        process.pass_on()


def test_it_ends_with_the_context(tmp_path: Path) -> None:
    def work(_tell: Progress) -> None:
        (tmp_path / "pid").write_text(str(os.getpid()))
        time.sleep(60)

    with Forked(work):
        pid = wait_for(tmp_path / "pid")
        assert is_running(pid)
    assert not is_running(pid)


def test_it_ends_itself_when_nobody_waits_any_more(tmp_path: Path) -> None:
    def inner(tell: Progress) -> None:
        (tmp_path / "pid").write_text(str(os.getpid()))
        while True:
            tell(0)
            time.sleep(0.005)

    def outer(_tell: Progress) -> None:
        with Forked(inner):
            wait_for(tmp_path / "pid")
            os._exit(1)

    with Forked(outer) as process:
        assert process.result() is None
    pid = wait_for(tmp_path / "pid")
    deadline = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert not is_running(pid)


def test_nothing_is_forked_where_it_is_unsafe_or_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forked.os, "cpu_count", lambda: 2)
    assert may_fork()
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        assert not may_fork()
    finally:
        done.set()
        other.join()
    monkeypatch.setattr(forked.os, "cpu_count", lambda: 1)
    assert not may_fork()
