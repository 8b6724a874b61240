"""Addresses that a server sends: the token and the data go where all parsers say that they go, or nowhere."""

from __future__ import annotations

import contextlib
import io
import itertools
import re
import socket
import ssl
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from requests.adapters import HTTPAdapter
from support.golden import Golden
from support.scripted_server import (
    CHANGES,
    TOKEN,
    ScriptedServer,
    canvas_at,
    questions,
    reply,
    reply_json,
    serving,
    sha256,
)
from support.sentences import in_full, listed
from urllib3.util import parse_url

from canvas_sis_sync import errors
from canvas_sis_sync.canvas import _addresses
from canvas_sis_sync.canvas._wire import Wire
from canvas_sis_sync.canvas.answers import Offer
from canvas_sis_sync.canvas.client import Confirmation

PREFIXES = [
    "http://",
    "HTTP://",
    "http:/",
    "http:",
    "http:///",
    "http:\\\\",
    "http:/\\",
    "//",
    "///",
    "\\\\",
    "/\\",
    " http://",
    "\thttp://",
    "ht\ttp://",
    "\x00http://",
    "http://x@",
    "https:http://",
    "javascript://",
]
SEPARATORS = [
    "\\@",
    "\\",
    "/\\@",
    "@",
    ":@",
    ":80\\@",
    "#@",
    "?@",
    "/@",
    ";@",
    "&@",
    "%40",
    "%5c@",
    "%5C%40",
    "%2f@",
    "%00@",
    "%09",
    "%0d%0a@",
    "\t@",
    "\n@",
    "\r\n@",
    " @",
    "\x00@",
    "\x0b@",
    "\x7f@",
    "\xa0@",
    "\xad@",
    "\uff0f@",
    "\uff20",
    "\uff3c@",
    "\u2044@",
    "\u3002",
    "\u200b@",
    "@@",
    "[@",
    "]@",
    "\\\\@",
    "#\\@",
    "?\\@",
    "\\#@",
    ",",
    "|@",
    "^@",
    '"@',
    "<@",
    "`@",
    "{@",
]
PATHS = ["", "/x", "/api/v1/accounts/1/sis_imports?page=2", "\\x", "/..\\x"]


def confusions(evil: str, home: str) -> list[str]:
    """Cross everything with everything: an address that one parser reads as `home` and another as `evil`."""
    hosts = [(evil, home), (home, evil)]
    return [
        f"{prefix}{first}{separator}{second}{path}"
        for prefix, separator, (first, second), path in itertools.product(PREFIXES, SEPARATORS, hosts, PATHS)
    ]


def as_a_browser(page: str, address: str) -> str:
    """Read the host of an address as browsers do (WHATWG): they forgive nearly everything."""
    address = re.sub(r"[\t\r\n]", "", address.strip("".join(map(chr, range(33))))).replace("\\", "/")
    if found := re.match(r"(?i)https?:/*([^/?#]*)", address) or re.match(r"//+([^/?#]*)", address):
        return found[1].rpartition("@")[2].lower()
    return urllib.parse.urlsplit(page).netloc


def test_the_table_holds_more_confusions_than_were_ever_tried() -> None:
    assert len(set(confusions("evil.example", "canvas.example"))) > 10 * 371


def test_an_address_that_parsers_could_read_in_two_ways_is_refused_by_all_or_means_one_host() -> None:
    """What is followed means the same host to urllib3, to the standard library and to a browser."""
    page, followed = "https://canvas.example/api/v1/x", set()
    with contextlib.closing(Wire("https://canvas.example", TOKEN, user_agent="x")) as wire:
        for address in confusions("evil.example", "canvas.example"):
            try:
                joined = _addresses.resolve(page, address)
            except _addresses.NotPlain:
                assert "\\" in address or _addresses.origin(address) is None
                continue
            there = _addresses.origin(joined)
            assert there is not None
            assert {there.host, urllib.parse.urlsplit(joined).hostname, parse_url(joined).host} == {there.host}, address
            assert as_a_browser(page, address) == there.netloc, address
            assert wire.is_home(joined) is (there == ("https", "canvas.example", 443)), address
            followed.add(address)
    assert followed, "nothing at all is followed"
    assert not [address for address in followed if re.search(r"[\\\s\x00-\x1f\x7f-\U0010ffff]", address)]
    assert not [address for address in followed if "@" in re.split("[/?#]", address.partition("//")[2])[0]]


