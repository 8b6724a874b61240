"""Every row of the state table, by whole runs: how a batch gets there, what the run says, and what leads out."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home, Watching, fast_clock

from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.errors import UsageError
from canvas_sis_sync.home.batch import TRANSITIONS, Batch, BatchState
from canvas_sis_sync.home.drops import DropFile, DropKind
from canvas_sis_sync.sandbox.sandbox import Sandbox


@dataclass(frozen=True)
class Ending:
    """One way for a batch to end so that somebody must act."""

    arrange: Callable[[Home, Sandbox], object]
    #: Exit code of the run that brings it there.
    exit_code: int
    #: Whether Canvas has an import of it.
    sent: bool


@pytest.fixture(autouse=True)
def errors_at_once(sandbox: Sandbox) -> None:
    """Have the errors attachment without waiting for it."""
    sandbox.add_fault("late-attachment=0")


def bad_zip(home: Home, sandbox: Sandbox) -> None:
    home.drop({"ready.zip": b"PK\x03\x04 and nothing more"})


def interrupted_claim(home: Home, sandbox: Sandbox) -> None:
    """Leave the home as a run does that died between two renames, with a later export's file in place of the other."""
    claimed = home.archive / "2026" / "01" / "20260101-000000" / "files"
    claimed.mkdir(parents=True)
    (claimed / "courses.csv").write_text(COURSES)
    home.drop({"users.csv": USERS})
    with home.journal_to_write() as journal:
        listed = (DropFile("users.csv", 1, 1, "1:1"), DropFile("courses.csv", 1, 1, "1:2"))
        target = Target(home.settings().host, 1)
        journal.add(
            Batch("20260101-000000", BatchState.CLAIMED, target, "loose files", DropKind.LOOSE, 1.0, files=listed)
        )


