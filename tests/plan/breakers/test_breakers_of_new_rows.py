"""Breakers and rows that come new with an ending status; groups in batch mode; losses that are told once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.breaker_cases import BATCH, DIFFING, NOW, asking, ids, judged, kind, predicted
from support.golden import Golden
from support.sentences import listed

from canvas_sis_sync.plan.breakers.case import Case
from canvas_sis_sync.plan.breakers.limits import Limit
from canvas_sis_sync.plan.values import GroupChanges

# --- rows that come ended ---


@pytest.mark.parametrize(
    "case",
    [DIFFING, asking(DIFFING, diffing_remaster_data_set="true"), Case(now=NOW), BATCH],
    ids=["diffing", "remaster", "rows only", "batch mode"],
)
def test_new_rows_that_end_something_count_always(case: Case, golden: Golden) -> None:
    messages = {}
    for word in ("deleted", "completed", "inactive"):
        (tripped,) = judged(kind("enrollment", added_ending={word: 101}), case=case)
        assert tripped.breaker == "removals"
        assert not judged(kind("enrollment", added_ending={word: 100}), case=case)
        messages[word] = tripped.message
        assert "101" in tripped.message
    golden(listed(messages))


def test_they_count_together_with_what_turned_and_what_is_missing(golden: Golden) -> None:
    found = kind("enrollment", removed=50, turned={"deleted": 50}, added_ending={"deleted": 1})
    golden(judged(found)[0].message)


def test_new_rows_that_are_deleted_do_not_count_where_canvas_skips_them() -> None:
    case = asking(Case(now=NOW), skip_deletes="true")
    assert not judged(kind("user", added_ending={"deleted": 500}), case=case)
    part = GroupChanges("term", "F31", "user", 500, turned=500)
    assert not judged(kind("user", added_ending={"deleted": 500}), case=case, groups=(part,))


def test_they_count_for_their_group() -> None:
    part = GroupChanges("term", "F31", "enrollment", 200, turned=21)
    (tripped,) = judged(kind("enrollment", added_ending={"deleted": 21}), groups=(part,))
    assert tripped.breaker == "group-removals"


# --- groups in batch mode ---


@pytest.mark.parametrize(("in_scope", "trips"), [(0, False), (20, False), (21, True)])
def test_of_a_school_only_what_is_in_the_scope_of_batch_mode_counts(in_scope: int, trips: bool) -> None:
    school = GroupChanges("account", "A1", "enrollment", 200, 150, removed_by_term={"S31": 150, "F31": in_scope})
    found = judged(
        kind("enrollment", 98_000, removed=400),
        case=BATCH,
        prediction=predicted(enrollment=400),
        groups=(school,),
    )
    assert ids(found) == ["group-removals"] * trips


def test_a_school_that_vanishes_outside_the_scope_is_not_gone() -> None:
    school = GroupChanges("account", "A1", "enrollment", 300, 300, removed_by_term={"S31": 300})
    arguments: dict[str, Any] = {"case": BATCH, "prediction": predicted(enrollment=120)}
    assert not judged(kind("enrollment", 98_000, removed=420), groups=(school,), **arguments)
    inside = replace(school, removed_by_term={"F31": 300})
    assert ids(judged(kind("enrollment", 98_000, removed=420), groups=(inside,), **arguments)) == ["gone"]


# --- losses that are told once, and in order ---


def test_a_group_that_is_all_of_its_kind_is_left_to_the_total() -> None:
    total = kind("enrollment", removed=400)
    only = GroupChanges("term", "F31", "enrollment", 1000, 400)
    assert ids(judged(total, groups=(only,))) == ["removals"]
    assert ids(judged(total, groups=(replace(only, rows_before=999),))) == ["removals", "group-removals"]
    assert ids(judged(total, groups=(replace(only, removed=399),))) == ["removals", "group-removals"]


def test_without_courses_it_is_said_why_schools_cannot_be_told_apart(golden: Golden) -> None:
    part = GroupChanges("account", "", "enrollment", 500, 400)
    (tripped,) = judged(kind("enrollment", 98_000, removed=400), groups=(part,))
    golden(tripped.message)


def test_a_single_row_is_one_row(golden: Golden) -> None:
    groups = tuple(GroupChanges("term", "F30", name, count, count) for name, count in (("course", 1), ("section", 200)))
    (tripped,) = judged(kind("course", removed=1), kind("section", 9000, removed=200), groups=groups)
    golden(tripped.message)


def test_what_explains_the_rest_comes_first() -> None:
    found = judged(
        kind("change_sis_id", 0, rows_now=1),
        kind("user", 1000, rows_now=0),
        case=replace(DIFFING, newest_before=NOW, newest_now=0, thresholds_in_a_row=3),
        missing_canaries=("user:U001",),
        limits={"user": Limit(percent=2)},
    )
    assert ids(found) == ["renames", "thresholds", "older", "canary", "empty"]
