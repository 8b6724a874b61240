"""The rows that have been imported: SQLite tables, look-ups, and the state changes that an undo needs.

Owns all SQL. A `Ledger` is one import's view: it stamps what it touches, which batch mode's clean-up goes by (DIFF 9),
and notes every change of state, which `statistics` and `restore_states` are made of (API 5, 6).
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

Stored = Mapping[str, Any]
"""A row of a table."""

_CLASSES = {
    "account": "Account",
    "term": "EnrollmentTerm",
    "abstract_course": "AbstractCourse",
    "course": "Course",
    "section": "CourseSection",
    "group_category": "GroupCategory",
    "group": "Group",
    "login": "Pseudonym",
    "communication_channel": "CommunicationChannel",
    "enrollment": "Enrollment",
    "group_membership": "GroupMembership",
    "user_observer": "UserObserver",
    "admin": "AccountUser",
}
"""The tables by the names that `data.statistics` has for them."""
_COMMON = ("created", "restored", "deleted")
_EXTRA = {"course": ("concluded",), "enrollment": ("concluded", "deactivated")}


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

    def accounts(self) -> dict[int, Stored]:
        """Return all accounts by id."""
        with self.connect() as connection:
            return {row["id"]: row for row in connection.execute("SELECT * FROM account")}

    def account(self, account_id: int | None) -> Stored | None:
        """Return the account with that id, the first one for None; None if there is none."""
        query = "SELECT * FROM account WHERE id = coalesce(?, (SELECT min(id) FROM account))"
        with self.connect() as connection:
            found: Stored | None = connection.execute(query, (account_id,)).fetchone()
            return found

    def terms(self, root: int) -> list[Stored]:
        """Return the terms of a root account, the default term first."""
        with self.connect() as connection:
            return list(connection.execute("SELECT * FROM term WHERE root = ? ORDER BY id", (root,)))

    def count(self, kind: str) -> int:
        """Count the stored objects of a kind that are not deleted."""
        query = _statement("SELECT count(*) FROM {table} WHERE status <> 'deleted'", kind)
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
                    statement = _statement("UPDATE {table} SET status = ? WHERE id = ?", change["kind"])
                    put_back += connection.execute(statement, (old, change["object"])).rowcount
        return put_back


def _statement(form: str, kind: str, **parts: str) -> str:
    """Write a statement about the table of a kind; only this package names tables and columns, data never do."""
    return form.format(table=TABLES[kind], **parts)


def _wanted(change: Stored, asked: Collection[str]) -> bool:
    return (
        ("batch_mode" not in asked or bool(change["by_cleanup"]))
        and ("undelete_only" not in asked or change["new"] == "deleted")
        and ("unconclude_only" not in asked or change["new"] == "completed")
    )


class Ledger:
    """One import's view of a root account's objects. Rows come back as they were before a change."""

    def __init__(self, connection: sqlite3.Connection, root: int, import_id: int) -> None:
        self.root = root
        self.import_id = import_id
        self._connection = connection

    def find(self, kind: str, **where: Any) -> Stored | None:
        """Return the first object with these values, None when there is none."""
        return next(self.find_all(kind, **where), None)

    def find_all(self, kind: str, **where: Any) -> Iterator[Stored]:
        """Yield all objects with these values (None matches the absence of one)."""
        conditions = "".join(f" AND {name} IS ?" for name in where)
        query = _statement("SELECT * FROM {table} WHERE root = ?{conditions}", kind, conditions=conditions)
        yield from self._connection.execute(query, (self.root, *where.values()))

    def find_login(self, login_id: str) -> Stored | None:
        """Return the login that is not deleted and has this name in whatever case."""
        query = "SELECT * FROM login WHERE root = ? AND login_id = ? COLLATE NOCASE AND status <> 'deleted'"
        found: Stored | None = self._connection.execute(query, (self.root, login_id)).fetchone()
        return found

    def save(self, kind: str, key: Mapping[str, Any], values: Mapping[str, Any], status: str | None) -> int:
        """Make or change the object with this key, stamp it, and return its id.

        A `status` of None keeps the present one; for a new object it means active.
        """
        found = self.find(kind, **key)
        if found is None:
            return self._insert(kind, {**key, **values}, status or "active")
        self.change(kind, found["id"], {**values, "batch": self.import_id})
        if status is not None:
            self.set_status(kind, found, status)
        return int(found["id"])

    def _insert(self, kind: str, values: Mapping[str, Any], status: str) -> int:
        row = {**values, "root": self.root, "status": status, "batch": self.import_id}
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        statement = _statement("INSERT INTO {table} ({names}) VALUES ({marks})", kind, names=names, marks=marks)
        made = int(self._connection.execute(statement, tuple(row.values())).lastrowid or 0)
        self._note(kind, made, None, status)
        return made

    def change(self, kind: str, object_id: int, values: Mapping[str, Any]) -> None:
        """Set columns of one object."""
        settings = ", ".join(f"{name} = ?" for name in values)
        statement = _statement("UPDATE {table} SET {settings} WHERE id = ?", kind, settings=settings)
        self._connection.execute(statement, (*values.values(), object_id))

    def set_status(self, kind: str, found: Stored, status: str, *, by_cleanup: bool = False) -> None:
        """Change an object's state, if it is another, and note it."""
        if found["status"] != status:
            self.change(kind, found["id"], {"status": status})
            self._note(kind, found["id"], found["status"], status, by_cleanup=by_cleanup)

    def delete_all(self, kind: str, *, by_cleanup: bool = False, **where: Any) -> None:
        """Set all objects with these values to deleted."""
        for found in list(self.find_all(kind, **where)):
            self.set_status(kind, found, "deleted", by_cleanup=by_cleanup)

    def _note(self, kind: str, object_id: int, old: str | None, new: str, *, by_cleanup: bool = False) -> None:
        self._connection.execute(
            "INSERT INTO change VALUES (?, ?, ?, ?, ?, ?)", (self.import_id, kind, object_id, old, new, by_cleanup)
        )

    def has_changed(self, kind: str, object_id: int) -> bool:
        """Return whether this import has changed the state of an object."""
        query = "SELECT 1 FROM change WHERE import = ? AND kind = ? AND object = ?"
        return bool(self.select(query, self.import_id, kind, object_id))

    def select(self, query: str, *values: Any) -> list[Stored]:
        """Run a query of the clean-up."""
        return list(self._connection.execute(query, values))

    def commit(self) -> None:
        """Keep what was written so far, so that others can read and write."""
        self._connection.commit()

    def statistics(self) -> dict[str, Any]:
        """Sum up the changes of state as `data.statistics` has them."""
        numbers: dict[str, Any] = {
            _CLASSES[kind]: dict.fromkeys((*_COMMON, *_EXTRA.get(kind, ())), 0) for kind in _CLASSES
        }
        total = 0
        for change in self.select("SELECT kind, old, new FROM change WHERE import = ?", self.import_id):
            total += 1
            kind = "login" if change["kind"] == "user" else change["kind"]
            word = _word(change["old"], change["new"])
            if word in numbers[_CLASSES[kind]]:
                numbers[_CLASSES[kind]][word] += 1
        return {"total_state_changes": total, **numbers}


def _word(old: str | None, new: str) -> str:
    if old is None:
        return "created"
    if new in {"deleted", "completed", "inactive"}:
        return {"deleted": "deleted", "completed": "concluded", "inactive": "deactivated"}[new]
    return "restored" if old == "deleted" else ""
