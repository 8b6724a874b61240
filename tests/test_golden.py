"""Golden files: written on request, compared otherwise, and none left over after a whole run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support import golden as module
from support.golden import Golden, masked


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the golden files of a test elsewhere, beside a `tests` folder of its own."""
    made = tmp_path / "golden"
    monkeypatch.setattr(module, "FOLDER", made)
    return made


@pytest.fixture
def kept(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(request.node, "path", folder.parent / "test_here.py")
    used = request.config.stash[module.USED]
    before = set(used)
    yield folder / "here" / "a_text_is_compared.txt"
    used &= before


def test_a_text_is_compared(request: pytest.FixtureRequest, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    golden: Golden = request.getfixturevalue("golden")
    monkeypatch.setattr(request.config.option, "update_golden", False)
    with pytest.raises(AssertionError, match="is missing"):
        golden("one")
    monkeypatch.setattr(request.config.option, "update_golden", True)
    golden("one")
    monkeypatch.setattr(request.config.option, "update_golden", False)
    golden("one")
    with pytest.raises(AssertionError):
        golden("two")
    assert kept.read_text() == "one\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/tmp/x/home/inbox", "FOLDER/home/inbox"),
        ("http://127.0.0.1:40001/accounts/1", "http://127.0.0.1:PORT/accounts/1"),
        ("20261128-094903 after 20261127-094903-002, 20261128-094903", "BATCH-1 after BATCH-2, BATCH-1"),
        ("claimed 2026-11-28T09:49:03Z (3 s ago)", "claimed TIME (N s ago)"),
        ("2 rows, 1.5 kB zipped", "2 rows, SIZE zipped"),
        ("12 rows of import 3", "12 rows of import 3"),
    ],
)
def test_what_differs_from_run_to_run_is_masked(text: str, shown: str) -> None:
    assert masked(text, Path("/tmp/x")) == shown