def refused_request(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("refuse=422")
    home.drop()


def option_not_taken(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_IMPORT_OVERRIDE_SIS_STICKINESS="true")
    sandbox.add_fault("ignore-option=override_sis_stickiness")
    home.drop()


def broken(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop()


def not_utf8(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_REFUSE_ON="never")
    home.drop({"users.csv": USERS, "courses.csv": COURSES.encode() + b"c2,\xff,Two,active\n"})


def aborted(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("abort")
    home.drop()


ENDINGS: Mapping[BatchState, Ending] = {
    BatchState.REFUSED: Ending(bad_zip, 3, sent=False),
    BatchState.HELD: Ending(interrupted_claim, 5, sent=False),
    BatchState.REJECTED: Ending(refused_request, 10, sent=False),
    BatchState.NOT_ACCEPTED: Ending(option_not_taken, 4, sent=True),
    BatchState.FAILED: Ending(broken, 4, sent=True),
    BatchState.FAILED_WITH_MESSAGES: Ending(not_utf8, 4, sent=True),
    BatchState.ABORTED: Ending(aborted, 4, sent=True),
}
WORDS = {"skip": BatchState.SKIPPED, "discard": BatchState.DISCARDED, "retry": BatchState.RETRIED}


def end(home: Home, sandbox: Sandbox, state: BatchState) -> Batch:
    """Bring a batch to `state` by a run, and empty the inbox for what comes next."""
    ENDINGS[state].arrange(home, sandbox)
    assert home.run().result.outcome == state
    for left in home.inbox.glob("*.csv"):
        left.unlink()
    return home.last()


@pytest.mark.parametrize("state", ENDINGS)
def test_a_batch_that_ends_badly_holds_what_comes_next_and_says_so_each_time(
    home: Home, sandbox: Sandbox, golden: Golden, state: BatchState
) -> None:
    ENDINGS[state].arrange(home, sandbox)
    first = home.run()
    assert (first.result.outcome, first.result.exit_code) == (state, ENDINGS[state].exit_code)
    batch, imports = home.last(), len(sandbox.imports)
    home.drop({"later.csv": COURSES})
    golden(first.message, "first")
    for told in (home.run(), home.run()):
        assert (told.result.outcome, told.result.exit_code) == ("held", 5)
        golden(told.message, "later")
    refusals = []
    for word in (word for word, after in WORDS.items() if after not in TRANSITIONS[state]):
        with pytest.raises(UsageError) as refused:
            home.say(word, batch.id, "because")
        refusals.append(str(refused.value))
    if refusals:
        golden("\n".join(refusals), "other-words")
    assert (home.inbox / "later.csv").exists()
    assert len(sandbox.imports) == imports
    assert home.last() == batch


@pytest.mark.parametrize(
    ("state", "word"),
    [(state, word) for state in ENDINGS for word, after in WORDS.items() if after in TRANSITIONS[state]],
)
def test_a_person_leads_out_by_the_words_that_fit(home: Home, sandbox: Sandbox, state: BatchState, word: str) -> None:
    batch = end(home, sandbox, state)
    assert batch.id in home.say(word, batch.id, "because")
    after = home.batches()[0]
    assert (after.state, after.steps[-1].reason) == (WORDS[word], "because")
    assert after.steps[-1].who not in {"", "run"}
    assert home.receipt(after)["batch"]["state"] == WORDS[word]
    home.configure(SIS_IMPORT_OVERRIDE_SIS_STICKINESS="")
    home.drop({"users.csv": USERS, "later.csv": COURSES})
    told = home.run()
    if word == "retry":
        assert told.result.batches[0].retry_of == batch.id
    else:
        assert told.result.outcome == "imported"


def test_a_retried_batch_sends_the_same_zip_as_a_new_batch(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    first = end(home, sandbox, BatchState.FAILED)
    answer = home.say("retry", first.id, "Canvas had a bad day")
    told = home.run()
    assert told.result.outcome == "imported"
    old, new = home.batches()
    assert (old.state, new.state, new.retry_of) == (BatchState.RETRIED, BatchState.IMPORTED, first.id)
    assert new.zip.sha256 == old.zip.sha256
    golden(answer)
    assert new.id in answer
    assert sandbox.count("user") >= 2


def test_a_retry_of_a_refused_zip_is_judged_again(home: Home, sandbox: Sandbox) -> None:
    first = end(home, sandbox, BatchState.REFUSED)
    home.say("retry", first.id, "again")
    told = home.run()
    assert (told.result.outcome, told.result.exit_code) == ("refused", 3)
    assert [batch.state for batch in home.batches()] == [BatchState.RETRIED, BatchState.REFUSED]


def test_a_retry_whose_zip_is_gone_is_held(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    first = end(home, sandbox, BatchState.FAILED)
    home.say("retry", first.id, "again")
    (home.folder_of(first) / "import.zip").unlink()
    told = home.run()
    assert (told.result.outcome, told.result.exit_code) == ("held", 5)
    golden(told.message)


def test_a_held_claim_names_both_halves(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    ENDINGS[BatchState.HELD].arrange(home, sandbox)
    told = home.run()
    golden(told.message)
    for place in (home.inbox, home.archive / "2026" / "01" / home.last().id / "files", "users.csv", "courses.csv"):
        assert str(place) in told.message
    assert (home.inbox / "users.csv").read_text() == USERS


@pytest.mark.parametrize("stage", ["zipping", "uploading", "importing"])
def test_a_run_that_is_interrupted_is_finished_by_the_next_one(home: Home, sandbox: Sandbox, stage: str) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    home.drop()
    with pytest.raises(KeyboardInterrupt):
        home.run(show=Watching({stage: interrupt}))
    open_states = {"zipping": BatchState.CLAIMED, "uploading": BatchState.SENDING, "importing": BatchState.IMPORTING}
    assert home.last().state is open_states[stage]
    home.configure(SIS_SYNC_LOST_SECONDS=1)
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1
    assert len(home.batches()) == 1


@pytest.mark.parametrize("state", ["sending", "importing"])
def test_the_poll_limit_leaves_the_batch_to_the_next_run_with_exit_code_6(
    home: Home, sandbox: Sandbox, state: str, golden: Golden
) -> None:
    sandbox.add_fault("stuck-initializing" if state == "sending" else "slow=1")
    home.configure(SIS_SYNC_POLL_LIMIT="3s", SIS_SYNC_UPLOAD="two-step" if state == "sending" else "direct")
    home.drop({"users.csv": USERS, "courses.csv": COURSES})
    for _ in range(2):
        told = home.run(clock=fast_clock(0.001))
        assert (told.result.outcome, told.result.exit_code) == ("waiting", 6)
        batch = home.last()
        assert batch.state == state
        assert "SIS_SYNC_POLL_LIMIT" in told.message
        first, *how_far, last = told.message.splitlines()
        golden(f"{first}\n{last}")
        assert f"import {batch.import_id} at {sandbox.url}" in "".join(how_far)
    sandbox.set_state(batch.sent_as, "imported")
    home.run()
    assert len(sandbox.imports) == 1


def test_an_import_in_an_unknown_state_holds_until_its_state_is_known(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    sandbox.add_fault("unknown-state=reconciled")
    home.drop()
    told = home.run()
    assert (told.result.outcome, told.result.exit_code) == ("held", 5)
    golden(told.message)
    assert home.last().state is BatchState.IMPORTING
    sandbox.set_state(home.last().sent_as, "imported")
    assert home.run().result.exit_code == 0


def test_a_lost_batch_can_be_adopted_or_retried_by_a_person(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    sandbox.add_fault("cut-before-accept")
    home.configure(SIS_SYNC_POLL_LIMIT="0s")
    home.drop()
    assert home.run().result.exit_code == 6
    lost = home.last()
    assert lost.state is BatchState.SENDING
    planted = sandbox.add_import("imported", user_id=sandbox.user.id)
    with pytest.raises(UsageError) as refused:
        home.say("adopt", lost.id, 999, "this one")
    golden(str(refused.value), "unknown")
    golden(home.say("adopt", lost.id, planted, "this one"), "adopted")
    assert home.last().state is BatchState.IMPORTING
    with pytest.raises(UsageError) as refused:
        home.say("adopt", lost.id, planted, "this one")
    golden(str(refused.value), "again")
    home.configure(SIS_SYNC_POLL_LIMIT="1h")
    home.run()
    assert home.last().import_id == planted


def test_an_import_of_another_batch_cannot_be_adopted(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.drop()
    home.run()
    sandbox.add_fault("cut-before-accept")
    home.configure(SIS_SYNC_POLL_LIMIT="0s")
    home.drop()
    home.run()
    with pytest.raises(UsageError) as refused:
        home.say("adopt", home.last().id, home.batches()[0].sent_as, "this one")
    golden(str(refused.value))


def test_a_retry_of_what_may_have_arrived_says_what_it_repeats(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    sandbox.add_fault("cut-before-accept")
    home.configure(SIS_SYNC_POLL_LIMIT="0s")
    enrollments = "course_id,user_id,role,status,notify\nc1,u1,student,active,true\n"
    home.drop({"users.csv": USERS, "ids.csv": "old_id,new_id,type\nu1,u9,user\n", "e.csv": enrollments})
    assert home.run().result.exit_code == 6
    golden(home.say("retry", home.last().id, "looked in Canvas: it is not there"))


def test_a_retry_of_applied_rows_says_how_many(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    batch = end(home, sandbox, BatchState.NOT_ACCEPTED)
    golden(home.say("retry", batch.id, "again"))


def test_a_retry_is_refused_when_a_later_batch_was_imported(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    first = end(home, sandbox, BatchState.HELD)
    home.say("discard", first.id, "exported again")
    sandbox.add_fault("fail")
    home.drop()
    home.run()
    failed = home.last()
    with home.journal_to_write() as journal:
        target = Target(home.settings().host, 1)
        later = Batch(
            "20990101-000000",
            BatchState.IMPORTED,
            target,
            "later",
            DropKind.ZIP,
            1.0,
            sis_import=SisImport(99, "imported"),
            filed=True,
        )
        journal.add(later)
    with pytest.raises(UsageError) as refused:
        home.say("retry", failed.id, "again")
    golden(f"{refused.value}\n{refused.value.hint}")
    assert "20990101-000000" in str(refused.value)
    assert failed.id in refused.value.hint


def test_a_release_counts_for_that_import_in_that_state_only(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    batch = end(home, sandbox, BatchState.FAILED)
    home.say("skip", batch.id, "known")
    sandbox.set_state(batch.sent_as, "restored")
    home.drop({"later.csv": COURSES})
    told = home.run()
    assert (told.result.outcome, told.result.exit_code) == ("held", 5)
    golden(told.message)
    assert batch.id in told.message
    home.say("skip", batch.id, "restored on purpose")
    assert home.run().result.outcome == "imported"


def test_what_canvas_still_works_on_is_waited_for_although_its_batch_is_skipped(home: Home, sandbox: Sandbox) -> None:
    batch = end(home, sandbox, BatchState.FAILED)
    sandbox.set_state(batch.sent_as, "restoring")
    home.say("skip", batch.id, "being restored")
    home.configure(SIS_SYNC_POLL_LIMIT="2s")
    home.drop({"later.csv": COURSES})
    assert home.run().result.exit_code == 6
    assert len(sandbox.imports) == 1


def test_there_is_no_word_for_a_batch_that_is_over_or_unknown(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.drop()
    home.run()
    for word in WORDS:
        with pytest.raises(UsageError) as over:
            home.say(word, home.last().id, "because")
        with pytest.raises(UsageError) as unknown:
            home.say(word, "2020", "because")
        golden(f"{over.value}\n{unknown.value}", word)


def test_a_rejected_batch_keeps_its_zip_and_its_stray_is_passed_over(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("refuse=record")
    home.drop()
    assert home.run().result.exit_code == 10
    batch = home.last()
    assert len(batch.strays) == 1
    home.say("retry", batch.id, "mended")
    assert home.run().result.outcome == "imported"
    assert [record.workflow_state for record in sandbox.imports] == ["initializing", "imported"]


def test_a_file_whose_mode_cannot_be_changed_is_taken_all_the_same(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SIS may write as a user of its own, whose files nobody else can chmod."""
    real = Path.chmod

    def chmod(self: Path, mode: int, **more: bool) -> None:
        if "files" in self.parts:
            raise PermissionError(1, "Operation not permitted", str(self))
        real(self, mode, **more)

    monkeypatch.setattr(Path, "chmod", chmod)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as ready:
        ready.writestr("users.csv", USERS)
    home.drop({"ready.zip": packed.getvalue()})
    assert home.run().result.outcome == "imported"
