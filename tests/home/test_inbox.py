"""The inbox: what is a drop, what is left lying, and how files leave it."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.golden import Golden
from support.sentences import in_full

from canvas_sis_sync.errors import DropChanged
from canvas_sis_sync.files import Folder
from canvas_sis_sync.home import inbox
from canvas_sis_sync.home.drops import DropFile, DropKind, Inbox


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "inbox"
    made.mkdir()
    return made


def put(path: Path, content: str = "x", *, mtime: int = 1_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (mtime, mtime))
    return path


def names(seen: Inbox) -> list[tuple[str, DropKind, list[str]]]:
    return [(drop.name, drop.kind, [file.name for file in drop.files]) for drop in seen.drops]


def test_loose_files_a_folder_and_a_zip_are_three_drops_oldest_first(folder: Path) -> None:
    put(folder / "users.csv", mtime=20)
    put(folder / "Courses.CSV", mtime=300)
    put(folder / "night" / "users.csv", mtime=100)
    put(folder / "night" / "deep" / "er" / "courses.csv", mtime=10)
    put(folder / "ready.ZIP", mtime=200)
    seen = inbox.scan(folder)
    assert names(seen) == [
        ("night", DropKind.FOLDER, ["deep/er/courses.csv", "users.csv"]),
        ("ready.ZIP", DropKind.ZIP, ["ready.ZIP"]),
        (inbox.LOOSE, DropKind.LOOSE, ["Courses.CSV", "users.csv"]),
    ]
    assert seen.file_count == 5
    assert [drop.folder for drop in seen.drops] == [folder / "night", folder, folder]


def test_drops_of_the_same_time_come_by_name(folder: Path) -> None:
    for name in ("b", "a", "c"):
        put(folder / name / "users.csv")
    assert [drop.name for drop in inbox.scan(folder).drops] == ["a", "b", "c"]


@pytest.mark.parametrize(
    "name",
    [
        ".users.csv",
        "~users.csv",
        "users.csv~",
        "users.csv.tmp",
        "users.csv.PART",
        "u.filepart",
        ".users.csv.swp",
        "u.swp",
    ],
)
def test_hidden_and_temporary_names_are_never_taken_nor_mentioned(folder: Path, name: str) -> None:
    put(folder / name)
    put(folder / "night" / name)
    assert inbox.scan(folder) == Inbox((), ())


def test_a_folder_under_a_temporary_name_is_not_taken(folder: Path) -> None:
    put(folder / ".night" / "users.csv")
    put(folder / "night.part" / "users.csv")
    assert inbox.scan(folder).drops == ()


def test_other_file_types_are_left_lying_and_mentioned(folder: Path) -> None:
    put(folder / "readme.txt")
    put(folder / "night" / "users.csv")
    put(folder / "night" / "log.txt")
    put(folder / "night" / "inner.zip")
    seen = inbox.scan(folder)
    assert seen.others == ("night/inner.zip", "night/log.txt", "readme.txt")
    assert names(seen) == [("night", DropKind.FOLDER, ["users.csv"])]


def test_symbolic_links_are_never_followed(folder: Path, tmp_path: Path) -> None:
    outside = put(tmp_path / "outside" / "users.csv")
    (folder / "users.csv").symlink_to(outside)
    (folder / "ready.zip").symlink_to(outside)
    (folder / "linked").symlink_to(outside.parent, target_is_directory=True)
    put(folder / "night" / "courses.csv")
    (folder / "night" / "users.csv").symlink_to(outside)
    (folder / "night" / "inner").symlink_to(outside.parent, target_is_directory=True)
    (folder / "night" / "broken.csv").symlink_to(tmp_path / "nowhere")
    seen = inbox.scan(folder)
    assert names(seen) == [("night", DropKind.FOLDER, ["courses.csv"])]
    assert seen.others == ("linked", "night/broken.csv", "night/inner", "night/users.csv", "ready.zip", "users.csv")


def test_a_folder_called_like_a_file_is_a_folder(folder: Path) -> None:
    put(folder / "x.csv" / "users.csv")
    put(folder / "y.zip" / "inner.csv" / "users.csv")
    (folder / "empty.csv").mkdir()
    assert names(inbox.scan(folder)) == [
        ("x.csv", DropKind.FOLDER, ["users.csv"]),
        ("y.zip", DropKind.FOLDER, ["inner.csv/users.csv"]),
    ]


def test_what_is_no_regular_file_is_not_opened(folder: Path) -> None:
    os.mkfifo(folder / "pipe.csv")
    os.mkfifo(folder / "pipe.zip")
    assert inbox.scan(folder).drops == ()


def test_a_missing_inbox_is_an_error(folder: Path) -> None:
    folder.rmdir()
    with pytest.raises(FileNotFoundError):
        inbox.scan(folder)


def test_the_marker_belongs_to_no_drop(folder: Path) -> None:
    put(folder / "night" / "users.csv")
    put(folder / "night" / "done")
    put(folder / "done")
    assert inbox.scan(folder, "done").others == ()
    assert inbox.scan(folder).others == ("done", "night/done")


@pytest.mark.parametrize(("mtime", "marked"), [(999, False), (1_000, True), (1_001, True), (None, False)])
def test_a_marker_counts_when_it_is_not_older_than_any_file(folder: Path, mtime: int | None, marked: bool) -> None:
    put(folder / "night" / "old.csv", mtime=1)
    put(folder / "night" / "users.csv", mtime=1_000)
    if mtime is not None:
        put(folder / "night" / "done", mtime=mtime)
    (drop,) = inbox.scan(folder, "done").drops
    assert inbox.is_marked(drop, "done") is marked


def test_the_signature_changes_with_every_change(folder: Path) -> None:
    def seen_now() -> str:
        (drop,) = inbox.scan(folder).drops
        return inbox.signature(drop)

    path = put(folder / "users.csv", mtime=10)
    seen = [seen_now()]
    assert seen_now() == seen[0]
    put(path, "longer", mtime=10)
    seen.append(seen_now())
    os.utime(path, (11, 11))
    seen.append(seen_now())
    put(folder / "courses.csv", mtime=11)
    seen.append(seen_now())
    path.rename(folder / "kept")
    put(path, "longer", mtime=11)
    seen.append(seen_now())
    assert len(set(seen)) == len(seen)


def look(folder: Path, name: str) -> DropFile | None:
    with inbox.opened(folder) as opened:
        return inbox.look_again(opened, [name]).get(name)


def test_a_look_at_what_is_gone_or_no_file_gives_nothing(folder: Path) -> None:
    (folder / "folder").mkdir()
    for name in ("gone.csv", "folder", "gone/users.csv", "../inbox/users.csv", "./users.csv"):
        assert look(folder, name) is None
    put(folder / "users.csv", "abc", mtime=7)
    found = look(folder, "users.csv")
    assert found is not None
    assert (found.size, found.mtime_ns) == (3, 7 * 10**9)
    assert inbox.same_content(found, found)
    assert not inbox.same_content(None, found)


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


def listed(folder: Path, name: str = "users.csv") -> DropFile:
    found = look(folder, name)
    assert found is not None
    return found


def move(folder: Path, file: DropFile, sources: Path) -> None:
    with inbox.opened(folder) as origin, Folder.open(sources) as into:
        inbox.move(origin, file, into)


def test_a_move_makes_private_folders_and_files(folder: Path, sources: Path) -> None:
    source = put(folder / "deep" / "er" / "users.csv", "abc")
    source.chmod(0o644)
    move(folder, listed(folder, "deep/er/users.csv"), sources)
    assert not source.exists()
    assert (sources / "deep" / "er" / "users.csv").read_text() == "abc"
    modes = {path.name: path.stat().st_mode & 0o777 for path in sources.rglob("*")}
    assert modes == {"deep": 0o700, "er": 0o700, "users.csv": 0o600}


@pytest.fixture
def across(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make renames into `files` fail as between two file systems."""
    real = Folder.rename

    def rename(self: Folder, name: str, into: Folder, new: str) -> None:
        if "files" in into.path.parts and self.path != into.path:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        real(self, name, into, new)

    monkeypatch.setattr(Folder, "rename", rename)


