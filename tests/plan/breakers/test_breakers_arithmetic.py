"""The arithmetic of breakers against a model that goes through the rows' fates one after the other."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from support.breaker_cases import DIFFING, asking

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.plan.breakers.case import Case, gone_groups
from canvas_sis_sync.plan.breakers.limits import Limit
from canvas_sis_sync.plan.breakers.registry import judge
from canvas_sis_sync.plan.values import Changes, Effect, GroupChanges, KindChanges, Mode, Prediction

KINDS = ("course", "enrollment", "group")
TERMS = ("", "F31", "S32")
SCOPE = "F31"
FATES = ("kept", "missing", "missing though deleted", "now deleted", "now completed")
ARRIVALS = ("new and deleted", "new and completed")

Rows = defaultdict[tuple[str, str, str], int]
"""Rows by kind, term and fate."""


@dataclass(frozen=True)
class World:
    rows: Rows
    limits: dict[str, Limit]
    mode: str
    skip_deletes: bool
    refused: dict[str, int]
    remembered: frozenset[tuple[str, str]]


def limits() -> st.SearchStrategy[Limit]:
    percents = st.sampled_from([None, 0, 0.5, 2.3, 10, 33.3, 50, 100])
    counts = st.sampled_from([None, 0, 1, 10, 100, 5000])
    return st.builds(Limit, percent=percents, count=counts)


def worlds() -> st.SearchStrategy[World]:
    cells = st.tuples(st.sampled_from(KINDS), st.sampled_from(TERMS), st.sampled_from(FATES + ARRIVALS))
    amounts = st.one_of(st.integers(1, 20), st.sampled_from([50, 99, 100, 101, 1000]))
    return st.builds(
        World,
        st.dictionaries(cells, amounts, max_size=12).map(lambda rows: defaultdict(int, rows)),
        st.fixed_dictionaries({kind: limits() for kind in KINDS}),
        st.sampled_from(["plain", "diffing", "remaster", "batch"]),
        st.booleans(),
        st.dictionaries(st.sampled_from(KINDS), st.integers(1, 30)),
        st.frozensets(st.tuples(st.just("term"), st.sampled_from(TERMS))),
    )


def changes_of(rows: Rows) -> Changes:
    kinds = []
    groups = []
    for kind in KINDS:
        total: Counter[str] = Counter()
        arrived: Counter[str] = Counter()
        for term in TERMS:
            here = {fate: rows[kind, term, fate] for fate in FATES}
            came = {fate: rows[kind, term, fate] for fate in ARRIVALS}
            total.update(here)
            arrived.update(came)
            if sum(here.values()):
                removed = here["missing"] + here["missing though deleted"]
                turned = here["now deleted"] + here["now completed"] + sum(came.values())
                ended = here["missing though deleted"]
                by_term = {} if kind == "group" else {term: here["missing"]}
                groups.append(GroupChanges("term", term, kind, sum(here.values()), removed, ended, turned, by_term))
        kinds.append(
            KindChanges(
                kind,
                rows_before=total.total(),
                rows_now=total["kept"] + total["now deleted"] + total["now completed"] + arrived.total(),
                added=arrived.total(),
                removed=total["missing"] + total["missing though deleted"],
                ended=total["missing though deleted"],
                turned={"deleted": total["now deleted"], "completed": total["now completed"]},
                added_ending={"deleted": arrived["new and deleted"], "completed": arrived["new and completed"]},
            )
        )
    return Changes(tuple(kinds), tuple(groups), course_terms_before=frozenset(TERMS))


def is_removed(world: World, kind: str, term: str, fate: str) -> bool:
    if fate.endswith("completed"):
        return True
    if fate in {"now deleted", "new and deleted"}:
        return not world.skip_deletes
    if fate != "missing":
        return False
    if world.mode == "batch":
        return kind != "group" and term == SCOPE
    return world.mode == "diffing" and not world.skip_deletes


def prediction_of(world: World) -> Prediction:
    removed: Counter[str] = Counter()
    for (kind, term, fate), amount in world.rows.items():
        if fate == "missing" and is_removed(world, kind, term, fate):
            removed[kind] += amount
    scope = frozenset({SCOPE}) if world.mode == "batch" else None
    return Prediction(tuple(Effect(kind, Mode.DIFFED, "", removed[kind]) for kind in KINDS), scope=scope)


MODES = {
    "plain": {},
    "diffing": DIFFING.options.parameters,
    "remaster": {**DIFFING.options.parameters, "diffing_remaster_data_set": "true"},
    "batch": {"batch_mode": "true", "batch_mode_term_id": f"sis_term_id:{SCOPE}"},
}


def case_of(world: World) -> Case:
    return Case(
        changes_of(world.rows),
        prediction_of(world),
        world.limits,
        ImportOptions({**MODES[world.mode], **({"skip_deletes": "true"} if world.skip_deletes else {})}),
        refused=world.refused,
        remembered=world.remembered,
    )


def too_many(limit: Limit, count: int, rows: int) -> bool:
    by_count = limit.count is not None and count > limit.count
    if limit.percent is None or (rows < 100 and limit.percent > 0):
        return by_count
    return by_count or (count > 0 and Fraction(count) > Fraction(str(limit.percent)) / 100 * rows)


def gone_of(world: World) -> set[str]:
    gone = set()
    for term in TERMS:
        fates: Counter[str] = Counter()
        for (_, where, fate), amount in world.rows.items():
            fates[fate] += amount * (where == term and fate in FATES)
        if fates["missing"] >= 100 and fates["missing"] + fates["missing though deleted"] == fates.total():
            gone.add(term)
    return gone


def expected(world: World) -> set[tuple[str, str, str]]:
    """Name (breaker, kind, group) of all that must trip."""
    gone = gone_of(world)
    found = set()
    for kind in KINDS:
        refused = world.refused.get(kind, 0) if world.mode == "batch" and kind != "group" else 0
        total, lost = sum(before_of(world, kind, term) for term in TERMS), refused
        for term in TERMS:
            missing, came = (lost_of(world, kind, term, fates) for fates in (FATES, ARRIVALS))
            lost += came if term in gone else missing + came
            if term in gone and missing and ("term", term) not in world.remembered:
                found.add(("gone", "", term))
        for term in {term for term in TERMS if before_of(world, kind, term)} - gone:
            here = lost_of(world, kind, term, FATES + ARRIVALS), before_of(world, kind, term)
            if here != (lost, total) and too_many(world.limits[kind], *here):
                found.add(("group-removals", kind, term))
        if too_many(world.limits[kind], lost, total):
            found.add(("removals", kind, ""))
    return found


def is_all(world: World, kind: str, term: str) -> bool:
    return all(not before_of(world, kind, other) for other in TERMS if other != term)


def before_of(world: World, kind: str, term: str) -> int:
    return sum(world.rows[kind, term, fate] for fate in FATES)


def lost_of(world: World, kind: str, term: str, fates: tuple[str, ...]) -> int:
    return sum(world.rows[kind, term, fate] for fate in fates if is_removed(world, kind, term, fate))


@settings(max_examples=100, deadline=None)
@given(worlds())
def test_what_trips_is_what_the_rows_say(world: World) -> None:
    tripped = judge(case_of(world))
    counted = {"removals", "group-removals", "gone"}
    found = [(each.breaker, each.kind, each.group) for each in tripped if each.breaker in counted]
    assert len(found) == len(set(found))
    wanted = expected(world)
    if world.skip_deletes:
        # Groups do not tell which of their rows turned deleted, so more of them may trip, and none too few but those
        # that may be all of their kind.
        found = [each for each in found if each[0] != "group-removals" or each in wanted]
        wanted -= {each for each in wanted - set(found) if each[0] == "group-removals" and is_all(world, *each[1:])}
    assert set(found) == wanted
    assert {("term", name) for name in gone_of(world)} == set(gone_groups(changes_of(world.rows)))


@settings(max_examples=40, deadline=None)
@given(worlds(), st.sampled_from(KINDS), st.integers(0, 100), st.integers(0, 5000))
def test_a_raised_limit_never_makes_anything_trip(world: World, kind: str, percent: int, count: int) -> None:
    limit = world.limits[kind]
    raised = Limit(
        percent=None if limit.percent is None else min(limit.percent + percent, 100),
        count=None if limit.count is None else limit.count + count,
    )
    case = case_of(world)
    before = judge(case)
    after = judge(replace(case, limits=world.limits | {kind: raised}))
    places = {(each.breaker, each.kind, each.group) for each in before}
    assert {(each.breaker, each.kind, each.group) for each in after} <= places


@settings(max_examples=50, deadline=None)
@given(worlds())
def test_a_remaster_and_a_plain_import_remove_nothing_by_omission(world: World) -> None:
    kept = defaultdict(int, {cell: rows for cell, rows in world.rows.items() if not cell[2].startswith(("now", "new"))})
    for case in (Case(), asking(DIFFING, diffing_remaster_data_set="true")):
        tripped = judge(replace(case, changes=changes_of(kept), limits=world.limits))
        assert not {each.breaker for each in tripped} & {"removals", "group-removals", "gone"}
