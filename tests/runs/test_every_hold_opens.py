"""Every state and every reason for which a run holds: the command that the message names opens it, once and recorded.

A person reads one message and types one of its commands; the drop that waits goes with the run that follows.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests
from support.exports import DIFFING, ROWS, accepted, approve, cut, export
from support.homes import COURSES, TOKEN, USERS, Home, Watching

from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.home.batch import ACCEPTED, HOLDING, Batch, BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

SETTLED = {"users.csv": "user_id,login_id,first_name,last_name,status\nx9,x9,Xena,Example,active\n"}
"""The drop that waits; what is sent before it has no such user."""
WHOLE = export() | {"users.csv": export()["users.csv"] + "x9,x9,Xena,Example,active\n"}
REJECTED = "course_id,user_id,role,status\n" + "".join(f"gone,u{number},student,active\n" for number in range(4))
ENROLLED = {
    "courses.csv": COURSES,
    "enrollments.csv": "course_id,user_id,role,status\n"
    + "".join(f"c1,x9,{role},active\n" for role in ("student", "teacher", "ta", "designer")),
}
COMMANDS = re.compile(
    r"sis-sync (?:--home \S+ )?((?:skip|discard|retry|approve|adopt|rebuild-journal)\b[^`\n]*?(?: TEXT\b|(?=`)))"
)
Arrange = Callable[[Home, Sandbox], object]


@dataclass(frozen=True)
class Hold:
    """A way into a hold, and the commands by which the message leads out of it."""

    arrange: Arrange
    commands: tuple[str, ...]
    #: The drop that waits meanwhile.
    waiting: Mapping[str, str] = field(default_factory=lambda: SETTLED)


def interrupted(home: Home, **moments: Callable[[], object]) -> None:
    """End a run when one of its stages begins, or ends (named with an underscore at its end)."""
    begin = {name: act for name, act in moments.items() if not name.endswith("_")}
    end = {name.removesuffix("_"): act for name, act in moments.items() if name.endswith("_")}
    with pytest.raises(KeyboardInterrupt):
        home.run(show=Watching(begin, end))


def pull_the_plug() -> None:
    raise KeyboardInterrupt


def refused(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": b"user_id,login_id,status\nu1,\xff,active\n"})


def nothing_but_an_empty_file(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": b""})


def nothing_but_empty_files_that_nobody_checks(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_CHECK_IGNORE="file-empty")
    nothing_but_an_empty_file(home, sandbox)


def no_zip(home: Home, sandbox: Sandbox) -> None:
    home.drop({"ready.zip": b"half"})


def breaker(home: Home, sandbox: Sandbox) -> None:
    home.configure(**DIFFING)
    accepted(home, export())
    home.drop(cut(export(), ROWS // 2))


def void_approval(home: Home, sandbox: Sandbox) -> None:
    breaker(home, sandbox)
    home.run()
    approve(home, home.last())
    home.configure(SIS_IMPORT_DIFFING_DROP_STATUS="inactive")


def two_halves(home: Home, sandbox: Sandbox) -> None:
    home.drop({"courses.csv": COURSES, "users.csv": USERS})
    files = packed_sources(home)
    (files / "users.csv").unlink()


def packed_sources(home: Home) -> Path:
    """Leave a batch whose files are claimed and not yet packed; give their folder."""
    interrupted(home, zipping=pull_the_plug)
    assert home.last().state is BatchState.CLAIMED
    return home.folder_of(home.last()) / "files"


def vanished(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    shutil.rmtree(packed_sources(home))


def vanished_under_a_newer_export(home: Home, sandbox: Sandbox) -> None:
    vanished(home, sandbox)
    home.drop({"users.csv": USERS})


def altered_zip(home: Home, sandbox: Sandbox) -> None:
    packed(home, sandbox)
    with (home.folder_of(home.last()) / "import.zip").open("r+b") as file:
        file.write(b"damaged")


def packed(home: Home, sandbox: Sandbox) -> None:
    """Leave a packed batch: somebody else's import begins after the claim, and the second gate waits for it."""
    home.drop()
    blocking: list[int] = []
    home.run(patient=False, show=Watching({"zipping": lambda: blocking.append(sandbox.add_import("importing"))}))
    assert home.last().state is BatchState.PACKED
    sandbox.set_state(blocking[0], "imported")


