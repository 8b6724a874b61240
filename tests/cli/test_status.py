"""`sis-sync status`: what it tells, with Canvas, without it, and without being allowed to ask."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home, Watching, fast_clock
from support.sentences import in_full

from canvas_sis_sync.cli import _status
from canvas_sis_sync.errors import HomeError, JournalError
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox


def look(home: Home, *, ask: bool = True) -> tuple[dict[str, Any], list[str]]:
    """Give what --json and the text say; both are one look's."""
    looked = _status.status(home.settings(), fast_clock(), ask_canvas=ask)
    text = _status.as_text(looked)
    home.outputs.append(text)
    return json.loads(json.dumps(_status.as_json(looked))), text.splitlines()


def test_a_new_home_has_nothing_to_tell_and_is_left_as_it_is(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    found, lines = look(home)
    assert found["batch"] is None
    assert found["import"] is None
    assert found["gate"]["verdict"] == "go"
    golden(found["gate"]["reason"], "gate")
    golden("\n".join(lines))
    assert list(home.archive.iterdir()) == []
    assert list((home.folder / "logs").iterdir()) == []


def test_the_json_has_the_keys_that_others_build_on(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": USERS, "courses.csv": COURSES})
    home.run()
    home.drop(folder="next")
    found, _ = look(home)
    assert found["schema"] == 1
    assert set(found) >= {"batch", "import", "gate", "inbox"}
    assert {"id", "state", "files", "claimed_at"} <= set(found["batch"])
    assert found["batch"]["files"] == [
        {"name": "courses.csv", "kind": "course", "rows": 1, "bytes": len(COURSES)},
        {"name": "users.csv", "kind": "user", "rows": 2, "bytes": len(USERS)},
    ]
    wanted = {"id", "workflow_state", "progress", "counts", "error_count", "warning_count"}
    assert wanted <= set(found["import"])
    assert (found["import"]["workflow_state"], found["import"]["counts"]["users"]) == ("imported", 2)
    assert found["gate"] == {
        "verdict": "go",
        "reason": f"Import 1 of batch {home.last().id} is imported: nothing is unfinished.",
    }
    assert (found["inbox"]["drops"], found["inbox"]["files"]) == (1, 1)


def test_the_text_tells_of_batch_files_import_gate_and_inbox(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.drop()
    home.run()
    home.drop({"users.csv": USERS, "notes.txt": "n"}, folder="next")
    old = fast_clock().now() - 3 * 3600 - 120
    os.utime(home.inbox / "next" / "users.csv", (old, old))
    golden("\n".join(look(home)[1]))


def test_a_hold_is_told_with_canvass_messages_and_the_next_command(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.configure(SIS_SYNC_REFUSE_ON="never")
    home.drop({"users.csv": b"user_id,login_id,status\nu1,\xff,active\n"})
    home.run()
    found, lines = look(home)
    assert found["gate"]["verdict"] == "hold"
    golden("\n".join(lines))


def test_somebody_elses_import_makes_the_gate_wait(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    home.run()
    sandbox.add_import("importing")
    assert look(home)[0]["gate"]["verdict"] == "wait"


def test_the_state_that_canvas_shows_now_is_told(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.drop()
    home.run()
    sandbox.set_state(1, "restored")
    found, lines = look(home)
    assert found["import"]["workflow_state"] == "restored"
    assert found["gate"]["verdict"] == "hold"
    golden("\n".join(lines))
    sandbox.add_fault("forget=1")
    assert look(home)[0]["import"]["workflow_state"] == "404"


def test_a_batch_under_way_makes_the_gate_wait(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("slow=1")
    home.drop()
    home.run(patient=False)
    found, lines = look(home)
    assert found["gate"]["verdict"] == "wait"
    assert found["batch"]["state"] == "importing"
    assert any("Import 1: " in line for line in lines)
    assert look(home, ask=False)[0]["gate"] == {"verdict": "wait", "reason": f"Batch {home.last().id} is importing."}


def test_a_batch_that_was_only_claimed_shows_its_files(home: Home, sandbox: Sandbox) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    home.drop({"users.csv": USERS})
    with pytest.raises(KeyboardInterrupt):
        home.run(show=Watching(begin={"zipping": stop}))
    assert look(home)[0]["batch"]["files"] == [{"name": "users.csv", "kind": None, "rows": None, "bytes": len(USERS)}]


def test_without_asking_it_tells_what_the_journal_knows(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.drop()
    home.run()
    asked = len(sandbox.requests)
    found, lines = look(home, ask=False)
    assert len(sandbox.requests) == asked
    assert found["live"] is False
    assert found["import"]["workflow_state"] == "imported"
    golden("\n".join(lines))
    assert "Canvas was not asked" not in "\n".join(lines)


def test_an_unreachable_canvas_is_told_beside_what_the_journal_knows(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop()
    home.run()
    sandbox.add_fault("get-500=100")
    found, lines = look(home)
    assert found["live"] is False
    assert found["batch"]["state"] == "imported"
    golden("\n".join(lines))


def test_a_hold_at_another_target_is_not_the_present_ones(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop()
    home.run()
    assert home.last().state is BatchState.FAILED
    with Sandbox(token=sandbox.token) as production:
        home.configure(CANVAS_BASE_URL=production.url)
        assert look(home)[0]["gate"]["verdict"] == "go"
        assert look(home, ask=False)[0]["gate"]["verdict"] == "go"


def test_status_changes_nothing(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    home.run()
    home.drop()
    before = {path: path.stat().st_mtime_ns for path in home.folder.rglob("*")}
    look(home)
    assert {path: path.stat().st_mtime_ns for path in home.folder.rglob("*")} == before


def test_a_home_that_is_none_is_told(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.inbox.rmdir()
    with pytest.raises(HomeError) as caught:
        look(home)
    golden(in_full(caught.value))
    home.inbox.mkdir()
    home.archive.rmdir()
    with pytest.raises(HomeError) as caught:
        look(home)
    golden(in_full(caught.value), "2")


def test_a_lost_or_unreadable_journal_is_told(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.drop()
    home.run()
    path = home.archive / "journal.sqlite3"
    path.write_bytes(b"x" * 5_000)
    with pytest.raises(JournalError) as caught:
        look(home)
    golden(in_full(caught.value))
    path.unlink()
    with pytest.raises(JournalError) as caught:
        look(home)
    golden(in_full(caught.value), "2")
    assert not path.exists()
