"""The journal's file: its tables, how it is opened, and the one look that an idle tick takes.

SQLite in rollback mode with `synchronous=FULL`: what has been committed is on disk.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

from canvas_sis_sync.errors import JournalError
from canvas_sis_sync.files import make_file
from canvas_sis_sync.home._flat_record import text_in_stages
from canvas_sis_sync.home._journal_faults import damaged, worded

FILE_NAME = "journal.sqlite3"

MIGRATIONS = (
    """
    CREATE TABLE batch (
        position INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        state TEXT NOT NULL,
        host TEXT NOT NULL,
        account_id INTEGER NOT NULL,
        import_id INTEGER,
        attention TEXT,
        record TEXT NOT NULL
    );
    CREATE INDEX batch_attention ON batch (attention) WHERE attention IS NOT NULL;
    CREATE INDEX batch_import ON batch (host, account_id, import_id) WHERE import_id IS NOT NULL;
    CREATE INDEX batch_sent ON batch (host, account_id, position) WHERE import_id IS NOT NULL;
    CREATE TABLE step (
        batch_id TEXT NOT NULL, at REAL NOT NULL, state TEXT NOT NULL, who TEXT NOT NULL, reason TEXT NOT NULL
    );
    CREATE INDEX step_batch ON step (batch_id);
    CREATE TABLE release (
        host TEXT NOT NULL, account_id INTEGER NOT NULL, import_id INTEGER NOT NULL, workflow_state TEXT NOT NULL,
        who TEXT NOT NULL, at REAL NOT NULL, reason TEXT NOT NULL
    );
    CREATE INDEX release_import ON release (host, account_id, import_id);
    CREATE TABLE stray (
        host TEXT NOT NULL, account_id INTEGER NOT NULL, import_id INTEGER NOT NULL, batch_id TEXT NOT NULL,
        PRIMARY KEY (host, account_id, import_id)
    );
    CREATE TABLE target (
        base_url TEXT NOT NULL, account TEXT NOT NULL, host TEXT NOT NULL, account_id INTEGER NOT NULL,
        PRIMARY KEY (base_url, account)
    );
    CREATE TABLE sighting (drop_name TEXT PRIMARY KEY, signature TEXT NOT NULL, seen_at REAL NOT NULL);
    CREATE TABLE episode (
        subject TEXT PRIMARY KEY, reason TEXT NOT NULL, began_at REAL NOT NULL, runs INTEGER NOT NULL, told_at REAL
    );
    """,
    """
    CREATE TABLE remembered (
        host TEXT NOT NULL, account_id INTEGER NOT NULL, grouped_by TEXT NOT NULL, name TEXT NOT NULL,
        batch_id TEXT NOT NULL
    );
    CREATE INDEX remembered_batch ON remembered (batch_id);
    """,
    "UPDATE batch SET record = in_stages(record)",
)
"""Forward migrations; their number is the file's user_version."""

ANYTHING = "SELECT 1 FROM batch WHERE attention IS NOT NULL LIMIT 1"
COLUMNS = (
    "SELECT tables.name, columns.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns"
    " WHERE tables.type = 'table'"
)


def anything_waits(path: Path) -> bool | None:
    """Say whether a batch wants something from a run or from somebody; None when there is no journal.

    This is all that an idle tick asks. Raises JournalError when the file cannot be read, which after a crash may only
    mean that SQLite has something to undo first.
    """
    with worded(path):
        if not is_there(path):
            return None
        with closing(_read_only(path)) as connection:
            return connection.execute(ANYTHING).fetchone() is not None


def lasting(path: Path) -> list[tuple[str, str, float | None]]:
    """Read what lasts or is still to be reported: subject, reason, and when it was reported; nothing without journal.

    Raises JournalError.
    """
    with worded(path):
        if not is_there(path):
            return []
        with closing(_read_only(path)) as connection:
            return connection.execute("SELECT subject, reason, told_at FROM episode").fetchall()


def is_lost(path: Path) -> bool:
    """Say whether there is no journal at `path` although batch folders lie beside it: what was sent is not known.

    An empty file is no journal. Raises OSError when the folder cannot be read.
    """
    return not is_there(path) and any(len(year.name) == 4 and year.name.isdigit() for year in path.parent.iterdir())


def connect(path: Path) -> sqlite3.Connection:
    """Open the journal at `path`, made or migrated when needed.

    Raises JournalError when the file is there and cannot be read, is damaged, or was written by a later version.
    """
    with worded(path):
        with suppress(OSError):  # SQLite says what is the matter
            make_file(path)
        connection = sqlite3.connect(path, isolation_level=None, timeout=30)
        try:
            _prepare(path, connection)
            _require_sound(path, connection)
            _require_whole(path, connection)
        except BaseException:
            connection.close()
            raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open the journal at `path` without the right to change it; an empty one in memory when there is none.

    After a crash SQLite has to undo something first, and one of an earlier version has to be migrated, for which the
    journal is opened to be changed after all. Raises JournalError as `connect`.
    """
    with worded(path):
        if not is_there(path):
            return _empty(path)
        connection = _read_only(path)
        try:
            connection.execute(ANYTHING).fetchone()
            if connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS):
                _require_whole(path, connection)
                return connection
        except sqlite3.Error:
            pass  # opening it to be changed succeeds, or says what is wrong
        except BaseException:
            connection.close()
            raise
    connection.close()
    return connect(path)


def is_there(path: Path) -> bool:
    """Say whether anything was ever written to the journal. Raises OSError when that cannot be seen."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _empty(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _prepare(path, connection)
    return connection


@cache
def _columns() -> frozenset[tuple[str, ...]]:
    """Return the columns that a journal of this version has."""
    with closing(_empty(Path())) as empty:
        return frozenset(empty.execute(COLUMNS))


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA synchronous=FULL")
    connection.create_function("in_stages", 1, text_in_stages)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise JournalError(
            f"The journal {path} was written by a later version of sis-sync (its format is {version}, this version"
            f" knows {len(MIGRATIONS)}).",
            "Nothing was done. Install that version again: `pip install --upgrade canvas-sis-sync`.",
        )
    for number in range(version, len(MIGRATIONS)):
        connection.execute("BEGIN IMMEDIATE")
        for statement in MIGRATIONS[number].split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute("COMMIT")


def _require_sound(path: Path, connection: sqlite3.Connection) -> None:
    """Raise JournalError unless every page and index is sound (some ms for thousands of batches).

    A damaged index finds nothing where there is something: a batch that Canvas has would be sent again.
    """
    (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if found != "ok":
        raise damaged(path)


def _require_whole(path: Path, connection: sqlite3.Connection) -> None:
    """Raise JournalError unless every column is there."""
    missing = _columns().difference(connection.execute(COLUMNS))
    if missing:
        raise damaged(path, f"it lacks the column {'.'.join(min(missing))}")
