"""The journal: every batch, every step of it, every release by a person.

A batch is one row: the columns that are searched for, and the whole of it as JSON (see `_record`), the same that its
receipt holds. `move` keeps each of its moves from one state to the next. Nothing here knows Canvas or any other file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from canvas_sis_sync.canvas.records import Target
from canvas_sis_sync.errors import JournalError, RecordError
from canvas_sis_sync.home._journal_faults import worded
from canvas_sis_sync.home._record import batch_from_record, to_record
from canvas_sis_sync.home.batch import HOLDING, OPEN, Batch, BatchState, Release, Step
from canvas_sis_sync.home.episode import Episode
from canvas_sis_sync.home.journal_file import connect, connect_to_read
from canvas_sis_sync.home.journal_questions import Questions, Sighting


def _attention(batch: Batch) -> str | None:
    """Say what a batch wants: to be gone on with, somebody to act, its receipt written, or nothing (None)."""
    if batch.state in OPEN:
        return "open"
    if batch.holds:
        return "hold"
    return None if batch.filed else "file"


def _no_time() -> float:
    raise ValueError("a journal that is open to be read records no step")


class Journal(Questions):
    """An open journal; a context manager that closes it."""

    def __init__(self, connection: sqlite3.Connection, path: Path, now: Callable[[], float]) -> None:
        super().__init__(connection, path)
        self._now = now

    @classmethod
    def open(cls, path: Path, now: Callable[[], float]) -> Journal:
        """Open the journal at `path`, made when there is none; `now` gives seconds since the epoch.

        Raises JournalError when it cannot be read.
        """
        return cls(connect(path), path, now)

    @classmethod
    def open_to_read(cls, path: Path) -> Journal:
        """Open the journal at `path` without the right to change it; an empty one when there is none."""
        return cls(connect_to_read(path), path, _no_time)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- batches -------------------------------------------------------------------------------------------------

    def add(self, batch: Batch, *, who: str = "run") -> Batch:
        """Enter a new batch in its first state."""
        with self._transaction():
            return self._add(batch, who)

    def restore_all(self, batches: Iterable[Batch]) -> None:
        """Enter batches, oldest first, with their steps, strays and releases as their receipts have them."""
        with self._transaction():
            for batch in batches:
                self._write(batch)
                for step in batch.steps:
                    self._step(batch.id, step)
                for release in batch.releases:
                    self._release(release)

    def move(self, moved: Batch, *, who: str = "run") -> Batch:
        """Keep a batch in the state that one of its moves has taken it to.

        Raises JournalError when the journal knows of other steps than the caller.
        """
        with self._transaction():
            return self._move(moved, who)

    def replace_by_retry(
        self, batch: Batch, successor: Batch, release: Release | None, *, reason: str, who: str
    ) -> Batch:
        """Close `batch` as retried, release its import and enter its successor: all of it or nothing."""
        with self._transaction():
            batch = self._released(batch, release)
            self._move(batch.retried(reason), who)
            return self._add(successor, who)

    def amend(self, amended: Batch) -> Batch:
        """Keep what was noted of a batch that stays in its state. Raises JournalError as `move` does."""
        if amended != self.batch(amended.id):
            with self._transaction():
                self._require_steps(amended)
                self._write(amended)
        return amended

    # --- what people say ------------------------------------------------------------------------------------------

    def release(self, release: Release) -> None:
        """Record that an import in a state shall not keep the gate shut."""
        with self._transaction():
            self._release(release)

    def skip(self, batch: Batch, release: Release | None, *, reason: str, who: str) -> Batch:
        """Acknowledge a batch: closed as skipped where its state allows it, its import released, in one step."""
        with self._transaction():
            batch = self._released(batch, release)
            if batch.state in HOLDING:
                return self._move(batch.skipped(reason), who)
            self._require_steps(batch)
            return self._stepped(batch.acknowledged(), who, reason)

    # --- what runs remember ---------------------------------------------------------------------------------------

    def remember_target(self, base_url: str, account: str, target: Target) -> None:
        """Keep what `CANVAS_ACCOUNT_ID` at this URL was resolved to."""
        if self.target(base_url, account) == target:
            return
        with self._transaction():
            self._connection.execute(
                "INSERT OR REPLACE INTO target VALUES (?, ?, ?, ?)",
                (base_url, account, target.host, target.account_id),
            )

    def remember_sightings(self, sightings: dict[str, Sighting]) -> None:
        """Keep how the waiting drops look now, and forget all others."""
        if sightings == self.sightings():
            return
        with self._transaction():
            self._connection.execute("DELETE FROM sighting")
            self._connection.executemany(
                "INSERT INTO sighting VALUES (?, ?, ?)",
                [(name, sighting.signature, sighting.seen_at) for name, sighting in sightings.items()],
            )

    def add_news(self, subject: str, text: str) -> None:
        """Keep a piece of news until it was shown; one of the same subject is replaced."""
        with self._transaction():
            self._connection.execute("DELETE FROM episode WHERE subject = ?", (subject,))
            self._connection.execute("INSERT INTO episode VALUES (?, ?, ?, 1, NULL)", (subject, text, self._now()))

    def remember_episodes(self, episodes: Collection[Episode]) -> None:
        """Keep these troubles as the ones that last."""
        if set(episodes) == set(self.episodes()):
            return
        with self._transaction():
            self._connection.execute("DELETE FROM episode")
            self._connection.executemany(
                "INSERT INTO episode VALUES (?, ?, ?, ?, ?)",
                [(e.subject, e.reason, e.began_at, e.runs, e.told_at) for e in episodes],
            )

    # --- inside ---------------------------------------------------------------------------------------------------

    def _add(self, batch: Batch, who: str) -> Batch:
        self._write(batch)
        step = Step(batch.claimed_at, batch.state, who, batch.reason)
        self._step(batch.id, step)
        return replace(batch, steps=(step,))

    def _move(self, moved: Batch, who: str) -> Batch:
        self._require_steps(moved)
        return self._stepped(moved, who, moved.reason)

    def _stepped(self, batch: Batch, who: str, reason: str) -> Batch:
        step = Step(self._now(), batch.state, who, reason)
        stepped = replace(batch, steps=(*batch.steps, step))
        self._write(stepped)
        self._step(batch.id, step)
        return stepped

    def _require_steps(self, batch: Batch) -> None:
        """Raise JournalError unless the journal has the batch, with as many steps as the caller knows of."""
        found = self._column(BatchState, "SELECT state FROM batch WHERE id = ?", batch.id)
        steps = self._column(int, "SELECT count(*) FROM step WHERE batch_id = ?", batch.id)
        if not found or steps != [len(batch.steps)]:
            expected = batch.steps[-1].state if batch.steps else batch.state
            raise JournalError(
                f"Batch {batch.id} is {found[0] if found else 'not'} in the journal, and was expected to be"
                f" {expected}.",
                "Nothing was done. Look at it again with `sis-sync status`.",
            )

    def _released(self, batch: Batch, release: Release | None) -> Batch:
        if release is None:
            return batch
        self._release(release)
        return replace(batch, releases=(*batch.releases, release))

    def _release(self, release: Release) -> None:
        self._connection.execute(
            "INSERT INTO release VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                release.target.host,
                release.target.account_id,
                release.import_id,
                release.workflow_state,
                release.who,
                release.at,
                release.reason,
            ),
        )

    def _write(self, batch: Batch) -> None:
        record = to_record(replace(batch, steps=()))
        _require_readable(batch.id, record)
        self._connection.execute(
            "INSERT INTO batch (id, state, host, account_id, import_id, attention, record)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state,"
            " host = excluded.host, account_id = excluded.account_id, import_id = excluded.import_id,"
            " attention = excluded.attention, record = excluded.record",
            (
                batch.id,
                batch.state,
                batch.target.host,
                batch.target.account_id,
                batch.import_id,
                _attention(batch),
                json.dumps(record),
            ),
        )
        self._connection.execute(
            "DELETE FROM stray WHERE host = ? AND account_id = ? AND batch_id = ?",
            (batch.target.host, batch.target.account_id, batch.id),
        )
        self._connection.executemany(
            "INSERT OR IGNORE INTO stray VALUES (?, ?, ?, ?)",
            [(batch.target.host, batch.target.account_id, stray, batch.id) for stray in batch.strays],
        )
        self._connection.execute("DELETE FROM remembered WHERE batch_id = ?", (batch.id,))
        self._connection.executemany(
            "INSERT INTO remembered VALUES (?, ?, ?, ?, ?)",
            [
                (batch.target.host, batch.target.account_id, by, name, batch.id)
                for by, name in (batch.approval.remembered if batch.approval else ())
            ],
        )

    def _step(self, batch_id: str, step: Step) -> None:
        self._connection.execute(
            "INSERT INTO step VALUES (?, ?, ?, ?, ?)", (batch_id, step.at, step.state, step.who, step.reason)
        )

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with worded(self._path, "cannot be written"):
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._commit()
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _commit(self) -> None:
        self._connection.execute("COMMIT")


def _require_readable(batch_id: str, record: dict[str, Any]) -> None:
    """Raise JournalError for a record that could not be read back: such a batch would hold everything after it."""
    try:
        batch_from_record(record)
    except RecordError as error:
        raise JournalError(
            f"Batch {batch_id} cannot be journaled: {error}. What was not journaled was not done.",
            "If it is about a name, rename that file or folder in the inbox; the next run continues.",
        ) from error
