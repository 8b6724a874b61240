"""Whatever two tables hold: the differences make the old one the new one, and they are those that diffing makes.

The sandbox's diffing is written independently, and is what results are held against.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tables import csv_bytes, delivered

from canvas_sis_sync.plan.changes import _kinds, _spool
from canvas_sis_sync.plan.changes.comparing import compare_kind
from canvas_sis_sync.plan.values import KindChanges
from canvas_sis_sync.sandbox._diffing import Cells, DiffTable, difference, read_table
from canvas_sis_sync.sandbox._supplied import CsvInput, Supplied
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS

ENROLLMENT = KINDS["enrollment"]
CELLS = st.sampled_from(
    [
        "",
        "",
        "a",
        "b",
        "A",
        "ä",
        "a b",
        'say "a"',
        "a,b",
        "a\nb",
        " a ",
        "\u00a0",
        "\x1f",
        "\x1e",
        "a\x1f",
        "\x1d",
        "\x1d1",
    ]
)
STATUSES = st.sampled_from(["", "active", "deleted", "Deleted", "completed", "inactive", "deleted_last_completed"])
HEADERS = st.permutations(
    ["course_id", "section_id", "user_id", "role", "status", "notify", "start_date", "Status", "", "user_id"]
).map(lambda names: names[: len(names) - 2] if "course_id" in names[:-2] and "user_id" in names[:-2] else names)


@dataclass
class Kept:
    """A sink that keeps what it is given."""

    rows: dict[str, list[Cells]] = field(default_factory=dict)

    def add(self, kind: Kind, what: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        assert kind is ENROLLMENT
        self.rows.setdefault(what, []).extend(
            {name: cell or None for name, cell in zip(columns, row, strict=True)} for row in rows
        )


@st.composite
def tables(draw: st.DrawFn, header: Sequence[str]) -> bytes:
    cells = [STATUSES if name == "status" else CELLS for name in header]
    return csv_bytes(header, draw(st.lists(st.tuples(*cells), max_size=12)))


@st.composite
def pairs(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """Give two files of a kind; mostly with the same columns, in another order, and some rows in common."""
    header = draw(HEADERS)
    other = draw(st.one_of(st.permutations(header), HEADERS))
    before = draw(tables(header))
    now = draw(tables(other))
    if draw(st.booleans()) and header == other:
        now += before.split(b"\n", 1)[1]
    return before, now


WAYS = {
    "memory": {},
    "disk": {"MEMORY_BYTES": 0, "BUCKET_BYTES": 20},
    "two processes": {"MEMORY_BYTES": 0, "BUCKET_BYTES": 20, "LEAST_FORKED_BYTES": 0},
}
EVERY_WAY = pytest.mark.parametrize(
    ("way", "examples"), [("memory", 60), ("disk", 30), pytest.param("two processes", 12, marks=pytest.mark.slow)]
)


@contextmanager
def compared_by(way: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in WAYS[way].items():
            patch.setattr(_kinds, name, value)
        patch.setattr(os, "cpu_count", lambda: 2 if way == "two processes" else 1)
        patch.setattr(_spool, "FLUSH_BYTES", 50)
        patch.setattr(_spool, "CHUNK_BYTES", 1)
        yield


def table_of(content: bytes) -> DiffTable:
    file = CsvInput("e.csv", len(content), delivered("e.csv", content).open)
    return read_table(Supplied(file, ENROLLMENT, 0))


def compared(way: str, before: bytes, now: bytes) -> tuple[KindChanges, Kept]:
    kept = Kept()
    files = [delivered("e.csv", before)], [delivered("e.csv", now)]
    with compared_by(way):
        found = compare_kind(ENROLLMENT, *files, sink=kept)
        assert found == compare_kind(ENROLLMENT, *files)
    return found, kept


def frozen(rows: Iterable[Cells]) -> Counter[frozenset[tuple[str, str | None]]]:
    return Counter(frozenset(row.items()) for row in rows)


def key_of(cells: Cells) -> tuple[str | None, ...]:
    return tuple(cells.get(name) for name in ENROLLMENT.key)


@EVERY_WAY
def test_the_differences_are_those_that_diffing_makes(way: str, examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(pairs())
    def holds(pair: tuple[bytes, bytes]) -> None:
        _assert_as_diffing(way, pair)

    holds()


def _assert_as_diffing(way: str, pair: tuple[bytes, bytes]) -> None:
    before, now = map(table_of, pair)
    found, kept = compared(way, *pair)
    assert found.added == len(now.rows.keys() - before.rows.keys())
    assert found.removed == len(before.rows.keys() - now.rows.keys())
    assert (found.rows_before - found.duplicates_before, found.rows_now - found.duplicates_now) == (
        len(before.rows),
        len(now.rows),
    )
    if set(before.columns) == set(now.columns):
        expected = difference(now, before, "gone")
        gone = {"status": "gone"} if "status" in now.columns else {}
        ended = [{**row, **gone} for row in kept.rows.get("removed", [])]
        assert found.differences == len(expected)
        assert frozen([*kept.rows.get("added", []), *kept.rows.get("changed", []), *ended]) == frozen(expected)
    else:
        assert set(found.columns_gained) == set(now.columns) - set(before.columns)
        assert set(found.columns_lost) == set(before.columns) - set(now.columns)
        common = set(before.columns) & set(now.columns)
        assert found.changed == sum(
            any(before.rows[key][name] != now.rows[key][name] for name in common)
            for key in before.rows.keys() & now.rows.keys()
        )


@EVERY_WAY
def test_the_differences_make_the_old_set_the_new_one(way: str, examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(pairs())
    def holds(pair: tuple[bytes, bytes]) -> None:
        _assert_makes_the_new_one(way, pair)

    holds()


def _assert_makes_the_new_one(way: str, pair: tuple[bytes, bytes]) -> None:
    before, now = map(table_of, pair)
    _, kept = compared(way, *pair)
    result = dict(before.rows)
    for cells in kept.rows.get("removed", []):
        assert result.pop(key_of(cells)) == cells
    for cells in kept.rows.get("added", []):
        assert key_of(cells) not in result
        result[key_of(cells)] = cells
    for cells in kept.rows.get("changed", []):
        assert result[key_of(cells)] != cells
        result[key_of(cells)] = cells
    common = set(before.columns) & set(now.columns)
    assert {key: {name: cells[name] for name in common} for key, cells in result.items()} == {
        key: {name: cells[name] for name in common} for key, cells in now.rows.items()
    }