@pytest.fixture
def evil() -> Iterator[ScriptedServer]:
    with serving(*[reply(200, "{}")] * 10_000) as server:
        yield server


def test_the_token_reaches_no_confused_location(evil: ScriptedServer) -> None:
    """Both hosts listen, and plain http is allowed between them: only the address decides."""
    with serving(*[reply(200)] * 10_000) as server, canvas_at(server.url) as canvas:
        table = confusions(evil.host, server.host)[:: len(PATHS)]
        assert len(table) > 371
        for address in table:
            with contextlib.suppress(errors.NothingArrived):
                canvas.confirm(address)
        assert evil.asked, "what is plainly evil's is asked, without the token"
        assert TOKEN not in str(evil.asked)
        assert all(asked.headers["host"] == evil.host for asked in evil.asked)
        assert all(asked.headers["host"] == server.host for asked in server.asked)


CONFUSED = [
    "http://{evil}\\@{home}/x",
    "http://{evil}\\\\@{home}/x",
    "http://{home}@{evil}/x",
    "http://{home}%40{evil}/x",
    "http://{home}:x@{evil}/x",
    "//{evil}\\@{home}/x",
    "\\\\{evil}/x",
    "/\\{evil}/x",
    "http:\\\\{evil}/x",
    "http:/{evil}/x",
    "http:{evil}/x",
    "http:///{evil}/x",
    "ht\ttp://{evil}/x",
    "http://{evil}\t@{home}/x",
    "http://{evil} @{home}/x",
    "http://[",
    "http://[::1/",
    "::",
    "http://",
    "http://:80/",
    "http://{evil}:0/",
    "http://{home}:99999/",
    "ftp://{evil}/x",
    "file:///etc/passwd",
    "http://\u212aanvas.example/",
]
FOREIGN = ["http://{evil}#@{home}/x", "http://{evil}?@{home}/x", "//{evil}/x", "HTTP://{evil}"]
"""Addresses that everybody reads as evil's."""


def with_header(answer: bytes, name: str, value: str) -> bytes:
    return answer.replace(b"\r\n", f"\r\n{name}: {value}\r\n".encode(), 1)


@pytest.fixture
def zip_path(tmp_path: Path) -> Path:
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK")
    return path


@pytest.mark.parametrize("address", [*CONFUSED, *FOREIGN])
def test_no_next_page_is_asked_for_at_a_confused_or_foreign_address(address: str, evil: ScriptedServer) -> None:
    with serving(reply(200)) as server:
        link = f'<{address.format(evil=evil.host, home=server.host)}>; rel="next"'
        server.answer_with(with_header(reply_json({"sis_imports": []}), "Link", link), reply_json([]))
        with canvas_at(server.url) as canvas, pytest.raises((errors.AnswerLost, errors.RedirectRefused)) as caught:
            canvas.list_imports(1)
        assert (len(server.asked), evil.asked) == (1, [])
    assert type(caught.value) is (errors.RedirectRefused if address in FOREIGN else errors.AnswerLost)
    assert "\\" not in caught.value.sentence
    assert caught.value.hint


@pytest.mark.parametrize("address", CONFUSED)
def test_an_upload_whose_location_is_confused_is_a_lost_answer(
    address: str, evil: ScriptedServer, zip_path: Path
) -> None:
    """The storage has the data, and where it points cannot be followed: the state of the import decides."""
    with serving(reply(200)) as storage, canvas_at("http://127.0.0.1:1") as canvas:
        there = address.format(evil=evil.host, home="127.0.0.1:1")
        done, redirected = (with_header(reply(status), "Location", there) for status in (201, 303))
        storage.answer_with(redirected, done)
        offer = Offer(f"{storage.url}/up", ())
        with pytest.raises(errors.AnswerLost):
            canvas.upload_to_offer(offer, zip_path, sha256=sha256(zip_path))
        assert canvas.upload_to_offer(offer, zip_path, sha256=sha256(zip_path)) == Confirmation(None, complete=True)
    assert evil.asked == []


