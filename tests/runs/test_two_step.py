"""The two-step upload: announced, then the data, then perhaps a confirmation; each of them can be lost."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable

import pytest
from support.golden import Golden
from support.homes import TOKEN, Home, Watching, fast_clock
from support.proxy import Proxy, Reply, Request, passes_on

from canvas_sis_sync.clock import Clock
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync import release

pytestmark = pytest.mark.slow


@pytest.fixture
def home(sandbox: Sandbox, new_home: Callable[..., Home]) -> Home:
    """Give a home that uploads in two steps, with a drop in its inbox."""
    home = new_home(sandbox.url, SIS_SYNC_UPLOAD="two-step", SIS_SYNC_LOST_SECONDS=5)
    home.drop()
    return home


def announcements(sandbox: Sandbox) -> int:
    return sum(asked.method == "POST" and asked.path.endswith("/sis_imports") for asked in sandbox.requests)


def uploads(sandbox: Sandbox) -> list[str]:
    """List the offers that data were sent to, and hold the run to once each, without its token."""
    to_storage = [asked for asked in sandbox.requests if asked.path.startswith("/uploads/")]
    assert not any(asked.header("Authorization") for asked in to_storage)
    offers = [asked.path for asked in to_storage]
    assert len(offers) == len(set(offers)), "data went twice to one offer"
    return offers


def states(sandbox: Sandbox) -> list[str]:
    return [record.workflow_state for record in sandbox.imports]


def pull_the_plug() -> None:
    raise KeyboardInterrupt


def lose(home: Home, show: Watching) -> None:
    with pytest.raises(KeyboardInterrupt):
        home.run(show=show)
    assert home.last().state is BatchState.SENDING


def kill_once(home: Home, happened: Callable[[], bool]) -> None:
    """Start a run as a process, and kill it as soon as that has happened."""
    process = home.start("run")
    while not happened():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.communicate()


def test_the_data_go_to_the_offer_without_the_token(home: Home, sandbox: Sandbox) -> None:
    assert home.run().result.outcome == "imported"
    assert (announcements(sandbox), len(uploads(sandbox))) == (1, 1)
    assert home.last().import_id == sandbox.imports[0].id
    assert home.last().sending.upload == "two-step"


def test_a_storage_that_redirects_is_followed_to_the_confirmation(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("upload-redirect")
    assert home.run().result.outcome == "imported"
    confirmations = [asked for asked in sandbox.requests if "/files/uploaded/" in asked.path]
    assert [asked.header("Authorization") for asked in confirmations] == [f"Bearer {TOKEN}"]
    assert len(uploads(sandbox)) == 1


def test_an_announcement_whose_answer_is_lost_is_made_again(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("lose-announcement")
    assert (home.run().result.exit_code, home.last().state) == (13, BatchState.PACKED)
    assert home.last().strays == (1,)
    assert home.run(patient=False).result.exit_code == 0
    sandbox.wait_idle()
    assert home.run().result.exit_code == 0
    assert states(sandbox) == ["initializing", "imported"]
    assert (announcements(sandbox), len(uploads(sandbox))) == (2, 1)


@pytest.mark.slow
def test_a_process_killed_while_it_announces_is_followed_by_another_announcement(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("late-answer=30")
    kill_once(home, lambda: bool(sandbox.imports))
    assert (home.last().state, home.last().import_id) == (BatchState.SENDING, None)
    assert home.run().result.outcome == "imported"
    assert states(sandbox) == ["initializing", "imported"]
    assert len(uploads(sandbox)) == 1


def test_a_crash_before_the_data_abandons_the_offer_and_announces_anew(home: Home, sandbox: Sandbox) -> None:
    lose(home, Watching({"uploading": pull_the_plug}))
    assert home.last().import_id == 1
    clock, begun = fast_clock(), []
    began = clock.monotonic()
    told = home.run(clock=clock, show=Watching({"uploading": lambda: begun.append(clock.monotonic())}))
    assert told.result.outcome == "imported"
    assert begun[0] - began >= 5
    assert states(sandbox) == ["aborted", "imported"]
    assert home.last().strays == (1,)
    assert len(uploads(sandbox)) == 1


def test_an_announced_import_that_canvas_forgets_is_announced_anew(home: Home, sandbox: Sandbox) -> None:
    lose(home, Watching({"uploading": pull_the_plug}))
    sandbox.add_fault("forget=1")
    assert home.run().result.outcome == "imported"
    assert (home.last().import_id, home.last().strays) == (2, (1,))


def test_data_that_are_cut_go_to_a_new_offer(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("cut-upload")
    assert home.run().result.outcome == "imported"
    assert states(sandbox) == ["aborted", "imported"]
    assert (announcements(sandbox), len(uploads(sandbox))) == (2, 2)


def test_a_crash_after_the_data_is_settled_by_the_state_of_the_id(home: Home, sandbox: Sandbox) -> None:
    lose(home, Watching(end={"uploading": pull_the_plug}))
    assert home.run().result.outcome == "imported"
    assert states(sandbox) == ["imported"]
    assert (announcements(sandbox), len(uploads(sandbox))) == (1, 1)


def test_a_crash_between_data_and_confirmation_abandons_the_offer(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("upload-redirect")
    lose(home, Watching(end={"uploading": pull_the_plug}))
    assert home.run().result.outcome == "imported"
    assert states(sandbox) == ["aborted", "imported"]
    assert (announcements(sandbox), len(uploads(sandbox))) == (2, 2)


def test_a_lost_confirmation_is_settled_by_the_state_of_the_id(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("upload-redirect")
    sandbox.add_fault("lose-confirmation")
    assert home.run().result.outcome == "imported"
    assert states(sandbox) == ["imported"]
    assert (announcements(sandbox), len(uploads(sandbox))) == (1, 1)


def test_an_offer_older_than_25_minutes_is_not_used(home: Home, sandbox: Sandbox) -> None:
    fast, slept = fast_clock(), [0.0]

    def monotonic() -> float:
        if sandbox.imports:  # the machine sleeps while the first announcement is under way
            slept[0] = 25 * 60
        return fast.monotonic() + slept[0]

    told = home.run(clock=Clock(fast.now, monotonic, fast.sleep))
    assert told.result.outcome == "imported"
    assert states(sandbox) == ["aborted", "imported"]
    assert (announcements(sandbox), len(uploads(sandbox))) == (2, 1)


def test_a_canvas_that_offers_nothing_is_rejected_and_the_setting_named(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    sandbox.add_fault("no-pre-attachment")
    told = home.run()
    assert (told.result.exit_code, home.last().state) == (10, BatchState.REJECTED)
    golden(told.message)
    assert "SIS_SYNC_UPLOAD=direct" in told.message
    sandbox.wait_idle()
    home.configure(SIS_SYNC_UPLOAD="direct")
    release.retry(home.settings(), home.last().id, "set to direct", fast_clock())
    assert home.run().result.outcome == "imported"
    assert len(uploads(sandbox)) == 0


def test_complete_data_that_canvas_does_not_take_up_are_announced_anew(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("stuck-initializing")
    assert home.run().result.outcome == "imported"
    assert states(sandbox) == ["aborted", "imported"]
    assert len(uploads(sandbox)) == 2


def test_an_import_that_begins_while_it_is_given_up_stays_ours(sandbox: Sandbox, new_home: Callable[..., Home]) -> None:
    def begins(request: Request, forward: Callable[[], Reply]) -> Reply:
        if request.path.endswith("/abort"):
            sandbox.imports[0].progress = 7  # its data came after all, and Canvas had begun with them
        return forward()

    with Proxy(sandbox.url, begins) as proxy:
        home = new_home(proxy.url, SIS_SYNC_UPLOAD="two-step")
        home.drop()
        lose(home, Watching({"uploading": pull_the_plug}))
        told = home.run()
        assert (told.result.exit_code, home.last().state) == (4, BatchState.ABORTED)
        assert announcements(sandbox) == 1


def test_a_rejected_announcement_is_passed_over_by_the_next_gate(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("refuse=record")
    assert home.run().result.exit_code == 10
    release.retry(home.settings(), home.last().id, "again", fast_clock())
    assert home.run(patient=False).result.exit_code == 0
    assert (announcements(sandbox), len(uploads(sandbox))) == (2, 1)


def test_no_data_are_sent_when_an_option_that_limits_deletions_was_not_taken(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_IMPORT_SKIP_DELETES="true")
    sandbox.add_fault("ignore-option=skip_deletes")
    told = home.run()
    assert (told.result.exit_code, home.last().state) == (4, BatchState.ABORTED)
    assert "skip_deletes" in told.message
    assert (states(sandbox), uploads(sandbox)) == (["aborted"], [])


def test_the_data_may_go_to_another_host_and_the_token_stays_here(
    sandbox: Sandbox, new_home: Callable[..., Home]
) -> None:
    """The proxy is Canvas; what it says about uploading points to the sandbox's own port."""

    def points_away(asked: Request, forward: Callable[[], Reply]) -> Reply:
        reply = forward()
        body = reply.body.replace(proxy.url.encode() + b"/uploads", sandbox.url.encode() + b"/uploads")
        return Reply(reply.status, reply.headers, body)

    with Proxy(sandbox.url) as proxy:
        proxy.answer = points_away
        home = new_home(proxy.url, SIS_SYNC_UPLOAD="two-step")
        home.drop()
        assert home.run().result.outcome == "imported"
        assert not any(asked.path.startswith("/uploads/") for asked in proxy.asked)
    away = [asked for asked in sandbox.requests if asked.header("Host") == sandbox.url.removeprefix("http://")]
    assert {asked.path.split("/")[1] for asked in away} == {"uploads", "api"}
    assert not any(asked.header("Authorization") for asked in away)


