"""Reading back: whatever differs from the source is found and named."""

from __future__ import annotations

import hashlib
import io
import tracemalloc
import zipfile
import zlib
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.golden import Golden
from support.sentences import in_full

from canvas_sis_sync.delivery._records import DEFLATED, STORED, Record, directory, local_header
from canvas_sis_sync.delivery.files import Bundle, DeliveryFile
from canvas_sis_sync.delivery.judging import look_into
from canvas_sis_sync.delivery.packing import pack
from canvas_sis_sync.delivery.reading import describe, from_zip, read_back
from canvas_sis_sync.errors import BadZipError

DATA = b"".join(b"U%05d,login%d,active\r\n" % (row, row * 7919 % 9973) for row in range(200))


def packed(path: Path, **contents: bytes) -> Bundle:
    files = [DeliveryFile(f"{name}.csv", len(data), partial(io.BytesIO, data)) for name, data in contents.items()]
    return pack(files, path, observe=None)


def lying(path: Path, data: bytes, *, size: int, method: int = DEFLATED) -> None:
    """Write a zip whose only entry says it is the first `size` bytes of `data`, CRC and all, padded if longer."""
    compressor = zlib.compressobj(wbits=-15)
    raw = data if method == STORED else compressor.compress(data) + compressor.flush()
    said = (data + b"\0" * size)[:size]
    record = Record(b"users.csv", 0, size, len(raw), zlib.crc32(said), method)
    start = local_header(record) + raw
    path.write_bytes(start + directory([record], len(start)))


def test_a_good_zip_is_read_back_whole(tmp_path: Path) -> None:
    bundle = packed(tmp_path / "x.zip", users=DATA, empty=b"", flat=b"a" * 100_000)
    told: list[int] = []
    read_back(bundle.path, bundle.entries, progress=told.append)
    assert sum(told) == len(DATA) + 100_000


def test_every_changed_byte_of_the_data_is_found(tmp_path: Path) -> None:
    bundle = packed(tmp_path / "x.zip", users=DATA[:600])
    good = bundle.path.read_bytes()
    with zipfile.ZipFile(bundle.path) as zip_file:
        packed_size = zip_file.infolist()[0].compress_size
    start = 30 + len("users.csv")
    for place in range(start, start + packed_size):
        bundle.path.write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        with pytest.raises(BadZipError) as caught:
            read_back(bundle.path, bundle.entries)
        assert "users.csv in x.zip" in caught.value.sentence


def test_a_changed_byte_of_a_stored_file_is_found(tmp_path: Path, golden: Golden) -> None:
    bundle = packed(tmp_path / "x.zip", flat=b"a" * 100_000)
    bundle.path.write_bytes(bundle.path.read_bytes().replace(b"aa", b"ab", 1))
    with pytest.raises(BadZipError) as caught:
        read_back(bundle.path, bundle.entries)
    golden(in_full(caught.value))


@pytest.mark.parametrize("changed", [{"crc32": 1}, {"size": 1}, {"size": len(DATA) + 1}, {"name": "other.csv"}])
def test_a_zip_of_something_else_is_not_taken_for_the_source(
    tmp_path: Path, changed: dict[str, Any], golden: Golden
) -> None:
    bundle = packed(tmp_path / "x.zip", users=DATA)
    with pytest.raises(BadZipError) as caught:
        read_back(bundle.path, [replace(bundle.entries[0], **changed)])
    golden(in_full(caught.value))


def test_a_missing_and_a_surplus_entry_are_found(tmp_path: Path, golden: Golden) -> None:
    bundle = packed(tmp_path / "x.zip", users=DATA, courses=DATA)
    with pytest.raises(BadZipError) as caught:
        read_back(bundle.path, bundle.entries[1:])
    golden(in_full(caught.value))
    with pytest.raises(BadZipError) as caught:
        read_back(bundle.path, [*bundle.entries, replace(bundle.entries[0], name="more.csv")])
    golden(in_full(caught.value), "2")


def test_a_description_is_what_packing_said(tmp_path: Path) -> None:
    bundle = packed(tmp_path / "x.zip", users=DATA, empty=b"")
    assert describe(bundle.path) == bundle


