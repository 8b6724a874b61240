"""Equal names and sizes prove nothing: imports of other homes, of a forgotten past, and late announcements."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.golden import Golden
from support.homes import USERS, Home, Watching, fast_clock
from support.proxy import Proxy, Reply, Request

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

MINE = {"users.csv": USERS.replace("Ada", "Amy")}
THEIRS = {"users.csv": USERS.replace("Ada", "Eve")}
"""Files of the same name and size."""


def pull_the_plug() -> None:
    raise KeyboardInterrupt


def lose(home: Home, sandbox: Sandbox, *, accepted: bool) -> None:
    """End a run right before its upload, or right after Canvas has taken it."""
    moment = {"uploading": pull_the_plug}
    with pytest.raises(KeyboardInterrupt):
        home.run(show=Watching(end=moment) if accepted else Watching(begin=moment))
    assert home.last().state is BatchState.SENDING
    sandbox.wait_idle()


def posts(sandbox: Sandbox) -> int:
    return sum(asked.method == "POST" and asked.path.endswith("/sis_imports") for asked in sandbox.requests)


@pytest.fixture
def home(sandbox: Sandbox, new_home: Callable[..., Home]) -> Home:
    return new_home(sandbox.url, SIS_SYNC_LOST_SECONDS=5)


@pytest.fixture
def other(sandbox: Sandbox, new_home: Callable[..., Home]) -> Home:
    return new_home(sandbox.url, "other", SIS_SYNC_LOST_SECONDS=5)


def test_an_import_that_another_home_has_taken_is_not_adopted(home: Home, other: Home, sandbox: Sandbox) -> None:
    home.drop(MINE)
    lose(home, sandbox, accepted=False)
    other.drop(THEIRS)
    assert other.run().result.outcome == "imported"
    sandbox.add_fault("attachments-unreadable")
    assert home.run().result.outcome == "imported"
    assert (other.last().import_id, home.last().import_id) == (1, 2)
    assert posts(sandbox) == 2


def test_an_import_that_another_home_may_have_made_holds_when_its_content_cannot_be_had(
    home: Home, other: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop(MINE)
    lose(home, sandbox, accepted=False)
    other.drop(THEIRS)
    lose(other, sandbox, accepted=True)
    sandbox.add_fault("attachments-unreadable")
    held = home.run()
    assert (held.result.exit_code, home.last().state) == (5, BatchState.SENDING)
    golden(held.message)
    assert f"{home.last().id} 1 --reason TEXT" in held.message
    assert posts(sandbox) == 1


def test_content_tells_another_homes_import_from_ours(home: Home, other: Home, sandbox: Sandbox) -> None:
    home.drop(MINE)
    lose(home, sandbox, accepted=False)
    other.drop(THEIRS)
    lose(other, sandbox, accepted=True)
    assert other.last().mark == home.last().mark == 0
    assert home.run().result.outcome == "imported"
    assert home.last().import_id == 2
    assert other.run().result.outcome == "imported"
    assert other.last().import_id == 1
    assert posts(sandbox) == 2


def test_content_tells_files_with_passwords_apart_without_the_passwords(
    home: Home, other: Home, sandbox: Sandbox
) -> None:
    rows = "user_id,login_id,password,first_name,last_name,status\nu1,u1,made-up-{},{},Example,active\n"
    home.drop({"users.csv": rows.format("one", "Ada")})
    lose(home, sandbox, accepted=False)
    other.drop({"users.csv": rows.format("two", "Ben")})
    lose(other, sandbox, accepted=True)
    held = home.run()
    assert (held.result.exit_code, home.last().state) == (5, BatchState.SENDING)
    assert other.run().result.outcome == "imported"
    assert home.run().result.outcome == "imported"
    assert (home.last().import_id, posts(sandbox)) == (2, 2)


def test_our_own_files_with_passwords_are_recognised_by_their_other_columns(
    home: Home, other: Home, sandbox: Sandbox
) -> None:
    other.drop({"courses.csv": "course_id,short_name,long_name,status\nc1,C1,One,active\n"})
    home.drop({"users.csv": 'user_id,login_id,password,full_name,status\nu1,u1,made-up,"Ada, A.",active\n'})
    lose(home, sandbox, accepted=True)
    lose(other, sandbox, accepted=False)
    assert home.run().result.outcome == "imported"
    assert posts(sandbox) == 1


@pytest.mark.parametrize("cut", [0, 10])
def test_content_that_arrives_cut_proves_nothing(home: Home, sandbox: Sandbox, cut: int) -> None:
    def cuts(asked: Request, forward: Callable[[], Reply]) -> Reply:
        reply = forward()
        content = asked.method == "GET" and "/api/" not in asked.path and reply.status == 200
        return Reply(reply.status, reply.headers, reply.body[:cut]) if content else reply

    home.drop(MINE)
    with Proxy(sandbox.url, cuts) as proxy:
        home.configure(CANVAS_BASE_URL=proxy.url)
        lose(home, sandbox, accepted=True)
        assert home.run().result.outcome == "imported"
        assert any("/api/" not in asked.path for asked in proxy.asked)
    assert (home.last().import_id, posts(sandbox)) == (1, 1)


def empty_list(reply: Reply) -> Reply:
    """Make a list of imports one that lags behind."""
    return Reply(reply.status, (("Content-Type", "application/json"),), b'{"sis_imports": []}')


def lists(asked: Request) -> bool:
    return asked.method == "GET" and asked.path.split("?")[0].endswith("/sis_imports")


def test_the_mark_is_not_below_the_previous_import_when_the_list_lags_behind(home: Home, sandbox: Sandbox) -> None:
    lagging: list[bool] = []

    def lags(asked: Request, forward: Callable[[], Reply]) -> Reply:
        return empty_list(forward()) if lists(asked) and lagging else forward()

    with Proxy(sandbox.url, lags) as proxy:
        home.configure(CANVAS_BASE_URL=proxy.url)
        home.drop(THEIRS)
        assert home.run().result.outcome == "imported"
        lagging.append(True)
        home.drop(MINE)
        assert home.run().result.outcome == "imported"
    assert home.last().mark == 1


@pytest.mark.parametrize("record_is_lost", [False, True], ids=["record-kept", "record-lost"])
def test_a_batch_of_a_restored_archive_that_was_sent_already_holds(
    home: Home, sandbox: Sandbox, tmp_path: Path, record_is_lost: bool, golden: Golden
) -> None:
    home.drop(MINE)
    pack_only(home, sandbox)
    backup = tmp_path / "backup"
    shutil.copytree(home.archive, backup)
    assert home.run().result.outcome == "imported"
    shutil.rmtree(home.archive)
    shutil.copytree(backup, home.archive)
    if record_is_lost:
        shutil.rmtree(tmp_path / "state")
    held = home.run()
    assert (held.result.exit_code, home.last().state) == (5, BatchState.SENDING)
    golden(held.message)
    assert posts(sandbox) == 1
    home.say("adopt", home.last().id, 2, "restored the archive")
    assert home.run().result.outcome == "imported"
    assert posts(sandbox) == 1


def pack_only(home: Home, sandbox: Sandbox) -> None:
    """Leave the batch packed: somebody else's import begins after the claim, and the second gate waits for it."""
    blocking: list[int] = []
    show = Watching(begin={"zipping": lambda: blocking.append(sandbox.add_import("importing"))})
    home.run(patient=False, show=show)
    assert home.last().state is BatchState.PACKED
    sandbox.set_state(blocking[0], "imported")


