"""Two uploads: what we predict that Canvas does with the second, and what the sandbox does over real HTTP."""

from __future__ import annotations

import io
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from support.sandbox_client import Client

from canvas_sis_sync.canvas.answers import parse_import
from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.canvas.records import SisImport
from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.plan.changes.bounds import planned
from canvas_sis_sync.plan.changes.canvas_diffing import DiffBase, predict_diffing
from canvas_sis_sync.plan.changes.comparing import compare
from canvas_sis_sync.plan.values import Changes, Prediction
from canvas_sis_sync.sandbox._store import TABLES
from canvas_sis_sync.sis_csv.kinds import KINDS
from canvas_sis_sync.sis_csv.reader import open_csv

Files = Mapping[str, str | bytes]
Outline = Mapping[str, tuple[str, int, int]]
"""By kind: mode, rows read, and what is removed because it is missing."""
SET = {"diffing_data_set_identifier": "set"}
DIFFED, WHOLE, ABSENT = "diffed", "whole", "absent"
ENDED = {"deleted", "completed", "inactive", "suspended"}

PREPARED: Files = {
    "accounts.csv": "account_id,parent_account_id,name,status\nA1,,a,active\nA2,,a,active\n",
    "terms.csv": "term_id,name,status\nT,Autumn,active\nT2,Spring,active\n",
    "courses.csv": "course_id,short_name,long_name,term_id,status\n"
    "C1,s,l,T,active\nC2,s,l,T,active\nC3,s,l,T2,active\n",
    "sections.csv": "section_id,course_id,name,status\nS1,C1,n,active\nS2,C2,n,active\nS3,C3,n,active\n",
    "users.csv": "user_id,login_id,status\nU1,l1,active\nU2,l2,active\nU3,l3,active\nU4,l4,active\n",
    "categories.csv": "group_category_id,account_id,category_name,status\nK1,A1,k,active\n",
    "groups.csv": "group_id,name,status\nG1,g,available\nG2,g,available\n",
}
"""What rows can refer to."""


@dataclass(frozen=True)
class Pair:
    """Two uploads of one data set, and what becomes of the second."""

    base: Files
    now: Files
    expected: Outline
    asked: Mapping[str, str] = field(default_factory=dict)
    #: Objects of the sandbox that end, where these are not just the rows removed.
    ended: Mapping[str, int] = field(default_factory=dict)
    #: Kinds of which rows may be refused or passed over, so that fewer count as processed.
    partly: frozenset[str] = frozenset()
    #: A threshold keeps Canvas from comparing.
    refused: bool = False
    state: str = "imported"
    #: Import first what rows can refer to.
    prepared: bool = False


@dataclass(frozen=True)
class Seen:
    """What the sandbox did with an upload."""

    record: dict[str, Any]
    #: Rows of the difference files by kind.
    diffed: Counter[str]
    #: Objects that ended by kind.
    ended: Counter[str]
    #: Objects whose status became another by kind.
    moved: Counter[str]

    @property
    def parsed(self) -> SisImport:
        return parse_import(self.record)


def delivery(files: Files) -> tuple[DeliveryFile, ...]:
    made = []
    for name, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        made.append(DeliveryFile(name, len(data), partial(io.BytesIO, data)))
    return tuple(made)


def predict(pair: Pair, *, is_before: bool = True) -> tuple[Changes, Prediction]:
    """Predict what becomes of the second upload; the last accepted one is the first, or nothing."""
    base, now = delivery(pair.base), delivery(pair.now)
    changes = compare(base if is_before else (), now)
    return changes, predict_diffing(now, DiffBase(1, base, is_before), ImportOptions({**SET, **pair.asked}), changes)


def outline(prediction: Prediction) -> Outline:
    return {effect.kind: (str(effect.mode), effect.rows, effect.removed) for effect in prediction.effects}


def rehearse(client: Client, pair: Pair) -> Seen:
    if pair.prepared:
        client.run(PREPARED)
    client.run(pair.base, **SET)
    return import_and_look(client, pair.now, {**SET, **pair.asked})


def import_and_look(client: Client, files: Files, asked: Mapping[str, str]) -> Seen:
    before = statuses(client)
    record = client.run(dict(files), **asked)
    after = statuses(client)
    ended = (key[0] for key, status in before.items() if status not in ENDED and after[key] in ENDED)
    moved = (key[0] for key, status in before.items() if status != after[key])
    return Seen(record, diffed_rows(client, record), Counter(ended), Counter(moved))


def statuses(client: Client) -> dict[tuple[str, int], str]:
    """Give the status of every object of the client's account by kind and id."""
    found = {}
    with closing(sqlite3.connect(client.sandbox.database)) as connection:
        for kind, table in TABLES.items():
            if kind != "login":  # lives in the table of users
                rows = connection.execute(f"SELECT id, status FROM {table} WHERE root = ?", (client.account,))
                found |= {(kind, number): status for number, status in rows}
    return found


def diffed_rows(client: Client, record: Mapping[str, Any]) -> Counter[str]:
    found: Counter[str] = Counter()
    for attachment in record.get("diffed_csv_attachments", ()):
        opened = open_csv(io.BytesIO(client.download(attachment["url"]).content))
        assert opened.kind is not None
        found[opened.kind.name] += sum(1 for _ in opened)
    return found


def assert_done_as_predicted(pair: Pair, predicted: tuple[Changes, Prediction], seen: Seen) -> None:
    """Hold the prediction against the expectation, and what the sandbox read and removed against both."""
    changes, prediction = predicted
    assert outline(prediction) == pair.expected
    assert seen.record["workflow_state"] == pair.state
    assert_ended(pair.expected, pair.ended, seen)
    assert_read(pair.expected, pair.partly, seen)
    assert_within_bounds(changes, prediction, seen)


def assert_diffed_as_predicted(pair: Pair, prediction: Prediction, seen: Seen) -> None:
    assert bool(prediction.refused) == pair.refused == seen.parsed.threshold_exceeded
    if not pair.refused:
        assert set(seen.diffed) == {kind for kind, (mode, _, _) in pair.expected.items() if mode == DIFFED}
        compared = [effect for effect in prediction.effects if effect.mode == DIFFED]
        read = {effect.kind: effect.rows for effect in compared if "files imported whole" not in effect.reason}
        assert {kind: seen.diffed[kind] for kind in read} == read


def assert_ended(expected: Outline, ended: Mapping[str, int], seen: Seen) -> None:
    wanted = {kind: ended.get(kind, removed) for kind, (_, _, removed) in expected.items() if kind in TABLES}
    assert {kind: seen.ended[kind] for kind in wanted} == wanted
    assert set(+seen.ended) <= {*wanted, *ended}


def assert_read(expected: Outline, partly: frozenset[str], seen: Seen) -> None:
    processed = {kind: seen.parsed.counts.get(KINDS[kind].plural, 0) for kind in expected}
    for kind, (_, rows, _) in expected.items():
        assert processed[kind] <= rows if kind in partly else processed[kind] == rows, kind


def assert_within_bounds(changes: Changes, prediction: Prediction, seen: Seen) -> None:
    """Hold what Canvas reports against the bounds, as is done after every import."""
    bounds = planned(changes, prediction)
    assert all(seen.parsed.counts.get(KINDS[kind].plural, 0) <= rows for kind, rows in bounds.rows.items())
    for word, most in bounds.removals.items():
        numbers = seen.parsed.statistics.get(word, {})
        assert sum(numbers.get(name, 0) for name in ("deleted", "concluded", "deactivated")) <= most, word
