"""Homes and runs beside each other: one sender to an account at a time, one run of a home at a time."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable

import pytest
from filelock import FileLock, Timeout
from support.golden import Golden
from support.homes import COURSES, Home

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

UNFINISHED = {"initializing", "created", "importing", "cleanup_batch", "restoring"}


class Watch:
    """Looks at the account all the time and remembers the most unfinished imports that it saw at once."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.most = 0
        self._sandbox = sandbox
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.002):
            self.most = max(self.most, sum(record.workflow_state in UNFINISHED for record in self._sandbox.imports))


def end(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    ended = []
    for process in processes:
        out, err = process.communicate(timeout=60)
        ended.append((process.returncode, out, err))
    return ended


def lock_of(home: Home, sandbox: Sandbox) -> FileLock:
    """Give the account's lock, as another process of this person would take it."""
    return FileLock(home.settings().state_folder / f"127.0.0.1_{sandbox.port}-1.lock")


def is_taken(lock: FileLock) -> bool:
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def race(home: Home, other: Home, sandbox: Sandbox) -> None:
    """Start a run of both homes at once; each has a drop of its own, never the same."""
    before = len(sandbox.imports)
    home.drop()
    other.drop({"courses.csv": COURSES.replace("One", f"One{before}")})
    assert end([home.start("run"), other.start("run")]) == [(0, "", "")] * 2
    new = sandbox.imports[before:]
    assert [record.workflow_state for record in new] == ["imported", "imported"]
    assert home.last().state is other.last().state is BatchState.IMPORTED
    assert {home.last().import_id, other.last().import_id} == {record.id for record in new}


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_homes_started_together_never_have_two_unfinished_imports(
    sandbox: Sandbox, new_home: Callable[..., Home]
) -> None:
    home, other = new_home(sandbox.url), new_home(sandbox.url, "other")
    sandbox.add_fault("slow=10")
    with Watch(sandbox) as watch:
        for _ in range(20):
            race(home, other, sandbox)
    assert watch.most == 1
    assert len(sandbox.imports) == 40


@pytest.mark.slow
def test_runs_of_one_home_at_once_make_one_import(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    assert end([home.start("run") for _ in range(10)]) == [(0, "", "")] * 10
    assert [record.workflow_state for record in sandbox.imports] == ["imported"]


def test_a_second_run_says_that_it_leaves_the_work_to_the_first(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.drop()
    with FileLock(home.archive / ".lock"):
        told = home.run()
    assert (told.result.outcome, told.result.exit_code, told.notify) == ("locked", 0, True)
    golden(told.message)
    assert not sandbox.requests
    assert home.run().result.outcome == "imported"


def test_a_home_waits_while_another_one_is_sending_to_the_account(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.configure(SIS_SYNC_POLL_LIMIT=5)
    home.drop()
    lock = lock_of(home, sandbox)
    with lock:
        told = home.run()
        assert told.result.exit_code == 6
        golden(told.message)
        assert home.run(patient=False).result.exit_code == 0
    assert (home.last().state, len(sandbox.imports)) == (BatchState.PACKED, 0)
    assert home.run().result.outcome == "imported"
    assert not is_taken(lock)


def test_homes_of_different_accounts_do_not_wait_for_each_other(
    sandbox: Sandbox, new_home: Callable[..., Home]
) -> None:
    home = new_home(sandbox.url)
    other = new_home(sandbox.url, "other", CANVAS_ACCOUNT_ID=sandbox.add_account())
    other.drop()
    with lock_of(home, sandbox):
        assert other.run().result.outcome == "imported"


def test_the_lock_of_an_account_dies_with_its_process(sandbox: Sandbox, new_home: Callable[..., Home]) -> None:
    home, other = new_home(sandbox.url), new_home(sandbox.url, "other")
    home.drop()
    sandbox.add_fault("late-answer=60")
    holder = home.start("run")
    while not sandbox.imports:
        assert holder.poll() is None
        time.sleep(0.02)
    lock = lock_of(other, sandbox)
    assert is_taken(lock)
    holder.kill()
    holder.communicate()
    assert not is_taken(lock)
    other.drop({"courses.csv": COURSES})
    assert other.run().result.outcome == "imported"
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 2


def test_the_lock_of_a_home_dies_with_its_process(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    blocking = sandbox.add_import("importing")
    holder = home.start("run")
    while not any(asked.path.endswith("/sis_imports") for asked in sandbox.requests):
        assert holder.poll() is None
        time.sleep(0.02)
    assert home.run().result.outcome == "locked"
    holder.kill()
    holder.communicate()
    sandbox.set_state(blocking, "imported")
    assert home.run().result.outcome == "imported"


def test_another_users_state_folder_keeps_another_lock(home: Home, sandbox: Sandbox) -> None:
    """Between users and machines Canvas's own queue keeps the order: both are imported, one after the other."""
    home.drop()
    with lock_of(home, sandbox):
        home.env["XDG_STATE_HOME"] = str(home.folder / "elsewhere")
        assert home.run().result.outcome == "imported"


def test_what_the_other_home_left_unfinished_is_waited_for_under_the_lock(
    sandbox: Sandbox, new_home: Callable[..., Home]
) -> None:
    home, other = new_home(sandbox.url), new_home(sandbox.url, "other")
    home.drop()
    sandbox.add_fault("slow=1")
    assert home.run(patient=False).result.exit_code == 0
    assert home.last().state is BatchState.IMPORTING
    other.drop({"courses.csv": COURSES})
    told = other.run(patient=False)
    assert (told.result.outcome, told.result.exit_code) == ("waiting", 0)
    assert [path.name for path in other.inbox.iterdir()] == ["courses.csv"]
    assert len(sandbox.imports) == 1
