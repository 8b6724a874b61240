"""The wire: one function talks HTTP with Canvas, and with the storage that Canvas points to.

Owns where the token goes and what is never sent, and that every answer passes through one bounded reader. What an
answer means is `answers`, what a failure is called is `_refusals`, when to try again is the caller's.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import DecodeError, HTTPError

from canvas_sis_sync.canvas import _addresses, _bodies, _connections, _refusals
from canvas_sis_sync.canvas._connections import Adapter, NotConnected, TooLarge
from canvas_sis_sync.canvas._upload import FileBody
from canvas_sis_sync.errors import CanvasError, HomeError, SettingsError

CONNECT_SECONDS = 10
READ_SECONDS = 60
LARGEST_ERROR_BYTES = 1024 * 1024
"""How much is read of an answer that is not what was asked for."""

_PIECE_BYTES = 16 * 1024
_ENCODINGS = {"", "identity", "gzip", "x-gzip", "deflate"}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One question. Nothing in it is retried, followed or guessed."""

    method: str
    #: A path below the base URL; with `given` a whole address, which a server sent.
    where: str
    #: What is asked for, in words that follow "could not": "list the SIS imports".
    what: str
    params: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: FileBody | None = None
    #: How long the answer may take from the last byte that was sent, to its last byte or (with `into`) its first.
    answer_seconds: float = READ_SECONDS
    given: bool = False
    with_token: bool = True
    #: On a connection of its own, so that a failure to connect proves that nothing was sent.
    fresh: bool = False
    #: Statuses from 300 on that are an answer and no error; their bodies are not read.
    welcome: frozenset[int] = frozenset()
    #: Where the body of an answer of status 2xx is written, instead of being kept in memory.
    into: BodySink | None = None


