"""Golden files: written on request, compared otherwise, and none left over after a run of their module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.golden import masked

TWO = """
import pytest

def test_fast(golden):
    golden({fast!r})
    golden({again!r})

@pytest.mark.slow
def test_slow(golden):
    golden("slow", "named")
"""
Run = Callable[..., pytest.RunResult]


@pytest.fixture
def run(pytester: pytest.Pytester) -> Run:
    """Run pytest in a project with one module, which has a fast test and a slow one; both have their golden file."""
    pytester.makeini("[pytest]\ntestpaths = tests\nmarkers = slow")
    module = pytester.mkpydir("tests") / "test_here.py"

    def run(*arguments: str, fast: str = "one", again: str = "") -> pytest.RunResult:
        module.write_text(TWO.format(fast=fast, again=again or fast))
        return pytester.runpytest("-p", "support.golden", "-p", "no:cacheprovider", *arguments)

    assert run("--update-golden").ret == 0
    return run


def test_a_text_is_compared_and_written_on_request(run: Run, pytester: pytest.Pytester) -> None:
    file = pytester.path / "tests" / "golden" / "here" / "fast.txt"
    assert file.read_text() == "one\n"
    assert run().ret == 0
    assert run(fast="two").ret == 1
    assert file.read_text() == "one\n"
    assert run("--update-golden", fast="two").ret == 0
    assert file.read_text() == "two\n"
    file.unlink()
    missing = run()
    missing.assert_outcomes(passed=1, failed=1)
    missing.stdout.fnmatch_lines("*is missing: pytest --update-golden writes it*")


def test_one_file_cannot_hold_two_texts(run: Run) -> None:
    assert run("--update-golden", fast="one", again="one").ret == 0
    assert run("--update-golden", fast="one", again="two").ret == 1


USED = {"here/fast.txt", "here/slow-named.txt"}
UNUSED = {"here/gone.txt", "here/fast-gone.txt", "here/slow-gone.txt", "gone/fast.txt"}
RUNS = {
    "all": ((), UNUSED),
    "fast": (("-m", "not slow"), UNUSED - {"here/slow-gone.txt"}),
    "fast in two processes": (("-n", "2", "-m", "not slow"), UNUSED - {"here/slow-gone.txt"}),
    "slow": (("-m", "slow"), UNUSED - {"here/fast-gone.txt"}),
    "a module": (("tests/test_here.py",), UNUSED),
    "one test": (("tests/test_here.py::test_fast",), set()),
}


@pytest.mark.parametrize(("arguments", "found"), RUNS.values(), ids=RUNS)
def test_a_run_finds_the_files_that_it_shows_to_be_unused_and_leaves_those_of_tests_that_did_not_run(
    run: Run, pytester: pytest.Pytester, arguments: tuple[str, ...], found: set[str]
) -> None:
    assert run(*arguments).ret == 0
    folder = pytester.path / "tests" / "golden"
    for name in UNUSED:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("left\n")
    looked = run(*arguments)
    assert (looked.ret, {line.strip() for line in looked.outlines if line.endswith(".txt")}) == (bool(found), found)
    assert run("--update-golden", *arguments).ret == 0
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.txt")} == (USED | UNUSED) - found


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/tmp/x/home/inbox", "FOLDER/home/inbox"),
        ("read archive/2026/12/20261201-002500/errors.csv", "read archive/YYYY/MM/BATCH-1/errors.csv"),
        ("http://127.0.0.1:40001/accounts/1", "http://127.0.0.1:PORT/accounts/1"),
        ("20261128-094903 after 20261127-094903-002, 20261128-094903", "BATCH-1 after BATCH-2, BATCH-1"),
        ("claimed 2026-11-28T09:49:03Z (3 s ago)", "claimed TIME (N s ago)"),
        ("it ended 1,347 days ago, not in 1 day", "it ended N days ago, not in N days"),
        ("kept for 30 days as journal.1796085605.old", "kept for 30 days as journal.TIME.old"),
        ("2 rows, 1.5 kB zipped", "2 rows, SIZE zipped"),
        ("12 rows of import 3", "12 rows of import 3"),
    ],
)
def test_what_differs_from_run_to_run_is_masked(text: str, shown: str) -> None:
    assert masked(text, Path("/tmp/x")) == shown
