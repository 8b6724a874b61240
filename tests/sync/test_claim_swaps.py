"""What is swapped in the inbox after the last look is not sent, and what a link names stays as it is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.golden import Golden
from support.homes import COURSES, TOKEN, USERS, Home

from canvas_sis_sync.cli._run import RunReport
from canvas_sis_sync.cli.main import UNFORESEEN
from canvas_sis_sync.errors import EXIT_HELD
from canvas_sis_sync.files import Folder
from canvas_sis_sync.home import inbox
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.drops import Drop
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync import run
from canvas_sis_sync.sync.session import Session

pytestmark = [
    pytest.mark.timeout(60),  # a run that waits for the writer of a pipe never ends
    pytest.mark.skipif(os.name != "posix", reason="there are no handles"),
]
STRANGER = USERS.replace("Ada", "Stranger")


@pytest.fixture(params=["one disk", pytest.param("two disks", marks=pytest.mark.slow)])
def claimed_from(request: pytest.FixtureRequest, home: Home) -> Home:
    """Give a home whose claims are renames, and one whose claims are copies."""
    return request.getfixturevalue("home_on_two_disks") if request.param == "two disks" else home


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[Path]:
    """Give a folder that is none of the home's; it must be the same after the test."""
    folder = tmp_path / "stranger"
    (folder / "deep").mkdir(parents=True)
    for path in (folder / "users.csv", folder / "deep" / "users.csv"):
        path.write_text(STRANGER)
        path.chmod(0o644)

    def look() -> dict[str, Any]:
        found = {path: path.stat() for path in [folder, *folder.rglob("*")]}
        return {str(path): (seen.st_mode, seen.st_ino, seen.st_mtime_ns) for path, seen in found.items()}

    before = look()
    yield folder
    assert look() == before
    assert (folder / "users.csv").read_text() == STRANGER


def after_the_last_look(monkeypatch: pytest.MonkeyPatch, swap: Callable[[], object]) -> None:
    """Swap right before the first drop is claimed, as the run saw it before."""
    claim, left = run.claim, [swap]

    def claimed(session: Session, drop: Drop, *, mark: int) -> Batch:
        if left:
            left.pop()()
        return claim(session, drop, mark=mark)

    monkeypatch.setattr(run, "claim", claimed)


def before_the_rename(monkeypatch: pytest.MonkeyPatch, swap: Callable[[], object], name: str = "users.csv") -> None:
    """Swap when the file was opened and found to be the listed one, right before it is moved."""
    rename, left = Folder.rename, [swap]

    def renamed(self: Folder, old: str, into: Folder, new: str) -> None:
        if left and old == name:
            left.pop()()
        rename(self, old, into, new)

    monkeypatch.setattr(Folder, "rename", renamed)


def put(path: Path, kind: str, target: Path) -> None:
    """Put something else in the place of a file: written beside it and renamed over it where that works."""
    new = path.with_name(".new")
    if kind == "link":
        new.symlink_to(target)
    elif kind == "pipe":
        os.mkfifo(new)
    elif kind == "device":
        if os.geteuid() != 0:
            pytest.skip("only root can make a device")
        os.mknod(new, 0o20666, os.makedev(1, 5))
    elif kind == "file":
        before = path.stat()
        new.write_text(path.read_text().replace("Ada", "Eva"))
        os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    else:
        new.mkdir()
        path.unlink()
    new.rename(path)


def unpacked(home: Home) -> bytes:
    """Give all that the archive holds, decompressed."""
    content = b""
    for path in home.archive.resolve().rglob("*"):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as packed:
                content += b"".join(packed.read(name) for name in packed.namelist())
        elif path.is_file():
            content += path.read_bytes()
    return content


def assert_nothing_strange_was_sent(home: Home, sandbox: Sandbox, told: RunReport) -> None:
    assert not sandbox.imports, told.message
    assert b"Stranger" not in unpacked(home)
    assert TOKEN.encode() not in unpacked(home)


