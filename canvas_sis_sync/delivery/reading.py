"""A zip's entries as streams that do not believe what the zip says about them; reading back and describing a zip.

Decompresses with the standard library only, whatever a zip was packed with.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO, Protocol
from zipfile import BadZipFile, ZipExtFile, ZipFile, ZipInfo

from canvas_sis_sync.delivery.files import Bundle, DeliveryFile, Entry
from canvas_sis_sync.errors import BadZipError
from canvas_sis_sync.files import open_regular
from canvas_sis_sync.progress import unseen

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 1024 * 1024
"""Bytes that are read at once and, when packing, deflated as one piece."""
PACKED_BLOCK = 64 * 1024
LOCAL_HEADER = struct.Struct("<4s22x2H")
BROKEN = (BadZipFile, NotImplementedError, ValueError, EOFError, OverflowError, struct.error)
"""What zipfile raises for a file that is no zip or a damaged one."""
WRITE_AGAIN = "Export the zip again and put it into the inbox."


class Observer(Protocol):
    """Whatever wants to see a file's bytes while they are read."""

    def feed(self, block: bytes, /) -> object:
        """Take the next block of the file."""
        ...


class EntryStream(io.RawIOBase):
    """One entry of a zip, decompressed; raises BadZipError on reading when it is not `size` bytes with `crc32`.

    Never yields more than `size` bytes nor decompresses many more. The CRC is judged at the end of the data, so only a
    caller that reads until nothing comes has verified the entry. It can be sought forward, which decompresses what is
    passed over.
    """

    def __init__(self, path: Path, info: ZipInfo, size: int, crc32: int) -> None:
        self._name = f"{info.filename} in {path.name}"
        self._left = size
        self._position = 0
        said = copy(info)
        # One byte more than the zip says, since zipfile cuts off in silence what an entry has beyond its size.
        said.file_size, said.CRC = size + 1, crc32
        try:
            self._entry = self._open(path, info, said)
        except BaseException:
            super().close()  # Python closes it otherwise when it goes, with an entry that is not there
            raise

    def _open(self, path: Path, info: ZipInfo, said: ZipInfo) -> ZipExtFile:
        file = open_regular(path)
        try:
            self._skip_header(file, info)
            return ZipExtFile(file, "r", said, close_fileobj=True)
        except BaseException:
            file.close()
            raise

    def readable(self) -> bool:
        """Return True: this can be read."""
        return True

    def seekable(self) -> bool:
        """Return True: this can be sought, forward only."""
        return True

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Read on to `offset`. Raises io.UnsupportedOperation for one that was passed, BadZipError as reading does."""
        if whence != os.SEEK_SET or offset < self._position:
            raise io.UnsupportedOperation("an entry of a zip can only be sought forward")
        while self._position < offset and self.read(min(BLOCK, offset - self._position)):
            pass
        return self._position

    def close(self) -> None:
        """Close the zip too."""
        if not self.closed:
            self._entry.close()
        super().close()

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill `buffer` with what comes next and return its length, 0 at the verified end."""
        view = memoryview(buffer)
        try:
            data = self._entry.read(min(len(view), self._left + 1))
        except zlib.error:
            raise self._bad("is damaged: it cannot be decompressed") from None
        except (BadZipFile, EOFError):
            raise self._bad("is damaged: its length or its check sum is wrong") from None
        self._left -= len(data)
        self._position += len(data)
        if self._left < 0:
            raise self._bad("is longer than the zip says")
        if not data and self._left:
            raise self._bad("is damaged: its end is missing")
        view[: len(data)] = data
        return len(data)

    def _skip_header(self, file: BinaryIO, info: ZipInfo) -> None:
        """Go to the data, past the local header."""
        header = b""
        if info.header_offset >= 0:
            file.seek(info.header_offset)
            header = file.read(30)
        if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
            raise self._bad("cannot be found where the zip says it is")
        _, name_length, extra_length = LOCAL_HEADER.unpack(header)
        file.seek(name_length + extra_length, os.SEEK_CUR)

    def _bad(self, what: str) -> BadZipError:
        return BadZipError(f"{self._name} {what}.", WRITE_AGAIN)


def sha256(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def directory_of(path: Path) -> tuple[ZipInfo, ...]:
    """Return what the zip at `path` says about its entries, in its order.

    Raises BadZipError when it is no zip or not all of it is there, OSError when it cannot be opened.
    """
    try:
        with open_regular(path) as file, ZipFile(file) as zip_file:
            return tuple(zip_file.infolist())
    except BROKEN as error:
        sentence = f"{path.name} is not a whole zip: it is damaged, cut off or still being written."
        raise BadZipError(sentence, WRITE_AGAIN) from error


def from_zip(path: Path, names: Sequence[str]) -> tuple[DeliveryFile, ...]:
    """Return the entries `names` of a zip that can be believed. Raises BadZipError, also when one is missing."""
    infos = {info.filename: info for info in directory_of(path)}
    if missing := set(names) - infos.keys():
        raise BadZipError(f"{path.name} was not written as it should be: {min(missing)}.", "Run sis-sync again.")
    return tuple(DeliveryFile(name, infos[name].file_size, partial(open_entry, path, infos[name])) for name in names)


def open_entry(path: Path, info: ZipInfo) -> io.BufferedReader:
    """Return the entry's content as a verified stream; the caller closes it."""
    return io.BufferedReader(EntryStream(path, info, info.file_size, info.CRC), PACKED_BLOCK)


def read_back(path: Path, entries: Sequence[Entry], *, progress: Callable[[int], None] = unseen) -> None:
    """Decompress the whole zip and compare it with `entries`: names, lengths and CRCs.

    `progress` gets the decompressed bytes since it was last called, from several threads but one at a time.
    Raises BadZipError naming the first entry that differs, OSError when the disk does.
    """
    infos = {info.filename: info for info in directory_of(path)}
    odd = {entry.name for entry in entries} ^ infos.keys()
    if odd:
        raise BadZipError(f"{path.name} was not written as it should be: {min(odd)}.", "Run sis-sync again.")
    report = _one_at_a_time(progress)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        largest_first = sorted(entries, key=lambda entry: entry.size, reverse=True)
        for _ in pool.map(lambda entry: _read_through(path, infos[entry.name], entry, report), largest_first):
            pass


def describe(
    path: Path,
    *,
    observe: Callable[[str], Observer] | None = None,
    progress: Callable[[int], None] = unseen,
) -> Bundle:
    """Return what a ready-made zip holds, folders left out, after decompressing all of it once.

    `observe` and `progress` are as for `pack`. `kind` and `rows` of the entries stay None.
    Raises BadZipError naming the first entry that is damaged or longer than the zip says, OSError when the disk is.
    """
    entries = []
    for info in directory_of(path):
        if info.is_dir():
            continue
        observer = observe(info.filename) if observe else None
        entry = Entry(info.filename, info.file_size, info.CRC)
        _read_through(path, info, entry, progress, observer)
        entries.append(entry)
    return Bundle(path, path.stat().st_size, sha256(path), tuple(entries))


def _read_through(
    path: Path, info: ZipInfo, entry: Entry, progress: Callable[[int], None], observer: Observer | None = None
) -> None:
    with EntryStream(path, info, entry.size, entry.crc32) as stream:
        while block := stream.read(BLOCK):
            if observer:
                observer.feed(block)
            progress(len(block))


def _one_at_a_time(progress: Callable[[int], None]) -> Callable[[int], None]:
    lock = Lock()

    def report(amount: int) -> None:
        with lock:
            progress(amount)

    return report
