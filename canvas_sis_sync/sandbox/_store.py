"""The rows that have been imported: SQLite tables, look-ups, and the state changes that an undo needs.

Owns all SQL. A `Ledger` is one writer's view for one import: it stamps what it touches and notes every change of
state (API 5 `statistics`, API 6 `restore_states`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

_BY_SIS_ID = "id INTEGER PRIMARY KEY, root INTEGER NOT NULL, sis_id TEXT, status TEXT NOT NULL, batch INTEGER"
_SCHEMA = f"""
CREATE TABLE account ({_BY_SIS_ID}, integration_id TEXT, parent INTEGER, name TEXT);
CREATE TABLE term ({_BY_SIS_ID}, integration_id TEXT, name TEXT, start_at TEXT, end_at TEXT);
CREATE TABLE course ({_BY_SIS_ID}, integration_id TEXT, account INTEGER, term INTEGER, short_name TEXT, name TEXT);
CREATE TABLE section ({_BY_SIS_ID}, integration_id TEXT, course INTEGER, original_course INTEGER, name TEXT);
CREATE TABLE login ({_BY_SIS_ID}, integration_id TEXT, user INTEGER, login_id TEXT, name TEXT, email TEXT);
CREATE TABLE group_category ({_BY_SIS_ID}, account INTEGER, course INTEGER, name TEXT);
CREATE TABLE group_ ({_BY_SIS_ID}, category INTEGER, account INTEGER, course INTEGER, name TEXT);
CREATE TABLE enrollment (id INTEGER PRIMARY KEY, root INTEGER NOT NULL, status TEXT NOT NULL, batch INTEGER,
    user INTEGER, course INTEGER, section INTEGER, role TEXT, associated_user INTEGER);
CREATE TABLE admin (id INTEGER PRIMARY KEY, root INTEGER NOT NULL, status TEXT NOT NULL, batch INTEGER,
    user INTEGER, account INTEGER, role TEXT);
CREATE TABLE group_membership (id INTEGER PRIMARY KEY, root INTEGER NOT NULL, status TEXT NOT NULL, batch INTEGER,
    group_ INTEGER, user INTEGER);
CREATE TABLE change (import INTEGER, kind TEXT, object INTEGER, old TEXT, new TEXT, by_cleanup INTEGER);
CREATE UNIQUE INDEX account_sis ON account (root, sis_id);
CREATE UNIQUE INDEX term_sis ON term (root, sis_id);
CREATE UNIQUE INDEX course_sis ON course (root, sis_id);
CREATE UNIQUE INDEX section_sis ON section (root, sis_id);
CREATE UNIQUE INDEX login_sis ON login (root, sis_id);
CREATE UNIQUE INDEX group_category_sis ON group_category (root, sis_id);
CREATE UNIQUE INDEX group_sis ON group_ (root, sis_id);
CREATE INDEX login_name ON login (root, login_id COLLATE NOCASE);
CREATE INDEX login_user ON login (user);
CREATE INDEX enrollment_user ON enrollment (user, section);
CREATE INDEX enrollment_section ON enrollment (section);
CREATE INDEX section_course ON section (course);
CREATE INDEX membership_key ON group_membership (group_, user);
CREATE INDEX change_import ON change (import, kind, object);
"""
TABLES = {
    "account": "account",
    "term": "term",
    "course": "course",
    "section": "section",
    "user": "login",
    "login": "login",
    "enrollment": "enrollment",
    "admin": "admin",
    "group_category": "group_category",
    "group": "group_",
    "group_membership": "group_membership",
}
"""The table of each kind that is stored; the other kinds are only counted."""

Row = Mapping[str, Any]


class Store:
    """The database file. Connections are opened per use, so that no thread shares one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with self.connect() as connection:
                connection.executescript("PRAGMA journal_mode = WAL;" + _SCHEMA)

    @contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """Open the database, commit at the end, roll back on an exception, close in any case."""
        with closing(sqlite3.connect(self.path, timeout=60)) as connection:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA synchronous = OFF")
            with connection:
                yield connection

    def add_root_account(self, name: str) -> int:
        """Make a root account with its default term and return its id."""
        with self.connect() as connection:
            made = connection.execute("INSERT INTO account (root, status, name) VALUES (0, 'active', ?)", (name,))
            root = made.lastrowid
            connection.execute("UPDATE account SET root = id WHERE id = ?", (root,))
            connection.execute("INSERT INTO term (root, status, name) VALUES (?, 'active', 'Default Term')", (root,))
        return int(root or 0)

    def accounts(self) -> dict[int, Row]:
        """Return all accounts by id."""
        with self.connect() as connection:
            return {row["id"]: row for row in connection.execute("SELECT * FROM account")}

    def account(self, account_id: int | None) -> Row | None:
        """Return the account with that id, the first one for None; None if there is none."""
        query = "SELECT * FROM account WHERE id = coalesce(?, (SELECT min(id) FROM account))"
        with self.connect() as connection:
            found: Row | None = connection.execute(query, (account_id,)).fetchone()
            return found

    def terms(self, root: int) -> list[Row]:
        """Return the terms of a root account, the default term first."""
        with self.connect() as connection:
            return list(connection.execute("SELECT * FROM term WHERE root = ? ORDER BY id", (root,)))

    def count(self, kind: str) -> int:
        """Count the stored objects of a kind that are not deleted."""
        query = f"SELECT count(*) FROM {TABLES[kind]} WHERE status <> 'deleted'"  # noqa: S608 - our own table name
        if kind not in {"enrollment", "admin", "group_membership"}:
            query += " AND sis_id IS NOT NULL"
        with self.connect() as connection:
            return int(connection.execute(query).fetchone()[0])

    def restore(self, import_id: int, asked: Collection[str]) -> int:
        """Put back the states that an import changed, and return how many.

        `asked` narrows it: `batch_mode` to what the clean-up deleted, `undelete_only` to what is deleted now,
        `unconclude_only` to what is completed now.
        """
        put_back = 0
        with self.connect() as connection:
            changes = connection.execute("SELECT * FROM change WHERE import = ? ORDER BY rowid DESC", (import_id,))
            for change in list(changes):
                if _wanted(change, asked):
                    old = change["old"] or "deleted"
                    statement = f"UPDATE {TABLES[change['kind']]} SET status = ? WHERE id = ?"  # noqa: S608 - our own table name
                    put_back += connection.execute(statement, (old, change["object"])).rowcount
        return put_back


def _wanted(change: Row, asked: Collection[str]) -> bool:
    return (
        ("batch_mode" not in asked or bool(change["by_cleanup"]))
        and ("undelete_only" not in asked or change["new"] == "deleted")
        and ("unconclude_only" not in asked or change["new"] == "completed")
    )
