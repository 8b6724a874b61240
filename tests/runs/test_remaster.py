"""Rows that Canvas refused are sent once more, whole, after the diffed import: when that is due, and once."""

from __future__ import annotations

import io
from dataclasses import replace
from zipfile import ZipFile

import pytest
import requests
from support.homes import TOKEN, Home, Watching, fast_clock
from support.rejected_rows import (
    ENROLLMENTS_HEADER,
    Entered,
    Unplugged,
    delivery,
    enrolled,
    later,
    remasters,
    send,
    unplug,
    waiting,
)

from canvas_sis_sync.canvas.records import ImportMessage
from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.batch_states import State
from canvas_sis_sync.progress import Silent
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync._waiting import take_stock, waiting_count
from canvas_sis_sync.sync.session import begin


@pytest.fixture
def nightly(home: Home, sandbox: Sandbox) -> Home:
    """Give a home that diffs, and sends a remaster when a row that was refused could be taken by now."""
    sandbox.add_fault("late-attachment=0")
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="nightly", SIS_SYNC_REMASTER="auto")
    return home


def rewrite_zip(home: Home, batch: Batch, files: dict[str, str]) -> None:
    """Put other contents into a batch's zip."""
    with ZipFile(home.folder_of(batch) / "import.zip", "w") as changed:
        for name, text in files.items():
            changed.writestr(name, text)


def test_a_refused_enrollment_is_sent_once_its_user_has_come(nightly: Home, sandbox: Sandbox) -> None:
    (first,) = send(nightly, delivery("u1", enrolled="u1 u9"))
    assert first.state is State.IMPORTED_WITH_MESSAGES
    (row,) = waiting(nightly)["rows"]
    assert row["missing"] == [["user", "u9"]]
    assert row["key"] == {"course_id": "c1", "user_id": "u9", "role": "student"}

    diffed, remaster = send(nightly, delivery("u1", "u9"))
    assert diffed.sis_import is not None
    assert diffed.sis_import.diffed_against == first.import_id
    assert (remaster.remaster_of, remaster.state) == (diffed.id, State.IMPORTED)
    assert remaster.parameters["diffing_remaster_data_set"] == "true"
    assert remaster.zip_sha256 == diffed.zip_sha256
    assert enrolled(sandbox) == {"u1": "active", "u9": "active"}
    assert waiting(nightly)["rows"] == []
    assert any(f"as batch {remaster.id}: rows that Canvas refused" in note for note in diffed.notes)
    assert nightly.receipt(diffed)["batch"]["notes"] == list(diffed.notes)
    assert not list(nightly.folder_of(remaster).glob("files"))

    # The remaster is the base from then on, and nothing waits any more.
    (next_one,) = send(nightly, delivery("u1", "u9", "u10"))
    assert next_one.sis_import is not None
    assert next_one.sis_import.diffed_against == remaster.import_id


@pytest.mark.slow
def test_a_row_that_waits_does_so_over_several_nights(nightly: Home, sandbox: Sandbox) -> None:
    send(nightly, delivery("u1", enrolled="u1 u9"))
    for users in ("u1 u2", "u1 u2 u3"):
        send(nightly, delivery(*users.split(), enrolled="u1 u9"))
        assert len(waiting(nightly)["rows"]) == 1
    assert remasters(nightly) == []
    send(nightly, delivery("u1", "u2", "u3", "u9", enrolled="u1 u9"))
    assert [batch.state for batch in remasters(nightly)] == [State.IMPORTED]
    assert enrolled(sandbox) == {"u1": "active", "u9": "active"}


