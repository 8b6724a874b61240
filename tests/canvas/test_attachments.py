"""Files that Canvas gives back: the token stays with Canvas, and what comes is bounded."""

from __future__ import annotations

import gzip
import io
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.golden import Golden
from support.scripted_server import TOKEN, ScriptedServer, canvas_at, reply, reply_json, serving
from support.sentences import in_full

from canvas_sis_sync import errors
from canvas_sis_sync.canvas import _connections, answers, client
from canvas_sis_sync.canvas.records import Attachment, SisImport
from canvas_sis_sync.home import _record

CSV = b"user_id,login_id\nu1,robin\n"

REAL_TIME = time.monotonic


def redirect(there: str, status: int = 302) -> bytes:
    return reply(status, b"moved", "text/plain", Location=there)


def fetched(server: ScriptedServer, url: str | None = None, most_bytes: int = 1000) -> bytes:
    into = io.BytesIO()
    with canvas_at(server.url) as canvas:
        canvas.fetch_attachment(url or f"{server.url}/files/1/download?x=1", into, most_bytes=most_bytes)
    return into.getvalue()


def failing(server: ScriptedServer, kind: type[errors.CanvasError], url: str | None = None, most: int = 1000) -> str:
    with pytest.raises(errors.CanvasError) as caught:
        fetched(server, url, most)
    assert type(caught.value) is kind
    assert TOKEN not in caught.value.sentence
    return caught.value.sentence


def test_canvas_gives_the_file_to_who_has_the_token() -> None:
    with serving(reply(200, CSV, "text/csv")) as server:
        assert fetched(server) == CSV
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("GET", "/files/1/download?x=1")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert (asked.headers["accept"], asked.headers["accept-encoding"]) == ("*/*", "identity")
    assert asked.headers["user-agent"] == "canvas_sis_sync/test"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_storage_behind_the_redirect_never_gets_the_token(status: int) -> None:
    with serving(reply(200, CSV, "binary/octet-stream")) as storage:
        with serving(redirect(f"{storage.url}/bucket/1?X-Signature=%2Bab", status)) as server:
            assert fetched(server) == CSV
        assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert TOKEN not in str(storage.asked)
        assert "authorization" not in storage.asked[0].headers
        assert storage.asked[0].target == "/bucket/1?X-Signature=%2Bab"


def test_a_file_that_is_not_on_canvas_is_asked_for_without_the_token() -> None:
    with serving(reply(200, CSV)) as storage, serving() as server:
        assert fetched(server, f"{storage.url}/x") == CSV
        assert TOKEN not in str(storage.asked)


def test_a_redirect_within_canvas_does_not_get_the_token_either() -> None:
    with serving(redirect("/files/1/really"), reply(200, CSV)) as server:
        assert fetched(server) == CSV
    assert [asked.headers.get("authorization") for asked in server.asked] == [f"Bearer {TOKEN}", None]


def test_a_storage_that_points_back_to_canvas_does_not_get_our_token_used() -> None:
    with serving(reply(200)) as storage, serving(reply(200)) as server:
        server.answer_with(redirect(f"{storage.url}/x"), reply(200, CSV))
        storage.answer_with(redirect(f"{server.url}/api/v1/users/self"))
        assert fetched(server) == CSV
        assert [asked.headers.get("authorization") for asked in server.asked] == [f"Bearer {TOKEN}", None]


@pytest.mark.parametrize(
    "address",
    ["http://{evil}\\@{home}/x", "http://{home}@{evil}/x", "\\\\{evil}/x", "http://[", "ftp://{evil}/x", "http:{evil}"],
)
def test_a_confused_address_is_not_followed(address: str) -> None:
    with serving(reply(200, CSV)) as evil, serving() as server:
        there = address.format(evil=evil.host, home=server.host)
        failing(server, errors.NothingArrived, there)
        server.answer_with(redirect(there))
        failing(server, errors.AnswerLost)
        assert evil.asked == []


def test_redirects_come_to_an_end(golden: Golden) -> None:
    with serving(*[redirect(f"/{number}") for number in range(20)]) as server:
        golden(failing(server, errors.AnswerLost))
    assert len(server.asked) == client.MOST_REDIRECTS + 1
    with serving(*[redirect(f"/{number}") for number in range(client.MOST_REDIRECTS)], reply(200, CSV)) as server:
        assert fetched(server) == CSV
    with serving(reply(302)) as server:
        golden(failing(server, errors.AnswerLost), "nowhere")


