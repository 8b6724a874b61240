"""`sis-sync plan`: what a delivery would change, looked at where it lies, with nothing taken, written or sent."""

from __future__ import annotations

import csv
import getpass
import json
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.college import STUDENTS, college
from support.golden import Golden
from support.homes import COURSES, USERS, Home, fast_clock
from support.sentences import in_full

from canvas_sis_sync.cli._plan import PlanRequest, ShownPlan, plan
from canvas_sis_sync.errors import BadZipError, CanvasError, HomeError, UsageError
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync.assess import limits_in_force


def listing(home: Home) -> dict[Path, tuple[int, int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size, path.stat().st_ino) for path in home.folder.rglob("*")}


def look(home: Home, about: object = "", against: object = "", output: Path | None = None) -> ShownPlan:
    """Look at a plan, and hold it to changing nothing in the home."""
    before = listing(home)
    looked = plan(home.settings(), fast_clock(), PlanRequest(str(about), str(against), output))
    assert listing(home) == before
    home.outputs.append(looked.text)
    return looked


def kind(looked: ShownPlan, name: str) -> Any:
    return next(each for each in looked.as_json["kinds"] if each["kind"] == name)


def write(folder: Path, files: dict[str, str]) -> Path:
    """Write an export that is older than any drop."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
        os.utime(folder / name, (1_000_000_000, 1_000_000_000))
    return folder


@pytest.fixture
def sent(home: Home, sandbox: Sandbox) -> Batch:
    """Give the first delivery of a diffed data set, accepted."""
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="college")
    home.drop(college())
    assert home.run().result.outcome == "imported"
    return home.last()


@pytest.fixture
def held(home: Home, sent: Batch) -> Batch:
    """Give a truncated delivery, held."""
    home.drop(college(STUDENTS // 2))
    assert home.run().result.exit_code == 5
    assert home.last().state is BatchState.HELD
    return home.last()


def test_the_next_drop_is_looked_at_where_it_lies(home: Home, sandbox: Sandbox, golden: Golden, sent: Batch) -> None:
    home.drop(college(STUDENTS + 1), folder="tonight")
    looked = look(home)
    assert looked.exit_code == 0
    golden(looked.text)
    assert (kind(looked, "user")["added"], kind(looked, "user")["mode"]) == (1, "diffed")
    assert home.last() == sent


def test_the_held_batch_comes_before_the_next_drop(home: Home, sandbox: Sandbox, golden: Golden, held: Batch) -> None:
    home.drop({"users.csv": USERS})
    done = home.type("plan")
    assert (done.returncode, done.stderr) == (5, "")
    golden(done.stdout)
    assert home.last() == held
    found = json.loads(home.type("plan", "--json").stdout)
    assert (found["about"], found["verdict"], found["schema"]) == (held.id, "hold", 1)
    assert {each["kind"] for each in found["breakers"]} >= {"user", "enrollment"}


def test_an_approved_batch_is_still_the_next_with_who_approved_it(
    home: Home, sandbox: Sandbox, held: Batch, golden: Golden
) -> None:
    home.type("approve", held.id, "--reason", "known", "--yes")
    looked = look(home)
    assert (looked.exit_code, looked.as_json["about"], looked.as_json["verdict"]) == (0, held.id, "hold")
    approval = looked.as_json["approval"]
    assert (approval["who"], approval["reason"]) == (getpass.getuser(), "known")
    golden(looked.text.replace(f"Approved by {getpass.getuser()},", "Approved by WHO,"))
    assert home.run().result.outcome == "imported"
    assert look(home, held.id).as_json["approval"] == approval


def test_an_approval_for_something_else_is_told_to_become_void(
    home: Home, sandbox: Sandbox, held: Batch, golden: Golden
) -> None:
    home.type("approve", held.id, "--reason", "known", "--yes")
    home.configure(SIS_IMPORT_DIFFING_DROP_STATUS="inactive")
    looked = look(home)
    assert (looked.exit_code, looked.as_json["approval"]) == (5, None)
    golden(looked.text)
    sandbox.add_fault("get-500=100")
    assert look(home).as_json["approval"]["reason"] == "known"


def test_an_approval_for_another_canvas_is_told_to_become_void(
    home: Home, sandbox: Sandbox, held: Batch, golden: Golden
) -> None:
    home.type("approve", held.id, "--reason", "known", "--yes")
    home.configure(CANVAS_ACCOUNT_ID=sandbox.add_account())
    golden(look(home, held.id).text)


def test_a_batch_that_is_under_way_is_gone_on_with(home: Home, sandbox: Sandbox, held: Batch, golden: Golden) -> None:
    with home.journal_to_write() as journal:
        journal.move(held.released("assessed again"))
    golden(look(home).text)
    home.configure(SIS_SYNC_BREAKER_USER="off", SIS_SYNC_BREAKER_ENROLLMENT="off")
    golden(look(home).text, "2")


def test_a_hold_that_today_would_be_none_is_told_to_be_weighed_again(
    home: Home, sandbox: Sandbox, held: Batch, golden: Golden
) -> None:
    home.configure(SIS_SYNC_BREAKER_USER="off", SIS_SYNC_BREAKER_ENROLLMENT="off")
    looked = look(home)
    assert (looked.exit_code, looked.as_json["verdict"]) == (0, "go")
    golden(looked.text)
    assert held.id in looked.text
    assert home.run().result.outcome == "imported"


def test_a_hold_that_only_others_have_ended_is_approved_all_the_same(
    home: Home, sandbox: Sandbox, sent: Batch, golden: Golden
) -> None:
    home.configure(SIS_SYNC_CANARIES="user:s9999")
    home.drop(college(STUDENTS - 1))
    assert home.run().result.exit_code == 5
    held = home.last()
    with home.journal_to_write() as journal:
        limits = limits_in_force(replace(home.settings(), canaries=()))
        assert held.planned is not None
        journal.amend(held.planned_on(held.basis, limits, held.planned, held.notes))
    home.configure(SIS_SYNC_CANARIES="")
    looked = look(home)
    golden(looked.text)
    assert held.id in looked.text.splitlines()[-1]


def test_rows_are_counted_and_a_batch_that_is_over_has_none(
    home: Home, sandbox: Sandbox, held: Batch, sent: Batch, tmp_path: Path, golden: Golden
) -> None:
    looked = look(home, output=tmp_path / "rows")
    golden(looked.text)
    with pytest.raises(UsageError) as refused:
        look(home, sent.id, output=tmp_path / "none")
    golden(in_full(refused.value), "2")
    assert not (tmp_path / "none").exists()
    golden(look(home, sent.id, held.id, output=tmp_path / "none").text, "3")


def test_a_remaster_that_leaves_rows_behind_for_good_says_so(home: Home, sandbox: Sandbox, sent: Batch) -> None:
    home.drop(college(STUDENTS - 1))
    told = "2 rows are missing; a remaster does not remove them, and later deliveries will not either."
    assert told not in look(home).as_json["notes"]
    home.configure(SIS_IMPORT_DIFFING_REMASTER_DATA_SET="true")
    assert told in look(home).as_json["notes"]


def test_a_batch_that_is_over_shows_the_plan_it_had(
    home: Home, sandbox: Sandbox, held: Batch, sent: Batch, golden: Golden
) -> None:
    home.say("discard", held.id, "exported again")
    looked = look(home, held.id)
    assert (looked.exit_code, looked.as_json["about"]) == (5, held.id)
    assert "Next:" not in looked.text
    assert look(home, sent.id).as_json["against"] == ""
    (home.folder_of(sent) / "plan.json").unlink()
    with pytest.raises(UsageError) as caught:
        look(home, sent.id)
    golden(in_full(caught.value))


def test_a_path_is_a_csv_a_folder_or_a_zip(home: Home, sandbox: Sandbox, sent: Batch, tmp_path: Path) -> None:
    folder = write(tmp_path / "export", college(STUDENTS + 2))
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as packed:
        packed.write(folder / "users.csv", "users.csv")
    assert kind(look(home, folder), "enrollment")["added"] == 2
    for path in (folder / "users.csv", tmp_path / "export.zip"):
        looked = look(home, path)
        assert kind(looked, "user")["added"] == 2
        assert kind(looked, "enrollment")["mode"] == "absent"
        assert looked.as_json["about"] == str(path)


def test_it_compares_with_whatever_it_is_told_to(
    home: Home, sandbox: Sandbox, held: Batch, tmp_path: Path, golden: Golden
) -> None:
    folder = write(tmp_path / "export", college(STUDENTS // 2))
    looked = look(home, held.id, folder)
    assert (looked.as_json["against"], looked.as_json["verdict"]) == (str(folder), "go")
    assert kind(looked, "user")["removed"] == 0
    assert look(home, folder, held.id).as_json["against"] == f"batch {held.id}"
    sent = home.batches()[0]
    assert kind(look(home, sent.id, held.id), "user")["added"] == STUDENTS - STUDENTS // 2
    (home.folder_of(held) / "import.zip").unlink()
    with pytest.raises(UsageError) as caught:
        look(home, folder, held.id)
    golden(in_full(caught.value))
    with pytest.raises(HomeError):
        look(home, held.id)


def test_the_same_as_the_last_accepted_delivery_is_said_to_be_so(
    home: Home, sandbox: Sandbox, sent: Batch, golden: Golden
) -> None:
    home.drop(college())
    looked = look(home)
    assert looked.as_json["unchanged"]
    golden(looked.text)
    assert kind(looked, "user")["rows_now"] == STUDENTS
    other = college()
    other["users.csv"] = other["users.csv"].replace("Ada", "Ben", 1)
    home.drop(other)
    assert not look(home).as_json["unchanged"]
    assert home.run().result.outcome == "imported"


def test_the_rows_that_differ_are_written_for_their_owner(
    home: Home, sandbox: Sandbox, tmp_path: Path, golden: Golden
) -> None:
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="college")
    home.drop(college(password="very~secret"))
    home.run()
    now = college(STUDENTS + 1, password="very~secret")
    now["users.csv"] = now["users.csv"].replace("Ada,Example7,", "Zoe,Example7,").replace("s3,s3,", "s999,s999,")
    home.drop(now)
    rows = tmp_path / "rows"
    look(home, output=rows)

    def read(place: str) -> list[dict[str, str]]:
        with (rows / place).open(newline="") as file:
            return list(csv.DictReader(file))

    assert {row["user_id"] for row in read("user/added.csv")} == {f"s{STUDENTS}", "s999"}
    assert [(row["user_id"], row["first_name"]) for row in read("user/changed.csv")] == [("s7", "Zoe")]
    assert [row["user_id"] for row in read("user/removed.csv")] == ["s3"]
    assert [row["user_id"] for row in read("enrollment/added.csv")] == [f"s{STUDENTS}"]
    assert not (rows / "course").exists()
    for path in rows.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)
        assert path.is_dir() or "secret" not in path.read_text()
    with pytest.raises(UsageError) as caught:
        look(home, output=rows)
    golden(in_full(caught.value))
    with pytest.raises(UsageError) as caught:
        look(home, output=rows / "user" / "added.csv")
    golden(in_full(caught.value), "2")


def test_without_canvas_it_goes_by_the_last_accepted_batch_and_says_so(
    home: Home, sandbox: Sandbox, held: Batch, sent: Batch, golden: Golden
) -> None:
    sandbox.add_fault("get-500=100")
    looked = look(home)
    assert looked.exit_code == 5
    assert looked.as_json["against"].startswith(f"batch {sent.id}")
    golden(looked.text)


def test_an_account_that_was_never_resolved_is_told(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("get-500=100")
    home.drop()
    with pytest.raises(CanvasError):
        look(home)


def test_a_first_delivery_says_that_there_is_nothing_to_compare_with(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop()
    looked = look(home)
    golden(looked.text)
    assert (looked.exit_code, looked.as_json["against"]) == (0, "")
    assert not (home.archive / "journal.sqlite3").exists()


def test_in_batch_mode_rows_that_canvas_would_refuse_count_as_removed(home: Home, sandbox: Sandbox) -> None:
    home.drop(college())
    assert home.run().result.outcome == "imported"
    home.configure(SIS_IMPORT_BATCH_MODE="true", SIS_IMPORT_BATCH_MODE_TERM_ID="sis_term_id:F26")
    home.configure(SIS_IMPORT_CHANGE_THRESHOLD="100")
    home.drop(college(STUDENTS + 1))
    assert look(home).exit_code == 0
    broken = college()
    broken["enrollments.csv"] = broken["enrollments.csv"].replace(",student,", ",,", 60)
    home.drop(broken)
    looked = look(home)
    assert looked.exit_code == 3  # a run says no before it looks at what is missing
    assert "enrollment" in {each["kind"] for each in looked.as_json["breakers"]}


def test_what_is_not_there_is_told(home: Home, sandbox: Sandbox, tmp_path: Path, golden: Golden) -> None:
    with pytest.raises(UsageError) as caught:
        look(home)
    golden(in_full(caught.value))
    with pytest.raises(UsageError) as caught:
        look(home, "20200101-000000")
    golden(in_full(caught.value), "2")
    with pytest.raises(UsageError) as caught:
        look(home, write(tmp_path / "empty", {}))
    golden(in_full(caught.value), "3")
    (tmp_path / "half.zip").write_bytes(b"half")
    with pytest.raises(BadZipError):
        look(home, tmp_path / "half.zip")
    home.drop({"courses.csv": COURSES})
    with pytest.raises(UsageError) as caught:
        look(home, "", tmp_path / "nowhere")
    golden(in_full(caught.value), "4")


def test_a_batch_without_a_zip_has_no_plan(home: Home, sandbox: Sandbox, sent: Batch, golden: Golden) -> None:
    cut = Batch("20990101-000000", BatchState.HELD, sent.target, "night", sent.drop_kind, 0.0, reason="cut short.")
    with home.journal_to_write() as journal:
        journal.add(cut)
    with pytest.raises(UsageError) as caught:
        look(home, cut.id)
    golden(in_full(caught.value))
    home.drop({"courses.csv": COURSES}, folder="tonight")
    assert look(home).as_json["about"] == "tonight (inbox)"


def test_a_disk_that_cannot_be_written_to_is_told(home: Home, sandbox: Sandbox, sent: Batch, tmp_path: Path) -> None:
    home.drop(college(STUDENTS + 1))
    (tmp_path / "file").touch()
    with pytest.raises(HomeError):
        look(home, output=tmp_path / "file" / "rows")


def test_a_dry_run_shows_the_plan_and_says_whether_it_would_be_held(
    home: Home, sandbox: Sandbox, sent: Batch, golden: Golden
) -> None:
    home.drop(college(STUDENTS // 2))
    looked = home.type("run", "--dry-run")
    assert looked.returncode == 5
    golden(looked.stdout)
    shutil.rmtree(home.inbox)
    home.drop(college())
    looked = home.type("run", "--dry-run", "--json")
    told = json.loads(looked.stdout)
    assert (looked.returncode, told["outcome"], told["plan"]["unchanged"]) == (0, "unchanged", True)
    assert home.last() == sent


def test_a_limit_is_raised_for_one_run(home: Home, sandbox: Sandbox, sent: Batch) -> None:
    home.drop(college(STUDENTS - 30))
    assert home.type("run", "--dry-run", "--breaker", "enrollment=30%").returncode == 5
    raised = ("--breaker", "enrollment=30%", "--breaker", "user=30%")
    assert home.type("run", "--dry-run", *raised).returncode == 0
    assert home.type("run", "--dry-run", "--breaker", "user=off").returncode == 2
    assert "The part not given stays." in " ".join(home.type("run", "--help").stdout.split())
    assert home.type("run", *raised).returncode == 0
    assert home.last().state is BatchState.IMPORTED
    assert sandbox.count("enrollment") == STUDENTS - 30
    home.drop(college(STUDENTS - 60))
    assert home.run().result.exit_code == 5


def test_a_drop_that_cannot_be_read_is_told(home: Home, sandbox: Sandbox, sent: Batch) -> None:
    if os.geteuid() == 0:
        (home.inbox / "users.csv").mkdir()
        home.drop({"a.csv": USERS}, folder="users.csv")
        assert look(home).as_json["about"] == "users.csv (inbox)"
    else:
        home.drop()
        (home.inbox / "users.csv").chmod(0)
        with pytest.raises(HomeError):
            look(home)


def test_a_batch_that_is_held_for_something_else_is_not_told_to_be_approved(
    home: Home, sandbox: Sandbox, held: Batch, golden: Golden
) -> None:
    with home.journal_to_write() as journal:
        journal.amend(held.not_planned())
    last = look(home).text.splitlines()[-1]
    golden(last)
    assert held.id in last