@pytest.mark.parametrize("where", ["night", "night/deep"])
def test_a_folder_swapped_for_a_link_gives_nothing_of_what_the_link_names(
    claimed_from: Home, sandbox: Sandbox, stranger: Path, monkeypatch: pytest.MonkeyPatch, where: str, golden: Golden
) -> None:
    home = claimed_from
    home.drop({"deep/users.csv": USERS} if where == "night/deep" else {"users.csv": USERS}, folder="night")

    def swap() -> None:
        shutil.move(home.inbox / where, home.folder / "taken-away")
        (home.inbox / where).symlink_to(stranger / where.removeprefix("night").lstrip("/"))

    after_the_last_look(monkeypatch, swap)
    told = home.run()
    assert_nothing_strange_was_sent(home, sandbox, told)
    assert home.last().state is BatchState.DISCARDED
    golden(home.last().reason, "reason")
    golden(told.message)
    assert (home.inbox / where).is_symlink()


@pytest.mark.parametrize("moment", [after_the_last_look, before_the_rename])
@pytest.mark.parametrize("kind", ["link", "pipe", "device", "folder"])
def test_what_takes_a_files_place_is_neither_opened_nor_sent(
    claimed_from: Home,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    moment: Callable[[pytest.MonkeyPatch, Callable[[], object]], None],
) -> None:
    home = claimed_from
    secrets = home.folder / ".env"
    content, mode = secrets.read_bytes(), secrets.stat().st_mode
    home.drop({"users.csv": USERS})
    moment(monkeypatch, lambda: put(home.inbox / "users.csv", kind, secrets))
    told = home.run()
    left = os.lstat(home.inbox / "users.csv").st_mode
    assert (secrets.read_bytes(), secrets.stat().st_mode) == (content, mode)
    assert TOKEN.encode() not in unpacked(home)
    assert b"Stranger" not in unpacked(home)
    assert {"link": 0o12, "pipe": 0o1, "device": 0o2, "folder": 0o4}[kind] == left >> 12
    if home.archive.is_symlink() and moment is before_the_rename:
        assert sandbox.count("user") == 2, told.message  # the listed file, which was open, was copied
    else:
        assert home.last().state is BatchState.DISCARDED
        assert not sandbox.imports
    assert home.run().result.exit_code == 0
    if kind == "link":  # whose content is the token
        (home.inbox / "users.csv").unlink()


@pytest.mark.parametrize("moment", [after_the_last_look, before_the_rename])
def test_another_file_of_the_same_size_and_time_is_a_drop_of_its_own(
    claimed_from: Home,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    moment: Callable[[pytest.MonkeyPatch, Callable[[], object]], None],
) -> None:
    home = claimed_from
    home.drop({"users.csv": USERS})
    moment(monkeypatch, lambda: put(home.inbox / "users.csv", "file", home.folder))
    assert home.run().result.exit_code == 0
    old, new = home.batches()
    assert (old.state, new.state) in [
        (BatchState.DISCARDED, BatchState.IMPORTED),
        (BatchState.IMPORTED, BatchState.IMPORTED),
    ]
    with zipfile.ZipFile(home.folder_of(new) / "import.zip") as packed:
        assert packed.read("users.csv").decode() == USERS.replace("Ada", "Eva")
    if old.state is BatchState.IMPORTED:
        with zipfile.ZipFile(home.folder_of(old) / "import.zip") as packed:
            assert packed.read("users.csv").decode() == USERS
    assert not list(home.inbox.iterdir())


def test_a_swap_in_the_middle_of_a_drop_holds_naming_both_halves(
    claimed_from: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    home = claimed_from
    home.drop({"courses.csv": COURSES, "users.csv": USERS})
    move = inbox.move

    def moved(origin: Folder, file: inbox.DropFile, sources: Folder) -> None:
        if file.name == "users.csv":
            put(home.inbox / "users.csv", "link", home.folder / ".env")
        move(origin, file, sources)

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "move", moved)
        told = home.run()
    assert told.result.exit_code == EXIT_HELD
    golden(told.message)
    for name in ("users.csv", "courses.csv", str(home.inbox)):
        assert name in told.message
    assert not sandbox.imports
    assert (home.inbox / "users.csv").is_symlink()
    (home.inbox / "users.csv").unlink()  # whose content is the token
    home.say("discard", home.last().id, "exported again")
    assert (home.folder_of(home.last()) / "files" / "courses.csv").read_text() == COURSES


