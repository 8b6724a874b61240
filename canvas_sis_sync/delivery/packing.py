"""Delivery files to a zip: the same bytes for the same input, compressed on every core, memory flat.

Each file is cut into blocks that are deflated independently, with the end of the block before as dictionary and a
sync flush at the end: joined, they are one ordinary deflate stream.
"""

from __future__ import annotations

import os
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

from canvas_sis_sync.delivery._records import DEFLATED, STORED, Record, directory, local_header
from canvas_sis_sync.delivery.files import Bundle, DeliveryFile, Entry
from canvas_sis_sync.delivery.judging import refuse_beyond_limits
from canvas_sis_sync.delivery.reading import BLOCK, Observer, sha256
from canvas_sis_sync.errors import BadZipError, DropChanged
from canvas_sis_sync.files import Folder, opener
from canvas_sis_sync.progress import unseen

library: ModuleType
try:
    from zlib_ng import zlib_ng
except ImportError:  # no wheel for this system
    library, LEVELS = zlib, (4, 3)
else:
    library, LEVELS = zlib_ng, (3, 2)
# Blocks take turns: the higher level alone misses five times Info-ZIP's speed, the lower alone leaves no room below
# 1.1 times its size (benchmarks/zip_speed.py).

WINDOW = 32 * 1024
"""How far back deflate looks, in bytes."""
ODD = re.compile("[\\\\\x00-\x1f\x7f\ud800-\udfff\U0010f800-\U0010ffff]")
"""Characters of file names that no name in a zip should have, and stand-ins for bytes that are not UTF-8."""
MOST_THREADS = 8
"""More would outrun the one thread that reads."""
HIGHEST_RATIO = 90
"""A file that deflate would make smaller than this is stored: Canvas refuses a zip at 100 (API 9)."""


def from_folder(folder: Path, names: Sequence[str]) -> tuple[DeliveryFile, ...]:
    """Return the files `names` (forward slashes) below `folder` as they are there.

    Links are not followed, neither now nor when one is opened. Raises OSError, FileNotFoundError when one is missing
    or not a regular file.
    """
    taken: set[str] = set()
    with Folder.open(folder) as opened:
        return tuple(_loose_file(folder, name, opened, taken) for name in names)


def pack(
    files: Sequence[DeliveryFile],
    destination: Path,
    *,
    observe: Callable[[str], Observer] | None = None,
    progress: Callable[[int], None] = unseen,
    threads: int | None = None,
) -> Bundle:
    """Write `files` into a zip at `destination`, readable by its owner only and fsynced; replace what is there.

    `observe(name)` gives the object whose `feed` gets every block of that file in order; it is asked again for a file
    that is read again. `progress` gets the bytes read since it was last called. `threads` compress (default: one a
    core); the zip does not depend on them.
    `kind` and `rows` of the entries stay None.

    Raises OSError (disk full, unreadable source), DropChanged (a file is not as long as it was said to be, or
    differs when read again) and BadZipError (a name that no zip can hold, more than Canvas takes); then nothing
    stays at `destination`.
    """
    refuse_beyond_limits("The delivery", len(files), sum(file.size for file in files))
    destination.unlink(missing_ok=True)
    count = threads or min(os.cpu_count() or 1, MOST_THREADS)
    try:
        with (
            open(destination, "xb", opener=opener) as output,
            ThreadPoolExecutor(count) as pool,
        ):
            packer = _Packer(output, pool, observe, progress)
            records = [packer.add(file) for file in sorted(files, key=lambda file: file.name)]
            output.write(directory(records, output.tell()))
            output.flush()
            os.fsync(output.fileno())
    except BaseException:
        destination.unlink(missing_ok=True)
        raise
    entries = tuple(Entry(record.name.decode(), record.size, record.crc32) for record in records)
    return Bundle(destination, destination.stat().st_size, sha256(destination), entries)