def test_a_row_refused_in_a_diffed_import_is_found_by_its_place_in_the_difference(nightly: Home) -> None:
    send(nightly, delivery("u1", "u2", "u3"))
    (diffed,) = send(nightly, delivery("u1", "u2", "u3", enrolled="u1 u8 u2 u9 u3"))

    assert [row["key"]["user_id"] for row in waiting(nightly)["rows"]] == ["u8", "u9"]
    assert diffed.notes == () or all("not known" not in note for note in diffed.notes)
    assert nightly.folder_of(diffed).joinpath("waiting.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_a_row_that_left_or_changed_does_not_wait(nightly: Home) -> None:
    send(nightly, delivery("u1", enrolled="u1 u8 u9"))
    assert len(waiting(nightly)["rows"]) == 2
    send(nightly, delivery("u1", enrolled="u1 u9"))
    assert [row["key"]["user_id"] for row in waiting(nightly)["rows"]] == ["u9"]
    gone = delivery("u1", enrolled="u1 u9")
    gone["enrollments.csv"] = gone["enrollments.csv"].replace("u9,student,active", "u9,student,completed")
    send(nightly, gone)
    assert len(waiting(nightly)["rows"]) == 1  # sent again, and refused again
    send(nightly, gone | {"enrollments.csv": delivery("u1")["enrollments.csv"]})
    assert waiting(nightly)["rows"] == []


@pytest.mark.slow
def test_a_remaster_is_sent_once_a_day_at_most_and_what_is_ready_is_not_forgotten(
    nightly: Home, sandbox: Sandbox
) -> None:
    send(nightly, delivery("u1", enrolled="u1 u8 u9"))
    send(nightly, delivery("u1", "u8", enrolled="u1 u8 u9"))
    assert len(remasters(nightly)) == 1
    (diffed,) = send(nightly, delivery("u1", "u8", "u9"))
    assert any("less than a day ago" in note for note in diffed.notes)
    send(nightly, delivery("u1", "u8", "u9", "u10", enrolled="u1 u8 u9"), days=0.5)
    assert (len(remasters(nightly)), "u9" in enrolled(sandbox)) == (1, False)
    send(nightly, delivery("u1", "u8", "u9", "u11", enrolled="u1 u8 u9"), days=1.1)
    assert (len(remasters(nightly)), enrolled(sandbox)["u9"]) == (2, "active")


def test_a_student_removed_in_the_delivery_that_is_remastered_is_dropped(nightly: Home, sandbox: Sandbox) -> None:
    send(nightly, delivery("u1", "u2", enrolled="u1 u2 u9"))
    send(nightly, delivery("u1", "u2", "u9", enrolled="u1 u9"))

    assert len(remasters(nightly)) == 1
    assert enrolled(sandbox) == {"u1": "active", "u2": "deleted", "u9": "active"}


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["never", "every:7d"])
def test_without_auto_what_is_defined_by_now_asks_for_nothing(nightly: Home, setting: str) -> None:
    nightly.configure(SIS_SYNC_REMASTER=setting)
    send(nightly, delivery("u1", enrolled="u1 u9"))
    send(nightly, delivery("u1", "u9"))

    assert remasters(nightly) == []
    assert len(waiting(nightly)["rows"]) == 1


@pytest.mark.slow
def test_a_deleted_user_is_not_one_that_has_come(nightly: Home) -> None:
    send(nightly, delivery("u1", enrolled="u1 u9"))
    deleted = delivery("u1", enrolled="u1 u9")
    deleted["users.csv"] += "u9,u9,Ada,Example,deleted\n"
    send(nightly, deleted)

    assert remasters(nightly) == []


@pytest.mark.slow
def test_everything_is_sent_once_in_an_interval(nightly: Home) -> None:
    nightly.configure(SIS_SYNC_REMASTER="every:7d")
    send(nightly, delivery("u1"))
    send(nightly, delivery("u1", "u2"), days=6.9)
    assert remasters(nightly) == []
    diffed, remaster = send(nightly, delivery("u1", "u2", "u3"), days=7.1)
    assert (remaster.remaster_of, remaster.state) == (diffed.id, State.IMPORTED)
    send(nightly, delivery("u1", "u2"), days=14)
    assert len(remasters(nightly)) == 1
    send(nightly, delivery("u1"), days=14.2)
    assert len(remasters(nightly)) == 2


def test_a_remaster_never_takes_the_place_of_an_import_that_is_not_diffed(nightly: Home) -> None:
    nightly.configure(SIS_SYNC_REMASTER="every:7d")
    send(nightly, delivery("u1"))
    nightly.configure(SIS_IMPORT_CHANGE_THRESHOLD=1)
    (whole,) = send(nightly, delivery("u1", "u2", "u3"), days=8)

    assert whole.sis_import is not None
    assert whole.sis_import.threshold_exceeded
    assert remasters(nightly) == []


@pytest.mark.slow
def test_what_was_not_accepted_is_not_sent_again(nightly: Home, sandbox: Sandbox) -> None:
    nightly.configure(SIS_SYNC_REMASTER="every:7d", SIS_IMPORT_OVERRIDE_SIS_STICKINESS="true")
    send(nightly, delivery("u1"))
    sandbox.add_fault("ignore-option=override_sis_stickiness")
    (diffed,) = send(nightly, delivery("u1", "u2"), days=8)

    assert (diffed.state, diffed.sis_import and diffed.sis_import.diffed_against) == (State.NOT_ACCEPTED, 1)
    assert remasters(nightly) == []


