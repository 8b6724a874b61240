"""How a run shows a person what it is doing: by rich at a terminal, else not at all. The only importer of rich.

Without a thread of its own: a process with threads is not forked (see `parallel`), and the work would stay on one core.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from canvas_sis_sync.plain_text import visible

if TYPE_CHECKING:
    from rich.progress import Progress

DRAWN_EVERY_SECONDS = 0.1


def unseen(_units: int) -> None:
    """Take the progress of work that nobody watches."""


class Show(Protocol):
    """How a run shows a person what it is doing; silent under cron."""

    def stage(self, what: str, total: int, /) -> AbstractContextManager[Callable[[int], None]]:
        """Show one stage of work; the callable takes the units done since the start."""

    def note(self, text: str) -> None:
        """Show one line."""


class Silent:
    """Shows nothing."""

    @contextmanager
    def stage(self, _what: str, _total: int) -> Iterator[Callable[[int], None]]:
        """Show nothing."""
        yield unseen

    def note(self, text: str) -> None:
        """Show nothing."""


class Bars:
    """Shows one bar a stage on stderr."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._noted = ""
        self._drawn_at = 0.0

    @contextmanager
    def stage(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show a bar that is full at `total` units, and leave it there when the stage ends."""
        task = self._progress.add_task(visible(what.capitalize()), total=total)

        def update(done: int) -> None:
            self._progress.update(task, completed=done, refresh=self._is_due())

        yield update
        self._progress.refresh()

    def note(self, text: str) -> None:
        """Print one line above the bars, once in a row."""
        if text != self._noted:
            self._noted = text
            self._progress.console.print(visible(text), highlight=False, markup=False, emoji=False)

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now - self._drawn_at < DRAWN_EVERY_SECONDS:
            return False
        self._drawn_at = now
        return True


@contextmanager
def showing(*, watched: bool) -> Iterator[Show]:
    """Give what a run shows itself with: bars for a person who watches, silence otherwise."""
    if not watched:
        yield Silent()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<12}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False) as progress:
        yield Bars(progress)


def added_up(done: Callable[[int], None]) -> Callable[[int], None]:
    """Show what is done since the start of work that reports what it did since its last report."""
    total = 0

    def add(count: int) -> None:
        nonlocal total
        total += count
        done(total)

    return add
