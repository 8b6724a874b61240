"""The wire: one function talks HTTP with Canvas, and with the storage that Canvas points to.

Owns connections, time-outs, where the token goes, and the proof that nothing was sent; the only importer of requests.
What an answer means is `answers`, what a failure is called is `refusals`, when to try again is the caller's.
"""

from __future__ import annotations

import contextlib
import ipaddress
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, cast
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import DecodeError, HTTPError

from canvas_sis_sync.canvas import refusals
from canvas_sis_sync.canvas.upload import FileBody
from canvas_sis_sync.errors import CanvasError, NothingArrived, SettingsError

CONNECT_SECONDS = 10
READ_SECONDS = 60
STALL_SECONDS = 60
"""How long a piece of a body may take to leave."""
LARGEST_ANSWER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One question. Nothing in it is retried, followed or guessed."""

    method: str
    #: A path below the base URL, or a whole URL that Canvas gave.
    where: str
    #: What is asked for, in words that follow "could not": "list the SIS imports".
    what: str
    params: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: FileBody | None = None
    #: How long the answer may take to begin, and to end once it has begun.
    answer_seconds: float = READ_SECONDS
    with_token: bool = True
    #: On a connection of its own, so that a failure to connect proves that nothing was sent.
    fresh: bool = False
    #: Statuses from 300 on that are an answer and no error.
    welcome: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that has arrived whole."""

    asked: refusals.Asked
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    #: From sending to the last byte of the answer.
    seconds: float
    #: The address of the next page, None on the last one.
    next_page: str | None
    #: Where a Location header points, None without one.
    location: str | None


class Wire:
    """Connections to one Canvas, and the token that goes nowhere else. A context manager.

    Raises `SettingsError` for a base URL or a token that no request can be made with.
    """

    def __init__(self, base_url: str, token: str, *, user_agent: str) -> None:
        self._base = base_url.rstrip("/") + "/api/v1"
        self._home = _origin(self._base)
        if self._home is None:
            raise SettingsError("CANVAS_BASE_URL is not a web address.", "Set it to https:// and your Canvas's host.")
        if not token.isascii() or not token.isprintable() or not token.strip():
            raise SettingsError("CANVAS_API_TOKEN holds signs that no token has.", "Copy the token from Canvas again.")
        self._token = token
        self._user_agent = user_agent
        self._session = self._new_session()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept open between questions."""
        self._session.close()

    def is_home(self, url: str) -> bool:
        """Tell whether a URL is on the configured Canvas: same scheme, host and port."""
        return _origin(url) == self._home

    def ask(self, request: Request) -> Answer:
        """Send one request and return its answer, of status 2xx or a welcome one.

        Raises `NothingArrived` when no connection came about, `AnswerLost` when it was cut, timed out or ended in
        5xx, and for the other statuses what `refusals.refused` makes of them.
        """
        url = self._base + request.where if request.where.startswith("/") else request.where
        asked = refusals.Asked(_host(url), request.what, request.with_token)
        self._guard(asked, url)
        started = time.monotonic()
        try:
            status, headers, body = self._exchange(request, url)
        except _NotConnected as problem:
            raise refusals.not_connected(asked, problem, problem.proxy) from problem
        except _UNSENDABLE as problem:
            raise refusals.not_connected(asked, problem, None) from problem
        except (OSError, HTTPError, ValueError) as problem:
            raise refusals.lost(asked, _how_lost(problem), time.monotonic() - started) from problem
        seconds = time.monotonic() - started
        if status not in range(200, 300) and status not in request.welcome:
            raise self._refused(asked, status, headers, body, seconds)
        location = headers.get("Location")
        return Answer(
            asked,
            status,
            headers,
            body,
            seconds,
            next_page=_next_page(headers, url),
            location=urljoin(url, location) if location else None,
        )

    def _guard(self, asked: refusals.Asked, url: str) -> None:
        """Keep the token at home, and everything off the open network."""
        if asked.with_token and not self.is_home(url):
            raise refusals.astray(refusals.Asked(_host(self._base), asked.what, asked.with_token), url)
        address = urlsplit(url)
        if address.scheme != "https" and not _is_loopback(address.hostname):
            sentence = f"Could not {asked.what}: {asked.host} would be spoken to without TLS. Nothing was sent."
            raise NothingArrived(sentence, "Set CANVAS_BASE_URL to an address that begins with https://.")

    def _exchange(self, request: Request, url: str) -> tuple[int, Mapping[str, str], bytes]:
        with contextlib.ExitStack() as stack:
            session = stack.enter_context(self._new_session()) if request.fresh else self._session
            try:
                response = session.request(
                    request.method,
                    url,
                    params=list(request.params),
                    headers=dict(request.headers),
                    data=cast("Iterable[bytes] | None", request.body),
                    auth=self._sign if request.with_token else _unsigned,
                    timeout=(CONNECT_SECONDS, request.answer_seconds),
                    allow_redirects=False,
                    stream=True,
                )
            except requests.RequestException:
                raise
            except OSError as problem:  # not wrapped by requests: a CA file that is missing, found before connecting
                raise _NotConnected(None) from problem
            stack.enter_context(response)
            return response.status_code, response.headers, _whole_body(response, request.answer_seconds)

    def _sign(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers["Authorization"] = f"Bearer {self._token}"
        return prepared

    def _refused(
        self, asked: refusals.Asked, status: int, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> CanvasError:
        return refusals.refused(asked, status, headers, body.replace(self._token.encode(), b"(token)"), seconds)

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.headers.update({"User-Agent": self._user_agent, "Accept": "application/json"})
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Adapter())
        return session


class _NotConnected(Exception):
    """No connection came about; its cause says why. Not an OSError, so that urllib3 hands it through."""

    def __init__(self, proxy: str | None) -> None:
        super().__init__(proxy)
        self.proxy = proxy


_UNSENDABLE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidProxyURL,
)
"""Raised by requests before it opens a connection."""


class _Connection(HTTPConnection):
    """Says for certain that it did not connect, and gives a body's pieces time of their own."""

    def connect(self) -> None:
        try:
            super().connect()
        except Exception as problem:
            raise _NotConnected(self.proxy.host if self.proxy else None) from problem
        self.sock.settimeout(STALL_SECONDS)