def test_what_cannot_be_put_back_is_held_and_kept(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    home.drop({"users.csv": USERS})
    rename = Folder.rename

    def renamed(self: Folder, old: str, into: Folder, new: str) -> None:
        if self.path == home.inbox:
            put(home.inbox / "users.csv", "file", home.folder)
        rename(self, old, into, new)
        if self.path == home.inbox:
            home.drop({"users.csv": STRANGER})

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "rename", renamed)
        told = home.run()
    assert told.result.exit_code == EXIT_HELD
    golden(told.message)
    assert not sandbox.imports
    assert (home.inbox / "users.csv").read_text() == STRANGER
    (kept,) = (home.folder_of(home.last()) / "files").iterdir()
    assert kept.read_text() == USERS.replace("Ada", "Eva")
    assert home.run().result.exit_code == EXIT_HELD


@pytest.mark.parametrize("swapped", [False, True])
def test_a_run_stopped_before_it_saw_what_arrived_sends_the_listed_file_only(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, swapped: bool
) -> None:
    home.drop({"users.csv": USERS})

    rename = Folder.rename

    def rename_and_stop(self: Folder, old: str, into: Folder, new: str) -> None:
        rename(self, old, into, new)
        if old == "users.csv":
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Folder, "rename", rename_and_stop)
        if swapped:
            before_the_rename(patched, lambda: put(home.inbox / "users.csv", "file", home.folder))
        with pytest.raises(KeyboardInterrupt):
            home.run()
    told = home.run()
    assert told.result.exit_code == (EXIT_HELD if swapped else 0), told.message
    assert len(sandbox.imports) == (not swapped)
    files = home.folder_of(home.last()) / "files"
    assert [path.read_text() for path in files.glob(".*")] == ([USERS.replace("Ada", "Eva")] if swapped else [])


def test_a_second_name_of_somebody_elses_file_leaves_that_file_as_it_is(
    claimed_from: Home, sandbox: Sandbox, tmp_path: Path
) -> None:
    home, other = claimed_from, tmp_path / "other.csv"
    other.write_text(USERS)
    other.chmod(0o644)
    try:
        os.link(other, home.inbox / "users.csv")
    except OSError:
        pytest.skip("the file system has no hard links")
    assert home.run().result.outcome == "imported"
    assert (other.read_text(), other.stat().st_mode & 0o777) == (USERS, 0o644)
    assert not list(home.inbox.iterdir())


def test_a_second_name_of_the_settings_is_never_taken(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    os.link(home.folder / ".env", home.inbox / "users.csv")
    told = home.run()
    assert told.result.exit_code == EXIT_HELD
    golden(told.message)
    assert str(home.folder / ".env") in told.message
    assert_nothing_strange_was_sent(home, sandbox, told)
    assert home.batches() == []
    (home.inbox / "users.csv").unlink()
    assert home.run().result.outcome == "idle"


SWAPPER = """
import os, sys
night, kept, link = sys.argv[1:]
print(flush=True)
while True:
    try:
        os.rename(night, kept)
        os.rename(link, night)
        os.rename(night, link)
        os.rename(kept, night)
    except FileNotFoundError:
        break
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("what", ["night", "night/users.csv"])
def test_a_process_that_swaps_all_the_time_never_gets_a_strangers_file_sent(
    claimed_from: Home, sandbox: Sandbox, stranger: Path, what: str
) -> None:
    home = claimed_from
    for number in range(25):
        home.drop({"users.csv": USERS.replace("Ada", f"Ada{number}")}, folder="night")
        link, kept = home.inbox / ".link", home.inbox / ".kept"
        link.unlink(missing_ok=True)
        link.symlink_to(stranger if what == "night" else stranger / "users.csv")
        swapper = subprocess.Popen(
            [sys.executable, "-c", SWAPPER, str(home.inbox / what), str(kept), str(link)], stdout=subprocess.PIPE
        )
        assert swapper.stdout is not None
        swapper.stdout.readline()
        told = home.run()
        swapper.kill()
        swapper.communicate()
        assert UNFORESEEN not in told.message
        if told.result.exit_code == EXIT_HELD:
            home.say("discard", home.last().id, "swapped")
        for path in (home.inbox / "night", kept, link):
            if path.is_symlink() or path.is_file():
                path.unlink()
            elif path.exists():
                shutil.rmtree(path)
    assert b"Stranger" not in unpacked(home)
    for record in sandbox.imports:
        assert record.upload is not None
        with zipfile.ZipFile(record.upload) as sent:
            assert b"Stranger" not in b"".join(sent.read(name) for name in sent.namelist())
