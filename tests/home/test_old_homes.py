"""A home of an earlier version of this program is read as it is: its journal, its receipts, and what is typed in it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.homes import Home, fast_clock

from canvas_sis_sync.errors import JournalError
from canvas_sis_sync.home._flat_record import GONE, STAGES
from canvas_sis_sync.home._record import batch_from_record, to_record
from canvas_sis_sync.home.archive import Archive, read_receipt
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.home.stages import Assessed, Ending, Sending, Zip
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync.rebuild import rebuild

DATA = Path(__file__).parents[1] / "data"
OLD = DATA / "home-of-2026-11" / "archive"
RECORDS = json.loads((DATA / "batches-of-2026-11.json").read_text(encoding="utf-8"))
FORGOTTEN = dict.fromkeys(set(GONE) - {"import_id"})
"""The records of that home's batches, as they were written then, and one with every field set to something."""
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


def as_written_then(batch: Batch) -> dict[str, Any]:
    """Return all that is known of a batch in the form of then."""
    record: dict[str, Any] = to_record(batch)
    kept = record.pop("kept_zip")
    record["import_id"] = batch.import_id
    nothing = {"zip": Zip(kept, 0, "", ()), "assessment": Assessed(), "sending": Sending(), "ending": Ending()}
    for stage, fields in STAGES.items():
        of_stage = record.pop(stage) or to_record(nothing[stage])
        record |= {then: of_stage[now] for then, now in fields.items()}
    return record


@pytest.fixture
def old(home: Home) -> Home:
    shutil.rmtree(home.archive)
    shutil.copytree(OLD, home.archive)
    return home


def test_its_journal_says_what_its_receipts_say(old: Home) -> None:
    batches = old.batches()
    assert [batch.state for batch in batches] == STATES
    assert [read_receipt(old.folder_of(batch)) for batch in batches] == batches


def test_each_batch_is_known_as_it_was_written_then(old: Home) -> None:
    assert [as_written_then(batch) | FORGOTTEN for batch in old.batches()] == [
        record | FORGOTTEN for record in RECORDS[:-1]
    ]


@pytest.mark.parametrize("record", RECORDS)
def test_no_field_of_a_record_of_then_is_lost(record: dict[str, Any]) -> None:
    assert as_written_then(batch_from_record(record)) | FORGOTTEN == record | FORGOTTEN


def test_a_record_that_is_none_survives_the_migration_and_is_named_afterwards(old: Home) -> None:
    ids = [batch.id for batch in old.batches()]
    shutil.copy(OLD / FILE_NAME, old.archive / FILE_NAME)
    with closing(sqlite3.connect(old.archive / FILE_NAME)) as connection:
        connection.execute("UPDATE batch SET record = '{' WHERE id = ?", (ids[0],))
        connection.execute("UPDATE batch SET record = '[]' WHERE id = ?", (ids[1],))
        connection.commit()
    with old.journal_to_write() as journal:
        for damaged in ids[:2]:
            with pytest.raises(JournalError):
                journal.batch(damaged)
        assert journal.batch(ids[2]) == read_receipt(Archive(old.archive).batch_folder(ids[2]))


def test_its_zips_are_what_its_journal_names(old: Home) -> None:
    for batch in old.batches():
        if batch.zip:
            path = Archive(old.archive).zip_path(batch)
            assert path.stat().st_size == batch.zip.size


def test_its_journal_is_rebuilt_equal(old: Home) -> None:
    before = old.batches()
    (old.archive / FILE_NAME).unlink()
    rebuild(old.settings(), fast_clock())
    assert old.batches() == before


def test_the_next_drop_goes(old: Home, sandbox: Sandbox) -> None:
    old.drop()
    assert old.run().result.outcome == "imported"
