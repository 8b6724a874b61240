"""How a run shows itself: bars for a person, nothing for cron."""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import TextIO

import pytest
from support.exports import export
from support.homes import Home

from canvas_sis_sync.parallel import may_fork
from canvas_sis_sync.progress import DRAWN_EVERY_SECONDS, Bars, Show, Silent, showing
from canvas_sis_sync.sandbox.sandbox import Sandbox


def test_a_watched_run_shows_its_stages_and_notes_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with showing(watched=True) as show:
        assert isinstance(show, Bars)
        with show.stage("zipping", 200) as done:
            done(50)
            done(200)
        for text in ("waiting", "waiting", "[red]no markup[/red] 12"):
            show.note(text)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Zipping" in err
    assert "100%" in err
    assert "[red]no markup[/red] 12" in err
    assert err.count("waiting") == 1


def test_an_unwatched_run_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with showing(watched=False) as show:
        assert isinstance(show, Silent)
        with show.stage("zipping", 200) as done:
            done(50)
        show.note("unheard")
    assert capsys.readouterr() == ("", "")


class Terminal:
    """What somebody sees who watches."""

    def __init__(self, ours: int, screen: TextIO) -> None:
        self._ours, self._screen = ours, screen

    @contextmanager
    def showing(self) -> Iterator[Show]:
        with redirect_stderr(self._screen), showing(watched=True) as show:
            yield show

    def seen(self, wait_seconds: float = 0.05) -> str:
        """Give what was shown since the last look."""
        shown = b""
        while select.select([self._ours], [], [], wait_seconds)[0]:
            shown += os.read(self._ours, 1 << 16)
        return shown.decode()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(ours, "rb", buffering=0), os.fdopen(theirs, "w") as screen:
        yield Terminal(ours, screen)


def test_a_stage_at_a_terminal_leaves_one_thread_so_that_work_can_be_forked(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    with terminal.showing() as show, show.stage("comparing", 200) as done:
        done(50)
        assert threading.active_count() == 1
        assert may_fork() is (sys.platform == "linux")


def test_a_bar_moves_while_its_stage_lasts_but_not_with_every_step(terminal: Terminal) -> None:
    with terminal.showing() as show, show.stage("comparing", 100_000) as done:
        terminal.seen()
        time.sleep(DRAWN_EVERY_SECONDS)
        done(25_000)
        assert " 25%" in terminal.seen()
        began, drawn = time.monotonic(), 0
        for count in range(25_000, 25_100):
            done(count)
            drawn += terminal.seen(wait_seconds=0).count("Comparing")
        assert drawn <= (time.monotonic() - began) / DRAWN_EVERY_SECONDS + 1
        done(75_000)
    assert " 75%" in terminal.seen()


class Counting(Silent):
    """Notes how far each stage says it is."""

    def __init__(self) -> None:
        self.told: dict[str, list[int]] = {}
        self.totals: dict[str, int] = {}

    @contextmanager
    def stage(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        self.totals[what] = total
        self.told[what] = []
        yield self.told[what].append


def test_the_stages_of_a_run_begin_at_nothing_and_end_where_they_are_full(home: Home, sandbox: Sandbox) -> None:
    for files in (export(), export(121)):
        home.drop(files)
        counting = Counting()
        assert home.run(show=counting).result.outcome == "imported"
    assert {"checking", "zipping", "reading back", "comparing"} <= counting.told.keys()
    for what in ("checking", "zipping", "reading back", "comparing"):
        assert counting.told[what] == sorted(counting.told[what])
        assert counting.told[what][-1] == counting.totals[what], what
