"""Whatever holds, the command that is printed opens it, once and recorded, and the next drop goes."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home, Watching
from support.proxy import Proxy, Reply, Request

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

COMMAND = re.compile(r"sis-sync (?:--home \S+ )?((?:skip|discard|retry|adopt|approve) [^`\n]*?) --reason TEXT")
NEXT = {"users.csv": USERS.replace("Ada", "Eva"), "courses.csv": COURSES}


def first_command(text: str) -> list[str]:
    """Take a command that a message prints, as a person would type it: one that closes the batch, else the first."""
    found = [command.split() for command in COMMAND.findall(text)]
    assert found, text
    closing = [command for command in found if command[0] in {"skip", "discard"}]
    return [*(closing or found)[0], "--reason", "seen"]


def unknown_state(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("unknown-state")
    home.drop()


def fails(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop()


def aborted(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("abort")
    home.drop()


def rejected(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("refuse=422")
    home.drop()


def only_an_empty_file(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": b""})


def no_zip(home: Home, sandbox: Sandbox) -> None:
    home.drop({"night.zip": b"PK\x03\x04 and no more"})


def all_rows_refused(home: Home, sandbox: Sandbox) -> None:
    home.drop({"enrollments.csv": "course_id,user_id,role,status\n" + "nowhere,nobody,student,active\n" * 3})


def somebody_elses_unknown_state(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_import("reconciled")
    home.drop()


def undone(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    home.run()
    sandbox.set_state(home.last().import_id or 0, "restored")
    home.drop()


TROUBLES = (
    unknown_state,
    fails,
    aborted,
    rejected,
    only_an_empty_file,
    no_zip,
    all_rows_refused,
    somebody_elses_unknown_state,
    undone,
)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_the_command_that_is_printed_lets_the_next_drop_go(
    home: Home, sandbox: Sandbox, trouble: Callable[[Home, Sandbox], None]
) -> None:
    trouble(home, sandbox)
    told = home.run()
    assert told.result.exit_code in {3, 4, 5, 10}
    typed = home.type(*first_command(told.message))
    assert typed.returncode == 0, typed.stderr
    sandbox.clear_faults()
    home.drop(NEXT)
    home.run()
    assert not list(home.inbox.iterdir())
    assert home.last().state is BatchState.IMPORTED
    assert home.run().result.exit_code == 0


def test_status_names_a_command_that_closes_an_import_in_an_unknown_state(home: Home, sandbox: Sandbox) -> None:
    unknown_state(home, sandbox)
    home.run()
    shown = home.type("status").stdout
    assert home.type(*first_command(shown)).returncode == 0
    assert home.last().state is BatchState.SKIPPED
    home.drop(NEXT)
    assert home.run().result.outcome == "imported"


def test_claimed_files_that_vanished_are_held_and_named(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.drop({"users.csv": USERS})

    def vanish() -> None:
        next(home.archive.rglob("files/users.csv")).unlink()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        home.run(show=Watching(begin={"zipping": vanish}))
    held = home.run()
    assert (held.result.exit_code, home.last().state) == (5, BatchState.HELD)
    golden(held.message)
    assert "users.csv" in held.message
    assert home.type(*first_command(held.message)).returncode == 0
    home.drop(NEXT)
    assert home.run().result.outcome == "imported"


@pytest.mark.parametrize("name", ["export\\users.csv", "a\nb.csv"], ids=["backslash", "newline"])
def test_a_loose_file_with_an_odd_name_is_packed_under_a_plain_one(home: Home, sandbox: Sandbox, name: str) -> None:
    home.drop({name: USERS, "users.csv": USERS.replace("u1", "u3").replace("u2", "u4")})
    assert home.run().result.outcome == "imported"
    assert sandbox.count("user") == 4
    names = {entry.name for entry in home.last().entries}
    assert len(names) == 2
    assert not set("".join(names)) & set("\\\n")


@pytest.mark.parametrize(
    "names", [("export\\users.csv", "export\\courses.csv"), ("/users.csv", "C:/exports/courses.csv")]
)
def test_a_zip_with_names_as_windows_writes_them_is_packed_again(
    home: Home, sandbox: Sandbox, tmp_path: Path, names: tuple[str, str]
) -> None:
    with zipfile.ZipFile(tmp_path / "night.zip", "w") as written:
        for name, text in zip(names, (USERS, COURSES), strict=True):
            info = zipfile.ZipInfo("x")
            info.filename = name
            written.writestr(info, text)
    (tmp_path / "night.zip").rename(home.inbox / "night.zip")
    assert home.run().result.outcome == "imported"
    assert (sandbox.count("user"), sandbox.count("course")) == (2, 1)
    assert all("\\" not in entry.name and not entry.name.startswith(("/", "C:")) for entry in home.last().entries)


@pytest.mark.parametrize("command", ["skip", "discard", "retry", "approve"])
@pytest.mark.parametrize("reason", ["", "  "])
def test_a_reason_is_never_empty(home: Home, sandbox: Sandbox, command: str, reason: str, golden: Golden) -> None:
    typed = home.type(command, "20260101-000000", "--reason", reason)
    assert typed.returncode == 2
    golden(typed.stderr)


def test_an_altered_zip_that_is_put_back_goes(home: Home, sandbox: Sandbox) -> None:
    kept: list[bytes] = []

    def alter() -> None:
        zipped = next(home.archive.rglob("import.zip"))
        kept.append(zipped.read_bytes())
        zipped.write_bytes(b"something else")

    home.drop()
    held = home.run(show=Watching(end={"checking": alter}))
    assert (held.result.exit_code, home.last().state) == (5, BatchState.HELD)
    next(home.archive.rglob("import.zip")).write_bytes(kept[0])
    assert home.run().result.outcome == "imported"


def test_a_name_as_long_as_a_file_system_takes_goes(home: Home, sandbox: Sandbox) -> None:
    home.drop({"a" * 251 + ".csv": USERS})
    assert home.run().result.outcome == "imported"
    assert sandbox.count("user") == 2


def test_an_upload_that_is_always_answered_by_a_proxy_is_not_repeated_for_ever(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    def refuses(asked: Request, forward: Callable[[], Reply]) -> Reply:
        return Reply(413, (("Content-Type", "text/html"),), b"<h1>Too large</h1>") if asked.sends else forward()

    with Proxy(sandbox.url, refuses) as proxy:
        home.configure(CANVAS_BASE_URL=proxy.url, SIS_SYNC_LOST_SECONDS=5)
        home.drop()
        held = home.run()
        assert held.result.exit_code == 5
        golden(held.message)
        assert sum(asked.sends for asked in proxy.asked) == 5
        home.run()
        assert sum(asked.sends for asked in proxy.asked) == 5
        proxy.answer = lambda _asked, forward: forward()
        assert home.type(*first_command(held.message)).returncode == 0
        assert home.run().result.outcome == "imported"


@pytest.mark.parametrize("command", [("run", "--dry-run"), ("check",)])
def test_a_drop_of_empty_files_is_refused_beforehand_too(
    home: Home, sandbox: Sandbox, command: tuple[str, ...], golden: Golden
) -> None:
    only_an_empty_file(home, sandbox)
    looked = home.type(*command)
    assert looked.returncode == 3
    golden(looked.stdout)