REFUSALS: dict[str, tuple[bytes, type[errors.CanvasError]]] = {
    "gone": (reply_json({"errors": [{"message": "gone"}]}, 404), errors.NotFound),
    "a bad token": (reply_json({"errors": [{"message": "Invalid access token."}]}, 401), errors.AccessRefused),
    "a page": (reply(403, "<html>", "text/html"), errors.AccessRefused),
    "XML": (reply(400, "<Error/>", "application/xml"), errors.AnswerLost),
    "an error": (reply(500), errors.AnswerLost),
    "not modified": (reply(304), errors.AnswerLost),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_canvas_refuses_is_named(name: str, golden: Golden) -> None:
    answer, kind = REFUSALS[name]
    with serving(answer) as server:
        sentence = failing(server, kind)
    assert urlsplit(server.url).netloc in sentence
    golden(sentence)


@pytest.mark.parametrize("status", [400, 401, 403, 410])
def test_what_a_storage_refuses_says_nothing_about_our_token(status: int, golden: Golden) -> None:
    refusal = reply(status, "<Error><Code>AccessDenied</Code></Error>", "application/xml")
    with serving(refusal) as storage, serving(redirect(f"{storage.url}/x")) as server:
        sentence = failing(server, errors.AnswerLost)
    assert f"({status})" in sentence
    golden(sentence)


def test_a_host_that_is_gone_is_named(golden: Golden) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with serving() as server:
        sentence = failing(server, errors.NothingArrived, f"http://127.0.0.1:{port}/x")
    assert f"127.0.0.1:{port}" in sentence
    golden(sentence)


def until_cut(*pieces: bytes) -> Callable[[socket.socket], None]:
    def send(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return send


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply(200, b"x" * 1001), id="a byte more"),
        pytest.param(reply(200, gzip.compress(bytes(50_000_000)), content_encoding="gzip"), id="inflating"),
        pytest.param(until_cut(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 100] * 11), id="without a length"),
    ],
)
def test_more_than_is_wanted_is_not_taken(answer: bytes, golden: Golden) -> None:
    into = io.BytesIO()
    with serving(answer) as server, canvas_at(server.url) as canvas, pytest.raises(errors.AnswerLost) as caught:
        canvas.fetch_attachment(f"{server.url}/x", into, most_bytes=1000)
    golden(in_full(caught.value))
    assert len(into.getvalue()) <= 1000


def test_as_much_as_is_wanted_is_taken() -> None:
    with serving(reply(200, b"x" * 1000), reply(200, b"")) as server:
        assert fetched(server) == b"x" * 1000
        assert fetched(server) == b""


def test_a_file_larger_than_any_answer_in_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_connections, "LARGEST_ANSWER_BYTES", 100_000)
    with serving(reply(200, bytes(5_000_000))) as server:
        assert len(fetched(server, most_bytes=6_000_000)) == 5_000_000


def test_a_file_that_is_cut_is_a_lost_answer() -> None:
    cut = until_cut(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf")
    with serving(cut) as server:
        failing(server, errors.AnswerLost)


def test_a_file_that_stalls_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    monkeypatch.setattr(_connections, "STALL_SECONDS", 0.2)

    def stall(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf")
        connection.recv(1)

    started = REAL_TIME()
    with serving(stall) as server:
        golden(failing(server, errors.AnswerLost))
    assert REAL_TIME() - started < 5


def test_a_file_may_take_longer_than_an_answer_while_it_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here 60 seconds take 60 ms, and the five minutes and more of a file 300 ms."""
    monkeypatch.setattr(time, "monotonic", lambda: 1000 * REAL_TIME())

    def slowly(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n")
        for _ in range(20):
            connection.sendall(b"x")
            time.sleep(0.008)

    with serving(slowly) as server:
        assert fetched(server) == b"x" * 20


def test_a_file_that_trickles_ends_after_its_time(monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    monkeypatch.setattr(client, "ATTACHMENT_SECONDS", 0.3)

    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2000\r\n\r\n")
        for _ in range(2000):
            connection.sendall(b"x")
            time.sleep(0.01)

    started = REAL_TIME()
    with serving(redirect("/1"), trickle) as server:
        golden(failing(server, errors.AnswerLost, most=100))
    assert REAL_TIME() - started < 3
    assert client.SLOWEST_BYTES == 200_000


def test_a_disk_that_is_full_is_no_fault_of_canvas(golden: Golden) -> None:
    with (
        Path("/dev/full").open("wb", buffering=0) as full,
        serving(reply(200, b"x" * 100_000)) as server,
        canvas_at(server.url) as canvas,
        pytest.raises(errors.HomeError) as caught,
    ):
        canvas.fetch_attachment(f"{server.url}/x", full, most_bytes=1_000_000)
    golden(in_full(caught.value))


def test_the_address_of_an_attachment_is_read_and_kept_nowhere() -> None:
    url = "https://canvas.example/files/1/download?verifier=abc"
    file = {"display_name": "users.csv", "size": 20, "url": url}
    found = answers.parse_import({"id": 1, "csv_attachments": [file]})
    assert found.attachments is not None
    assert found.attachments[0].url == url
    assert found.attachments == (Attachment("users.csv", 20),)
    assert "verifier" not in repr(found)
    kept = _record.to_record(found)
    assert kept["attachments"] == [{"name": "users.csv", "size": 20}]
    assert "verifier" not in json.dumps(kept)
    assert _record.read(SisImport, kept) == found


def test_an_address_in_a_record_is_not_read_back() -> None:
    """Nothing that we write has one, so somebody else did."""
    kept = {"id": 1, "workflow_state": "imported", "attachments": [{"name": "a", "size": 1, "url": "https://x/"}]}
    found = _record.read(SisImport, kept)
    assert isinstance(found, SisImport)
    assert found.attachments is not None
    assert found.attachments[0].url is None


@pytest.mark.parametrize("url", [None, "", 5, [], {"a": "b"}])
def test_an_attachment_may_have_no_address(url: object) -> None:
    found = answers.parse_import({"id": 1, "csv_attachments": [{"filename": "a.csv", "url": url}]})
    assert found.attachments is not None
    assert found.attachments[0].url is None
