"""The arithmetic of breakers against a model that goes through the rows' fates one after the other."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from canvas_sis_sync import breaker
from canvas_sis_sync.model import Changes, Effect, GroupChanges, KindChanges, Mode, Prediction, Situation
from canvas_sis_sync.settings import Limit

KINDS = ("course", "enrollment", "group")
TERMS = ("", "F31", "S32")
SCOPE = "F31"
FATES = ("kept", "missing", "missing though deleted", "now deleted", "now completed")

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
    cells = st.tuples(st.sampled_from(KINDS), st.sampled_from(TERMS), st.sampled_from(FATES))
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
        for term in TERMS:
            here = {fate: rows[kind, term, fate] for fate in FATES}
            total.update(here)
            if sum(here.values()):
                removed = here["missing"] + here["missing though deleted"]
                turned = here["now deleted"] + here["now completed"]
                ended = here["missing though deleted"]
                groups.append(GroupChanges("term", term, kind, sum(here.values()), removed, ended, turned))
        kinds.append(
            KindChanges(
                kind,
                rows_before=total.total(),
                rows_now=total["kept"] + total["now deleted"] + total["now completed"],
                removed=total["missing"] + total["missing though deleted"],
                ended=total["missing though deleted"],
                turned={"deleted": total["now deleted"], "completed": total["now completed"]},
            )
        )
    return Changes(tuple(kinds), tuple(groups), course_terms_before=frozenset(TERMS))


def is_removed(world: World, kind: str, term: str, fate: str) -> bool:
    if fate == "now completed":
        return True
    if fate == "now deleted":
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
    return Prediction(tuple(Effect(kind, Mode.DIFFED, "", removed[kind]) for kind in KINDS))


def situation_of(world: World) -> Situation:
    return Situation(
        diffing=world.mode in {"diffing", "remaster"},
        remaster=world.mode == "remaster",
        batch_mode=world.mode == "batch",
        term=f"sis_term_id:{SCOPE}",
        skip_deletes=world.skip_deletes,
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
            fates[fate] += amount * (where == term)
        if fates["missing"] >= 100 and fates["missing"] + fates["missing though deleted"] == fates.total():
            gone.add(term)
    return gone


def expected(world: World) -> set[tuple[str, str, str]]:
    """Name (breaker, kind, group) of all that must trip."""
    gone = gone_of(world)
    found = set()
    for kind in KINDS:
        total = lost = 0
        for term in TERMS:
            here = {fate: world.rows[kind, term, fate] for fate in FATES}
            lost_here = sum(amount for fate, amount in here.items() if is_removed(world, kind, term, fate))
            total += sum(here.values())
            if term not in gone:
                lost += lost_here
                if too_many(world.limits[kind], lost_here, sum(here.values())):
                    found.add(("group-removals", kind, term))
            elif lost_here and ("term", term) not in world.remembered:
                found.add(("gone", "", term))
        lost += world.refused.get(kind, 0) if world.mode == "batch" and kind != "group" else 0
        if too_many(world.limits[kind], lost, total):
            found.add(("removals", kind, ""))
    return found


@settings(max_examples=300, deadline=None)
@given(worlds())
def test_what_trips_is_what_the_rows_say(world: World) -> None:
    tripped = breaker.judge(changes_of(world.rows), prediction_of(world), situation_of(world), world.limits)
    counted = {"removals", "group-removals", "gone"}
    found = [(each.breaker, each.kind, each.group) for each in tripped if each.breaker in counted]
    assert len(found) == len(set(found))
    if world.skip_deletes:
        # Groups do not tell which of their rows turned deleted, so more of them may trip, and none too few.
        found = [each for each in found if each[0] != "group-removals" or each in expected(world)]
    assert set(found) == expected(world)
    assert {("term", name) for name in gone_of(world)} == set(breaker.gone_groups(changes_of(world.rows)))


@settings(deadline=None)
@given(worlds(), st.sampled_from(KINDS), st.integers(0, 100), st.integers(0, 5000))
def test_a_raised_limit_never_makes_anything_trip(world: World, kind: str, percent: int, count: int) -> None:
    limit = world.limits[kind]
    raised = Limit(
        percent=None if limit.percent is None else min(limit.percent + percent, 100),
        count=None if limit.count is None else limit.count + count,
    )
    arguments = changes_of(world.rows), prediction_of(world), situation_of(world)
    before = breaker.judge(*arguments, world.limits)
    after = breaker.judge(*arguments, world.limits | {kind: raised})
    places = {(each.breaker, each.kind, each.group) for each in before}
    assert {(each.breaker, each.kind, each.group) for each in after} <= places


@settings(max_examples=50, deadline=None)
@given(worlds())
def test_a_remaster_and_a_plain_import_remove_nothing_by_omission(world: World) -> None:
    kept = defaultdict(int, {cell: rows for cell, rows in world.rows.items() if not cell[2].startswith("now")})
    for situation in (Situation(), Situation(diffing=True, remaster=True)):
        tripped = breaker.judge(changes_of(kept), Prediction(), situation, world.limits)
        assert not {each.breaker for each in tripped} & {"removals", "group-removals", "gone"}
