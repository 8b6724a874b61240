"""Request bodies on their way to disk, whatever their size, in flat memory.

Owns reading raw and multipart bodies. What they are for is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from werkzeug.exceptions import ClientDisconnected
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData
from werkzeug.wrappers import Request as HttpRequest

from canvas_sis_sync.sandbox._replies import ErrorReply
from canvas_sis_sync.sandbox._wire import CutOff

_BLOCK = 1 << 18


@dataclass(slots=True)
class Form:
    """A multipart body: its plain fields, and its files on disk."""

    fields: dict[str, str] = field(default_factory=dict)
    #: Name of the part -> (file name, where the content is).
    files: dict[str, tuple[str, Path]] = field(default_factory=dict)
    #: Names of all parts in their order.
    order: list[str] = field(default_factory=list)


def _blocks(request: HttpRequest) -> Iterator[bytes]:
    try:
        while block := request.stream.read(_BLOCK):
            yield block
    except ClientDisconnected as error:
        raise CutOff("the client went away in the middle of the body") from error


def save_body(request: HttpRequest, path: Path) -> None:
    """Write a raw body to a file; raises Cut when the client breaks off."""
    with path.open("wb") as file:
        for block in _blocks(request):
            file.write(block)


def read_part_of_body(request: HttpRequest) -> None:
    """Read about half of a body and drop it."""
    left = (request.content_length or 0) // 2
    while left > 0 and (block := request.stream.read(min(left, _BLOCK))):
        left -= len(block)


def read_form(request: HttpRequest, new_path: Callable[[], Path]) -> Form:
    """Read a multipart body, files going to disk.

    Raises Refusal 400 for a body that is not well-formed, Cut when the client breaks off.
    """
    boundary = request.mimetype_params.get("boundary", "")
    reader = _FormReader(MultipartDecoder(boundary.encode()), new_path)
    try:
        for block in _blocks(request):
            reader.feed(block)
        reader.feed(None)
    except ValueError as error:
        raise ErrorReply(400, {"error": True, "error_message": f"The form cannot be read: {error}"}) from error
    finally:
        reader.close()
    return reader.form


class _FormReader:
    """Turns the decoder's events into a form."""

    def __init__(self, decoder: MultipartDecoder, new_path: Callable[[], Path]) -> None:
        self.form = Form()
        self._decoder = decoder
        self._new_path = new_path
        self._file: IO[bytes] | None = None
        self._field = ""
        self._value = b""

    def feed(self, block: bytes | None) -> None:
        self._decoder.receive_data(block)
        event = self._decoder.next_event()
        while not isinstance(event, (NeedData, Epilogue)):
            if isinstance(event, (Field, File)):
                self._begin(event)
            elif isinstance(event, Data):
                self._take(event)
            event = self._decoder.next_event()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self, part: Field | File) -> None:
        self.close()
        self.form.order.append(part.name)
        self._field, self._value, self._file = part.name, b"", None
        if isinstance(part, File):
            path = self._new_path()
            self.form.files[part.name] = (part.filename, path)
            self._file = path.open("wb")

    def _take(self, data: Data) -> None:
        if self._file is not None:
            self._file.write(data.data)
            return
        self._value += data.data
        if not data.more_data:
            self.form.fields[self._field] = self._value.decode(errors="replace")
