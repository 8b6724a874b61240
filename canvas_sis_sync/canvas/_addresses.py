"""Addresses: which ones that a server sends are followed, and which origin a request really goes to.

Parsers disagree about odd addresses, and a check by one parser is worth nothing if another one connects. So only plain
addresses are followed, which every parser reads the same way, and anything else is refused.
"""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from typing import NamedTuple

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

USUAL_PORTS = {"https": 443, "http": 80}

# Visible ASCII without the backslash, which browsers and some libraries read as a slash.
_VISIBLE = re.compile(r"[!-\[\]-~]*")
_PLAIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?(?:[/?#][!-\[\]-~]*)?",
    re.ASCII | re.IGNORECASE,
)
_SCHEME = re.compile("[^/?#]*:")
_USER = re.compile(r"(?<=://)[^/?#\\@]*@")


_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_PARAMETER = re.compile(rf'\s*+;\s*+({_NAME})\s*+(?:=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s",;]++)))?+')
_TARGET = re.compile(r"[\s,]*+<([^<>]*+)>")
_BETWEEN = re.compile(r"\s*+(?:,|$)")


class NotPlain(ValueError):
    """An address that is not followed. Its text does not quote the address, which may hold secrets."""


class Origin(NamedTuple):
    """Where a request goes: what must be equal for two addresses to be the same server."""

    scheme: str
    #: In lower case; an IPv6 address in brackets.
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def netloc(self) -> str:
        """The host, with its port if that is not the usual one."""
        return self.host if self.port == USUAL_PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """True for names and addresses of this machine."""
        return self.host == "localhost" or is_loopback(self.host.strip("[]"))


def next_page(header: str) -> str | None:
    """Return the address of the next page in a Link header (RFC 8288), None where it names none.

    Raises NotPlain for a header that cannot be read: taken for the last page, it would make a list look complete.
    """
    found, place = None, 0
    while header[place:].strip(" \t,"):
        target = _TARGET.match(header, place)
        if target is None:
            raise NotPlain("pages in a form that cannot be read")
        place, relations = target.end(), ""
        while parameter := _PARAMETER.match(header, place):
            place = parameter.end()
            if parameter[1].lower() == "rel" and not relations:
                relations = parameter[2] or parameter[3] or ""
        between = _BETWEEN.match(header, place)
        if between is None:
            raise NotPlain("pages in a form that cannot be read")
        place = between.end()
        if found is None and "next" in relations.lower().split():
            found = target[1]
    return found


def origin(url: str) -> Origin | None:
    """Return the origin of a plain web address; None for everything that two parsers might read differently."""
    found = _PLAIN.fullmatch(url)
    if found is None:
        return None
    scheme = found["scheme"].lower()
    written = Origin(scheme, found["host"].lower(), int(found["port"] or USUAL_PORTS[scheme]))
    try:
        parsed = parse_url(url)
    except LocationParseError:
        return None
    connected = (parsed.scheme, parsed.host, USUAL_PORTS[scheme] if parsed.port is None else parsed.port)
    return written if written == connected and parsed.auth is None else None


def resolve(page: str, reference: str) -> str:
    """Return the absolute address that `reference`, found on `page`, stands for. Raises `NotPlain`."""
    if not _VISIBLE.fullmatch(reference):
        raise NotPlain("an address with characters that no address has")
    absolute = reference if _SCHEME.match(reference) else f"https:{reference}" if reference[:2] == "//" else None
    if absolute is not None and origin(absolute) is None:
        raise NotPlain("an address that is not a plain web address")
    try:
        joined = urllib.parse.urljoin(page, reference)
    except ValueError as problem:
        raise NotPlain("an address that cannot be read") from problem
    there = origin(joined)
    if there is None or (absolute is None and there != origin(page)):
        raise NotPlain("an address that is not a plain web address")
    return joined


def shown(address: str) -> str:
    """Return scheme and host of an address for a message, without user and path; "" if it is not plain."""
    return str(origin(_USER.sub("", address, count=1)) or "")


def is_loopback(address: str) -> bool:
    """Return whether a numeric address belongs to this machine alone."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False
