"""Whatever comes from outside, by whatever way: nothing hidden and no forged line in output and log of the commands."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.homes import COURSES, ENROLLMENTS, USERS, Home
from support.nasty import IN_NAMES, IN_ROWS, IN_UTF8, NASTY, each, faults
from support.proxy import Proxy, Reply, Request

from canvas_sis_sync.cli.main import UNFORESEEN
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name != "posix", reason="such names exist on POSIX"),
]
NEVER = {"SIS_SYNC_REFUSE_ON": "never"}


@pytest.fixture
def plain(home: Home) -> Iterator[Home]:
    """Give a home of whose outputs and log nothing may be hidden; something must have been said."""
    yield home
    assert_plain(home)


def assert_plain(home: Home) -> None:
    assert any(home.outputs)
    assert not [text for text in home.outputs if UNFORESEEN in text]
    found = {text[:200]: faults(text) for text in (*home.outputs, *logs(home)) if faults(text)}
    assert not found


def logs(home: Home) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in (home.folder / "logs").iterdir()]


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def look_everywhere(home: Home) -> None:
    for command in ("check", "plan", "status", "config"):
        home.type(command)
        home.type(command, "--json")
    home.type("run", "--dry-run")
    home.type("run", "--dry-run", "--json")


def test_names_of_files_in_the_inbox(plain: Home) -> None:
    plain.configure(**NEVER)
    for number, name in enumerate(IN_NAMES):
        plain.drop(
            {f"{name}.csv": USERS.replace("u", f"u{number}"), f"{name}.txt": "x"}, folder=f"drop{number % 2}{name}"
        )
        plain.drop({f"{name}.pdf": "left lying"})
    look_everywhere(plain)
    plain.type("check", *(str(path) for path in plain.inbox.iterdir()))
    for _ in range(3):
        plain.type("run")
    plain.type("run", "--json", "-v")
    assert plain.batches()
    plain.type("discard", "--all-but-newest", "--reason", "x")
    plain.type("status")


def test_names_in_a_zip(plain: Home, tmp_path: Path) -> None:
    plain.configure(**NEVER)
    with zipfile.ZipFile(tmp_path / "z.zip", "w") as archive:
        for number, name in enumerate(IN_UTF8):
            if "\0" not in name:
                archive.writestr(f"{name}.csv", USERS.replace("u", f"u{number}"))
                archive.writestr(f"{name}.txt", "x")
    (tmp_path / "z.zip").rename(plain.inbox / f"{IN_NAMES[0]}.zip")
    look_everywhere(plain)
    plain.type("run", "-v")
    plain.type("status")


@pytest.mark.slow
def test_header_cells(plain: Home) -> None:
    plain.drop({"users.csv": USERS, "courses.csv": COURSES})
    assert plain.type("run").returncode == 0
    header = ",".join(map(quoted, IN_UTF8))
    plain.drop({"users.csv": USERS.replace("status\n", f"status,{header}\n")})
    plain.drop({"courses.csv": f"{header}\n1\n"}, folder="unknown")
    look_everywhere(plain)
    plain.type("run", "-v")


def test_ids_in_rows(plain: Home) -> None:
    """Canvas's messages repeat them, and so do plans: here a term and a course for each text vanish whole."""
    plain.configure(**NEVER, SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="s", SIS_SYNC_BREAKER_GROUP_BY="course")
    rows = [f"{number}{text}" for number, text in enumerate(IN_ROWS)]
    courses = "course_id,short_name,long_name,term_id,status\n" + "".join(f"{row},C,C,{row},active\n" for row in rows)
    terms = "term_id,name,status\n" + "".join(f"{row},T,active\n" for row in rows)
    enrolled = [f"{rows[0]},u{number},student,active\n" for number in range(120)]
    enrolled += [f"{row},nobody{row},student,active\n" for row in rows]
    users = "user_id,login_id,status\n" + "".join(f"u{number},u{number},active\n" for number in range(120))
    files = {"terms.csv": terms, "courses.csv": courses, "users.csv": users}
    plain.drop({**files, "enrollments.csv": "course_id,user_id,role,status\n" + "".join(enrolled)})
    look_everywhere(plain)
    plain.type("run", "-v")
    plain.type("status")
    plain.drop({**files, "courses.csv": COURSES, "enrollments.csv": ENROLLMENTS, "users.csv": USERS})
    look_everywhere(plain)
    plain.type("run", "-v")
    plain.type("approve", plain.last().id, "--reason", "x")
    plain.type("approve", plain.last().id, "--reason", "x", "--yes", "--remember")
    plain.type("plan", plain.last().id)
    assert "FORGED" in "".join(plain.outputs)


def edited(edit: Callable[[Any], object]) -> Callable[[Request, Callable[[], Reply]], Reply]:
    """Let what the sandbox answers be edited on its way."""

    def answer(_asked: Request, forward: Callable[[], Reply]) -> Reply:
        reply = forward()
        try:
            body = json.loads(reply.body)
        except ValueError:
            return reply
        edit(body)
        return Reply(reply.status, reply.headers, json.dumps(body).encode())

    return answer


def messages(body: Any) -> None:
    """Put the texts into everything that Canvas says about an import."""
    for record in body.get("sis_imports", [body]) if isinstance(body, dict) else []:
        if "workflow_state" not in record:
            continue
        if record["workflow_state"].startswith("imported"):
            record["workflow_state"] = "failed_with_messages"
            record["processing_errors"] = [[text, text] for text in NASTY]
            record["data"]["error_message"] = "".join(NASTY)
            record["data"]["counts"] = dict.fromkeys(NASTY, 1)
            record["ended_at"] = NASTY[0]
    for message in body.get("sis_import_errors", []) if isinstance(body, dict) else []:
        message["message"], message["file"] = "".join(NASTY), NASTY[1]