def test_a_storage_that_cannot_be_reached_is_named_and_tried_again_by_the_next_run(
    sandbox: Sandbox, new_home: Callable[..., Home], golden: Golden
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nobody = f"127.0.0.1:{unused.getsockname()[1]}"

    def points_to_nobody(asked: Request, forward: Callable[[], Reply]) -> Reply:
        reply = forward()
        return Reply(
            reply.status,
            reply.headers,
            reply.body.replace(f"//127.0.0.1:{proxy.port}/up".encode(), f"//{nobody}/up".encode()),
        )

    with Proxy(sandbox.url, points_to_nobody) as proxy:
        home = new_home(proxy.url, SIS_SYNC_UPLOAD="two-step", SIS_SYNC_GATE="account")
        home.drop()
        told = home.run()
        assert (told.result.exit_code, home.last().state) == (13, BatchState.PACKED)
        golden(told.message)
        assert nobody in told.message
        assert states(sandbox) == ["aborted"]
        proxy.answer = passes_on
        assert home.run().result.outcome == "imported"
    assert states(sandbox) == ["aborted", "imported"]


def test_data_that_the_storage_refuses_are_not_sent_again_by_themselves(
    sandbox: Sandbox, new_home: Callable[..., Home], golden: Golden
) -> None:
    def refuses_data(asked: Request, forward: Callable[[], Reply]) -> Reply:
        return Reply(403, body=b"no") if asked.path.startswith("/uploads/") else forward()

    with Proxy(sandbox.url, refuses_data) as proxy:
        home = new_home(proxy.url, SIS_SYNC_UPLOAD="two-step")
        home.drop()
        told = home.run()
        assert (told.result.exit_code, home.last().state) == (10, BatchState.REJECTED)
        golden(told.message)
        assert home.run().result.exit_code == 5
        assert states(sandbox) == ["aborted"]
        proxy.answer = passes_on
        release.retry(home.settings(), home.last().id, "mended", fast_clock())
        assert home.run().result.outcome == "imported"


@pytest.mark.slow
def test_a_process_killed_in_the_middle_of_its_data_leaves_an_offer_that_is_abandoned(
    sandbox: Sandbox, new_home: Callable[..., Home]
) -> None:
    holding, killed = [], threading.Event()

    def holds_data(asked: Request, forward: Callable[[], Reply]) -> Reply:
        if asked.path.startswith("/uploads/"):
            holding.append(asked.path)
            killed.wait(10)
            return Reply(500)
        return forward()

    with Proxy(sandbox.url) as proxy:
        home = new_home(proxy.url, SIS_SYNC_UPLOAD="two-step", SIS_SYNC_LOST_SECONDS=5)
        home.drop()
        proxy.answer = holds_data
        kill_once(home, lambda: bool(holding))
        killed.set()
        proxy.answer = passes_on
        assert home.run().result.outcome == "imported"
    assert states(sandbox) == ["aborted", "imported"]
    assert len(uploads(sandbox)) == 1
