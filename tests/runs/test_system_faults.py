"""What the system may answer at any boundary of a home is a sentence: permissions, handles, folders that are gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.commands import BATCH, COMMANDS
from support.golden import Golden
from support.homes import Home
from support.processes import as_anybody, call, with_handles

from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="permissions, handles and folders as POSIX has them"),
]


@contextmanager
def forbidden(path: Path, mode: int = 0) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


PLACES: dict[str, tuple[Callable[[Home], Path], int]] = {
    "home": (lambda home: home.folder, 0),
    "archive": (lambda home: home.archive, 0),
    "archive without search": (lambda home: home.archive, 0o600),
    "archive read-only": (lambda home: home.archive, 0o500),
    "year": (lambda home: home.archive / "2026", 0),
    "month": (lambda home: home.archive / "2026" / "01", 0),
    "batch folder": (lambda home: home.archive / "2026" / "01" / BATCH, 0),
    "receipt": (lambda home: home.archive / "2026" / "01" / BATCH / "receipt.json", 0),
    "journal": (lambda home: home.archive / FILE_NAME, 0),
    "journal read-only": (lambda home: home.archive / FILE_NAME, 0o400),
    "inbox": (lambda home: home.inbox, 0),
    "inbox read-only": (lambda home: home.inbox, 0o500),
    "logs": (lambda home: home.folder / "logs", 0),
    ".env": (lambda home: home.folder / ".env", 0),
}
NEEDLESS = {"journal read-only", "inbox read-only", "batch folder", "receipt", "logs"}
"""What a run that holds does not need."""


@pytest.mark.parametrize("place", PLACES)
def test_a_place_that_may_not_be_entered_is_a_sentence_under_every_command(
    lived: Home, sandbox: Sandbox, place: str, golden: Golden
) -> None:
    find, mode = PLACES[place]
    said = ""
    with forbidden(find(lived), mode):
        for command in (
            ("run",),
            ("status",),
            ("skip", BATCH, "--reason", "x"),
            ("plan",),
            ("check",),
            ("rebuild-journal",),
        ):
            done = call(lived.folder, *command, env=lived.env, before=as_anybody)
            assert done.returncode in {0, 2, 5, 10}, (command, done.stderr)
            said += f"$ sis-sync {command[0]}\n{done.stdout}{done.stderr}"
            if command == ("run",) and place not in NEEDLESS:
                assert done.returncode == (2 if place == "home" else 10 if place == ".env" else 5), (command, said)
    golden(said)
    assert not sandbox.imports
    assert lived.last().id == BATCH
    assert (lived.inbox / "users.csv").exists()


def test_a_journal_of_another_user_is_a_sentence(lived: Home, sandbox: Sandbox, golden: Golden) -> None:
    if os.geteuid():
        pytest.skip("only root can give a file away")
    path = lived.archive / FILE_NAME
    os.chown(path, 65534, 65534)
    said = ""
    for command in COMMANDS:
        done = call(lived.folder, *command, env=lived.env, before=as_anybody)
        assert done.returncode == 5, (command, done.stderr)
        if "json" not in str(command):
            said += f"$ sis-sync {' '.join(command)}\n{done.stdout}{done.stderr}"
        assert "rebuild-journal" not in done.stdout + done.stderr
    golden(said)


@pytest.mark.parametrize("handles", [5, 6, 7, 8, 9, 10, 12, 15])
def test_too_few_file_handles_are_a_sentence_and_lose_nothing(lived: Home, sandbox: Sandbox, handles: int) -> None:
    lived.configure(SIS_SYNC_LOST_SECONDS=1)
    lived.say("skip", BATCH, "known")
    for command in (("status",), ("check",), ("plan",), ("run", "--no-wait")):
        done = call(lived.folder, *command, env=lived.env, before=with_handles(handles))
        assert done.returncode in {0, 5, 6, 13}, (command, done.stderr)
        if done.returncode == 5:
            assert "open files" in done.stderr or done.stdout or command == ("plan",), done.stderr
    for _ in range(4):
        assert call(lived.folder, "run", env=lived.env).returncode in {0, 5}
    assert len(sandbox.imports) == 1


def test_a_current_folder_that_is_gone_matters_only_to_relative_names(
    lived: Home, tmp_path: Path, golden: Golden
) -> None:
    gone = tmp_path / "gone"
    program = [sys.executable, "-m", "canvas_sis_sync"]
    for given, code in (([], 5), (["--home", "."], 5), (["--home", str(lived.folder)], 0)):
        for command in (("status", "--offline"), ("config",)):
            gone.mkdir()
            script = f'rmdir {gone}; exec "$@"'
            done = subprocess.run(
                ["sh", "-c", script, "sh", *program, *given, *command],
                cwd=gone, env=os.environ | lived.env, capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            assert done.returncode == code, done.stderr
            assert "Traceback" not in done.stderr
            if code:
                golden(done.stderr, command[0])
    for command, code in ((("run",), 5), (("plan",), 0), (("check",), 0)):
        gone.mkdir()
        done = subprocess.run(
            ["sh", "-c", f'rmdir {gone}; exec "$@"', "sh", *program, "--home", str(lived.folder), *command],
            cwd=gone, env=os.environ | lived.env, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