def test_no_data_go_to_a_confused_upload_address(evil: ScriptedServer, zip_path: Path, golden: Golden) -> None:
    sentences = {}
    with serving(reply(201)) as server, canvas_at(server.url) as canvas:
        for address in [*CONFUSED, " http://{evil}/x", "http://{evil}/x\n", "http://{home}/x y", "/x", "up", ""]:
            offer = Offer(address.format(evil=evil.host, home=server.host), ())
            with pytest.raises(errors.NothingArrived) as caught:
                canvas.upload_to_offer(offer, zip_path, sha256=sha256(zip_path))
            assert server.asked == evil.asked == [], address
            sentences[ascii(address)] = in_full(caught.value)
    golden(listed(sentences))


@pytest.mark.parametrize("address", [*CONFUSED, *FOREIGN])
@pytest.mark.parametrize("question", ["user", "get", "create", "announce", "abort"])
def test_no_redirect_leads_the_token_away_or_into_a_traceback(
    address: str, question: str, evil: ScriptedServer, zip_path: Path
) -> None:
    with serving(reply(200)) as server, canvas_at(server.url) as canvas:
        there = address.format(evil=evil.host, home=server.host)
        server.answer_with(with_header(reply(302), "Location", there))
        with pytest.raises((errors.RedirectRefused, errors.AnswerLost)) as caught:
            questions(server.url, zip_path)[question](canvas)
        assert type(caught.value) is (errors.AnswerLost if question in CHANGES else errors.RedirectRefused)
        assert "\\" not in caught.value.sentence + caught.value.hint
    assert evil.asked == []


def test_the_loopback_rule_looks_at_the_host_that_is_connected_to(zip_path: Path, golden: Golden) -> None:
    sentences = {}
    with canvas_at("http://127.0.0.1:1") as canvas:
        for address in ("http://evil.example\\@127.0.0.1:1/", "http://evil.example/", "http://127.0.0.1.evil.example/"):
            with pytest.raises(errors.NothingArrived) as caught:
                canvas.upload_to_offer(Offer(address, ()), zip_path, sha256=sha256(zip_path))
            sentences[address] = in_full(caught.value)
    golden(listed(sentences))


@pytest.mark.parametrize(
    ("reference", "joined"),
    [
        ("/x?a=b@c", "https://canvas.example/x?a=b@c"),
        ("x", "https://canvas.example/api/v1/x"),
        ("?page=2", "https://canvas.example/api/v1/list?page=2"),
        ("../v2/x", "https://canvas.example/api/v2/x"),
        ("//other.example/x", "https://other.example/x"),
        ("https://canvas.example:443/x", "https://canvas.example:443/x"),
        ("HTTPS://Canvas.Example/x", "https://Canvas.Example/x"),
        ("https://other.example/@x:y", "https://other.example/@x:y"),
        ("http://[::1]:8080/x", "http://[::1]:8080/x"),
        ("https://a-b.s3.amazonaws.com/k?X-Amz-Signature=%2F%2B=", None),
    ],
)
def test_ordinary_addresses_are_followed(reference: str, joined: str | None) -> None:
    found = _addresses.resolve("https://canvas.example/api/v1/list", reference)
    assert found.lower() == (joined or reference).lower()


@pytest.mark.parametrize(
    "reference", ["/x\ty", "/\t/other.example/x", " /x", "/x\n", "x y", "/\\x", "a:b", "::", "\x1f/x"]
)
def test_a_reference_that_would_be_mended_is_refused(reference: str) -> None:
    """`urljoin` takes tabs, line ends and blanks away, so what it gives looks plain."""
    with pytest.raises(_addresses.NotPlain):
        _addresses.resolve("https://canvas.example/api/v1/list", reference)


