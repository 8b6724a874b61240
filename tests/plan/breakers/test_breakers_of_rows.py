"""Breakers that count what goes: in all, in a group, and groups that vanish as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.breaker_cases import BATCH, DIFFING, LAST_TERM, NOW, THE_REST, asking, ids, judged, kind, predicted
from support.golden import Golden

from canvas_sis_sync.plan.breakers.case import Case, gone_groups
from canvas_sis_sync.plan.breakers.limits import Limit
from canvas_sis_sync.plan.values import Changes, GroupChanges

# --- removals ---


@pytest.mark.parametrize(
    ("before", "removed", "limit", "trips"),
    [
        (1000, 100, Limit(percent=10), False),
        (1000, 101, Limit(percent=10), True),
        (1000, 23, Limit(percent=2.3), False),
        (1000, 24, Limit(percent=2.3), True),
        (249, 1, Limit(percent=0.4), True),
        (10**6, 5000, Limit(percent=10, count=5000), False),
        (10**6, 5001, Limit(percent=10, count=5000), True),
        (1000, 101, Limit(percent=10, count=5000), True),
        (1000, 1, Limit(count=0), True),
        (99, 99, Limit(percent=10), False),
        (100, 11, Limit(percent=10), True),
        (99, 6, Limit(count=5), True),
        (99, 1, Limit(percent=0), True),
        (99, 0, Limit(percent=0), False),
        (1000, 1000, Limit(percent=100), False),
        (1000, 1000, Limit(), False),
    ],
)
def test_more_than_the_limit_trips_and_exactly_the_limit_does_not(
    before: int, removed: int, limit: Limit, trips: bool
) -> None:
    tripped = judged(kind("user", before, removed=removed), limits={"user": limit})
    assert ids(tripped) == (["removals"] if trips else [])


def test_the_message_tells_how_much_of_what_and_which_setting(golden: Golden) -> None:
    (tripped,) = judged(kind("enrollment", 98_000, removed=4000, ended=20, turned={"completed": 140, "deleted": 2000}))
    golden(tripped.message)
    assert tripped.kind == "enrollment"
    (tripped,) = judged(kind("user", 50, removed=3), limits={"user": Limit(percent=2, count=2)})
    golden(tripped.message, "2")


def test_a_kind_without_a_limit_never_trips() -> None:
    assert not judged(kind("admin", removed=1000, rows_now=0, columns_lost=("role",)))


@pytest.mark.parametrize(
    ("case", "trips"),
    [
        (DIFFING, True),
        (asking(DIFFING, diffing_remaster_data_set="true"), False),
        (Case(now=NOW), False),
        (asking(DIFFING, skip_deletes="true"), False),
        (BATCH, False),
        (asking(BATCH, diffing_data_set_identifier="sis"), False),
        (replace(DIFFING, has_before=False), False),
    ],
)
def test_missing_rows_count_only_where_canvas_removes_them(case: Case, trips: bool) -> None:
    assert ("removals" in ids(judged(kind("user", removed=500), case=case))) is trips


@pytest.mark.parametrize("case", [DIFFING, asking(DIFFING, diffing_remaster_data_set="true"), Case(now=NOW), BATCH])
@pytest.mark.parametrize("word", ["deleted", "completed", "inactive"])
def test_rows_that_turn_count_always(case: Case, word: str) -> None:
    assert ids(judged(kind("user", turned={word: 21}), case=case)) == ["removals"]


def test_rows_that_turn_deleted_do_not_count_where_canvas_skips_them() -> None:
    case = asking(Case(now=NOW), skip_deletes="true")
    assert not judged(kind("user", turned={"deleted": 500}), case=case)
    assert ids(judged(kind("user", turned={"deleted": 500, "inactive": 21}), case=case)) == ["removals"]
    part = GroupChanges("term", "F31", "user", 500, turned=500)
    assert not judged(kind("user", turned={"deleted": 500}), case=case, groups=(part,))


def test_rows_that_were_deleted_before_are_no_loss() -> None:
    assert not judged(kind("user", removed=500, ended=480))
    assert judged(kind("user", removed=500, ended=479))


def test_the_prediction_counts_where_it_is_larger_because_the_base_is_another_one() -> None:
    assert ids(judged(kind("user", removed=1), prediction=predicted(user=500))) == ["removals"]
    assert ids(judged(kind("user", removed=500), prediction=predicted(user=1))) == ["removals"]


def test_with_skipped_deletes_only_the_prediction_knows_what_becomes_completed(golden: Golden) -> None:
    case = asking(DIFFING, skip_deletes="true")
    found = judged(kind("enrollment", removed=900), case=case, prediction=predicted(enrollment=101))
    assert ids(found) == ["removals"]
    golden(found[0].message)


def test_batch_mode_removes_what_is_predicted_in_its_scope() -> None:
    assert not judged(kind("course", removed=500), case=BATCH, prediction=predicted(course=100))
    assert ids(judged(kind("course", removed=500), case=BATCH, prediction=predicted(course=101))) == ["removals"]
    assert not judged(kind("user", removed=500), case=BATCH, prediction=predicted(user=500))


def test_batch_mode_removes_what_canvas_refuses(golden: Golden) -> None:
    refused = {"section": 101, "user": 900}
    (tripped,) = judged(kind("section"), kind("user"), case=replace(BATCH, refused=refused))
    assert (tripped.breaker, tripped.kind) == ("removals", "section")
    golden(tripped.message)
    assert not judged(kind("section"), kind("user"), case=replace(DIFFING, refused=refused))


def test_rows_refused_of_a_kind_that_had_none_are_told_without_a_percentage(golden: Golden) -> None:
    case = replace(BATCH, refused={"section": 5001})
    (tripped,) = judged(kind("section", 0, rows_now=9000), case=case)
    golden(tripped.message)


# --- groups ---


def school(name: str, before: int = 270, removed: int = 0, **values: Any) -> GroupChanges:
    return GroupChanges("account", name, "enrollment", before, removed, **values)


def test_one_broken_school_among_370_is_seen(golden: Golden) -> None:
    broken = school("S200", removed=200)
    others = [school(f"S{number}", removed=10) for number in range(370) if number != 200]
    total = kind("enrollment", 370 * 270, removed=200 + 369 * 10)
    (tripped,) = judged(total, groups=(*others, broken))
    assert (tripped.breaker, tripped.kind, tripped.by, tripped.group) == (
        "group-removals",
        "enrollment",
        "account",
        "S200",
    )
    golden(tripped.message)


def test_when_all_schools_are_broken_the_worst_dozen_is_named(golden: Golden) -> None:
    groups = tuple(school(f"S{number}", removed=100 + number % 100) for number in range(370))
    total = kind("enrollment", 10**7, removed=sum(part.removed for part in groups))
    tripped = judged(total, groups=groups, limits={"enrollment": Limit(percent=10)})
    assert len(tripped) == 13
    assert [each.group for each in tripped[:3]] == ["S99", "S199", "S299"]
    golden(tripped[12].message)
    assert (tripped[12].breaker, tripped[12].group) == ("group-removals", "")


@pytest.mark.parametrize(
    ("part", "trips"),
    [
        (school("S", 100, 10), False),
        (school("S", 100, 11), True),
        (school("S", 99, 98), False),
        (school("S", 1000, 101, ended=1), False),
        (school("S", 1000, 100, turned=1), True),
        (school("S", 10**6, 5001), True),
    ],
)
def test_a_group_has_the_limit_and_the_floor_of_its_kind(part: GroupChanges, trips: bool) -> None:
    total = kind("enrollment", 10**7, removed=part.removed, turned={"completed": part.turned})
    found = judged(total, groups=(part,), limits={"enrollment": Limit(percent=10, count=5000)})
    assert ("group-removals" in ids(found)) is trips


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("term", "in the courses that name no term;"),
        ("account", "in the courses that name no account;"),
        ("course", "in the rows that name no course;"),
    ],
)
def test_what_belongs_to_no_group_has_a_name(by: str, words: str) -> None:
    part = GroupChanges(by, "", "enrollment", 500, 400)
    (tripped,) = judged(kind("course"), kind("enrollment", 98_000, removed=400), groups=(part,))
    assert words in tripped.message


@pytest.mark.parametrize(("term", "trips"), [("F31", True), ("S31", False)])
def test_batch_mode_leaves_the_groups_of_other_terms_alone(term: str, trips: bool) -> None:
    part = GroupChanges("term", term, "enrollment", 500, 400, removed_by_term={term: 400})
    found = judged(
        kind("enrollment", 98_000, removed=400),
        case=BATCH,
        prediction=predicted(enrollment=400),
        groups=(part,),
    )
    assert ("group-removals" in ids(found)) is trips


@pytest.mark.parametrize(("term", "trips"), [("F31", True), ("S31", False)])
def test_batch_mode_for_several_terms_concerns_those_of_the_delivery(term: str, trips: bool) -> None:
    found = judged(
        kind("enrollment", 98_000, removed=400),
        case=asking(BATCH, multi_term_batch_mode="true", batch_mode_term_id=""),
        prediction=predicted(enrollment=400),
        groups=(GroupChanges("term", term, "enrollment", 500, 400, removed_by_term={term: 400}),),
        valid_terms=1,
        terms_now=frozenset({"F31"}),
    )
    assert ids(found) == ["group-removals"] * trips


def test_where_the_scope_cannot_be_told_every_group_counts() -> None:
    part = GroupChanges("term", "S31", "enrollment", 500, 400)
    found = judged(
        kind("enrollment", 98_000, removed=400),
        case=asking(BATCH, batch_mode_term_id="17"),
        prediction=predicted(enrollment=400),
        groups=(part,),
    )
    assert "group-removals" in ids(found)


# --- gone ---


def test_a_term_that_vanishes_is_told_apart_and_not_counted_in_the_total(golden: Golden) -> None:
    (tripped,) = judged(*THE_REST, groups=LAST_TERM, term_ends={"F30": "2031-12-19"})
    assert (tripped.breaker, tripped.by, tripped.group) == ("gone", "term", "F30")
    golden(tripped.message)


def test_what_is_missing_besides_still_counts(golden: Golden) -> None:
    rest = kind("enrollment", 98_000, removed=40_000 + 5001, ended=10)
    tripped = judged(rest, groups=LAST_TERM)
    assert ids(tripped) == ["gone", "removals"]
    golden(tripped[1].message)


@pytest.mark.parametrize(
    "text",
    [
        "2031-12-21T23:59:59Z",
        "2029-12-22 00:00",
        "2031-12-22",
        "2032-1-31",
        "",
        "2032-02-30",
        "Dec 19",
    ],
)
def test_it_is_told_whether_the_term_is_over(text: str, golden: Golden) -> None:
    (tripped,) = judged(*THE_REST, groups=LAST_TERM, term_ends={"F30": text})
    golden(tripped.message)


@pytest.mark.parametrize(("by", "name"), [("account", "SCHOOL-7"), ("course", "C1"), ("term", "")])
def test_other_groups_have_no_end(by: str, name: str, golden: Golden) -> None:
    groups = tuple(replace(part, by=by, name=name) for part in LAST_TERM)
    (tripped,) = judged(*THE_REST, groups=groups)
    assert tripped.breaker == "gone"
    golden(tripped.message)


def test_a_group_that_was_remembered_neither_trips_nor_counts() -> None:
    case = replace(DIFFING, remembered=frozenset({("term", "F30")}))
    assert not judged(*THE_REST, groups=LAST_TERM, case=case)
    assert gone_groups(Changes(groups=LAST_TERM)) == (("term", "F30"),)


def test_remembering_a_term_is_no_leave_for_an_account_of_that_name() -> None:
    case = replace(DIFFING, remembered=frozenset({("account", "F30")}))
    assert "gone" in ids(judged(*THE_REST, groups=LAST_TERM, case=case))


@pytest.mark.parametrize("case", [Case(now=NOW), asking(DIFFING, diffing_remaster_data_set="true"), BATCH])
def test_a_term_that_nobody_deletes_is_not_gone(case: Case) -> None:
    assert not judged(*THE_REST, groups=LAST_TERM, case=case, prediction=predicted(course=1))


def test_under_batch_mode_its_own_term_can_be_gone() -> None:
    found = judged(
        *THE_REST,
        case=asking(BATCH, batch_mode_term_id="sis_term_id:F30"),
        prediction=predicted(course=60, enrollment=39_990),
        groups=LAST_TERM,
        course_terms_before=frozenset({"F30", "F31"}),
    )
    assert ids(found) == ["gone"]


@pytest.mark.parametrize(
    "groups",
    [
        (LAST_TERM[0], replace(LAST_TERM[1], removed=39_999)),
        (GroupChanges("term", "F30", "course", 99, 99),),
        (GroupChanges("term", "F30", "course", 200, 200, ended=101),),
        (GroupChanges("term", "F31", "course", 200, 200),),
    ],
    ids=["a row is left", "fewer than 100 rows", "fewer than 100 that lived", "courses name the term"],
)
def test_what_is_not_gone(groups: tuple[GroupChanges, ...]) -> None:
    assert gone_groups(Changes(groups=groups, course_terms_now=frozenset({"F31"}))) == ()


def test_a_hundred_rows_are_enough_to_be_gone_and_the_largest_comes_first() -> None:
    small, large = (GroupChanges("term", name, "course", rows, rows) for name, rows in (("F29", 100), ("F30", 900)))
    found = judged(kind("course", 98_000, removed=1000), groups=(small, large))
    assert [(each.breaker, each.group) for each in found] == [("gone", "F30"), ("gone", "F29")]


def test_a_small_group_that_vanishes_counts_in_the_total() -> None:
    small = tuple(GroupChanges("term", f"T{number}", "course", 60, 60) for number in range(2))
    assert ids(judged(kind("course", removed=120), groups=small)) == ["removals"]


def test_a_breaker_that_is_off_does_not_hide_a_term_that_is_gone() -> None:
    assert ids(judged(*THE_REST, groups=LAST_TERM, limits={})) == ["gone"]
