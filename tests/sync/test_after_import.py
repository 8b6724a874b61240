"""After the import: what Canvas reports is held against the upper bounds of the plan, and an abort is explained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.batches import zipped
from support.golden import Golden
from support.homes import COURSES, Home
from support.sentences import listed

from canvas_sis_sync.canvas.records import SisImport, Taken, Target
from canvas_sis_sync.delivery.files import Entry
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.drops import DropKind
from canvas_sis_sync.home.stages import Assessed, Sending
from canvas_sis_sync.plan.breakers.limits import Limit
from canvas_sis_sync.plan.values import Basis, Planned
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync.outcome import Outcome, of

TARGET = Target("canvas.example.edu", 1)
DIFFED = {"diffing_data_set_identifier": "nightly"}
BASIS = Basis("0" * 64, DIFFED, TARGET, before="earlier", base_import=11)
BATCH = Batch(
    "2026-night",
    BatchState.IMPORTING,
    TARGET,
    "loose files",
    DropKind.LOOSE,
    0.0,
    zip=zipped(
        Entry("users.csv", 900, 0, kind="user", rows=1000), Entry("courses.csv", 500, 0, kind="course", rows=200)
    ),
    assessment=Assessed(planned=Planned({"user": 1000, "course": 200}, {"Enrollment": 3, "Course": 0})),
)
CLEAN = SisImport(12, "imported", supplied=("user", "course"), counts={"users": 1000, "courses": 200})
ABORTED = replace(CLEAN, workflow_state="aborted", ended_at="2031-01-02T03:04:05Z")
BY_CANVAS: dict[str, Any] = {"processing_warnings": ((None, "stopped"),)}
BY_TERM = {"batch_mode": True, "batch_mode_term_id": 4}


def end(final: SisImport = CLEAN, batch: Batch = BATCH) -> Outcome:
    return of(batch, final, Limit(), Taken())


def with_statistics(**words: Any) -> SisImport:
    return replace(CLEAN, statistics={"total_state_changes": 99, **words})


def test_what_stays_within_the_plan_is_accepted_in_silence() -> None:
    ended = end(with_statistics(Enrollment={"created": 50, "deleted": 1, "concluded": 1, "deactivated": 1}))

    assert (ended.state, ended.notes) == (BatchState.IMPORTED, ())


@pytest.mark.parametrize("planned", [None, Planned(), Planned({"no_such_kind": 0})])
def test_without_bounds_nothing_is_compared(planned: Planned | None) -> None:
    assert (
        end(with_statistics(Course={"deleted": 7}), replace(BATCH, assessment=Assessed(planned=planned))).state
        is BatchState.IMPORTED
    )


def test_more_rows_than_planned_are_not_accepted(golden: Golden) -> None:
    ended = end(replace(CLEAN, counts={"users": 1001, "courses": 200}))

    assert ended.state is BatchState.NOT_ACCEPTED
    golden(ended.reason)


@pytest.mark.parametrize("word", ["deleted", "concluded", "deactivated"])
def test_more_removals_than_planned_are_not_accepted(word: str, golden: Golden) -> None:
    ended = end(with_statistics(Enrollment={word: 4, "created": 1}))

    assert ended.state is BatchState.NOT_ACCEPTED
    golden(ended.reason)
    assert end(with_statistics(Enrollment={word: 3, "created": 90})).state is BatchState.IMPORTED


@pytest.mark.parametrize("odd", [None, 7, [], {"deleted": "many"}])
def test_statistics_without_numbers_break_nothing(odd: object) -> None:
    assert end(with_statistics(Enrollment=odd, Group={"deleted": 9})).state is BatchState.IMPORTED


@pytest.mark.parametrize(
    ("expected", "actual", "parameters", "accepted"),
    [
        (11, 11, DIFFED, True),
        (11, 10, DIFFED, False),
        (11, None, DIFFED, False),
        (None, 11, DIFFED, False),
        (None, None, DIFFED, True),
        (11, None, DIFFED | {"diffing_remaster_data_set": "true"}, True),
        (11, 11, DIFFED | {"diffing_remaster_data_set": "true"}, False),
        (None, None, {}, True),
    ],
)
def test_another_base_than_expected_is_not_accepted(
    expected: int | None, actual: int | None, parameters: dict[str, str], *, accepted: bool, golden: Golden
) -> None:
    assert BATCH.assessment is not None
    batch = replace(
        BATCH,
        assessment=replace(BATCH.assessment, basis=replace(BASIS, base_import=expected)),
        sending=Sending(parameters),
    )
    ended = end(replace(CLEAN, diffed_against=actual), batch)

    assert (ended.state is BatchState.IMPORTED) is accepted
    golden(ended.reason)


@pytest.mark.parametrize(
    ("planned", "actual", "accepted"),
    [(True, True, True), (None, True, True), (False, False, True), (False, True, False), (True, False, False)],
)
def test_a_threshold_is_held_against_the_plan(
    *, planned: bool | None, actual: bool, accepted: bool, golden: Golden
) -> None:
    batch = replace(
        BATCH, assessment=Assessed(basis=BASIS, planned=Planned(threshold=planned)), sending=Sending(DIFFED)
    )
    ended = end(replace(CLEAN, threshold_exceeded=actual, diffed_against=None if actual else 11), batch)

    assert (ended.state is BatchState.IMPORTED) is accepted
    golden(ended.reason)


@pytest.mark.parametrize(
    "otherwise",
    [{"diffed_against": 10}, {"diffed_against": None}, {"threshold_exceeded": True}],
    ids=["another base", "no base", "a threshold"],
)
def test_where_the_plan_was_made_for_something_else_only_that_is_told(
    otherwise: dict[str, Any], golden: Golden
) -> None:
    planned = Planned({"user": 10, "course": 0}, {"Enrollment": 0}, threshold=False)
    batch = replace(BATCH, assessment=Assessed(basis=BASIS, planned=planned), sending=Sending(DIFFED))
    final = with_statistics(Enrollment={"deleted": 300})
    bounds = end(replace(final, diffed_against=11), batch)
    only = end(replace(final, **otherwise), batch)

    assert bounds.state is only.state is BatchState.NOT_ACCEPTED
    golden(listed({"within the plan's base": bounds.reason, "with another base": only.reason}))
    assert ("300" in bounds.reason, "300" in only.reason) == (True, False)


@pytest.mark.parametrize(("users", "warnings", "missing"), [(1000, 0, 0), (1000, 4, 0), (988, 12, 12), (988, 2, 12)])
def test_a_shortfall_is_a_note(users: int, warnings: int, missing: int, golden: Golden) -> None:
    final = replace(CLEAN, workflow_state="imported_with_messages")
    ended = end(replace(final, counts={"users": users, "courses": 200, "warning_count": warnings}))

    assert (ended.state, len(ended.notes)) == (BatchState.IMPORTED_WITH_MESSAGES, 1 if missing else 0)
    for note in ended.notes:
        assert str(missing) in note
        golden(note)


@pytest.mark.parametrize(
    ("changes", "facts"),
    [
        pytest.param(
            BY_CANVAS | {"options": BY_TERM},
            ["1,200 of 1,200", "SIS_IMPORT_CHANGE_THRESHOLD (now 20)"],
            id="by threshold",
        ),
        pytest.param(
            BY_CANVAS | {"options": {"multi_term_batch_mode": True}}, ["1,200 of 1,200", "terms.csv"], id="no term"
        ),
        pytest.param({"ended_at": None, "counts": {"users": 300}}, ["300 of 1,200"], id="while it ran"),
        pytest.param(
            {"ended_at": None, "counts": {}, "supplied": None, "progress": 0}, ["0 of 1,200"], id="while it waited"
        ),
    ],
)
def test_an_abort_says_what_was_and_was_not_applied(changes: dict[str, Any], facts: list[str], golden: Golden) -> None:
    ended = end(replace(ABORTED, **changes), replace(BATCH, sending=Sending({"change_threshold": "20"})))

    assert ended.state is BatchState.ABORTED
    golden(ended.reason)
    assert [fact for fact in facts if fact not in ended.reason] == []


def test_the_note_about_refused_rows_lands_in_the_receipt(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    sandbox.add_fault("late-attachment=0")
    home.drop({"courses.csv": COURSES + ",C2,Course Two,active\n"})
    home.run()

    golden("\n".join(home.receipt()["batch"]["notes"]))


def test_a_breach_ends_the_run_with_4_and_tells_the_numbers(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    home.drop({"courses.csv": COURSES})
    with_planned(monkeypatch, Planned({"course": 0}))
    told = home.run()

    assert (told.result.outcome, told.result.exit_code) == ("not_accepted", 4)
    golden(told.message)


def with_planned(monkeypatch: pytest.MonkeyPatch, planned: Planned) -> None:
    """Let every batch have these bounds, whatever its plan says."""
    judged: Callable[..., Outcome] = of
    monkeypatch.setattr(
        "canvas_sis_sync.sync.outcome.of",
        lambda batch, *others: judged(replace(batch, assessment=replace(batch.assessment, planned=planned)), *others),
    )