def test_a_description_of_a_zip_by_another_program(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zip_file:
        zip_file.mkdir("night")
        zip_file.writestr("night/users.csv", DATA)
    seen: list[bytes] = []
    told: list[int] = []

    class Seen:
        def feed(self, block: bytes, /) -> None:
            seen.append(block)

    bundle = describe(path, observe=lambda name: Seen(), progress=told.append)
    assert [(entry.name, entry.size, entry.crc32) for entry in bundle.entries] == [
        ("night/users.csv", len(DATA), zlib.crc32(DATA))
    ]
    assert (b"".join(seen), sum(told)) == (DATA, len(DATA))
    assert (bundle.size, bundle.sha256) == (path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("method", [DEFLATED, STORED])
@pytest.mark.parametrize("size", [len(DATA) - 1, 10, len(DATA) + 1])
def test_a_zip_that_lies_about_a_size_is_caught_when_it_is_read(
    tmp_path: Path, method: int, size: int, golden: Golden
) -> None:
    lying(tmp_path / "x.zip", DATA, size=size, method=method)
    (file,) = look_into(tmp_path / "x.zip").files
    with file.open() as stream, pytest.raises(BadZipError) as caught:
        list(iter(lambda: stream.read(100), b""))
    golden(in_full(caught.value))
    with pytest.raises(BadZipError):
        describe(tmp_path / "x.zip")


def test_little_more_than_the_said_size_is_decompressed(tmp_path: Path) -> None:
    lying(tmp_path / "x.zip", bytes(50_000_000), size=1000)
    (file,) = look_into(tmp_path / "x.zip").files
    tracemalloc.start()
    with file.open() as stream, pytest.raises(BadZipError):
        stream.read()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000


def test_a_zip_whose_end_of_an_entry_is_missing_is_damaged(tmp_path: Path, golden: Golden) -> None:
    compressor = zlib.compressobj(wbits=-15)
    raw = compressor.compress(DATA) + compressor.flush(zlib.Z_SYNC_FLUSH)
    record = Record(b"users.csv", 0, len(DATA) + 1, len(raw), zlib.crc32(DATA), DEFLATED)
    start = local_header(record) + raw
    (tmp_path / "x.zip").write_bytes(start + directory([record], len(start)))
    with pytest.raises(BadZipError) as caught:
        describe(tmp_path / "x.zip")
    golden(in_full(caught.value))


@pytest.mark.parametrize("offset", [7, 1_000_000])
def test_an_entry_that_is_not_where_the_zip_says_is_named(tmp_path: Path, offset: int, golden: Golden) -> None:
    record = Record(b"users.csv", 0, 10, 10, 0, STORED)
    start = local_header(record) + b"0123456789"
    (tmp_path / "x.zip").write_bytes(start + directory([replace(record, offset=offset)], len(start)))
    with pytest.raises(BadZipError) as caught:
        describe(tmp_path / "x.zip")
    golden(in_full(caught.value))


def test_a_zip_whose_beginning_is_missing_is_damaged(tmp_path: Path, golden: Golden) -> None:
    bundle = packed(tmp_path / "x.zip", users=DATA)
    bundle.path.write_bytes(bundle.path.read_bytes()[10:])
    with pytest.raises(BadZipError) as caught:
        describe(bundle.path)
    golden(in_full(caught.value))


def test_a_zip_that_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    for read in (describe, look_into):
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "x.zip")


def test_a_delivery_read_from_a_zip_packs_into_an_equal_one(tmp_path: Path) -> None:
    bundle = packed(tmp_path / "x.zip", users=DATA, flat=b"a" * 100_000)
    again = pack(look_into(bundle.path).files, tmp_path / "again.zip", observe=None)
    assert again.path.read_bytes() == bundle.path.read_bytes()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_gets_past_or_ends_in_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    """Whatever is done to a zip, it is refused in a sentence or yields what its directory says."""
    path = tmp_path / "x.zip"
    bad = bytearray(packed(path, users=DATA[:300], flat=b"a" * 1000).path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(bad) - 1), min_size=1, max_size=4)):
        bad[place] = data.draw(st.integers(0, 255))
    path.write_bytes(bad)
    refusals = []
    try:
        for file in look_into(path).files:
            with file.open() as stream:
                assert len(stream.read()) == file.size
        describe(path)
    except BadZipError as error:
        refusals.append(error)
    assert all(error.sentence.endswith(".") and error.hint for error in refusals)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_entry_can_be_sought_forward_only_and_is_verified_all_the_same(tmp_path: Path, method: int) -> None:
    data = b"".join(b"%d\n" % number for number in range(500_000))
    with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as written:
        written.writestr("users.csv", data)
    (file,) = from_zip(tmp_path / "x.zip", ["users.csv"])
    with file.open() as stream:
        assert stream.seekable()
        assert stream.read(10) == data[:10]
        assert stream.seek(2_000_000) == 2_000_000
        assert stream.read(10) == data[2_000_000:2_000_010]
        with pytest.raises(io.UnsupportedOperation):
            stream.seek(5)
        with pytest.raises(io.UnsupportedOperation):
            stream.seek(0, 2)
        assert stream.read() == data[2_000_010:]
        assert stream.tell() == len(data)
        assert stream.seek(len(data) + 5) == len(data)
    content = bytearray((tmp_path / "x.zip").read_bytes())
    content[100] ^= 1
    (tmp_path / "x.zip").write_bytes(content)
    with file.open() as stream, pytest.raises(BadZipError):
        stream.seek(len(data) + 1)


def test_an_entry_that_is_asked_for_and_not_there_is_named(tmp_path: Path, golden: Golden) -> None:
    bundle = packed(tmp_path / "x.zip", **{"users.csv": b"x"})
    with pytest.raises(BadZipError) as caught:
        from_zip(bundle.path, ["users.csv", "courses.csv"])
    golden(in_full(caught.value))
