"""A home of an earlier version of this program is read as it is: its journal, its receipts, and what is typed in it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.homes import Home, fast_clock

from canvas_sis_sync.home.archive import Archive, read_receipt
from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync.rebuild import rebuild

OLD = Path(__file__).parents[1] / "data" / "home-of-2026-11" / "archive"
STATES = [
    "imported_with_messages",
    "retried",
    "imported",
    "skipped",
    "discarded",
    "skipped",
    "imported",
    "imported",
    "unchanged",
    "imported_with_messages",
    "refused",
]


@pytest.fixture
def old(home: Home) -> Home:
    shutil.rmtree(home.archive)
    shutil.copytree(OLD, home.archive)
    return home


def test_its_journal_says_what_its_receipts_say(old: Home) -> None:
    batches = old.batches()
    assert [batch.state for batch in batches] == STATES
    assert [read_receipt(old.folder_of(batch)) for batch in batches] == batches


def test_its_zips_are_what_its_journal_names(old: Home) -> None:
    for batch in old.batches():
        if batch.zip_sha256:
            path = Archive(old.archive).zip_path(batch)
            assert path.stat().st_size == batch.zip_size


def test_its_journal_is_rebuilt_equal(old: Home) -> None:
    before = old.batches()
    (old.archive / FILE_NAME).unlink()
    rebuild(old.settings(), fast_clock())
    assert old.batches() == before


def test_the_next_drop_goes(old: Home, sandbox: Sandbox) -> None:
    old.drop()
    assert old.run().result.outcome == "imported"
