"""What nobody watches is reported when somebody can read it, and once: processes as cron starts them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.cron import Cron
from support.golden import Golden
from support.homes import COURSES, USERS, Home, Watching
from support.imports import HEAVY, modules_of

from canvas_sis_sync.canvas.records import ImportMessage
from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync._rejections import Rejection, counted, group_of, in_words

pytestmark = pytest.mark.slow

CANNOT_BE_READ = [">/dev/full 2>&1", ">&- 2>&-"]
STUDENTS = 91
ROWS = "course_id,user_id,role,section_id,status\n"


def as_cron_does(home: Home, streams: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run as a process without a terminal, with its streams as a shell redirects them."""
    program = [sys.executable, "-m", "canvas_sis_sync", "--home", str(home.folder), "run"]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {streams}', "sh", *program],
        env=os.environ | home.env, cwd=cwd, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    home.outputs += [done.stdout, done.stderr]
    assert "Traceback" not in done.stdout + done.stderr
    return done


@pytest.fixture(autouse=True)
def errors_at_once(sandbox: Sandbox) -> None:
    sandbox.add_fault("late-attachment=0")


@pytest.fixture
def cron(home: Home) -> Cron:
    return Cron(home)


# --- a message counts as reported when it was written -----------------------------------------------------------------


@pytest.mark.parametrize("streams", CANNOT_BE_READ)
def test_a_hold_that_nobody_could_read_is_reported_by_the_next_run(
    home: Home, sandbox: Sandbox, streams: str, golden: Golden
) -> None:
    sandbox.add_fault("fail")
    home.drop()
    assert as_cron_does(home, streams).returncode == 4
    told = as_cron_does(home)
    assert (told.returncode, told.stdout) == (5, "")
    golden(told.stderr)
    silent = as_cron_does(home)
    assert (silent.returncode, silent.stdout, silent.stderr) == (5, "", "")


@pytest.mark.parametrize(("streams", "carrier"), [("2>/dev/full", "stdout"), ("2>&-", "stdout"), (">&-", "stderr")])
def test_the_stream_that_still_takes_something_carries_the_message(
    home: Home, sandbox: Sandbox, streams: str, carrier: str, golden: Golden
) -> None:
    sandbox.add_fault("fail")
    home.drop()
    golden(getattr(as_cron_does(home, streams), carrier))
    assert as_cron_does(home).stderr == ""


def test_a_run_from_a_folder_that_is_gone_reports(home: Home, sandbox: Sandbox, tmp_path: Path, golden: Golden) -> None:
    sandbox.add_fault("fail")
    home.drop()
    gone = tmp_path / "gone"
    gone.mkdir()
    program = f"rmdir {gone}; exec {sys.executable} -m canvas_sis_sync --home {home.folder} run"
    package = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        ["sh", "-c", program],
        env=os.environ | home.env | package, cwd=gone, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 4
    golden(done.stderr)
    assert f"sis-sync --home {home.folder} " in done.stderr


