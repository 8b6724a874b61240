"""A server on a real socket that says exactly what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from canvas_sis_sync.canvas import _bodies
from canvas_sis_sync.canvas.answers import Offer
from canvas_sis_sync.canvas.client import Canvas

TOKEN = "0000~invented-token-of-nobody"

Reply = bytes | Callable[[socket.socket], None]


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    #: Which connection it came over, counted from 0.
    connection: int


class ScriptedServer:
    """Answers its requests with the given replies in turn: bytes, or a callable that is given the socket.

    Each connection gets one reply, unless `closing` is False.
    """

    def __init__(self, *replies: Reply, tls: ssl.SSLContext | None = None, closing: bool = True) -> None:
        self.asked: list[Asked] = []
        self._replies = list(replies)
        self._tls = tls
        self._closing = closing
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port = self._listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"

    def __enter__(self) -> Self:
        self._start(self._serve)
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    def answer_with(self, *replies: Reply) -> None:
        """Give these replies from now on: they can name the server, or another one."""
        self._replies[:] = replies

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            for number in itertools.count():
                connection, _ = self._listener.accept()
                self._start(self._converse, connection, number)

    def _converse(self, connection: socket.socket, number: int) -> None:
        self._open.append(connection)
        with contextlib.suppress(OSError, EOFError):  # the client went away, or did not trust us
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection.makefile("rb") as incoming:
                while self._answer(connection, incoming, number) and not self._closing:
                    pass
        connection.close()

    def _answer(self, connection: socket.socket, incoming: Any, number: int) -> bool:
        """Answer one request; return whether the connection may go on."""
        if not isinstance(self._replies[0], BeforeRequest):
            self.asked.append(self._read(incoming, number))
        answer = self._replies.pop(0)
        if callable(answer):
            answer(connection)
            return False
        says_so = b"\r\nconnection: close\r\n" if self._closing else b"\r\n"
        connection.sendall(answer.replace(b"\r\n", says_so, 1))
        return bool(self._replies)

    def _read(self, incoming: Any, number: int) -> Asked:
        method, target, _ = (incoming.readline() or _gone()).decode().split()
        lines = iter(lambda: incoming.readline().strip(), b"")
        pairs = (line.decode("latin-1").split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in pairs}
        body = incoming.read(int(headers.get("content-length", 0)))
        return Asked(method, target, headers, body, number)


class BeforeRequest:
    """A reply that acts on the connection without reading the request."""

    def __init__(self, act: Callable[[socket.socket], None]) -> None:
        self.act = act

    def __call__(self, connection: socket.socket) -> None:
        self.act(connection)


def parse_json(body: bytes) -> Any:
    """Read a body that has nothing to hide."""
    return _bodies.parse_json(body, _bodies.secrets_of(TOKEN))


def canvas_at(url: str) -> Canvas:
    """Make a client that asks every question once."""
    return Canvas(url, TOKEN, retry=lambda ask: ask(), user_agent="canvas_sis_sync/test")


def sha256(path: Path) -> str:
    """Hash a file as the journal does."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def questions(server_url: str, zip_path: Path) -> dict[str, Callable[[Canvas], Any]]:
    """Name every question of the program that goes over the wire."""
    return {
        "user": lambda canvas: canvas.current_user(),
        "account": lambda canvas: canvas.root_account("self"),
        "roles": lambda canvas: canvas.role_names(1),
        "list": lambda canvas: canvas.list_imports(1),
        "above": lambda canvas: canvas.imports_above(1, 5),
        "until": lambda canvas: canvas.imports_until(1, {"imported"}, lambda _: False),
        "get": lambda canvas: canvas.get_import(1, 5),
        "errors": lambda canvas: list(canvas.import_errors(1, 5)),
        "abort": lambda canvas: canvas.abort_import(1, 5),
        "create": lambda canvas: canvas.create_import(1, zip_path, {}, sha256=sha256(zip_path)),
        "announce": lambda canvas: canvas.announce_import(1, "a.zip", 2, {}),
        "upload": lambda canvas: canvas.upload_to_offer(
            Offer(f"{server_url}/up", ()), zip_path, sha256=sha256(zip_path)
        ),
        "confirm": lambda canvas: canvas.confirm(f"{server_url}/api/v1/done"),
        "fetch": lambda canvas: canvas.fetch_attachment(f"{server_url}/files/1", io.BytesIO(), most_bytes=1_000_000),
    }


QUESTIONS = list(questions("", Path()))
LISTINGS = ["roles", "list", "above", "until", "errors"]
CHANGES = ["abort", "create", "announce"]


def _gone() -> bytes:
    raise EOFError


def reply(status: int, body: str | bytes = b"", content_type: str = "application/json", **headers: str) -> bytes:
    """Write an answer; underscores in header names become hyphens."""
    raw = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Reason", f"content-type: {content_type}", f"content-length: {len(raw)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


def reply_json(value: Any, status: int = 200, **headers: str) -> bytes:
    """Write an answer that holds a value as JSON."""
    return reply(status, json.dumps(value), **headers)


def reset(connection: socket.socket) -> None:
    """Break a connection so that the client notices it as an error, not as an end."""
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


@contextlib.contextmanager
def serving(*replies: Reply, **options: Any) -> Iterator[ScriptedServer]:
    """Serve the replies while the block runs."""
    with ScriptedServer(*replies, **options) as server:
        yield server
