"""Writers that are not done: what they still write is in the zip, or the batch is held and nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home, Watching, fast_clock

from canvas_sis_sync.clock import Clock
from canvas_sis_sync.errors import EXIT_HELD, EXIT_TIME_RAN_OUT, DropChanged
from canvas_sis_sync.files import Folder
from canvas_sis_sync.home import inbox
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.home.drops import DropFile
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync import pack
from canvas_sis_sync.sync.release import discard

pytestmark = pytest.mark.slow

WRITER = """
import sys
file = open(sys.argv[1], "ab")
print(flush=True)
for line in sys.stdin:
    file.write(bytes.fromhex(line))
    file.flush()
    print(flush=True)
"""
MORE = "u3,u3,Cy,Example,active\n"


class Writer:
    """A real process that keeps a file open, wherever that is moved to, and writes when it is told to."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._wait()

    def write(self, content: bytes = MORE.encode()) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(content.hex() + "\n")
        self._process.stdin.flush()
        self._wait()

    def close(self) -> None:
        self._process.communicate()

    def _wait(self) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "\n"


@pytest.fixture
def writer(home: Home) -> Iterator[Writer]:
    """Drop a file that its writer keeps open."""
    home.drop({"users.csv": USERS})
    open_file = Writer(home.inbox / "users.csv")
    yield open_file
    open_file.close()


class WatchingBytes(Watching):
    """Shows nothing, and does something each time that bytes of a file have been read for its zip."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act

    @contextmanager
    def stage(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        with super().stage(what, total) as done:
            yield lambda count: (done(count), self._act())[0] if what == "zipping" else done(count)


def packed(home: Home, name: str = "users.csv") -> str:
    """Read a file of the last batch's zip."""
    batch = home.last()
    with zipfile.ZipFile(home.archive / batch.id[:4] / batch.id[4:6] / batch.id / "import.zip") as zip_file:
        return zip_file.read(name).decode()


def writes_at_first(write: Callable[[], None]) -> Callable[[], None]:
    """Give a function that writes when it is called for the first time."""
    left = [write]
    return lambda: left.pop()() if left else None


@contextmanager
def at_the_claim(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> Iterator[None]:
    """Do something right after a file of a drop has been moved."""
    move = inbox.move

    def moved(origin: Folder, file: DropFile, sources: Folder) -> None:
        move(origin, file, sources)
        act()

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "move", moved)
        yield


def test_what_is_written_across_the_claim_is_in_the_zip(
    home: Home, sandbox: Sandbox, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_the_claim(monkeypatch, writes_at_first(writer.write)):
        assert home.run().result.outcome == "imported"
    assert packed(home) == USERS + MORE
    assert sandbox.count("user") == 3
    assert len(sandbox.imports) == 1


@pytest.mark.parametrize("stage", ["zipping", "reading back"])
def test_what_is_written_while_packing_is_in_the_zip(home: Home, sandbox: Sandbox, writer: Writer, stage: str) -> None:
    stages: list[str] = []

    def write() -> None:
        stages.append(stage)
        if len(stages) <= 2:
            writer.write()

    assert home.run(show=Watching({stage: write})).result.outcome == "imported"
    assert packed(home) == USERS + MORE + MORE
    assert len(stages) == 3
    assert len(sandbox.imports) == 1


def test_a_file_that_grows_while_it_is_read_is_packed_again(home: Home, sandbox: Sandbox, writer: Writer) -> None:
    assert home.run(show=WatchingBytes(writes_at_first(writer.write))).result.outcome == "imported"
    assert packed(home) == USERS + MORE


def test_a_writer_that_is_not_done_within_the_poll_limit_is_left_to_the_next_run(
    home: Home, sandbox: Sandbox, writer: Writer, golden: Golden
) -> None:
    home.configure(SIS_SYNC_POLL_LIMIT="5s")
    clock = fast_clock()

    def sleep(seconds: float) -> None:
        writer.write()
        clock.sleep(seconds)

    show = Watching({"zipping": writes_at_first(writer.write)})
    told = home.run(clock=Clock(clock.now, clock.monotonic, sleep), show=show)
    assert told.result.exit_code == EXIT_TIME_RAN_OUT
    golden(told.message)
    assert not sandbox.imports
    assert home.run().result.outcome == "imported"
    assert packed(home).startswith(USERS + MORE + MORE)


def test_a_zip_that_is_still_being_written_is_not_refused(home: Home, sandbox: Sandbox) -> None:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as ready:
        ready.writestr("users.csv", USERS)
    whole = content.getvalue()
    home.drop({"ready.zip": whole[:100]})
    writer = Writer(home.inbox / "ready.zip")
    rest, make_zip = writes_at_first(lambda: writer.write(whole[100:])), pack.make_zip

    def make_zip_and_write(*arguments: Any) -> object:
        try:
            return make_zip(*arguments)
        finally:
            rest()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pack, "make_zip", make_zip_and_write)
        outcome = home.run().result.outcome
    writer.close()
    assert outcome == "imported"
    assert packed(home) == USERS


