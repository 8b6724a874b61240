"""A forked process gives its result and its progress, may fail or die, and never outlives who waits for it."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from support.homes import Home

from canvas_sis_sync import parallel
from canvas_sis_sync.home.lock import home_lock
from canvas_sis_sync.parallel import Forked, Progress, may_fork
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux only")

PARENT = """
import os, time
from contextlib import ExitStack
from canvas_sis_sync.parallel import Forked

def compute(tell):
    while True:
        pass

def fill(tell):
    return "x" * 100_000_000

def fork(tell):
    with Forked(compute):
        time.sleep(300)

with ExitStack() as stack:
    for work in (compute, fill, fork, lambda tell: time.sleep(300)):
        stack.enter_context(Forked(work))
    print("started", flush=True)
    time.sleep(300)
"""
SMALL_FORKS = """
from canvas_sis_sync.check import _halves
from canvas_sis_sync.plan.changes import _kinds, comparing
_halves.LEAST_BYTES = _kinds.LEAST_FORKED_BYTES = comparing.APART_BYTES = 1
from canvas_sis_sync.__main__ import main
main()
"""


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


def open_files(pid: int) -> set[str]:
    return {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}


def test_it_holds_nothing_of_its_parent_that_reaches_others(tmp_path: Path) -> None:
    def work(_tell: Progress) -> str:
        shared.write(b"by the child")
        (tmp_path / "pid").write_text(str(os.getpid()))
        wait_for(tmp_path / "go")
        return kept.read()

    (tmp_path / "read").write_text("content")
    with (
        closing(sqlite3.connect(tmp_path / "journal", isolation_level=None)) as journal,
        home_lock(tmp_path / ".lock"),
        (tmp_path / "log").open("w"),
        (tmp_path / "read").open() as kept,
        tempfile.TemporaryFile(dir=tmp_path, buffering=0) as shared,
        closing(socket.socket()),
    ):
        journal.execute("CREATE TABLE anything (x)")
        with Forked(lambda tell: wait_for(tmp_path / "go")) as other, Forked(work) as process:
            held = open_files(wait_for(tmp_path / "pid"))
            assert not {str(tmp_path / name) for name in ("journal", ".lock", "log")} & held
            assert sum(name.startswith("pipe:") for name in held) == 1
            assert not any(name.startswith("socket:") for name in held)
            (tmp_path / "go").write_text("1")
            assert process.result() == "content"
            assert other.result() == 1
        shared.seek(0)
        assert shared.read() == b"by the child"
        journal.execute("INSERT INTO anything VALUES (1)")


def children_of(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()


def marked(mark: str) -> set[int]:
    """Find the running processes that have a text in their environment."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if mark.encode() in (entry / "environ").read_bytes() and is_running(int(entry.name)):
                    found.add(int(entry.name))
    return found


@pytest.mark.slow
def test_whatever_a_killed_parent_was_at_its_children_end_within_two_seconds(tmp_path: Path) -> None:
    """One computes, one waits in a full pipe, one has forked another, one sleeps."""
    for moment in range(10):
        mark = f"FORKED_TEST={os.getpid()}-{moment}"
        name, _, value = mark.partition("=")
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT], env=os.environ | {name: value}, stdout=subprocess.PIPE, text=True
        )
        assert parent.stdout is not None
        assert parent.stdout.readline() == "started\n"
        time.sleep(moment / 50)
        assert len(marked(mark)) > 1
        parent.kill()
        deadline = time.monotonic() + 2
        while marked(mark) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not marked(mark)
        # Nobody holds its standard output any more, either.
        with parent:
            assert parent.stdout.read() == ""


@pytest.mark.slow
@pytest.mark.parametrize("command", [("check",), ("plan",), ("run", "--no-wait")])
def test_a_command_killed_while_it_checks_or_compares_leaves_no_process(
    home: Home, sandbox: Sandbox, command: tuple[str, ...]
) -> None:
    rows = [f"u{number},u{number},A,B,active\n" for number in range(20_000)]
    header = "user_id,login_id,first_name,last_name,status\n"
    home.drop({"users.csv": header + "".join(rows)})
    home.run()
    home.drop({"users.csv": header + "".join(row.replace("active", "strange") for row in rows)})
    moments = 10 if command[0] != "run" else 1
    for moment in range(moments):
        mark = f"FORKED_TEST={os.getpid()}-{command[0]}-{moment}"
        name, _, value = mark.partition("=")
        arguments = [sys.executable, "-c", SMALL_FORKS, "--home", str(home.folder), *command]
        parent = subprocess.Popen(
            arguments, env=os.environ | home.env | {name: value}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while not children_of(parent.pid) and parent.poll() is None:
            time.sleep(0.002)
        time.sleep(moment / 200)
        assert parent.poll() is None
        parent.kill()
        parent.wait()
        deadline = time.monotonic() + 2
        while marked(mark) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not marked(mark)
        with home_lock(home.archive / ".lock") as free:
            assert free


def test_nothing_is_forked_where_it_is_unsafe_or_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel.os, "cpu_count", lambda: 2)
    assert may_fork()
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        assert not may_fork()
    finally:
        done.set()
        other.join()
    monkeypatch.setattr(parallel.os, "cpu_count", lambda: 1)
    assert not may_fork()
