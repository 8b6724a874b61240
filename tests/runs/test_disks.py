"""Full, read-only and several disks: nothing is lost, a sentence says what is the matter, the next run goes on."""

from __future__ import annotations

import os
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.commits import Commit, watch_commits
from support.golden import Golden
from support.homes import USERS, Home, Watching

from canvas_sis_sync.cli._run import RunReport
from canvas_sis_sync.errors import EXIT_HELD, JournalError
from canvas_sis_sync.files import Folder
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.home.journal import Journal
from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.home.journal_questions import Sighting
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

MEGABYTE = 1 << 20
PAGE = 4096
HEADER = "user_id,login_id,first_name,last_name,status,remark\n"


def rows_of(size: int) -> bytes:
    """Make a users file of about that many bytes that cannot be compressed much."""
    chance = random.Random(size)
    rows = (f"u{number},u{number},A,B,active,{chance.randbytes(500).hex()}\n" for number in range(size // 1020))
    return (HEADER + "".join(rows)).encode()


def assert_held(told: RunReport, *words: str) -> str:
    """Hold a run to a sentence with these names, a next step and exit code 5, and return its message."""
    assert told.result.exit_code == EXIT_HELD, told.message
    assert told.result.trouble is not None
    assert told.result.trouble.hint
    for word in words:
        assert word in told.message
    return told.message


def assert_goes_on(home: Home, sandbox: Sandbox, content: bytes) -> None:
    """Hold the next run to one import of the whole drop."""
    told = home.run()
    assert told.result.exit_code == 0, told.message
    assert home.run().result.outcome == "idle"
    assert home.last().state is BatchState.IMPORTED
    assert [record.workflow_state for record in sandbox.imports] == ["imported"]
    assert sum(entry.size for entry in home.last().entries) == len(content)
    assert not list(home.inbox.iterdir())
    assert home.receipt()["batch"]["state"] == "imported"


class Disk:
    """A small file system in memory, mounted at a folder of a home."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self._mount("-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs")

    def _mount(self, *arguments: str) -> None:
        subprocess.run(["mount", *arguments, str(self.folder)], check=True, capture_output=True)

    def resize(self, size: int) -> None:
        self._mount("-o", f"remount,size={size}")

    def let_write(self, allowed: bool) -> None:
        self._mount("-o", f"remount,{'rw' if allowed else 'ro'}")

    def fill(self, leave: int = 0) -> None:
        """Leave so many bytes free, in whole pages."""
        with (self.folder / ".filler").open("ab") as filler:
            free = shutil.disk_usage(self.folder).free
            os.posix_fallocate(filler.fileno(), filler.tell(), max(free - leave, 1))

    def make_room(self) -> None:
        (self.folder / ".filler").unlink()

    def close(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)


@pytest.fixture
def mount() -> Iterator[Callable[[Path, int], Disk]]:
    """Mount disks of a size in bytes; they are gone after the test."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    disks: list[Disk] = []

    def make(folder: Path, size: int) -> Disk:
        disks.append(Disk(folder, size))
        return disks[-1]

    yield make
    for disk in disks:
        disk.close()


@pytest.mark.slow
def test_without_room_for_the_drop_nothing_is_claimed(
    home: Home, sandbox: Sandbox, mount: Callable[[Path, int], Disk], golden: Golden
) -> None:
    content = rows_of(2 * MEGABYTE)
    disk = mount(home.archive, 18 * MEGABYTE)
    home.drop({"users.csv": content})
    golden(assert_held(home.run()))
    assert (home.inbox / "users.csv").read_bytes() == content
    with home.journal() as journal:
        assert journal.last() is None
    disk.resize(60 * MEGABYTE)
    assert_goes_on(home, sandbox, content)


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["zipping", "reading back", "uploading", "importing"])
@pytest.mark.parametrize("end", [False, True], ids=["begins", "ends"])
def test_a_disk_that_becomes_full_at_any_stage_stops_the_run_with_a_sentence(
    sandbox: Sandbox,
    new_home: Callable[..., Home],
    mount: Callable[[Path, int], Disk],
    stage: str,
    end: bool,
) -> None:
    content = rows_of(100_000)
    stopped = 0
    for pages in range(0, 24, 2):
        home = new_home(sandbox.url, f"home{pages}", SIS_SYNC_LOST_SECONDS=1)
        disk = mount(home.archive, 40 * MEGABYTE)
        home.drop({"users.csv": content})
        known = len(sandbox.imports)

        def fill(disk: Disk = disk, pages: int = pages) -> None:
            disk.fill(leave=pages * PAGE)

        told = home.run(show=Watching(end={stage: fill}) if end else Watching({stage: fill}))
        if told.result.exit_code:
            stopped += 1
            assert_held(told)
        disk.make_room()
        for _ in range(3):
            told = home.run()
            assert told.result.exit_code == 0, told.message
        assert told.result.outcome == "idle"
        assert [record.workflow_state for record in sandbox.imports[known:]] == ["imported"]
        assert sum(entry.size for entry in home.last().entries) == len(content)
        assert home.receipt()["batch"]["state"] == "imported"
        assert not list(home.inbox.iterdir())
    assert stopped


@pytest.mark.slow
def test_a_read_only_archive_holds_until_it_can_be_written_again(
    home: Home, sandbox: Sandbox, mount: Callable[[Path, int], Disk]
) -> None:
    content = USERS.encode()
    disk = mount(home.archive, 60 * MEGABYTE)
    home.drop({"users.csv": USERS})
    disk.let_write(False)
    assert_held(home.run(), "read-only")
    ended = home.call("run")
    assert ended.returncode == EXIT_HELD
    assert "Traceback" not in ended.stderr
    assert str(home.archive) in ended.stderr
    assert (home.inbox / "users.csv").read_bytes() == content
    disk.let_write(True)
    assert_goes_on(home, sandbox, content)


@pytest.mark.slow
@pytest.mark.parametrize("crashed", [False, True], ids=["clean", "crashed"])
def test_a_read_only_archive_is_a_sentence_under_every_command(
    home: Home, sandbox: Sandbox, mount: Callable[[Path, int], Disk], crashed: bool
) -> None:
    """Also where SQLite has to undo something, which it cannot do there."""
    disk = mount(home.archive, 60 * MEGABYTE)
    sandbox.add_fault("fail")
    home.drop()
    home.run()
    failed = home.last()
    if crashed:
        leave_half_a_transaction(home.archive / FILE_NAME)
    home.drop()
    disk.let_write(False)
    reason = ("--reason", "known")
    for command in (("run",), ("run", "--no-wait", "--json"), ("skip", failed.id, *reason), ("rebuild-journal",)):
        done = home.call(*command)
        assert done.returncode == EXIT_HELD, (command, done.stderr)
        assert "read-only" in done.stdout + done.stderr
    for reading in (("status",), ("plan", failed.id), ("run", "--dry-run"), ("check",)):
        done = home.call(*reading)
        assert done.returncode in {0, 2, EXIT_HELD}, (reading, done.stderr)
        assert not crashed or reading == ("check",) or "readonly" in done.stderr
        assert "rebuild" not in done.stderr
    disk.let_write(True)
    assert home.last() == failed


def leave_half_a_transaction(path: Path) -> None:
    """Kill a process that writes to the journal, with more than SQLite holds in memory."""
    script = (
        "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA cache_size = 1'); c.execute('BEGIN');"
        "c.executemany('INSERT INTO sighting VALUES (?, ?, 1.0)', [(str(n), 'x' * 500) for n in range(200)]);"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert path.with_name(f"{path.name}-journal").stat().st_size


@pytest.mark.slow
def test_a_read_only_inbox_is_not_claimed_twice(
    home: Home, sandbox: Sandbox, mount: Callable[[Path, int], Disk]
) -> None:
    disk = mount(home.inbox, MEGABYTE)
    home.drop({"users.csv": USERS})
    disk.let_write(False)
    for _ in range(2):
        assert_held(home.run(), "read-only")
        assert (home.inbox / "users.csv").read_text() == USERS
    disk.let_write(True)
    assert_goes_on(home, sandbox, USERS.encode())


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """Let the system refuse to make any file larger than `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_zip_that_the_disk_does_not_take_is_packed_anew_by_the_next_run(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    content = rows_of(400_000)
    home.drop({"users.csv": content})
    with files_at_most(150_000):
        golden(assert_held(home.run()))
    assert home.last().state is BatchState.CLAIMED
    assert not sandbox.imports
    assert_goes_on(home, sandbox, content)


@pytest.mark.parametrize("commits", range(9))
def test_a_journal_that_cannot_be_written_stops_the_run_with_a_sentence(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, commits: int, golden: Golden
) -> None:
    home.configure(SIS_SYNC_LOST_SECONDS=1)
    home.drop({"users.csv": USERS})
    left = [None] * commits

    def commit_while_there_is_room(connection: sqlite3.Connection, commit: Commit) -> None:
        if not left:
            connection.execute("PRAGMA max_page_count = 1")  # no page more than it has
            connection.execute("CREATE TABLE filler AS SELECT zeroblob(100000)")
        left.pop()
        commit()

    watch_commits(commit_while_there_is_room, monkeypatch)
    golden(assert_held(home.run(), FILE_NAME))
    monkeypatch.undo()
    assert_goes_on(home, sandbox, USERS.encode())


def test_after_a_failed_commit_the_journal_can_be_written_again(
    home: Home, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    errors = [error]

    def fail_once(_connection: object, commit: Commit) -> None:
        if errors:
            raise errors.pop()
        commit()

    watch_commits(fail_once, monkeypatch)
    with Journal.open(home.archive / "journal.sqlite3", lambda: 0.0) as journal:
        with pytest.raises(JournalError) as failed:
            journal.remember_sightings({"a": Sighting("one", 1.0)})
        golden(f"{failed.value}\n{failed.value.hint}")
        assert journal.sightings() == {}
        journal.remember_sightings({"a": Sighting("one", 1.0)})
        assert list(journal.sightings()) == ["a"]


def test_an_archive_on_another_file_system_gets_whole_private_copies(home_on_two_disks: Home, sandbox: Sandbox) -> None:
    home = home_on_two_disks
    home.drop({"users.csv": USERS, "deep/er/courses.csv": "course_id,short_name,long_name,status\n"}, folder="night")
    modes: dict[str, int] = {}

    def look() -> None:
        for path in (home.archive / "2").parent.rglob("*"):
            modes[path.name] = path.stat().st_mode & 0o777

    assert home.run(show=Watching({"zipping": look})).result.exit_code == 0
    assert {modes[name] for name in ("files", "deep", "er")} == {0o700}
    assert {modes[name] for name in ("users.csv", "courses.csv")} == {0o600}
    assert [entry.name for entry in home.last().entries] == ["deep/er/courses.csv", "users.csv"]
    assert not list(home.inbox.iterdir())
    assert [record.workflow_state for record in sandbox.imports] == ["imported"]


@pytest.mark.parametrize("before", ["rename", "unlink"])
def test_a_run_stopped_between_copy_and_removal_leaves_one_delivery(
    home_on_two_disks: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    home = home_on_two_disks
    home.drop({"users.csv": USERS})
    action = getattr(Folder, before)

    def stop(self: Folder, *arguments: object) -> None:
        if self.path == home.inbox and (before == "unlink" or arguments[1] is self):
            raise KeyboardInterrupt
        action(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Folder, before, stop)
        with pytest.raises(KeyboardInterrupt):
            home.run()
    (left,) = home.inbox.iterdir()
    assert left.name == ("users.csv" if before == "rename" else ".users.csv.claimed")
    assert left.read_text() == USERS
    assert_goes_on(home, sandbox, USERS.encode())


def test_a_newer_export_of_the_same_name_is_a_drop_of_its_own(home_on_two_disks: Home, sandbox: Sandbox) -> None:
    home = home_on_two_disks
    home.drop({"users.csv": USERS})

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.run(show=Watching({"zipping": interrupt}))
    newer = USERS.replace("Ada", "Eva")
    home.drop({"users.csv": newer})
    assert [batch.state for batch in home.run().result.batches] == [BatchState.IMPORTED, BatchState.IMPORTED]
    assert [record.workflow_state for record in sandbox.imports] == ["imported", "imported"]


def test_a_state_folder_that_cannot_be_made_is_named(
    home: Home, sandbox: Sandbox, tmp_path: Path, golden: Golden
) -> None:
    (tmp_path / "no-folder").write_text("")
    home.env["XDG_STATE_HOME"] = str(tmp_path / "no-folder")
    home.drop({"users.csv": USERS})
    golden(assert_held(home.run(), "no-folder", "XDG_STATE_HOME"))
    assert not sandbox.imports
    home.env["XDG_STATE_HOME"] = str(tmp_path / "state")
    assert_goes_on(home, sandbox, USERS.encode())
