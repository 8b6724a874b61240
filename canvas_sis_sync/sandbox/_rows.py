"""A row on its way into the database: reading its cells, refusing it, and what every kind's rules share.

Owns the checks that the format records decide (blank cells, allowed words) and the generic rule for kinds that are
only counted. Rules of single kinds are in `_rows_courses`, `_rows_people` and `_rows_groups`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from canvas_sis_sync.sandbox._state import Role
from canvas_sis_sync.sandbox._store import Ledger, Stored
from canvas_sis_sync.sis_csv.dates import DateVerdict, read_date
from canvas_sis_sync.sis_csv.formats import Kind

NAME_LIMIT = 255
Dates = tuple[datetime | None, datetime | None]


class Refused(Exception):
    """The row is not applied; the text is its message."""


class Ignored(Exception):
    """The row is neither applied nor counted, and nothing is said."""


@dataclass(frozen=True, slots=True)
class RowContext:
    """What the rules of one import work with."""

    ledger: Ledger
    options: Mapping[str, Any]
    roles: tuple[Role, ...]
    #: Stores a message about the present row, which is applied all the same.
    warn: Callable[[str], None]

    def find(self, kind: str, sis_id: str | None) -> Stored | None:
        """Return the object with this SIS id; None without an id or an object."""
        return None if sis_id is None else self.ledger.find(kind, sis_id=sis_id)

    def need(self, kind: str, row: Row, column: str) -> Stored:
        """Return the object that a cell refers to; raises Refused when it leads nowhere."""
        found = self.find(kind, row.get(column))
        if found is None:
            raise Refused(f"{column} {row.get(column)!r} leads to no {kind}")
        return found

    def need_active(self, kind: str, row: Row, column: str) -> Stored:
        """Return the object that a cell refers to; raises Refused when it leads nowhere or to a deleted one."""
        found = self.need(kind, row, column)
        if found["status"] == "deleted":
            raise Refused(f"{column} {row.get(column)!r} leads to a deleted {kind}")
        return found

    def status(self, row: Row) -> str:
        """Return the status in lower case once it is allowed.

        Raises Refused when it is not, Ignored for a deletion when `skip_deletes` was asked for (CSV 9).
        """
        status = row.word("status").lower()
        self.pass_over_deletion(status)
        return status

    def pass_over_deletion(self, status: str) -> None:
        """Raise Ignored for a lower-case status that deletes, when `skip_deletes` was asked for (CSV 9)."""
        if self.options["skip_deletes"] and "deleted" in status:
            raise Ignored

    def check_integration_id(self, kind: str, row: Row, key: str) -> None:
        """Refuse an integration id that another object of the kind has."""
        wanted = row.get("integration_id")
        owner = self.ledger.find(kind, integration_id=wanted) if wanted else None
        if owner is not None and owner["sis_id"] != row.get(key):
            raise Refused(f"integration_id {wanted!r} belongs to another {kind}")

    def read_dates(self, row: Row, *, apart: bool = False) -> Dates:
        """Return start and end in UTC, and say which is impossible (CSV 7); the row is applied without it.

        Without a start there is no end either, unless the two are read apart.
        """
        start, end = row.get("start_date"), row.get("end_date")
        if start and self._is_bad("start_date", start):
            start = None
            if not apart:
                return None, None
        if end and self._is_bad("end_date", end):
            end = None
        return read_date(start).moment if start else None, read_date(end).moment if end else None

    def _is_bad(self, column: str, text: str) -> bool:
        bad = read_date(text).verdict is DateVerdict.BAD
        if bad:
            self.warn(f"{column} {text!r} is no possible date and was left empty")
        return bad


@dataclass(frozen=True, slots=True)
class Row:
    """One row by column names."""

    kind: Kind
    values: Mapping[str, str | None]

    def get(self, name: str) -> str | None:
        """Return a cell; None when it is blank or its column is missing."""
        return self.values.get(name)

    def need(self, *names: str) -> str:
        """Return the first cell that is filled; raises Refused when all are blank."""
        for name in names:
            value = self.values.get(name)
            if value is not None:
                return value
        raise Refused(f"{' and '.join(names)} must not be blank")

    def word(self, name: str) -> str:
        """Return a cell of allowed words; raises Refused when it is blank or none of them, as strict as Canvas."""
        value = self.need(name)
        column = self.kind.columns[name]
        if not column.accepts(value):
            raise Refused(f"{name} {value!r} is none of {', '.join(column.allowed)}")
        return value

    def limit(self, *names: str, length: int = NAME_LIMIT) -> None:
        """Refuse cells that are too long."""
        for name in names:
            if len(self.values.get(name) or "") > length:
                raise Refused(f"{name} is longer than {length} characters")


Rule = Callable[[Row, RowContext], None]


def count_only(row: Row, context: RowContext) -> None:
    """Check what the format record says of a kind that is not stored."""
    for name, column in row.kind.columns.items():
        if column.required:
            row.need(name)
        if column.allowed and row.get(name) is not None:
            row.word(name)
    context.pass_over_deletion((row.get("status") or "").lower())
