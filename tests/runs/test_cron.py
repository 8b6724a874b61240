"""The README's crontab line under a real cron: imports are done in silence, and a hold is told once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.golden import Golden
from support.homes import TOKEN, Home

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

LONGEST_SECONDS = 150
README = Path(__file__).parents[2] / "README.md"
SHELL = """#!/bin/sh
env > {folder}/environment
exec /bin/sh "$@" >> {folder}/output 2>&1
"""
"""What cron starts commands with here, so that what it would mail is kept."""


def line_for(home: Home) -> str:
    """Give the README's crontab line for every minute, with this program and that home."""
    found = re.search(r"^\*/15 \* \* \* \* /\S+/sis-sync --home /\S+ run$", README.read_text(encoding="utf-8"), re.M)
    assert found, "the README has no crontab line"
    line = found[0].replace("*/15", "*", 1)
    line = re.sub(r"/\S+/sis-sync", str(Path(sys.executable).with_name("sis-sync")), line)
    return re.sub(r"--home \S+", f"--home {home.folder}", line)


@pytest.fixture
def cron(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Give a function that starts a cron of our own with this crontab; what was there is put back afterwards."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or not shutil.which("cron") or not shutil.which("crontab"):
        pytest.skip("only root can start cron, and it must be installed (Debian's package cron)")
    if Path("/var/run/crond.pid").exists():
        pytest.skip("another cron is at work on this machine, and would run the crontab too")
    before = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False)
    daemons: list[subprocess.Popen[bytes]] = []

    def start(crontab: str) -> None:
        subprocess.run(["crontab", "-"], input=crontab, text=True, check=True)
        daemons.append(subprocess.Popen(["cron", "-f"]))

    yield start
    for daemon in daemons:
        daemon.terminate()
        daemon.wait()
    Path("/var/run/crond.pid").unlink(missing_ok=True)
    if before.returncode == 0:
        subprocess.run(["crontab", "-"], input=before.stdout, text=True, check=True)
    else:
        subprocess.run(["crontab", "-r"], check=False, capture_output=True)


def wait_for(what: Callable[[], bool], until: float) -> None:
    while not what():
        assert time.monotonic() < until, "cron did not get there in time"
        time.sleep(0.5)


def ticks_held(home: Home) -> int:
    """Count the ticks that met the trouble that lasts."""
    with home.journal() as journal:
        return sum(episode.runs for episode in journal.episodes())


@pytest.mark.slow
@pytest.mark.timeout(LONGEST_SECONDS + 30)
def test_cron_imports_in_silence_and_tells_a_hold_once(
    sandbox: Sandbox, new_home: Callable[..., Home], cron: Callable[[str], None], tmp_path: Path, golden: Golden
) -> None:
    until = time.monotonic() + LONGEST_SECONDS
    shell = tmp_path / "shell"
    shell.write_text(SHELL.format(folder=tmp_path))
    shell.chmod(0o700)
    with Sandbox(token=TOKEN, faults=["fail"]) as failing:
        quiet, held = new_home(sandbox.url, "quiet"), new_home(failing.url, "held")
        for home in (quiet, held):
            home.drop()
        settings = f"SHELL={shell}\nHOME={tmp_path}\nMAILTO=sis-admin@example.edu\n"
        cron(f"{settings}{line_for(quiet)}\n{line_for(held)}\n")
        wait_for(lambda: ticks_held(held) >= 2, until)
    assert quiet.last().state is BatchState.IMPORTED
    assert quiet.receipt()["batch"]["state"] == "imported"
    assert [record.workflow_state for record in sandbox.imports] == ["imported"]
    assert held.last().state is BatchState.FAILED
    output = (tmp_path / "output").read_text()
    golden(output)
    assert output.count(f" retry {held.last().id} ") == 1
    assert str(quiet.folder) not in output
    assert "Traceback" not in output
    names = {line.partition("=")[0] for line in (tmp_path / "environment").read_text().splitlines()}
    assert not any(name.startswith(("CANVAS_", "SIS_", "XDG_", "VIRTUAL_ENV")) for name in names)
    held.outputs.append(output)
