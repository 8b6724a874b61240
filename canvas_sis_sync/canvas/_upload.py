"""Bodies that are streamed from disk, with their length and their SHA-256 known beforehand.

Owns how a zip becomes bytes on the wire: raw, or as the last part of a form. What is not the zip that was checked
never arrives whole: the end of the file is sent only when everything before it, and the end itself, is as it was.
Memory stays at one piece, whatever the size; sending them is `_wire`'s.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

from canvas_sis_sync.errors import HomeError, ZipAltered

Progress = Callable[[int], None]
"""Gets how many bytes of the file have been sent so far."""

PIECE_BYTES = 256 * 1024


class FileBody:
    """A file between a head and a tail, sent in pieces of 256 KB.

    `sha256` is what the file must be, in hexadecimal. `len` is the length of the whole body in bytes, from which the
    Content-Length header is made. Raises HomeError for a file that cannot be read; iterating raises `ZipAltered`.
    """

    def __init__(
        self, path: Path, progress: Progress | None = None, *, sha256: str, head: bytes = b"", tail: bytes = b""
    ) -> None:
        self._path = path
        self._progress = progress
        self._sha256 = sha256
        self._head = head
        self._tail = tail
        self._size = _readable_size(path)
        self.len = len(head) + self._size + len(tail)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        yield self._head
        with self._reading():
            file = _open(self._path)
        with file:
            yield from self._pieces(file)
        yield self._tail

    def _pieces(self, file: FileIO) -> Iterator[memoryview]:
        """Yield the file; its last piece only when all of it is known to be what it must be.

        A piece is hashed by a second thread while it is sent, and the next one is read into the other buffer.
        """
        buffers = [memoryview(bytearray(PIECE_BYTES)) for _ in range(2)]
        sha256 = hashlib.sha256()
        sent = 0
        if not self._size:
            self._check_end(file, sha256.hexdigest())
        with ThreadPoolExecutor(1) as hashing:
            hashed: Future[None] | None = None
            while sent < self._size:
                buffers.reverse()
                piece = self._read(file, buffers[0][: self._size - sent])
                if hashed is not None:
                    hashed.result()
                hashed = hashing.submit(sha256.update, piece)
                sent += len(piece)
                if sent == self._size:
                    hashed.result()
                    self._check_end(file, sha256.hexdigest())
                yield piece
                if self._progress:
                    self._progress(sent)

    def _read(self, file: FileIO, buffer: memoryview) -> memoryview:
        with self._reading():
            count = file.readinto(buffer)
        if not count:
            raise self._altered("became shorter while it was being sent")
        return buffer[:count]

    def _check_end(self, file: FileIO, sha256: str) -> None:
        with self._reading():
            longer = bool(file.read(1))
        if longer:
            raise self._altered("became longer while it was being sent")
        if sha256 != self._sha256.lower():
            raise self._altered("is not the file that was checked: its SHA-256 differs")

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise self._altered(f"cannot be read to its end ({problem.strerror or problem})") from problem

    def _altered(self, what: str) -> ZipAltered:
        return ZipAltered(
            f"{self._path} {what}. The upload was broken off before its end, so Canvas has imported nothing of it.",
            "Find out what changes files in the archive, and restore this one from a backup. The next run holds"
            " the batch until it is as it was packed, or discarded.",
        )


class FormBody(FileBody):
    """A multipart/form-data body: text fields in their order, then the file as the last part (API 10)."""

    def __init__(
        self,
        path: Path,
        progress: Progress | None = None,
        *,
        sha256: str,
        fields: Sequence[tuple[str, str]],
        file_field: str,
    ) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        start = f"--{boundary}\r\nContent-Disposition: form-data; name="
        texts = [f'{start}"{_quoted(name)}"\r\n\r\n{value}\r\n' for name, value in fields]
        file_names = f'"{_quoted(file_field)}"; filename="{_quoted(path.name)}"'
        texts.append(f"{start}{file_names}\r\nContent-Type: application/zip\r\n\r\n")
        tail = f"\r\n--{boundary}--\r\n"
        super().__init__(path, progress, sha256=sha256, head="".join(texts).encode(), tail=tail.encode())


def _quoted(name: str) -> str:
    """Escape a name for a Content-Disposition header as browsers do (HTML, multipart/form-data encoding)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _open(path: Path) -> FileIO:
    """Open a regular file, without following a link and without waiting for a pipe. Raises OSError."""
    file = FileIO(path, opener=_without_following)
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError("it is not a regular file")
    return file


def _without_following(path: str, flags: int) -> int:
    # Windows has neither flag, nor links and pipes that an ordinary user can put in place of a file.
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _readable_size(path: Path) -> int:
    try:
        with _open(path) as file:
            return file.seek(0, 2)
    except OSError as problem:
        raise HomeError(
            f"{path} cannot be read, so nothing was sent: {problem.strerror or problem}.",
            "Make the file readable for this user; if it is gone, restore it from a backup before the next run.",
        ) from problem
