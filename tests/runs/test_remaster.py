"""Rows that Canvas refused are sent once more, whole, after the diffed import: when that is due, and once."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from zipfile import ZipFile

import pytest
import requests
from support.golden import Golden
from support.homes import TOKEN, Home
from support.rejected_rows import Entered, Unplugged, delivery, enrolled, later, remasters, send, unplug

from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.journal import Journal
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow


@pytest.fixture
def nightly(home: Home, sandbox: Sandbox) -> Home:
    """Give a home that diffs, and sends a remaster once a week."""
    sandbox.add_fault("late-attachment=0")
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="nightly", SIS_SYNC_REMASTER="every:7d")
    return home


def test_a_refused_enrollment_is_sent_again_with_everything_else(
    nightly: Home, sandbox: Sandbox, golden: Golden
) -> None:
    (first,) = send(nightly, delivery("u1", enrolled="u1 u9"))
    assert first.state is BatchState.IMPORTED_WITH_MESSAGES

    diffed, remaster = send(nightly, delivery("u1", "u9"), days=8)
    assert diffed.sis_import is not None
    assert diffed.sis_import.diffed_against == first.import_id
    assert (remaster.remaster_of, remaster.state) == (diffed.id, BatchState.IMPORTED)
    assert remaster.parameters["diffing_remaster_data_set"] == "true"
    assert remaster.zip.sha256 == diffed.zip.sha256
    assert enrolled(sandbox) == {"u1": "active", "u9": "active"}
    golden("\n".join(diffed.notes))
    assert any(remaster.id in note for note in diffed.notes)
    assert nightly.receipt(diffed)["batch"]["notes"] == list(diffed.notes)
    assert not list(nightly.folder_of(remaster).glob("files"))

    # The remaster is the base from then on.
    (next_one,) = send(nightly, delivery("u1", "u9", "u10"), days=8.1)
    assert next_one.sis_import is not None
    assert next_one.sis_import.diffed_against == remaster.import_id


@pytest.mark.slow
def test_by_default_nothing_is_sent_again(nightly: Home) -> None:
    nightly.configure(SIS_SYNC_REMASTER="")
    send(nightly, delivery("u1", enrolled="u1 u9"))
    send(nightly, delivery("u1", "u9"), days=8)

    assert remasters(nightly) == []


def test_a_student_removed_in_the_delivery_that_is_remastered_is_dropped(nightly: Home, sandbox: Sandbox) -> None:
    send(nightly, delivery("u1", "u2", enrolled="u1 u2 u9"))
    send(nightly, delivery("u1", "u2", "u9", enrolled="u1 u9"), days=8)

    assert len(remasters(nightly)) == 1
    assert enrolled(sandbox) == {"u1": "active", "u2": "deleted", "u9": "active"}


@pytest.mark.slow
def test_everything_is_sent_once_in_an_interval(nightly: Home) -> None:
    send(nightly, delivery("u1"))
    send(nightly, delivery("u1", "u2"), days=6.9)
    assert remasters(nightly) == []
    diffed, remaster = send(nightly, delivery("u1", "u2", "u3"), days=7.1)
    assert (remaster.remaster_of, remaster.state) == (diffed.id, BatchState.IMPORTED)
    send(nightly, delivery("u1", "u2"), days=14)
    assert len(remasters(nightly)) == 1
    send(nightly, delivery("u1"), days=14.2)
    assert len(remasters(nightly)) == 2


def test_the_interval_begins_when_a_batch_was_sent_not_when_it_was_claimed(nightly: Home) -> None:
    (first,) = send(nightly, delivery("u1"))
    assert first.sending is not None
    sent_at = first.sending.sent_at
    assert sent_at is not None
    assert first.claimed_at <= sent_at <= first.steps[-1].at
    assert nightly.receipt(first)["batch"]["sending"]["sent_at"] == sent_at
    with nightly.journal_to_write() as journal:  # as if somebody had approved it only after three days
        journal.amend(replace(first, claimed_at=first.claimed_at - 3 * 86400))

    send(nightly, delivery("u1", "u2"), days=6)
    assert remasters(nightly) == []


def test_a_remaster_never_takes_the_place_of_an_import_that_is_not_diffed(nightly: Home) -> None:
    send(nightly, delivery("u1"))
    nightly.configure(SIS_IMPORT_CHANGE_THRESHOLD=1)
    (whole,) = send(nightly, delivery("u1", "u2", "u3"), days=8)

    assert whole.sis_import is not None
    assert whole.sis_import.threshold_exceeded
    assert remasters(nightly) == []


@pytest.mark.slow
def test_what_was_not_accepted_is_not_sent_again(nightly: Home, sandbox: Sandbox) -> None:
    nightly.configure(SIS_IMPORT_OVERRIDE_SIS_STICKINESS="true")
    send(nightly, delivery("u1"))
    sandbox.add_fault("ignore-option=override_sis_stickiness")
    (diffed,) = send(nightly, delivery("u1", "u2"), days=8)

    assert (diffed.state, diffed.sis_import and diffed.sis_import.diffed_against) == (BatchState.NOT_ACCEPTED, 1)
    assert remasters(nightly) == []


@pytest.mark.slow
def test_what_another_delivery_has_followed_is_not_sent_again(nightly: Home, sandbox: Sandbox) -> None:
    send(nightly, delivery("u1", "u2"))
    sandbox.add_fault("errors-endpoint-fails")
    (diffed,) = send(nightly, delivery("u1", "u2", enrolled="u1 u2 u9"), days=8)
    (next_one,) = send(nightly, delivery("u1", "u2", enrolled="u1 u9 u8"), days=8.1)
    assert [batch.filed for batch in (diffed, next_one)] == [False, False]
    sandbox.clear_faults()
    nightly.run(clock=later(8.2))

    assert all(batch.filed for batch in nightly.batches())
    assert [batch.remaster_of for batch in remasters(nightly)] == [next_one.id]
    assert enrolled(sandbox) == {"u1": "active", "u2": "deleted"}


@pytest.mark.slow
def test_above_the_limit_of_refused_rows_somebody_decides_first(nightly: Home) -> None:
    nightly.configure(SIS_SYNC_MAX_ERROR_ROWS="0")
    send(nightly, delivery("u1"))
    (diffed,) = send(nightly, delivery("u1", enrolled="u1 u9"), days=8)

    assert diffed.over_limit
    assert remasters(nightly) == []


@pytest.mark.slow
@pytest.mark.parametrize("killed_at", ["entered", "before"])
def test_a_run_that_is_killed_decides_again_and_enters_one(
    nightly: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    send(nightly, delivery("u1", enrolled="u1 u9"))
    nightly.drop(delivery("u1", "u9"))
    a_week_later = later(8)
    if killed_at == "before":
        add = Journal.add

        def unplug_at_remaster(journal: Journal, batch: Batch, *, who: str = "run") -> Batch:
            if batch.remaster_of:
                raise Unplugged
            return add(journal, batch, who=who)

        monkeypatch.setattr(Journal, "add", unplug_at_remaster)
    with pytest.raises(Unplugged):
        nightly.run(show=Entered(unplug), clock=a_week_later)
    monkeypatch.undo()
    assert len(remasters(nightly)) == (1 if killed_at == "entered" else 0)

    for _ in range(2):
        nightly.run(clock=a_week_later)
    assert [batch.state for batch in remasters(nightly)] == [BatchState.IMPORTED]
    assert all(batch.filed for batch in nightly.batches())
    assert len(sandbox.imports) == 3
    assert enrolled(sandbox)["u9"] == "active"


@pytest.mark.slow
def test_one_look_at_a_time_sends_the_remaster_with_the_next(nightly: Home) -> None:
    send(nightly, delivery("u1", enrolled="u1 u9"))
    send(nightly, delivery("u1", "u9"), days=8, patient=False)
    for _ in range(10):
        nightly.run(patient=False, clock=later(8))

    assert [batch.state for batch in remasters(nightly)] == [BatchState.IMPORTED]


@pytest.mark.slow
def test_a_remaster_that_failed_is_retried_as_one(nightly: Home, sandbox: Sandbox) -> None:
    send(nightly, delivery("u1", enrolled="u1 u9"))
    nightly.drop(delivery("u1", "u9"))

    told = nightly.run(show=Entered(lambda: sandbox.add_fault("fail")), clock=later(8))
    assert told.result.exit_code == 4
    (failed,) = remasters(nightly)
    nightly.say("retry", failed.id, "mended")
    nightly.run(clock=later(8.1))
    retried = nightly.last()
    assert (retried.retry_of, retried.state) == (failed.id, BatchState.IMPORTED)
    assert retried.parameters["diffing_remaster_data_set"] == "true"


def test_the_plan_counts_the_rows_that_were_refused_since_the_last_import_of_everything(
    nightly: Home, golden: Golden
) -> None:
    def noted(batch: Batch) -> list[str]:
        notes: list[str] = json.loads(nightly.folder_of(batch).joinpath("plan.json").read_text())["notes"]
        return notes

    (whole,) = send(nightly, delivery("u1", "u2", enrolled="u1 u8 u9"))
    (second,) = send(nightly, delivery("u1", "u2", "u3", enrolled="u1 u8 u9 u7"))
    (third,) = send(nightly, delivery("u1", "u2", "u3", "u4", enrolled="u1 u8 u9 u7"))
    fourth, _ = send(nightly, delivery("u1", "u2", "u3", "u7", "u8", "u9", enrolled="u1 u8 u9 u7"), days=8)
    (fifth,) = send(nightly, delivery("u1", "u2", "u3", "u7", "u8", "u9"), days=8.1)

    golden([noted(batch) for batch in (whole, second, third, fourth, fifth)])


@pytest.fixture
def all_rejected(home: Home, sandbox: Sandbox) -> Batch:
    """Give the first batch of a data set, of which Canvas rejected every row, after its users have come."""
    sandbox.add_fault("late-attachment=0")
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="enrolled")
    (batch,) = send(home, {"enrollments.csv": delivery("u1", "u2")["enrollments.csv"]})
    assert batch.state is BatchState.NOT_ACCEPTED
    people = {name: text for name, text in delivery("u1", "u2").items() if name != "enrollments.csv"}
    deliver_otherwise(sandbox, people)
    return batch


def deliver_otherwise(sandbox: Sandbox, files: dict[str, str]) -> None:
    """Let another program import files."""
    content = io.BytesIO()
    with ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    url = f"{sandbox.url}/api/v1/accounts/1/sis_imports.json?extension=zip"
    requests.post(url, content.getvalue(), headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).raise_for_status()
    sandbox.wait_idle()


def test_a_retry_of_what_canvas_compares_with_is_sent_whole(
    home: Home, sandbox: Sandbox, all_rejected: Batch, golden: Golden
) -> None:
    golden(home.say("retry", all_rejected.id, "the users have come"))
    home.run()
    assert home.last().parameters["diffing_remaster_data_set"] == "true"
    assert enrolled(sandbox) == {"u1": "active", "u2": "active"}
    files = {"enrollments.csv": delivery("u1", "u2", "u3")["enrollments.csv"]}
    (next_one,) = send(home, files)
    assert "diffing_remaster_data_set" not in next_one.parameters


def test_rows_of_a_skipped_import_that_are_not_sent_again_are_counted(
    home: Home, sandbox: Sandbox, all_rejected: Batch, golden: Golden
) -> None:
    golden(home.say("skip", all_rejected.id, "the users come later"), "skip")
    home.drop({"enrollments.csv": delivery("u1", "u2")["enrollments.csv"]})
    golden(home.type("plan").stdout, "plan")
    home.run()
    home.drop({"enrollments.csv": delivery("u1", "u2")["enrollments.csv"]})
    assert home.type("run", "--param", "diffing_remaster_data_set=true").returncode == 0
    assert enrolled(sandbox) == {"u1": "active", "u2": "active"}


def test_rows_that_a_skipped_import_after_the_last_accepted_one_left_are_counted(
    nightly: Home, sandbox: Sandbox, golden: Golden
) -> None:
    nightly.configure(SIS_IMPORT_OVERRIDE_SIS_STICKINESS="true")
    send(nightly, delivery("u1"))
    sandbox.add_fault("ignore-option=override_sis_stickiness")
    (diffed,) = send(nightly, delivery("u1", enrolled="u1 u9"))
    assert (diffed.state, diffed.sis_import and diffed.sis_import.diffed_against) == (BatchState.NOT_ACCEPTED, 1)
    nightly.say("skip", diffed.id, "the user comes later")
    nightly.drop(delivery("u1", "u2", enrolled="u1 u9"))

    golden(nightly.type("plan").stdout)
