"""An idle tick is cheap: cron starts one every few minutes, on the machine that the SIS export runs on too.

When a test here fails, a module that only work needs is imported at the top of one that every tick imports. Move that
import into the function that needs it, or the function to where its caller already has work to do.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from homes import Home

HEAVY = {
    "requests",
    "rich",
    "tenacity",
    "filelock",
    "werkzeug",
    "logging.handlers",
    "zipfile",
    "ssl",
    "canvas_sis_sync.sync.session",
    "canvas_sis_sync.sync.run",
    "canvas_sis_sync.sis_csv",
    "canvas_sis_sync.delivery.packing",
    "canvas_sis_sync.canvas",
    "canvas_sis_sync.home.batch",
    "canvas_sis_sync.home.journal",
    "canvas_sis_sync.cli._run",
}
PROGRAM = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from canvas_sis_sync.cli.main import main
main(sys.argv[1:])
"""


def modules_of(home: Home, *arguments: str) -> set[str]:
    """Run the program in a fresh interpreter that loads nothing by itself, and give the modules it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | home.env,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.fixture(scope="module")
def bare() -> set[str]:
    """Give what an interpreter has loaded before it does anything, editable installs included."""
    program = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    return set(json.loads(subprocess.check_output([sys.executable, "-c", program], text=True)))


@pytest.mark.parametrize("arguments", [["run"], ["--version"], ["--help"], ["run", "--help"]])
def test_an_idle_tick_loads_nothing_that_only_work_needs(home: Home, bare: set[str], arguments: list[str]) -> None:
    loaded = modules_of(home, "--home", str(home.folder), *arguments)
    assert "canvas_sis_sync.cli" in loaded
    assert not (loaded - bare) & HEAVY


def test_an_idle_tick_with_a_history_is_as_light(home: Home, bare: set[str]) -> None:
    home.drop()
    assert home.run().result.exit_code == 0
    before = {path: path.stat().st_mtime_ns for path in home.folder.rglob("*")}
    loaded = modules_of(home, "--home", str(home.folder), "run")
    assert "sqlite3" in loaded
    assert not (loaded - bare) & HEAVY
    assert {path: path.stat().st_mtime_ns for path in home.folder.rglob("*")} == before
