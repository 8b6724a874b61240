"""Ready-made zips by whole runs: sent byte for byte, repacked, or refused."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow


def zipped(files: Mapping[str, str | bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as written:
        for name, content in files.items():
            written.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_of_csvs_is_sent_byte_for_byte(home: Home, sandbox: Sandbox, compression: int) -> None:
    ready = zipped({"deep/users.csv": USERS, "courses.csv": COURSES}, compression)
    home.drop({"ready.zip": ready})
    assert home.run().result.outcome == "imported"
    batch = home.last()
    folder = home.folder_of(batch)
    assert (folder / "import.zip").read_bytes() == ready
    assert batch.zip.sha256 == hashlib.sha256(ready).hexdigest()
    upload = sandbox.imports[0].upload
    assert upload is not None
    assert upload.read_bytes() == ready
    assert sorted(path.name for path in folder.iterdir()) == ["check.json", "import.zip", "plan.json", "receipt.json"]
    assert [(entry.name, entry.kind, entry.rows) for entry in batch.entries] == [
        ("deep/users.csv", "user", 2),
        ("courses.csv", "course", 1),
    ]


def test_a_zip_with_more_than_csvs_is_repacked_and_the_original_kept(home: Home, sandbox: Sandbox) -> None:
    ready = zipped({"users.csv": USERS, "readme.txt": "r", "__MACOSX/._users.csv": "m", "empty.csv": ""})
    home.drop({"ready.zip": ready})
    assert home.run().result.outcome == "imported"
    folder = home.folder_of(home.last())
    assert (folder / "original.zip").read_bytes() == ready
    with zipfile.ZipFile(folder / "import.zip") as packed:
        assert packed.namelist() == ["users.csv"]
        assert packed.read("users.csv").decode() == USERS
    assert sorted(path.name for path in folder.iterdir()) == [
        "check.json",
        "import.zip",
        "original.zip",
        "plan.json",
        "receipt.json",
    ]


def test_names_that_begin_with_a_dot_and_a_slash_are_the_same_file_to_every_command(
    home: Home, sandbox: Sandbox
) -> None:
    files = {
        "./users.csv": USERS,
        "./night/./courses.csv": COURSES,
        "./.hidden/users.csv": USERS,
        "./.users.csv": USERS,
    }
    home.drop({"ready.zip": zipped(files)})
    names = {"users.csv", "night/courses.csv"}
    assert {each["file"] for each in home.json("check")["files"]} == names
    assert {each["file"] for each in home.json("check", str(home.inbox / "ready.zip"))["files"]} == names
    assert {each["kind"] for each in home.json("plan")["kinds"]} == {"user", "course"}
    assert home.run().result.outcome == "imported"
    assert {entry.name for entry in home.last().entries} == names
    assert [sandbox.count(kind) for kind in ("user", "course")] == [2, 1]


@pytest.mark.parametrize(
    "content",
    [
        b"not a zip at all",
        zipped({"users.csv": USERS})[:-30],
        zipped({"../users.csv": USERS}),
        zipped({"readme.txt": "r"}),
        zipped({"users.csv": USERS * 10_000}),
    ],
    ids=["no zip", "cut", "a name that leads outside", "no csv", "far too small"],
)
def test_a_zip_that_cannot_be_believed_is_refused_and_kept(
    home: Home, sandbox: Sandbox, content: bytes, golden: Golden
) -> None:
    home.drop({"ready.zip": content})
    told = home.run()
    assert (told.result.outcome, told.result.exit_code) == ("refused", 3)
    golden(told.message)
    assert (home.folder_of(home.last()) / "original.zip").read_bytes() == content
    assert sandbox.imports == ()
    assert home.run().result.exit_code == 5


def test_a_refused_zip_may_be_discarded_and_a_repaired_one_sent(home: Home, sandbox: Sandbox) -> None:
    home.drop({"ready.zip": b"half"})
    home.run()
    home.drop({"ready.zip": zipped({"users.csv": USERS})})
    assert home.run().result.exit_code == 5
    home.say("discard", home.last().id, "exported again")
    assert home.run().result.outcome == "imported"
    assert [batch.state for batch in home.batches()] == [BatchState.DISCARDED, BatchState.IMPORTED]


def test_a_repacked_batch_is_retried_with_its_repacked_zip(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop({"ready.zip": zipped({"users.csv": USERS, "readme.txt": "r"})})
    assert home.run().result.exit_code == 4
    home.say("retry", home.last().id, "again")
    assert home.run().result.outcome == "imported"
    old, new = home.batches()
    assert old.zip.sha256 == new.zip.sha256
    assert len({(home.folder_of(batch) / "import.zip").read_bytes() for batch in (old, new)}) == 1
