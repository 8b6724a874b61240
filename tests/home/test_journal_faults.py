"""Whatever is wrong with a journal is a sentence with a next step, under every command, and nothing is sent."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.commands import COMMANDS
from support.golden import Golden
from support.homes import Home
from support.sentences import in_full, listed

from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.cli.main import UNFORESEEN
from canvas_sis_sync.errors import JournalError
from canvas_sis_sync.home import _journal_faults
from canvas_sis_sync.home._record import to_record
from canvas_sis_sync.home.drops import DropFile
from canvas_sis_sync.home.journal_file import FILE_NAME, MIGRATIONS
from canvas_sis_sync.home.journal_questions import Sighting
from canvas_sis_sync.sandbox.sandbox import Sandbox


def sql(script: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.executescript(script)

    return damage


def record(change: Callable[[dict[str, Any]], Any]) -> Callable[[Path], None]:
    """Change the record of the batch, which stays well-formed for SQLite."""

    def damage(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            (text,) = connection.execute("SELECT record FROM batch").fetchone()
            changed = change(json.loads(text))
            text = changed if isinstance(changed, str | bytes) else json.dumps(changed)
            connection.execute("UPDATE batch SET record = ?", (text,))

    return damage


def in_its_place(put: Callable[[Path], object]) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        path.unlink()
        put(path)

    return damage


def overwritten(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:-4096] = b"\xa5" * (len(content) - 8192)
    path.write_bytes(content)


ZIP = {"name": "import.zip", "size": 5, "sha256": "ab", "entries": []}
DAMAGES: dict[str, Callable[[Path], object]] = {
    "a folder in its place": in_its_place(Path.mkdir),
    "gone": Path.unlink,
    "no bytes": in_its_place(Path.touch),
    "another file": in_its_place(lambda path: path.write_bytes(b"PK\x03\x04" * 9000)),
    "cut short": lambda path: path.write_bytes(path.read_bytes()[:-5000]),
    "overwritten inside": overwritten,
    "a missing table": sql("DROP TABLE stray"),
    "the main table missing": sql("DROP TABLE batch"),
    "a missing column": sql("ALTER TABLE step DROP COLUMN reason"),
    "a record without its columns": sql("UPDATE batch SET state = 'imported', attention = 'hold'"),
    "an unknown state": sql("UPDATE batch SET state = 'beamed'"),
    "an unknown state in a step": sql("UPDATE step SET state = 'beamed'"),
    "a text for a number": sql("UPDATE batch SET import_id = 'one'"),
    "a text for a time": sql("UPDATE step SET at = 'noon'"),
    "a text that is not UTF-8": sql("UPDATE step SET reason = CAST(x'ff41' AS TEXT)"),
    "bytes for a record": record(lambda _: b"\x00\x01"),
    "no JSON": record(lambda _: "{"),
    "no object": record(lambda _: [1]),
    "another batch": record(lambda found: found | {"id": "20260101-000001"}),
    "no id": record(lambda found: {name: found[name] for name in found if name != "id"}),
    "an unknown kind": record(lambda found: found | {"drop_kind": "heap"}),
    "a number as text": record(lambda found: found | {"zip": ZIP | {"size": "5"}}),
    "no number": record(lambda found: found | {"claimed_at": float("nan")}),
    "a time beyond years": record(lambda found: found | {"claimed_at": 1e18}),
    "a negative size": record(lambda found: found | {"zip": ZIP | {"size": -1}}),
    "an id beyond 2^63": record(lambda found: found | {"strays": [2**63]}),
    "a zip elsewhere": record(lambda found: found | {"zip": ZIP | {"name": "../../../etc/passwd"}}),
    "nesting without end": record(lambda _: "[" * 100_000),
    "nesting in Canvas's part": record(
        lambda found: json.dumps(found)[:-1] + ', "x": ' + "[" * 9999 + "]" * 9999 + "}"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_journal_holds_every_command_with_a_next_step(
    lived: Home, sandbox: Sandbox, damage: Callable[[Path], object]
) -> None:
    path = lived.archive / FILE_NAME
    damage(path)
    for command in COMMANDS:
        done = lived.type(*command)
        said = done.stdout + done.stderr
        assert done.returncode == 5, (command, said)
        assert str(path) in said, (command, said)
        assert "rebuild-journal" in said, (command, said)
        assert UNFORESEEN not in said
        assert "Traceback" not in said
    assert lived.type("check", str(lived.inbox)).returncode == 0
    assert not sandbox.imports
    assert (lived.inbox / "users.csv").exists()


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_journal_is_rebuilt(lived: Home, damage: Callable[[Path], object]) -> None:
    path = lived.archive / FILE_NAME
    before = lived.last()
    damage(path)
    rebuilt = lived.type("rebuild-journal")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert lived.last() == before


def test_a_broken_index_is_noticed_before_anything_is_sent(lived: Home, sandbox: Sandbox, golden: Golden) -> None:
    """By its index the journal has no batch that holds, by its table it has one."""
    path = lived.archive / FILE_NAME
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'batch_attention'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    start = (page - 1) * size
    content[start + 3 : start + 5] = b"\0\0"  # no cell on this page
    path.write_bytes(content)
    done = lived.type("run")
    assert done.returncode == 5
    golden(done.stderr)
    assert not sandbox.imports


def test_a_journal_of_a_later_version_names_that(lived: Home, golden: Golden) -> None:
    sql(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")(lived.archive / FILE_NAME)
    shown = {}
    for command in COMMANDS:
        done = lived.type(*command)
        assert done.returncode == 5, (command, done.stderr)
        shown[" ".join(command)] = done.stdout + done.stderr
    golden(listed(shown))
    assert "rebuild-journal" not in "".join(shown.values())


def test_a_journal_that_another_program_holds_names_that(
    lived: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    real = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **more: real(*args, **(more | {"timeout": 0})))
    with closing(real(lived.archive / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        shown = {}
        for command in COMMANDS:
            done = lived.type(*command)
            assert done.returncode == 5, (command, done.stderr)
            shown[" ".join(command)] = done.stdout + done.stderr
    golden(listed(shown))
    assert "rebuild-journal" not in "".join(shown.values())
    assert not sandbox.imports


@pytest.mark.parametrize(
    "code",
    [
        "SQLITE_FULL",
        "SQLITE_IOERR_WRITE",
        "SQLITE_IOERR_READ",
        "SQLITE_READONLY_DIRECTORY",
        "SQLITE_NOMEM",
        "SQLITE_PERM",
        "SQLITE_BUSY_RECOVERY",
    ],
)
def test_what_is_no_damage_never_proposes_a_rebuild(tmp_path: Path, code: str, golden: Golden) -> None:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = getattr(sqlite3, code)
    (tmp_path / FILE_NAME).touch()
    with pytest.raises(JournalError) as caught, _journal_faults.worded(tmp_path / FILE_NAME):
        raise error
    golden(in_full(caught.value))
    assert caught.value.hint
    assert "rebuild" not in caught.value.hint


def test_a_fault_of_ours_stays_one(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.ProgrammingError), _journal_faults.worded(tmp_path):
        raise sqlite3.ProgrammingError("Cannot operate on a closed database.")


@pytest.mark.parametrize(
    "changes",
    [
        {"files": (DropFile("a\0b.csv", 1, 1, ""),)},
        {"files": (DropFile("\udcff.csv", 1, 1, ""),)},
        {"drop_name": "../elsewhere"},
        {"sis_import": SisImport(2**63, "imported")},
        {"claimed_at": float("inf")},
    ],
    ids=["a null byte", "no Unicode", "elsewhere", "a large id", "no time"],
)
def test_what_could_not_be_read_back_is_not_written(lived: Home, changes: dict[str, Any], golden: Golden) -> None:
    with lived.journal_to_write() as journal:
        before = journal.last()
        assert before is not None
        for write in (journal.add, lambda batch: journal.amend(replace(before, **changes))):
            with pytest.raises(JournalError) as caught:
                write(replace(before, id="20260102-000000", **changes))
            golden(in_full(caught.value))
            assert caught.value.hint
        assert journal.last() == before


def test_texts_and_numbers_that_sqlite_cannot_take_are_sentences(lived: Home, golden: Golden) -> None:
    here = Target("canvas.example.edu", 1)
    with lived.journal_to_write() as journal:
        with pytest.raises(JournalError) as caught:
            journal.remember_sightings({"\udcff": Sighting("", 0.0)})
        golden(in_full(caught.value))
        with pytest.raises(JournalError) as caught:
            journal.by_import(here, 2**63)
        golden(in_full(caught.value), "2")
        assert journal.sightings() == {}


def test_canvas_cannot_make_a_batch_unreadable(lived: Home) -> None:
    """What Canvas says of an import is kept as far as it can be read again, and the rest of it is null."""
    deep: Any = 1
    for _ in range(900):
        deep = {"x": deep}
    strange = SisImport(
        1, "\ud800", progress=10**30, counts={"users": -5}, statistics={"User": deep}, options={"a": 1e999}
    )
    with lived.journal_to_write() as journal:
        before = journal.last()
        assert before is not None
        journal.amend(replace(before, sis_import=strange))
        found = journal.last()
    assert found is not None
    assert found.sis_import is not None
    assert found.sis_import.progress == 10**30
    assert found.sis_import.options == {"a": None}
    json.dumps(to_record(found), allow_nan=False)


def test_a_link_that_leads_nowhere_is_a_missing_journal(lived: Home, golden: Golden) -> None:
    path = lived.archive / FILE_NAME
    path.unlink()
    path.symlink_to(lived.folder / "nowhere")
    done = lived.type("run")
    assert done.returncode == 5
    golden(done.stderr)
    assert not (lived.folder / "nowhere").exists()
