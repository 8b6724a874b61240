"""The server on its socket, and what comes over it: threads, TLS, connections that are cut for real, request bodies.

Owns what is between a socket and the WSGI application, and reading raw and multipart bodies to disk in flat memory.
Imported only when a sandbox is made, because Werkzeug is an extra.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import sys
import threading
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from canvas_sis_sync.errors import UsageError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from werkzeug.exceptions import ClientDisconnected
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData
from werkzeug.wrappers import Request as HttpRequest

from canvas_sis_sync.sandbox._replies import ErrorReply

_BLOCK = 1 << 18
_ADDRESS = "127.0.0.1"
_POLL_SECONDS = 0.005
_NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


class CutOff(ConnectionError):
    """Raised by the application to end a request without an answer, by a reset."""


class _Handler(WSGIRequestHandler):
    """One request: quiet, and known to the server while it lasts."""

    server: Server
    rbufsize = 1 << 18

    def setup(self) -> None:
        super().setup()
        self.server.connections.add(self.connection)

    def finish(self) -> None:
        self.server.connections.discard(self.connection)
        with contextlib.suppress(ConnectionError):
            super().finish()

    def send_response(self, code: int, message: str | None = None) -> None:
        """Send the status line only: the date is the application's, whose clock may be skewed."""
        self.send_response_only(code, message)

    def connection_dropped(self, error: BaseException, *_arguments: Any, **_keywords: Any) -> None:
        self.close_connection = True
        if isinstance(error, CutOff):
            self.server.reset.add(self.connection)

    def log(self, *_arguments: Any, **_keywords: Any) -> None:
        """Write nothing: the requests are in the log of the sandbox."""


class Server(ThreadedWSGIServer):
    """A thread for each request, all of them joined when the server closes."""

    daemon_threads = False

    def __init__(self, app: WSGIApplication, port: int, ssl_context: ssl.SSLContext | None) -> None:
        self.connections: set[socket.socket] = set()
        self.reset: set[socket.socket] = set()
        #: Tracebacks of the sandbox's own mistakes.
        self.bugs: list[str] = []
        with _listen(port) as listening:
            super().__init__(_ADDRESS, port, app, _Handler, ssl_context=ssl_context, fd=listening.fileno())
        self.port = self.socket.getsockname()[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), name="sandbox-server")

    def start(self) -> None:
        """Begin to serve, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Shut every open connection and wait for all threads."""
        self.shutdown()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()

    def shutdown_request(self, request: Any) -> None:
        """End a connection, by a reset if its request was cut."""
        if request in self.reset:
            self.reset.discard(request)
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - Werkzeug's name
        """Keep what went wrong inside the sandbox."""
        if type == "error":
            self.bugs.append(message % args if args else message)


def _listen(port: int) -> socket.socket:
    try:
        return socket.create_server((_ADDRESS, port), backlog=128)
    except OSError as error:
        raise UsageError(
            f"The sandbox cannot listen on port {port}: {error.strerror}.", "Choose another with --port."
        ) from error


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
    """Write a raw body to a file; raises CutOff when the client breaks off."""
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

    Raises ErrorReply 400 for a body that is not well-formed, CutOff when the client breaks off.
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
