"""Files that cannot be read as they should, and what is said of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from support.golden import Golden
from support.samples import Files, checked, delivery, found

from canvas_sis_sync.check import _names
from canvas_sis_sync.check._rule import Severity
from canvas_sis_sync.check.engine import check, failed
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.delivery.judging import MOST_BYTES, MOST_ENTRIES
from canvas_sis_sync.errors import BadZipError

USERS = "user_id,login_id,status\nu1,ann,active\n"


def on_disk(path: Path, size: int | None = None) -> DeliveryFile:
    return DeliveryFile(path.name, path.stat().st_size if size is None else size, lambda: path.open("rb"))


def only(rule: str, file: DeliveryFile, **how: Any) -> bool:
    """Say whether a rule is all that is said of a file, but for an empty set."""
    report = check([file], CheckOptions(), **how)
    return report.counts.keys() - {"set-nothing-to-import"} == {rule} and report.files[0].rows is None


def test_a_file_that_is_gone_is_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    assert only("file-unreadable", DeliveryFile("users.csv", 10, lambda: path.open("rb")))


def test_a_folder_with_the_name_of_a_file_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "users.csv").mkdir()
    assert only("file-unreadable", on_disk(tmp_path / "users.csv"))


def test_a_file_that_may_not_be_read_is_a_finding() -> None:
    """Root may read everything, so the refusal is made up."""

    def opened() -> BinaryIO:
        raise PermissionError(13, "Permission denied")

    assert only("file-unreadable", DeliveryFile("users.csv", 10, opened))


def test_a_file_that_fails_while_it_is_read_is_a_finding_and_defines_nothing(golden: Golden) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() == 0:
                return super().read(len(USERS))
            raise OSError(5, "Input/output error")

    def opened() -> BinaryIO:
        return Broken(USERS.encode())

    enrollments = delivery({"e.csv": "section_id,user_id,role,status\ns,u1,ta,active\n"})
    report = check([DeliveryFile("users.csv", 1, opened), *enrollments], CheckOptions())
    assert found(report, "file-unreadable") == [("users.csv", None, None)]
    golden(report.findings[0].message)
    assert [each.rows for each in report.files] == [None, 1]


def test_an_entry_of_a_zip_that_is_broken_is_a_finding(golden: Golden) -> None:
    def opened() -> BinaryIO:
        raise BadZipError("users.csv is damaged.", "Write the zip anew.")

    report = check([DeliveryFile("users.csv", 1, opened)], CheckOptions())
    golden(report.findings[0].message)


def test_a_stream_that_cannot_convert_its_file_any_more_is_a_finding() -> None:
    def opened() -> BinaryIO:
        raise UnicodeDecodeError("cp1252", b"\x81", 0, 1, "no such character")

    assert only("file-unreadable", DeliveryFile("users.csv", 10, opened))


@pytest.mark.parametrize("size", [0, 1_000])
def test_a_file_that_grew_or_shrank_is_a_finding(tmp_path: Path, size: int) -> None:
    path = tmp_path / "users.csv"
    path.write_text(USERS)
    assert "file-changed" in check([on_disk(path, size)], CheckOptions()).counts
    assert "file-changed" not in check([on_disk(path)], CheckOptions()).counts


def test_nothing_else_is_said_of_a_file_that_canvas_drops(golden: Golden) -> None:
    report = checked({"users.csv": "user_id,login_id,status\n,ann,active\n" * 5_000 + 'u,"b"x,active\n'})
    assert report.counts == {"file-malformed-csv": 1, "set-nothing-to-import": 1}
    assert report.refused_rows == report.rows == 10_000
    assert report.refused == {}
    golden(report.findings[0].message)


def test_a_dropped_file_defines_nothing_and_claims_nothing() -> None:
    rows = "".join(f"u{number},l{number},active\n" for number in range(3_000))
    good = "user_id,login_id,status\nu1,l2,active\n"
    report = checked({"a.csv": f"user_id,login_id,status\n{rows}\xff".encode("latin-1"), "users.csv": good})
    assert report.counts.keys() == {"file-not-utf8", "user-provider-cleared"}


def test_encoding_comes_before_every_other_fault() -> None:
    assert "file-not-utf8" in checked({"x.csv": b'what,"is\nthis"x\n' + b"a,b\n" * 50_000 + b"\xff"}).counts
    assert "file-not-utf8" in checked({"x.csv": b"user_id\n" + b"a,b\n" * 50_000 + b"\xff"}).counts


def test_an_unrecognised_file_is_only_that_however_malformed_its_rows() -> None:
    assert checked({"x.csv": 'a,b\n1,"2"x\n'}).counts.keys() == {"file-headers-unrecognised", "set-nothing-to-import"}


def test_a_header_that_is_malformed_is_fatal() -> None:
    assert "file-malformed-csv" in checked({"x.csv": 'user_id,"login_id"x,status\n'}).counts


def test_hidden_and_foreign_files_are_not_read() -> None:
    files: Files = {
        "__MACOSX/users.csv": USERS,
        "a/.b/users.csv": USERS,
        "users.csv.gz": b"\x1f\x8b",
        "/users.csv": USERS,
    }
    report = checked(files)
    assert report.counts == {
        "file-hidden": 2,
        "file-unknown-type": 1,
        "zip-entry-unsafe": 1,
        "set-nothing-to-import": 1,
    }
    assert {each.kind for each in report.files} == {None}


def test_what_came_along_is_told_by_its_name() -> None:
    report = checked({"users.csv": USERS}, others=("inner.zip", ".DS_Store", "notes.txt"))
    assert found(report, "file-unknown-type") == [("inner.zip", None, None), ("notes.txt", None, None)]
    assert found(report, "file-hidden") == [(".DS_Store", None, None)]


def test_two_files_of_one_name_are_a_finding() -> None:
    files = delivery({"users.csv": USERS})
    assert "zip-entry-duplicate" in check(files * 2, CheckOptions()).counts
    assert "zip-entry-duplicate" not in check(files, CheckOptions()).counts


def test_too_many_and_too_big_files_are_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_names, "MOST_ENTRIES", 3)
    monkeypatch.setattr(_names, "MOST_BYTES", 2 * len(USERS))
    files = delivery({"a.csv": USERS, "b.csv": USERS, "c.csv": ""})
    fatal = {"zip-too-big", "zip-too-many-entries"}
    assert not fatal & check(files, CheckOptions()).counts.keys()
    assert fatal <= check([*files, *delivery({"d.csv": "x"})], CheckOptions()).counts.keys()
    assert "zip-too-many-entries" in check(files, CheckOptions(), others=["notes.txt"]).counts
    assert (MOST_ENTRIES, MOST_BYTES) == (100_000, 50 * 1024**3)


def test_what_cannot_be_opened_at_all_has_a_report_too(golden: Golden) -> None:
    report = failed("zip-unreadable", "drop.zip", "drop.zip is no zip.")
    assert report.summary == {"fatal": 1, "error": 0, "warning": 0}
    assert report.findings[0].severity is Severity.FATAL
    golden(report.findings[0].message)


def test_progress_is_told_the_bytes_read() -> None:
    told: list[int] = []
    files = delivery({"users.csv": USERS, "a.csv": USERS})
    check(files, CheckOptions(), progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 2 * len(USERS)
