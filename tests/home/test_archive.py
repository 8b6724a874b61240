"""The archive: ids, folders, receipts and errors.csv, and what a disk says."""

from __future__ import annotations

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.golden import Golden
from support.sentences import in_full

from canvas_sis_sync.canvas.records import ImportMessage, SisImport, Target
from canvas_sis_sync.errors import HomeError
from canvas_sis_sync.home.archive import Archive, copy, read_receipt, sync_folder, wording
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.drops import DropKind

BATCH = Batch(
    "20260102-030405",
    BatchState.IMPORTED,
    Target("canvas.example.edu", 1),
    "d",
    DropKind.ZIP,
    1.0,
    sis_import=SisImport(9, "imported"),
)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = tmp_path / "archive"
    made.mkdir()
    return Archive(made)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_ids_are_the_utc_time_and_never_taken_twice(archive: Archive) -> None:
    ids = []
    for _ in range(11):
        ids.append(archive.new_id(1_767_323_045.9))
        folder = archive.make_batch_folder(ids[-1])
        assert folder == archive.folder / "2026" / "01" / ids[-1]
    assert ids[:2] == ["20260102-030405", "20260102-030405-002"]
    assert len(set(ids)) == 11
    assert archive.newest_batch() == "20260102-030405-011"
    assert [folder.name for folder, _ in archive.receipts()] == ids
    assert {mode(path) for path in archive.folder.rglob("*")} == {0o700}


def test_the_newest_batch_is_found_across_months_and_years(archive: Archive) -> None:
    assert archive.newest_batch() is None
    for batch_id in ("20251231-235959", "20260102-030405", "20260201-000000"):
        archive.make_batch_folder(batch_id)
    (archive.folder / "2026" / "03").mkdir()
    (archive.folder / "2026" / "note").touch()
    (archive.folder / "notes").mkdir()
    assert archive.newest_batch() == "20260201-000000"


def test_a_receipt_reads_back_and_is_private(archive: Archive) -> None:
    folder = archive.make_batch_folder(BATCH.id)
    archive.write_receipt(BATCH)
    archive.write_receipt(BATCH)
    assert read_receipt(folder) == BATCH
    assert list(archive.receipts()) == [(folder, BATCH)]
    assert json.loads((folder / "receipt.json").read_text())["schema"] == 2
    assert mode(folder / "receipt.json") == 0o600
    assert [path.name for path in folder.iterdir()] == ["receipt.json"]


def test_a_receipt_is_replaced_whole_or_not_at_all(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    folder = archive.make_batch_folder(BATCH.id)
    archive.write_receipt(BATCH)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(HomeError) as caught:
        archive.write_receipt(replace(BATCH, reason="later"))
    golden(in_full(caught.value))
    assert read_receipt(folder) == BATCH


def test_errors_csv_says_which_import_file_message_and_row(archive: Archive) -> None:
    folder = archive.make_batch_folder(BATCH.id)
    told = [ImportMessage("users.csv", 'a "quoted",\nmessage', 3), ImportMessage(None, "whole", None)]
    assert archive.write_errors(BATCH, iter(told)) == 2
    with (folder / "errors.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["sis_import_id", "file", "message", "row"],
            ["9", "users.csv", 'a "quoted",\nmessage', "3"],
            ["9", "", "whole", ""],
        ]
    assert mode(folder / "errors.csv") == 0o600


def test_too_little_room_is_told_in_megabytes(archive: Archive, golden: Golden) -> None:
    archive.require_space(1)
    with pytest.raises(HomeError) as caught:
        archive.require_space(1 << 60)
    golden(in_full(caught.value))


def test_what_the_system_says_names_the_path(tmp_path: Path, golden: Golden) -> None:
    with pytest.raises(HomeError) as caught, wording(tmp_path):
        (tmp_path / "gone").read_bytes()
    golden(in_full(caught.value))
    with pytest.raises(HomeError) as caught, wording(tmp_path):
        raise OSError("Odd")
    golden(in_full(caught.value), "2")


def test_a_folder_can_be_made_to_last(tmp_path: Path) -> None:
    sync_folder(tmp_path)


def test_a_copy_is_a_private_file_of_its_own(tmp_path: Path) -> None:
    source, destination = tmp_path / "ready.zip", tmp_path / "import.zip"
    source.write_text("content")
    source.chmod(0o666)
    destination.write_text("older and longer than that")
    copy(source, destination)
    with source.open("r+") as writer:
        writer.write("CHANGED")
    assert destination.read_text() == "content"
    assert mode(destination) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["import.zip", "ready.zip"]


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_only_a_regular_file_is_copied(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "ready.zip"
    (tmp_path / "secret").write_text("secret")
    if kind == "link":
        source.symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        os.mkfifo(source)
    else:
        source.mkdir()
    with pytest.raises(FileNotFoundError, match="Not a regular file"):
        copy(source, tmp_path / "import.zip")
    assert not (tmp_path / "import.zip").exists()


def test_ids_sort_in_the_order_of_the_batches_when_the_clock_is_set_back(archive: Archive) -> None:
    last, ids = "", []
    for now in (1_767_323_045, 1_767_323_040, 1_767_323_045, 1_767_323_046, 0):
        last = archive.new_id(now, last)
        ids.append(last)
    assert ids == [
        "20260102-030405",
        "20260102-030405-002",
        "20260102-030405-003",
        "20260102-030406",
        "20260102-030406-002",
    ]
    assert ids == sorted(ids)
