"""What Canvas refuses or takes otherwise than asked: what the run does then, and what goes on by itself."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.golden import Golden
from support.homes import COURSES, TOKEN, USERS, Home, Watching, fast_clock
from support.proxy import Proxy, Reply, Request

from canvas_sis_sync.canvas import client
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync import release


@pytest.fixture
def home(sandbox: Sandbox, new_home: Callable[..., Home]) -> Home:
    """Give a home with a quiet time that takes fewer looks than the 120 seconds that are usual."""
    return new_home(sandbox.url, SIS_SYNC_LOST_SECONDS=5)


def posts(sandbox: Sandbox) -> int:
    return sum(asked.method == "POST" and asked.path.endswith("/sis_imports") for asked in sandbox.requests)


def states(sandbox: Sandbox) -> list[str]:
    return [record.workflow_state for record in sandbox.imports]


@pytest.mark.parametrize("fault", ["refuse=400", "refuse=404", "refuse=422"])
def test_a_rejected_upload_is_never_repeated_by_itself(
    home: Home, sandbox: Sandbox, fault: str, golden: Golden
) -> None:
    home.drop()
    sandbox.add_fault(fault)
    told = home.run()
    batch = home.last()
    assert (told.result.exit_code, batch.state) == (10, BatchState.REJECTED)
    golden(told.message)
    assert home.run().result.exit_code == 5
    assert posts(sandbox) == 1
    release.retry(home.settings(), batch.id, "mended", fast_clock())
    assert home.run().result.outcome == "imported"


def test_the_record_that_a_rejected_upload_leaves_behind_is_passed_over(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    sandbox.add_fault("refuse=record")
    assert home.run().result.exit_code == 10
    batch = home.last()
    assert batch.strays == (sandbox.imports[0].id,)
    assert batch.import_id is None
    assert home.run().result.exit_code == 5
    release.discard(home.settings(), batch.id, "exported again", fast_clock())
    home.drop()
    assert home.run(patient=False).result.exit_code == 0
    assert posts(sandbox) == 2
    sandbox.wait_idle()
    assert states(sandbox) == ["initializing", "imported"]


def test_a_rejected_upload_is_reported_when_canvas_lists_no_imports_afterwards(home: Home, sandbox: Sandbox) -> None:
    home.drop()

    def refuse() -> None:
        sandbox.add_fault("refuse=record")
        sandbox.add_fault("get-500=8")

    assert home.run(show=Watching({"uploading": refuse})).result.exit_code == 10
    assert (home.last().state, home.last().strays) == (BatchState.REJECTED, ())


def expired(sandbox: Sandbox) -> None:
    sandbox.add_fault("expired-token")


def without_permission(sandbox: Sandbox) -> None:
    sandbox.add_user(TOKEN, "Somebody", may_import=False)


@pytest.mark.parametrize("refuse", [expired, without_permission])
def test_an_upload_that_the_token_may_not_make_goes_on_once_it_may(
    home: Home, sandbox: Sandbox, refuse: Callable[[Sandbox], None], golden: Golden
) -> None:
    home.drop()
    told = home.run(show=Watching({"uploading": lambda: refuse(sandbox)}))
    assert (told.result.exit_code, home.last().state) == (12, BatchState.PACKED)
    golden(told.message)
    assert home.run().result.exit_code == 12
    sandbox.clear_faults()
    sandbox.add_user(TOKEN, "Somebody")
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1


def test_a_token_that_never_worked_leaves_the_drop_in_the_inbox(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    sandbox.add_fault("expired-token")
    assert home.run().result.exit_code == 12
    assert (home.inbox / "users.csv").exists()
    sandbox.clear_faults()
    assert home.run().result.outcome == "imported"


def test_a_throttled_upload_is_repeated_after_a_pause(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    clock, begun, times = fast_clock(), [], iter((True, True, False))

    def throttle() -> None:
        begun.append(clock.monotonic())
        if next(times):
            sandbox.add_fault("throttle=1")

    told = home.run(clock=clock, show=Watching({"uploading": throttle}))
    assert told.result.outcome == "imported"
    assert (posts(sandbox), len(sandbox.imports)) == (3, 1)
    assert begun[1] - begun[0] >= 1
    assert begun[2] - begun[0] >= 2.5


def test_a_throttled_upload_is_left_to_the_next_run_without_waiting(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    told = home.run(patient=False, show=Watching({"uploading": lambda: sandbox.add_fault("throttle=1")}))
    assert (told.result.exit_code, home.last().state) == (0, BatchState.PACKED)
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1


def test_an_upload_whose_connection_is_refused_goes_on_when_canvas_is_back(
    new_home: Callable[..., Home], tmp_path: Path, golden: Golden
) -> None:
    data = tmp_path / "canvas"
    with Sandbox(token=TOKEN, data=data) as sandbox:
        port = sandbox.port
        home = new_home(sandbox.url)
        home.drop()
        told = home.run(show=Watching({"uploading": sandbox.stop}))
    assert (told.result.exit_code, home.last().state) == (13, BatchState.PACKED)
    golden(told.message)
    with Sandbox(token=TOKEN, data=data, port=port) as sandbox:
        assert home.run().result.outcome == "imported"
        assert len(sandbox.imports) == 1


def test_an_upload_to_a_name_that_is_not_resolved_goes_on_when_it_is(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    home.drop()

    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    told = home.run(show=Watching({"uploading": lambda: monkeypatch.setattr(socket, "getaddrinfo", unknown)}))
    monkeypatch.undo()
    assert (told.result.exit_code, home.last().state) == (13, BatchState.PACKED)
    golden(told.message)
    assert home.run().result.outcome == "imported"
    assert (posts(sandbox), len(sandbox.imports)) == (1, 1)


LIMITS = {
    "skip_deletes": {"SIS_IMPORT_SKIP_DELETES": "true"},
    "change_threshold": {
        "SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER": "nightly",
        "SIS_IMPORT_CHANGE_THRESHOLD": "10",
    },
    "diffing_drop_status": {
        "SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER": "nightly",
        "SIS_IMPORT_DIFFING_DROP_STATUS": "inactive",
    },
}


@pytest.mark.parametrize("option", LIMITS)
def test_an_import_without_an_option_that_limits_deletions_is_aborted(
    home: Home, sandbox: Sandbox, option: str
) -> None:
    home.configure(**LIMITS[option])
    home.drop()
    sandbox.add_fault(f"ignore-option={option}")
    sandbox.add_fault("slow=1")
    told = home.run()
    assert (told.result.exit_code, home.last().state) == (4, BatchState.ABORTED)
    assert states(sandbox) == ["aborted"]
    assert option in told.message
    methods = [asked.method for asked in sandbox.requests]
    assert methods[methods.index("POST") + 1] == "PUT", "it was aborted before anything else was asked"
    assert home.run().result.exit_code == 5


def test_an_abort_that_canvas_did_not_answer_is_repeated(sandbox: Sandbox, new_home: Callable[..., Home]) -> None:
    aborts = iter((Reply(502), Reply(502)))

    def loses_aborts(asked: Request, forward: Callable[[], Reply]) -> Reply:
        return next(aborts, None) or forward() if asked.method == "PUT" else forward()

    with Proxy(sandbox.url, loses_aborts) as proxy:
        home = new_home(proxy.url, SIS_IMPORT_SKIP_DELETES="true")
        home.drop()
        sandbox.add_fault("ignore-option=skip_deletes")
        sandbox.add_fault("slow=1")
        assert home.run().result.exit_code == 4
    assert states(sandbox) == ["aborted"]


def test_an_abort_that_comes_too_late_leaves_an_import_that_is_not_accepted(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.configure(SIS_IMPORT_SKIP_DELETES="true")
    home.drop()
    sandbox.add_fault("ignore-option=skip_deletes")
    told = home.run(show=Watching({"importing": sandbox.wait_idle}, end={"uploading": sandbox.wait_idle}))
    assert (told.result.exit_code, home.last().state) == (4, BatchState.NOT_ACCEPTED)
    assert states(sandbox) == ["imported"]
    golden(told.message)


def test_an_option_that_deletes_nothing_and_was_not_taken_is_told_at_the_end(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.configure(SIS_IMPORT_OVERRIDE_SIS_STICKINESS="true")
    home.drop()
    sandbox.add_fault("ignore-option=override_sis_stickiness")
    told = home.run()
    assert (told.result.exit_code, home.last().state) == (4, BatchState.NOT_ACCEPTED)
    assert states(sandbox) == ["imported"]
    golden(told.message)
    assert not any(asked.path.endswith("/abort") for asked in sandbox.requests)


def test_a_state_that_nobody_knows_holds_until_it_is_one_that_is_known(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop()
    sandbox.add_fault("unknown-state=reconciled")
    told = home.run()
    assert (told.result.exit_code, home.last().state) == (5, BatchState.IMPORTING)
    golden(told.message)
    home.drop({"users.csv": USERS, "courses.csv": COURSES})
    assert home.run().result.exit_code == 5
    assert len(sandbox.imports) == 1
    sandbox.set_state(sandbox.imports[0].id, "imported")
    assert [batch.state for batch in home.run().result.batches] == [BatchState.IMPORTED, BatchState.IMPORTED]


def test_an_import_that_canvas_forgets_is_not_accepted_and_can_be_skipped(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop()
    told = home.run(show=Watching({"importing": lambda: sandbox.add_fault("forget")}))
    assert (told.result.exit_code, home.last().state) == (4, BatchState.NOT_ACCEPTED)
    golden(told.message)
    home.drop()
    assert home.run().result.exit_code == 5
    release.skip(home.settings(), home.last().id, "looked at it", fast_clock())
    sandbox.clear_faults()
    sandbox.add_fault("forget=1")
    assert home.run().result.outcome == "imported"


def test_a_direct_upload_that_stays_initializing_is_aborted_and_sent_anew(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    sandbox.add_fault("stuck-initializing")
    clock, begun = fast_clock(), []
    told = home.run(clock=clock, show=Watching({"uploading": lambda: begun.append(clock.monotonic())}))
    assert told.result.outcome == "imported"
    assert states(sandbox) == ["aborted", "imported"]
    assert begun[1] - begun[0] >= 5
    assert home.last().strays == (1,)
    home.drop({"users.csv": USERS, "courses.csv": COURSES})
    assert home.run().result.outcome == "imported"


def test_a_lost_upload_that_stays_initializing_is_given_up_after_half_an_hour(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_POLL_LIMIT="1m")
    home.drop()
    sandbox.add_fault("stuck-initializing")
    sandbox.add_fault("cut-after-accept")
    assert home.run().result.exit_code == 6
    assert posts(sandbox) == 1
    sandbox.add_fault("clock-skew=1900")
    assert home.run().result.outcome == "imported"
    assert states(sandbox) == ["initializing", "imported"]


def cut_after(home: Home, seconds: float) -> None:
    """Leave a batch whose direct upload was cut after so long, as the journal has it then."""
    with pytest.raises(KeyboardInterrupt):
        home.run(show=Watching({"uploading": _interrupt}))
    with home.journal_to_write() as journal:
        journal.amend(home.last().lost(home.last().reason, seconds))


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_a_direct_upload_cut_after_more_than_45_seconds_holds_and_names_the_setting(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop()
    cut_after(home, 61.0)
    told = home.run()
    assert (told.result.exit_code, told.result.outcome) == (5, "held")
    golden(told.message)
    assert "61" in told.message
    assert "SIS_SYNC_UPLOAD=two-step" in told.message
    assert home.run().result.exit_code == 5
    assert posts(sandbox) == 0
    home.configure(SIS_SYNC_UPLOAD="two-step")
    assert home.run().result.outcome == "imported"
    assert [asked.path for asked in sandbox.requests if asked.method == "POST"][1].startswith("/uploads/")


def test_a_direct_upload_cut_after_more_than_45_seconds_can_be_sent_the_same_way_again(
    home: Home, sandbox: Sandbox
) -> None:
    home.drop()
    cut_after(home, 61.0)
    assert home.run().result.exit_code == 5
    release.retry(home.settings(), home.last().id, "the proxy's time-out is raised", fast_clock())
    assert home.run().result.outcome == "imported"
    assert (posts(sandbox), len(sandbox.imports)) == (1, 1)


def test_a_direct_upload_cut_after_less_is_sent_again(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    cut_after(home, 44.0)
    assert home.run().result.outcome == "imported"


def test_how_long_a_lost_upload_lasted_is_journalled(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CREATE_SECONDS", 0.2)
    home.drop()
    sandbox.add_fault("late-answer=0.5")
    home.run()
    cut = home.last().sending.cut_after
    assert cut is not None
    assert 0.2 <= cut < 5


@pytest.mark.parametrize("upload", ["direct", "two-step"])
def test_a_zip_that_changes_while_it_is_sent_never_arrives_and_is_held(
    home: Home, sandbox: Sandbox, upload: str, golden: Golden
) -> None:
    home.configure(SIS_SYNC_UPLOAD=upload, SIS_SYNC_LOST_SECONDS=1)
    home.drop()

    def alter() -> None:
        zipped = next(home.archive.rglob("import.zip"))
        content = bytearray(zipped.read_bytes())
        content[-30] ^= 1
        zipped.write_bytes(content)

    altered = home.run(show=Watching(begin={"uploading": alter}))
    assert altered.result.exit_code == 5
    assert "import.zip" in altered.message
    golden(altered.message)
    held = home.run()
    assert (held.result.exit_code, home.last().state) == (5, BatchState.HELD)
    assert all(record.workflow_state in {"initializing", "aborted"} for record in sandbox.imports)
    assert sandbox.count("user") == 0


def test_a_term_that_canvas_does_not_find_is_named(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.configure(SIS_IMPORT_BATCH_MODE="true", SIS_IMPORT_BATCH_MODE_TERM_ID="sis_term_id:2031F")
    home.configure(SIS_IMPORT_CHANGE_THRESHOLD=10)
    home.drop()
    told = home.run()
    if home.last().state is BatchState.HELD:
        home.type("approve", home.last().id, "--yes", "--reason", "the first delivery of this home")
        told = home.run()
    assert (told.result.exit_code, home.last().state) == (10, BatchState.REJECTED)
    golden(told.message)
    assert "SIS_IMPORT_BATCH_MODE_TERM_ID" in told.message


def test_an_expired_token_is_tried_once_a_run_and_a_new_one_continues(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop()
    assert home.run().result.outcome == "imported"
    sandbox.add_fault("expired-token")
    home.drop()
    before = len(sandbox.requests)
    told = home.run()
    assert (told.result.exit_code, len(sandbox.requests) - before) == (12, 1)
    golden(told.message)
    sandbox.clear_faults()
    assert home.run().result.outcome == "imported"
