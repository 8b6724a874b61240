"""The record of an account: which home took which import, and which sendings are still open."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from canvas_sis_sync.errors import HeldError
from canvas_sis_sync.home.account_record import VERSION, AccountRecord


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "canvas.example.edu-1.sqlite3"


@pytest.fixture
def ours(path: Path) -> AccountRecord:
    return AccountRecord(path, Path("/srv/ours"))


@pytest.fixture
def theirs(path: Path) -> AccountRecord:
    return AccountRecord(path, Path("/srv/theirs"))


def test_a_record_that_was_never_written_says_nothing_and_makes_no_file(ours: AccountRecord, path: Path) -> None:
    assert ours.taken_by_others() == frozenset()
    assert not ours.may_be_others(5, 42)
    assert not path.exists()


def test_what_another_home_took_is_taken_and_what_this_home_took_is_not(
    ours: AccountRecord, theirs: AccountRecord
) -> None:
    theirs.begin("b1", 4, 42)
    theirs.take("b1", 4, 42, 5)
    ours.take("b2", 5, 42, 6)
    assert ours.taken_by_others() == {5}
    assert theirs.taken_by_others() == {6}
    assert ours.taken_by("b2") == {6}
    assert ours.taken_by("b1") == frozenset()


@pytest.mark.parametrize(
    ("import_id", "user_id", "open_"), [(5, 42, True), (4, 42, False), (5, 7, False), (5, None, True)]
)
def test_an_open_sending_of_another_home_may_have_made_what_is_above_its_mark_by_its_user(
    ours: AccountRecord, theirs: AccountRecord, import_id: int, user_id: int | None, open_: bool
) -> None:
    theirs.begin("b1", 4, 42)
    assert ours.may_be_others(import_id, user_id) is open_
    assert not theirs.may_be_others(import_id, user_id)


def test_a_sending_is_open_until_its_import_is_known_or_there_is_none(
    ours: AccountRecord, theirs: AccountRecord
) -> None:
    theirs.begin("b1", 4, 42)
    theirs.take("b1", 4, 42, 9)
    assert not ours.may_be_others(5, 42)
    theirs.begin("b2", 9, 42)
    theirs.give_up("b2")
    assert not ours.may_be_others(10, 42)
    assert ours.taken_by_others() == {9}


def test_a_home_has_one_open_sending_at_a_time(ours: AccountRecord, theirs: AccountRecord) -> None:
    theirs.begin("b1", 4, 42)
    theirs.begin("b2", 20, 42)
    assert not ours.may_be_others(5, 42)
    assert ours.may_be_others(21, 42)


def test_canvas_own_answer_outweighs_an_older_note(ours: AccountRecord, theirs: AccountRecord) -> None:
    """Test hosts are overwritten on a schedule, and give ids a second time."""
    theirs.take("b1", 4, 42, 5)
    ours.take("b2", 4, 42, 5)
    assert ours.taken_by_others() == frozenset()
    assert theirs.taken_by_others() == {5}


def test_only_its_owner_can_read_it(ours: AccountRecord, path: Path) -> None:
    ours.begin("b1", 4, 42)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("damage", ["garbage", "later version", "folder"])
def test_a_record_that_cannot_be_used_holds_and_is_named(ours: AccountRecord, path: Path, damage: str) -> None:
    ours.begin("b1", 4, 42)
    if damage == "garbage":
        path.write_bytes(b"no database" * 1000)
    elif damage == "folder":
        path.unlink()
        path.mkdir()
    else:
        connection = sqlite3.connect(path)
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
        connection.close()
    for use in (ours.taken_by_others, lambda: ours.begin("b2", 5, 42), lambda: ours.take("b2", 5, 42, 6)):
        with pytest.raises(HeldError, match=re.escape(path.name)):
            use()
