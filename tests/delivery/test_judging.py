"""Looking into ready-made zips: what cannot be believed is refused, what can is told apart."""

from __future__ import annotations

import shutil
import stat
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
from support.golden import Golden
from support.sentences import in_full, listed

from canvas_sis_sync.delivery import judging
from canvas_sis_sync.delivery._records import STORED, Record, directory, local_header
from canvas_sis_sync.delivery.judging import look_into
from canvas_sis_sync.errors import BadZipError

DATA = b"user_id,login_id,status\r\n1,ada,active\r\n"


def made(path: Path, *names: str, data: bytes = DATA, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as zip_file:
        for name in names:
            zip_file.writestr(name, data if not name.endswith("/") else b"")
    return path


def test_a_zip_of_csvs_is_plain(tmp_path: Path) -> None:
    contents = look_into(made(tmp_path / "x.zip", "users.csv", "night/COURSES.CSV"))
    assert [(file.name, file.size) for file in contents.files] == [
        ("users.csv", len(DATA)),
        ("night/COURSES.CSV", len(DATA)),
    ]
    assert contents.plain
    with contents.files[0].open() as stream:
        assert stream.read() == DATA


def test_folders_leave_a_zip_plain(tmp_path: Path) -> None:
    contents = look_into(made(tmp_path / "x.zip", "night/", "night/users.csv"))
    assert (contents.ignored, contents.foreign, contents.plain) == (("night/",), (), True)


@pytest.mark.parametrize(
    "name",
    [".hidden.csv", ".git/users.csv", "__MACOSX/users.csv", "a/__MACOSX/._users.csv", "Desktop DB", "a/Desktop DF"],
)
def test_what_canvas_ignores_silently_is_told_from_what_it_complains_about(tmp_path: Path, name: str) -> None:
    contents = look_into(made(tmp_path / "x.zip", "users.csv", name))
    assert [file.name for file in contents.files] == ["users.csv"]
    assert (contents.ignored, contents.foreign, contents.plain) == ((name,), (), False)


@pytest.mark.parametrize("name", ["readme.txt", "inner.zip", "users.csv.gz", "Thumbs.db", "a/Desktop DBX", "users"])
def test_other_files_are_foreign(tmp_path: Path, name: str) -> None:
    contents = look_into(made(tmp_path / "x.zip", "users.csv", name))
    assert (contents.ignored, contents.foreign, contents.plain) == ((), (name,), False)


@pytest.mark.parametrize(("name", "plain"), [("courses.csv", True), ("done", False)])
def test_empty_files_are_ignored_as_canvas_ignores_them(tmp_path: Path, name: str, plain: bool) -> None:
    path = made(tmp_path / "x.zip", "users.csv")
    with zipfile.ZipFile(path, "a") as zip_file:
        zip_file.writestr(name, b"")
    contents = look_into(path)
    assert (contents.ignored, contents.foreign, contents.plain) == ((name,), (), plain)


def test_a_name_without_a_known_encoding_is_not_sent_as_it_is(tmp_path: Path) -> None:
    """Canvas might read it differently, and the attachments of an import are compared by name."""
    record = Record("Prüfung.csv".encode(), 0, 3, 3, 0x352441C2, STORED)
    start = local_header(record) + b"abc"
    path = tmp_path / "x.zip"
    path.write_bytes(start + directory([record], len(start)))
    assert look_into(path).plain
    path.write_bytes(
        path.read_bytes().replace(b"\x00\x08\x00\x00\x00\x00\x21\x00", b"\x00\x00\x00\x00\x00\x00\x21\x00")
    )
    assert not look_into(path).plain


def test_a_zip_behind_something_else_is_not_sent_as_it_is(tmp_path: Path) -> None:
    path = made(tmp_path / "x.zip", "users.csv")
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())
    contents = look_into(path)
    assert not contents.plain
    with contents.files[0].open() as stream:
        assert stream.read() == DATA


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("/etc/users.csv", "etc/users.csv"),
        ("C:/users.csv", "users.csv"),
        ("c:users.csv", "users.csv"),
        ("a\\users.csv", "a/users.csv"),
        ("\\\\server\\users.csv", "server/users.csv"),
        ("./users.csv", "users.csv"),
        (".\\a\\.\\\\users.csv", "a/users.csv"),
    ],
)
def test_names_as_tools_write_them_are_places_in_the_zip_and_packed_again(
    tmp_path: Path, name: str, place: str
) -> None:
    path = tmp_path / "x.zip"
    record = Record(name.encode(), 0, len(DATA), len(DATA), zlib.crc32(DATA), STORED)
    start = local_header(record) + DATA
    path.write_bytes(start + directory([record], len(start)))
    contents = look_into(path)
    assert [file.name for file in contents.files] == [place]
    assert not contents.plain
    with contents.files[0].open() as stream:
        assert stream.read() == DATA


OUTSIDE = (
    "../users.csv",
    "a/../../users.csv",
    "a/..",
    "..\\users.csv",
    "a\\..\\users.csv",
    "a\nb.csv",
    "users.csv\x00.txt",
)


