"""What one import writes: objects by key, stamped with the import, and every change of state noted.

Owns the SQL of writing rows. The stamp is what batch mode's clean-up goes by (DIFF 9), the notes are what
`statistics` and `restore_states` are made of (API 5, 6).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

from canvas_sis_sync.sandbox._store import TABLES, Row

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
_COMMON = ("created", "restored", "deleted")
_EXTRA = {"course": ("concluded",), "enrollment": ("concluded", "deactivated")}


class Ledger:
    """One import's view of a root account's objects. Rows come back as they were before a change."""

    def __init__(self, connection: sqlite3.Connection, root: int, import_id: int) -> None:
        self.root = root
        self.import_id = import_id
        self._connection = connection

    def find(self, kind: str, **where: Any) -> Row | None:
        """Return the first object with these values, None when there is none."""
        return next(self.find_all(kind, **where), None)

    def find_all(self, kind: str, **where: Any) -> Iterator[Row]:
        """Give all objects with these values (None matches the absence of one)."""
        conditions = "".join(f" AND {name} IS ?" for name in where)
        query = f"SELECT * FROM {TABLES[kind]} WHERE root = ?{conditions}"  # noqa: S608 - our own names
        yield from self._connection.execute(query, (self.root, *where.values()))

    def find_login(self, login_id: str) -> Row | None:
        """Return the login that is not deleted and has this name in whatever case."""
        query = "SELECT * FROM login WHERE root = ? AND login_id = ? COLLATE NOCASE AND status <> 'deleted'"
        found: Row | None = self._connection.execute(query, (self.root, login_id)).fetchone()
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
        marks = ", ".join("?" * len(row))
        statement = f"INSERT INTO {TABLES[kind]} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608 - our own names
        made = int(self._connection.execute(statement, tuple(row.values())).lastrowid or 0)
        self._note(kind, made, None, status)
        return made

    def change(self, kind: str, object_id: int, values: Mapping[str, Any]) -> None:
        """Set columns of one object."""
        settings = ", ".join(f"{name} = ?" for name in values)
        statement = f"UPDATE {TABLES[kind]} SET {settings} WHERE id = ?"  # noqa: S608 - our own names
        self._connection.execute(statement, (*values.values(), object_id))

    def set_status(self, kind: str, found: Row, status: str, *, by_cleanup: bool = False) -> None:
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
        """Tell whether this import has changed the state of an object."""
        query = "SELECT 1 FROM change WHERE import = ? AND kind = ? AND object = ?"
        return bool(self.select(query, self.import_id, kind, object_id))

    def select(self, query: str, *values: Any) -> list[Row]:
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
