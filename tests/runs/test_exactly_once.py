"""One batch is at most one import: what a run does when the answer to its upload is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests
from support.golden import Golden
from support.homes import TOKEN, USERS, Home, Watching, fast_clock, scaled_clock
from support.proxy import Proxy, Reply, Request

from canvas_sis_sync.canvas import client
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox._records import Import
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync import release

PASSWORDS = "user_id,login_id,password,first_name,last_name,status\nu1,u1,made-up-word,Ada,Example,active\n"
OTHERS = [("courses.csv", 17)]
"""The files of an import that is not ours."""


def posts(sandbox: Sandbox) -> int:
    return sum(asked.method == "POST" and asked.path.endswith("/sis_imports") for asked in sandbox.requests)


def by_us(sandbox: Sandbox) -> list[Import]:
    return [record for record in sandbox.imports if not record.planted]


def pull_the_plug() -> None:
    raise KeyboardInterrupt


def lose(home: Home, sandbox: Sandbox, *, accepted: bool) -> None:
    """End a run right before its upload, or right after Canvas has taken it: the next run cannot tell which."""
    moment = {"uploading": pull_the_plug}
    with pytest.raises(KeyboardInterrupt):
        home.run(show=Watching(end=moment) if accepted else Watching(begin=moment))
    assert home.last().state is BatchState.SENDING
    sandbox.wait_idle()


QUIET = 5
"""SIS_SYNC_LOST_SECONDS here, which is 120 otherwise; the clock of these runs does not wait for it."""


@pytest.fixture
def home(sandbox: Sandbox, new_home: Callable[..., Home]) -> Home:
    return new_home(sandbox.url, SIS_SYNC_LOST_SECONDS=QUIET)


@pytest.fixture
def file(home: Home) -> tuple[str, int]:
    """Drop one file, and give it as Canvas lists it."""
    home.drop()
    return "users.csv", len(USERS)


def test_an_upload_cut_before_canvas_took_it_is_sent_again_after_two_quiet_minutes(
    sandbox: Sandbox, new_home: Callable[..., Home]
) -> None:
    home = new_home(sandbox.url)
    home.drop()
    sandbox.add_fault("cut-before-accept")
    clock, begun = fast_clock(), []
    told = home.run(clock=clock, show=Watching({"uploading": lambda: begun.append(clock.monotonic())}))
    assert told.result.outcome == "imported"
    assert len(begun) == posts(sandbox) == 2
    assert begun[1] - begun[0] >= 120
    assert len(sandbox.imports) == 1


@pytest.mark.parametrize("fault", ["error-500", "html-502"])
def test_a_server_error_without_an_import_is_sent_again(home: Home, sandbox: Sandbox, fault: str) -> None:
    home.drop()
    sandbox.add_fault(fault)
    assert home.run().result.outcome == "imported"
    assert (posts(sandbox), len(sandbox.imports)) == (2, 1)


@pytest.mark.parametrize("fault", ["cut-after-accept", "error-500=accepted", "html-502=accepted"])
def test_an_import_whose_answer_was_lost_is_adopted(home: Home, sandbox: Sandbox, fault: str) -> None:
    home.drop()
    sandbox.add_fault(fault)
    assert home.run().result.outcome == "imported"
    assert (posts(sandbox), len(sandbox.imports)) == (1, 1)
    assert home.last().import_id == sandbox.imports[0].id


def test_a_504_while_canvas_goes_on_working_is_a_lost_answer(sandbox: Sandbox, new_home: Callable[..., Home]) -> None:
    def times_out(asked: Request, forward: Callable[[], Reply]) -> Reply:
        reply = forward()
        return Reply(504, (("Content-Type", "text/html"),), b"<h1>Gateway Time-out</h1>") if asked.sends else reply

    with Proxy(sandbox.url, times_out) as proxy:
        home = new_home(proxy.url)
        home.drop()
        assert home.run().result.outcome == "imported"
    assert (posts(sandbox), len(sandbox.imports)) == (1, 1)


def test_an_answer_later_than_anybody_waits_is_a_lost_answer(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CREATE_SECONDS", 0.2)
    home.drop()
    sandbox.add_fault("late-answer=0.6")
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1


def test_a_record_that_appears_five_seconds_after_the_cut_is_adopted(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    home.configure(SIS_SYNC_LOST_SECONDS=120)
    sandbox.add_fault("late-record=0.5")  # five seconds of the run's clock
    assert home.run(clock=scaled_clock(10)).result.outcome == "imported"
    assert (posts(sandbox), len(sandbox.imports)) == (1, 1)


def test_an_import_that_still_waits_in_the_queue_is_looked_at_until_it_shows_its_files(
    home: Home, sandbox: Sandbox
) -> None:
    home.configure(SIS_SYNC_POLL_LIMIT="1m")
    home.drop()
    sandbox.add_fault("cut-after-accept")
    blocking: list[int] = []
    told = home.run(show=Watching({"uploading": lambda: blocking.append(sandbox.add_import("importing"))}))
    assert told.result.exit_code == 6
    assert home.last().state is BatchState.SENDING
    assert by_us(sandbox)[0].workflow_state == "created"
    sandbox.set_state(blocking[0], "imported")
    assert home.run().result.outcome == "imported"
    assert (posts(sandbox), len(by_us(sandbox))) == (1, 1)


def test_a_users_file_with_passwords_is_recognised_without_them(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": PASSWORDS})
    sandbox.add_fault("cut-after-accept")
    assert home.run().result.outcome == "imported"
    attachments = sandbox.imports[0].attachments or []
    assert [file.size < len(PASSWORDS) for file in attachments] == [True]
    assert (posts(sandbox), len(sandbox.imports)) == (1, 1)


@pytest.mark.parametrize("skew", [3600, -3600])
@pytest.mark.parametrize(("fault", "sent"), [("cut-before-accept", 2), ("cut-after-accept", 1)])
def test_clocks_an_hour_apart_change_nothing(home: Home, sandbox: Sandbox, skew: int, fault: str, sent: int) -> None:
    sandbox.add_fault(f"clock-skew={skew}")
    sandbox.add_fault(fault)
    home.drop()
    clock, begun = fast_clock(), []
    told = home.run(clock=clock, show=Watching({"uploading": lambda: begun.append(clock.monotonic())}))
    assert told.result.outcome == "imported"
    assert (posts(sandbox), len(sandbox.imports)) == (sent, 1)
    assert begun[-1] - begun[0] >= QUIET * (sent - 1)


@pytest.mark.parametrize("accepted", [True, False])
def test_after_a_crash_a_token_of_another_user_finds_what_the_first_one_sent(
    home: Home, sandbox: Sandbox, file: tuple[str, int], accepted: bool
) -> None:
    lose(home, sandbox, accepted=accepted)
    other = sandbox.add_user("another~fake~token", "Other Admin")
    sandbox.add_import(user_id=other, attachments=[file])
    home.configure(CANVAS_API_TOKEN="another~fake~token")
    assert home.run().result.outcome == "imported"
    assert (posts(sandbox), len(by_us(sandbox))) == (1, 1)


@pytest.mark.parametrize("accepted", [True, False])
def test_what_was_there_before_the_upload_is_no_candidate(
    home: Home, sandbox: Sandbox, file: tuple[str, int], accepted: bool
) -> None:
    earlier = sandbox.add_import(user_id=sandbox.user.id, attachments=[file])
    lose(home, sandbox, accepted=accepted)
    assert home.run().result.outcome == "imported"
    assert (posts(sandbox), len(by_us(sandbox))) == (1, 1)
    assert home.last().import_id == earlier + 1


@pytest.mark.parametrize("accepted", [True, False])
def test_another_homes_import_in_between_is_never_adopted(
    home: Home, sandbox: Sandbox, file: tuple[str, int], accepted: bool
) -> None:
    lose(home, sandbox, accepted=accepted)
    foreign = sandbox.add_import(user_id=sandbox.user.id, attachments=OTHERS)
    assert home.run().result.outcome == "imported"
    assert (posts(sandbox), len(by_us(sandbox))) == (1, 1)
    assert home.last().import_id not in (None, foreign)


def test_another_homes_unfinished_import_is_waited_for_and_asked_about_when_it_showed_nothing(
    home: Home, sandbox: Sandbox, file: tuple[str, int]
) -> None:
    home.configure(SIS_SYNC_POLL_LIMIT="1m")
    lose(home, sandbox, accepted=False)
    foreign = sandbox.add_import("created", user_id=sandbox.user.id)
    assert home.run().result.exit_code == 6
    sandbox.set_state(foreign, "failed")
    held = home.run()
    assert held.result.exit_code == 5
    assert str(foreign) in held.message
    assert posts(sandbox) == 0


@pytest.fixture
def twice(home: Home, sandbox: Sandbox) -> list[int]:
    """Leave a lost upload and two imports of that very file; give their ids."""
    home.drop()
    lose(home, sandbox, accepted=True)
    url = f"{sandbox.url}/api/v1/accounts/1/sis_imports?extension=zip"
    zipped = next(home.archive.rglob("import.zip")).read_bytes()
    requests.post(url, zipped, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).raise_for_status()
    sandbox.wait_idle()
    return [record.id for record in sandbox.imports]


def test_two_identical_candidates_hold_and_the_message_names_them_and_the_commands(
    home: Home, sandbox: Sandbox, twice: list[int], golden: Golden
) -> None:
    told = home.run()
    assert (told.result.exit_code, told.result.outcome) == (5, "held")
    batch = home.last()
    assert batch.state is BatchState.SENDING
    assert all(str(import_id) in told.message for import_id in twice)
    golden(told.message)
    home.drop({"courses.csv": "course_id,short_name,long_name,status\n"})
    assert home.run().result.exit_code == 5
    assert len(sandbox.imports) == 2


def test_a_person_can_say_which_candidate_it_is(home: Home, sandbox: Sandbox, twice: list[int]) -> None:
    batch = home.last()
    release.adopt(home.settings(), batch.id, twice[1], "same time", fast_clock())
    assert home.run().result.outcome == "imported"
    assert home.last().import_id == twice[1]
    assert len(sandbox.imports) == 2


def test_a_person_can_say_that_no_candidate_is_it(
    home: Home, sandbox: Sandbox, twice: list[int], golden: Golden
) -> None:
    batch = home.last()
    assert home.run().result.exit_code == 5
    said = release.retry(home.settings(), batch.id, "neither", fast_clock())
    golden(said)
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 3
    assert home.last().retry_of == batch.id
    assert home.last().import_id == sandbox.imports[-1].id


def test_a_retry_by_somebody_who_was_not_asked_yet_holds_and_names_the_candidates(
    home: Home, sandbox: Sandbox, twice: list[int]
) -> None:
    release.retry(home.settings(), home.last().id, "it failed", fast_clock())
    told = home.run()
    assert (told.result.exit_code, len(sandbox.imports)) == (5, 2)
    assert all(str(import_id) in told.message for import_id in twice)


def test_a_crash_after_acceptance_is_found_by_the_next_run(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    lose(home, sandbox, accepted=True)
    assert home.run().result.outcome == "imported"
    assert (posts(sandbox), len(sandbox.imports)) == (1, 1)


def test_a_crash_before_a_byte_was_sent_waits_out_the_quiet_time(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    lose(home, sandbox, accepted=False)
    clock = fast_clock()
    began, begun = clock.monotonic(), []
    told = home.run(clock=clock, show=Watching({"uploading": lambda: begun.append(clock.monotonic())}))
    assert told.result.outcome == "imported"
    assert begun[0] - began >= QUIET
    assert (posts(sandbox), len(sandbox.imports)) == (1, 1)


def test_looks_of_several_runs_add_up_to_the_quiet_time(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    lose(home, sandbox, accepted=False)
    home.configure(SIS_SYNC_LOST_SECONDS=120)
    clock = fast_clock()
    for skew, pause in ((0, 0), (60, 60), (110, 50)):
        clock.sleep(pause)
        sandbox.add_fault(f"clock-skew={skew}")
        assert home.run(clock=clock, patient=False).result.outcome == "waiting"
        assert home.last().state is BatchState.SENDING
    clock.sleep(15)
    sandbox.add_fault("clock-skew=125")
    home.run(clock=clock, patient=False)
    assert (posts(sandbox), len(sandbox.imports)) == (1, 1)


@pytest.mark.slow
def test_a_run_killed_while_its_upload_is_unanswered_leaves_a_batch_that_is_adopted(
    home: Home, sandbox: Sandbox, tmp_path: Path
) -> None:
    home.drop()
    sandbox.add_fault("late-answer=30")
    process = home.start("run")
    while not sandbox.imports:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert os.name != "posix" or process.returncode == -9
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1
