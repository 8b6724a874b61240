"""`sis-sync check` and `rules`: sets of files judged from paths and the inbox, as text, JSON and a spreadsheet."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from support.golden import Golden
from support.homes import COURSES, ENROLLMENTS, USERS, Home
from support.sentences import in_full

from canvas_sis_sync.check.options import MOST_PLACES
from canvas_sis_sync.check.registry import RULES
from canvas_sis_sync.cli import _check as command
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.errors import HomeError, SettingsError, UsageError
from canvas_sis_sync.progress import Silent
from canvas_sis_sync.sandbox.sandbox import Sandbox

WRONG_USERS = USERS + ",u3,Cy,Example,active\nu4,u4,Di,Example,gone\n"
KEYS = {"schema", "ok", "files", "findings", "counts", "summary", "refused_rows"}


def look(home: Home, *paths: Path, **asked: Any) -> command.Checked:
    return command.check(home.settings(), command.CheckRequest(paths, **asked), Silent(), Clock())


def test_each_drop_of_the_inbox_is_judged_as_a_set_of_its_own(home: Home, golden: Golden) -> None:
    home.drop({"users.csv": USERS})
    home.drop({"enrollments.csv": ENROLLMENTS}, folder="later")
    checked = look(home)
    assert checked.exit_code == 0
    golden(checked.text)
    assert checked.report.counts["enrollment-user-unknown"] >= 1
    assert sorted(path.name for path in home.inbox.iterdir()) == ["later", "users.csv"]


def test_files_that_a_run_would_hold_are_named_in_the_last_line(home: Home, golden: Golden) -> None:
    home.drop({"users.csv": USERS, "people.csv": USERS.replace("Ben", "Bob")})
    checked = look(home)
    assert checked.exit_code == 0
    last = checked.text.splitlines()[-1]
    golden(last)
    assert home.run().result.exit_code == 5


def test_what_a_run_would_refuse_is_not_said_to_be_held(home: Home, golden: Golden) -> None:
    home.drop({"users.csv": USERS, "people.csv": USERS.replace("Ben", "Bob")})
    checked = look(home, refuse_on="warning")
    assert checked.exit_code == 3
    golden(checked.text)


def test_paths_are_one_set_whatever_they_are(home: Home, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "users.csv").write_text(USERS)
    (tmp_path / "enrollments.csv").write_text(ENROLLMENTS)
    with zipfile.ZipFile(tmp_path / "ready.zip", "w") as packed:
        packed.writestr("courses.csv", COURSES)
        packed.writestr("readme.txt", "x")
    checked = look(home, tmp_path / "set", tmp_path / "enrollments.csv", tmp_path / "ready.zip", complete=True)
    assert not {"enrollment-user-unknown", "enrollment-course-unknown"} & checked.report.counts.keys()
    assert checked.report.counts["file-unknown-type"] == 1
    assert {file.name for file in checked.report.files} >= {"users.csv", "enrollments.csv", "courses.csv"}


def test_json_has_the_promised_keys_and_text_the_first_places(home: Home, tmp_path: Path, golden: Golden) -> None:
    (tmp_path / "users.csv").write_text(WRONG_USERS + ",x,X,X,active\n" * 5)
    checked = look(home, tmp_path / "users.csv")
    shown = json.loads(json.dumps(checked.as_json))
    assert shown.keys() == KEYS
    assert shown["files"] == [{"file": "users.csv", "kind": "user", "rows": 9}]
    assert shown["counts"]["user-id-blank"] == 6
    assert {
        "rule": "user-status-bad",
        "severity": "error",
        "file": "users.csv",
        "row": 5,
        "column": "status",
    }.items() <= (next(found for found in shown["findings"] if found["rule"] == "user-status-bad").items())
    assert shown["summary"]["error"] == 7
    assert checked.text.count("user_id is blank") == command.PLACES_SHOWN
    golden(checked.text)


@pytest.mark.parametrize(
    ("refuse_on", "content", "code"),
    [
        ("fatal", WRONG_USERS, 0),
        ("fatal", "a,b\n1,2\n", 3),
        ("fatal,40%", WRONG_USERS, 3),
        ("fatal,60%", WRONG_USERS, 0),
        ("error", WRONG_USERS, 3),
        ("warning", "course_id,short_name,long_name,status,integration_id\nc1,C,C,active,\n", 3),
        ("never", "a,b\n1,2\n", 0),
    ],
)
def test_check_refuses_exactly_what_run_refuses(
    home: Home, sandbox: Sandbox, refuse_on: str, content: str, code: int
) -> None:
    home.configure(SIS_SYNC_REFUSE_ON=refuse_on)
    home.drop({"some.csv": content})
    assert look(home).exit_code == code
    told = home.run()
    assert (told.result.exit_code == 3) == (code == 3)
    assert (told.result.outcome == "refused") == (code == 3)
    assert len(sandbox.imports) == (0 if code else 1)


NO_STATUS = "course_id,user_id,role,section_id\n" + "".join(f"C1,U{number},student,\n" for number in range(30))
ROSTER = "School_id,Section_id,Teacher_id,Name,Grade,Course_name\nX1,711,1,Homeroom,1,Homeroom\n"


@pytest.mark.parametrize(
    ("content", "settings", "refused"),
    [
        (NO_STATUS, {}, True),
        (ROSTER, {}, True),
        (USERS + ",x,X,X,active\n" * 3, {"SIS_SYNC_MAX_ERROR_ROWS": "2"}, True),
        (USERS + ",x,X,X,active\n" * 3, {"SIS_SYNC_MAX_ERROR_ROWS": "3"}, False),
        (NO_STATUS, {"SIS_SYNC_REFUSE_ON": "never"}, False),
    ],
    ids=["no status", "a roster", "above the limit", "at the limit", "never"],
)
def test_check_dry_run_and_run_refuse_more_bad_rows_than_are_allowed_afterwards(
    home: Home, sandbox: Sandbox, content: str, settings: dict[str, str], refused: bool, golden: Golden
) -> None:
    home.configure(**settings)
    home.drop({"some.csv": content})
    assert look(home).refused is refused
    dry = home.type("run", "--dry-run", "--json")
    assert (json.loads(dry.stdout)["outcome"] == "refused") is refused
    ran = home.run()
    assert (ran.result.outcome == "refused") is refused
    assert len(sandbox.imports) == (0 if refused else 1)
    if refused:
        golden(home.last().reason, "batch")
        golden(look_of(content, home), "check")


def look_of(content: str, home: Home) -> str:
    home.drop({"again.csv": content})
    return look(home).text


def test_rows_of_a_file_that_canvas_drops_are_counted_in_the_last_line(
    home: Home, tmp_path: Path, golden: Golden
) -> None:
    (tmp_path / "users.csv").write_text(USERS + 'u9,"a"x,X,X,active\n')
    (tmp_path / "courses.csv").write_text(COURSES)
    last = look(home, tmp_path / "users.csv", tmp_path / "courses.csv").text.splitlines()[-1]
    golden(last)


def test_the_list_of_rules_has_no_gaps(golden: Golden) -> None:
    assert "user-id-blank" in command.rules()
    assert not {"{", "..."} & set(command.rules().split())
    golden(command.rule("header-cell-padded"))


def test_strict_refuses_on_warnings_for_one_call(home: Home) -> None:
    home.drop({"enrollments.csv": ENROLLMENTS})
    assert look(home).exit_code == 0
    assert home.type("check", "--strict").returncode == 3


def test_online_asks_canvas_for_the_roles(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_role("Tutor")
    home.drop({"enrollments.csv": "course_id,user_id,role,status\nc1,u1,Tutor,active\n"})
    assert "enrollment-role-unknown" in look(home).report.counts
    assert "enrollment-role-unknown" not in look(home, online=True).report.counts
    home.configure(SIS_SYNC_ROLES="Tutor")
    assert "enrollment-role-unknown" not in look(home).report.counts


def test_the_import_parameters_are_known_to_the_rules(home: Home) -> None:
    home.drop({"users.csv": USERS})
    assert not any(rule.startswith("set-") for rule in look(home).report.counts)
    home.configure(SIS_IMPORT_OVERRIDE_SIS_STICKINESS="true", SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="night")
    assert "set-stickiness-diffing" in look(home).report.counts


def test_ignored_rules_are_silent_and_unknown_ones_are_told_with_the_nearest(home: Home, golden: Golden) -> None:
    home.drop({"users.csv": WRONG_USERS})
    home.configure(SIS_SYNC_CHECK_IGNORE="user-id-blank")
    assert "user-id-blank" not in look(home).report.counts
    home.configure(SIS_SYNC_CHECK_IGNORE="user-id-blan")
    with pytest.raises(SettingsError) as caught:
        look(home)
    golden(in_full(caught.value))


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("half.zip", b"PK\x03\x04 not a zip", "zip-unreadable"),
        ("users.csv", "user_id,login_id,status\nu1,Zoë,active\n".encode("cp1252"), "file-not-utf8"),
        ("users.csv", b'user_id,login_id,status\n"u1,u1,active\n', "file-malformed-csv"),
    ],
)
def test_what_cannot_be_read_is_a_finding_and_no_error(
    home: Home, tmp_path: Path, name: str, content: bytes, rule: str
) -> None:
    (tmp_path / name).write_bytes(content)
    checked = look(home, tmp_path / name)
    assert checked.report.counts[rule] == 1
    assert checked.exit_code == 3


def test_an_encoding_is_suggested_and_a_wrong_one_is_a_finding(home: Home, tmp_path: Path, golden: Golden) -> None:
    (tmp_path / "users.csv").write_bytes("user_id,login_id,status\nu1,Zoë\x9d,active\n".encode("iso-8859-1"))
    golden(look(home, tmp_path / "users.csv").text)
    home.configure(SIS_SYNC_SOURCE_ENCODING="cp1252")
    checked = look(home, tmp_path / "users.csv")
    golden(checked.text, "2")
    assert checked.exit_code == 3


def test_a_path_that_does_not_exist_is_a_usage_error(home: Home, tmp_path: Path, golden: Golden) -> None:
    with pytest.raises(UsageError) as caught:
        look(home, tmp_path / "nothing.csv")
    golden(in_full(caught.value))


def test_findings_open_in_a_spreadsheet(home: Home, tmp_path: Path) -> None:
    home.drop({"users.csv": WRONG_USERS})
    command.write_csv(look(home).report, tmp_path / "findings.csv")
    with (tmp_path / "findings.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = {"severity": "error", "rule": "user-id-blank", "file": "users.csv", "row": "4"}
    assert any(wanted.items() <= row.items() for row in rows)
    home.drop({"users.csv": WRONG_USERS + ",u3,Cy,Example,active\n" * 1500})
    checked = look(home, every_place=True)
    command.write_csv(checked.report, tmp_path / "findings.csv")
    assert (tmp_path / "findings.csv").read_text(encoding="utf-8-sig").count("user-id-blank") == 1501
    assert str(checked.as_json["findings"]).count("user-id-blank") == MOST_PLACES
    assert str(look(home).as_json["findings"]).count("user-id-blank") == MOST_PLACES
    with pytest.raises(HomeError):
        command.write_csv(look(home).report, tmp_path / "no" / "findings.csv")


def test_rules_are_listed_and_explained(golden: Golden) -> None:
    listed = command.rules().splitlines()
    assert len(listed) == len(RULES)
    assert command.rule("user-id-blank").startswith("user-id-blank (error")
    with pytest.raises(UsageError) as caught:
        command.rule("nonsense")
    golden(in_full(caught.value))


def test_the_commands_answer_on_the_command_line(home: Home, tmp_path: Path, golden: Golden) -> None:
    home.drop({"users.csv": WRONG_USERS})
    shown = json.loads(home.type("check", "--json", "--output", str(tmp_path / "findings.csv")).stdout)
    assert shown["ok"] is True
    assert (tmp_path / "findings.csv").exists()
    golden(home.type("check").stdout)
    assert home.type("rules", "user-id-blank").stdout.startswith("user-id-blank")
    assert home.type("rules").returncode == 0


def test_no_value_of_a_row_is_shown(home: Home, tmp_path: Path) -> None:
    secret = "obviously~fake~password"
    home.drop({"users.csv": f"user_id,login_id,password,email,status\n{secret},,{secret},{secret},{secret}\n"})
    checked = look(home, refuse_on="warning")
    command.write_csv(checked.report, tmp_path / "findings.csv")
    written = (tmp_path / "findings.csv").read_text(encoding="utf-8-sig")
    assert secret not in checked.text + json.dumps(checked.as_json) + written


@pytest.mark.parametrize("encoding", ["", "cp1252"])
def test_a_renamed_spreadsheet_is_no_cp1252(home: Home, tmp_path: Path, encoding: str) -> None:
    if encoding:
        home.configure(SIS_SYNC_SOURCE_ENCODING=encoding)
    (tmp_path / "users.csv").write_bytes(b"PK\x03\x04\x14\0\x06\0\xfd\x81\xd2")
    checked = look(home, tmp_path / "users.csv")
    assert checked.report.counts["file-not-csv"] == 1
    assert "cp1252" not in checked.text
    assert checked.exit_code == 3