def test_messages_of_canvas(new_home: Callable[..., Home], sandbox: Sandbox) -> None:
    with Proxy(sandbox.url, edited(messages)) as proxy:
        home = new_home(proxy.url)
        home.drop({"enrollments.csv": ENROLLMENTS})
        assert home.type("run", "-v").returncode == 4
        for arguments in ("status",), ("status", "--json"), ("run",), ("run", "--json"), ("plan",):
            home.type(*arguments)
        batch = home.last().id
        home.type("skip", batch, "--reason", "x")
    assert "FORGED" in "".join(home.outputs)
    assert_plain(home)


@pytest.mark.parametrize("text", each(NASTY))
def test_a_state_that_nobody_knows(new_home: Callable[..., Home], sandbox: Sandbox, text: str) -> None:
    def edit(body: Any) -> None:
        for record in body.get("sis_imports", [body]) if isinstance(body, dict) else []:
            if record.get("workflow_state") == "imported":
                record["workflow_state"] = text

    sandbox.add_import()
    with Proxy(sandbox.url, edited(edit)) as proxy:
        home = new_home(proxy.url)
        home.drop()
        for arguments in ("status",), ("run", "--no-wait"), ("run", "--no-wait", "--json"), ("status", "--json"):
            home.type(*arguments)
    assert_plain(home)


@pytest.mark.parametrize("way", ["name", "root_account_id", "message"])
def test_names_of_account_and_user_and_refusals(new_home: Callable[..., Home], sandbox: Sandbox, way: str) -> None:
    def edit(body: Any) -> None:
        if isinstance(body, dict):
            body["name"] = "".join(NASTY)
            if way == "root_account_id":
                body["root_account_id"] = 7

    def refuse(_asked: Request, _forward: Callable[[], Reply]) -> Reply:
        return Reply(400, (("Content-Type", "application/json"),), json.dumps({"message": "".join(NASTY)}).encode())

    with Proxy(sandbox.url, refuse if way == "message" else edited(edit)) as proxy:
        home = new_home(proxy.url)
        home.drop()
        for arguments in ("init",), ("run", "-v"), ("run", "--json"), ("status",), ("check", "--online"):
            home.type(*arguments)
    assert "FORGED" in "".join(home.outputs)
    assert_plain(home)


def test_reasons_and_logins(plain: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    plain.configure(
        SIS_IMPORT_BATCH_MODE="true", SIS_IMPORT_BATCH_MODE_TERM_ID="default", SIS_IMPORT_CHANGE_THRESHOLD=9
    )
    monkeypatch.setenv("LOGNAME", IN_NAMES[0])
    plain.drop()
    assert plain.type("run").returncode == 5
    batch = plain.last().id
    reason = "".join(IN_UTF8)
    for arguments in (
        ("approve", batch, "--yes"),
        ("plan", batch),
        ("discard", batch),
        ("status",),
        ("status", "--json"),
    ):
        plain.type(*arguments, *(("--reason", reason) if arguments[0] in {"approve", "discard"} else ()))
    assert "FORGED" in "".join(logs(plain))


@pytest.mark.parametrize("text", each(IN_NAMES))
def test_arguments(plain: Home, text: str) -> None:
    for arguments in (
        [text],
        [f"--{text}"],
        ["run", text],
        ["run", f"--{text}"],
        ["run", "--param", text],
        ["run", "--param", f"{text}=x"],
        ["run", "--breaker", text],
        ["run", "--breaker", f"user={text}"],
        ["check", text],
        ["check", "--output", f"{plain.folder}/{text}/x.csv"],
        ["plan", text],
        ["plan", "--against", text],
        ["skip", text, "--reason", "x"],
        ["skip", "--import", text, "--reason", "x"],
        ["rules", text],
        ["sandbox", "--fault", text],
        ["sandbox", "--port", text],
    ):
        assert plain.type(*arguments).returncode != 0, arguments
    assert plain.type("run", "--param", text, "--json").returncode == 2


@pytest.mark.parametrize("text", each(IN_NAMES))
def test_settings(plain: Home, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIS_SYNC_ROLES", text)
    monkeypatch.setenv("SIS_SYNC_CHECK_IGNORE", text)
    plain.drop()
    look_everywhere(plain)
    plain.type("run")
    monkeypatch.setenv("SIS_SYNC_GATE", text)
    monkeypatch.setenv(f"SIS_SYNC_{text}".replace("=", ""), text)
    look_everywhere(plain)


def test_a_home_with_such_a_name(new_home: Callable[..., Home], sandbox: Sandbox) -> None:
    home = new_home(sandbox.url, name="".join(IN_NAMES[:6]))
    home.drop({"x.csv": "no,header\n"})
    look_everywhere(home)
    home.type("init")
    home.type("run")
    (home.archive / "journal.sqlite3").unlink()
    home.type("run")
    assert_plain(home)


@pytest.mark.parametrize(
    "command", [["check"], ["plan"], ["plan", "--against"], ["rules"], ["discard", "--reason", "x"]]
)
def test_arguments_of_any_length(home: Home, command: list[str]) -> None:
    done = home.type(*command, "".join(IN_NAMES) * 9)
    assert done.returncode == 2
    assert faults(done.stderr) == []
