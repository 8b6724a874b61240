"""What the journal can be asked: batches, imports, releases, and what runs remember. Changes nothing."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import GenericAlias
from typing import Any, TypeVar

from canvas_sis_sync.canvas.records import Target
from canvas_sis_sync.errors import RecordError
from canvas_sis_sync.home._journal_faults import worded
from canvas_sis_sync.home._record import batch_from_record, parse, read
from canvas_sis_sync.home.batch import ACCEPTED, OPEN, Batch, BatchState, Step
from canvas_sis_sync.home.episode import Episode
from canvas_sis_sync.plain_text import visible


@dataclass(frozen=True, slots=True)
class WaitingBatch:
    """A batch that wants attention; without its record."""

    id: str
    state: BatchState
    target: Target
    #: True when a run is to continue with it.
    is_open: bool
    #: True when nothing is sent until somebody acts.
    holds: bool


# By itself SQLite would walk through all past batches for the order.
WAITING = (
    "SELECT id, state, host, account_id, attention FROM batch INDEXED BY batch_attention"
    " WHERE attention IS NOT NULL ORDER BY position"
)


@dataclass(frozen=True, slots=True)
class Sighting:
    """How a drop looked at an earlier look."""

    signature: str
    #: Seconds since the machine was started: a wall clock may be set between two runs, and after a new start these
    #: count too little, never too much.
    seen_at: float


Cell = TypeVar("Cell")


class Questions:
    """An open journal, as far as it can be asked. Every question raises JournalError when it cannot be answered."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path

    def batch(self, batch_id: str) -> Batch | None:
        """Read a batch by its id, with its steps."""
        return self._one("WHERE id = ?", visible(batch_id))  # what a person types may not be text for SQLite

    def last_id(self) -> str:
        """Give the id of the batch that was entered last, "" for none."""
        return next(iter(self._column(str, "SELECT id FROM batch ORDER BY position DESC LIMIT 1")), "")

    def last(self) -> Batch | None:
        """Read the batch that was claimed last, of any target."""
        return self._one("ORDER BY position DESC LIMIT 1")

    def previous_sent(self, target: Target) -> Batch | None:
        """Read the last batch that became an import of `target` and is over."""
        marks = ", ".join("?" * len(OPEN))
        return self._one(
            f"WHERE host = ? AND account_id = ? AND import_id IS NOT NULL AND state NOT IN ({marks}) "
            "ORDER BY position DESC LIMIT 1",
            target.host,
            target.account_id,
            *sorted(OPEN),
        )

    def accepted_after(self, batch: Batch) -> str | None:
        """Give the id of a batch that the same target accepted after this one was entered, None without any."""
        found = self._column(
            str,
            "SELECT id FROM batch WHERE host = ? AND account_id = ? AND state IN (?, ?) AND import_id IS NOT NULL"
            " AND position > (SELECT position FROM batch WHERE id = ?) ORDER BY position DESC LIMIT 1",
            *(batch.target.host, batch.target.account_id, *sorted(ACCEPTED), batch.id),
        )
        return found[0] if found else None

    def sent(self, target: Target) -> Iterator[Batch]:
        """Give the batches that became an import of `target`, newest first, one at a time."""
        return self._newest_first("host = ? AND account_id = ? AND import_id IS NOT NULL", target)

    def entered(self, target: Target) -> Iterator[Batch]:
        """Give all batches of `target`, whatever became of them, newest first, one at a time."""
        return self._newest_first("host = ? AND account_id = ?", target)

    def by_import(self, target: Target, import_id: int) -> Batch | None:
        """Read the batch that became an import, None when that is none of ours."""
        return self._one(
            "WHERE host = ? AND account_id = ? AND import_id = ?", target.host, target.account_id, import_id
        )

    def remembered(self, target: Target) -> frozenset[tuple[str, str]]:
        """List the groups, by what and SIS id, that somebody allowed to be missing from then on."""
        return frozenset(
            self._rows(
                tuple[str, str],
                "SELECT grouped_by, name FROM remembered WHERE host = ? AND account_id = ?",
                *(target.host, target.account_id),
            )
        )

    def waiting(self) -> tuple[WaitingBatch, ...]:
        """List the batches that want something from a run or from somebody, oldest first."""
        rows = self._rows(tuple[str, BatchState, str, int, str], WAITING)
        return tuple(
            WaitingBatch(batch_id, state, Target(host, account_id), attention == "open", attention == "hold")
            for batch_id, state, host, account_id, attention in rows
        )

    def taken(self, target: Target, above: int, *, but: str = "") -> frozenset[int]:
        """List the import ids of `target` from `above` on that belong to a batch other than `but`, or are strays."""
        return frozenset(
            self._column(
                int,
                "SELECT import_id FROM batch WHERE host = ? AND account_id = ? AND import_id >= ? AND id != ?"
                " UNION SELECT import_id FROM stray WHERE host = ? AND account_id = ? AND import_id >= ?",
                *(target.host, target.account_id, above, but),
                *(target.host, target.account_id, above),
            )
        )

    def own_imports(self, target: Target, above: int) -> frozenset[int]:
        """List the import ids of `target` from `above` on that are a batch's import."""
        return frozenset(
            self._column(
                int,
                "SELECT import_id FROM batch WHERE host = ? AND account_id = ? AND import_id >= ?",
                *(target.host, target.account_id, above),
            )
        )

    def strays(self, target: Target, above: int) -> frozenset[int]:
        """List the records from `above` on that batches left behind in `target` and that are no batch's import."""
        return frozenset(
            self._column(
                int,
                "SELECT import_id FROM stray WHERE host = ? AND account_id = ? AND import_id >= ?",
                *(target.host, target.account_id, above),
            )
        )

    def releases(self, target: Target, above: int) -> dict[int, frozenset[str]]:
        """Give the states in which imports of `target` from id `above` on are released."""
        rows = self._rows(
            tuple[int, str],
            "SELECT import_id, workflow_state FROM release WHERE host = ? AND account_id = ? AND import_id >= ?",
            *(target.host, target.account_id, above),
        )
        released: dict[int, frozenset[str]] = {}
        for import_id, state in rows:
            released[import_id] = released.get(import_id, frozenset()) | {state}
        return released

    def target(self, base_url: str, account: str) -> Target | None:
        """Give what `CANVAS_ACCOUNT_ID` at this URL was resolved to, None when it never was."""
        query = "SELECT host, account_id FROM target WHERE base_url = ? AND account = ?"
        return next((Target(*row) for row in self._rows(tuple[str, int], query, base_url, account)), None)

    def sightings(self) -> dict[str, Sighting]:
        """Give how the waiting drops looked at the last look."""
        rows = self._rows(tuple[str, str, float], "SELECT drop_name, signature, seen_at FROM sighting")
        return {name: Sighting(signature, seen_at) for name, signature, seen_at in rows}

    def episodes(self) -> tuple[Episode, ...]:
        """List the troubles that have not ended."""
        names = ("subject", "reason", "began_at", "runs", "told_at")
        rows = self._rows(Any, "SELECT subject, reason, began_at, runs, told_at FROM episode")
        with worded(self._path):
            return tuple(read(Episode, dict(zip(names, row, strict=True))) for row in rows)

    def _newest_first(self, where: str, target: Target) -> Iterator[Batch]:
        position = sys.maxsize
        query = f"SELECT position, id FROM batch WHERE {where} AND position < ? ORDER BY position DESC LIMIT 1"  # noqa: S608 - `where` is a literal of this class
        while rows := self._rows(tuple[int, str], query, target.host, target.account_id, position):
            position, batch_id = rows[0]
            found = self.batch(batch_id)
            if found is not None:
                yield found

    def _one(self, where: str, *values: object) -> Batch | None:
        query = f"SELECT record, id, state, host, account_id, import_id FROM batch {where}"  # noqa: S608 - `where` is a literal of this class
        rows = self._rows(tuple[str, str, BatchState, str, int, int | None], query, *values)
        if not rows:
            return None
        record, *columns = rows[0]
        steps = self._rows(
            tuple[float, BatchState, str, str],
            "SELECT at, state, who, reason FROM step WHERE batch_id = ? ORDER BY rowid",
            columns[0],
        )
        with worded(self._path):
            batch = batch_from_record(parse(record))
            if [batch.id, batch.state, batch.target.host, batch.target.account_id, batch.import_id] != columns:
                raise RecordError("does not agree with the columns beside it", "record")
        return replace(batch, steps=tuple(Step(*step) for step in steps))

    def _column(self, kind: type[Cell], query: str, *values: object) -> list[Cell]:
        return [row[0] for row in self._rows(GenericAlias(tuple, (kind,)), query, *values)]

    def _rows(self, kind: Any, query: str, *values: object) -> list[Any]:
        """Return the rows of a query, each read as a `kind` of tuple: SQLite keeps anything in any column."""
        with worded(self._path):
            return [read(kind, row) for row in self._connection.execute(query, values).fetchall()]