@pytest.mark.slow
def test_what_another_delivery_has_followed_is_not_sent_again(nightly: Home, sandbox: Sandbox) -> None:
    nightly.configure(SIS_SYNC_REMASTER="every:7d")
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
    nightly.configure(SIS_SYNC_REMASTER="every:7d", SIS_SYNC_MAX_ERROR_ROWS="0")
    send(nightly, delivery("u1"))
    (diffed,) = send(nightly, delivery("u1", enrolled="u1 u9"), days=8)

    assert diffed.over_limit
    assert remasters(nightly) == []


def test_where_the_counts_differ_nothing_is_done_and_that_is_said(nightly: Home) -> None:
    (first,) = send(nightly, delivery("u1", enrolled="u1 u9"))
    other = delivery("u1", enrolled="u9")
    (diffed,) = send(
        nightly, delivery("u1", "u9", "u2"), show=Watching({"importing": lambda: rewrite_zip(nightly, first, other)})
    )

    assert remasters(nightly) == []
    assert any("enrollment: by our count 2 rows differ, but Canvas processed 1" in note for note in diffed.notes)
    assert any("No remaster is sent" in note for note in diffed.notes)
    assert len(waiting(nightly)["rows"]) == 1


@pytest.mark.parametrize("damage", ["missing", pytest.param("cut", marks=pytest.mark.slow), "malformed"])
def test_where_the_base_cannot_be_read_nothing_is_done_and_that_is_said(nightly: Home, damage: str) -> None:
    (first,) = send(nightly, delivery("u1", enrolled="u1 u9"))
    path = nightly.folder_of(first) / "import.zip"
    malformed = delivery("u1") | {"enrollments.csv": ENROLLMENTS_HEADER + 'c1,"u1" x,student,active\n'}
    do = {
        "missing": path.unlink,
        "cut": lambda: path.write_bytes(path.read_bytes()[:-20]),
        "malformed": lambda: rewrite_zip(nightly, first, malformed),
    }
    (diffed,) = send(nightly, delivery("u1", "u9", "u2"), show=Watching({"importing": do[damage]}))

    assert diffed.state is State.IMPORTED
    assert any("No remaster is sent" in note for note in diffed.notes)
    assert len(waiting(nightly)["rows"]) == 1


