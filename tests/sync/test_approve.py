"""`sis-sync approve`: what a person sees, says and releases, and what nobody can approve."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.college import STUDENTS, college
from support.golden import Golden
from support.homes import Home, fast_clock
from support.sentences import in_full

from canvas_sis_sync.errors import HeldError, UsageError
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.lock import home_lock
from canvas_sis_sync.plan import text
from canvas_sis_sync.plan.values import Basis
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync import approve


@pytest.fixture
def held(home: Home, sandbox: Sandbox) -> Batch:
    """Give a delivery of a diffed data set that is held because half of it is missing."""
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="college")
    home.drop(college())
    assert home.run().result.outcome == "imported"
    home.drop(college(STUDENTS // 2))
    assert home.run().result.exit_code == 5
    return home.last()


@pytest.fixture
def term_over(home: Home, sandbox: Sandbox) -> Batch:
    """Give a delivery that is held because the fall term is no longer in it."""
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="college")
    home.drop(_two_terms())
    assert home.run().result.outcome == "imported"
    home.drop(_two_terms(fall=False))
    assert home.run().result.exit_code == 5
    return home.last()


def _two_terms(*, fall: bool = True) -> dict[str, str]:
    files = college(term="S27")
    files["terms.csv"] += "F26,Fall,active\n"
    if fall:
        files["courses.csv"] += "C0,C0,Course,active,F26\n"
        files["enrollments.csv"] += "".join(f"C0,s{number},student,active\n" for number in range(STUDENTS))
    return files


def yes(home: Home, batch: Batch, *options: str) -> str:
    done = home.type("approve", batch.id, "--reason", "known", "--yes", *options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_what_was_held_is_shown_and_goes_with_the_next_run(
    home: Home, sandbox: Sandbox, held: Batch, golden: Golden
) -> None:
    said = yes(home, held)
    plan = json.loads((home.folder_of(held) / "plan.json").read_text())
    assert said.startswith(text.table(plan))
    golden(said)
    assert held.id in said
    batch = home.last()
    assert (batch.state, batch.steps[-1].who, batch.steps[-1].reason) == (BatchState.PACKED, getpass.getuser(), "known")
    assert batch.approval is not None
    assert (batch.approval.basis, batch.approval.who, batch.approval.remembered) == (held.basis, getpass.getuser(), ())
    assert home.receipt()["batch"]["approval"]["reason"] == "known"
    assert f"approved by {getpass.getuser()}: known" in (home.folder / "logs" / "sis-sync.log").read_text()
    assert sandbox.count("enrollment") == STUDENTS
    assert home.run().result.outcome == "imported"
    assert (home.last().id, sandbox.count("enrollment")) == (held.id, STUDENTS // 2)


def test_nobody_at_a_terminal_and_no_yes_approves_nothing(
    home: Home, sandbox: Sandbox, held: Batch, golden: Golden
) -> None:
    done = home.type("approve", held.id, "--reason", "known")
    assert done.returncode == 2
    golden(done.stdout)
    golden(done.stderr, "2")
    assert home.last() == held


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    pty = pytest.importorskip("pty")
    ends = pty.openpty()
    yield ends
    for end in ends:
        os.close(end)


@pytest.mark.parametrize(("word", "code", "state"), [("n", 5, BatchState.HELD), ("y", 0, BatchState.PACKED)])
def test_at_a_terminal_it_asks(
    home: Home,
    sandbox: Sandbox,
    held: Batch,
    terminal: tuple[int, int],
    word: str,
    code: int,
    state: BatchState,
    golden: Golden,
) -> None:
    ours, theirs = terminal
    process = home.start("approve", held.id, "--reason", "known", stdin=theirs)
    os.write(ours, f"{word}\n".encode())
    out, err = process.communicate(timeout=60)
    assert (process.returncode, home.last().state) == (code, state)
    golden(err.rstrip())  # an older click leaves out the space at the end
    assert out.index("Verdict: hold.") < out.index("Nothing was changed." if code else "is approved, exactly as it is.")


def test_it_needs_no_canvas(home: Home, sandbox: Sandbox, held: Batch) -> None:
    sandbox.add_fault("get-500=100")
    yes(home, held)
    assert home.last().state is BatchState.PACKED


def test_a_term_that_is_over_may_be_missing_from_then_on(
    home: Home, sandbox: Sandbox, term_over: Batch, golden: Golden
) -> None:
    golden(home.run().message)
    golden(home.type("plan").stdout, "2")
    said = yes(home, term_over, "--remember")
    golden(said, "3")
    approval = home.last().approval
    assert approval is not None
    assert approval.remembered == (("term", "F26"),)
    assert home.run().result.outcome == "imported"
    assert sandbox.count("enrollment") == STUDENTS
    with home.journal() as journal:
        assert journal.remembered(term_over.target) == {("term", "F26")}


def test_with_no_term_gone_there_is_nothing_to_remember(
    home: Home, sandbox: Sandbox, held: Batch, golden: Golden
) -> None:
    done = home.type("approve", held.id, "--reason", "known", "--yes", "--remember")
    assert done.returncode == 2
    golden(done.stderr)
    assert home.last() == held


def refused(home: Home, batch_id: str) -> str:
    """Give the sentence with which both looking and approving are refused."""
    with pytest.raises(UsageError) as at_showing:
        approve.show(home.settings(), batch_id, fast_clock())
    with pytest.raises(UsageError) as at_approving:
        approve.approve(home.settings(), batch_id, "known", fast_clock())
    assert at_showing.value.sentence == at_approving.value.sentence
    return at_showing.value.sentence


def test_what_is_not_held_cannot_be_approved(home: Home, sandbox: Sandbox, held: Batch, golden: Golden) -> None:
    golden(refused(home, home.batches()[0].id), "imported")
    golden(refused(home, "20200101-000000"), "unknown")
    yes(home, held)
    golden(refused(home, held.id), "packed")


def test_what_is_held_for_something_else_cannot_be_approved(
    home: Home, sandbox: Sandbox, held: Batch, golden: Golden
) -> None:
    cut = replace(held, id="20990101-000000", reason="its claim was cut short.", assessment=None, steps=())
    with home.journal_to_write() as journal:
        journal.add(cut)
    golden(refused(home, cut.id), "cut")
    path = home.folder_of(held) / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"verdict": "go"}))
    golden(refused(home, held.id), "go")


def test_a_plan_that_is_lost_leaves_the_reason_to_judge_by(
    home: Home, sandbox: Sandbox, held: Batch, golden: Golden
) -> None:
    (home.folder_of(held) / "plan.json").unlink()
    assert home.type("approve", held.id, "--reason", "known", "--yes", "--remember").returncode == 2
    said = yes(home, held)
    golden(said)
    assert held.id in said
    assert home.last().state is BatchState.PACKED


def test_a_yes_to_an_older_plan_is_none(home: Home, sandbox: Sandbox, held: Batch, golden: Golden) -> None:
    older = Basis("other", {}, held.target)
    with pytest.raises(HeldError) as caught:
        approve.approve(home.settings(), held.id, "known", fast_clock(), shown=older)
    golden(in_full(caught.value))
    assert home.last() == held


def test_nobody_is_heard_while_a_run_is_at_work(home: Home, sandbox: Sandbox, held: Batch) -> None:
    with home_lock(home.archive / ".lock") as free:
        assert free
        assert home.type("approve", held.id, "--reason", "known", "--yes").returncode == 5
    assert home.last() == held


def test_an_approval_is_void_when_what_is_asked_of_canvas_changes(
    home: Home, sandbox: Sandbox, held: Batch, golden: Golden
) -> None:
    yes(home, held)
    home.configure(SIS_IMPORT_DIFFING_DROP_STATUS="inactive")
    told = home.run()
    assert told.result.exit_code == 5
    golden(told.message)
    assert sandbox.count("enrollment") == STUDENTS
    yes(home, held)
    assert home.run().result.outcome == "imported"


def test_a_message_names_what_can_be_typed(home: Home, sandbox: Sandbox, held: Batch, golden: Golden) -> None:
    message = home.run().message
    for word in (f"plan {held.id}", f"approve {held.id} --reason TEXT", f"discard {held.id} --reason TEXT"):
        assert f"`sis-sync {word}`" in message
    golden(message)
    golden(home.say("discard", held.id, "exported again"), "discard")


def test_an_approval_is_taken_back_by_a_discard_until_the_next_run(
    home: Home, sandbox: Sandbox, term_over: Batch, golden: Golden
) -> None:
    yes(home, term_over, "--remember")
    golden(home.say("discard", term_over.id, "a slip"))
    batch = home.last()
    assert (batch.state, batch.approval) == (BatchState.DISCARDED, None)
    assert [step.reason for step in batch.steps[-2:]] == ["known", "a slip"]
    with home.journal() as journal:
        assert not journal.remembered(batch.target)
    assert home.run().result.outcome == "idle"
    assert len(sandbox.imports) == 1


def test_what_check_refuses_by_now_is_not_approved(home: Home, held: Batch, golden: Golden) -> None:
    home.configure(SIS_SYNC_REFUSE_ON="warning", SIS_SYNC_BREAKER_USER="1%")
    done = home.type("approve", held.id, "--reason", "known", "--yes")
    assert (done.returncode, done.stderr) == (3, "")
    golden(done.stdout)
    assert f"discard {held.id} " in done.stdout
    assert (home.last().state, home.last().approval) == (BatchState.REFUSED, None)
