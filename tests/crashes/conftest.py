"""Homes in memory, and the server of processes that kill themselves."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.victims import Victims

SHARED_MEMORY = Path("/dev/shm")
"""A file system of its own on every Linux, without a disk below it."""


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """Keep homes in memory where that can be: what a killed process has written stays, with fsync or without."""
    if not SHARED_MEMORY.is_dir():
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(dir=SHARED_MEMORY))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def victims() -> Iterator[Victims]:
    server = Victims()
    yield server
    server.stop()
