"""`discard --all-but-newest`: what waits is passed over without being lost, whatever happens in between."""

from __future__ import annotations

import getpass
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home, Watching, fast_clock
from support.sentences import in_full

from canvas_sis_sync.cli.main import main
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.errors import JournalError
from canvas_sis_sync.files import Folder
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.progress import Show, Silent
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync.all_but_newest import discard_all_but_newest

NIGHTS = ("monday", "tuesday", "wednesday")
MORE = "n{0},n{0},Cleo,Example,active\n"


def discard(home: Home, clock: Clock | None = None, show: Show | None = None) -> str:
    text = discard_all_but_newest(home.settings(), "only the newest", clock or fast_clock(), show or Silent())
    home.outputs.append(text)
    return text


def drop_nights(home: Home, *names: str) -> None:
    """Put a drop of each night into the inbox, each with a user of its own."""
    for number, name in enumerate(names or NIGHTS):
        home.drop({"users.csv": USERS + MORE.format(number)}, folder=name)
        os.utime(home.inbox / name / "users.csv", (1_000_000 + number, 1_000_000 + number))


@pytest.fixture
def refused(home: Home, sandbox: Sandbox) -> Batch:
    """Give a batch that holds."""
    home.drop({"ready.zip": b"half"})
    assert home.run().result.exit_code == 3
    return home.last()


def content(home: Home, batch: Batch) -> str:
    with zipfile.ZipFile(home.folder_of(batch) / "import.zip") as packed:
        return packed.read("users.csv").decode()


def test_of_three_drops_behind_a_hold_one_is_sent(home: Home, sandbox: Sandbox, refused: Batch, golden: Golden) -> None:
    drop_nights(home)
    done = home.type("discard", "--all-but-newest", "--reason", "only the newest")
    assert (done.returncode, done.stderr) == (0, "")
    batches = home.batches()
    assert [batch.state for batch in batches] == [BatchState.DISCARDED] * 3
    assert [batch.drop_name for batch in batches] == ["ready.zip", "monday", "tuesday"]
    for batch in batches:
        assert batch.filed
        assert home.receipt(batch)["batch"]["state"] == "discarded"
        assert batch.steps[-1].who == getpass.getuser()
        assert batch.steps[-1].reason == "discard --all-but-newest: only the newest"
        assert f"Batch {batch.id} ({batch.drop_name}) will not be sent." in done.stdout
    golden(done.stdout)
    assert [content(home, batch) for batch in batches[1:]] == [USERS + MORE.format(0), USERS + MORE.format(1)]
    assert not any((home.folder_of(batch) / "files").exists() for batch in batches)
    assert sorted(path.name for path in home.inbox.iterdir()) == ["wednesday"]
    assert home.run().result.outcome == "imported"
    assert [batch.import_id for batch in home.batches()] == [None, None, None, 1]
    assert sandbox.count("user") == 3


