"""Connections: when nothing was sent for certain, whom TLS trusts, and where the token goes."""

from __future__ import annotations

import gzip
import re
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from support.golden import Golden
from support.scripted_server import TOKEN, BeforeRequest, Reply, canvas_at, reply, reply_json, reset, serving, sha256
from support.sentences import in_full

from canvas_sis_sync import errors
from canvas_sis_sync.canvas import _connections, _wire, client
from canvas_sis_sync.canvas._wire import HttpRequest, Wire
from canvas_sis_sync.canvas.answers import Offer

LOST = errors.AnswerLost
IMPORT = reply_json({"id": 1, "workflow_state": "created"})
USER = reply_json({"id": 1, "name": "Robin"})


@pytest.fixture
def zip_path(tmp_path: Path) -> Path:
    path = tmp_path / "import.zip"
    path.write_bytes(b"PK" * 1000)
    return path


def create_at(url: str, zip_path: Path) -> errors.CanvasError:
    """Send the zip to an address where that fails, and give the error."""
    with canvas_at(url) as canvas, pytest.raises(errors.CanvasError) as caught:
        canvas.create_import(1, zip_path, {}, sha256=sha256(zip_path))
    assert TOKEN not in caught.value.sentence + caught.value.hint
    return caught.value


def nothing_arrived_at(url: str, zip_path: Path) -> errors.CanvasError:
    error = create_at(url, zip_path)
    assert type(error) is errors.NothingArrived
    assert error.sentence.endswith("Nothing was sent.")
    assert error.exit_code == 13
    return error


def without_reason(error: errors.CanvasError) -> str:
    """Return what is said of an error without the words of the TLS library or of requests, which vary."""
    return re.sub(r" \(.+\)\. Nothing", " (REASON). Nothing", in_full(error))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_refused_connection_proves_that_nothing_was_sent(zip_path: Path, golden: Golden) -> None:
    port = free_port()
    error = nothing_arrived_at(f"http://127.0.0.1:{port}", zip_path)
    assert f"127.0.0.1:{port} " in error.sentence
    golden(in_full(error))


@pytest.mark.parametrize("host", ["no-such-host.invalid", f"{'long' * 20}.example"])
def test_an_unresolvable_name_proves_that_nothing_was_sent(host: str, zip_path: Path) -> None:
    error = nothing_arrived_at(f"https://{host}", zip_path)
    assert host in error.sentence
    assert "resolved" in error.sentence or "cannot" in error.sentence  # by the resolver of the system
    assert "CANVAS_BASE_URL" in error.hint


def test_an_unknown_authority_gets_nothing_and_the_hint_names_the_ca_variable(
    tls: Callable[[str], ssl.SSLContext], zip_path: Path, golden: Golden
) -> None:
    with serving(IMPORT, tls=tls("127.0.0.1")) as server:
        error = nothing_arrived_at(server.url, zip_path)
        assert server.asked == []
    assert "certificate" in error.sentence
    golden(without_reason(error))


@pytest.mark.usefixtures("trusted")
def test_a_certificate_for_another_name_gets_nothing(
    tls: Callable[[str], ssl.SSLContext], zip_path: Path, golden: Golden
) -> None:
    with serving(IMPORT, tls=tls("other.example")) as server:
        error = nothing_arrived_at(server.url, zip_path)
        assert server.asked == []
    assert "127.0.0.1" in error.sentence
    golden(without_reason(error))