def retry_without_zip(home: Home, sandbox: Sandbox) -> None:
    fault("fail")(home, sandbox)
    home.run()
    first = home.last()
    home.say("retry", first.id, "again")
    (home.folder_of(first) / "import.zip").unlink()


def fault(name: str) -> Arrange:
    def arrange(home: Home, sandbox: Sandbox) -> None:
        sandbox.add_fault(name)
        home.drop()

    return arrange


def not_taken(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_IMPORT_OVERRIDE_SIS_STICKINESS="true")
    fault("ignore-option=override_sis_stickiness")(home, sandbox)


def failed_in_part(home: Home, sandbox: Sandbox) -> None:
    importing(home, sandbox)
    sandbox.set_state(1, "failed_with_messages")


def importing(home: Home, sandbox: Sandbox) -> None:
    """Leave a batch that Canvas is done with and no run has looked at since."""
    home.drop()
    interrupted(home, importing=pull_the_plug)
    sandbox.wait_idle()


def too_many_rejected_rows(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_MAX_ERROR_ROWS="1")
    home.drop({"users.csv": USERS, "enrollments.csv": REJECTED})


def forgotten_while_importing(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_LOST_SECONDS=5)
    importing(home, sandbox)
    sandbox.add_fault("forget=1")


def later_state_of_ours(state: str) -> Arrange:
    def arrange(home: Home, sandbox: Sandbox) -> None:
        home.drop()
        assert home.run().result.exit_code == 0
        sandbox.set_state(home.last().sent_as, state)
        home.drop(SETTLED)

    return arrange


def forgotten_later(home: Home, sandbox: Sandbox) -> None:
    later_state_of_ours("imported")(home, sandbox)
    sandbox.add_fault("forget=1")


def unknown_state_of_an_earlier_one(home: Home, sandbox: Sandbox) -> None:
    for _ in range(2):
        home.drop()
        assert home.run().result.exit_code == 0
    sandbox.set_state(1, "reconciled")
    home.drop(SETTLED)


def somebody_elses(state: str, **settings: str) -> Arrange:
    def arrange(home: Home, sandbox: Sandbox) -> None:
        home.drop()
        assert home.run().result.exit_code == 0
        home.configure(**settings)
        sandbox.add_import(state)
        home.drop(SETTLED)

    return arrange


def two_candidates(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_LOST_SECONDS=5)
    home.drop()
    interrupted(home, uploading_=pull_the_plug)
    sandbox.wait_idle()
    url = f"{sandbox.url}/api/v1/accounts/1/sis_imports?extension=zip"
    zipped = next(home.archive.rglob("import.zip")).read_bytes()
    requests.post(url, zipped, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10).raise_for_status()
    sandbox.wait_idle()


def restored_archive(home: Home, sandbox: Sandbox) -> None:
    packed(home, sandbox)
    backup = home.folder.parent / "backup"
    shutil.copytree(home.archive, backup)
    assert home.run().result.outcome == "imported"
    shutil.rmtree(home.archive)
    shutil.copytree(backup, home.archive)


def slow_upload(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_LOST_SECONDS=5)
    home.drop()
    interrupted(home, uploading=pull_the_plug)
    with home.journal_to_write() as journal:
        journal.amend(home.last().lost(home.last().reason, 61.0))


