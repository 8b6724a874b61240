"""Time and size without end: each question ends, whatever is done to it, and is a lost answer then."""

from __future__ import annotations

import gzip
import itertools
import re
import socket
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import pytest
from support.golden import Golden
from support.scripted_server import (
    CHANGES,
    LISTINGS,
    QUESTIONS,
    BeforeRequest,
    canvas_at,
    questions,
    reply,
    reply_json,
    reset,
    serving,
    sha256,
)
from support.sentences import in_full
from urllib3.exceptions import DecodeError

from canvas_sis_sync import errors
from canvas_sis_sync.canvas import _connections, _refusals, _wire, client
from canvas_sis_sync.canvas._wire import TooLarge
from canvas_sis_sync.canvas.client import Canvas

pytestmark = pytest.mark.slow

IMPORT = {"id": 9, "workflow_state": "created"}
SLOWEST_SECONDS = 5

REAL_TIME = time.monotonic


@pytest.fixture
def zip_path(tmp_path: Path) -> Path:
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK" * 1000)
    return path


@pytest.fixture
def fast_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a minute of waiting for an answer pass in 60 ms."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000 * REAL_TIME())


def again(what: bytes, pause: float = 0.005) -> Callable[[socket.socket], None]:
    """Send the same without an end, until the client leaves."""

    def send(connection: socket.socket) -> None:
        for _ in itertools.takewhile(lambda begun: REAL_TIME() < begun + 30, itertools.repeat(REAL_TIME())):
            connection.sendall(what)
            time.sleep(pause)

    return send


def after(start: bytes, then: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    def send(connection: socket.socket) -> None:
        connection.sendall(start)
        then(connection)

    return send


def hear_one_byte(connection: socket.socket) -> None:
    connection.recv(1)


def inflating(start: bytes) -> Callable[[socket.socket], None]:
    """Send a gzip body that grows a thousand times when it is inflated, and does not end."""

    def send(connection: socket.socket) -> None:
        packer = zlib.compressobj(9, wbits=31)
        connection.sendall(start + b"content-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(10_000):
            piece = packer.compress(bytes(10_000_000))
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if piece else b"")

    return send


OK = b"HTTP/1.1 200 OK\r\n"
NEVER_ENDING: dict[str, Callable[[socket.socket], None]] = {
    "a status line": after(b"HTTP/1.1 200 ", again(b"O")),
    "a header": after(OK + b"x-slow: ", again(b"x")),
    "headers": after(OK, again(b"x: y\r\n", 0.05)),
    "100 Continue": again(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "100 Continue in a flood": again(b"HTTP/1.1 100 Continue\r\n\r\n" * 4000, 0),
    "103 with a slow header": after(b"HTTP/1.1 103 Early Hints\r\nlink: ", again(b"x")),
    "102 in a flood": again(b"HTTP/1.1 102 Processing\r\nx: y\r\n\r\n" * 4000, 0),
    "a body": after(OK + b"content-length: 100000\r\n\r\n", again(b" ")),
    "a body until the connection ends": after(OK + b"\r\n", again(b" " * 100_000, 0)),
    "a size of a chunk": after(OK + b"transfer-encoding: chunked\r\n\r\n", again(b"0")),
    "chunks": after(OK + b"transfer-encoding: chunked\r\n\r\n", again(b"1\r\n \r\n")),
    "trailers": after(OK + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", again(b"x: y\r\n")),
    "inflating": inflating(OK),
    "members of gzip": after(
        OK + b"content-encoding: gzip\r\ncontent-length: 99999999\r\n\r\n", again(gzip.compress(b"") * 100, 0)
    ),
    "nothing": hear_one_byte,
}


def ends_lost(question: str, canvas: Canvas, server_url: str, zip_path: Path) -> str:
    """Ask, and return what is said of the answer, which is lost by its time, its size or its encoding."""
    started = REAL_TIME()
    with pytest.raises(errors.AnswerLost) as caught:
        questions(server_url, zip_path)[question](canvas)
    assert REAL_TIME() - started < SLOWEST_SECONDS
    assert any(isinstance(cause, (TimeoutError, TooLarge, DecodeError)) for cause in _refusals.causes(caught.value))
    return in_full(caught.value)


@pytest.mark.usefixtures("fast_time")
@pytest.mark.parametrize("what", [each for each in NEVER_ENDING if each != "nothing"])
@pytest.mark.parametrize("question", ["user", "create"])
def test_an_answer_in_which_something_never_ends_is_lost(question: str, what: str, zip_path: Path) -> None:
    with serving(NEVER_ENDING[what]) as server, canvas_at(server.url) as canvas:
        ends_lost(question, canvas, server.url, zip_path)


@pytest.mark.slow
@pytest.mark.usefixtures("fast_time")
@pytest.mark.parametrize("what", ["a header", "100 Continue", "a body", "inflating"])
@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_ends(question: str, what: str, zip_path: Path) -> None:
    with serving(NEVER_ENDING[what]) as server, canvas_at(server.url) as canvas:
        ends_lost(question, canvas, server.url, zip_path)


@pytest.mark.slow
@pytest.mark.usefixtures("fast_time")
@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 500])
@pytest.mark.parametrize("question", ["get", "create", "abort", "confirm", "fetch"])
def test_an_error_that_never_ends_ends_too(question: str, status: int, zip_path: Path) -> None:
    """What is missing of an error's body does not matter, or is a lost answer; it takes no time and no memory."""
    start = f"HTTP/1.1 {status} Reason\r\n".encode()
    slow = after(start + b"content-length: 100000\r\n\r\n", again(b" "))
    for error in (slow, inflating(start)):
        started = REAL_TIME()
        with serving(*[error] * 9) as server, canvas_at(server.url) as canvas, pytest.raises(errors.CanvasError):
            questions(server.url, zip_path)[question](canvas)
        assert REAL_TIME() - started < SLOWEST_SECONDS


@cache
def bomb() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(10_000_000)) for _ in range(20)) + packer.flush()