@pytest.mark.usefixtures("across")
def test_across_file_systems_a_file_is_copied_with_its_time(folder: Path, sources: Path) -> None:
    source = put(folder / "users.csv", "abc" * 1_000_000, mtime=77)
    source.chmod(0o644)
    move(folder, listed(folder), sources)
    assert not list(folder.iterdir())
    destination = sources / "users.csv"
    assert destination.read_text() == "abc" * 1_000_000
    assert destination.stat().st_mtime == 77
    assert destination.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in sources.iterdir()] == ["users.csv"]


@pytest.mark.usefixtures("across")
def test_across_file_systems_the_names_of_the_copy_last_before_its_source_goes(
    folder: Path, sources: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = put(folder / "deep" / "users.csv", "abc")
    destination = sources / "deep" / "users.csv"
    kept: list[tuple[str, bool, bool]] = []
    monkeypatch.setattr(Folder, "sync", lambda at: kept.append((at.path.name, destination.exists(), source.exists())))
    move(folder, listed(folder, "deep/users.csv"), sources)
    assert kept == [("files", False, True), ("deep", True, True)]


@pytest.mark.usefixtures("across")
@pytest.mark.parametrize("when", ["fsync", "utime"])
def test_a_file_written_to_while_it_is_copied_stays_where_it_is(
    folder: Path, sources: Path, monkeypatch: pytest.MonkeyPatch, when: str, golden: Golden
) -> None:
    source = put(folder / "users.csv", "abc")
    real = getattr(os, when)

    def write_to_source(*arguments: object, **more: Any) -> None:
        real(*arguments, **more)
        with source.open("r+") as writer:
            writer.write("xyz and more")

    file = listed(folder)
    monkeypatch.setattr(os, when, write_to_source)
    with pytest.raises(DropChanged) as caught:
        move(folder, file, sources)
    golden(in_full(caught.value))
    assert source.read_text() == "xyz and more"
    assert not list(sources.iterdir())


@pytest.mark.usefixtures("across")
@pytest.mark.parametrize("newer", [True, False], ids=["a newer file", "more of the same"])
def test_what_comes_after_the_copy_is_not_removed_with_its_source(
    folder: Path, sources: Path, monkeypatch: pytest.MonkeyPatch, newer: bool
) -> None:
    source = put(folder / "users.csv", "abc")
    file, sync = listed(folder), Folder.sync

    def write(at: Folder) -> None:
        sync(at)
        if newer:
            put(folder / ".new", "newer").rename(source)
        else:
            source.write_text("abc and more")

    monkeypatch.setattr(Folder, "sync", write)
    if newer:
        move(folder, file, sources)
    else:
        with pytest.raises(DropChanged):
            move(folder, file, sources)
    assert source.read_text() == ("newer" if newer else "abc and more")
    assert [path.name for path in folder.iterdir()] == ["users.csv"]
    assert (sources / "users.csv").read_text() == "abc"


@pytest.mark.usefixtures("across")
def test_a_source_is_not_removed_over_somebody_elses_hidden_file(folder: Path, sources: Path) -> None:
    source, other = put(folder / "users.csv", "abc"), put(folder / ".users.csv.claimed", "other")
    with pytest.raises(FileExistsError):
        move(folder, listed(folder), sources)
    assert (source.read_text(), other.read_text()) == ("abc", "other")


def test_what_a_stopped_run_had_copied_and_not_yet_removed_is_removed(folder: Path) -> None:
    source = put(folder / "users.csv", "abc")
    file = listed(folder)
    source.rename(folder / ".users.csv.claimed")
    other = put(folder / ".courses.csv.claimed", "other")
    with inbox.opened(folder) as origin:
        inbox.remove_leftover(origin, file)
        inbox.remove_leftover(origin, replace(file, name="courses.csv"))
        inbox.remove_leftover(origin, replace(file, name="gone/users.csv"))
    assert [path.name for path in folder.iterdir()] == [other.name]


def test_any_other_failure_of_a_rename_is_told(folder: Path, sources: Path) -> None:
    source = put(folder / "users.csv")
    (sources / ".users.csv.claimed" / "inner").mkdir(parents=True)
    with pytest.raises(OSError, match=r"Is a directory|Directory not empty") as caught:
        move(folder, listed(folder), sources)
    assert caught.value.filename == str(source)
    assert source.exists()


def test_emptied_folders_go_and_others_stay(folder: Path) -> None:
    drop = folder / "night"
    put(drop / "a" / "b" / "users.csv")
    put(drop / "c" / "courses.csv")
    put(drop / "c" / "note.txt")
    (found,) = inbox.scan(folder).drops
    for file in found.files:
        (drop / file.name).unlink()
    inbox.remove_empty_folders(folder, "night", found.files)
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")) == [
        "night",
        "night/c",
        "night/c/note.txt",
    ]
    (drop / "c" / "note.txt").unlink()
    inbox.remove_empty_folders(folder, "night", found.files)
    assert not drop.exists()
    inbox.remove_empty_folders(folder, "night", found.files)
    assert folder.exists()