@pytest.mark.usefixtures("trusted")
def test_a_trusted_authority_is_spoken_to(tls: Callable[[str], ssl.SSLContext], zip_path: Path) -> None:
    with serving(IMPORT, tls=tls("127.0.0.1")) as server, canvas_at(server.url) as canvas:
        assert canvas.create_import(1, zip_path, {}, sha256=sha256(zip_path)).id == 1
        assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_server_without_tls_gets_nothing(zip_path: Path, golden: Golden) -> None:
    with serving(BeforeRequest(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad\r\n\r\n"))) as server:
        golden(without_reason(nothing_arrived_at(server.url.replace("http:", "https:"), zip_path)))


def test_a_missing_ca_file_proves_that_nothing_was_sent(
    zip_path: Path, monkeypatch: pytest.MonkeyPatch, tls: Callable[[str], ssl.SSLContext], golden: Golden
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(zip_path.parent / "gone.pem"))
    with serving(IMPORT, tls=tls("127.0.0.1")) as server:
        error = nothing_arrived_at(server.url, zip_path)
    assert "gone.pem" in error.sentence
    golden(without_reason(error))


def test_a_server_that_never_agrees_on_tls_proves_that_nothing_was_sent(
    zip_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    monkeypatch.setattr(_wire, "CONNECT_SECONDS", 0.2)
    started = time.monotonic()
    with serving(BeforeRequest(until_the_client_leaves)) as server:
        golden(in_full(nothing_arrived_at(server.url.replace("http:", "https:"), zip_path)))
    assert time.monotonic() - started < 5


@pytest.mark.usefixtures("trusted")
@pytest.mark.parametrize("end", [reset, lambda connection: connection.close()])
def test_tls_that_breaks_after_the_agreement_is_a_lost_answer(
    tls: Callable[[str], ssl.SSLContext], zip_path: Path, end: Reply
) -> None:
    """The request has been sent: an import may exist, whatever kind of error the TLS layer calls it."""
    with serving(end, tls=tls("127.0.0.1")) as server:
        assert type(create_at(server.url, zip_path)) is errors.AnswerLost
        assert len(server.asked) == 1


@pytest.mark.usefixtures("trusted")
def test_garbage_after_the_agreement_is_a_lost_answer(tls: Callable[[str], ssl.SSLContext], zip_path: Path) -> None:
    def garbage(connection: socket.socket) -> None:
        with socket.socket(fileno=connection.detach()) as bare:
            bare.sendall(b"this is no TLS record at all")

    with serving(garbage, tls=tls("127.0.0.1")) as server:
        assert type(create_at(server.url, zip_path)) is errors.AnswerLost


def test_an_answer_that_does_not_come_is_lost_after_its_time(
    zip_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    monkeypatch.setattr(client, "CREATE_SECONDS", 0.2)
    with serving(until_the_client_leaves) as server:
        error = create_at(server.url, zip_path)
    assert isinstance(error, errors.AnswerLost)
    golden(in_full(error))
    assert 0.2 <= error.seconds < 0.9


def until_the_client_leaves(connection: socket.socket) -> None:
    while connection.recv(10_000):
        pass


def trickle(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    for _ in range(30):
        connection.sendall(b" ")
        time.sleep(0.05)


def test_an_answer_that_trickles_for_ever_is_lost(golden: Golden) -> None:
    asking = HttpRequest("GET", "/x", "ask", answer_seconds=0.2)
    with (
        serving(trickle) as server,
        closing(Wire(server.url, TOKEN, user_agent="x")) as each,
        pytest.raises(LOST) as caught,
    ):
        each.ask(asking)
    golden(in_full(caught.value))
    assert caught.value.seconds < 1


def chunked(connection: socket.socket) -> None:
    whole = gzip.compress(b'{"id": 5, "name": "Robin"}')
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-encoding: gzip\r\n\r\n")
    for start in range(0, len(whole), 7):
        piece = whole[start : start + 7]
        connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
    connection.sendall(b"0\r\n\r\n")


def test_an_answer_in_compressed_pieces_is_put_together() -> None:
    with serving(chunked) as server, canvas_at(server.url) as canvas:
        assert canvas.current_user().id == 5
        assert "gzip" in server.asked[0].headers["accept-encoding"]


def test_an_answer_without_end_is_lost(monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    monkeypatch.setattr(_connections, "LARGEST_ANSWER_BYTES", 1000)
    with serving(reply(200, "x" * 1001)) as server, canvas_at(server.url) as canvas, pytest.raises(LOST) as caught:
        canvas.current_user()
    golden(in_full(caught.value))


def test_the_times_are_those_of_the_design() -> None:
    assert (_wire.CONNECT_SECONDS, _connections.STALL_SECONDS, client.CREATE_SECONDS) == (10, 60, 300)
    assert HttpRequest("GET", "/x", "ask").answer_seconds == 60


def test_a_slow_network_is_given_longer_to_take_data_than_to_connect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(connection: socket.socket) -> None:
        time.sleep(0.5)
        left = 30_000_000
        while left > 0:
            left -= len(connection.recv(1 << 20)) or left
        connection.sendall(IMPORT)

    monkeypatch.setattr(_wire, "CONNECT_SECONDS", 0.1)
    path = tmp_path / "large.zip"
    path.write_bytes(bytes(30_000_000))
    with serving(BeforeRequest(slowly)) as server, canvas_at(server.url) as canvas:
        assert canvas.create_import(1, path, {}, sha256=sha256(path)).id == 1


def test_data_that_no_byte_moves_of_are_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    monkeypatch.setattr(_connections, "STALL_SECONDS", 0.2)
    path = tmp_path / "large.zip"
    path.write_bytes(bytes(30_000_000))
    with serving(BeforeRequest(lambda connection: time.sleep(0.5))) as server:
        error = create_at(server.url, path)
    assert isinstance(error, errors.AnswerLost)
    golden(in_full(error))


def test_what_changes_something_gets_a_connection_of_its_own(zip_path: Path) -> None:
    """On a connection that was kept open, a failure to connect would prove nothing."""
    listing = reply_json({"sis_imports": []})
    with serving(listing, listing, IMPORT, closing=False) as server, canvas_at(server.url) as canvas:
        canvas.list_imports(1)
        canvas.list_imports(1)
        canvas.create_import(1, zip_path, {}, sha256=sha256(zip_path))
        assert [asked.connection for asked in server.asked] == [0, 0, 1]


def test_the_token_of_netrc_never_replaces_ours_and_is_never_added(
    tmp_path: Path, zip_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(USER, reply(201)) as server, canvas_at(server.url) as canvas:
        canvas.current_user()
        canvas.upload_to_offer(Offer(f"{server.url}/up", ()), zip_path, sha256=sha256(zip_path))
        assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"
        assert "authorization" not in server.asked[1].headers


def test_a_kept_connection_that_the_server_has_closed_is_opened_anew() -> None:
    with serving(lambda connection: connection.sendall(USER), USER) as server, canvas_at(server.url) as canvas:
        canvas.current_user()
        time.sleep(0.1)
        assert canvas.current_user().id == 1


def test_a_redirect_to_another_host_is_not_followed(golden: Golden) -> None:
    with serving(USER) as other, serving(reply(302, Location=f"{other.url}/api/v1/users/self")) as server:
        with canvas_at(server.url) as canvas, pytest.raises(errors.RedirectRefused) as caught:
            canvas.current_user()
        assert other.asked == []
    assert server.host in caught.value.sentence
    assert other.host in caught.value.sentence
    golden(in_full(caught.value))
    assert other.url in in_full(caught.value)


def test_a_next_page_on_another_host_is_not_asked_for() -> None:
    with serving(reply_json([])) as other:
        link = f'<{other.url}/api/v1/accounts/1/sis_imports?page=2>; rel="next"'
        with serving(reply_json({"sis_imports": []}, Link=link)) as server, canvas_at(server.url) as canvas:
            with pytest.raises(errors.RedirectRefused) as caught:
                canvas.list_imports(1)
            assert server.host in caught.value.sentence
        assert other.host in caught.value.sentence
        assert other.asked == []


def test_the_confirmation_takes_the_token_only_on_the_canvas_host() -> None:
    with serving(reply(200)) as other, serving(reply(200)) as server, canvas_at(server.url) as canvas:
        canvas.confirm(f"{other.url}/done")
        canvas.confirm(f"{server.url}/api/v1/files/1/create_success")
        assert "authorization" not in other.asked[0].headers
        assert server.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    ("url", "home"),
    [
        ("https://canvas.example/x", True),
        ("https://canvas.example:443/x", True),
        ("https://CANVAS.example/x", True),
        ("http://canvas.example/x", False),
        ("https://canvas.example:444/x", False),
        ("https://canvas.example.evil.example/x", False),
        ("https://canvas.example@evil.example/x", False),
        ("https://sub.canvas.example/x", False),
        ("//canvas.example/x", False),
        ("https://canvas.example:x/", False),
    ],
)
def test_home_is_the_same_scheme_host_and_port(url: str, home: bool) -> None:
    with closing(Wire("https://canvas.example/", TOKEN, user_agent="x")) as each:
        assert each.is_home(url) is home


@pytest.mark.parametrize("url", ["http://canvas.example", "http://127.0.0.1.example", "http://10.0.0.1"])
def test_nothing_goes_over_the_network_without_tls(url: str, zip_path: Path, golden: Golden) -> None:
    golden(in_full(nothing_arrived_at(url, zip_path)))
    with canvas_at("https://canvas.example") as canvas, pytest.raises(errors.NothingArrived) as caught:
        canvas.upload_to_offer(Offer(f"{url}/up", ()), zip_path, sha256=sha256(zip_path))
    golden(in_full(caught.value), "2")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_loopback_may_do_without_tls(host: str) -> None:
    with serving(USER) as server, canvas_at(f"http://{host}:{server.port}/") as canvas:
        assert canvas.current_user().id == 1
        assert server.asked[0].target == "/api/v1/users/self"


def test_a_proxy_is_honoured_and_named_when_it_refuses(
    zip_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    with serving(reply(407)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://someone:secret@{proxy.host}")
        error = nothing_arrived_at("https://canvas.example", zip_path)
        assert (proxy.asked[0].method, proxy.asked[0].target) == ("CONNECT", "canvas.example:443")
        assert TOKEN not in str(proxy.asked)
    assert "127.0.0.1" in error.sentence
    assert "407" in error.sentence
    assert "secret" not in error.sentence
    golden(without_reason(error))


def test_a_proxy_that_is_no_address_proves_that_nothing_was_sent(
    zip_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    nothing_arrived_at("https://canvas.example", zip_path)
    monkeypatch.setenv("HTTPS_PROXY", "http:///")
    nothing_arrived_at("https://canvas.example", zip_path)