@pytest.mark.slow
@pytest.mark.parametrize("status", [200, 302, 401])
def test_a_body_that_inflates_a_thousand_times_takes_no_memory(status: int) -> None:
    """A redirect of 600 kB took 1.2 GB: requests reads the whole body of each."""
    answer = reply(status, bomb(), content_encoding="gzip", Location="/x")
    with serving(answer) as server, canvas_at(server.url) as canvas:
        tracemalloc.start()
        try:
            with pytest.raises(errors.CanvasError):
                canvas.current_user()
            assert tracemalloc.get_traced_memory()[1] < 50_000_000
        finally:
            tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("what", ["100 Continue in a flood", "102 in a flood", "members of gzip"])
def test_a_flood_ends_by_its_size_before_it_ends_by_time(
    what: str, zip_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    monkeypatch.setattr(_connections, "LARGEST_ANSWER_BYTES", 1_000_000)
    with serving(NEVER_ENDING[what]) as server, canvas_at(server.url) as canvas:
        golden(ends_lost("user", canvas, server.url, zip_path))


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip, gzip, gzip, gzip, gzip, gzip", "unheard-of"])
def test_an_encoding_that_was_not_asked_for_is_not_decoded(encoding: str, golden: Golden) -> None:
    with serving(reply(200, b"{}", content_encoding=encoding)) as server, canvas_at(server.url) as canvas:
        with pytest.raises(errors.AnswerLost) as caught:
            canvas.current_user()
        golden(in_full(caught.value))
        assert set(server.asked[0].headers["accept-encoding"].split(", ")) == {"gzip", "deflate"}


@pytest.mark.slow
def test_an_error_is_read_as_far_as_it_can_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_wire, "LARGEST_ERROR_BYTES", 1000)
    answer = reply(404, b'{"errors": [{"message": "gone"}]}' + b" " * 900 + b"x" * 5_000_000)
    with serving(answer) as server, canvas_at(server.url) as canvas, pytest.raises(errors.NotFound):
        canvas.get_import(1, 5)


