"""Sending a zip, both ways: what is on the wire, byte for byte, and what is made of the answer."""

from __future__ import annotations

import email.parser
import email.policy
import hashlib
import os
import socket
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from support.golden import Golden
from support.scripted_server import TOKEN, BeforeRequest, ScriptedServer, canvas_at, reply, reply_json, serving, sha256
from support.sentences import in_full, listed

from canvas_sis_sync import errors
from canvas_sis_sync.canvas._upload import PIECE_BYTES, FileBody, Progress
from canvas_sis_sync.canvas.answers import Offer
from canvas_sis_sync.canvas.client import Canvas, Confirmation

IMPORT = {"id": 9, "workflow_state": "initializing"}


ZIP = bytes(range(256)) * 3000


@pytest.fixture
def zip_path(tmp_path: Path) -> Path:
    path = tmp_path / 'my "own"\r\nimport.zip'
    path.write_bytes(ZIP)
    return path


def test_the_zip_is_the_raw_body_and_its_parameters_stand_in_the_query(zip_path: Path) -> None:
    parameters = {"batch_mode": "true", "batch_mode_term_id": "sis_term_id:F 26&x", "extension": "csv"}
    with serving(reply_json(IMPORT)) as server, canvas_at(server.url) as canvas:
        assert canvas.create_import(1, zip_path, parameters, sha256=sha256(zip_path)).id == 9
    (asked,) = server.asked
    address = urlsplit(asked.target)
    assert (asked.method, address.path) == ("POST", "/api/v1/accounts/1/sis_imports")
    pairs = parse_qsl(address.query)
    assert pairs[:2] == [("batch_mode", "true"), ("batch_mode_term_id", "sis_term_id:F 26&x")]
    assert dict(pairs)["extension"] == "zip"
    assert [value for name, value in pairs if name == "import_type"] == ["instructure_csv"]
    assert asked.body == zip_path.read_bytes()
    assert asked.headers["content-type"] == "application/zip"
    assert asked.headers["content-length"] == str(zip_path.stat().st_size)
    assert "transfer-encoding" not in asked.headers
    assert asked.headers["user-agent"] == "canvas_sis_sync/test"
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"


def test_progress_counts_the_bytes_of_the_file_up_to_its_size(zip_path: Path) -> None:
    sent: list[int] = []
    offered: list[int] = []
    with serving(reply_json(IMPORT), reply(201)) as server, canvas_at(server.url) as canvas:
        canvas.create_import(1, zip_path, {}, sha256=sha256(zip_path), progress=sent.append)
        canvas.upload_to_offer(
            Offer(server.url, (("key", "value"),)), zip_path, offered.append, sha256=sha256(zip_path)
        )
    assert sent == offered == [PIECE_BYTES, 2 * PIECE_BYTES, 768_000]


def test_an_announcement_names_the_file_and_gives_the_offer(zip_path: Path) -> None:
    offered = {"upload_url": "https://store.example/up", "upload_params": {"key": "k"}, "file_param": "blob"}
    with serving(reply_json({**IMPORT, "pre_attachment": offered})) as server, canvas_at(server.url) as canvas:
        announced, offer = canvas.announce_import(1, "import.zip", 768_000, {"skip_deletes": "true"})
    assert announced.id == 9
    assert offer == Offer("https://store.example/up", (("key", "k"),), "blob")
    (asked,) = server.asked
    assert dict(parse_qsl(urlsplit(asked.target).query)) == {
        "skip_deletes": "true",
        "import_type": "instructure_csv",
        "pre_attachment[name]": "import.zip",
        "pre_attachment[size]": "768000",
        "pre_attachment[content_type]": "application/zip",
    }
    assert asked.body == b""


def test_a_canvas_that_does_not_know_the_two_step_way_makes_no_offer() -> None:
    with serving(reply_json(IMPORT)) as server, canvas_at(server.url) as canvas:
        assert canvas.announce_import(1, "import.zip", 5, {})[1] is None


