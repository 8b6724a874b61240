"""Texts that tests compare with, as files in tests/golden, which `pytest --update-golden` writes again.

What differs from run to run is masked: folders, ports, batch ids, times, seconds that something took, and sizes and
hashes, which depend on the zlib that is installed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

BATCH = re.compile(r"\b20\d{6}-\d{6}(?:-\d{3})?\b")
MASKS = (
    (re.compile(r"\b(127\.0\.0\.1|localhost):\d+"), r"\1:PORT"),
    (re.compile(r"\barchive/20\d\d/\d\d/"), "archive/YYYY/MM/"),
    (re.compile(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d| UTC)?"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? (s|seconds?)\b"), "N s"),
    (re.compile(r"\b[\d,]+ days? ago\b"), "N days ago"),
    (re.compile(r"\bin [\d,]+ days?\b"), "in N days"),
    (re.compile(r"\bjournal\.\d+\.old\b"), "journal.TIME.old"),
    (re.compile(r"\b[\d,]+(\.\d+)? (bytes|[kMG]B)\b"), "SIZE"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "SHA256"),
    (re.compile(r"/\S+/bin/sis-sync\b"), "BIN/sis-sync"),
)

Golden = Callable[..., None]


class Seen(NamedTuple):
    """What a session has collected, got through and used: tests by the start of their files' names, and files."""

    collected: set[str]
    passed: set[str]
    used: set[str]


SEEN = pytest.StashKey[Seen]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the texts of tests/golden as they are now")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[SEEN] = Seen(set(), set(), set())


def pytest_itemcollected(item: pytest.Item) -> None:
    item.config.stash[SEEN].collected.add(stem(item))


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    if call.when == "call" and call.excinfo is None:
        item.config.stash[SEEN].passed.add(stem(item))


@pytest.fixture
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Golden:
    """Compare a text, or what becomes JSON, with its file; `name` tells several of one test apart."""
    config = request.config

    def compare(value: object, name: str = "") -> None:
        text = value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True)
        text = masked(text, tmp_path).rstrip("\n") + "\n"
        file = f"{stem(request.node)}{name and f'-{name}'}.txt"
        path = folder(config) / file
        used = config.stash[SEEN].used
        if config.option.update_golden and file not in used:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        used.add(file)
        assert path.exists(), f"{path} is missing: pytest --update-golden writes it"
        assert text == path.read_text(encoding="utf-8")

    return compare


def folder(config: pytest.Config) -> Path:
    return config.rootpath / "tests" / "golden"


def stem(test: pytest.Item) -> str:
    """Return how the names of a test's files begin, below the folder: `runs/life/what-it-is-named`."""
    module = test.path.relative_to(test.config.rootpath / "tests")
    name = re.sub(r"\W+", "-", test.name.removeprefix("test_")).strip("-")
    return (module.with_name(module.stem.removeprefix("test_")) / name).as_posix()


def masked(text: str, folder: Path) -> str:
    text = text.replace(str(folder.resolve()), "FOLDER").replace(str(folder), "FOLDER")
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    numbers: dict[str, int] = {}
    return BATCH.sub(lambda found: f"BATCH-{numbers.setdefault(found[0], len(numbers) + 1)}", text)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect what a worker of xdist has seen."""
    for ours, theirs in zip(node.config.stash[SEEN], getattr(node, "workeroutput", {}).get("golden", ()), strict=False):
        ours.update(theirs)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run that shows a file to be unused; with --update-golden the file goes."""
    config = session.config
    if hasattr(config, "workeroutput"):
        config.workeroutput["golden"] = [sorted(each) for each in config.stash[SEEN]]
    elif exitstatus == 0 and (names := unused(config)):
        if config.option.update_golden:
            for name in names:
                (folder(config) / name).unlink()
        else:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            print(
                "\nNo test uses these files of tests/golden (pytest --update-golden removes them):", *names, sep="\n  "
            )


def unused(config: pytest.Config) -> list[str]:
    """Return the files that no test of their module has used, or can use that did not run here.

    A module that was collected only in part says nothing about its files.
    """
    if any("::" in argument for argument in config.args) or config.getoption("lf", default=False):
        return []
    seen = config.stash[SEEN]
    waiting = tuple(f"{test}{end}" for test in seen.collected - seen.passed for end in "-.")
    modules = {test.rpartition("/")[0] for test in seen.collected}

    def is_known(module: str) -> bool:
        path = folder(config).parent / module
        return module in modules or not path.with_name(f"test_{path.name}.py").exists()

    paths = (path.relative_to(folder(config)) for path in sorted(folder(config).rglob("*.txt")))
    names = [path.as_posix() for path in paths if is_known(path.parent.as_posix())]
    return [name for name in names if name not in seen.used and not name.startswith(waiting)]
