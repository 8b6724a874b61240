"""What a person says about a batch, as commands: their words, what they record, and when they are not heard."""

from __future__ import annotations

import getpass
from dataclasses import replace

import pytest
from support.golden import Golden
from support.homes import COURSES, Home
from support.sentences import in_full

from canvas_sis_sync.canvas.records import Target
from canvas_sis_sync.cli.main import main
from canvas_sis_sync.errors import AccessRefused, CanvasError, HeldError, HomeError, SettingsError, UsageError
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.lock import home_lock
from canvas_sis_sync.sandbox.sandbox import Sandbox


@pytest.fixture
def failed(home: Home, sandbox: Sandbox) -> Batch:
    sandbox.add_fault("fail")
    home.drop()
    assert home.run().result.exit_code == 4
    return home.last()


@pytest.mark.parametrize("word", ["retry", "skip"])
def test_each_word_is_a_command_that_records_who_and_why(
    home: Home, capsys: pytest.CaptureFixture[str], failed: Batch, word: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--home", str(home.folder), word, failed.id, "--reason", "Canvas had a bad day"])
    assert left.value.code == 0
    assert failed.id in capsys.readouterr().out
    step = home.batches()[0].steps[-1]
    assert (step.who, step.reason) == (getpass.getuser(), "Canvas had a bad day")
    assert f"by {getpass.getuser()}: Canvas had a bad day" in (home.folder / "logs" / "sis-sync.log").read_text()
    (release,) = home.batches()[0].releases
    assert (release.import_id, release.workflow_state, release.reason) == (1, "failed", "Canvas had a bad day")


def test_a_refused_batch_is_discarded_by_a_command(home: Home, sandbox: Sandbox) -> None:
    home.drop({"ready.zip": b"half"})
    home.run()
    done = home.type("discard", home.last().id, "--reason", "exported again")
    assert (done.returncode, done.stderr) == (0, "")
    assert str(home.folder_of(home.last())) in done.stdout
    assert home.last().state is BatchState.DISCARDED


def test_an_import_of_ours_that_is_unfinished_is_not_released_as_somebody_elses(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop()
    sandbox.add_fault("slow=1")
    assert home.run(patient=False).result.exit_code == 0
    ours = home.last()
    with pytest.raises(UsageError) as refused:
        home.say("skip_import", ours.import_id, "not ours")
    golden(in_full(refused.value))
    assert home.last().state is BatchState.IMPORTING


def test_somebody_elses_import_is_released_by_a_command(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    theirs = sandbox.add_import("reconciled")
    done = home.type("skip", "--import", str(theirs), "--reason", "theirs")
    golden(done.stdout)
    with home.journal() as journal:
        assert journal.releases(Target(home.settings().host, 1), 0) == {theirs: frozenset({"reconciled"})}


@pytest.mark.parametrize(
    "arguments",
    [
        ["skip", "--reason", "x"],
        ["skip", "a", "--import", "1", "--reason", "x"],
        ["skip", "a"],
        ["retry", "--reason", "x"],
        ["adopt", "a", "--reason", "x"],
        ["adopt", "a", "not-a-number", "--reason", "x"],
        ["discard", "20200101-000000", "--reason", "x"],
    ],
)
def test_a_command_that_does_not_fit_is_a_usage_error(
    home: Home, capsys: pytest.CaptureFixture[str], arguments: list[str], golden: Golden
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--home", str(home.folder), *arguments])
    assert left.value.code == 2
    golden(capsys.readouterr().err)


def test_the_state_is_the_one_that_canvas_shows_now(
    home: Home, sandbox: Sandbox, failed: Batch, golden: Golden
) -> None:
    sandbox.set_state(1, "restored")
    golden(home.say("skip", failed.id, "undone by hand"))
    (release,) = home.last().releases
    assert release.workflow_state == "restored"
    home.drop({"courses.csv": COURSES})
    assert home.run().result.outcome == "imported"


def test_without_canvas_the_journals_state_is_released(
    home: Home, sandbox: Sandbox, failed: Batch, golden: Golden
) -> None:
    sandbox.add_fault("get-500=100")
    golden(home.say("skip", failed.id, "known"))
    (release,) = home.last().releases
    assert release.workflow_state == "failed"


def test_somebody_elses_import_cannot_be_released_unseen(home: Home, sandbox: Sandbox, failed: Batch) -> None:
    sandbox.add_fault("get-500=100")
    with pytest.raises(CanvasError):
        home.say("skip_import", 1, "known")
    sandbox.clear_faults()
    sandbox.add_fault("expired-token")
    with pytest.raises(AccessRefused):
        home.say("skip_import", 1, "known")


def test_nobody_is_heard_while_a_run_is_at_work(home: Home, sandbox: Sandbox, failed: Batch, golden: Golden) -> None:
    with home_lock(home.archive / ".lock") as free:
        assert free
        with pytest.raises(HeldError) as caught:
            home.say("skip", failed.id, "known")
        golden(in_full(caught.value))
    assert home.last() == failed


def test_a_home_that_is_none_is_told(home: Home, sandbox: Sandbox) -> None:
    home.archive.rmdir()
    with pytest.raises(HomeError):
        home.say("skip", "20200101-000000", "known")
    (home.folder / ".env").unlink()
    with pytest.raises(SettingsError):
        home.say("skip", "20200101-000000", "known")


def test_a_login_that_nobody_knows_is_recorded_as_unknown(
    home: Home, sandbox: Sandbox, failed: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    home.say("skip", failed.id, "known")
    assert home.last().steps[-1].who == "unknown"


def test_a_retry_of_a_zip_that_cannot_be_read_says_nothing_of_notifications(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop({"e.csv": "course_id,user_id,role,status,notify\nc1,u1,student,active,true\n"})
    home.run()
    (home.folder_of(home.last()) / "import.zip").write_bytes(b"damaged")
    assert "notification" not in home.say("retry", home.last().id, "again")


def test_a_released_batch_is_filed_when_its_messages_come(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("errors-endpoint-fails")
    home.configure(SIS_SYNC_REFUSE_ON="never")
    home.drop({"users.csv": b"user_id,login_id,status\nu1,\xff,active\n"})
    assert home.run().result.exit_code == 4
    home.say("skip", home.last().id, "known")
    assert home.run().result.exit_code == 0
    sandbox.clear_faults()
    assert home.run().result.exit_code == 0
    batch = home.last()
    assert (batch.state, batch.filed, batch.errors_complete) == (BatchState.SKIPPED, True, True)
    assert home.receipt()["batch"]["releases"][0]["reason"] == "known"


def test_what_is_only_claimed_is_discarded_once_its_bytes_are_in_a_zip(
    home: Home, failed: Batch, golden: Golden
) -> None:
    home.say("retry", failed.id, "again")
    retried = home.last()
    assert retried.state is BatchState.CLAIMED
    home.say("discard", retried.id, "a slip")
    assert home.last().state is BatchState.DISCARDED
    assert home.run().result.outcome == "idle"
    loose = replace(retried, id="20990101-000000", retry_of=None, steps=())
    with home.journal_to_write() as journal:
        journal.add(loose)
    with pytest.raises(UsageError) as caught:
        home.say("discard", loose.id, "a slip")
    golden(in_full(caught.value))
    assert home.last().state is BatchState.CLAIMED