def test_the_data_go_as_a_form_with_the_file_last_and_without_the_token(zip_path: Path) -> None:
    fields = (("z key", "a\nb"), ("policy", "signed=ünchanged"), ('quo"ted', ""))
    with serving(reply(201)) as server, canvas_at(server.url) as canvas:
        canvas.upload_to_offer(Offer(f"{server.url}/up?sign=1", fields, "blob"), zip_path, sha256=sha256(zip_path))
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("POST", "/up?sign=1")
    assert "authorization" not in asked.headers
    assert TOKEN not in str(asked.headers)
    assert asked.headers["content-length"] == str(len(asked.body))
    head = f"content-type: {asked.headers['content-type']}\r\n\r\n".encode()
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + asked.body)
    parts = list(form.iter_parts())
    assert [part.get_param("name", header="content-disposition") for part in parts] == [
        "z key",
        "policy",
        "quo%22ted",
        "blob",
    ]
    assert [part.get_payload(decode=True) for part in parts[:3]] == [b"a\nb", "signed=ünchanged".encode(), b""]
    assert parts[3].get_filename() == "my %22own%22%0D%0Aimport.zip"
    assert parts[3].get_content_type() == "application/zip"
    assert zip_path.read_bytes() in asked.body


@pytest.mark.parametrize(
    ("status", "location", "expected"),
    [
        (201, "https://canvas.example/files/1", Confirmation("https://canvas.example/files/1", complete=True)),
        (201, None, Confirmation(None, complete=True)),
        (204, None, Confirmation(None, complete=True)),
        (303, "https://canvas.example/ok?x=1", Confirmation("https://canvas.example/ok?x=1", complete=False)),
        (301, "/ok", Confirmation("SERVER/ok", complete=False)),
    ],
)
def test_the_storage_confirms_by_redirect_or_by_201(
    status: int, location: str | None, expected: Confirmation, zip_path: Path
) -> None:
    with serving(reply(status, **({"Location": location} if location else {}))) as server:
        with canvas_at(server.url) as canvas:
            found = canvas.upload_to_offer(Offer(server.url, ()), zip_path, sha256=sha256(zip_path))
        wanted = expected.location and expected.location.replace("SERVER", server.url)
        assert found == Confirmation(wanted, expected.complete)


def test_a_redirect_to_nowhere_confirms_nothing(zip_path: Path, golden: Golden) -> None:
    with (
        serving(reply(303)) as server,
        canvas_at(server.url) as canvas,
        pytest.raises(errors.AnswerLost) as caught,
    ):
        canvas.upload_to_offer(Offer(server.url, ()), zip_path, sha256=sha256(zip_path))
    golden(in_full(caught.value))


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_storage_that_refuses_says_nothing_about_our_token(status: int, zip_path: Path) -> None:
    answer = reply(status, "<Error>Expired</Error>", "application/xml")
    with serving(answer) as server, canvas_at(server.url) as canvas, pytest.raises(errors.RequestRejected) as caught:
        canvas.upload_to_offer(Offer(server.url, ()), zip_path, sha256=sha256(zip_path))
    assert caught.value.status == status
    assert "Expired" not in caught.value.sentence


def test_an_early_answer_is_heard_although_the_data_were_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    path.write_bytes(bytes(8_000_000))

    def early(connection: socket.socket) -> None:
        connection.sendall(reply_json({"errors": [{"message": "Invalid access token."}]}, 401))
        while connection.recv(1 << 20):
            pass

    with serving(BeforeRequest(early)) as server, canvas_at(server.url) as canvas, pytest.raises(errors.AccessRefused):
        canvas.create_import(1, path, {}, sha256=sha256(path))


def test_a_zip_that_cannot_be_read_is_named_before_anything_is_sent(tmp_path: Path, golden: Golden) -> None:
    with serving(reply_json(IMPORT)) as server, canvas_at(server.url) as canvas:
        with pytest.raises(errors.HomeError) as caught:
            canvas.create_import(1, tmp_path / "gone.zip", {}, sha256="")
        golden(in_full(caught.value))
        assert server.asked == []


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "large.zip"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    with path.open("rb") as file:
        known = hashlib.file_digest(file, "sha256").hexdigest()
    tracemalloc.start()
    try:
        assert sum(len(piece) for piece in FileBody(path, sha256=known)) == 200_000_000
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