def test_names_that_lead_outside_are_refused(tmp_path: Path, golden: Golden) -> None:
    path, found = tmp_path / "x.zip", {}
    for name in OUTSIDE:
        record = Record(name.encode(), 0, len(DATA), len(DATA), 0, STORED)
        start = local_header(record) + DATA
        path.write_bytes(start + directory([record], len(start)))
        with pytest.raises(BadZipError) as caught:
            look_into(path)
        assert caught.value.sentence.isprintable()
        found[repr(name)] = in_full(caught.value)
    golden(listed(found))


def test_dots_inside_a_name_are_no_way_out(tmp_path: Path) -> None:
    assert look_into(made(tmp_path / "x.zip", "users..csv", "a..b/courses.csv")).plain


def test_an_encrypted_zip_is_refused(tmp_path: Path, golden: Golden) -> None:
    (tmp_path / "users.csv").write_bytes(DATA)
    if not shutil.which("zip"):
        pytest.skip("zip is not installed")
    subprocess.run(["zip", "-q", "-P", "made-up", "x.zip", "users.csv"], cwd=tmp_path, check=True)
    with pytest.raises(BadZipError) as caught:
        look_into(tmp_path / "x.zip")
    golden(in_full(caught.value))


def test_a_symbolic_link_is_refused(tmp_path: Path, golden: Golden) -> None:
    (tmp_path / "users.csv").symlink_to("/etc/passwd")
    if not shutil.which("zip"):
        pytest.skip("zip is not installed")
    subprocess.run(["zip", "-q", "-y", "x.zip", "users.csv"], cwd=tmp_path, check=True)
    with zipfile.ZipFile(tmp_path / "x.zip") as zip_file:
        assert stat.S_ISLNK(zip_file.infolist()[0].external_attr >> 16)
    with pytest.raises(BadZipError) as caught:
        look_into(tmp_path / "x.zip")
    golden(in_full(caught.value))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_refused(tmp_path: Path, method: int, golden: Golden) -> None:
    with pytest.raises(BadZipError) as caught:
        look_into(made(tmp_path / "x.zip", "users.csv", method=method))
    golden(in_full(caught.value))


def test_duplicates_are_refused(tmp_path: Path, golden: Golden) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        made(tmp_path / "x.zip", "users.csv", "users.csv")
    with pytest.raises(BadZipError) as caught:
        look_into(tmp_path / "x.zip")
    golden(in_full(caught.value))


@pytest.mark.parametrize("name", ["readme.txt", ".users.csv", "night/"])
def test_a_zip_without_a_csv_is_refused(tmp_path: Path, name: str, golden: Golden) -> None:
    with pytest.raises(BadZipError) as caught:
        look_into(made(tmp_path / "x.zip", name))
    golden(in_full(caught.value))


def test_a_zip_without_anything_is_refused(tmp_path: Path, golden: Golden) -> None:
    with pytest.raises(BadZipError) as caught:
        look_into(made(tmp_path / "x.zip"))
    golden(in_full(caught.value))


def test_a_zip_that_shrinks_too_far_is_refused(tmp_path: Path, golden: Golden) -> None:
    with pytest.raises(BadZipError) as caught:
        look_into(made(tmp_path / "x.zip", "users.csv", data=bytes(1_000_000)))
    golden(in_full(caught.value))
    assert look_into(made(tmp_path / "y.zip", "users.csv", data=bytes(1_000_000), method=zipfile.ZIP_STORED)).plain


def test_a_zip_with_too_many_entries_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    assert judging.MOST_ENTRIES == 100_000
    monkeypatch.setattr(judging, "MOST_ENTRIES", 3)
    assert len(look_into(made(tmp_path / "x.zip", "a.csv", "b/", "b/c.csv")).files) == 2
    with pytest.raises(BadZipError) as caught:
        look_into(made(tmp_path / "x.zip", "a.csv", "b/", "b/c.csv", "d.csv"))
    golden(in_full(caught.value))


def test_a_zip_that_says_it_is_larger_than_canvas_takes_is_refused(tmp_path: Path, golden: Golden) -> None:
    record = Record(b"users.csv", 0, judging.MOST_BYTES + 1, 1, 0, STORED)
    start = local_header(record) + b"x"
    (tmp_path / "x.zip").write_bytes(start + directory([record], len(start)))
    with pytest.raises(BadZipError) as caught:
        look_into(tmp_path / "x.zip")
    golden(in_full(caught.value))


def test_a_zip_that_is_still_being_written_is_refused_wherever_it_is_cut(tmp_path: Path, golden: Golden) -> None:
    whole = made(tmp_path / "x.zip", "users.csv", "courses.csv").read_bytes()
    for end in range(len(whole)):
        (tmp_path / "x.zip").write_bytes(whole[:end])
        with pytest.raises(BadZipError) as caught:
            look_into(tmp_path / "x.zip")
        golden(in_full(caught.value))