def test_a_retry_of_a_restored_archive_that_was_sent_already_holds(
    home: Home, sandbox: Sandbox, tmp_path: Path
) -> None:
    home.drop(MINE)
    sandbox.add_fault("fail")
    assert home.run().result.exit_code == 4
    backup = tmp_path / "backup"
    shutil.copytree(home.archive, backup)
    home.say("retry", home.last().id, "Canvas had a bad night")
    assert home.run().result.outcome == "imported"
    shutil.rmtree(home.archive)
    shutil.copytree(backup, home.archive)
    home.say("retry", home.last().id, "Canvas had a bad night")
    held = home.run()
    assert (held.result.exit_code, home.last().state) == (5, BatchState.SENDING)
    assert posts(sandbox) == 2
    home.say("retry", home.last().id, "send it all the same")
    assert home.run().result.outcome == "imported"
    assert posts(sandbox) == 3


def test_a_batch_that_waited_packed_is_sent_when_no_import_fits(home: Home, sandbox: Sandbox) -> None:
    home.drop(MINE)
    pack_only(home, sandbox)
    sandbox.add_import("imported", user_id=sandbox.user.id, attachments=[("users.csv", 17)])
    assert home.run().result.outcome == "imported"
    assert posts(sandbox) == 1


def test_a_person_cannot_give_a_batch_the_import_of_another_home(
    home: Home, other: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop(MINE)
    lose(home, sandbox, accepted=False)
    other.drop(THEIRS)
    assert other.run().result.outcome == "imported"
    refused = home.type("adopt", home.last().id, "1", "--reason", "it looks like it")
    assert refused.returncode == 2
    golden(refused.stderr)
    assert home.last().state is BatchState.SENDING


def test_no_home_sends_while_another_one_looks_for_its_import(home: Home, other: Home, sandbox: Sandbox) -> None:
    home.drop(MINE)
    lose(home, sandbox, accepted=False)
    other.drop(THEIRS)
    clock, seen = fast_clock(), []

    class Looking(Watching):
        def note(self, text: str) -> None:
            if text.startswith("Finding out"):
                seen.append(other.run(patient=False).result)

    assert home.run(clock=clock, show=Looking()).result.outcome == "imported"
    assert [result.outcome for result in seen] == ["waiting"]
    assert other.last().state is BatchState.PACKED
    assert other.run().result.outcome == "imported"


def test_a_record_of_the_account_that_is_damaged_holds_and_is_named(
    home: Home, sandbox: Sandbox, tmp_path: Path
) -> None:
    home.drop(MINE)
    assert home.run().result.outcome == "imported"
    record = next((tmp_path / "state").rglob("*.sqlite3"))
    record.write_bytes(b"not a database at all" * 100)
    home.drop(THEIRS)
    held = home.run()
    assert held.result.exit_code == 5
    assert str(record) in held.message
    assert posts(sandbox) == 1
    record.unlink()
    assert home.run().result.outcome == "imported"


def test_the_quiet_time_of_a_run_is_not_ended_by_a_date_of_canvas_that_jumps_ahead(
    home: Home, sandbox: Sandbox
) -> None:
    home.configure(SIS_SYNC_LOST_SECONDS=120)
    clock, begun = fast_clock(), []
    began = clock.monotonic()
    looks = iter(range(1000))

    def jumps(asked: Request, forward: Callable[[], Reply]) -> Reply:
        if lists(asked) and next(looks) == 1:
            sandbox.add_fault("clock-skew=300")
        return forward()

    with Proxy(sandbox.url, jumps) as proxy:
        home.configure(CANVAS_BASE_URL=proxy.url)
        home.drop()
        lose(home, sandbox, accepted=False)
        looks = iter(range(1000))
        told = home.run(clock=clock, show=Watching({"uploading": lambda: begun.append(clock.monotonic())}))
    assert told.result.outcome == "imported"
    assert begun[0] - began >= 120


def test_between_runs_the_smaller_of_the_two_clocks_counts(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_LOST_SECONDS=120)
    home.drop()
    lose(home, sandbox, accepted=False)
    clock = fast_clock()
    assert home.run(clock=clock, patient=False).result.outcome == "waiting"
    sandbox.add_fault("clock-skew=300")
    assert home.run(clock=clock, patient=False).result.outcome == "waiting"
    assert home.last().state is BatchState.SENDING
    clock.sleep(121)
    home.run(clock=clock, patient=False)
    assert posts(sandbox) == 1


def test_the_record_of_a_lost_announcement_that_appears_late_is_passed_over(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_UPLOAD="two-step")
    home.drop()
    left = [1, 2, 3]

    def lags(asked: Request, forward: Callable[[], Reply]) -> Reply:
        """Leave the first record out of the lists for a while."""
        reply = forward()
        if lists(asked) and left and b'"id"' in reply.body:
            left.pop()
            return empty_list(reply)
        return reply

    sandbox.add_fault("lose-announcement")
    with Proxy(sandbox.url, lags) as proxy:
        home.configure(CANVAS_BASE_URL=proxy.url)
        assert home.run().result.exit_code == 13
        assert home.last().strays == ()
        clock = fast_clock()
        began = clock.monotonic()
        assert home.run(clock=clock).result.outcome == "imported"
        home.drop(THEIRS)
        assert home.run(clock=clock).result.outcome == "imported"
        assert clock.monotonic() - began < 60
    assert [record.workflow_state for record in sandbox.imports] == ["initializing", "imported", "imported"]


def test_an_archive_that_was_restored_to_another_folder_holds_too(
    home: Home, new_home: Callable[..., Home], sandbox: Sandbox
) -> None:
    home.drop(MINE)
    pack_only(home, sandbox)
    moved = new_home(sandbox.url, "moved", SIS_SYNC_LOST_SECONDS=5)
    shutil.rmtree(moved.archive)
    shutil.copytree(home.archive, moved.archive)
    assert home.run().result.outcome == "imported"
    held = moved.run()
    assert (held.result.exit_code, moved.last().state) == (5, BatchState.SENDING)
    assert posts(sandbox) == 1
    moved.say("adopt", moved.last().id, 2, "this home was moved")
    assert moved.run().result.outcome == "imported"
    assert posts(sandbox) == 1
