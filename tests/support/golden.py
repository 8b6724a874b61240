"""Texts that tests compare with, as files in tests/golden, which `pytest --update-golden` writes again.

What differs from run to run is masked: folders, ports, batch ids, times, seconds that something took, and sizes and
hashes, which depend on the zlib that is installed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "golden"
USED = pytest.StashKey[set[str]]()
BATCH = re.compile(r"\b20\d{6}-\d{6}(?:-\d{3})?\b")
MASKS = (
    (re.compile(r"\b(127\.0\.0\.1|localhost):\d+"), r"\1:PORT"),
    (re.compile(r"/archive/20\d\d/\d\d/"), "/archive/YYYY/MM/"),
    (re.compile(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d| UTC)?"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? (s|seconds?)\b"), "N s"),
    (re.compile(r"\b[\d,]+(\.\d+)? (bytes|[kMG]B)\b"), "SIZE"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "SHA256"),
)

Golden = Callable[..., None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the texts of tests/golden as they are now")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[USED] = set()


@pytest.fixture
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Golden:
    """Compare a text, or what becomes JSON, with its file; `name` tells several of one test apart."""
    assert request.node.get_closest_marker("slow") is None, "the fast suite has to find every file used"
    config = request.config
    module = request.path.relative_to(FOLDER.parent).with_suffix("").as_posix().replace("test_", "")
    test = re.sub(r"[^\w]+", "-", request.node.name.removeprefix("test_")).strip("-")

    def compare(value: object, name: str = "") -> None:
        text = value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True)
        text = masked(text, tmp_path).rstrip("\n") + "\n"
        path = FOLDER / module / f"{test}{name and f'-{name}'}.txt"
        config.stash[USED].add(path.relative_to(FOLDER).as_posix())
        if config.option.update_golden:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing: pytest --update-golden writes it"
        assert text == path.read_text(encoding="utf-8")

    return compare


def masked(text: str, folder: Path) -> str:
    text = text.replace(str(folder.resolve()), "FOLDER").replace(str(folder), "FOLDER")
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    numbers: dict[str, int] = {}
    return BATCH.sub(lambda found: f"BATCH-{numbers.setdefault(found[0], len(numbers) + 1)}", text)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect what a worker of xdist has used."""
    node.config.stash[USED].update(getattr(node, "workeroutput", {}).get("golden", ()))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a whole run that leaves a file unused; with --update-golden the file goes."""
    config = session.config
    used: set[str] = config.stash[USED]
    if hasattr(config, "workeroutput"):
        config.workeroutput["golden"] = sorted(used)
    elif exitstatus == 0 and is_whole(config):
        unused = sorted(set(files()) - used)
        if config.option.update_golden:
            for name in unused:
                (FOLDER / name).unlink()
        elif unused:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
            print(f"\nNo test uses these files of {FOLDER} (pytest --update-golden removes them):", *unused, sep="\n  ")


def is_whole(config: pytest.Config) -> bool:
    asked: Any = config.option
    source = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return source and not asked.keyword and not asked.collectonly and asked.markexpr == "not slow"


def files() -> Iterable[str]:
    return (path.relative_to(FOLDER).as_posix() for path in FOLDER.rglob("*.txt"))
