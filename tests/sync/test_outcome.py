"""How Canvas's final states become the batch's, and what is not accepted although Canvas is content."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.batches import zipped
from support.golden import Golden

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.canvas.records import CANVAS_FINISHED, CANVAS_UNFINISHED, SisImport, Taken, Target
from canvas_sis_sync.delivery.files import Entry
from canvas_sis_sync.errors import NotFound, RequestRejected
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.drops import DropKind
from canvas_sis_sync.plan.breakers.limits import Limit
from canvas_sis_sync.sync.outcome import Outcome, first_messages, of, rejection

USERS = Entry("users.csv", 900, 0, kind="user", rows=1000)
COURSES = Entry("courses.csv", 500, 0, kind="course", rows=200)
BATCH = Batch(
    "2026-night",
    BatchState.IMPORTING,
    Target("canvas.example.edu", 1),
    "loose files",
    DropKind.LOOSE,
    0.0,
    zip=zipped(USERS, COURSES),
)
CLEAN = SisImport(12, "imported", supplied=("user", "course"), counts={"users": 1000, "courses": 200})


DEFAULT_LIMIT, NO_LIMIT, ALL_TAKEN = Limit(percent=10, floor=20), Limit(), Taken()


def end(
    final: SisImport = CLEAN,
    *,
    allowed: Limit = DEFAULT_LIMIT,
    taken: Taken = ALL_TAKEN,
    batch: Batch = BATCH,
) -> Outcome:
    return of(batch, final, allowed, taken)


def with_messages(warnings: int, **changes: Any) -> SisImport:
    counts = {"users": 1000 - warnings, "courses": 200, "error_count": 0, "warning_count": warnings}
    return replace(CLEAN, workflow_state="imported_with_messages", counts=counts, **changes)


@pytest.mark.parametrize("word", sorted(CANVAS_FINISHED - {"restored", "partially_restored", "restore_failed"}))
def test_each_end_of_canvas_is_an_end_of_the_batch(word: str, golden: Golden) -> None:
    outcome = end(replace(CLEAN, workflow_state=word))

    assert (outcome.state, outcome.over_limit) == (BatchState(word), False)
    golden(outcome.reason)


@pytest.mark.parametrize("word", [*sorted(CANVAS_UNFINISHED), "paused", ""])
def test_what_is_not_over_has_no_outcome(word: str) -> None:
    with pytest.raises(ValueError, match="not an end"):
        end(replace(CLEAN, workflow_state=word))


def test_success_is_told_in_rows(golden: Golden) -> None:
    golden(end().reason)
    golden(end(with_messages(3)).reason, "2")


def test_a_failure_gives_canvas_reason_shortened_to_one_line(golden: Golden) -> None:
    text = "undefined method\n  `foo'" + " x" * 500
    outcome = end(replace(CLEAN, workflow_state="failed", error_message=text))

    golden(outcome.reason)
    assert len(outcome.reason) < 400
    assert "\n" not in outcome.reason


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"supplied": None, "counts": {}, "progress": 0}, id="while it waited"),
        pytest.param({"progress": 50}, id="while it ran"),
        pytest.param(
            {
                "ended_at": "2026-11-02T02:00:00Z",
                "processing_warnings": ((None, "x"),),
                "options": {"batch_mode": True},
            },
            id="by change_threshold",
        ),
    ],
)
def test_aborted_says_by_whom_and_what_became_of_the_rows(changes: dict[str, Any], golden: Golden) -> None:
    outcome = end(replace(CLEAN, workflow_state="aborted", **changes))

    assert outcome.state is BatchState.ABORTED
    golden(outcome.reason)


@pytest.mark.parametrize("word", ["imported", "imported_with_messages"])
@pytest.mark.parametrize("counts", [{}, {"users": 0, "error_count": 0, "warning_count": 5, "batch_courses_deleted": 9}])
def test_no_row_processed_is_not_accepted(word: str, counts: dict[str, int], golden: Golden) -> None:
    nothing = replace(CLEAN, workflow_state=word, counts=counts)

    outcome = end(nothing, allowed=NO_LIMIT)
    assert outcome.state is BatchState.NOT_ACCEPTED
    golden(outcome.reason)
    assert end(replace(nothing, diffed_against=11), allowed=NO_LIMIT).state is BatchState(word)


def test_no_row_processed_is_fine_when_there_was_none() -> None:
    nothing = replace(CLEAN, counts={})
    empty = replace(BATCH, zip=zipped(replace(USERS, rows=0), replace(COURSES, rows=0)))
    uncounted = replace(BATCH, zip=zipped(replace(USERS, rows=0), replace(COURSES, rows=None)))

    assert end(nothing, batch=empty).state is BatchState.IMPORTED
    assert end(nothing, batch=uncounted).state is BatchState.NOT_ACCEPTED


@pytest.mark.parametrize("diffed_against", [None, 11])
def test_a_kind_that_canvas_did_not_recognise_is_not_accepted(diffed_against: int | None, golden: Golden) -> None:
    for supplied in (("course",), None):
        outcome = end(replace(CLEAN, supplied=supplied, diffed_against=diffed_against))
        assert outcome.state is BatchState.NOT_ACCEPTED
        golden(outcome.reason, "one-kind" if supplied else "no-kind")


def test_a_header_is_enough_to_be_supplied_and_nothing_is_not() -> None:
    header_only = replace(BATCH, zip=zipped(USERS, replace(COURSES, rows=0)))
    no_content = replace(BATCH, zip=zipped(USERS, replace(COURSES, size=0)))
    unrecognised = replace(BATCH, zip=zipped(USERS, replace(COURSES, kind=None)))
    final = replace(CLEAN, supplied=("user",))

    assert end(final, batch=header_only).state is BatchState.NOT_ACCEPTED
    assert end(final, batch=no_content).state is BatchState.IMPORTED
    assert end(final, batch=unrecognised).state is BatchState.IMPORTED


@pytest.mark.parametrize("taken", [Taken(dangerous=("A.",)), Taken(other=("A.",)), Taken(("A.",), ("B.",))])
def test_options_not_taken_are_not_accepted(taken: Taken) -> None:
    outcome = end(taken=taken)

    assert (outcome.state, outcome.reason) == (BatchState.NOT_ACCEPTED, " ".join((*taken.dangerous, *taken.other)))
    failed = end(replace(CLEAN, workflow_state="failed"), taken=taken)
    assert (failed.state, "A." in failed.reason) == (BatchState.FAILED, True)


@pytest.mark.parametrize("word", ["restored", "partially_restored", "restore_failed"])
def test_an_import_undone_meanwhile_counts_as_what_it_had_been(word: str, golden: Golden) -> None:
    clean, messages = replace(CLEAN, workflow_state=word), replace(with_messages(5), workflow_state=word)

    assert end(clean).state is BatchState.IMPORTED
    golden(end(clean).reason)
    assert end(messages).state is BatchState.IMPORTED_WITH_MESSAGES
    for sign in ({"processing_errors": ((None, "bad"),)}, {"counts": {"error_count": 1}}):
        assert end(replace(clean, **sign)).state is BatchState.FAILED_WITH_MESSAGES
    assert end(replace(clean, counts={})).state is BatchState.NOT_ACCEPTED


@pytest.mark.parametrize(
    ("allowed", "refused", "over"),
    [
        (DEFAULT_LIMIT, 120, False),
        (DEFAULT_LIMIT, 121, True),
        (Limit(count=5), 5, False),
        (Limit(count=5), 6, True),
        (Limit(percent=50, count=5), 6, True),
        (NO_LIMIT, 999, False),
    ],
)
def test_more_refused_rows_than_allowed_are_accepted_over_the_limit(
    allowed: Limit, refused: int, *, over: bool, golden: Golden
) -> None:
    outcome = end(with_messages(refused), allowed=allowed)

    assert (outcome.state, outcome.over_limit) == (BatchState.IMPORTED_WITH_MESSAGES, over)
    assert ("SIS_SYNC_MAX_ERROR_ROWS" in outcome.reason) == over
    golden(outcome.reason)


def test_messages_count_even_when_canvas_gives_no_totals(golden: Golden) -> None:
    listed = with_messages(0, processing_warnings=((None, "a"), (None, "b")), processing_errors=((None, "c"),))

    golden(end(replace(listed, counts={"users": 1, "courses": 1})).reason)
    totals = {"users": 1, "error_count": 4, "warning_count": 5}
    golden(end(replace(listed, counts=totals)).reason, "2")


def test_a_diffed_or_uncounted_delivery_is_measured_by_what_canvas_saw(golden: Golden) -> None:
    few = replace(CLEAN, workflow_state="imported_with_messages", counts={"users": 10, "warning_count": 30})
    uncounted = replace(BATCH, zip=zipped(USERS, replace(COURSES, rows=None)))

    assert not end(few).over_limit
    assert end(replace(few, diffed_against=11)).over_limit
    assert end(few, batch=uncounted).over_limit
    golden(end(few, batch=uncounted).reason)


def test_the_first_messages_are_failures_then_warnings_on_one_line_with_their_file() -> None:
    final = replace(
        CLEAN,
        processing_errors=((None, "archive\n unreadable"),),
        processing_warnings=(("users.csv", "a"), ("users.csv", "b" * 500), ("users.csv", "c")),
    )

    first, second, third = first_messages(final)
    assert (first, second) == ("archive unreadable", "users.csv: a")
    assert third.startswith("users.csv: bbb")
    assert (len(third), third[-3:]) == (300, "...")
    assert len(first_messages(final, n=10)) == 4
    assert first_messages(CLEAN) == ()


BATCH_MODE = {"batch_mode": "true", "batch_mode_term_id": "sis_term_id:2032S", "change_threshold": "10"}


def test_a_term_that_canvas_does_not_know_is_named_with_its_setting_and_the_way_out(golden: Golden) -> None:
    said = rejection(
        NotFound("canvas.example.edu refused to send the zip (404).", status=404), ImportOptions(BATCH_MODE)
    )
    golden(said)


@pytest.mark.parametrize(
    ("status", "parameters"),
    [(400, BATCH_MODE), (404, {}), (404, {"batch_mode": "false", "batch_mode_term_id": "7"}), (422, BATCH_MODE)],
)
def test_other_rejections_are_told_in_canvas_words_alone(status: int, parameters: dict[str, str]) -> None:
    assert rejection(RequestRejected("No.", status=status), ImportOptions(parameters)) == "No."
