"""Odd inboxes: bottomless, closed, changing while they are looked at, and where folders cannot be held open."""

from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home, Watching
from support.sentences import in_full, listed

from canvas_sis_sync import files
from canvas_sis_sync.errors import EXIT_HELD, EXIT_REFUSED, HomeError
from canvas_sis_sync.files import Folder, open_regular
from canvas_sis_sync.home import inbox
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync.idle import is_idle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "inbox"
    made.mkdir()
    return made


def dig(folder: Path, depth: int) -> Iterator[None]:
    """Make folders inside each other, deeper than a path can name, and a CSV in the last one; remove them after."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("users.csv", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    yield
    subprocess.run(["rm", "-rf", str(folder / "d")], check=True)


@pytest.mark.parametrize("beside", [True, False], ids=["with a file at the top", "with nothing else"])
def test_a_bottomless_folder_is_named_and_nothing_of_it_is_taken(
    home: Home, sandbox: Sandbox, beside: bool, golden: Golden
) -> None:
    if beside:
        home.drop({"users.csv": USERS}, folder="d")
    else:
        (home.inbox / "d").mkdir()
    for _ in dig(home.inbox / "d", 1200):
        shown = {}
        for command in ("run", "status", "check", "run --dry-run", "plan"):
            ended = home.type(*command.split())
            assert ended.returncode == EXIT_HELD, command
            assert str(inbox.DEEPEST) in ended.stderr, command
            shown[command] = ended.stderr
        golden(listed(shown))
        assert not sandbox.imports
        if beside:
            assert (home.inbox / "d" / "users.csv").read_text() == USERS


def test_a_deep_folder_within_the_limit_is_sent(home: Home, sandbox: Sandbox) -> None:
    name = "/".join(["d"] * inbox.DEEPEST) + "/users.csv"
    home.drop({name: USERS}, folder="night")
    assert home.run().result.outcome == "imported"
    assert [entry.name for entry in home.last().entries] == [name]
    assert not list(home.inbox.iterdir())


def test_an_import_is_still_followed_when_the_inbox_cannot_be_looked_into(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    home.drop({"users.csv": USERS})
    with pytest.raises(KeyboardInterrupt):
        home.run(show=Watching({"importing": interrupt}))
    assert home.last().state is BatchState.IMPORTING
    (home.inbox / "night").mkdir()
    for _ in dig(home.inbox / "night", inbox.DEEPEST + 1):
        assert not is_idle(home.settings())
        told = home.run()
        assert told.result.exit_code == EXIT_HELD
        golden(told.message)
        assert home.last().state is BatchState.IMPORTED


@pytest.mark.skipif(shutil.which("setpriv") is None or os.geteuid() != 0, reason="needs setpriv and root")
@pytest.mark.parametrize(
    ("mode", "word"),
    [(0o000, "run"), (0o600, "status"), (0o300, "check")],
    ids=["closed", "not to be entered", "not to be listed"],
)
def test_a_folder_that_may_not_be_looked_into_is_named_and_holds_its_drop(
    home: Home, sandbox: Sandbox, mode: int, word: str, golden: Golden
) -> None:
    home.drop({"users.csv": USERS, "more/enrollments.csv": "x"}, folder="night")
    closed = home.inbox / "night" / "more"
    closed.chmod(mode)
    bounded = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    command = [*bounded, sys.executable, "-m", "canvas_sis_sync", "--home", str(home.folder), word]
    ended = subprocess.run(command, env=os.environ | home.env, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == EXIT_HELD, ended.stderr
    golden(ended.stderr)
    assert "Traceback" not in ended.stderr
    assert not sandbox.imports
    closed.chmod(0o700)
    assert (home.inbox / "night" / "users.csv").read_text() == USERS


def test_entries_that_vanish_while_they_are_looked_at_are_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("users.csv", "night/users.csv", "night/deep/courses.csv", "stays/users.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    names = Folder.names

    def listed(self: Folder) -> list[str]:
        found = names(self)
        if self.path == folder:
            (folder / "users.csv").unlink()
        if self.path == folder / "night":
            shutil.rmtree(self.path)
        return found

    monkeypatch.setattr(Folder, "names", listed)
    assert [drop.name for drop in inbox.scan(folder).drops] == ["stays"]


@pytest.mark.parametrize("look", [inbox.scan, inbox.has_drops, inbox.csv_names])
def test_a_folder_replaced_by_a_link_while_it_is_looked_at_is_not_entered(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, look: Callable[[Path], object]
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.csv").write_text("x")
    (folder / "night").mkdir()
    opened = Folder.folder

    def swapped(self: Folder, name: str) -> Folder:
        if not (folder / "night").is_symlink():
            (folder / "night").rmdir()
            (folder / "night").symlink_to(tmp_path / "outside")
        return opened(self, name)

    monkeypatch.setattr(Folder, "folder", swapped)
    found = look(folder)
    assert not getattr(found, "drops", found)


def test_a_process_that_comes_and_goes_never_breaks_a_look(folder: Path) -> None:
    done = threading.Event()

    def work() -> None:
        while not done.is_set():
            (folder / "night" / "deep").mkdir(parents=True)
            (folder / "night" / "deep" / "users.csv").write_text("x")
            (folder / "users.csv").write_text("x")
            shutil.rmtree(folder / "night")
            (folder / "users.csv").unlink()

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(300):
            inbox.scan(folder)
            inbox.has_drops(folder)
    finally:
        done.set()
        worker.join()


def test_too_few_handles_are_a_sentence(folder: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    (folder / "night").mkdir()

    def none_left(name: str, *arguments: int, real: Callable[..., int] = os.open, **where: int | None) -> int:
        if name == "night":
            raise OSError(errno.EMFILE, "Too many open files", name)
        return real(name, *arguments, **where)

    monkeypatch.setattr(os, "open", none_left)
    with pytest.raises(HomeError) as caught:
        inbox.scan(folder)
    golden(in_full(caught.value))


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "socket", "device", "dangling"])
def test_only_a_regular_file_is_opened_and_nothing_is_waited_for(tmp_path: Path, kind: str) -> None:
    import socket

    path = tmp_path / "users.csv"
    (tmp_path / "other").write_text("x")
    match kind:
        case "link":
            path.symlink_to(tmp_path / "other")
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
        case "pipe":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "socket":
            with socket.socket(socket.AF_UNIX) as listening:
                os.chdir(tmp_path)
                listening.bind("users.csv")
        case "device":
            path = Path("/dev/tty")
    with pytest.raises(FileNotFoundError if kind != "device" else OSError):
        open_regular(path)
    if kind != "device":
        with Folder.open(tmp_path) as opened, pytest.raises(FileNotFoundError, match=str(path)):
            opened.open_file("users.csv")


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "../inbox"])
def test_a_name_that_leads_elsewhere_is_no_folder(folder: Path, name: str) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    with Folder.open(folder) as opened, pytest.raises(FileNotFoundError):
        opened.folder(name)


@pytest.fixture
def without_handles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work as where the system cannot look names up in an open folder."""
    monkeypatch.setattr(files, "HANDLES", False)
    monkeypatch.setattr(inbox, "HANDLES", False)