def test_data_may_take_longer_to_leave_than_an_answer_may_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time for the answer begins when the last byte has left."""
    monkeypatch.setattr(client, "CREATE_SECONDS", 0.4)
    path = tmp_path / "large.zip"
    path.write_bytes(bytes(30_000_000))

    def slowly(connection: socket.socket) -> None:
        left, begun = 30_000_000, REAL_TIME()
        while left > 0:
            time.sleep(0.1 if REAL_TIME() < begun + 1 else 0)
            left -= len(connection.recv(1 << 19)) or left
        time.sleep(0.2)
        connection.sendall(reply_json(IMPORT))

    started = REAL_TIME()
    with serving(BeforeRequest(slowly)) as server, canvas_at(server.url) as canvas:
        assert canvas.create_import(1, path, {}, sha256=sha256(path)).id == 9
    assert REAL_TIME() - started > 1


def test_a_proxy_that_never_ends_its_answer_is_not_waited_for(zip_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_wire, "CONNECT_SECONDS", 0.3)
    started = REAL_TIME()
    for endless in (after(OK, again(b"x: y\r\n", 0)), after(OK + b"x: ", again(b"y")), again(b"H")):
        with serving(endless) as proxy, canvas_at("https://canvas.example") as canvas:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            with pytest.raises(errors.NothingArrived):
                canvas.current_user()
    assert REAL_TIME() - started < SLOWEST_SECONDS


BODIES = {"confirm": reply(200), "announce": reply_json(IMPORT), "upload": reply(201), "fetch": reply(200, b"a,b\n")}


def good_answer(question: str) -> bytes:
    if question in LISTINGS:
        return reply_json([])
    return BODIES.get(question) or reply_json({**IMPORT, "name": "Robin"})


INTERIM = [
    b"HTTP/1.1 102 Processing\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\nx-y: z\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 199 Whatever\r\n\r\n",
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_interim_answers_are_passed_over(question: str, zip_path: Path) -> None:
    def answer(connection: socket.socket) -> None:
        for interim in (*INTERIM, INTERIM[0]):
            connection.sendall(interim)
            time.sleep(0.01)
        connection.sendall(good_answer(question))

    with serving(answer) as server, canvas_at(server.url) as canvas:
        questions(server.url, zip_path)[question](canvas)


def test_a_kept_connection_is_in_step_after_interim_answers() -> None:
    users = [INTERIM[1] + reply_json({"id": number}) for number in (1, 2, 3)]
    with serving(*users, closing=False) as server, canvas_at(server.url) as canvas:
        assert [canvas.current_user().id for _ in users] == [1, 2, 3]
        assert [asked.connection for asked in server.asked] == [0, 0, 0]


@pytest.mark.parametrize("end", [reset, lambda connection: connection.close()])
@pytest.mark.parametrize("interim", [*INTERIM, b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"])
@pytest.mark.parametrize("question", ["get", *CHANGES, "upload"])
def test_an_interim_answer_alone_is_none(
    question: str, interim: bytes, end: Callable[[socket.socket], None], zip_path: Path
) -> None:
    with serving(after(interim, end)) as server, canvas_at(server.url) as canvas:
        with pytest.raises(errors.AnswerLost):
            questions(server.url, zip_path)[question](canvas)
        assert len(server.asked) == 1


def test_a_refusal_after_switched_protocols_proves_nothing(zip_path: Path) -> None:
    """What follows 101 is no HTTP, whatever it looks like."""
    refusal = reply_json({"errors": [{"message": "no"}]}, 404)
    switched = b"HTTP/1.1 101 Switching\r\n\r\n" + refusal
    with serving(switched) as server, canvas_at(server.url) as canvas, pytest.raises(errors.AnswerLost):
        canvas.create_import(1, zip_path, {}, sha256=sha256(zip_path))


class Endless:
    """Lists pages each of which names another one."""

    def __init__(self, records: list[Any]) -> None:
        self.pages = 0
        endless = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                endless.pages += 1
                link = f'<{endless.url}/p?page={endless.pages}>; rel="next"'
                answer = reply_json([{**each, "id": endless.pages} for each in records], Link=link)
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_listing_without_an_end_is_lost(
    listing: str, zip_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    if listing == "above":
        ask: Callable[[Canvas], Any] = lambda canvas: canvas.imports_above(1, 0)  # noqa: E731
    else:
        ask = questions("http://127.0.0.1:1", zip_path)[listing]
    records = [{"workflow_state": "imported", "role": "Tutor"}, {"role": "Ghost"}]
    limits = {"LISTING_PAGES": 20, "LISTING_RECORDS": 40, "LISTING_BYTES": 800, "LISTING_SECONDS": 0.1}
    for limit, value in limits.items():
        with monkeypatch.context() as patched, Endless(records) as server, canvas_at(server.url) as canvas:
            patched.setattr(client, limit, value)
            with pytest.raises(errors.AnswerLost) as caught:
                ask(canvas)
            golden(re.sub(r"\(\d+ so far\)", "(N so far)", in_full(caught.value)))
            assert server.pages <= (20 if limit != "LISTING_SECONDS" else 1000), limit


def test_empty_pages_without_an_end_are_lost_too(monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    monkeypatch.setattr(client, "LISTING_PAGES", 20)
    with Endless([]) as server, canvas_at(server.url) as canvas:
        with pytest.raises(errors.AnswerLost) as caught:
            canvas.imports_above(1, 5)
        golden(in_full(caught.value))
        assert server.pages == 20


def test_the_limits_of_listings_are_those_that_are_promised() -> None:
    assert (client.LISTING_PAGES, client.LISTING_RECORDS, client.LISTING_SECONDS) == (5_000, 250_000, 900)


def test_a_page_of_more_records_than_any_canvas_gives_is_not_read(golden: Golden) -> None:
    with (
        serving(reply_json([{"id": 1}] * 10_001)) as server,
        canvas_at(server.url) as canvas,
        pytest.raises(errors.AnswerLost) as caught,
    ):
        canvas.list_imports(1)
    golden(in_full(caught.value))


ASKS_WITHOUT_THREADS = """
import sys, threading
from canvas_sis_sync.canvas.client import Canvas

def start(thread):
    raise AssertionError("a thread was started")

threading.Thread.start = start
with Canvas(sys.argv[1], "invented", retry=lambda ask: ask(), user_agent="x") as canvas:
    print(canvas.current_user().id)
"""


def test_no_thread_is_started_by_a_question() -> None:
    """A process with threads cannot fork."""
    with serving(reply_json({"id": 7})) as server:
        command = [sys.executable, "-c", ASKS_WITHOUT_THREADS, server.url]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (ended.stdout, ended.stderr) == ("7\n", "")
