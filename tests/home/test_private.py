"""What the program writes is for its owner only, whatever the umask; what is not is reported and left as it is."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from support.golden import Golden
from support.homes import USERS, Home
from support.sentences import in_full

from canvas_sis_sync.errors import SettingsError
from canvas_sis_sync.files import make_file, make_folder, opener
from canvas_sis_sync.home.log import FILE_NAME
from canvas_sis_sync.home.settings import load
from canvas_sis_sync.sandbox.sandbox import Sandbox

UMASKS = [0o000, pytest.param(0o277, marks=pytest.mark.slow)]
root_only = pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")


def modes(*folders: Path) -> dict[str, int]:
    """Give the modes of folders and of all that is in them, where they are not as they should be."""
    found = {path: path.lstat().st_mode for folder in folders for path in [folder, *folder.rglob("*")]}
    assert found
    return {
        str(path): stat.S_IMODE(mode)
        for path, mode in found.items()
        if stat.S_IMODE(mode) != (0o700 if stat.S_ISDIR(mode) else 0o600)
    }


def with_umask(umask: int, act: Callable[[], object]) -> None:
    before = os.umask(umask)
    try:
        act()
    finally:
        os.umask(before)


def fill(home: Home, sandbox: Sandbox) -> None:
    """Let the home have everything that a run can leave behind, one refused and one sent twice."""
    home.run()
    home.run()
    home.say("discard", home.last().id, "broken")
    sandbox.add_fault("fail")
    home.run()
    home.say("retry", home.last().id, "again")
    home.run()


@pytest.mark.parametrize("umask", UMASKS)
def test_all_that_runs_leave_behind_is_private(home: Home, sandbox: Sandbox, umask: int, tmp_path: Path) -> None:
    home.logs.rmdir()
    home.configure(SIS_SYNC_SOURCE_ENCODING="cp1252")
    home.drop({"deep/users.csv": USERS.replace("Ada", "Zoë").encode("cp1252")}, folder="monday")
    os.utime(home.inbox / "monday" / "deep" / "users.csv", (1, 1))
    home.drop({"broken.zip": b"no zip"})
    os.utime(home.inbox / "broken.zip", (2, 2))
    home.drop({"users.csv": USERS})
    with_umask(umask, lambda: fill(home, sandbox))
    names = {path.name for path in home.archive.rglob("*")}
    assert names >= {"import.zip", "original.zip", "receipt.json", "plan.json", "check.json", "journal.sqlite3"}
    assert list((tmp_path / "state").iterdir())
    assert not modes(home.archive, home.logs, tmp_path / "state")


@pytest.mark.slow
@pytest.mark.parametrize("umask", UMASKS)
def test_all_that_the_commands_write_is_private(
    home: Home, sandbox: Sandbox, umask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.drop({"users.csv": USERS})
    assert home.run().result.outcome == "imported"
    home.drop({"users.csv": USERS.replace("Ada", "Eva")})
    monkeypatch.setenv("CANVAS_API_TOKEN", "another~invented~token")

    def call(*arguments: str, at: Home = home) -> None:
        process = at.start(*arguments, umask=umask)
        _, err = process.communicate(timeout=60)
        assert "Error" not in err or "init" in arguments, err

    call("check", "--output", str(tmp_path / "check.csv"))
    call("plan", "--output", str(tmp_path / "plan" / "rows"))
    call("rebuild-journal")
    call("run")
    call("init", "--url", sandbox.url, at=Home(tmp_path / "made" / "home"))
    assert (tmp_path / "plan" / "rows" / "user" / "changed.csv").is_file()
    assert (tmp_path / "made" / "home" / ".env").is_file()
    assert not modes(home.archive, home.logs, tmp_path / "plan", tmp_path / "made", tmp_path / "check.csv")


def test_rotated_logs_are_private(home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canvas_sis_sync.home.log.FILE_BYTES", 200)
    home.drop({"users.csv": USERS})
    with_umask(0, home.run)
    assert len(list(home.logs.iterdir())) > 2
    assert not modes(home.logs)


def test_what_exists_keeps_its_mode(tmp_path: Path) -> None:
    folder, path = tmp_path / "folder", tmp_path / "folder" / "file"
    folder.mkdir(mode=0o755)
    path.write_text("old")
    path.chmod(0o640)
    make_folder(folder)
    make_file(path)
    with open(path, "a", opener=opener) as file:
        file.write(" and new")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("old and new", 0o640)
    assert folder.stat().st_mode & 0o777 == 0o755
    with pytest.raises(FileExistsError):
        open(path, "x", opener=opener).close()
    with pytest.raises(FileExistsError):
        make_folder(path)
    with open(path, opener=opener) as file:
        assert file.read() == "old and new"


def test_places_that_others_can_read_or_write_are_reported_and_left(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": USERS})
    assert "chmod" not in home.run().message
    home.archive.chmod(0o750)
    home.logs.chmod(0o722)
    (home.logs / FILE_NAME).chmod(0o644)
    (home.archive / "journal.sqlite3").chmod(0o660)
    home.folder.chmod(0o711)  # lets others pass, and shows nothing
    expected = [
        f"Other users of this machine can read {home.archive} (mode 750). Type: chmod go-rw {home.archive}",
        f"Other users of this machine can read and write to {home.archive / 'journal.sqlite3'} (mode 660).",
        f"Other users of this machine can write to {home.logs} (mode 722).",
        f"Other users of this machine can read {home.logs / FILE_NAME} (mode 644).",
    ]
    home.drop({"users.csv": USERS.replace("Ada", "Eva")})
    told = home.run()
    shown = [
        told.message,
        (home.logs / FILE_NAME).read_text(),
        home.type("status").stdout,
        home.type("config").stdout,
        "\n".join(home.json("status")["exposed"]),
        "\n".join(home.json("config")["exposed"]),
    ]
    for text in shown:
        assert [sentence in text for sentence in expected] == [True] * 4, text
    made = home.type("init").stdout
    assert expected[0] in made
    assert expected[2] in made
    assert stat.S_IMODE(home.archive.stat().st_mode) == 0o750
    assert stat.S_IMODE((home.archive / "journal.sqlite3").stat().st_mode) == 0o660
    assert told.result.exit_code == 0


def test_under_cron_an_open_archive_is_logged_and_nothing_is_printed(home: Home, sandbox: Sandbox) -> None:
    home.archive.chmod(0o755)
    home.drop({"users.csv": USERS})
    done = home.call("run")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    log = (home.logs / FILE_NAME).read_text()
    assert log.count(f"can read {home.archive}") == 1
    assert " WARNING " in log


@root_only
@pytest.mark.parametrize("file", [".env", "token"])
def test_settings_that_belong_to_another_user_are_refused(home: Home, file: str, golden: Golden) -> None:
    (home.folder / "token").write_text("another~invented~token")
    (home.folder / "token").chmod(0o600)
    if file == "token":
        home.configure(CANVAS_API_TOKEN="", CANVAS_API_TOKEN_FILE="token")
    os.chown(home.folder / file, 65534, -1)
    with pytest.raises(SettingsError) as caught:
        load(home.folder, environ={})
    golden(in_full(caught.value))
    os.chown(home.folder / file, 4_000_000, -1)
    with pytest.raises(SettingsError) as caught:
        load(home.folder, environ={})
    golden(in_full(caught.value), "2")
    os.chown(home.folder / file, 0, -1)
    load(home.folder, environ={})


@root_only
def test_settings_of_root_are_believed(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert load(home.folder, environ={}).token


def test_json_of_a_private_home_names_nothing(home: Home) -> None:
    assert json.loads(home.type("config", "--json").stdout)["exposed"] == []
