"""`sis-sync run --dry-run`: what a run would send, with nothing taken, written or sent."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home, fast_clock

from canvas_sis_sync.cli._dry_run import DryRun, dry_run
from canvas_sis_sync.errors import HomeError
from canvas_sis_sync.sandbox.sandbox import Sandbox


def listing(home: Home) -> dict[Path, tuple[int, int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size, path.stat().st_ino) for path in home.folder.rglob("*")}


def look(home: Home) -> DryRun:
    """Take a dry run, and hold it to changing nothing."""
    before = listing(home)
    looked = dry_run(home.settings(), fast_clock())
    assert listing(home) == before
    home.outputs.append(looked.text)
    return looked


def posts(sandbox: Sandbox) -> int:
    return sum(request.method != "GET" for request in sandbox.requests)


def test_it_tells_size_parameters_in_words_and_verdict(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.configure(SIS_IMPORT_SKIP_DELETES="true", SIS_SYNC_REFUSE_ON="never")
    home.drop({"users.csv": USERS, "courses.csv": COURSES, "what.csv": "a,b\n1,2\n"})
    looked = look(home)
    assert looked.exit_code == 0
    golden(looked.text)
    assert posts(sandbox) == 0
    assert looked.as_json["outcome"] == "would send"
    assert looked.as_json["gate"]["verdict"] == "go"
    assert [file["kind"] for file in looked.as_json["files"]] == ["course", "user", None]


def test_its_zip_is_the_one_that_a_run_sends(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": USERS, "courses.csv": COURSES})
    looked = look(home)
    home.run()
    sent = (home.folder_of(home.last()) / "import.zip").read_bytes()
    assert looked.as_json["zip"] == {"bytes": len(sent), "sha256": hashlib.sha256(sent).hexdigest()}


def test_a_home_that_was_never_run_stays_without_a_journal(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    assert look(home).exit_code == 0
    golden(look(home).text)
    assert list(home.archive.iterdir()) == []


def test_a_zip_that_cannot_be_believed_ends_with_3(home: Home, sandbox: Sandbox) -> None:
    home.drop({"ready.zip": b"half"})
    looked = look(home)
    assert (looked.exit_code, looked.as_json["outcome"]) == (3, "refused")
    assert home.run().result.exit_code == 3


def test_a_hold_ends_with_5_with_and_without_a_drop(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    sandbox.add_fault("fail")
    home.drop()
    home.run()
    assert (look(home).exit_code, look(home).as_json["outcome"]) == (5, "held")
    home.drop()
    looked = look(home)
    assert (looked.exit_code, looked.as_json["outcome"]) == (5, "held")
    golden(looked.text)
    sandbox.add_fault("get-500=100")
    assert look(home).exit_code == home.run().result.exit_code == 5


def test_an_unfinished_import_is_told_to_be_waited_for(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    sandbox.add_import("importing")
    home.drop()
    looked = look(home)
    assert (looked.exit_code, looked.as_json["outcome"]) == (0, "waiting")
    golden(looked.text)


def test_what_an_earlier_run_left_is_told_with_an_empty_inbox(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    sandbox.add_fault("slow=1")
    home.drop()
    home.run(patient=False)
    looked = look(home)
    assert (looked.exit_code, looked.as_json["outcome"]) == (0, "waiting")
    golden(looked.text)


@pytest.mark.parametrize(("fault", "code"), [("get-500=100", 13), ("expired-token", 12)])
def test_a_canvas_that_cannot_be_asked_gives_the_exit_code_of_a_run(
    home: Home, sandbox: Sandbox, fault: str, code: int, golden: Golden
) -> None:
    home.drop()
    sandbox.add_fault(fault)
    looked = look(home)
    assert looked.exit_code == code
    golden(looked.text)
    sandbox.clear_faults()
    sandbox.add_fault(fault)
    assert home.run().result.exit_code == code


def test_a_missing_inbox_is_told(home: Home, sandbox: Sandbox) -> None:
    home.inbox.rmdir()
    with pytest.raises(HomeError):
        look(home)
