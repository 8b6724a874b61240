"""A journal that is lost, damaged or older than the archive: a hold, and a rebuild from the receipts."""

from __future__ import annotations

import json
import shutil

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home, Watching, fast_clock
from support.sentences import in_full

from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.errors import HeldError, HomeError, UsageError
from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.drops import DropKind
from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.home.lock import home_lock
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync.approve import approve
from canvas_sis_sync.sync.rebuild import rebuild

pytestmark = pytest.mark.slow

REFUSED_ROW = "user_id,login_id,first_name,last_name,status\nu1,u1,Ada,Example,active\n,,Ben,Example,active\n"


@pytest.fixture
def lived(home: Home, sandbox: Sandbox) -> Home:
    """Give a home with a history: accepted, with messages, unchanged, retried, skipped, discarded, with a stray."""
    sandbox.add_fault("late-attachment=0")
    home.configure(SIS_SYNC_SKIP_UNCHANGED="true")
    home.drop({"users.csv": REFUSED_ROW, "courses.csv": COURSES})
    home.run()
    for fault, word in (("fail", "retry"), ("fail", "skip"), ("refuse=record", "discard")):
        sandbox.add_fault(fault)
        home.drop({"users.csv": USERS, "courses.csv": COURSES.replace("One", word)})
        home.run()
        home.say(word, home.last().id, "because")
        home.run()
    home.drop({"ready.zip": b"half"})
    home.run()
    home.say("skip", home.last().id, "exported again")
    home.drop()
    assert home.run().result.outcome == "held"
    approve(home.settings(), home.last().id, "users alone", fast_clock())
    home.run()
    assert home.last().approval
    for _ in range(2):
        home.drop({"users.csv": USERS.replace("Ada", "Eva")})
        home.run()
    assert {batch.state for batch in home.batches()} == {
        BatchState.IMPORTED_WITH_MESSAGES,
        BatchState.UNCHANGED,
        BatchState.RETRIED,
        BatchState.IMPORTED,
        BatchState.SKIPPED,
        BatchState.DISCARDED,
    }
    return home


def made_anew(home: Home) -> list[Batch]:
    text = rebuild(home.settings(), fast_clock())
    home.outputs.append(text)
    batches = home.batches()
    assert f" {len(batches)} " in text
    return batches


def test_a_lost_journal_is_rebuilt_equal_from_the_receipts(lived: Home, sandbox: Sandbox, golden: Golden) -> None:
    path, before = lived.archive / FILE_NAME, lived.batches()
    target = Target(lived.settings().host, 1)
    with lived.journal() as journal:
        releases, strays = journal.releases(target, 0), journal.strays(target, 0)
    assert releases
    assert strays
    path.unlink()
    told = lived.run()
    assert (told.result.outcome, told.result.exit_code) == ("held", 5)
    golden(told.message)
    assert str(path) in told.message
    assert "sis-sync rebuild-journal" in told.message
    assert not path.exists()
    assert made_anew(lived) == before
    assert path.stat().st_mode & 0o777 == 0o600
    with lived.journal() as journal:
        assert journal.releases(target, 0) == releases
        assert journal.strays(target, 0) == strays
    imports = len(sandbox.imports)
    assert lived.run().result.outcome == "idle"
    lived.drop()
    assert lived.run().result.outcome == "imported"
    assert len(sandbox.imports) == imports + 1


def test_a_damaged_journal_is_held_kept_and_rebuilt(lived: Home, sandbox: Sandbox, golden: Golden) -> None:
    path, before = lived.archive / FILE_NAME, lived.batches()
    path.write_bytes(b"damaged" * 1_000)
    told = lived.run()
    assert told.result.exit_code == 5
    golden(told.message)
    assert str(path) in told.message
    assert "sis-sync rebuild-journal" in told.message
    (lived.archive / f"{FILE_NAME}-journal").write_bytes(b"what sqlite would undo")
    assert made_anew(lived) == before
    (kept,) = lived.archive.glob("*.old")
    assert kept.read_bytes() == b"damaged" * 1_000
    assert kept.with_name(f"{kept.name}-journal").read_bytes() == b"what sqlite would undo"
    assert not (lived.archive / f"{FILE_NAME}-journal").exists()
    assert lived.run().result.outcome == "idle"


