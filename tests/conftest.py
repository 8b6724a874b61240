"""Fixtures of the whole suite: homes, the sandbox, a clean environment, and no network but loopback."""

from __future__ import annotations

import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_socket
from support.commands import BATCH
from support.homes import TOKEN, Home

from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.drops import DropKind
from canvas_sis_sync.sandbox.sandbox import Sandbox

# Compile each module once, not again in every process: containers often set this.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A job in the background is started with SIGINT ignored, which the processes of the tests would inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["pytester", "support.golden"]
LOOPBACK = ["127.0.0.1", "::1", "localhost"]


def pytest_configure(config: pytest.Config) -> None:
    """Keep the folders of the fast suite in memory where the system can: it waits for the disk most of its time."""
    memory = Path("/dev/shm")
    if config.option.markexpr == "not slow" and os.access(memory, os.W_OK):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


def pytest_collection_finish() -> None:
    """Take what collection made out of the garbage collector's rounds: it stays to the end."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail in CI when a test was skipped: what CI has to have is installed there."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_runtest_setup() -> None:
    pytest_socket.socket_allow_hosts(LOOPBACK, allow_unix_socket=True)


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start every test without the settings of whoever runs it, and with a state folder of its own."""
    for name in list(os.environ):
        ours = name.startswith(("CANVAS_", "SIS_SYNC_", "SIS_IMPORT_"))
        if ours or name.lower().endswith(("_proxy", "_ca_bundle")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(autouse=True)
def same_umask() -> Iterator[None]:
    """Give every test the same umask, which the command line changes."""
    os.umask(0o022)
    yield
    os.umask(0o022)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve a Canvas with one account and one token."""
    with Sandbox(token=TOKEN) as running:
        yield running


@pytest.fixture
def new_home(tmp_path: Path) -> Iterator[Callable[..., Home]]:
    """Make homes; after the test none of them may hold the token anywhere but in `.env`."""
    homes: list[Home] = []

    def make(url: str, name: str = "home", token: str = TOKEN, **values: Any) -> Home:
        folder = tmp_path / name
        folder.mkdir(mode=0o700)
        for part in ("inbox", "archive", "logs"):
            (folder / part).mkdir(mode=0o700)
        home = Home(folder, {"XDG_STATE_HOME": str(tmp_path / "state")})
        home.configure(CANVAS_BASE_URL=url, CANVAS_API_TOKEN=token, SIS_SYNC_SETTLE_SECONDS=0, **values)
        homes.append(home)
        return home

    yield make
    leaks = [place for home in homes for place in home.leaks()]
    assert not leaks, f"the token is in {leaks}"


@pytest.fixture
def home(sandbox: Sandbox, new_home: Callable[..., Home]) -> Home:
    """Give a home whose Canvas is the sandbox."""
    return new_home(sandbox.url)


@pytest.fixture
def lived(home: Home, sandbox: Sandbox) -> Home:
    """Give a home whose last batch failed, and a drop that waits."""
    target = Target(home.settings().host, 1)
    with home.journal_to_write() as journal:
        journal.remember_target(sandbox.url, "self", target)
        batch = journal.add(
            Batch(
                BATCH,
                BatchState.FAILED,
                target,
                "night",
                DropKind.FOLDER,
                1e9,
                filed=True,
                sis_import=SisImport(1, "failed"),
            )
        )
    archive = Archive(home.archive)
    archive.make_batch_folder(BATCH)
    archive.write_receipt(batch)
    home.drop()
    return home


@pytest.fixture(scope="session")
def bare() -> set[str]:
    """Give what an interpreter has loaded before it does anything, editable installs included."""
    program = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    return set(json.loads(subprocess.check_output([sys.executable, "-c", program], text=True)))


@pytest.fixture
def home_on_two_disks(home: Home) -> Iterator[Home]:
    """Give a home whose archive lies on another file system than its inbox."""
    here = home.inbox.stat().st_dev
    others = [path for path in map(Path, ("/dev/shm", "/var/tmp")) if path.is_dir() and path.stat().st_dev != here]
    if not others:
        pytest.skip("there is no second file system at /dev/shm or /var/tmp")
    other = Path(tempfile.mkdtemp(dir=others[0]))
    home.archive.rmdir()
    home.archive.symlink_to(other)
    yield home
    shutil.rmtree(other)
