"""Bodies that are streamed from disk, with their length known beforehand.

Owns how a zip becomes bytes on the wire: raw, or as the last part of a form. Memory stays at one piece, whatever
the size; sending them is `wire`'s.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from canvas_sis_sync.errors import HomeError

Progress = Callable[[int], None]
"""Is told how many bytes of the file have been sent so far."""

PIECE_BYTES = 256 * 1024


class FileBody:
    """A file between a head and a tail, sent in pieces of 256 KB.

    `len` is the length of the whole body in bytes, from which the Content-Length header is made.
    """

    def __init__(self, path: Path, progress: Progress | None = None, *, head: bytes = b"", tail: bytes = b"") -> None:
        self._path = path
        self._progress = progress
        self._head = head
        self._tail = tail
        self._size = _readable_size(path)
        self.len = len(head) + self._size + len(tail)

    def __iter__(self) -> Iterator[bytes | memoryview]:
        yield self._head
        yield from self._pieces()
        yield self._tail

    def _pieces(self) -> Iterator[memoryview]:
        buffer = memoryview(bytearray(PIECE_BYTES))
        sent = 0
        with self._path.open("rb", buffering=0) as file:
            while sent < self._size:
                count = file.readinto(buffer[: self._size - sent])
                if not count:
                    raise OSError(f"{self._path.name} became shorter while it was being sent")
                yield buffer[:count]
                sent += count
                if self._progress:
                    self._progress(sent)


class FormBody(FileBody):
    """A multipart/form-data body: text fields in their order, then the file as the last part (API 10)."""

    def __init__(
        self, path: Path, progress: Progress | None = None, *, fields: Sequence[tuple[str, str]], file_field: str
    ) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        start = f"--{boundary}\r\nContent-Disposition: form-data; name="
        texts = [f'{start}"{_quoted(name)}"\r\n\r\n{value}\r\n' for name, value in fields]
        file_names = f'"{_quoted(file_field)}"; filename="{_quoted(path.name)}"'
        texts.append(f"{start}{file_names}\r\nContent-Type: application/zip\r\n\r\n")
        tail = f"\r\n--{boundary}--\r\n"
        super().__init__(path, progress, head="".join(texts).encode(), tail=tail.encode())


def _quoted(name: str) -> str:
    """Escape a name for a Content-Disposition header as browsers do (HTML, multipart/form-data encoding)."""
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _readable_size(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return file.seek(0, 2)
    except OSError as problem:
        raise HomeError(
            f"{path} cannot be read, so nothing was sent: {problem.strerror or problem}.",
            "Make the file readable for this user; if it is gone, restore it from a backup before the next run.",
        ) from problem
