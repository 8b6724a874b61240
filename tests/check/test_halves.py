"""A file read in two halves says what it says as a whole."""

from __future__ import annotations

import io
import random
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.mutations import AIMS, SEED, mutated
from support.samples import Files, checked

from canvas_sis_sync.check import _halves
from canvas_sis_sync.check._halves import CutPoint, find_cut, in_halves
from canvas_sis_sync.check.engine import check
from canvas_sis_sync.check.findings import Report
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.delivery.judging import look_into

HEADER = "course_id,section_id,user_id,role,status,start_date,end_date\n"
RECORDS = st.lists(st.sampled_from(["a,b\n", '"a\nb",c\n', '"a""b",""\n', "\n", "ä,b\n"]), max_size=30)


@pytest.fixture
def halved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have even small files read in halves."""
    assert threading.active_count() == 1
    monkeypatch.setattr(_halves, "LEAST_BYTES", 0)


def rows_of(stream: BinaryIO, repeated: int) -> tuple[bytes, int]:
    return b"".join(iter(partial(stream.read, 7), b"")), repeated


def file_of(data: bytes) -> DeliveryFile:
    return DeliveryFile("x.csv", len(data), lambda: io.BytesIO(data))


@given(RECORDS)
def test_a_cut_is_between_two_records(records: list[str]) -> None:
    data = ("x,y\n" + "".join(records)).encode()
    cut = find_cut(io.BytesIO(data), len(data))
    if cut:
        assert cut.header == b"x,y\n"
        assert data[: cut.offset].decode().removeprefix("x,y\n") in {
            "".join(records[:end]) for end in range(len(records) + 1)
        }
        assert cut.offset >= len(data) // 2


@pytest.mark.parametrize(
    "data", [b"", b"x,y", b'"x",y\na,b\n', b"x\ry\na,b\n", b"\nx,y\na,b\n", b'x,y\n"a\nb\nc', b"x,y\na"]
)
def test_what_has_no_plain_header_or_no_place_to_cut_is_not_cut(data: bytes) -> None:
    assert find_cut(io.BytesIO(data), len(data)) is None


def test_a_file_that_is_shorter_than_said_is_not_cut() -> None:
    assert find_cut(io.BytesIO(b"x,y\na,b\n"), 1_000) is None


def test_each_half_is_given_the_header(halved: None) -> None:
    data = b"x,y\r\n" + b"a,b\r\n" * 10
    cut = find_cut(io.BytesIO(data), len(data))
    assert cut == CutPoint(b"x,y\r\n", 30)
    assert in_halves(file_of(data), rows_of) == ((data[:30], 0), (b"x,y\r\n" + data[30:], 5))


def test_a_second_half_that_fails_gives_nothing(halved: None) -> None:
    def work(stream: BinaryIO, repeated: int) -> int:
        if repeated:
            raise ValueError
        return len(stream.read(1_000))

    assert in_halves(file_of(b"x,y\n" + b"a,b\n" * 10), work) is None


def test_streams_that_cannot_be_moved_in_are_read_as_a_whole(halved: None) -> None:
    class Stream(io.BytesIO):
        def seekable(self) -> bool:
            return False

    data = b"x,y\n" + b"a,b\n" * 10
    assert in_halves(DeliveryFile("x.csv", len(data), lambda: Stream(data)), rows_of) is None


def test_no_process_is_forked_from_several_threads(halved: None) -> None:
    done = threading.Event()
    other = threading.Thread(target=done.wait)
    other.start()
    try:
        assert in_halves(file_of(b"x,y\n" + b"a,b\n" * 10), rows_of) is None
    finally:
        done.set()
        other.join()


def enrollments(chance: random.Random) -> str:
    words = (
        "",
        "u1",
        "c1",
        "s1",
        "student",
        "active",
        "deleted",
        "Active",
        "2026-01-01",
        "12/31/2026",
        '"a\nb"',
        " x ",
    )
    rows = [
        ",".join(chance.choice(words) for _ in range(chance.choice((7, 7, 7, 6, 8))))
        for _ in range(chance.randrange(60))
    ]
    return HEADER + "\n".join(rows)


def both(files: Files, options: CheckOptions, monkeypatch: pytest.MonkeyPatch) -> Iterator[Report]:
    for least in (0, 1 << 40):
        monkeypatch.setattr(_halves, "LEAST_BYTES", least)
        yield checked(files, options)


def test_a_file_says_the_same_in_halves_and_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(SEED)
    for number in range(16):
        text = enrollments(chance).encode()
        files: Files = {
            "e.csv": mutated(text, chance) if number % 4 == 0 else text,
            "u.csv": "user_id,login_id,status,integration_id\n" + "u1,a,active,i\nu2,a,active,i\n" * 5,
            "x.csv": "what,is,this\n" + "1,2,3\n" * 9,
            "a.csv": "account_id,parent_account_id,name,status\n"
            + "".join(f"a{n},a{n + 1},N,active\n" for n in range(9)),
        }
        halved, whole = both(files, chance.choice(AIMS), monkeypatch)
        assert halved == whole


def test_files_on_disk_are_read_in_halves(halved: None, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("user_id,login_id,status\n" + "".join(f"u{n},l{n},active\n" for n in range(5_000)) + "u,,active\n")
    told: list[int] = []
    file = DeliveryFile("users.csv", path.stat().st_size, lambda: path.open("rb"))
    report = check([file], CheckOptions(), progress=told.append)
    assert report.counts == {"user-login-id-blank": 1, "user-provider-cleared": 1}
    assert report.findings[1].row == 5_002
    assert told[-1] == file.size


def test_files_in_a_zip_are_read_in_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (HEADER + "".join(f"c{n},,u{n},student,active,,\n" for n in range(60_000))).encode()
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=0) as written:
        written.writestr("enrollments.csv", data)
    (file,) = look_into(tmp_path / "x.zip").files
    whole = in_halves(file, rows_of), check([file], CheckOptions())
    assert whole[0] is None
    monkeypatch.setattr(_halves, "LEAST_BYTES", 0)
    cut = find_cut(io.BytesIO(data), len(data))
    assert cut is not None
    assert in_halves(file, rows_of) == (
        (data[: cut.offset], 0),
        (cut.header + data[cut.offset :], len(cut.header)),
    )
    assert check([file], CheckOptions()) == whole[1]


def test_a_duplicate_of_a_refused_row_of_the_first_half_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = "u1,,active\n" * 60 + "u2,b,active\n" * 60 + "u1,,active\n" * 60
    halved, whole = both({"u.csv": f"user_id,login_id,status\n{rows}"}, AIMS[0], monkeypatch)
    assert halved.repeated == whole.repeated == 119