def test_a_relative_reference_that_leads_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should `urljoin` ever read a reference in another way than we do."""
    monkeypatch.setattr(urllib.parse, "urljoin", lambda _page, _reference: "https://other.example/x")
    with pytest.raises(_addresses.NotPlain):
        _addresses.resolve("https://canvas.example/api/v1/list", "/x")


@pytest.mark.usefixtures("trusted")
def test_an_https_canvas_may_not_name_loopback_http(
    tls: Callable[[str], ssl.SSLContext], zip_path: Path, golden: Golden
) -> None:
    with serving(reply(200)) as plain, serving(reply(200), tls=tls("127.0.0.1")) as server:
        server.answer_with(reply_json({"sis_imports": []}, link=f'<{plain.url}/x>; rel="next"'))
        with canvas_at(server.url) as canvas:
            with pytest.raises(errors.NothingArrived) as caught:
                canvas.upload_to_offer(Offer(f"{plain.url}/up", ()), zip_path, sha256=sha256(zip_path))
            golden(in_full(caught.value))
            with pytest.raises(errors.NothingArrived) as caught:
                canvas.confirm(f"{plain.url}/x")
            golden(in_full(caught.value), "2")
            with pytest.raises(errors.NothingArrived) as caught:
                canvas.fetch_attachment(f"{plain.url}/x", io.BytesIO(), most_bytes=10)
            golden(in_full(caught.value), "3")
            with pytest.raises(errors.NothingArrived) as caught:
                canvas.list_imports(1)
            golden(in_full(caught.value), "4")
        assert plain.asked == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
@pytest.mark.parametrize("no_proxy", ["", "example.org"])
def test_no_proxy_ever_sees_what_goes_to_this_machine(
    name: str, host: str, no_proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(reply(200, "{}")) as proxy, serving(reply_json({"id": 1})) as server:
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv("NO_PROXY", no_proxy)
        nobody = contextlib.suppress(errors.NothingArrived) if ":" in host else contextlib.nullcontext()
        with canvas_at(f"http://{host}:{server.port}") as canvas, nobody:
            canvas.current_user()
        assert len(server.asked) == (":" not in host), "the server listens at 127.0.0.1 only"
        assert proxy.asked == []


def test_a_name_of_this_machine_that_leads_elsewhere_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    """`localhost` is a name like any other to the resolver; who is connected to decides."""

    class Elsewhere(socket.socket):
        def getpeername(self) -> tuple[str, int]:
            return "192.0.2.7", 80

    def connect(address: tuple[str, int], *_: object, **__: Any) -> socket.socket:
        sock = Elsewhere()
        sock.connect(("127.0.0.1", address[1]))
        return sock

    monkeypatch.setattr("urllib3.util.connection.create_connection", connect)
    with serving(reply_json({"id": 1})) as server, canvas_at(f"http://localhost:{server.port}") as canvas:
        with pytest.raises(errors.NothingArrived) as caught:
            canvas.current_user()
        golden(in_full(caught.value))
        assert server.asked == []


def test_a_pool_for_another_origin_is_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should requests ever read an address in another way than we do, nothing is sent."""
    with serving(reply_json({"id": 1})) as other, serving(reply_json({"id": 1})) as server:
        keys = HTTPAdapter.build_connection_pool_key_attributes

        def elsewhere(self: HTTPAdapter, *args: Any, **keywords: Any) -> object:
            host, pool = keys(self, *args, **keywords)
            return {**host, "port": other.port}, pool

        monkeypatch.setattr(HTTPAdapter, "build_connection_pool_key_attributes", elsewhere)
        with canvas_at(server.url) as canvas, pytest.raises(errors.NothingArrived):
            canvas.current_user()
        assert other.asked == []


@pytest.mark.parametrize(
    "header",
    [
        '<https://c.example/p2>; rel="next"',
        '<https://c.example/p1>; rel="current",<https://c.example/p2>; rel="next"',
        '<https://c.example/p2>; title="a=b, <c>; d"; rel="next"',
        '<https://c.example/p2>; rel="next last"',
        "<https://c.example/p2>; REL=next",
        "<https://c.example/p2> ; Rel = Next ,",
    ],
)
def test_each_valid_form_of_a_link_names_the_next_page(header: str) -> None:
    assert _addresses.next_page(header) == "https://c.example/p2"


@pytest.mark.parametrize("header", ["", " , ", '<https://c.example/p1>; rel="last"', "<https://c.example/p1>"])
def test_a_link_without_a_next_page_is_the_last_one(header: str) -> None:
    assert _addresses.next_page(header) is None


@pytest.mark.parametrize(
    "header", ["garbage", '<https://c.example/p2; rel="next"', '<https://c.example/p2>; rel="next', "<a> <b>; rel=next"]
)
def test_a_link_that_cannot_be_read_is_no_last_page(header: str) -> None:
    with pytest.raises(_addresses.NotPlain):
        _addresses.next_page(header)


def test_a_long_link_takes_no_time() -> None:
    with pytest.raises(_addresses.NotPlain):
        _addresses.next_page("<a>" + " " * 60_000 + "x")