class _Packer:
    """A zip being written: reads and writes in the caller's thread, deflates in the pool's."""

    def __init__(
        self,
        output: BinaryIO,
        pool: ThreadPoolExecutor,
        observe: Callable[[str], Observer] | None,
        progress: Callable[[int], None],
    ) -> None:
        self._output = output
        self._pool = pool
        self._observe = observe
        self._progress = progress

    def add(self, file: DeliveryFile) -> Record:
        """Append `file`; its header is written twice, since sizes and CRC are known only afterwards."""
        record = Record(_encoded(file.name), self._output.tell(), file.size, 0, 0, STORED)
        self._output.write(local_header(record))
        start = self._output.tell()
        record = self._deflated(file, record)
        if file.size > HIGHEST_RATIO * record.packed_size:
            self._output.seek(start)
            record = self._stored(file, record)
        end = self._output.tell()
        self._output.seek(record.offset)
        self._output.write(local_header(record))
        self._output.seek(end)
        return record

    def _deflated(self, file: DeliveryFile, record: Record) -> Record:
        """Write the deflated data, keeping no more blocks in memory than keep the threads busy."""
        observer = self._observe(file.name) if self._observe else None
        unwritten: deque[Future[bytes]] = deque()
        read = crc = packed_size = 0
        before = b""
        for number, block in enumerate(_blocks(file)):
            read += len(block)
            unwritten.append(
                self._pool.submit(deflate, block, before, level=LEVELS[number % len(LEVELS)], last=read == file.size)
            )
            before = block[-WINDOW:]
            crc = crc32(block, crc)
            if observer:
                observer.feed(block)
            self._progress(len(block))
            if len(unwritten) > 2 * MOST_THREADS:
                packed_size += self._output.write(unwritten.popleft().result())
        packed_size += sum(self._output.write(each.result()) for each in unwritten)
        method = DEFLATED if packed_size else STORED
        return replace(record, packed_size=packed_size, crc32=crc, method=method)

    def _stored(self, file: DeliveryFile, record: Record) -> Record:
        """Write the data as they are over the deflated ones, which were shorter; what was observed is seen again."""
        observer = self._observe(file.name) if self._observe else None
        crc = 0
        for block in _blocks(file):
            crc = crc32(block, crc)
            if observer:
                observer.feed(block)
            self._output.write(block)
        if crc != record.crc32:
            raise _changed(file)
        return replace(record, packed_size=file.size, method=STORED)


def _blocks(file: DeliveryFile) -> Iterator[bytes]:
    """Yield the content in blocks of `BLOCK` bytes; raise DropChanged unless it has the size it should have."""
    left = file.size
    with file.open() as source:
        while block := _read(source, file):
            left -= len(block)
            if left < 0:
                raise _changed(file)
            yield block
    if left:
        raise _changed(file)


def _read(source: BinaryIO, file: DeliveryFile) -> bytes:
    try:
        return source.read(BLOCK)
    except UnicodeError as error:  # from a stream that converts a file, which has changed since it was looked at
        raise _changed(file) from error


def _loose_file(folder: Path, name: str, opened: Folder, taken: set[str]) -> DeliveryFile:
    with opened.parent_of(name) as (parent, last):
        size = parent.look_at_file(last).st_size
    return DeliveryFile(_name_in_zip(name, taken), size, partial(_open_loose, folder, name))


def _name_in_zip(name: str, taken: set[str]) -> str:
    """Return the name that a loose file gets in a zip, other than those in `taken`, to which it is added.

    A backslash, control characters and bytes that are not UTF-8 may be part of a file's name; in a zip they lead
    elsewhere or nowhere.
    """
    plain = ODD.sub("_", name)
    chosen, number = plain, 1
    while chosen in taken:
        number += 1
        stem, dot, ending = plain.rpartition(".")
        chosen = f"{stem}-{number}{dot}{ending}"
    taken.add(chosen)
    return chosen


def _open_loose(folder: Path, name: str) -> BinaryIO:
    with Folder.open(folder) as opened, opened.parent_of(name) as (parent, last):
        return parent.open_file(last)


def _encoded(name: str) -> bytes:
    try:
        return name.encode()
    except UnicodeEncodeError:
        sentence = f"The name of {name.encode(errors='replace').decode()} is not UTF-8, which a zip for Canvas needs."
        raise BadZipError(sentence, "Rename the file and deliver it again.") from None


def _changed(file: DeliveryFile) -> DropChanged:
    sentence = f"{file.name} changed while it was being packed: its writer was not done."
    return DropChanged(sentence, "Nothing was sent. Run sis-sync again when the export is complete.")


def deflate(block: bytes, before: bytes, *, level: int, last: bool) -> bytes:
    """Return `block`, which follows `before`, as the next piece of a raw deflate stream; `last` ends the stream."""
    compressor = library.compressobj(level, library.DEFLATED, -library.MAX_WBITS, zdict=before[-WINDOW:])
    piece: bytes = compressor.compress(block)
    ending: bytes = compressor.flush(library.Z_FINISH if last else library.Z_SYNC_FLUSH)
    return piece + ending


def crc32(block: bytes, crc: int) -> int:
    """Return the CRC-32 of what had `crc` followed by `block`."""
    return int(library.crc32(block, crc))
