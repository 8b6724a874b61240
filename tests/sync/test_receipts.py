"""Receipts are judged before a journal is made of them; what stands in an archive's folders by mistake is no batch."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.homes import Home, fast_clock

from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.cli.main import UNFORESEEN
from canvas_sis_sync.errors import HeldError
from canvas_sis_sync.home.archive import Archive, read_receipt
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.drops import DropKind
from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.sync.rebuild import rebuild

FIRST, SECOND = "20260101-000000", "20260101-000000-002"


@pytest.fixture
def old(new_home: Callable[..., Home]) -> Home:
    """Give a home with two receipts and no journal."""
    home = new_home("https://canvas.example.edu")
    archive = Archive(home.archive)
    for number, batch_id in enumerate((FIRST, SECOND), start=1):
        archive.make_batch_folder(batch_id)
        target = Target("canvas.example.edu", 1)
        archive.write_receipt(
            Batch(
                batch_id,
                BatchState.IMPORTED,
                target,
                "d",
                DropKind.ZIP,
                1e9,
                sis_import=SisImport(number, "imported"),
                filed=True,
            )
        )
    return home


def receipt(home: Home, batch_id: str = FIRST) -> Path:
    return Archive(home.archive).batch_folder(batch_id) / "receipt.json"


ZIP = {"name": "import.zip", "size": 5, "sha256": "ab", "entries": []}


def assert_refused(home: Home, *words: str) -> None:
    """Hold a rebuild to a sentence with these words, and to changing nothing."""
    before = sorted((path, os.lstat(path).st_mtime_ns) for path in home.archive.rglob("*") if path.name != ".lock")
    with pytest.raises(HeldError) as caught:
        rebuild(home.settings(), fast_clock())
    assert caught.value.hint
    for word in (*words, "Nothing was changed"):
        assert word in caught.value.sentence
    assert (
        sorted((path, os.lstat(path).st_mtime_ns) for path in home.archive.rglob("*") if path.name != ".lock") == before
    )


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"id": "../../../../x"}, "id is not the id of a batch"),
        ({"id": "20260102-000000"}, "another"),
        ({"id": SECOND}, "another"),
        (
            {"zip": ZIP | {"name": "../import.zip"}},
            "zip.name has a name that leads out",
        ),
        ({"kept_zip": "/etc/passwd"}, "kept_zip has a name that leads out"),
        ({"files": [{"name": "C:\\x.csv", "size": 1, "mtime_ns": 1, "file_id": ""}]}, "files[0].name has a name"),
        (
            {"zip": ZIP | {"entries": [{"name": "a\u0000.csv", "size": 1, "crc32": 1}]}},
            "zip.entries[0].name has a name that no file",
        ),
        ({"zip": ZIP | {"size": -1}}, "zip.size is not a number from 0"),
        ({"sis_import": {"id": 2**63, "workflow_state": "imported"}}, "sis_import.id is not a number from 0"),
        ({"claimed_at": 1e15}, "claimed_at is not a time"),
        ({"state": "beamed"}, "state is not one that"),
        ({"steps": [{"at": 1, "state": "beamed", "who": "", "reason": ""}]}, "steps[0].state is not one that"),
        ({"releases": 1}, "releases is not a list"),
    ],
)
def test_what_a_receipt_says_is_judged_before_it_is_believed(old: Home, changes: dict[str, Any], word: str) -> None:
    content = json.loads(receipt(old).read_text())
    content["batch"] |= changes
    receipt(old).write_text(json.dumps(content))
    assert_refused(old, f"2026/01/{FIRST}: ", word)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "is not JSON"),
        (b"[" * 100_000, "is nested too deep"),
        (b'{"schema": 1, "batch": NaN}', "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[]", "is not a receipt"),
        (b'{"schema": 1}', "is not a receipt"),
        (b'{"schema": 1, "batch": []}', "is not an object"),
        (b'{"schema": 3, "batch": {}}', "is of a later version"),
    ],
)
def test_a_file_that_is_no_receipt_is_named_with_what_is_wrong(old: Home, content: bytes, word: str) -> None:
    receipt(old).write_bytes(content)
    assert_refused(old, f"2026/01/{FIRST}: receipt.json", word)


def test_two_batches_that_say_to_be_one_import_are_both_named(old: Home) -> None:
    content = json.loads(receipt(old, SECOND).read_text())
    content["batch"]["sis_import"]["id"] = 1
    receipt(old, SECOND).write_text(json.dumps(content))
    assert_refused(old, f"{SECOND}: import 1 is that of batch {FIRST} too")


def test_a_canvas_that_is_overwritten_may_give_an_import_id_twice(old: Home) -> None:
    for batch_id in (FIRST, SECOND):
        content = json.loads(receipt(old, batch_id).read_text())
        content["batch"]["target"]["host"] = "school.beta.instructure.com"
        content["batch"]["sis_import"]["id"] = 1
        receipt(old, batch_id).write_text(json.dumps(content))
    assert "from 2 receipts" in rebuild(old.settings(), fast_clock())


def linked_receipt(home: Home) -> None:
    receipt(home).rename(home.folder / "elsewhere.json")
    receipt(home).symlink_to(home.folder / "elsewhere.json")


def linked_batch(home: Home) -> None:
    receipt(home).parent.rename(home.folder / "elsewhere")
    receipt(home).parent.symlink_to(home.folder / "elsewhere")


def linked_month(home: Home) -> None:
    receipt(home).parent.parent.rename(home.folder / "elsewhere")
    receipt(home).parent.parent.symlink_to(home.folder / "elsewhere")


def linked_year(home: Home) -> None:
    (home.archive / "2026").rename(home.folder / "elsewhere")
    (home.archive / "2026").symlink_to(home.folder / "elsewhere")


def a_pipe(home: Home) -> None:
    receipt(home).unlink()
    os.mkfifo(receipt(home))


def a_folder(home: Home) -> None:
    receipt(home).unlink()
    receipt(home).mkdir()


@pytest.mark.parametrize("put", [linked_receipt, linked_batch, linked_month, linked_year, a_pipe, a_folder])
def test_links_and_what_is_no_file_are_not_followed(old: Home, put: Callable[[Home], None]) -> None:
    put(old)
    assert_refused(old, "2026")
    assert read_receipt(receipt(old).parent) is None or put in {linked_batch, linked_month, linked_year}


def test_files_that_stand_where_folders_are_expected_are_no_batches(old: Home) -> None:
    archive = Archive(old.archive)
    (old.archive / "2027").write_text("")
    (old.archive / "2026" / "02").write_text("")
    (old.archive / "2026" / "01" / "Thumbs.db").write_text("")
    (old.archive / "2026" / "01" / "zzz-backup").mkdir()
    (old.archive / "2026" / "README").write_text("")
    assert archive.newest_batch() == SECOND
    faults = {path.name: str(error) for path, error in archive.receipts() if not isinstance(error, Batch)}
    assert sorted(faults) == ["02", "2027", "zzz-backup"]
    (old.archive / "2026" / "01" / "zzz-backup" / "kept").write_text("")
    assert_refused(old, "2026/02: ", "2027: ", "zzz-backup: receipt.json is missing")


def test_a_stray_file_named_like_a_year_is_a_sentence_at_the_next_claim(home: Home) -> None:
    (home.archive / "2026").write_text("")
    for year in range(2024, 2100):
        (home.archive / str(year)).write_text("")
    home.drop()
    done = home.type("run")
    assert done.returncode == 5
    assert UNFORESEEN not in done.stderr


def test_a_rebuild_of_sound_receipts_needs_no_journal_at_all(old: Home) -> None:
    assert "from 2 receipts" in rebuild(old.settings(), fast_clock())
    assert [batch.id for batch in old.batches()] == [FIRST, SECOND]
    assert (old.archive / FILE_NAME).stat().st_mode & 0o777 == 0o600
