"""Records are read by types and rules: nothing but a batch comes out, and nothing but a RecordError is raised."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.batches import full

from canvas_sis_sync.canvas.answers import parse_import
from canvas_sis_sync.canvas.records import SisImport
from canvas_sis_sync.errors import RecordError
from canvas_sis_sync.home._record import RULES, batch_from_record, parse, read, to_record
from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.plan import text as plan_text
from canvas_sis_sync.plan.shapes import PlanRecord

GOOD = json.loads(json.dumps(to_record(full())))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["../x", "/x", "C:x", "20260101-000000", "imported", "loose", 2**63, -1, 1e300]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
MANY = settings(max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List where something lies in what json has read."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for name, item in inner for place in places(item, (*at, name)))]


def changed(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[at[0]] = changed(value[at[0]], at[1:], new)
    return copy


def mutated(value: Any) -> st.SearchStrategy[Any]:
    return st.builds(lambda at, new: changed(value, at, new), st.sampled_from(places(value)), JSON) | JSON


def of_type(kind: Any, owner: Any = None, name: str = "") -> st.SearchStrategy[Any]:
    """Make values of a type of the model, within its rules."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return st.none() | of_type(next(each for each in inner if each is not NoneType), owner, name)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return st.builds(kind, **{each.name: of_type(hints[each.name], kind, each.name) for each in fields(kind)})
    made: st.SearchStrategy[Any]
    if origin is tuple:
        made = (
            st.lists(of_type(inner[0]), max_size=2).map(tuple) if inner[-1] is ... else st.tuples(*map(of_type, inner))
        )
    elif origin is not None:
        made = st.dictionaries(st.text(max_size=4), of_type(inner[1]), max_size=2)
    elif kind is Any:
        made = st.one_of(st.none(), st.booleans(), st.text(max_size=4), st.integers())
    elif issubclass(kind, StrEnum):
        made = st.sampled_from(list(kind))
    else:
        plain: dict[Any, st.SearchStrategy[Any]] = {str: st.text(max_size=6), bool: st.booleans()}
        numbers: dict[Any, st.SearchStrategy[Any]] = {int: st.integers(0, 2**63 - 1), float: st.floats(0, 1e11)}
        made = (plain | numbers)[kind]
    rule = RULES.get((owner, name))
    if rule is not None and kind is str:
        return st.sampled_from(
            [text for text in ("20260101-000000", "users.csv", "deep/users.csv", "") if not rule(text)]
        )
    return made


@given(batch=of_type(Batch))
@settings(FEW, max_examples=8)
def test_whatever_a_batch_may_be_is_read_back_as_it_was(batch: Batch) -> None:
    assert batch_from_record(parse(json.dumps(to_record(batch)))) == batch


def only_record_errors(readit: Callable[[Any], Any], found: Any) -> None:
    with suppress(RecordError):
        readit(found)


@given(record=mutated(GOOD))
@example(record=GOOD | {"state": []})
@example(record=GOOD | {"parameters": {"a": 1}})
@FEW
def test_a_changed_record_is_a_batch_or_a_record_error(record: Any) -> None:
    only_record_errors(batch_from_record, record)


@pytest.mark.slow
@given(record=mutated(GOOD))
@MANY
def test_many_changed_records_are_batches_or_record_errors(record: Any) -> None:
    only_record_errors(batch_from_record, record)


@given(text=st.text() | st.binary() | JSON.map(json.dumps))
@example(text="[" * 100_000)
@example(text="1" * 10_000)
@example(text='{"a": NaN}')
@example(text=b"\xff\xfe")
@FEW
def test_a_text_is_json_or_a_record_error(text: str | bytes) -> None:
    only_record_errors(parse, text)