@pytest.mark.slow
def test_more_refused_rows_than_can_be_kept_track_of_are_said(nightly: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canvas_sis_sync.sync._waiting.MOST_WAITING", 1)
    (first,) = send(nightly, delivery("u1", enrolled="u1 u8"))
    (second,) = send(nightly, delivery("u1", enrolled="u1 u8 u9"))
    (third,) = send(nightly, delivery("u1", enrolled="u1 u8 u7 u6"))

    assert not any("track" in note for note in first.notes)
    assert any("Only the first 1 of 2 rows" in note for note in second.notes)
    assert any("Canvas refused 3 rows, too many" in note for note in third.notes)
    assert len(waiting(nightly)["rows"]) == 1


@pytest.mark.slow
def test_a_file_in_a_folder_is_known_by_its_base_name(nightly: Home) -> None:
    names = [f"u{number}" for number in range(60)]
    files = {f"night/{name}": text for name, text in delivery(*names, enrolled="u1 u99").items()}
    nightly.drop(files, folder="export")
    nightly.run()

    assert {row[0] for row in Archive(nightly.archive).refused_rows(nightly.last().id)} == {"enrollments.csv"}
    assert [row["key"]["user_id"] for row in waiting(nightly)["rows"]] == ["u99"]


def test_what_cannot_be_told_of_an_import_is_said(nightly: Home) -> None:
    send(nightly, delivery("u1", enrolled="u1 u9"))
    (batch,) = send(nightly, delivery("u1", "u2", enrolled="u1 u9"))
    assert batch.sis_import is not None
    with begin(nightly.settings(), Silent(), fast_clock(), patient=True) as context:
        foreign = take_stock(context, replace(batch, sis_import=replace(batch.sis_import, diffed_against=999)))
        late = take_stock(context, replace(batch, errors_complete=False))
        context.archive.write_errors(batch, [ImportMessage("elsewhere.csv", "no such user", 2)])
        strange = take_stock(context, batch)

    assert "import 999, which is none of this home's" in foreign.unknown[0]
    assert "no longer had all messages" in late.unknown[0]
    assert "about rows of elsewhere.csv" in strange.unknown[0]
    assert [len(each.rows) for each in (foreign, late, strange)] == [1, 1, 1]


def test_the_plan_is_told_how_many_rows_wait(nightly: Home) -> None:
    (batch,) = send(nightly, delivery("u1", enrolled="u1 u8 u9"))
    assert waiting_count(Archive(nightly.archive), batch) == 2
    assert waiting_count(Archive(nightly.archive), replace(batch, id="20310102-030405")) == 0


def test_without_the_list_of_the_delivery_before_nothing_is_done_and_that_is_said(nightly: Home) -> None:
    send(nightly, delivery("u1", enrolled="u1 u9"))
    path = nightly.folder_of(nightly.last()) / "waiting.json"
    path.write_text('{"rows": [{"kind": "no such kind"}]}')
    (diffed,) = send(nightly, delivery("u1", "u9"))

    assert any("Which rows waited after batch" in note for note in diffed.notes)
    assert remasters(nightly) == []


@pytest.mark.slow
@pytest.mark.parametrize("killed_at", ["entered", "before"])
def test_a_run_that_is_killed_decides_again_and_enters_one(
    nightly: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    send(nightly, delivery("u1", enrolled="u1 u9"))
    nightly.drop(delivery("u1", "u9"))
    if killed_at == "before":
        monkeypatch.setattr("canvas_sis_sync.sync._remaster._enter", unplug)
    with pytest.raises(Unplugged):
        nightly.run(show=Entered(unplug))
    monkeypatch.undo()
    assert len(remasters(nightly)) == (1 if killed_at == "entered" else 0)

    for _ in range(2):
        nightly.run()
    assert [batch.state for batch in remasters(nightly)] == [State.IMPORTED]
    assert all(batch.filed for batch in nightly.batches())
    assert len(sandbox.imports) == 3
    assert enrolled(sandbox)["u9"] == "active"


@pytest.mark.slow
def test_one_look_at_a_time_sends_the_remaster_with_the_next(nightly: Home) -> None:
    send(nightly, delivery("u1", enrolled="u1 u9"))
    send(nightly, delivery("u1", "u9"), patient=False)
    for _ in range(10):
        nightly.run(patient=False)

    assert [batch.state for batch in remasters(nightly)] == [State.IMPORTED]


@pytest.mark.slow
def test_a_remaster_that_failed_is_retried_as_one(nightly: Home, sandbox: Sandbox) -> None:
    send(nightly, delivery("u1", enrolled="u1 u9"))
    nightly.drop(delivery("u1", "u9"))

    told = nightly.run(show=Entered(lambda: sandbox.add_fault("fail")))
    assert told.result.exit_code == 4
    (failed,) = remasters(nightly)
    nightly.say("retry", failed.id, "mended")
    nightly.run()
    retried = nightly.last()
    assert (retried.retry_of, retried.state) == (failed.id, State.IMPORTED)
    assert retried.parameters["diffing_remaster_data_set"] == "true"


def test_a_home_that_does_not_diff_keeps_no_list(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("late-attachment=0")
    home.drop(delivery("u1", enrolled="u1 u9"))
    home.run()

    assert not (home.folder_of(home.last()) / "waiting.json").exists()


@pytest.fixture
def all_rejected(home: Home, sandbox: Sandbox) -> Batch:
    """Give the first batch of a data set, of which Canvas rejected every row, after its users have come."""
    sandbox.add_fault("late-attachment=0")
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="enrolled")
    (batch,) = send(home, {"enrollments.csv": delivery("u1", "u2")["enrollments.csv"]})
    assert batch.state is State.NOT_ACCEPTED
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


def test_a_retry_of_what_canvas_compares_with_is_sent_whole(home: Home, sandbox: Sandbox, all_rejected: Batch) -> None:
    said = home.say("retry", all_rejected.id, "the users have come")
    assert "sent whole, as a new base" in said
    home.run()
    assert home.last().parameters["diffing_remaster_data_set"] == "true"
    assert enrolled(sandbox) == {"u1": "active", "u2": "active"}
    files = {"enrollments.csv": delivery("u1", "u2", "u3")["enrollments.csv"]}
    (next_one,) = send(home, files)
    assert "diffing_remaster_data_set" not in next_one.parameters


def test_rows_of_a_skipped_import_that_are_not_sent_again_are_counted(
    home: Home, sandbox: Sandbox, all_rejected: Batch
) -> None:
    said = home.say("skip", all_rejected.id, "the users come later")
    assert "2 rows that Canvas rejected are not sent again" in said
    home.drop({"enrollments.csv": delivery("u1", "u2")["enrollments.csv"]})
    assert "2 rows that Canvas refused, unchanged since, are not sent again" in " ".join(
        home.type("plan").stdout.split()
    )
    home.run()
    assert len(waiting(home)["rows"]) == 2
    home.drop({"enrollments.csv": delivery("u1", "u2")["enrollments.csv"]})
    assert home.type("run", "--param", "diffing_remaster_data_set=true").returncode == 0
    assert enrolled(sandbox) == {"u1": "active", "u2": "active"}
    assert waiting(home)["rows"] == []
