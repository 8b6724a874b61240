"""The journal: what may follow what, what is remembered, and what happens to a file that is not one."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from support.batches import HERE, batch, full
from support.golden import Golden
from support.sentences import in_full

from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.delivery.files import Bundle, Entry
from canvas_sis_sync.errors import JournalError, RecordError
from canvas_sis_sync.home._record import batch_from_record, to_record
from canvas_sis_sync.home.batch import HOLDING, OPEN, TRANSITIONS, Batch, BatchState, Release
from canvas_sis_sync.home.episode import Episode
from canvas_sis_sync.home.journal import Journal
from canvas_sis_sync.home.journal_file import FILE_NAME, MIGRATIONS, anything_waits, connect, is_lost
from canvas_sis_sync.home.journal_questions import Sighting
from canvas_sis_sync.home.stages import Ending
from canvas_sis_sync.plan.values import Approval, Basis

THERE = Target("canvas.beta.example.edu", 1)
MADE = Bundle(Path("import.zip"), 5, "ab", (Entry("users.csv", 10, 99, "user", 2),))
FINAL = SisImport(7, "imported")
APPROVAL = Approval(Basis("ab", {}, HERE), "ada", 8.0, "because")
Move = Callable[[Batch], Batch]


def ended(state: BatchState) -> Move:
    return lambda was: was.ended(state, FINAL, "because", over_limit=False, notes=())


def sending(was: Batch) -> Batch:
    return was.about_to_send(HERE, 1.0, mark=6, user_id=3, parameters={}, upload="direct", reason="because")


def perhaps_sent(was: Batch) -> Batch:
    return was.perhaps_sent_before(HERE, mark=6, user_id=3, reason="because")


MOVES: Mapping[BatchState, Sequence[Move]] = {
    BatchState.CLAIMED: [lambda was: was.reopened("because")],
    BatchState.PACKED: [
        lambda was: was.packed(MADE, "because"),
        lambda was: was.released("because"),
        lambda was: was.approved(APPROVAL),
        lambda was: was.not_sent("because"),
        lambda was: was.not_announced("because"),
    ],
    BatchState.SENDING: [sending, perhaps_sent],
    BatchState.IMPORTING: [lambda was: was.importing(FINAL, "because")],
    BatchState.REFUSED: [lambda was: was.refused("because", lets_pass=False)],
    BatchState.HELD: [lambda was: was.held("because")],
    BatchState.REJECTED: [lambda was: was.rejected("because")],
    BatchState.IMPORTED: [ended(BatchState.IMPORTED)],
    BatchState.IMPORTED_WITH_MESSAGES: [ended(BatchState.IMPORTED_WITH_MESSAGES)],
    BatchState.NOT_ACCEPTED: [ended(BatchState.NOT_ACCEPTED), lambda was: was.not_accepted("because")],
    BatchState.FAILED: [ended(BatchState.FAILED)],
    BatchState.FAILED_WITH_MESSAGES: [ended(BatchState.FAILED_WITH_MESSAGES)],
    BatchState.ABORTED: [ended(BatchState.ABORTED)],
    BatchState.UNCHANGED: [lambda was: was.unchanged("because")],
    BatchState.SKIPPED: [lambda was: was.skipped("because")],
    BatchState.DISCARDED: [lambda was: was.discarded("because")],
    BatchState.RETRIED: [lambda was: was.retried("because")],
}
"""Every move, by the state it leads to."""
A, B, C, D = (f"20260101-00000{number}" for number in range(1, 5))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    ticks = count(1000.0)
    with Journal.open(path, lambda: next(ticks)) as opened:
        yield opened


@pytest.mark.parametrize("before", BatchState)
def test_a_batch_goes_only_where_the_table_allows(journal: Journal, before: BatchState) -> None:
    moves = [(after, move) for after in BatchState for move in MOVES[after]]
    for number, (after, move) in enumerate(moves):
        was = journal.add(batch(f"20260101-0000{number:02}", state=before))
        if after in TRANSITIONS[before]:
            moved = journal.move(move(was), who="ada")
            assert journal.batch(was.id) == moved
            assert [(step.state, step.who, step.reason) for step in moved.steps][1:] == [(after, "ada", "because")]
        else:
            with pytest.raises(ValueError, match="cannot go"):
                move(was)


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(BatchState)
    assert all(TRANSITIONS[state] for state in OPEN | HOLDING)
    assert not any(TRANSITIONS[state] for state in set(BatchState) - OPEN - HOLDING)


def test_every_field_of_a_batch_is_kept(journal: Journal) -> None:
    journal.add(full())
    found = journal.batch(full().id)
    assert found is not None
    assert replace(found, steps=()) == full()
    assert batch_from_record(to_record(found)) == found


def test_a_record_of_a_later_version_is_read_and_of_an_earlier_one_too() -> None:
    record = to_record(full()) | {"invented_later": 1}
    record["sis_import"]["invented_later"] = 1
    record["zip"]["entries"][0]["invented_later"] = 1
    assert batch_from_record(record) == full()
    del record["releases"], record["strays"], record["steps"], record["sis_import"], record["mark"]
    early = batch_from_record(record)
    assert (early.releases, early.strays, early.steps, early.sis_import, early.mark) == ((), (), (), None, None)


@pytest.mark.parametrize("record", [{}, {"state": "invented"}, to_record(full()) | {"target": {"host": "x"}}])
def test_a_record_that_is_none_is_refused(record: dict[str, object]) -> None:
    with pytest.raises(RecordError):
        batch_from_record(record)


def test_a_caller_with_an_old_view_of_a_batch_changes_nothing(journal: Journal, golden: Golden) -> None:
    old = journal.add(batch())
    new = journal.move(old.packed(MADE, "packed"))
    with pytest.raises(JournalError) as caught:
        journal.move(old.held("late"))
    golden(in_full(caught.value))
    with pytest.raises(JournalError):
        journal.amend(old.noted("late"))
    with pytest.raises(JournalError):
        journal.amend(batch("20260101-000001"))
    assert journal.batch(old.id) == new


def test_a_failure_within_a_transaction_leaves_nothing_of_it(journal: Journal) -> None:
    was = journal.add(batch(state=BatchState.IMPORTED))
    release = Release(HERE, 7, "failed", "ada", 1.0, "known")
    with pytest.raises(ValueError, match="cannot go"):
        journal.replace_by_retry(was, batch("20260101-000001"), release, reason="again", who="ada")
    assert journal.releases(HERE, 0) == {}
    assert journal.batch("20260101-000001") is None


@pytest.mark.parametrize("state", BatchState)
def test_what_waits_is_told_by_state_and_filing(journal: Journal, state: BatchState) -> None:
    journal.add(batch(state=state, filed=False))
    journal.add(batch("20260101-000001", state=state, filed=True))
    expected = {"20260101-000000"} | ({"20260101-000001"} if state in OPEN | HOLDING else set())
    waiting = journal.waiting()
    assert {each.id for each in waiting} == expected
    assert {each.is_open for each in waiting} == {state in OPEN}
    assert {each.holds for each in waiting} == {state in HOLDING}


def test_an_accepted_batch_with_too_many_messages_holds_until_it_is_released(journal: Journal, path: Path) -> None:
    was = journal.add(
        batch(
            state=BatchState.IMPORTED_WITH_MESSAGES,
            ending=Ending(over_limit=True),
            filed=True,
            sis_import=SisImport(7, "imported"),
        )
    )
    assert [each.holds for each in journal.waiting()] == [True]
    release = Release(HERE, 7, "imported_with_messages", "ada", 1.0, "known")
    after = journal.skip(was, release, reason="known", who="ada")
    assert after.state is BatchState.IMPORTED_WITH_MESSAGES
    assert journal.batch(was.id) == after
    assert after.steps[-1].reason == "known"
    assert after.releases == (release,)
    assert [(each.is_open, each.holds) for each in journal.waiting()] == [(False, False)]
    journal.amend(replace(after, filed=True))
    assert journal.waiting() == ()
    assert anything_waits(path) is False


def test_the_idle_look_sees_what_the_journal_sees_and_changes_nothing(journal: Journal, path: Path) -> None:
    journal.add(batch("20260101-000002", state=BatchState.DISCARDED, filed=True))
    assert anything_waits(path) is False
    journal.add(batch("20260101-000001", state=BatchState.PACKED, target=THERE))
    before = path.stat()
    assert anything_waits(path) is True
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_questions_about_imports_are_answered_for_one_target(journal: Journal) -> None:
    journal.add(batch(A, BatchState.IMPORTED, HERE, sis_import=SisImport(3, "imported"), strays=(1, 4)))
    journal.add(batch(B, BatchState.IMPORTING, HERE, sis_import=SisImport(5, "imported")))
    journal.add(batch(C, BatchState.FAILED, THERE, sis_import=SisImport(5, "imported"), strays=(2,)))
    journal.add(batch(D, BatchState.SENDING, HERE))
    assert journal.taken(HERE, 0) == {1, 3, 4, 5}
    assert journal.taken(HERE, 4, but=B) == {4}
    assert journal.own_imports(HERE, 0) == {3, 5}
    assert journal.own_imports(HERE, 4) == {5}
    assert journal.strays(HERE, 2) == {4}
    previous, other = journal.previous_sent(HERE), journal.previous_sent(THERE)
    assert previous is not None
    assert previous.id == A
    assert other is not None
    assert other.id == C
    assert journal.previous_sent(Target("elsewhere.example.edu", 1)) is None
    last = journal.last()
    assert last is not None
    assert last.id == D


def test_only_an_accepted_import_of_the_same_target_counts_as_a_later_one(journal: Journal) -> None:
    first = journal.add(batch(A, BatchState.FAILED, sis_import=SisImport(3, "imported")))
    journal.add(batch(B, BatchState.IMPORTED, THERE, sis_import=SisImport(4, "imported")))
    journal.add(batch(C, BatchState.FAILED, sis_import=SisImport(5, "imported")))
    assert journal.accepted_after(first) is None
    journal.add(batch(D, BatchState.IMPORTED_WITH_MESSAGES, sis_import=SisImport(6, "imported")))
    assert journal.accepted_after(first) == D


def test_releases_are_kept_by_import_and_state(journal: Journal) -> None:
    journal.release(Release(HERE, 3, "failed", "ada", 1.0, "known"))
    journal.release(Release(HERE, 3, "restored", "ben", 2.0, "known too"))
    journal.release(Release(THERE, 3, "aborted", "ada", 3.0, "there"))
    assert journal.releases(HERE, 0) == {3: frozenset({"failed", "restored"})}
    assert journal.releases(HERE, 4) == {}


def test_target_sightings_and_episodes_are_remembered(journal: Journal) -> None:
    assert journal.target("https://a", "self") is None
    for _ in range(2):
        journal.remember_target("https://a", "self", HERE)
    assert journal.target("https://a", "self") == HERE
    for looks in ({"x": Sighting("1", 1.0), "y": Sighting("2", 2.0)}, {"y": Sighting("3", 3.0)}):
        journal.remember_sightings(looks)
        assert journal.sightings() == looks
    for troubles in ((Episode("hold", "why", 1.0, 2, None),), (Episode("hold", "why", 1.0, 3, 5.0),), ()):
        journal.remember_episodes(troubles)
        journal.remember_episodes(troubles)
        assert journal.episodes() == troubles


def test_restored_batches_are_as_they_were(tmp_path: Path, journal: Journal) -> None:
    journal.add(full())
    original = journal.batch(full().id)
    assert original is not None
    with Journal.open(tmp_path / "anew", lambda: 0.0) as anew:
        anew.restore_all([original])
        assert anew.batch(original.id) == original
        assert anew.releases(HERE, 0) == {7: frozenset({"failed"})}
        assert anew.strays(HERE, 0) == {5, 6}


def test_the_file_is_durable_and_private(path: Path) -> None:
    with closing(connect(path)) as connection:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_file_that_is_no_journal_is_told_with_what_to_do(path: Path) -> None:
    path.write_bytes(b"this is not a database" * 100)
    for look in (anything_waits, lambda path: Journal.open(path, lambda: 0.0), Journal.open_to_read):
        with pytest.raises(JournalError, match="cannot be read") as caught:
            look(path)
        assert "rebuild-journal" in caught.value.hint


def test_a_journal_that_cannot_be_made_is_told(tmp_path: Path, golden: Golden) -> None:
    with pytest.raises(JournalError) as caught:
        Journal.open(tmp_path / "missing" / FILE_NAME, lambda: 0.0)
    golden(in_full(caught.value))


def test_a_journal_of_a_later_version_is_left_alone(path: Path, golden: Golden) -> None:
    with sqlite3.connect(path) as later:
        later.execute("PRAGMA user_version = 99")
    later.close()
    with pytest.raises(JournalError) as caught:
        Journal.open(path, lambda: 0.0)
    golden(in_full(caught.value))


def test_a_journal_in_use_elsewhere_is_told_as_that(
    path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    Journal.open(path, lambda: 0.0).close()
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **more: real(*args, **(more | {"timeout": 0})))
    other = real(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(JournalError) as caught:
        Journal.open(path, lambda: 0.0)
    golden(in_full(caught.value))
    other.close()


def test_a_journal_that_must_not_change_is_not_changed_by_reading(path: Path, golden: Golden) -> None:
    with Journal.open(path, lambda: 0.0) as made:
        made.add(batch())
    before = path.stat().st_mtime_ns, sorted(path.parent.iterdir())
    with Journal.open_to_read(path) as reading:
        assert reading.last() is not None
        with pytest.raises(JournalError) as caught:
            reading.add(batch("20260101-000001"))
        golden(in_full(caught.value))
    assert (path.stat().st_mtime_ns, sorted(path.parent.iterdir())) == before


def test_a_journal_that_is_not_there_reads_as_an_empty_one(path: Path) -> None:
    with Journal.open_to_read(path) as reading:
        assert reading.last() is None
        with pytest.raises(ValueError, match="records no step"):
            reading.move(reading.add(batch()).packed(MADE, "no"))
    assert not path.exists()
    assert anything_waits(path) is None


def test_what_sqlite_has_to_undo_after_a_crash_is_undone_when_reading(path: Path) -> None:
    with Journal.open(path, lambda: 0.0) as made:
        made.add(batch())
    copy = path.with_name("copy.sqlite3")
    crashed = sqlite3.connect(path, isolation_level=None)
    crashed.execute("PRAGMA cache_size = 1")
    crashed.execute("BEGIN")
    crashed.executemany("INSERT INTO sighting VALUES (?, ?, 1.0)", [(str(each), "x" * 500) for each in range(200)])
    copy.write_bytes(path.read_bytes())
    Path(f"{copy}-journal").write_bytes(Path(f"{path}-journal").read_bytes())
    crashed.execute("ROLLBACK")
    crashed.close()
    with Journal.open_to_read(copy) as reading:
        assert reading.sightings() == {}
        assert reading.last() is not None


def test_a_journal_is_lost_only_beside_batch_folders(path: Path) -> None:
    assert not is_lost(path)
    (path.parent / "notes").mkdir()
    assert not is_lost(path)
    (path.parent / "2026").mkdir()
    assert is_lost(path)
    path.touch()
    assert is_lost(path)
    Journal.open(path, lambda: 0.0).close()
    assert not is_lost(path)


def test_a_journal_of_an_earlier_version_is_migrated_also_when_it_is_only_read(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(MIGRATIONS[0] + "; PRAGMA user_version = 1")
    with Journal.open_to_read(path) as journal:
        assert journal.remembered(HERE) == frozenset()


def test_what_may_be_missing_is_remembered_as_long_as_its_approval_stands(journal: Journal) -> None:
    basis = Basis("sha", {}, HERE)
    approved = Approval(basis, "ada", 1.0, "the term is over", (("term", "F26"),))
    batch = journal.add(replace(full(), approval=approved))
    assert journal.remembered(HERE) == {("term", "F26")}
    assert journal.remembered(THERE) == frozenset()
    journal.amend(replace(batch, approval=None))
    assert journal.remembered(HERE) == frozenset()


def test_what_was_sent_is_given_newest_first_and_found_by_its_import(journal: Journal) -> None:
    for number in (1, 2, 3):
        sent_as = SisImport(number, "imported") if number != 2 else None
        journal.add(replace(full(), id=f"2031010{number}-000000", sis_import=sent_as))
    assert [batch.import_id for batch in journal.sent(HERE)] == [3, 1]
    found = journal.by_import(HERE, 3)
    assert found is not None
    assert found.id == "20310103-000000"
    assert journal.by_import(HERE, 2) is None
