"""Packing: the same bytes whatever the threads, zips that other programs accept, nothing left after a failure."""

from __future__ import annotations

import hashlib
import io
import os
import random
import resource
import runpy
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import time
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import pytest
from support.golden import Golden
from support.sentences import in_full
from zlib_ng import zlib_ng

from canvas_sis_sync.delivery import _records, judging, packing
from canvas_sis_sync.delivery.files import DeliveryFile, Entry
from canvas_sis_sync.delivery.packing import from_folder, pack
from canvas_sis_sync.delivery.reading import read_back
from canvas_sis_sync.errors import BadZipError, DropChanged

LIBRARIES = pytest.mark.parametrize("library", [zlib_ng, zlib])


def delivered(name: str, data: bytes) -> DeliveryFile:
    return DeliveryFile(name, len(data), lambda: io.BytesIO(data))


def rows(count: int, seed: int = 1) -> bytes:
    numbers = random.Random(seed)
    return b"".join(b"C-%06d,U%09d,student,active\r\n" % (row // 25, numbers.getrandbits(29)) for row in range(count))


def content(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as zip_file:
        assert zip_file.testzip() is None
        return {info.filename: zip_file.read(info) for info in zip_file.infolist()}


def accepted_by_unzip(path: Path) -> bool:
    if not shutil.which("unzip"):
        pytest.skip("unzip is not installed")
    return subprocess.run(["unzip", "-tq", str(path)], capture_output=True, check=False).returncode == 0


class Counter:
    def __init__(self) -> None:
        self.seen = b""

    def feed(self, block: bytes, /) -> None:
        self.seen += block


@LIBRARIES
def test_the_zip_is_the_same_whatever_the_number_of_threads_and_the_order_of_the_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: object
) -> None:
    monkeypatch.setattr(packing, "library", library)
    files = [delivered("users.csv", rows(1000)), delivered("enrollments.csv", rows(100_000, seed=2))]
    packed = []
    for threads, order in ((1, 1), (2, -1), (7, 1)):
        bundle = pack(files[::order], tmp_path / f"{threads}.zip", observe=None, threads=threads)
        packed.append(bundle.path.read_bytes())
    assert packed[0] == packed[1] == packed[2]
    assert content(bundle.path) == {"enrollments.csv": rows(100_000, seed=2), "users.csv": rows(1000)}


@LIBRARIES
def test_blocks_join_into_streams_that_unzip_and_zipfile_accept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: object
) -> None:
    monkeypatch.setattr(packing, "library", library)
    monkeypatch.setattr(packing, "BLOCK", 1000)
    files = {f"{size}.csv": rows(1000)[:size] for size in (0, 1, 999, 1000, 1001, 20_000)}
    bundle = pack([delivered(*file) for file in files.items()], tmp_path / "x.zip", observe=None)
    assert content(bundle.path) == files
    assert accepted_by_unzip(bundle.path)
    read_back(bundle.path, bundle.entries)


def test_blocks_know_what_came_before_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the dictionary each block would repeat the noise in full."""
    noise = random.Random(5).randbytes(20_000)
    monkeypatch.setattr(packing, "BLOCK", len(noise))
    bundle = pack([delivered("x.csv", noise * 5)], tmp_path / "x.zip", observe=None)
    assert bundle.size < 1.2 * len(noise)


def test_a_missing_zlib_ng_leaves_the_standard_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zlib_ng", None)
    assert runpy.run_path(packing.__file__)["library"] is zlib


def test_the_bundle_says_what_was_packed(tmp_path: Path) -> None:
    data = rows(10)
    bundle = pack([delivered("b/users.csv", data), delivered("a.csv", b"")], tmp_path / "x.zip", observe=None)
    packed = bundle.path.read_bytes()
    assert bundle.entries == (Entry("a.csv", 0, 0), Entry("b/users.csv", len(data), zlib.crc32(data)))
    assert (bundle.size, bundle.sha256) == (len(packed), hashlib.sha256(packed).hexdigest())


def test_the_zip_is_readable_by_its_owner_only_and_replaces_what_was_left(tmp_path: Path) -> None:
    destination = tmp_path / "x.zip"
    destination.write_bytes(b"left by a run that was killed" * 1000)
    destination.chmod(0o644)
    pack([delivered("users.csv", rows(1))], destination, observe=None)
    assert stat.S_IMODE(destination.stat().st_mode) == 0o600
    assert content(destination) == {"users.csv": rows(1)}


def test_nothing_in_the_zip_tells_when_or_by_whom_it_was_made(tmp_path: Path) -> None:
    bundle = pack([delivered("users.csv", rows(1))], tmp_path / "x.zip", observe=None)
    with zipfile.ZipFile(bundle.path) as zip_file:
        info = zip_file.infolist()[0]
    assert info.date_time == (1980, 1, 1, 0, 0, 0)
    assert stat.filemode(info.external_attr >> 16) == "-rw-------"
    assert info.flag_bits == 0x800


def test_names_keep_their_umlauts(tmp_path: Path) -> None:
    bundle = pack([delivered("Prüfung/学生.csv", rows(1))], tmp_path / "x.zip", observe=None)
    assert content(bundle.path) == {"Prüfung/学生.csv": rows(1)}
    assert accepted_by_unzip(bundle.path)


def test_a_name_that_is_not_utf8_is_refused_by_name(tmp_path: Path, golden: Golden) -> None:
    with pytest.raises(BadZipError) as caught:
        pack([delivered(os.fsdecode(b"na\xffme.csv"), b"x")], tmp_path / "x.zip", observe=None)
    golden(in_full(caught.value))
    assert not list(tmp_path.iterdir())


@LIBRARIES
def test_what_would_shrink_too_far_for_canvas_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: object
) -> None:
    monkeypatch.setattr(packing, "library", library)
    files = {"flat.csv": b"a,b\r\n" * 600_000, "usual.csv": rows(1000)}
    bundle = pack([delivered(*file) for file in files.items()], tmp_path / "x.zip", observe=None)
    with zipfile.ZipFile(bundle.path) as zip_file:
        methods = {info.filename: info.compress_type for info in zip_file.infolist()}
    assert methods == {"flat.csv": zipfile.ZIP_STORED, "usual.csv": zipfile.ZIP_DEFLATED}
    assert sum(map(len, files.values())) < 100 * bundle.size
    assert content(bundle.path) == files
    assert accepted_by_unzip(bundle.path)


def test_observers_see_each_file_once_and_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "BLOCK", 1000)
    observers: dict[str, Counter] = {}
    told: list[int] = []
    files = {"flat.csv": b"a" * 500_000, "users.csv": rows(500)}
    pack(
        [delivered(*file) for file in files.items()],
        tmp_path / "x.zip",
        observe=lambda name: observers.setdefault(name, Counter()),
        progress=told.append,
    )
    assert {name: observer.seen for name, observer in observers.items()} == files
    assert sum(told) == sum(map(len, files.values()))


@pytest.mark.parametrize("limit", ["ZIP64_ABOVE", "MOST_ENTRIES"])
def test_zip64_is_used_above_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(_records, limit, 3 if limit == "MOST_ENTRIES" else 5000)
    files = {f"{number}.csv": rows(100 * number) for number in range(6)}
    bundle = pack([delivered(*file) for file in files.items()], tmp_path / "x.zip", observe=None)
    assert b"PK\x06\x06" in bundle.path.read_bytes()
    assert content(bundle.path) == files
    assert accepted_by_unzip(bundle.path)
    read_back(bundle.path, bundle.entries)


def test_an_entry_beyond_four_gigabytes_is_found(tmp_path: Path) -> None:
    path, data = tmp_path / "x.zip", rows(10)
    record = _records.Record(b"users.csv", 2**32 + 10, len(data), len(data), zlib.crc32(data), _records.STORED)
    with path.open("wb") as file:
        file.seek(record.offset)
        file.write(_records.local_header(record) + data)
        file.write(_records.directory([record], file.tell()))
    assert content(path) == {"users.csv": data}


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_files_and_offsets_beyond_four_gigabytes(tmp_path: Path) -> None:
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(2**32 + 10)
    (tmp_path / "users.csv").write_bytes(rows(10))
    bundle = pack(from_folder(tmp_path, ["large.csv", "users.csv"]), tmp_path / "x.zip", observe=None)
    assert bundle.size > 2**32
    with zipfile.ZipFile(bundle.path) as zip_file:
        assert [info.file_size for info in zip_file.infolist()] == [2**32 + 10, len(rows(10))]
        assert zip_file.read("users.csv") == rows(10)
    read_back(bundle.path, bundle.entries)
    assert accepted_by_unzip(bundle.path)


@pytest.mark.parametrize("said", [99, 101, 0])
def test_a_file_that_is_not_as_long_as_it_was_is_said_to_have_changed(
    tmp_path: Path, said: int, golden: Golden
) -> None:
    file = DeliveryFile("users.csv", said, lambda: io.BytesIO(b"x" * 100))
    with pytest.raises(DropChanged) as caught:
        pack([file], tmp_path / "x.zip", observe=None)
    golden(in_full(caught.value))
    assert not list(tmp_path.iterdir())


def test_a_file_that_never_ends_is_not_read_on(tmp_path: Path) -> None:
    class Endless(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            Endless.reads += 1
            return b"x" * 100 * (Endless.reads < 1000)

    with pytest.raises(DropChanged):
        pack([DeliveryFile("users.csv", 250, Endless)], tmp_path / "x.zip", observe=None)
    assert Endless.reads == 3


def test_a_file_that_differs_when_it_is_read_again_is_said_to_have_changed(tmp_path: Path, golden: Golden) -> None:
    contents = iter([b"a" * 100_000, b"b" * 100_000])
    file = DeliveryFile("users.csv", 100_000, lambda: io.BytesIO(next(contents)))
    with pytest.raises(DropChanged) as caught:
        pack([file], tmp_path / "x.zip", observe=None)
    golden(in_full(caught.value))
    assert not list(tmp_path.iterdir())


def test_a_file_that_vanished_leaves_no_zip(tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_bytes(b"x")
    files = from_folder(tmp_path, ["users.csv"])
    (tmp_path / "users.csv").unlink()
    with pytest.raises(FileNotFoundError):
        pack(files, tmp_path / "x.zip", observe=None)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_an_oserror_and_leaves_no_zip(tmp_path: Path) -> None:
    """The file size limit fails writes as a full disk does."""
    files = [delivered("users.csv", random.Random(1).randbytes(3_000_000))]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            pack(files, tmp_path / "x.zip", observe=None)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_an_interruption_leaves_no_zip(tmp_path: Path) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pack([delivered("users.csv", rows(10))], tmp_path / "x.zip", observe=None, progress=interrupt)
    assert not list(tmp_path.iterdir())


def test_the_zip_is_on_disk_before_it_is_returned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(packing.os, "fsync", lambda number: synced.append(os.fstat(number).st_size))
    bundle = pack([delivered("users.csv", rows(10))], tmp_path / "x.zip", observe=None)
    assert synced == [bundle.size]


def test_more_than_canvas_takes_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    too_large = DeliveryFile("users.csv", 51 * 1024**3, io.BytesIO)
    with pytest.raises(BadZipError) as caught:
        pack([too_large], tmp_path / "x.zip", observe=None)
    golden(in_full(caught.value))
    monkeypatch.setattr(judging, "MOST_ENTRIES", 3)
    with pytest.raises(BadZipError) as caught:
        pack([delivered(f"{number}.csv", b"") for number in range(4)], tmp_path / "x.zip", observe=None)
    golden(in_full(caught.value), "2")
    assert not list(tmp_path.iterdir())


def test_a_folder_gives_its_files_as_they_lie_there(tmp_path: Path) -> None:
    (tmp_path / "night").mkdir()
    (tmp_path / "night" / "users.csv").write_bytes(b"user_id\r\n")
    (file,) = from_folder(tmp_path, ["night/users.csv"])
    with file.open() as stream:
        assert (file.name, file.size, stream.read()) == ("night/users.csv", 9, b"user_id\r\n")
    with pytest.raises(FileNotFoundError):
        from_folder(tmp_path, ["courses.csv"])


def test_no_more_is_read_ahead_than_the_threads_can_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that is faster than the compression must not end up in memory."""
    real = packing.deflate
    finished: list[int] = []
    ahead: list[int] = []

    def slowly(block: bytes, before: bytes, *, level: int, last: bool) -> bytes:
        time.sleep(0.002)
        finished.append(1)
        return real(block, before, level=level, last=last)

    class Source(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1, /) -> bytes:
            Source.reads += 1
            ahead.append(Source.reads - len(finished))
            return super().read(size)

    def opened() -> BinaryIO:
        return Source(rows(10_000))

    monkeypatch.setattr(packing, "deflate", slowly)
    monkeypatch.setattr(packing, "BLOCK", 1000)
    pack([DeliveryFile("x.csv", len(rows(10_000)), opened)], tmp_path / "x.zip", observe=None, threads=2)
    assert Source.reads > 200
    assert max(ahead) <= 2 * packing.MOST_THREADS + 3


MEASURED = textwrap.dedent("""
    import sys
    from io import RawIOBase
    from pathlib import Path
    from canvas_sis_sync.delivery.packing import pack
    from canvas_sis_sync.delivery.reading import read_back
    from canvas_sis_sync.delivery.files import DeliveryFile

    class Rows(RawIOBase):
        left = size = int(sys.argv[1])
        def readable(self):
            return True
        def read(self, wanted=-1):
            data = b"".join(b"C%d,U%d,active\\r\\n" % (n, n * 7919 % 999983) for n in range(self.left % 97, 60000))
            data = data[: min(wanted, self.left)]
            self.left -= len(data)
            return data

    bundle = pack([DeliveryFile("x.csv", Rows.size, Rows)], Path(sys.argv[2]), observe=None)
    read_back(bundle.path, bundle.entries)
    print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
""")


@pytest.mark.slow
def test_memory_stays_flat_whatever_the_size(tmp_path: Path) -> None:
    def peak(size: int) -> float:
        command = [sys.executable, "-c", MEASURED, str(size), str(tmp_path / "x.zip")]
        return int(subprocess.run(command, check=True, capture_output=True).stdout) / 1024

    # How full the bounded queue gets depends on what else the machine does: one quiet run shows the size's own part.
    usual, large = max(peak(20_000_000) for _ in range(3)), min(peak(200_000_000) for _ in range(3))
    assert large < 100
    assert large < usual + 10


def test_both_libraries_are_really_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def packed(library: object) -> bytes:
        monkeypatch.setattr(packing, "library", library)
        return pack([delivered("x.csv", rows(5000))], tmp_path / "x.zip", observe=None).path.read_bytes()

    assert packed(zlib) != packed(zlib_ng)


def test_what_is_read_twice_is_observed_as_it_is_stored(tmp_path: Path) -> None:
    """A file that packs too well is read again and stored; who observes sees what the zip holds."""
    seen: list[io.BytesIO] = []

    class Seen(io.BytesIO):
        feed = io.BytesIO.write

    def observe(_: str) -> Seen:
        seen.append(Seen())
        return seen[-1]  # type: ignore[return-value]

    pack([delivered("x.csv", b"a" * 100_000)], tmp_path / "x.zip", observe=observe)
    assert [each.getvalue() for each in seen] == [b"a" * 100_000] * 2


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_loose_file_swapped_for_a_link_is_not_packed(tmp_path: Path, kind: str) -> None:
    for folder in ("night", "stranger"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "users.csv").write_bytes(rows(10))
    files = from_folder(tmp_path, ["night/users.csv"])
    if kind == "file":
        (tmp_path / "night" / "users.csv").unlink()
        (tmp_path / "night" / "users.csv").symlink_to(tmp_path / "stranger" / "users.csv")
    else:
        (tmp_path / "night").rename(tmp_path / "kept")
        (tmp_path / "night").symlink_to(tmp_path / "stranger")
    with pytest.raises(FileNotFoundError):
        pack(files, tmp_path / "x.zip")
    with pytest.raises(FileNotFoundError):
        from_folder(tmp_path, ["night/users.csv"])
