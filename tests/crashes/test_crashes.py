"""A run that is killed loses nothing, sends nothing twice and nothing out of order: at every commit, and at any moment.

The process that is killed is a real one (`crash_entry`); the run that follows is an ordinary one.
"""

from __future__ import annotations

import hashlib
import json
import random
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from signal import SIGKILL

import pytest
from support.homes import COURSES, ENROLLMENTS, USERS, Home
from support.victims import Victims

from canvas_sis_sync.sandbox._records import Import
from canvas_sis_sync.sandbox.sandbox import Sandbox

NewHome = Callable[..., Home]


@dataclass
class Scenario:
    """What lies in the inbox, what Canvas does, and what must come of it."""

    #: One mapping of names to contents a drop, oldest first.
    drops: tuple[Mapping[str, str], ...]
    #: Puts the drops there and whatever went before; gives what the following run must take.
    prepare: Callable[[Home, Sandbox], None]
    settings: Mapping[str, object] = field(default_factory=dict)
    #: Armed before the run that is killed.
    faults: tuple[str, ...] = ()
    exit_codes: frozenset[int] = frozenset({0})


LOOSE = {"users.csv": USERS, "courses.csv": COURSES, "enrollments.csv": ENROLLMENTS}
FIRST = {"users.csv": USERS}
SECOND = {"users.csv": USERS.replace("Ada", "Zoe"), "courses.csv": COURSES}


def drop_loose(home: Home, _sandbox: Sandbox) -> None:
    home.drop(LOOSE)


def drop_folders(home: Home, _sandbox: Sandbox) -> None:
    home.drop(FIRST, folder="1")
    home.drop(SECOND, folder="2/deep")


def drop_zip(home: Home, _sandbox: Sandbox) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as ready:
        for name, content in LOOSE.items():
            ready.writestr(name, content)
    home.drop({"ready.zip": packed.getvalue()})


def drop_mixed_zip(home: Home, _sandbox: Sandbox) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as ready:
        ready.writestr("users.csv", USERS)
        ready.writestr("readme.txt", "made by hand")
    home.drop({"mixed.zip": packed.getvalue()})