class Taken:
    """Reads whatever a client sends until it closes the connection, and says nothing."""

    def __init__(self) -> None:
        self.bytes = b""
        self.ended = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        while piece := connection.recv(1 << 20):
            self.bytes += piece
        self.ended.set()

    @property
    def missing(self) -> int:
        """How many bytes of the announced body never came."""
        assert self.ended.wait(5), "the connection was left open"
        head, _, body = self.bytes.partition(b"\r\n\r\n")
        (length,) = (int(line.split()[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line)
        return length - len(body)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(300_000)


def alter_the_end(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"!")


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(bytes(768_000))
    other.replace(path)


def link_away(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


WAYS = ["direct", "two-step"]


def send(
    way: str, canvas: Canvas, server: ScriptedServer, path: Path, known: str, progress: Progress | None = None
) -> None:
    if way == "direct":
        canvas.create_import(1, path, {}, sha256=known, progress=progress)
    else:
        canvas.upload_to_offer(Offer(server.url, ()), path, progress, sha256=known)


@pytest.mark.parametrize("way", WAYS)
def test_a_zip_that_is_not_what_was_checked_never_arrives_whole(way: str, tmp_path: Path, golden: Golden) -> None:
    """Neither its last bytes nor the end of the form are sent, and the connection is closed."""
    sentences = {}
    for change, when in [
        *((change, "before") for change in (append, truncate, alter_the_end, replace)),
        *((change, "while") for change in (append, truncate, alter_the_end)),
    ]:
        path = tmp_path / "import.zip"
        path.write_bytes(ZIP)
        sentences[f"{change.__name__}, {when}"] = refused_after(change, when, way, path)
    golden(listed(sentences))


def refused_after(change: Callable[[Path], None], when: str, way: str, path: Path) -> str:
    """Change a zip before or while it is sent, and return what is said of it."""
    known, taken = sha256(path), Taken()
    if when == "before":
        change(path)

    def progress(sent: int) -> None:
        if when == "while" and sent == PIECE_BYTES:
            change(path)

    with serving(BeforeRequest(taken)) as server, canvas_at(server.url) as canvas:
        with pytest.raises(errors.ZipAltered) as caught:
            send(way, canvas, server, path, known, progress)
        assert taken.missing > 0, change
    assert isinstance(caught.value, errors.HeldError)
    return in_full(caught.value)


def test_a_zip_that_is_replaced_while_it_is_sent_goes_as_it_was_opened(zip_path: Path) -> None:
    whole, known = zip_path.read_bytes(), sha256(zip_path)
    with serving(reply_json(IMPORT)) as server, canvas_at(server.url) as canvas:
        canvas.create_import(1, zip_path, {}, sha256=known, progress=lambda _sent: replace(zip_path))
        assert server.asked[0].body == whole


@pytest.mark.parametrize("way", WAYS)
def test_a_link_or_a_pipe_in_place_of_the_zip_is_not_sent(way: str, tmp_path: Path, golden: Golden) -> None:
    path = tmp_path / "import.zip"
    path.write_bytes(ZIP)
    known, sentences = sha256(path), {}
    for name, put in (("link", link_away), ("pipe", lambda path: (path.unlink(), os.mkfifo(path)))):
        put(path)
        with serving(reply_json(IMPORT)) as server, canvas_at(server.url) as canvas:
            with pytest.raises(errors.HomeError) as caught:
                send(way, canvas, server, path, known)
            sentences[name] = in_full(caught.value)
            assert server.asked == []
    golden(listed(sentences))


def test_a_device_is_not_sent(golden: Golden) -> None:
    with pytest.raises(errors.HomeError) as caught:
        FileBody(Path("/dev/zero"), sha256="")
    golden(in_full(caught.value))


def test_a_zip_that_becomes_a_link_between_the_look_and_the_sending_is_not_followed(zip_path: Path) -> None:
    body = FileBody(zip_path, sha256=sha256(zip_path))
    link_away(zip_path)
    with pytest.raises(errors.ZipAltered):
        list(body)


def test_an_empty_file_is_held_to_its_hash_too(tmp_path: Path) -> None:
    path = tmp_path / "empty.zip"
    path.touch()
    assert b"".join(FileBody(path, sha256=sha256(path), head=b"a", tail=b"b")) == b"ab"
    with pytest.raises(errors.ZipAltered):
        list(FileBody(path, sha256="00" * 32, head=b"a", tail=b"b"))