@given(answer=st.fixed_dictionaries({"id": st.integers(1, 2**63 - 1)}, optional={
    "workflow_state": JSON, "progress": JSON, "user": JSON, "csv_attachments": JSON, "processing_errors": JSON,
    "batch_mode": JSON, "ended_at": JSON, "created_at": st.datetimes().map(str) | JSON,
    "data": st.dictionaries(st.sampled_from(["counts", "statistics", "supplied_batches", "error_message"]), JSON),
}))  # fmt: skip
@FEW
def test_whatever_canvas_says_of_an_import_can_be_read_back(answer: dict[str, Any]) -> None:
    found = parse_import(answer)
    text = json.dumps(to_record(found), allow_nan=False)
    again = read(SisImport, parse(text))
    assert (again.id, again.workflow_state, again.counts) == (found.id, found.workflow_state, found.counts)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("id",), "../../20260101"),
        (("id",), "20260101-0000001"),
        (("id",), "20260101-000000-1"),
        (("retry_of",), "x"),
        (("drop_name",), "a/b"),
        (("drop_name",), ".."),
        (("drop_name",), ""),
        (("zip", "name"), "../import.zip"),
        (("zip", "name"), "/import.zip"),
        (("zip", "name"), "sub/import.zip"),
        (("zip", "name"), "C:import.zip"),
        (("zip", "name"), "..\\import.zip"),
        (("zip", "name"), "\\\\host\\share\\import.zip"),
        (("zip", "name"), "a\x1b]0;x.zip"),
        (("files", 0, "name"), "a/../../x.csv"),
        (("files", 0, "name"), "/x.csv"),
        (("files", 0, "name"), "c:\\x.csv"),
        (("files", 0, "name"), "a\0b.csv"),
        (("files", 0, "name"), "\udcff.csv"),
        (("files", 0, "size"), -1),
        (("files", 0, "size"), 2**63),
        (("files", 0, "mtime_ns"), 10**400),
        (("zip", "entries", 0, "name"), "../x.csv"),
        (("zip", "entries", 0, "rows"), -2),
        (("sis_import", "id"), 2**63),
        (("sis_import", "id"), -1),
        (("sis_import", "id"), True),
        (("strays",), [1, -1]),
        (("mark",), 1.5),
        (("claimed_at",), 253_402_300_800),
        (("claimed_at",), -1),
        (("steps",), [{"at": 1e300, "state": "claimed", "who": "", "reason": ""}]),
        (("target", "account_id"), "1"),
        (("approval", "remembered"), [["term"]]),
        (("sis_import", "counts"), {"users": "two"}),
    ],
)
def test_a_value_beyond_its_rule_is_named_by_its_place(place: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(RecordError) as caught:
        batch_from_record(changed(GOOD, place, value))
    named = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place[:1])[1:]
    assert str(caught.value).startswith(named)
    assert not value or repr(value).strip("'") not in str(caught.value)


def test_every_rule_is_about_a_field_that_there_is() -> None:
    assert all(name in {field.name for field in fields(kind)} for kind, name in RULES)


def test_the_names_of_files_that_are_in_use_are_taken() -> None:
    for name in ("users.csv", "deep/er/users.csv", "Schüler: Liste.csv", "a\\b.csv", "..csv", "x..y/z.csv"):
        record = changed(GOOD, ("files", 0, "name"), name)
        assert batch_from_record(record).files[0].name == name


def test_a_record_keeps_what_it_has_no_word_for_out_of_the_batch() -> None:
    assert batch_from_record(GOOD | {"later": "[" * 10}) == replace(full())


PLAN = {
    "schema": 1, "about": "b", "against": "", "dependants": {"section": None}, "diff_base": {}, "asked": ["x"],
    "notes": [], "unchanged": False, "verdict": "hold", "approval": {"at": "now", "who": "ada", "reason": "so"},
    "breakers": [{"breaker": "x", "kind": "", "by": "", "group": "", "message": "m"}],
    "gone": [{"by": "term", "group": "F26"}],
    "groups": [{"by": "term", "group": "F26", "kind": "course", "rows_before": 1, "removed": 1, "already_deleted": 0,
                "turned": 0}],
    "kinds": [{"kind": "section", "rows_before": 1, "rows_now": 1, "added": 1, "changed": 0, "removed": 0,
               "already_deleted": 0, "mode": "diffed", "reason": "", "rows_read": 1, "will_be_removed": 0,
               "turned": {"deleted": 1}, "added_ending": {}, "changed_columns": {"name": 2}, "duplicates_before": 0,
               "duplicates_now": 0, "columns_gained": [], "columns_lost": ["x"]}],
}  # fmt: skip


def read_back(folder: Path, found: Any) -> Any:
    archive = Archive(folder)
    place = archive.batch_folder("20260101-000000")
    place.mkdir(parents=True, exist_ok=True)
    (place / "plan.json").write_text(json.dumps(found))
    return archive.read_plan("20260101-000000")


@given(plan=mutated(PLAN))
@FEW
def test_a_plan_that_is_read_back_can_be_shown(tmp_path: Path, plan: Any) -> None:
    found = read_back(tmp_path, plan)
    if found is not None:
        assert plan_text.table(found)
        assert all(isinstance(each["by"] + each["group"], str) for each in found["gone"])


def test_a_plan_as_it_is_written_is_read(tmp_path: Path) -> None:
    assert read_back(tmp_path, PLAN) == PLAN
    assert read(PlanRecord, PLAN | {"later": 1}) == PLAN | {"later": 1}
    with pytest.raises(RecordError, match=r"gone\[0\].group is missing"):
        read(PlanRecord, PLAN | {"gone": [{"by": "term"}]})