def test_sources_that_differ_though_nobody_wrote_end_the_run(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(*_: object) -> None:
        raise DropChanged("users.csv changed while it was being packed.", "Run sis-sync again.")

    home.drop()
    with monkeypatch.context() as patched:
        patched.setattr(pack, "make_zip", changed)
        assert home.run().result.exit_code == EXIT_TIME_RAN_OUT
    assert home.run().result.outcome == "imported"


def stop_before_the_claim(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the home as a run does that was stopped after it had listed the drop, and before the first rename."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "opened", stop)
        with pytest.raises(KeyboardInterrupt):
            home.run()
    assert home.last().state is BatchState.CLAIMED


def claim_one_of_two(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the home as a run does that was stopped between two renames: courses are claimed, users are not."""
    home.drop({"courses.csv": COURSES, "users.csv": USERS})
    move = inbox.move

    def stop_at_users(origin: Folder, file: DropFile, sources: Folder) -> None:
        if file.name == "users.csv":
            raise KeyboardInterrupt
        move(origin, file, sources)

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "move", stop_at_users)
        with pytest.raises(KeyboardInterrupt):
            home.run()
    assert home.last().state is BatchState.CLAIMED


def test_the_rest_of_an_interrupted_claim_is_claimed_when_it_is_unchanged(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_one_of_two(home, monkeypatch)
    assert home.run().result.outcome == "imported"
    assert (packed(home, "courses.csv"), packed(home, "users.csv")) == (COURSES, USERS)
    assert len(sandbox.imports) == 1


@pytest.mark.parametrize("how", ["written to", "replaced", "removed"])
def test_an_interrupted_claim_whose_rest_changed_is_held_until_it_is_discarded(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, how: str, golden: Golden
) -> None:
    claim_one_of_two(home, monkeypatch)
    users = home.inbox / "users.csv"
    if how == "written to":
        users.write_text(USERS + MORE)
    elif how == "replaced":
        stamp = users.stat().st_mtime_ns
        users.rename(home.folder / "older.csv")
        users.write_text(USERS)
        os.utime(users, ns=(stamp, stamp))
    else:
        users.unlink()
    for _ in range(2):
        told = home.run()
        assert told.result.exit_code == EXIT_HELD
        golden(told.message)
        for name in (str(home.inbox), "users.csv", "courses.csv", home.last().id):
            assert name in told.message
    batch = home.last()
    assert not sandbox.imports
    discard(home.settings(), batch.id, "exported again", Clock())
    folder = home.archive / batch.id[:4] / batch.id[4:6] / batch.id
    assert (folder / "files" / "courses.csv").read_text() == COURSES
    assert home.run().result.exit_code == 0
    assert len(sandbox.imports) == (0 if how == "removed" else 1)
    assert (folder / "files" / "courses.csv").read_text() == COURSES


def test_a_claim_that_moved_nothing_gives_way_to_a_newer_export(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.drop({"users.csv": USERS}, folder="night")
    stop_before_the_claim(home, monkeypatch)
    home.drop({"users.csv": USERS + MORE}, folder="night")
    told = home.run()
    assert told.result.exit_code == 0
    assert [batch.state for batch in told.result.batches] == [BatchState.DISCARDED, BatchState.IMPORTED]
    assert packed(home) == USERS + MORE
    assert len(sandbox.imports) == 1


def test_a_claimed_folder_that_became_a_file_is_no_bug(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.drop({"users.csv": USERS}, folder="night")
    stop_before_the_claim(home, monkeypatch)
    (home.inbox / "night" / "users.csv").unlink()
    (home.inbox / "night").rmdir()
    (home.inbox / "night").write_text("what is this?")
    assert home.run().result.exit_code == 0
    assert home.last().state is BatchState.DISCARDED
    assert not sandbox.imports


def test_a_drop_that_is_replaced_while_it_waits_is_sent_as_it_is_last(home: Home, sandbox: Sandbox) -> None:
    blocker = sandbox.add_import("importing")
    home.drop({"users.csv": USERS})
    clock, looks = fast_clock(), []

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            home.drop({"users.csv": USERS + MORE})
        if len(looks) == 4:
            sandbox.set_state(blocker, "imported")
        clock.sleep(seconds)

    assert home.run(clock=Clock(clock.now, clock.monotonic, sleep)).result.outcome == "imported"
    assert packed(home) == USERS + MORE
    assert len(sandbox.imports) == 2


def test_a_copy_across_file_systems_waits_for_the_writer(
    home: Home, sandbox: Sandbox, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename, copy, write = Folder.rename, shutil.copyfileobj, writes_at_first(writer.write)

    def rename_here(self: Folder, name: str, into: Folder, new: str) -> None:
        if self.path == home.inbox != into.path:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        rename(self, name, into, new)

    def copy_and_write(source: BinaryIO, target: BinaryIO, length: int = 0) -> None:
        copy(source, target, length)
        write()

    monkeypatch.setattr(Folder, "rename", rename_here)
    monkeypatch.setattr(shutil, "copyfileobj", copy_and_write)
    assert home.run().result.outcome == "imported"
    assert packed(home) == USERS + MORE
    assert len(sandbox.imports) == 1