def test_news_that_nobody_could_read_is_reported_by_a_run_without_work(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop(night())
    assert as_cron_does(home, ">/dev/full 2>&1").returncode == 0
    golden(as_cron_does(home).stdout)
    assert as_cron_does(home).stdout == ""


# --- rejected rows ----------------------------------------------------------------------------------------------------


def night(students: int = STUDENTS, enrolled: int = 100, courses: str = COURSES) -> dict[str, str]:
    """Give an export in which some students are enrolled that do not exist."""
    users = "".join(f"u{number},u{number},User {number},active\n" for number in range(students))
    return {
        "users.csv": f"user_id,login_id,full_name,status\n{users}",
        "courses.csv": courses,
        "enrollments.csv": ROWS + "".join(f"c1,u{number},student,,active\n" for number in range(enrolled)),
    }


def without_user(rows: int) -> str:
    return in_words({Rejection("enrollment", "user_id … leads to no user"): rows})


def test_rows_that_canvas_newly_rejects_are_reported_once_and_grouped(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop(night())
    first = as_cron_does(home)
    assert (first.returncode, first.stderr) == (0, "")
    golden(first.stdout)
    assert without_user(9) in first.stdout
    assert str(home.folder_of(home.last()) / "errors.csv") in first.stdout
    assert "u95" not in first.stdout
    home.drop(night() | {"courses.csv": COURSES.replace("One", "Two")})
    known = as_cron_does(home)
    assert (known.returncode, known.stdout, known.stderr) == (0, "", "")
    assert any(without_user(9) in note for note in home.receipt()["batch"]["notes"])
    assert (home.folder / "logs" / "sis-sync.log").read_text().count(without_user(9)) == 2


def test_known_rejected_rows_are_shown_to_a_person_who_watches(home: Home, sandbox: Sandbox) -> None:
    for enrolled in (100, 101):
        show = Watching()
        home.drop(night(enrolled=enrolled))
        home.run(show=show)
    assert any(without_user(10) in note for note in show.notes)


def test_each_newly_rejected_row_is_reported_and_no_known_one(cron: Cron, sandbox: Sandbox, golden: Golden) -> None:
    cron.home.configure(SIS_SYNC_MAX_ERROR_ROWS="off", SIS_SYNC_BREAKER_USER="off", SIS_SYNC_BREAKER_ENROLLMENT="off")
    said = []
    for files in (night(), night(enrolled=101), night(enrolled=150), night(courses=COURSES + ",,No id,active\n")):
        cron.home.drop(files)
        said.append(cron.run().news)
    assert [len(news) for news in said] == [1, 1, 1, 1]
    golden("\n".join(news[0] for news in said))
    assert "enrollment" not in said[3][0]


def test_a_kind_that_comes_every_other_night_is_compared_with_the_last_of_its_kind(
    cron: Cron, sandbox: Sandbox
) -> None:
    cron.home.configure(SIS_SYNC_BREAKER_ENROLLMENT="off", SIS_SYNC_MAX_ERROR_ROWS="off")
    files = night()
    said = []
    for names in (("users.csv", "courses.csv", "enrollments.csv"), ("users.csv",), ("enrollments.csv",)):
        cron.home.drop({name: files[name].replace("active\n", f"active{' ' * len(said)}\n", 1) for name in names})
        told = cron.run()
        if told.result.outcome == "held":
            cron.home.type("approve", cron.home.last().id, "--reason", "one kind a night", "--yes")
            told = cron.run()
        assert told.result.exit_code == 0, told.message
        said.append(told.news)
    assert [len(news) for news in said] == [1, 0, 0]


@pytest.mark.parametrize(
    ("message", "known_as"),
    [
        (
            "Neither course nor section existed for user enrollment (Course ID: C 1, Section ID: , User ID: U1)",
            "Neither course nor section existed for user enrollment (Course ID: …, Section ID: …, User ID: …)",
        ),
        ('Improper status "gone" for course c-17', "Improper status … for course …"),
        ("user_id 'O'Brien' leads to no user", "user_id … leads to no user"),
        ("Row 17:\n 3 errors", "Row …: … errors"),
        ("No name given", "No name given"),
    ],
)
def test_messages_that_differ_in_values_are_one_group(message: str, known_as: str) -> None:
    assert group_of(message) == known_as


def test_groups_are_of_kind_and_text_and_the_largest_are_named_first(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop(night())
    home.run()
    messages = [
        ImportMessage("enrollments.csv", f"user_id 'u{number}' leads to no user", number) for number in range(1_200)
    ]
    found = counted([*messages, ImportMessage(None, "No file of 3", None)], home.last().entries)
    golden(in_words(found), "two")
    many = {Rejection("user", f"bad {chr(97 + each)}"): 1 for each in range(7)}
    golden(in_words(many), "many")


def test_errors_csv_is_read_back_as_it_was_written(home: Home, sandbox: Sandbox) -> None:
    home.drop(night())
    home.run()
    messages = [ImportMessage("a.csv", '=cmd, "x"\nand more', 3), ImportMessage(None, "whole", None)]
    archive = Archive(home.archive)
    archive.write_errors(home.last(), messages)
    assert list(archive.messages(home.last().id)) == messages


# --- files that will never be sent -----------------------------------------------------------------------------------


def leave(home: Home) -> None:
    """Leave what a school has left in inboxes, as it looked five days ago."""
    (home.inbox / "student.export.text").write_text("user_id\tlogin_id\tstatus\nU1\tu1\tactive\n")
    (home.inbox / "users.txt").write_text(USERS)
    (home.inbox / "courses.csv").symlink_to("/etc/hostname")
    (home.inbox / "below").mkdir()
    (home.inbox / "below" / "grades.xlsx").write_bytes(b"PK")
    for path in home.inbox.glob("*.t*"):
        os.utime(path, (time.time() - 5 * 86_400,) * 2)


def test_files_that_will_never_be_sent_are_reported_once(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    leave(home)
    first = as_cron_does(home)
    assert (first.returncode, first.stderr) == (0, "")
    golden(first.stdout)
    assert [as_cron_does(home).stdout for _ in range(2)] == ["", ""]
    home.drop()
    assert as_cron_does(home).stdout == ""
    (home.inbox / "users.txt").unlink()
    assert as_cron_does(home).stdout == ""
    (home.inbox / "export.csv.gz").write_bytes(b"\x1f\x8b")
    assert "export.csv.gz" in as_cron_does(home).stdout


def test_what_is_still_being_written_is_not_reported_yet(cron: Cron, sandbox: Sandbox) -> None:
    cron.home.configure(SIS_SYNC_SETTLE_SECONDS=90)
    growing = cron.home.inbox / "users.csv.gz"
    said = []
    for size in (1, 2, 3, 3, 3):
        growing.write_bytes(b"x" * size)
        os.utime(growing, (size, size))
        said.append(bool(cron.run().news))
    assert said == [False, False, False, False, True]
    growing.write_bytes(b"and more")
    assert not cron.run().news


def test_files_left_beside_a_drop_and_during_a_hold_are_reported_too(cron: Cron, sandbox: Sandbox) -> None:
    leave(cron.home)
    cron.home.drop()
    assert "users.txt" in cron.run().text
    sandbox.add_fault("fail")
    cron.home.drop()
    (cron.home.inbox / "more.txt").write_text("x")
    told = cron.run()
    assert told.result.exit_code == 4
    assert "more.txt" in told.text
    assert cron.run().text == ""


def test_an_idle_tick_beside_reported_files_loads_nothing_that_only_work_needs(
    home: Home,
    sandbox: Sandbox,
    bare: set[str],
) -> None:
    leave(home)
    assert as_cron_does(home).stdout
    before = {path: path.stat().st_mtime_ns for path in home.folder.rglob("*")}
    loaded = modules_of(home, "--home", str(home.folder), "run")
    assert not (loaded - bare) & HEAVY
    assert {path: path.stat().st_mtime_ns for path in home.folder.rglob("*")} == before


def test_files_left_lying_need_no_canvas(home: Home, sandbox: Sandbox) -> None:
    leave(home)
    sandbox.add_fault("expired-token")
    done = as_cron_does(home)
    assert (done.returncode, "users.txt" in done.stdout) == (0, True)
    assert not sandbox.requests


# --- one trouble, whatever its numbers --------------------------------------------------------------------------------


def break_settings(home: Home, how: str) -> None:
    path = home.folder / ".env"
    if how == "a bad value":
        home.configure(SIS_SYNC_GATE="everybody")
    elif how == "a bad name":
        home.configure(SIS_SYNC_GATES="own")
    else:
        path.write_bytes(path.read_bytes() + b"\xff\n")


@pytest.mark.parametrize("how", ["a bad value", "a bad name", "no text"])
def test_settings_that_cannot_be_used_are_reported_once_until_they_are_repaired(
    home: Home, sandbox: Sandbox, how: str
) -> None:
    home.drop()
    assert as_cron_does(home).returncode == 0
    kept = (home.folder / ".env").read_bytes()
    for _ in range(2):
        break_settings(home, how)
        first = as_cron_does(home)
        assert (first.returncode, first.stdout) == (10, "")
        assert first.stderr.startswith("Error: ")
        assert [as_cron_does(home).stderr for _ in range(2)] == ["", ""]
        (home.folder / ".env").write_bytes(kept)
        assert as_cron_does(home).returncode == 0


def test_settings_are_reported_again_a_day_later_and_when_something_else_is_wrong(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    as_cron_does(home)
    break_settings(home, "a bad value")
    assert as_cron_does(home).stderr
    home.configure(SIS_SYNC_UPLOAD="by post")
    assert "SIS_SYNC_UPLOAD" in as_cron_does(home).stderr
    assert as_cron_does(home).stderr == ""
    home.query("UPDATE episode SET told_at = told_at - 86400")
    assert "SIS_SYNC_UPLOAD" in as_cron_does(home).stderr


def test_a_hold_is_not_reported_again_because_settings_were_broken_meanwhile(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop()
    assert as_cron_does(home).stderr
    kept = (home.folder / ".env").read_bytes()
    break_settings(home, "a bad value")
    assert as_cron_does(home).returncode == 10
    (home.folder / ".env").write_bytes(kept)
    assert as_cron_does(home).stderr == ""


def test_broken_settings_of_a_new_home_are_reported_once(home: Home, sandbox: Sandbox) -> None:
    break_settings(home, "a bad value")
    assert [bool(as_cron_does(home).stderr) for _ in range(3)] == [True, False, False]


@pytest.mark.parametrize("missing", ["inbox", "archive"])
def test_where_no_home_is_broken_settings_are_reported_each_time_and_no_journal_is_made(
    home: Home, sandbox: Sandbox, missing: str
) -> None:
    break_settings(home, "a bad value")
    shutil.rmtree(home.folder / missing)
    assert [bool(as_cron_does(home).stderr) for _ in range(2)] == [True, True]
    assert not list(home.folder.rglob("journal.sqlite3"))


@pytest.mark.parametrize("settings", ["good", "bad"])
def test_a_journal_without_content_is_lost_and_not_made_again(home: Home, sandbox: Sandbox, settings: str) -> None:
    home.drop()
    home.run()
    if settings == "bad":
        break_settings(home, "a bad value")
    (home.archive / "journal.sqlite3").write_bytes(b"")
    for _ in range(2):
        assert as_cron_does(home).stderr
        assert (home.archive / "journal.sqlite3").read_bytes() == b""


def test_a_program_that_asks_is_always_answered(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    home.run()
    break_settings(home, "a bad value")
    for _ in range(2):
        done = home.call("run", "--json")
        assert (done.returncode, '"exit_code": 10' in done.stdout) == (10, True)


def test_a_full_disk_is_one_trouble_however_much_is_free(
    cron: Cron, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = iter(range(5_000_000, 1_000_000, -1_000_000))

    def usage(_path: object) -> shutil._ntuple_diskusage:
        left = next(free)
        return shutil._ntuple_diskusage(10**12, 10**12 - left, left)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    cron.home.drop()
    runs = [cron.run() for _ in range(3)]
    assert ["5 MB" in runs[0].text, "3 MB" in runs[2].message] == [True, True]
    assert [told.notify for told in runs] == [True, False, False]


def test_holds_of_two_imports_are_two_troubles(cron: Cron, sandbox: Sandbox) -> None:
    told = []
    for _ in range(2):
        cron.home.drop()
        sandbox.add_fault("fail")
        told.append(cron.run().notify)
        cron.home.say("skip", cron.home.last().id, "known")
    assert told == [True, True]


def test_messages_about_a_file_without_its_repeated_lines_name_its_kind(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("deduplicate")
    rows = ["u0,student", "u1,student", *(f"u{number},student" for number in range(120)), "nobody,student"]
    home.drop(
        {
            "users.csv": "user_id,login_id,status\n" + "".join(f"u{n},u{n},active\n" for n in range(120)),
            "courses.csv": COURSES,
            "enrollments.csv": "course_id,user_id,role,status\n" + "".join(f"c1,{row},active\n" for row in rows),
        }
    )
    assert without_user(1) in as_cron_does(home).stdout
