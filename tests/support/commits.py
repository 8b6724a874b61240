"""Commits of a journal, with something done before or after them, or in their place."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from canvas_sis_sync.home import journal, journal_file

Commit = Callable[[], object]


class Connection:
    """An open journal whose commits are made by `on_commit`, which is given the connection and the commit itself."""

    def __init__(self, inner: sqlite3.Connection, on_commit: Callable[[sqlite3.Connection, Commit], object]) -> None:
        self._inner = inner
        self._on_commit = on_commit

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor | None:
        if statement != "COMMIT":
            return self._inner.execute(statement, *values)
        self._on_commit(self._inner, lambda: self._inner.execute("COMMIT"))
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def watch_commits(
    on_commit: Callable[[sqlite3.Connection, Commit], object], patched: pytest.MonkeyPatch | None = None
) -> None:
    """Have `on_commit` make the commits of every journal that is opened to be written from now on."""

    def connect(path: Path) -> Connection:
        return Connection(journal_file.connect(path), on_commit)

    (patched or pytest.MonkeyPatch()).setattr(journal, "connect", connect)