def fail_first(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop(LOOSE)
    assert home.run().result.exit_code == 4


def retry_first(home: Home, sandbox: Sandbox) -> None:
    fail_first(home, sandbox)
    assert home.call("retry", home.last().id, "--reason", "mended").returncode == 0


def approve_second(home: Home, _sandbox: Sandbox) -> None:
    home.drop(LOOSE)
    assert home.run().result.exit_code == 0
    home.drop(FIRST)
    assert home.run().result.exit_code == 5
    assert home.call("approve", home.last().id, "--reason", "users alone", "--yes").returncode == 0


def retry_command(home: Home) -> tuple[str, ...]:
    with home.journal() as journal:
        first = min(waiting.id for waiting in journal.waiting())
    return "retry", first, "--reason", "mended"


SCENARIOS = {
    "loose": Scenario((LOOSE,), drop_loose),
    "folders": Scenario((FIRST, SECOND), drop_folders),
    "zip": Scenario((LOOSE,), drop_zip),
    "mixed zip": Scenario((FIRST,), drop_mixed_zip),
    "two-step": Scenario((LOOSE,), drop_loose, {"SIS_SYNC_UPLOAD": "two-step"}),
    "lost answer": Scenario((LOOSE,), drop_loose, faults=("cut-after-accept",)),
    "nothing accepted": Scenario((LOOSE,), drop_loose, faults=("cut-before-accept",)),
    "announcement lost": Scenario(
        (LOOSE,), drop_loose, {"SIS_SYNC_UPLOAD": "two-step"}, ("lose-announcement",), exit_codes=frozenset({0, 13})
    ),
    "upload cut": Scenario((LOOSE,), drop_loose, {"SIS_SYNC_UPLOAD": "two-step"}, ("cut-upload",)),
    "retried": Scenario((LOOSE,), retry_first),
    "approved": Scenario((FIRST,), approve_second),
}


def walk(scenario: Scenario, sandbox: Sandbox, new_home: NewHome, victims: Victims, archive: Path | None = None) -> int:
    """Kill at every commit, before and after, until a run ends by itself; give the number of commits."""
    number = 0
    while True:
        number += 1
        codes = [
            kill_once(
                scenario, sandbox, new_home, partial(victims.run, at=number, when=when), f"{when}{number}", archive
            )
            for when in ("before", "after")
        ]
        assert set(codes) <= scenario.exit_codes | {-SIGKILL}
        if -SIGKILL not in codes:
            return number - 1


def kill_once(
    scenario: Scenario,
    sandbox: Sandbox,
    new_home: NewHome,
    kill: Callable[..., int],
    name: str,
    archive: Path | None = None,
) -> int:
    """Kill one run, hold what it left to the promises, and let ordinary runs finish it."""
    home = new_home(sandbox.url, name, SIS_SYNC_LOST_SECONDS=1, **scenario.settings)
    if archive is not None:
        home.archive.rmdir()
        home.archive.symlink_to(tempfile.mkdtemp(dir=archive))
    scenario.prepare(home, sandbox)
    dropped = {digest(content) for drop in scenario.drops for content in drop.values()}
    for fault in scenario.faults:
        sandbox.add_fault(fault)
    known = len(sandbox.imports)
    code = kill(home, "run")
    assert "Traceback" not in home.outputs[-1]
    assert dropped <= kept(home)
    finish(home, scenario)
    assert [names_of(record) for record in applied(sandbox, known)] == [
        sorted(Path(name).name for name in drop) for drop in scenario.drops
    ]
    assert_filed(home)
    assert dropped <= kept(home)
    # What a killed announcement left behind is nobody's, and the next home shall not wait for it.
    for record in sandbox.imports:
        if record.workflow_state == "initializing":
            sandbox.set_state(record.id, "aborted")
    sandbox.clear_faults()
    return code


def finish(home: Home, scenario: Scenario) -> None:
    """Run until nothing is left to do."""
    for _ in range(4):
        told = home.run()
        assert told.result.exit_code in scenario.exit_codes, told.message
        if (told.result.outcome, told.result.exit_code) == ("idle", 0):
            return
    raise AssertionError(f"there was always something left to do: {told.message}")


def applied(sandbox: Sandbox, known: int) -> list[Import]:
    """List the imports that Canvas has carried out, but for those that were there before."""
    left = {"initializing", "aborted"}
    return [record for record in sandbox.imports[known:] if record.workflow_state not in left]


def names_of(record: Import) -> list[str]:
    assert record.workflow_state == "imported"
    return sorted(entry.name for entry in record.attachments or ())


def assert_filed(home: Home) -> None:
    """Hold the home to a clean end: an empty inbox, and one zip and one receipt a batch."""
    assert not list(home.inbox.iterdir())
    folders = list(home.archive.glob("[0-9]*/[0-9]*/*"))
    assert folders
    for folder in folders:
        names = {path.name for path in folder.iterdir()}
        assert {"check.json", "import.zip", "plan.json", "receipt.json"} <= names
        assert not names - {"check.json", "import.zip", "plan.json", "receipt.json", "original.zip", "errors.csv"}
        assert json.loads((folder / "receipt.json").read_text())["batch"]["state"] in {"imported", "retried"}


def kept(home: Home) -> set[str]:
    """Digest all files of inbox and archive that have their final name, and all that whole zips among them hold."""
    digests: set[str] = set()
    for root in (home.inbox, home.archive.resolve()):
        for path in root.rglob("[!.]*"):
            if path.is_file():
                digests.add(digest(path.read_bytes()))
                with suppress(zipfile.BadZipFile), zipfile.ZipFile(path) as packed:
                    digests |= {digest(packed.read(name)) for name in packed.namelist()}
    return digests


def digest(content: str | bytes) -> str:
    return hashlib.sha256(content.encode() if isinstance(content, str) else content).hexdigest()


@pytest.mark.slow
def test_a_run_killed_at_any_commit_is_finished_by_the_next(
    sandbox: Sandbox, new_home: NewHome, victims: Victims
) -> None:
    assert walk(SCENARIOS["loose"], sandbox, new_home, victims) >= 8


# test_crashes_of_holds kills runs of approved batches at every commit
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SCENARIOS.keys() - {"loose", "approved"}))
def test_more_kinds_of_runs_killed_at_any_commit_are_finished_by_the_next(
    sandbox: Sandbox, new_home: NewHome, victims: Victims, name: str
) -> None:
    assert walk(SCENARIOS[name], sandbox, new_home, victims) >= 8


@pytest.mark.slow
def test_a_retry_killed_at_any_commit_can_be_typed_again(sandbox: Sandbox, new_home: NewHome, victims: Victims) -> None:
    number = 0
    code = -SIGKILL
    while code == -SIGKILL:
        number += 1
        for when in ("before", "after"):
            home = new_home(sandbox.url, f"{when}{number}", SIS_SYNC_LOST_SECONDS=1)
            fail_first(home, sandbox)
            known = len(sandbox.imports)
            code = victims.run(home, *retry_command(home), at=number, when=when)
            with home.journal() as journal:
                holding = [waiting.id for waiting in journal.waiting() if waiting.holds]
            if holding:
                assert when == "before"
                assert home.call("retry", holding[0], "--reason", "again").returncode == 0
            finish(home, SCENARIOS["retried"])
            assert [names_of(record) for record in applied(sandbox, known)] == [sorted(LOOSE)]
            assert_filed(home)
    assert code == 0
    assert number > 1


@pytest.fixture
def other_disk(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder on another file system than the homes'."""
    folder = tmp_path_factory.mktemp("other")
    if folder.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system at /dev/shm")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", ["loose", "folders", "zip"])
def test_a_run_killed_at_any_commit_between_two_file_systems_is_finished_by_the_next(
    sandbox: Sandbox, new_home: NewHome, victims: Victims, other_disk: Path, name: str
) -> None:
    assert walk(SCENARIOS[name], sandbox, new_home, victims, other_disk) >= 8


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_run_killed_at_any_of_a_hundred_moments_is_finished_by_the_next(
    sandbox: Sandbox, new_home: NewHome, victims: Victims, other_disk: Path
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    killed = 0
    for number in range(100):
        scenario = SCENARIOS[chance.choice(sorted(SCENARIOS))]
        kill = partial(victims.run, at=chance.uniform(0, 0.4), when="moment")
        archive = chance.choice([None, other_disk])
        killed += kill_once(scenario, sandbox, new_home, kill, str(number), archive) == -SIGKILL
    assert killed > 30
