"""The gate by whole runs: every row of its table, with a sandbox whose imports are put into each state."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home, Watching, fast_clock

from canvas_sis_sync.canvas.records import Target
from canvas_sis_sync.errors import UsageError
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync.decision import Verdict
from canvas_sis_sync.sync.gate import ask
from canvas_sis_sync.sync.session import begin

WAITS = ["initializing", "created", "importing", "cleanup_batch", "restoring"]
HOLDS = ["failed", "failed_with_messages", "aborted", "restored", "partially_restored", "restore_failed", "reconciled"]


@pytest.fixture
def second(home: Home, sandbox: Sandbox) -> Home:
    """Give a home that has sent one batch, with the next drop in its inbox and little patience."""
    home.drop()
    assert home.run().result.exit_code == 0
    home.configure(SIS_SYNC_POLL_LIMIT="2s")
    home.drop({"users.csv": USERS, "courses.csv": COURSES})
    return home


def sent(sandbox: Sandbox) -> int:
    return sum(not record.planted for record in sandbox.imports)


def test_our_own_unfinished_import_is_waited_for_with_the_drop_in_the_inbox(
    second: Home, sandbox: Sandbox, golden: Golden
) -> None:
    (record,) = sandbox.imports
    record.planted = True  # the sandbox would import it once more
    for state in WAITS:
        sandbox.set_state(record.id, state)
        told = second.run()
        assert (told.result.outcome, told.result.exit_code) == ("waiting", 6), state
        golden(told.message)
        assert (second.inbox / "courses.csv").exists()
        assert len(second.batches()) == len(sandbox.imports) == 1
    sandbox.set_state(record.id, "imported")
    assert second.run().result.outcome == "imported"


def test_our_own_import_that_did_not_end_well_holds_until_it_is_skipped(
    second: Home, sandbox: Sandbox, golden: Golden
) -> None:
    first = second.last()
    for state in HOLDS:
        sandbox.set_state(first.sent_as, state)
        told = second.run()
        assert (told.result.outcome, told.result.exit_code) == ("held", 5), state
        golden(told.message, state)
        assert first.id in told.message
        assert f"{sandbox.url}/accounts/1/sis_import" in told.message
        assert (second.inbox / "courses.csv").exists()
        assert len(second.batches()) == sent(sandbox) == 1
    second.say("skip", first.id, "known")
    assert second.run().result.outcome == "imported"


def test_our_own_import_that_canvas_no_longer_knows_holds_until_it_is_skipped(
    second: Home, sandbox: Sandbox, golden: Golden
) -> None:
    first = second.last()
    sandbox.add_fault(f"forget={first.import_id}")
    told = second.run()
    assert told.result.exit_code == 5
    golden(told.message)
    second.say("skip", first.id, "a new Canvas")
    assert second.run().result.outcome == "imported"


@pytest.mark.parametrize("host", ["college.beta.example.edu", "college.test.example.edu", "test.example.edu"])
def test_on_hosts_that_are_overwritten_on_a_schedule_a_forgotten_import_is_only_noted(
    second: Home, sandbox: Sandbox, host: str
) -> None:
    first = second.last()
    sandbox.add_fault(f"forget={first.import_id}")
    with begin(second.settings(), Watching(), fast_clock(), patient=True) as session:
        vars(session)["target"] = Target(host, 1)  # a home that was set to that host
        session.journal.add(replace(first, id="20990101-000000", target=session.target))
        decision = ask(session).decision
    assert decision.verdict is (Verdict.HOLD if host.startswith("test.") else Verdict.GO)


def test_somebody_elses_unfinished_import_is_waited_for(second: Home, sandbox: Sandbox) -> None:
    theirs = sandbox.add_import()
    for state in WAITS:
        sandbox.set_state(theirs, state)
        told = second.run()
        assert (told.result.outcome, told.result.exit_code) == ("waiting", 6), state
        assert sent(sandbox) == 1
    sandbox.set_state(theirs, "imported")
    assert second.run().result.outcome == "imported"


def test_somebody_elses_upload_that_will_never_be_complete_is_passed_over_with_a_note(
    second: Home, sandbox: Sandbox, golden: Golden
) -> None:
    sandbox.add_import("initializing", created_at=time.time() - 31 * 60)
    watching = Watching()
    assert second.run(show=watching).result.outcome == "imported"
    golden("\n".join(watching.notes))


def test_somebody_elses_finished_import_lets_us_go_unless_the_whole_account_is_looked_at(
    second: Home, sandbox: Sandbox
) -> None:
    theirs = sandbox.add_import()
    with begin(second.settings(), Watching(), fast_clock(), patient=True) as session:
        whole = replace(session, settings=replace(session.settings, gate="account"))
        for state in ("imported", "imported_with_messages", "failed", "failed_with_messages", "aborted", "restored"):
            sandbox.set_state(theirs, state)
            assert ask(session).decision.verdict is Verdict.GO, state
            holds = ask(whole).decision.verdict is Verdict.HOLD
            assert holds is (state in {"failed", "failed_with_messages", "aborted"}), state


def test_with_the_gate_set_to_the_account_their_failure_holds_until_it_is_skipped(
    second: Home, sandbox: Sandbox, golden: Golden
) -> None:
    theirs = sandbox.add_import("failed")
    second.configure(SIS_SYNC_GATE="account")
    told = second.run()
    assert (told.result.outcome, told.result.exit_code) == ("held", 5)
    golden(told.message)
    assert f"sis-sync skip --import {theirs}" in told.message
    second.say("skip_import", theirs, "it was a rehearsal")
    assert second.run().result.outcome == "imported"


def test_a_state_that_nobody_knows_holds_whosever_it_is(second: Home, sandbox: Sandbox, golden: Golden) -> None:
    theirs = sandbox.add_import("reconciled")
    told = second.run()
    assert told.result.exit_code == 5
    golden(told.message, "reconciled")
    second.say("skip_import", theirs, "looked at it")
    assert second.run().result.outcome == "imported"
    sandbox.set_state(theirs, "reconciled_again")
    second.drop({"users.csv": USERS.replace("Ben", "Bob"), "courses.csv": COURSES})
    told = second.run()
    assert told.result.exit_code == 5
    golden(told.message, "reconciled_again")


def test_an_import_that_canvas_does_not_know_cannot_be_released(second: Home, sandbox: Sandbox, golden: Golden) -> None:
    with pytest.raises(UsageError) as refused:
        second.say("skip_import", 999, "known")
    golden(str(refused.value))


@pytest.mark.parametrize(("state", "code"), [("failed", 0), ("importing", 6)])
def test_before_our_first_batch_only_unfinished_imports_count_and_a_failure_is_mentioned(
    home: Home, sandbox: Sandbox, state: str, code: int
) -> None:
    theirs = sandbox.add_import(state)
    home.configure(SIS_SYNC_POLL_LIMIT="2s", SIS_SYNC_GATE="account")
    home.drop()
    watching = Watching()
    assert home.run(show=watching).result.exit_code == code
    assert any(str(theirs) in note for note in watching.notes)


def test_the_gate_is_asked_again_right_before_sending(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    """Somebody else begins while the drop is being zipped: the batch waits, packed."""
    home.configure(SIS_SYNC_POLL_LIMIT="2s")
    home.drop()
    told = home.run(show=Watching(begin={"zipping": lambda: sandbox.add_import("importing")}))
    assert (told.result.outcome, told.result.exit_code) == ("waiting", 6)
    assert home.last().state == "packed"
    golden(told.message)
    assert sent(sandbox) == 0
    sandbox.set_state(sandbox.imports[0].id, "imported")
    assert home.run().result.outcome == "imported"


def test_a_packed_batch_is_held_by_the_gate_and_says_that_canvas_has_nothing_of_it(
    second: Home, sandbox: Sandbox, golden: Golden
) -> None:
    first = second.last()
    second.run(show=Watching(begin={"zipping": lambda: sandbox.set_state(first.sent_as, "restored")}))
    told = second.run()
    assert told.result.exit_code == 5
    golden(told.message)


def test_drops_pile_up_untouched_while_held_and_go_one_by_one_afterwards(
    home: Home, sandbox: Sandbox, at: Callable[[Home, str, int], None]
) -> None:
    sandbox.add_fault("fail")
    home.drop()
    home.run()
    for number, name in enumerate(("monday", "tuesday", "wednesday")):
        home.drop(folder=name)
        at(home, name, 1_000 + number)
        listing = sorted(path for path in home.inbox.rglob("*"))
        assert home.run().result.exit_code == 5
        assert sorted(path for path in home.inbox.rglob("*")) == listing
    home.say("skip", home.last().id, "known")
    told = home.run()
    assert [batch.drop_name for batch in told.result.batches] == ["monday", "tuesday", "wednesday"]
    assert sent(sandbox) == 4
    for earlier, later in itertools.pairwise(sandbox.imports[1:]):
        assert earlier.ended_at is not None
        assert earlier.ended_at <= later.created_at


@pytest.fixture
def at() -> Callable[[Home, str, int], None]:
    """Give a function that sets the time of all files of a drop."""

    def set_time(home: Home, name: str, mtime: int) -> None:
        for path in (home.inbox / name).iterdir():
            os.utime(path, (mtime, mtime))

    return set_time
