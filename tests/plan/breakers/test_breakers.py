"""Breakers about kinds, circumstances and batch mode: each trips when it must, not otherwise, and is documented."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.breaker_cases import BATCH, DIFFING, LAST_TERM, NOW, THE_REST, asking, ids, judged, kind
from support.golden import Golden

from canvas_sis_sync.plan.breakers.case import Case
from canvas_sis_sync.plan.breakers.limits import Limit
from canvas_sis_sync.plan.breakers.registry import BREAKERS, noticed
from canvas_sis_sync.plan.values import (
    Changes,
    Effect,
    GroupChanges,
    KindChanges,
    LostZeros,
    Mode,
    Prediction,
)

# --- the other breakers that look at kinds ---


@pytest.mark.parametrize("case", [DIFFING, Case(now=NOW)])
def test_a_changed_form_of_ids_is_seen(case: Case, golden: Golden) -> None:
    (tripped,) = judged(
        kind("user", 20_000, removed=10_001, added=10_001),
        case=case,
        limits={"user": Limit(percent=100)},
    )
    assert tripped.breaker == "new-keys"
    golden(tripped.message)


@pytest.mark.parametrize(
    "changes",
    [
        kind("user", 1000, removed=500, added=501),
        kind("user", 1000, removed=501, added=500),
        kind("user", 99, removed=99, added=99),
        kind("user", 1000, rows_now=4000, removed=501, added=2000),
    ],
)
def test_half_of_the_keys_or_few_rows_are_no_changed_form(changes: KindChanges) -> None:
    assert not judged(changes, limits={"user": Limit(percent=100)})


@pytest.mark.parametrize(
    ("count", "is_every", "holds"), [(3, False, True), (61, False, True), (1, True, True), (2, False, False)]
)
def test_ids_that_lost_their_zeros_are_held_or_noticed(count: int, is_every: bool, holds: bool, golden: Golden) -> None:
    lost = LostZeros(count, "000100", "100", is_every=is_every)
    changes = kind("user", removed=count, added=count, lost_zeros=lost)
    tripped = judged(changes, case=Case(now=NOW), limits={})
    assert ids(tripped) == (["lost-zeros"] if holds else [])
    said = [each.message for each in tripped] or list(noticed(Changes((changes,))))
    assert len(said) == 1
    golden(said[0])
    assert "000100" in said[0]
    assert list(noticed(Changes((changes,)))) == ([] if holds else said)


def test_repeated_keys_do_not_hide_a_changed_form() -> None:
    changes = kind("user", 2000, duplicates_before=1000, duplicates_now=1000, removed=501, added=501)
    assert ids(judged(changes, limits={"user": Limit(percent=100)})) == ["new-keys"]


def test_a_hundred_rows_are_enough_for_a_changed_form() -> None:
    found = judged(kind("user", 100, removed=100, added=100), limits={"user": Limit(percent=100)})
    assert ids(found) == ["new-keys"]


@pytest.mark.parametrize(("removed", "trips"), [(700, False), (701, True)])
def test_a_gone_term_is_set_aside_when_half_of_the_keys_are_looked_for(removed: int, trips: bool) -> None:
    gone = GroupChanges("term", "F30", "course", 400, 400)
    found = judged(
        kind("course", removed=removed, added=600), groups=(gone,), limits={"course": Limit(percent=100, count=5000)}
    )
    assert ids(found) == ["gone", *["new-keys"] * trips]


def test_a_new_term_for_a_gone_one_is_no_changed_form() -> None:
    course = kind("course", 1000, removed=1000, added=1000)
    gone = GroupChanges("term", "F30", "course", 1000, 1000)
    assert ids(judged(course, groups=(gone,))) == ["gone"]
    assert "new-keys" in ids(judged(course, groups=(replace(gone, name="F31"),)))


@pytest.mark.parametrize(
    ("in_now", "words"), [(True, "its file has a header and no row"), (False, "its file is missing or empty")]
)
def test_a_kind_that_had_rows_must_have_some(in_now: bool, words: str, golden: Golden) -> None:
    (tripped,) = judged(kind("login", 7, rows_now=0, in_now=in_now), case=Case(now=NOW))
    assert (tripped.breaker, tripped.kind) == ("empty", "login")
    golden(tripped.message)


def test_a_kind_that_had_none_or_has_one_is_not_empty() -> None:
    assert not judged(kind("login", 0), kind("user", 7, rows_now=1), kind("change_sis_id", 9, rows_now=0, in_now=False))


UNCOMPARED = Effect("enrollment", Mode.WHOLE, "its columns changed: notify is new", uncompared=True)


def test_missing_rows_must_not_escape_a_comparison_that_canvas_cannot_make(golden: Golden) -> None:
    changes = kind("enrollment", 98_000, removed=121, ended=1)
    (tripped,) = judged(changes, prediction=Prediction((UNCOMPARED,), base_import=12))
    assert (tripped.breaker, tripped.kind) == ("columns", "enrollment")
    golden(tripped.message)


def test_rows_are_not_held_both_for_their_removal_and_for_being_left(golden: Golden) -> None:
    """A failure means that a person reads of the same rows that Canvas would remove them, and that it never would."""
    changes = kind("enrollment", 98_000, removed=40_000)
    groups = (GroupChanges("term", "F31", "enrollment", 50_000, 40_000),)
    (tripped,) = judged(changes, groups=groups, prediction=Prediction((UNCOMPARED,), base_import=12))
    assert tripped.breaker == "columns"
    golden(tripped.message)


def test_of_several_files_those_that_are_compared_count_as_removals(golden: Golden) -> None:
    partly = Prediction((replace(UNCOMPARED, removed=30_000),), base_import=12)
    removals, columns = judged(kind("enrollment", 98_000, removed=40_000), prediction=partly)
    golden(removals.message)
    golden(columns.message, "2")
    (columns,) = judged(kind("enrollment", 98_000, removed=3), prediction=Prediction((replace(UNCOMPARED, removed=5),)))
    golden(columns.message, "3")


@pytest.mark.parametrize(
    ("changes", "case", "effect"),
    [
        (kind("enrollment", removed=1, ended=1), DIFFING, UNCOMPARED),
        (kind("enrollment", removed=1, columns_lost=("a",)), DIFFING, replace(UNCOMPARED, uncompared=False)),
        (kind("enrollment", removed=1), Case(now=NOW), UNCOMPARED),
        (kind("enrollment", removed=1), asking(DIFFING, diffing_remaster_data_set="true"), UNCOMPARED),
        (kind("admin", removed=1), DIFFING, replace(UNCOMPARED, kind="admin")),
        (kind("enrollment", removed=1), DIFFING, replace(UNCOMPARED, kind="section")),
    ],
    ids=["none missing", "compared", "no diffing", "remaster", "no limit", "another kind"],
)
def test_columns_and_files_may_change_while_nothing_is_kept_from_removal(
    changes: KindChanges, case: Case, effect: Effect
) -> None:
    assert not judged(changes, case=case, prediction=Prediction((effect,), base_import=12))


def test_a_breaker_that_is_off_is_silent_in_all_that_looks_at_its_kind() -> None:
    changes = (
        kind("enrollment", removed=1000, rows_now=0, added=1000),
        kind("user", removed=900, added=900, turned={"deleted": 1}),
    )
    groups = (GroupChanges("account", "S", "user", 500, 400),)
    arguments: dict[str, Any] = {"groups": groups, "prediction": Prediction((UNCOMPARED,))}
    assert {"removals", "group-removals", "new-keys", "empty", "columns"} == set(ids(judged(*changes, **arguments)))
    assert not judged(*changes, **arguments, limits={"enrollment": Limit(), "user": Limit()})


# --- circumstances ---


def test_a_canary_must_be_there(golden: Golden) -> None:
    tripped = judged(missing_canaries=("user:U001", "course:a:b"), limits={})
    assert [(each.breaker, each.kind) for each in tripped] == [("canary", "user"), ("canary", "course")]
    golden(tripped[0].message)


@pytest.mark.parametrize(
    ("before", "now", "trips"),
    [(NOW, NOW - 1, True), (NOW, NOW, False), (NOW, NOW + 1, False), (None, NOW, False), (NOW, None, False)],
)
def test_a_delivery_must_not_be_older_than_the_last(
    before: float | None, now: float | None, trips: bool, golden: Golden
) -> None:
    tripped = judged(case=Case(newest_before=before, newest_now=now), limits={})
    assert ids(tripped) == ["older"] * trips
    if trips:
        golden(tripped[0].message)
        assert "2031-12-22 02:59:59 UTC" in tripped[0].message


UNKNOWN = Prediction(base_import=4711, base_known=False)


@pytest.mark.parametrize(
    ("case", "trips"),
    [
        (DIFFING, True),
        (replace(DIFFING, has_before=False), True),
        (asking(DIFFING, diffing_remaster_data_set="true"), False),
        (asking(DIFFING, skip_deletes="true", diffing_drop_status="completed"), True),
        (asking(DIFFING, skip_deletes="true"), False),
        (Case(), False),
    ],
)
def test_a_base_of_unknown_content_holds_where_canvas_would_remove(case: Case, trips: bool, golden: Golden) -> None:
    tripped = judged(case=case, prediction=UNKNOWN)
    assert ids(tripped) == ["unknown-base"] * trips
    if trips:
        golden(tripped[0].message)
        assert "4711" in tripped[0].message


def test_a_known_base_holds_nothing() -> None:
    assert not judged(prediction=Prediction(base_import=4711))


@pytest.mark.parametrize(
    ("changes", "case", "trips"),
    [
        (kind("change_sis_id", 0, rows_now=1, in_before=False), DIFFING, True),
        (kind("change_sis_id", 0, rows_now=1, in_before=False), replace(DIFFING, has_before=False), True),
        (kind("change_sis_id", 1, rows_now=0, in_now=False), DIFFING, False),
        (kind("change_sis_id", 0, rows_now=1, in_before=False), Case(), False),
    ],
)
def test_changes_of_ids_are_not_for_diffing(changes: KindChanges, case: Case, trips: bool) -> None:
    assert ids(judged(changes, case=case)) == ["renames"] * trips


@pytest.mark.parametrize(("times", "trips"), [(2, False), (3, True)])
def test_three_refused_comparisons_in_a_row_hold(times: int, trips: bool, golden: Golden) -> None:
    tripped = judged(case=replace(DIFFING, thresholds_in_a_row=times))
    assert ids(tripped) == ["thresholds"] * trips
    assert not judged(case=asking(replace(DIFFING, thresholds_in_a_row=times), diffing_remaster_data_set="true"))
    if trips:
        golden(tripped[0].message)
        assert str(times) in tripped[0].message


# --- batch mode ---


def test_the_first_delivery_in_batch_mode_holds() -> None:
    assert ids(judged(case=replace(BATCH, has_before=False))) == ["first-in-batch-mode"]
    assert not judged(case=BATCH)
    assert not judged(case=replace(DIFFING, has_before=False))


@pytest.mark.parametrize(
    ("term", "trips"),
    [
        ("sis_term_id:F31", False),
        ("sis_term_id:f31", True),
        ("sis_term_id:F26", True),
        ("sis_integration_id:fall", False),
        ("sis_integration_id:spring", True),
        ("sis_integration_id:unknown", True),
        ("default", True),
        ("17", True),
        ("current", True),
        ("", True),
    ],
)
@pytest.mark.parametrize("side", ["course_terms_before", "course_terms_now"])
def test_the_term_of_batch_mode_must_have_a_course(term: str, trips: bool, side: str) -> None:
    nowhere: dict[str, Any] = {"course_terms_before": frozenset(), "course_terms_now": frozenset()}
    tripped = judged(
        case=asking(BATCH, batch_mode_term_id=term),
        limits={},
        term_integration_ids={"fall": "F31", "spring": "S31"},
        **(nowhere | {side: frozenset({"F31"})}),
    )
    assert ids(tripped) == ["batch-term"] * trips


def test_the_default_term_has_the_courses_that_name_none() -> None:
    case = asking(BATCH, batch_mode_term_id="default")
    assert not judged(case=case, course_terms_now=frozenset({""}))


def test_a_term_that_only_canvas_knows_is_told_how_to_write(golden: Golden) -> None:
    (tripped,) = judged(case=asking(BATCH, batch_mode_term_id="current"))
    golden(tripped.message)
    (tripped,) = judged(case=asking(BATCH, batch_mode_term_id="sis_term_id:F26"))
    golden(tripped.message, "2")


@pytest.mark.parametrize("name", ["course", "section", "enrollment"])
def test_in_batch_mode_a_header_alone_holds(name: str) -> None:
    bare = kind(name, 0)
    assert ids(judged(bare, case=BATCH, limits={})) == ["batch-empty"]
    assert not judged(replace(bare, in_now=False), case=BATCH, limits={})
    assert not judged(bare, case=DIFFING, limits={})
    assert not judged(kind("user", 0), case=BATCH, limits={})


def test_batch_mode_for_several_terms_needs_one() -> None:
    case = asking(Case(), batch_mode="true", multi_term_batch_mode="true")
    assert ids(judged(case=case, valid_terms=0)) == ["batch-terms"]
    assert not judged(case=case, valid_terms=1)
    assert not judged(case=asking(case, batch_mode=""), valid_terms=1)
    assert not judged(case=BATCH, valid_terms=0)


# --- all of them ---


def test_a_first_delivery_trips_only_what_needs_no_other() -> None:
    case = replace(DIFFING, has_before=False, newest_before=NOW, newest_now=0, thresholds_in_a_row=9)
    changes = kind("user", removed=900, added=900, turned={"deleted": 90})
    arguments = (changes, kind("login", rows_now=0), *THE_REST)
    known: dict[str, Any] = {"groups": LAST_TERM, "prediction": Prediction((replace(UNCOMPARED, kind="user"),))}
    assert not judged(*arguments, case=case, **known)
    found = judged(*arguments, case=replace(case, has_before=True), **known)
    assert set(ids(found)) == {"gone", "removals", "new-keys", "empty", "columns", "older", "thresholds"}


def test_what_trips_comes_in_the_order_of_the_registry() -> None:
    found = judged(kind("user", removed=900, rows_now=0), groups=LAST_TERM, missing_canaries=("user:U001",))
    order = [each.id for each in BREAKERS]
    assert ids(found) == sorted(ids(found), key=order.index)
    assert len(set(order)) == len(order)


def test_every_breaker_has_its_section() -> None:
    text = (Path(__file__).parents[3] / "docs" / "breakers.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## `(.+)`$", text, re.MULTILINE)
    assert sections == [*(each.id for each in BREAKERS), "before-lost", "approval"]
