"""Which home of this user sent which batch to a Canvas account, and which import each became.

One SQLite file for each account, beside its lock in the user's state folder (docs/life-of-a-batch.md). The homes of a
user know nothing else of each other, and Canvas shows imports of the same user and of equal files alike: an import
that another home has taken is no answer to the question what became of a batch, and one that another home may still
claim is no certain answer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from canvas_sis_sync.errors import HeldError
from canvas_sis_sync.files import make_file, make_folder

VERSION = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS sending (
    home TEXT NOT NULL, batch_id TEXT NOT NULL, mark INTEGER NOT NULL, user_id INTEGER, import_id INTEGER UNIQUE
)
"""


class AccountRecord:
    """What the homes of this user have sent to one account.

    `path` is the record's file, made at the first sending; `home` is the absolute path of the asking home; a `batch` is
    given by its fingerprint, since two homes may claim in the same second. Every method
    raises HeldError when the file cannot be read or written. Runs write to it while they hold the account's lock.
    """

    def __init__(self, path: Path, home: Path) -> None:
        self._path = path
        self._home = str(home)

    def begin(self, batch: str, mark: int, user_id: int) -> None:
        """Note that the home is about to send a batch; a home sends one batch at a time."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM sending WHERE home = ? AND import_id IS NULL", (self._home,))
            connection.execute("INSERT INTO sending VALUES (?, ?, ?, ?, NULL)", (self._home, batch, mark, user_id))

    def take(self, batch: str, mark: int, user_id: int | None, import_id: int) -> None:
        """Note which import a batch became, by Canvas's own answer: it outweighs an older note about that id."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM sending WHERE home = ? AND import_id IS NULL", (self._home,))
            connection.execute(
                "INSERT OR REPLACE INTO sending VALUES (?, ?, ?, ?, ?)",
                (self._home, batch, mark, user_id, import_id),
            )

    def give_up(self, batch: str) -> None:
        """Note that what a batch was sent as is settled: no import of it is still to be found."""
        with self._transaction() as connection:
            query = "DELETE FROM sending WHERE home = ? AND batch_id = ? AND import_id IS NULL"
            connection.execute(query, (self._home, batch))

    def taken_by_others(self, batch: str = "") -> frozenset[int]:
        """Return the ids of the imports that other homes have taken, but for those of this very batch.

        A home that was moved, or restored to another folder, finds its own past there.
        """
        query = "SELECT import_id FROM sending WHERE home != ? AND batch_id != ? AND import_id IS NOT NULL"
        return frozenset(row[0] for row in self._read(query, self._home, batch))

    def taken_elsewhere(self, batch: str) -> frozenset[int]:
        """Return the ids of the imports that this very batch has taken under another path of its home."""
        query = "SELECT import_id FROM sending WHERE home != ? AND batch_id = ? AND import_id IS NOT NULL"
        return frozenset(row[0] for row in self._read(query, self._home, batch))

    def taken_by(self, batch: str) -> frozenset[int]:
        """Return the ids of the imports that a batch of this home has taken."""
        query = "SELECT import_id FROM sending WHERE home = ? AND batch_id = ? AND import_id IS NOT NULL"
        return frozenset(row[0] for row in self._read(query, self._home, batch))

    def may_be_others(self, import_id: int, user_id: int | None) -> bool:
        """Say whether another home may have made an import: it sent a batch, and what became of that is open."""
        query = (
            "SELECT 1 FROM sending WHERE home != ? AND import_id IS NULL AND mark < ?"
            " AND (user_id = ? OR ? IS NULL) LIMIT 1"
        )
        return bool(self._read(query, self._home, import_id, user_id, user_id))

    def _read(self, query: str, *values: object) -> list[tuple[int, ...]]:
        if not self._path.exists():
            return []
        with self._worded(), self._opened() as connection:
            return connection.execute(query, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._worded(), self._opened() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        make_folder(self._path.parent)
        make_file(self._path)
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=30)
        try:
            connection.execute("PRAGMA synchronous=FULL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise sqlite3.DatabaseError("it was written by a later version of sis-sync")
            if not version:
                connection.execute(_TABLE)
                connection.execute(f"PRAGMA user_version = {VERSION}")
            yield connection
        finally:
            connection.close()

    @contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise HeldError(
                f"{self._path}, the record of which home sent which import, cannot be used: {error}.",
                "Fix the file or its folder; the next run continues. If the file is damaged, delete it while no other"
                " home of this user has a batch in `sending`.",
            ) from error
