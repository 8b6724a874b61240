"""What is checked is what is sent: nobody who has a source open can change either of them."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home, Watching

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

BAD = USERS.replace("login_id", "logon_id")
"""As long as USERS, and refused: Canvas knows no such column, and needs the other."""
REWRITER = """
import os, sys
file = open(sys.argv[1], "r+b")
print(flush=True)
for line in sys.stdin:
    before = os.fstat(file.fileno())
    file.seek(0)
    file.write(bytes.fromhex(line))
    file.truncate()
    file.flush()
    os.utime(file.fileno(), ns=(before.st_atime_ns, before.st_mtime_ns))
    print(flush=True)
"""


class Rewriter:
    """A real process that keeps a file open and writes other content over it, with its time set back."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", REWRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._wait()

    def write(self, content: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(content.hex() + "\n")
        self.process.stdin.flush()
        self._wait()

    def _wait(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "\n"


@contextmanager
def rewriter(path: Path) -> Iterator[Rewriter]:
    opened = Rewriter(path)
    yield opened
    opened.process.communicate()


def zipped(content: str, **more: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as written:
        for name, text in {"users.csv": content, **more}.items():
            written.writestr(name, text)
    return stream.getvalue()


def sent(sandbox: Sandbox) -> str:
    (record,) = sandbox.imports
    assert record.upload is not None
    with zipfile.ZipFile(record.upload) as upload:
        return upload.read("users.csv").decode()


@pytest.mark.parametrize("stage", ["reading", "checking", "comparing", "uploading"])
def test_a_zip_that_is_kept_open_is_sent_as_it_was_checked(home: Home, sandbox: Sandbox, stage: str) -> None:
    home.drop({"users.csv": USERS})
    assert home.run().result.outcome == "imported"  # so that there is something to compare with
    ready = zipped(USERS.replace("Ben", "Bob"))
    home.drop({"ready.zip": ready})
    with rewriter(home.inbox / "ready.zip") as writer:
        show = Watching({stage: lambda: writer.write(zipped(BAD))})
        assert home.run(show=show).result.outcome == "imported"
    upload = sandbox.imports[-1].upload
    assert upload is not None
    assert upload.read_bytes() == ready
    assert (home.folder_of(home.last()) / "import.zip").read_bytes() == ready


@pytest.mark.parametrize("stage", ["zipping", "checking"])
def test_a_zip_that_is_repacked_is_read_from_a_copy(home: Home, sandbox: Sandbox, stage: str) -> None:
    ready = zipped(USERS, **{"readme.txt": "r"})
    home.drop({"ready.zip": ready})
    with rewriter(home.inbox / "ready.zip") as writer:
        show = Watching({stage: lambda: writer.write(zipped(BAD, **{"readme.txt": "r"}))})
        assert home.run(show=show).result.outcome == "imported"
    assert sent(sandbox) == USERS
    assert (home.folder_of(home.last()) / "original.zip").read_bytes() == ready


@pytest.mark.parametrize(("packed", "later"), [(USERS, BAD), (BAD, USERS)], ids=["good", "bad"])
def test_the_check_reads_what_was_packed(home: Home, sandbox: Sandbox, packed: str, later: str) -> None:
    home.drop({"users.csv": packed})
    with rewriter(home.inbox / "users.csv") as writer:
        told = home.run(show=Watching({"checking": lambda: writer.write(later.encode())}))
    if packed is USERS:
        assert sent(sandbox) == USERS
    else:
        assert told.result.outcome == "refused"
        assert not sandbox.imports
    with zipfile.ZipFile(home.folder_of(home.last()) / "import.zip") as archived:
        assert archived.read("users.csv").decode() == packed


def test_a_csv_rewritten_while_it_is_converted_is_packed_again(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.configure(SIS_SYNC_SOURCE_ENCODING="utf-16")
    home.drop({"users.csv": USERS.encode("utf-16")})
    left = ["once"]

    def rewrite() -> None:
        if left:
            left.pop()
            (home.folder_of(home.last()) / "files" / "users.csv").write_bytes(USERS.encode("utf-16")[:-1])

    told = home.run(show=Watching({"zipping": rewrite}))
    assert told.result.outcome == "refused", told.message
    golden(told.message)
    assert not sandbox.imports


def test_an_encoding_is_suggested_for_what_is_in_the_zip(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.drop({"users.csv": USERS.replace("Ada", "Zoë").encode("cp1252")})
    told = home.run()
    assert told.result.outcome == "refused"
    golden(told.message)


def test_empty_and_hidden_files_are_checked_though_canvas_ignores_them(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": USERS, "courses.csv": ""})
    home.run()
    batch = home.last()
    check = (home.folder_of(batch) / "check.json").read_text()
    assert '"file-empty"' in check


def test_a_retry_sends_a_copy_of_its_own(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop({"users.csv": USERS})
    home.run()
    first = home.last()
    home.say("retry", first.id, "again")
    assert home.run().result.outcome == "imported"
    old, new = (home.folder_of(batch) / "import.zip" for batch in home.batches())
    assert old.read_bytes() == new.read_bytes()
    assert not old.samefile(new)
    assert new.stat().st_nlink == 1


def test_there_must_be_room_for_every_copy(home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from canvas_sis_sync.home.archive import Archive

    asked: list[int] = []
    require: Callable[[Archive, int], None] = Archive.require_space

    def record(archive: Archive, needed: int) -> None:
        asked.append(needed)
        require(archive, needed)

    monkeypatch.setattr(Archive, "require_space", record)
    ready = zipped(USERS)
    home.drop({"ready.zip": ready})
    home.run()
    home.drop({"users.csv": BAD})
    home.run()
    home.say("retry", home.last().id, "again")
    home.run()
    assert asked[:2] == [2 * len(ready), len(BAD)]
    assert len(asked) == 3
    assert asked[2] >= 2 * home.batches()[1].zip.size
    assert home.last().state is BatchState.REFUSED


def test_files_that_no_zip_for_canvas_can_hold_are_refused_and_kept(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("canvas_sis_sync.delivery.judging.MOST_ENTRIES", 1)
        home.drop({"courses.csv": COURSES, "users.csv": USERS})
        told = home.run()
    assert (told.result.outcome, told.result.exit_code) == ("refused", 3)
    golden(told.message)
    batch = home.last()
    home.say("discard", batch.id, "too many")
    home.drop({"users.csv": USERS})
    assert home.run().result.outcome == "imported"
    files = home.folder_of(batch) / "files"
    assert {path.name: path.read_text() for path in files.iterdir()} == {"courses.csv": COURSES, "users.csv": USERS}
