"""An idle tick is cheap: cron starts one every few minutes, on the machine that the SIS export runs on too.

When a test here fails, a module that only work needs is imported at the top of one that every tick imports. Move that
import into the function that needs it, or the function to where its caller already has work to do.
"""

from __future__ import annotations

import pytest
from support.homes import Home
from support.imports import HEAVY, modules_of


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