@pytest.mark.usefixtures("without_handles")
@pytest.mark.parametrize("disks", ["home", "home_on_two_disks"])
def test_without_handles_a_run_works_as_well(request: pytest.FixtureRequest, sandbox: Sandbox, disks: str) -> None:
    home: Home = request.getfixturevalue(disks)
    home.drop({"deep/users.csv": USERS}, folder="night")
    home.drop({"loose.csv": USERS.replace("Ada", "Eva")})
    assert home.run().result.exit_code == 0
    assert len(sandbox.imports) == 2
    assert not list(home.inbox.iterdir())


@pytest.mark.usefixtures("without_handles")
def test_without_handles_what_is_checked_before_each_step_holds(home: Home, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (home.inbox / "night").symlink_to(tmp_path / "outside")
    with Folder.open(home.inbox) as opened, pytest.raises(FileNotFoundError):
        opened.folder("night")
    with pytest.raises(NotADirectoryError):
        Folder.open(home.folder / ".env")
    (tmp_path / "one").write_text("x")
    with Folder.open(tmp_path) as one, Folder.open(home.inbox) as other:
        one.give_back("one", other, "two")
    assert (home.inbox / "two").read_text() == "x"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize("where", ["", "night", "n\udce9ght", "night/d\udce9ep"])
@pytest.mark.parametrize("across", [False, True])
def test_a_name_that_is_not_utf8_blocks_nothing(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, where: str, across: bool
) -> None:
    if across:
        real = Folder.rename

        def rename(self: Folder, name: str, into: Folder, new: str) -> None:
            if self.path != into.path:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
            real(self, name, into, new)

        monkeypatch.setattr(Folder, "rename", rename)
    home.drop({"courses.csv": COURSES, "us\udce9rs.csv": USERS, "us\udce9rs.txt": ""}, folder=where)
    for command in ("status", "check", "plan"):
        assert home.type(command).returncode == 0
    assert r"us\xe9rs.txt" in home.type("status").stdout
    assert home.type("run", "--dry-run").returncode == 0
    ended = home.run().result
    assert ended.outcome == "imported"
    place = where.partition("/")[2].replace("\udce9", "_")
    assert [entry.name.rpartition("/")[2] for entry in home.last().entries] == ["courses.csv", "us_rs.csv"]
    assert all(entry.name.startswith(place) for entry in home.last().entries)
    assert sandbox.count("user") == 2
    assert [path.name for path in home.inbox.rglob("*.csv")] == []


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_a_zip_whose_name_is_not_utf8_goes_too(home: Home, sandbox: Sandbox) -> None:
    content = io.BytesIO()
    with ZipFile(content, "w") as archive:
        archive.writestr("users.csv", USERS)
    home.drop({"n\udce9ght.zip": content.getvalue()})
    assert home.type("check").returncode == 0
    assert home.type("plan").returncode == 0
    assert home.run().result.outcome == "imported"
    home.drop({"n\udce9ght.zip": b"no zip"})
    for command in ("check", "run"):
        ended = home.type(command)
        assert ended.returncode == EXIT_REFUSED
        assert r"n\xe9ght.zip" in ended.stdout + ended.stderr
    batch = home.last()
    assert (home.archive / batch.id[:4] / batch.id[4:6] / batch.id / "original.zip").read_bytes() == b"no zip"
    assert home.type("discard", batch.id, "--reason", "seen").returncode == 0


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_what_is_left_lying_under_a_name_that_is_not_utf8_is_reported_once(home: Home) -> None:
    home.drop({"us\udce9rs.txt": ""})
    said = [home.type("run").stdout for _ in range(3)]
    assert sum(r"us\xe9rs.txt" in text for text in said) == 1