def no_journal(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    assert home.run().result.exit_code == 0
    (home.archive / "journal.sqlite3").unlink()
    home.drop(SETTLED)


def older_journal(home: Home, sandbox: Sandbox) -> None:
    for number in range(2):
        home.drop()
        assert home.run().result.exit_code == 0
        if not number:
            shutil.copy(home.archive / "journal.sqlite3", home.folder / "older.sqlite3")
    shutil.copy(home.folder / "older.sqlite3", home.archive / "journal.sqlite3")
    home.drop(SETTLED)


ENDED = ("retry", "skip")
HOLDS = {
    "refused": Hold(refused, ("discard",)),
    "refused, an empty file": Hold(nothing_but_an_empty_file, ("discard",)),
    "refused, an empty file and no rule": Hold(nothing_but_empty_files_that_nobody_checks, ("discard",)),
    "refused, half a zip": Hold(no_zip, ("discard",)),
    "held by a breaker": Hold(breaker, ("approve", "discard"), WHOLE),
    "held, the approval is void": Hold(void_approval, ("approve", "discard"), WHOLE),
    "held, one half is missing": Hold(two_halves, ("discard",)),
    "held, all files vanished": Hold(vanished, ("discard",)),
    "held, all vanished under a newer export": Hold(vanished_under_a_newer_export, ("discard",)),
    "held, the zip was altered": Hold(altered_zip, ("discard",)),
    "held, the zip of a retry is gone": Hold(retry_without_zip, ("discard",)),
    "rejected": Hold(fault("refuse=422"), ("retry", "discard")),
    "not_accepted": Hold(not_taken, ENDED),
    "not_accepted, Canvas forgot it": Hold(forgotten_while_importing, ENDED),
    "failed": Hold(fault("fail"), ENDED),
    "failed_with_messages": Hold(failed_in_part, ENDED),
    "aborted": Hold(fault("abort"), ENDED),
    "too many rejected rows": Hold(too_many_rejected_rows, ("skip",), SETTLED | ENROLLED),
    "importing, in an unknown state": Hold(fault("unknown-state=reconciled"), ("skip",)),
    "sending, two candidates": Hold(two_candidates, ("adopt", "retry")),
    "sending, a restored archive": Hold(restored_archive, ("adopt", "retry")),
    "sending, a slow upload": Hold(slow_upload, ("retry",)),
    **{
        f"ours is {state} now": Hold(later_state_of_ours(state), ("skip",))
        for state in (
            *("failed", "failed_with_messages", "aborted", "restored", "partially_restored", "restore_failed"),
            *("reconciled", ""),
        )
    },
    "ours is forgotten now": Hold(forgotten_later, ("skip",)),
    "an earlier one of ours is unknown": Hold(unknown_state_of_an_earlier_one, ("skip",)),
    "somebody else's is unknown": Hold(somebody_elses("reconciled"), ("skip",)),
    "somebody else's failed": Hold(somebody_elses("failed", SIS_SYNC_GATE="account"), ("skip",)),
    "no journal": Hold(no_journal, ("rebuild-journal",)),
    "an older journal": Hold(older_journal, ("rebuild-journal",)),
}
WAYS = [pytest.param(hold, word, id=f"{name}: {word}") for name, hold in HOLDS.items() for word in hold.commands]


@pytest.fixture(autouse=True)
def errors_at_once(sandbox: Sandbox) -> None:
    sandbox.add_fault("late-attachment=0")


def commands_in(message: str) -> dict[str, str]:
    """Read the commands that a message names, by their first word."""
    return {found[1].split()[0]: found[1] for found in COMMANDS.finditer(message)}


def typed(home: Home, command: str) -> None:
    """Type a command of a message, with a reason for TEXT; approve asks at a terminal, and here --yes says yes."""
    words = ["looked at it" if word == "TEXT" else word for word in shlex.split(command)]
    done = home.type(*words, *(["--yes"] if words[0] == "approve" else []))
    assert (done.returncode, done.stderr) == (0, ""), (command, done)


def recorded(home: Home) -> int:
    """Count how often the reason is in the journal, as a step or as a release."""
    steps = sum(step.reason == "looked at it" for batch in home.batches() for step in batch.steps)
    ((releases,),) = home.query("SELECT count(*) FROM release WHERE reason = 'looked at it'")
    return steps + int(releases)


def waiting_drop_went(home: Home) -> bool:
    return any(batch.state in ACCEPTED and _holds(home, batch, b"Xena") for batch in home.batches())


def _holds(home: Home, batch: Batch, text: bytes) -> bool:
    from zipfile import ZipFile

    with ZipFile(Archive(home.archive).zip_path(batch)) as zipped:
        return any(text in zipped.read(name) for name in zipped.namelist())


@pytest.mark.parametrize(("hold", "word"), WAYS)
def test_the_command_of_the_message_opens_it_and_the_next_drop_goes(
    home: Home, sandbox: Sandbox, hold: Hold, word: str
) -> None:
    hold.arrange(home, sandbox)
    assert home.run().result.exit_code in {3, 4, 5, 10}
    home.inbox.joinpath("users.csv").unlink(missing_ok=True)
    home.drop(hold.waiting)
    told = home.run()  # as it is told on every later day
    assert told.result.exit_code == 5, told.message
    assert not waiting_drop_went(home)
    named = commands_in(told.message)
    assert set(named) == set(hold.commands), told.message
    typed(home, named[word])
    assert word == "rebuild-journal" or recorded(home)
    sandbox.clear_faults()
    sandbox.add_fault("late-attachment=0")
    told = home.run()
    assert told.result.exit_code == 0, told.message
    assert waiting_drop_went(home)


def home_is_sending(home: Home) -> bool:
    try:
        return home.last().state is BatchState.SENDING
    except AssertionError:  # no journal
        return False


@pytest.mark.parametrize("hold", HOLDS.values(), ids=HOLDS)
def test_status_names_a_command_that_opens_it(home: Home, sandbox: Sandbox, hold: Hold) -> None:
    hold.arrange(home, sandbox)
    home.run()
    home.inbox.joinpath("users.csv").unlink(missing_ok=True)
    home.drop(hold.waiting)
    looked = home.type("status")
    named = commands_in(looked.stdout + looked.stderr)
    if home_is_sending(home):
        assert named or "`sis-sync run`" in looked.stdout.replace(f"--home {home.folder} ", "")
        return
    assert named, looked
    typed(home, next(reversed(named.values())))
    sandbox.clear_faults()
    sandbox.add_fault("late-attachment=0")
    assert home.run().result.exit_code == 0
    assert waiting_drop_went(home)


def test_every_state_that_holds_is_walked() -> None:
    assert {str(state) for state in HOLDING} <= {name.split(",")[0].split()[0] for name in HOLDS}


@pytest.fixture
def no_zip_to_compare(home: Home, sandbox: Sandbox) -> bytes:
    """Leave a lost upload of which only Canvas knows, and no zip; give the zip."""
    home.configure(SIS_SYNC_LOST_SECONDS=5)
    home.drop()
    interrupted(home, uploading_=pull_the_plug)
    sandbox.wait_idle()
    path = home.folder_of(home.last()) / "import.zip"
    kept = path.read_bytes()
    path.unlink()
    shutil.rmtree(home.folder.parent / "state")
    assert home.run().result.exit_code == 5
    return kept


def test_a_lost_zip_keeps_a_lost_import_open_until_it_is_put_back(
    home: Home, sandbox: Sandbox, no_zip_to_compare: bytes
) -> None:
    (home.folder_of(home.last()) / "import.zip").write_bytes(no_zip_to_compare)
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1


def test_without_its_zip_a_person_can_say_which_import_it_became(
    home: Home, sandbox: Sandbox, no_zip_to_compare: bytes
) -> None:
    named = commands_in(home.run().message)
    assert set(named) == {"adopt"}
    typed(home, named["adopt"])
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1


def test_claimed_files_that_are_put_back_go(home: Home, sandbox: Sandbox, tmp_path: Path) -> None:
    home.drop()
    files = packed_sources(home)
    shutil.move(files, tmp_path / "kept")
    told = home.run()
    assert (told.result.exit_code, home.last().state) == (5, BatchState.HELD)
    assert "cp -p" in told.message
    shutil.copytree(tmp_path / "kept", files, dirs_exist_ok=True)
    assert home.run().result.outcome == "imported"


def test_other_files_put_in_their_place_do_not_go(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    files = packed_sources(home)
    shutil.rmtree(files)
    assert home.run().result.exit_code == 5
    (files / "users.csv").write_text("user_id,login_id,status\nz,z,active\n")
    assert home.run().result.exit_code == 5
    assert not sandbox.imports


def test_the_zip_of_a_retry_that_is_put_back_goes(home: Home, sandbox: Sandbox) -> None:
    fault("fail")(home, sandbox)
    home.run()
    first = home.last()
    home.say("retry", first.id, "again")
    path = home.folder_of(first) / "import.zip"
    kept = path.rename(path.with_name("elsewhere"))
    assert home.run().result.exit_code == 5
    kept.rename(path)
    assert home.run().result.outcome == "imported"