class _TlsConnection(_Connection, HTTPSConnection):
    """The same over TLS: connecting includes the agreement on it."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """Makes requests use the connections above, also through a proxy (SOCKS has its own)."""

    def init_poolmanager(self, *args: Any, **keywords: Any) -> None:
        super().init_poolmanager(*args, **keywords)
        _use_own_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **keywords)
        if not proxy.lower().startswith("socks"):
            _use_own_pools(manager)
        return manager


def _use_own_pools(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


def _unsigned(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request as it is: with no callable at all, requests would look into ~/.netrc."""
    return prepared


def _whole_body(response: requests.Response, seconds: float) -> bytes:
    """Read an answer that may neither be endless nor trickle for ever."""
    body = bytearray()
    deadline = time.monotonic() + seconds
    while piece := response.raw.read1(64 * 1024, decode_content=True):
        body += piece
        if len(body) > LARGEST_ANSWER_BYTES:
            raise DecodeError("the answer is too large")
        if time.monotonic() > deadline:
            raise TimeoutError("the answer does not end")
    return bytes(body)


def _how_lost(problem: BaseException) -> str:
    if isinstance(problem, DecodeError):
        return "sent an answer that cannot be read"
    if any(isinstance(cause, TimeoutError) for cause in refusals.causes(problem)):
        return "did not answer in time"
    return "cut the connection"


def _next_page(headers: Mapping[str, str], url: str) -> str | None:
    links = requests.utils.parse_header_links(headers.get("Link", ""))
    found = next((link["url"] for link in links if link.get("rel") == "next"), None)
    return urljoin(url, found) if found else None


def _origin(url: str) -> tuple[str, str, int] | None:
    """Give scheme, host and port of a web address, None if it is not one."""
    try:
        address = urlsplit(url)
        port = address.port or {"https": 443, "http": 80}.get(address.scheme)
    except ValueError:
        return None
    return (address.scheme, address.hostname, port) if address.hostname and port else None


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _is_loopback(host: str | None) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
