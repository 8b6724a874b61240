"""The server on its socket: threads, TLS, the log of requests, and connections that are cut for real.

Owns what lies between a socket and the WSGI application. Imported only when a sandbox is made, because Werkzeug is an
extra.
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
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_ADDRESS = "127.0.0.1"
_POLL_SECONDS = 0.005
_LINGER_NOT = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)


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

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:  # noqa: ARG002 - Werkzeug's hook
        self.close_connection = True
        if isinstance(error, CutOff):
            self.server.reset.add(self.connection)

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - Werkzeug's name
        """Say nothing: the requests are in the log of the sandbox."""


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
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
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
