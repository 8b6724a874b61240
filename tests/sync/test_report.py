"""Outcomes as text and as JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.batches import zipped
from support.golden import Golden

from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.delivery.files import Entry
from canvas_sis_sync.errors import HeldError, SyncError, TimeRanOut, UsageError
from canvas_sis_sync.home.batch import TRANSITIONS, Batch, BatchState
from canvas_sis_sync.home.drops import DropFile, DropKind
from canvas_sis_sync.home.stages import Assessed, Ending
from canvas_sis_sync.plan.values import Approval, Basis
from canvas_sis_sync.sync import report
from canvas_sis_sync.sync.decision import GateDecision, Verdict
from canvas_sis_sync.sync.next_steps import in_words, next_steps

TARGET = Target("canvas.example.edu", 7)
URL = "https://canvas.example.edu"
RECORD = SisImport(
    12,
    "imported_with_messages",
    counts={"users": 1_234, "courses": 0, "error_count": 1, "warning_count": 2, "batch_courses_deleted": 3},
    processing_warnings=(("users.csv", "one"),),
)
BATCH = Batch(
    "20260102-030405",
    BatchState.IMPORTED_WITH_MESSAGES,
    TARGET,
    "night",
    DropKind.FOLDER,
    0.0,
    files=(DropFile("users.csv", 10, 1, "1:1"),),
    zip=zipped(Entry("users.csv", 10, 1, "user", 1_500), Entry("other.csv", 5, 1), size=2_500_000),
    sis_import=RECORD,
    reason="because",
)


def messages(record: SisImport) -> list[str]:
    return [f"{file}: {text}" for file, text in record.processing_warnings]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_599, "59 min"),
        (3_600, "1 h 0 min"),
        (172_799, "47 h 59 min"),
        (172_800, "2 days"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert report.age(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_000, "1.0 kB"), (2_500_000, "2.5 MB"), (3_000_000_000, "3.0 GB")],
)
def test_sizes_read_well(count: int, text: str) -> None:
    assert report.size(count) == text


def test_times_and_rows_and_pages() -> None:
    assert report.moment(None) is None
    assert report.moment(1_767_322_096.9) == "2026-01-02T02:48:16Z"
    assert (report.rows(None), report.rows(1_500)) == ("rows not counted", "1,500 rows")
    assert report.import_page(TARGET, URL) == "https://canvas.example.edu/accounts/7/sis_import"
    assert report.import_page(TARGET, "") == "https://canvas.example.edu/accounts/7/sis_import"


def test_a_batch_that_ended_well_is_one_line(golden: Golden) -> None:
    golden(report.summary(BATCH))
    assert "2.5 MB" in report.summary(BATCH)
    quiet = replace(BATCH, zip=zipped(*BATCH.entries[:1], size=2_500_000), sis_import=None)
    golden(report.summary(quiet), "quiet")


def test_a_batch_that_needs_somebody_is_told_in_four_parts(golden: Golden) -> None:
    failed = replace(BATCH, state=BatchState.FAILED)
    golden(report.batch_message(failed, URL, messages, "Two drops wait."))


@pytest.mark.parametrize(
    ("state", "record"),
    [
        (BatchState.REFUSED, None),
        (BatchState.SENDING, None),
        (BatchState.FAILED, SisImport(12, "failed")),
        (BatchState.IMPORTED, SisImport(12, "imported")),
    ],
    ids=["refused", "sending", "failed", "imported"],
)
def test_what_canvas_has_is_never_promised_beyond_what_is_known(
    state: BatchState, record: SisImport | None, golden: Golden
) -> None:
    golden(report.batch_message(replace(BATCH, state=state, sis_import=record), URL, messages))


@pytest.mark.parametrize("state", BatchState)
def test_the_next_command_is_one_that_the_state_allows(state: BatchState) -> None:
    text = in_words(next_steps(replace(BATCH, state=state)))
    words = {"skip": BatchState.SKIPPED, "discard": BatchState.DISCARDED, "retry": BatchState.RETRIED}
    named = {word for word in words if f"sis-sync {word} " in text}
    assert all(words[word] in TRANSITIONS[state] for word in named)
    assert named or "sis-sync run" in text


def test_a_batch_that_its_plan_holds_is_looked_at_and_approved_or_passed_over() -> None:
    basis = Basis("ab", {}, BATCH.target)
    text = in_words(next_steps(replace(BATCH, state=BatchState.HELD, assessment=Assessed(basis=basis))))
    for word in ("plan", "approve", "discard"):
        assert f"`sis-sync {word} {BATCH.id}" in text
    assert "approve" not in in_words(next_steps(replace(BATCH, state=BatchState.HELD)))


@pytest.mark.parametrize(
    ("reason", "ending"), [("gone", "gone."), ("gone.", "gone."), ("older?", "older?"), ("!", "!")]
)
def test_a_sentence_that_has_an_end_gets_no_other(reason: str, ending: str, golden: Golden) -> None:
    first = report.batch_message(replace(BATCH, state=BatchState.FAILED, reason=reason), URL, messages).splitlines()[0]
    golden(first)
    assert first.endswith(f" {ending}")


def test_what_vanishes_whole_can_be_remembered() -> None:
    held = replace(BATCH, state=BatchState.HELD, assessment=Assessed(basis=Basis("ab", {}, BATCH.target)))
    assert "--remember" in report.batch_message(held, URL, messages, gone=True)
    assert "--remember" not in report.batch_message(held, URL, messages)


def test_an_approval_is_told_to_programs() -> None:
    approval = Approval(Basis("ab", {}, BATCH.target), "ada", 0.0, "the term is over")
    told = report.batch_json(replace(BATCH, approval=approval, notes=("a note",)))
    assert told is not None
    assert told["approval"] == {"at": "1970-01-01T00:00:00Z", "who": "ada", "reason": "the term is over"}
    assert told["notes"] == ["a note"]


def test_too_many_messages_lead_to_errors_csv_and_skip(golden: Golden) -> None:
    text = in_words(next_steps(replace(BATCH, ending=Ending(over_limit=True))))
    golden(text)
    assert "archive/2026/01/20260102-030405/errors.csv" in text


def test_a_trouble_is_told_with_the_batch_that_it_left_open(golden: Golden) -> None:
    trouble = TimeRanOut("Time ran out.", "Wait.", details=["A detail."])
    sending = replace(BATCH, state=BatchState.IMPORTING)
    golden(report.trouble_message(trouble, sending, URL, messages))
    assert report.trouble_message(SyncError("Alone."), None, URL, messages) == "Alone."


def test_the_objects_have_their_keys_even_for_nothing() -> None:
    assert (report.batch_json(None), report.import_json(None), report.gate_json(None)) == (None, None, None)
    found = report.batch_json(BATCH)
    assert found is not None
    assert found["files"] == [
        {"name": "users.csv", "kind": "user", "rows": 1_500, "bytes": 10},
        {"name": "other.csv", "kind": None, "rows": None, "bytes": 5},
    ]
    assert found["zip"] == {"bytes": 2_500_000, "sha256": "ab"}
    assert report.gate_json(GateDecision(Verdict.WAIT, "why")) == {"verdict": "wait", "reason": "why"}
    assert report.error_json(UsageError("What.", "Then.")) == {
        "schema": 1,
        "error": "What.",
        "hint": "Then.",
        "exit_code": 2,
    }


@pytest.mark.parametrize(
    ("outcome", "batches", "about", "trouble", "gate"),
    [
        ("idle", (), None, None, None),
        ("imported", (BATCH,), None, None, "go"),
        ("failed", (BATCH,), BATCH, None, "hold"),
        ("held", (), None, HeldError("Held."), "hold"),
        ("held", (), BATCH, HeldError("Held."), "hold"),
        ("waiting", (), BATCH, TimeRanOut("Late."), "wait"),
    ],
)
def test_the_object_of_a_run_has_its_keys(
    outcome: str, batches: tuple[Batch, ...], about: Batch | None, trouble: SyncError | None, gate: str | None
) -> None:
    found = report.run_json(outcome, batches, about, trouble, "text")
    assert list(found) == ["schema", "outcome", "batches", "batch", "import", "gate", "message"]
    assert found["outcome"] == outcome
    assert len(found["batches"]) == len(batches)
    assert (found["batch"] is None) is (not batches and about is None)
    assert (found["gate"] or {"verdict": None})["verdict"] == gate