def test_a_journal_older_than_the_archive_is_held_and_rebuilt(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    path = home.archive / FILE_NAME
    home.drop()
    home.run()
    backup = home.folder / "backup"
    shutil.copy(path, backup)
    home.drop()
    home.run()
    newest = home.last()
    shutil.copy(backup, path)
    home.drop()
    told = home.run()
    assert told.result.exit_code == 5
    golden(told.message)
    assert newest.id in told.message
    assert "sis-sync rebuild-journal" in told.message
    assert (home.inbox / "users.csv").exists()
    assert made_anew(home)[-1] == newest
    assert home.run().result.outcome == "imported"


@pytest.mark.parametrize("stage", ["zipping", "uploading", "importing"])
def test_a_batch_under_way_goes_on_after_a_rebuild_and_is_sent_once(home: Home, sandbox: Sandbox, stage: str) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    home.configure(SIS_SYNC_LOST_SECONDS=1)
    home.drop()
    with pytest.raises(KeyboardInterrupt):
        home.run(show=Watching(begin={stage: stop}))
    before = home.last()
    (home.archive / FILE_NAME).unlink()
    assert [(batch.id, batch.state) for batch in made_anew(home)] == [(before.id, before.state)]
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1


def test_a_waiting_retry_survives_a_rebuild(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop()
    home.run()
    home.say("retry", home.last().id, "again")
    before = home.batches()
    (home.archive / FILE_NAME).unlink()
    assert made_anew(home) == before
    assert home.run().result.outcome == "imported"


def test_batches_of_one_second_come_back_in_their_order(home: Home, sandbox: Sandbox) -> None:
    archive, target = Archive(home.archive), Target(home.settings().host, 1)
    ids = []
    for number in range(12):
        ids.append(archive.new_id(1_000_000_000))
        archive.make_batch_folder(ids[-1])
        archive.write_receipt(
            Batch(
                ids[-1],
                BatchState.IMPORTED,
                target,
                "d",
                DropKind.ZIP,
                1e9,
                sis_import=SisImport(number + 1, "imported"),
                filed=True,
            )
        )
    assert archive.newest_batch() == ids[-1] == "20010909-014640-012"
    assert [batch.id for batch in made_anew(home)] == ids
    with home.journal() as journal:
        previous = journal.previous_sent(target)
    assert previous is not None
    assert previous.import_id == 12


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(None, id="missing"),
        pytest.param("", id="empty"),
        pytest.param("{", id="cut"),
        pytest.param('{"schema": 1}', id="no batch"),
        pytest.param('{"batch": {"state": "imported"}}', id="no schema"),
        pytest.param("[]", id="a list"),
    ],
)
def test_a_folder_whose_receipt_cannot_be_read_is_named_and_nothing_changed(
    home: Home, sandbox: Sandbox, content: str | None, golden: Golden
) -> None:
    home.drop()
    home.run()
    batch = home.last()
    receipt = home.folder_of(batch) / "receipt.json"
    receipt.unlink() if content is None else receipt.write_text(content)
    (home.archive / FILE_NAME).unlink()
    with pytest.raises(HeldError) as caught:
        rebuild(home.settings(), fast_clock())
    place = home.folder_of(batch).relative_to(home.archive).as_posix()
    assert place in caught.value.sentence
    golden(in_full(caught.value).replace(place, batch.id))
    assert not (home.archive / FILE_NAME).exists()
    assert home.run().result.exit_code == 5


def test_an_empty_batch_folder_is_no_obstacle(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    home.run()
    (home.archive / "2099" / "01" / "20990101-000000").mkdir(parents=True)
    home.drop()
    assert home.run().result.exit_code == 5
    assert len(made_anew(home)) == 1
    assert home.run().result.outcome == "imported"


def test_there_is_nothing_to_rebuild_in_a_new_home(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    with pytest.raises(UsageError) as caught:
        rebuild(home.settings(), fast_clock())
    golden(in_full(caught.value))
    shutil.rmtree(home.archive)
    with pytest.raises(HomeError):
        rebuild(home.settings(), fast_clock())


def test_nothing_is_rebuilt_while_a_run_is_at_work(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    with home_lock(home.archive / ".lock") as free:
        assert free
        with pytest.raises(HeldError) as caught:
            rebuild(home.settings(), fast_clock())
    golden(in_full(caught.value))


def test_the_command_says_what_it_did(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.drop({"users.csv": USERS})
    home.run()
    done = home.type("rebuild-journal")
    assert done.returncode == 0
    golden(done.stdout)
    assert "journal." in done.stdout
    assert json.loads(home.type("status", "--offline", "--json").stdout)["batch"]["state"] == "imported"