@dataclass(frozen=True, slots=True)
class BodySink:
    """A file that takes the body of an answer, how much of it there may be, and when it must have come."""

    file: BinaryIO
    most_bytes: int
    #: A moment of the monotonic clock.
    ends: float


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that has arrived whole."""

    asked: _refusals.Asking
    #: The address that was asked.
    url: str
    status: int
    headers: Mapping[str, str]
    #: As it came, so the token may be in it; `Wire.data` reads it.
    body: bytes = field(repr=False)
    #: From sending to the last byte of the answer.
    seconds: float

    @property
    def next_page(self) -> str | None:
        """The address of the next page, None on the last one. Raises `AnswerLost` for one that is not followed."""
        try:
            return self._resolved(_addresses.next_page(self.headers.get("Link", "")))
        except _addresses.NotPlain as problem:
            raise _refusals.lost_way(self.asked, problem, self.seconds, self.status) from None

    @property
    def location(self) -> str | None:
        """Where a Location header points, None without one. Raises `AnswerLost` for what is not followed."""
        return self._resolved(self.headers.get("Location"))

    def _resolved(self, reference: str | None) -> str | None:
        try:
            return _addresses.resolve(self.url, reference) if reference else None
        except _addresses.NotPlain as problem:
            raise _refusals.lost_way(self.asked, problem, self.seconds, self.status) from None


class Wire:
    """Connections to one Canvas, and the token that goes nowhere else.

    Raises `SettingsError` for a base URL or a token that no request can be made with.
    """

    def __init__(self, base_url: str, token: str, *, user_agent: str) -> None:
        if not token.isascii() or not token.isprintable() or not token.strip():
            raise SettingsError("CANVAS_API_TOKEN holds signs that no token has.", "Copy the token from Canvas again.")
        self._token = token
        self._secrets = _bodies.secrets_of(token)
        self._session = requests.Session()
        self._session.headers.update(
            # No encoding that inflates without a limit.
            {"User-Agent": user_agent, "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
        )
        self._kept = Adapter()
        self._base = base_url.rstrip("/") + "/api/v1"
        home = self._origin(self._base)
        if home is None:
            raise SettingsError("CANVAS_BASE_URL is not a web address.", "Set it to https:// and your Canvas's host.")
        self._home = home

    def close(self) -> None:
        """Close the connections that are kept open between questions."""
        self._kept.close()

    def is_home(self, url: str) -> bool:
        """Return whether a URL is plain and on the configured Canvas: same scheme, host and port."""
        return _addresses.origin(url) is not None and self._origin(url) == self._home

    def ask(self, request: HttpRequest) -> Answer:
        """Send one request and return its answer, of status 2xx or a welcome one.

        Raises `NothingArrived` when no connection came about, `AnswerLost` when it was cut, timed out or ended in
        5xx, and for the other statuses what `refusals.refused` makes of them; `ZipAltered` when the body is not what
        it must be, HomeError when the answer cannot be written.
        """
        asked, prepared = self._prepared(request)
        started = time.monotonic()
        try:
            status, headers, body = self._exchange(request, prepared)
        except NotConnected as problem:
            raise _refusals.not_connected(asked, problem, problem.proxy) from problem
        except _UNSENDABLE as problem:
            raise _refusals.not_connected(asked, problem, None) from problem
        except (OSError, HTTPError, ValueError, TooLarge) as problem:
            raise _refusals.lost(asked, _how_lost(problem), time.monotonic() - started) from problem
        seconds = time.monotonic() - started
        if status not in range(200, 300) and status not in request.welcome:
            raise self._refused(asked, status, headers, body, seconds)
        return Answer(asked, prepared.url or "", status, headers, body, seconds)

    def data(self, answer: Answer) -> Any:
        """Read an answer's body as JSON, without the token. Raises `Unreadable`."""
        return _bodies.parse_json(answer.body, self._secrets)

    def _prepared(self, request: HttpRequest) -> tuple[_refusals.Asking, requests.PreparedRequest]:
        """Make a request ready to be sent; this is where the token is added, once it is known where it goes."""
        url = request.where if request.given else self._base + request.where
        written = _addresses.origin(url) if request.given else self._home
        changes = request.method != "GET"
        host = _bodies.redact((written or self._home).netloc, self._secrets)
        asked = _refusals.Asking(host, request.what, request.with_token, changes)
        if written is None:
            raise _refusals.not_plain(asked)
        try:
            prepared = self._session.prepare_request(
                requests.Request(
                    request.method,
                    url,
                    params=list(request.params),
                    headers=dict(request.headers),
                    data=cast("Iterable[bytes] | None", request.body),
                    auth=_unsigned,
                )
            )
        except (requests.RequestException, HTTPError, ValueError) as problem:
            raise _refusals.not_connected(asked, problem, None) from problem
        there = _addresses.origin(prepared.url or "")
        if there is None or there != written:
            raise _refusals.not_plain(asked)
        if there.scheme != "https" and not (self._home.scheme == "http" and self._home.loopback and there.loopback):
            raise _refusals.without_tls(asked)
        if request.with_token:
            if there != self._home:
                at_home = _refusals.Asking(self._home.netloc, asked.what, asked.with_token, changes)
                raise _refusals.astray(at_home, _bodies.redact(url, self._secrets))
            prepared.headers["Authorization"] = f"Bearer {self._token}"
        return asked, prepared

    def _exchange(
        self, request: HttpRequest, prepared: requests.PreparedRequest
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request through the adapter itself: a session would read the whole body of a redirect."""
        url = prepared.url or ""
        there = _addresses.origin(url)
        direct = there is None or there.loopback
        # "no_proxy" keeps requests from looking through the environment for a proxy that is not used.
        proxies = {"no_proxy": urlsplit(url).hostname or ""} if direct else {}
        settings: Any = self._session.merge_environment_settings(url, proxies, stream=True, verify=None, cert=None)
        if direct:
            settings["proxies"] = {}
        with contextlib.ExitStack() as stack:
            adapter = stack.enter_context(contextlib.closing(Adapter())) if request.fresh else self._kept
            try:
                response = adapter.send(prepared, timeout=(CONNECT_SECONDS, request.answer_seconds), **settings)
            except requests.RequestException:
                raise
            except OSError as problem:  # not wrapped by requests: a CA file that is missing, found before connecting
                raise NotConnected(None) from problem
            stack.enter_context(response)
            return response.status_code, response.headers, _body(response, request)

    def _origin(self, url: str) -> _addresses.Origin | None:
        """Return the origin of what requests makes of a URL, None if it makes nothing of it."""
        try:
            return _addresses.origin(requests.Request("GET", url).prepare().url or "")
        except (requests.RequestException, HTTPError, ValueError):
            return None

    def _refused(
        self, asked: _refusals.Asking, status: int, headers: Mapping[str, str], body: bytes, seconds: float
    ) -> CanvasError:
        try:
            answer = _bodies.parse_json(body, self._secrets)
        except _bodies.Unreadable:
            answer = None
        text = _bodies.error_text(answer, body, headers.get("Content-Type", ""), self._secrets)
        shown = CaseInsensitiveDict({name: _bodies.redact(value, self._secrets) for name, value in headers.items()})
        start = body[:2000].decode(errors="replace").lower()
        return _refusals.refused(asked, _refusals.RefusedAnswer(status, shown, answer, start, text), seconds)


_UNSENDABLE = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidProxyURL,
)
"""Raised by requests before it opens a connection."""


def _unsigned(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave a request as it is: with no callable at all, requests would look into ~/.netrc."""
    return prepared


def _body(response: requests.Response, request: HttpRequest) -> bytes:
    """Read an answer that may be neither endless nor larger than it may be, or write it where it belongs."""
    if response.status_code in request.welcome:
        return b""
    if response.status_code not in range(200, 300):
        body = bytearray()
        for piece in _pieces(response):
            body += piece
            if len(body) >= LARGEST_ERROR_BYTES:
                break
        return bytes(body[:LARGEST_ERROR_BYTES])
    if request.into is not None:
        _write(response, request.into)
        return b""
    return b"".join(_up_to(_connections.LARGEST_ANSWER_BYTES, _pieces(response)))


def _write(response: requests.Response, sink: BodySink) -> None:
    left = sink.ends - time.monotonic()
    patience = _connections.patience_of(response)
    patience.allow(left, _connections.STALL_SECONDS, sink.most_bytes + _connections.LARGEST_ANSWER_BYTES)
    for piece in _up_to(sink.most_bytes, _pieces(response)):
        patience.pause()
        try:
            sink.file.write(piece)
        except OSError as problem:
            raise HomeError(
                f"What Canvas sent cannot be written: {problem.strerror or problem}.", "Make room on the disk."
            ) from problem


def _pieces(response: requests.Response) -> Iterator[bytes]:
    if response.headers.get("Content-Encoding", "").strip().lower() not in _ENCODINGS:
        raise DecodeError("an encoding that was not asked for")
    while piece := response.raw.read1(_PIECE_BYTES, decode_content=True):
        yield piece


def _up_to(most: int, pieces: Iterator[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        most -= len(piece)
        if most < 0:
            raise TooLarge
        yield piece


def _how_lost(problem: BaseException) -> str:
    if isinstance(problem, TooLarge):
        return "sent an answer that is too large"
    if isinstance(problem, DecodeError):
        return "sent an answer that cannot be read"
    if any(isinstance(cause, TimeoutError) for cause in _refusals.causes(problem)):
        return "did not answer in time"
    return "cut the connection"
