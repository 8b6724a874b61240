"""Connections: how bytes get from and to a server, within a time and a size, and to that server only.

Owns the proof that nothing was sent, the one deadline and the one size of an answer (its headers and everything before
them included), and whom a connection is really made to. Uses no threads, since a process with threads cannot fork.
"""

from __future__ import annotations

import http.client
import io
import time
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, PoolManager
from urllib3.connection import HTTPConnection

from canvas_sis_sync.canvas import _addresses

STALL_SECONDS = 60
"""How long nothing may move while a body is sent or fetched."""
LARGEST_ANSWER_BYTES = 16 * 1024 * 1024
"""How much one answer may bring, headers included; also how much of it there may be once it is decompressed."""


class NotConnected(Exception):
    """No connection came about; its cause says why. Not an OSError, so that urllib3 hands it through."""

    def __init__(self, proxy: str | None) -> None:
        super().__init__(proxy)
        self.proxy = proxy


class TooLarge(Exception):
    """An answer that brings more than it may. Not an OSError, so that urllib3 hands it through."""


class Patience:
    """How long an answer may still take and how much it may still bring, counted on the connection."""

    def __init__(self, seconds: float) -> None:
        self.allow(seconds, seconds, LARGEST_ANSWER_BYTES)

    def allow(self, seconds: float, stall: float, size: int) -> None:
        """Let what comes from now on take `seconds`, pause for `stall` seconds, and bring `size` bytes."""
        self._ends = time.monotonic() + seconds
        self._stall = stall
        self._left = size

    def pause(self) -> float:
        """Return for how many seconds the next bytes may be waited for. Raises TimeoutError when the time is over."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer does not end")
        return min(left, self._stall)

    def take(self, count: int) -> None:
        """Count bytes that came. Raises `TooLarge` when it is too much."""
        self._left -= count
        if self._left < 0:
            raise TooLarge


class _Timed(io.RawIOBase):
    """What comes over a socket, each read with the time that is left."""

    def __init__(self, sock: Any, raw: io.RawIOBase, patience: Patience) -> None:
        self._sock = sock
        self._raw = raw
        self._patience = patience

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._patience.pause())
        count = self._raw.readinto(buffer)
        self._patience.take(count or 0)
        return count

    def close(self) -> None:
        try:
            self._raw.close()
        finally:
            super().close()


class _Response(http.client.HTTPResponse):
    """An answer that is read with patience, and is the last one: http.client passes over status 100 alone."""

    def __init__(self, sock: Any, *args: Any, patience: Patience, **keywords: Any) -> None:
        super().__init__(sock, *args, **keywords)
        self.fp = io.BufferedReader(_Timed(sock, self.fp.detach(), patience))

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if status == http.client.SWITCHING_PROTOCOLS or not 100 <= status < 200:
                return version, status, reason
            http.client.parse_headers(self.fp)


class _Connection(HTTPConnection):
    """Says for certain that it did not connect, and gives what is sent and what comes time of their own.

    Connecting includes the way through a proxy and the agreement on TLS, which proves who the peer is.
    """

    def connect(self) -> None:
        try:
            super().connect()
            self._look_at_peer()
        except Exception as problem:
            raise NotConnected(self.proxy.host if self.proxy else None) from problem
        self.sock.settimeout(STALL_SECONDS)

    def _look_at_peer(self) -> None:
        """Raise OSError when this is not who should be spoken to."""

    def response_class(self, sock: Any, *args: Any, **keywords: Any) -> http.client.HTTPResponse:  # type: ignore[override]
        """Begin to wait for an answer, for as long as the read time-out of the request says."""
        self.patience = Patience(self.timeout or STALL_SECONDS)
        return _Response(sock, *args, patience=self.patience, **keywords)

    def getresponse(self) -> Any:
        response: Any = super().getresponse()
        response.patience = self.patience
        return response


class _PlainConnection(_Connection):
    """A connection without TLS, which stays on this machine whatever its name is resolved to."""

    def _look_at_peer(self) -> None:
        if not _addresses.is_loopback(self.sock.getpeername()[0]):
            raise OSError("without TLS only this machine is spoken to, and the name belongs to another one")


class Adapter(HTTPAdapter):
    """Makes requests use the connections above, also through a proxy of any kind."""

    def init_poolmanager(self, *args: Any, **keywords: Any) -> None:
        """Let pools be of our connections."""
        super().init_poolmanager(*args, **keywords)
        _use_own_connections(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
        """Let pools behind a proxy be of our connections."""
        known = proxy in self.proxy_manager
        manager = super().proxy_manager_for(proxy, **keywords)
        if not known:
            _use_own_connections(manager)
        return manager

    def get_connection_with_tls_context(self, request: Any, *args: Any, **keywords: Any) -> Any:
        """Return the pool for a request. Raises InvalidURL when it does not connect to the request's origin."""
        pool = super().get_connection_with_tls_context(request, *args, **keywords)
        there = _addresses.origin(request.url)
        if there is None or (there.scheme, there.host.strip("[]"), there.port) != (pool.scheme, pool.host, pool.port):
            raise requests.exceptions.InvalidURL("an address that is read in two ways", request=request)
        return pool


def _use_own_connections(manager: PoolManager) -> None:
    pools = manager.pool_classes_by_scheme
    ours = {"http": _PlainConnection, "https": _Connection}
    manager.pool_classes_by_scheme = {scheme: _pool_of(kind, pools[scheme]) for scheme, kind in ours.items()}


def _pool_of(kind: type[_Connection], pool: type[HTTPConnectionPool]) -> type[HTTPConnectionPool]:
    """Make a class of pools whose connections are of our kind too, on top of TLS or SOCKS."""
    connection = type(kind.__name__, (kind, pool.ConnectionCls), {})
    return type(pool.__name__, (pool,), {"ConnectionCls": connection})


def patience_of(response: requests.Response) -> Patience:
    """Return the time and size that are left to an answer whose headers have come."""
    raw: Any = response.raw
    patience: Patience = raw.patience
    return patience