def test_with_nothing_held_the_older_drops_are_passed_over_all_the_same(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop({"old.zip": b"half", "users.csv": USERS})
    os.utime(home.inbox / "old.zip", (1_000_000, 1_000_000))
    os.utime(home.inbox / "users.csv", (1_000_001, 1_000_001))
    home.drop({"courses.csv": COURSES}, folder="newest")
    golden(discard(home))
    assert [batch.state for batch in home.batches()] == [BatchState.DISCARDED] * 2
    assert (home.folder_of(home.batches()[0]) / "original.zip").read_bytes() == b"half"
    golden(discard(home), "again")
    assert len(home.batches()) == 2


def test_an_empty_inbox_leaves_the_hold_to_a_person(
    home: Home, sandbox: Sandbox, refused: Batch, golden: Golden
) -> None:
    said = discard(home)
    assert f"sis-sync discard {refused.id} " in said
    golden(said)
    assert home.last() == refused
    home.say("discard", refused.id, "exported again")
    golden(discard(home), "nothing")


def test_a_hold_about_what_was_sent_is_not_touched(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop()
    home.run()
    drop_nights(home, "monday", "tuesday")
    discard(home)
    assert [batch.state for batch in home.batches()] == [BatchState.FAILED, BatchState.DISCARDED]


def test_drops_not_seen_before_are_looked_at_twice(home: Home, sandbox: Sandbox, refused: Batch) -> None:
    home.configure(SIS_SYNC_SETTLE_SECONDS=60)
    drop_nights(home)
    slept: list[float] = []
    quick = fast_clock()
    clock = Clock(quick.now, quick.monotonic, lambda seconds: (slept.append(seconds), quick.sleep(seconds))[1])
    show = Watching()
    discard(home, clock, show)
    assert slept == [60]
    assert show.notes == ["Waiting until nobody has written to the older drops for a while."]
    assert [batch.state for batch in home.batches()] == [BatchState.DISCARDED] * 3


def test_a_drop_that_is_still_written_to_is_left_alone_and_so_is_the_hold(
    home: Home, sandbox: Sandbox, refused: Batch, golden: Golden
) -> None:
    home.configure(SIS_SYNC_SETTLE_SECONDS=60)
    drop_nights(home)
    quick = fast_clock()

    def sleep(seconds: float) -> None:
        home.drop({"users.csv": USERS}, folder="tuesday")
        quick.sleep(seconds)

    text = discard(home, Clock(quick.now, quick.monotonic, sleep))
    golden(text)
    assert refused.id in text
    assert [(batch.drop_name, batch.state) for batch in home.batches()] == [
        ("ready.zip", BatchState.REFUSED),
        ("monday", BatchState.DISCARDED),
    ]
    assert sorted(path.name for path in home.inbox.iterdir()) == ["tuesday", "wednesday"]


def test_what_vanishes_on_the_way_to_the_archive_is_held_and_told(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    drop_nights(home, "monday", "tuesday")

    def vanish() -> None:
        (home.folder_of(home.last()) / "files" / "users.csv").unlink()

    text = discard(home, show=Watching(end={"reading back": vanish}))
    assert (home.batches()[0].state, home.batches()[0].drop_name) == (BatchState.HELD, "monday")
    golden(text)
    assert home.batches()[0].id in text
    assert "Left alone" not in text


def test_what_has_no_marker_yet_is_left_alone_without_waiting(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.configure(SIS_SYNC_MARKER="done")
    drop_nights(home)
    (home.inbox / "monday" / "done").touch()
    golden(discard(home))
    assert [batch.drop_name for batch in home.batches()] == ["monday"]


def test_what_is_replaced_while_another_is_packed_may_be_the_newest_now(home: Home, sandbox: Sandbox) -> None:
    drop_nights(home)
    show = Watching({"zipping": lambda: home.drop({"users.csv": USERS}, folder="tuesday")})
    assert "meanwhile: tuesday." in discard(home, show=show)
    assert [batch.drop_name for batch in home.batches()] == ["monday"]
    assert (home.inbox / "tuesday" / "users.csv").read_text() == USERS


@dataclass
class PulledPlug(BaseException):
    """Ends the command where a pulled plug would."""

    where: str


def pull_at(where: str) -> Callable[[], None]:
    def pull() -> None:
        raise PulledPlug(where)

    return pull


@pytest.mark.parametrize("stage", ["zipping", "reading back"])
def test_what_was_cut_short_is_finished_by_the_next_run_and_never_sent(
    home: Home, sandbox: Sandbox, refused: Batch, stage: str
) -> None:
    drop_nights(home)
    with pytest.raises(PulledPlug):
        discard(home, show=Watching({stage: pull_at(stage)}))
    cut = home.last()
    assert (cut.state, cut.set_aside) == (BatchState.CLAIMED, "discard --all-but-newest: only the newest")
    assert home.run().result.exit_code == 5
    assert [batch.state for batch in home.batches()] == [BatchState.REFUSED, BatchState.DISCARDED]
    assert content(home, home.last()) == USERS + MORE.format(0)
    assert home.last().steps[-1].who == getpass.getuser()
    discard(home)
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1


def test_a_claim_cut_short_between_two_files_is_finished_too(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.drop({"courses.csv": COURSES, "users.csv": USERS}, folder="monday")
    os.utime(home.inbox / "monday" / "courses.csv", (1_000_000, 1_000_000))
    os.utime(home.inbox / "monday" / "users.csv", (1_000_000, 1_000_000))
    home.drop(folder="tuesday")
    rename = Folder.rename

    def once(self: Folder, name: str, into: Folder, new: str) -> None:
        if name == "users.csv" and self.path.is_relative_to(home.inbox):
            raise PulledPlug("rename")
        rename(self, name, into, new)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "rename", once)
        with pytest.raises(PulledPlug):
            discard(home)
    assert home.run().result.outcome == "imported"
    assert [batch.state for batch in home.batches()] == [BatchState.DISCARDED, BatchState.IMPORTED]
    with zipfile.ZipFile(home.folder_of(home.batches()[0]) / "import.zip") as packed:
        assert sorted(packed.namelist()) == ["courses.csv", "users.csv"]


def test_a_journal_older_than_the_archive_is_not_written_over(
    home: Home, sandbox: Sandbox, refused: Batch, golden: Golden
) -> None:
    unknown = home.archive / "2099" / "01" / "20990101-000000"
    unknown.mkdir(parents=True)
    drop_nights(home)
    with pytest.raises(JournalError) as caught:
        discard(home)
    golden(in_full(caught.value))
    assert home.last() == refused


@pytest.mark.parametrize("arguments", [[], ["20200101-000000", "--all-but-newest"]])
def test_a_batch_or_all_but_the_newest(
    home: Home, capsys: pytest.CaptureFixture[str], arguments: list[str], golden: Golden
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--home", str(home.folder), "discard", *arguments, "--reason", "x"])
    assert left.value.code == 2
    golden(capsys.readouterr().err)
