"""The way to Canvas: proxies and a private certificate authority, by the names that other programs use for them.

Owns which of these may stand in `.env`. The environment goes before it, and what it holds is left to requests, which
reads it by itself. So what `.env` names is put into the environment of this process, once, before Canvas is asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from canvas_sis_sync.errors import SettingsError
from canvas_sis_sync.home import setting_layers
from canvas_sis_sync.home._setting_parsers import path_of

MASK = "********"
_CA = "REQUESTS_CA_BUNDLE"
_NOT_READ = ("SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE")
"""Names of a certificate authority that do not count in `.env`."""
_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


class NetworkSetting(NamedTuple):
    """One such variable, in upper case."""

    name: str
    value: str
    source: str

    @property
    def shown(self) -> str:
        """The value without the name and password of a proxy's user."""
        before, at, host = self.value.rpartition("@")
        scheme, colon, _ = before.partition("://")
        return f"{scheme if colon else ''}{colon}{MASK}@{host}" if at and self.name.endswith("PROXY") else self.value


def read(
    home: Path, dotenv: Mapping[str, str], environ: Mapping[str, str], problems: list[SettingsError]
) -> tuple[NetworkSetting, ...]:
    """Return what is set of these variables; problems are those of `.env` alone."""
    written = {name.upper(): text.strip() for name, text in dotenv.items() if text.strip()}
    problems += [_not_read(home, name) for name in _NOT_READ if name in written]
    found = []
    for name, parse in PARSERS.items():
        exported = next((environ[each] for each in (name.lower(), name) if each in environ), None)
        if exported is not None:
            found.append(NetworkSetting(name, exported, setting_layers.ENVIRONMENT))
        elif name in written:
            try:
                found.append(NetworkSetting(name, parse(home, written[name]), setting_layers.DOTENV))
            except ValueError as error:
                entry = setting_layers.GivenSetting(name, "", setting_layers.DOTENV)
                problems.append(SettingsError(f"{entry.label} {error}.", setting_layers.how_to_fix(home, entry)))
    return tuple(each for each in found if each.value)


def use(network: tuple[NetworkSetting, ...]) -> None:
    """Put what `.env` names into the environment of this process, where requests looks for it."""
    for each in network:
        if each.source == setting_layers.DOTENV:
            os.environ[each.name] = each.value


def _proxy(_home: Path, text: str) -> str:
    """Check a proxy's address. What is refused is not repeated: it may hold a password."""
    from urllib.parse import urlsplit

    wanted = "must be a proxy such as http://proxy.example.edu:3128"
    try:
        address = urlsplit(text if "://" in text else f"http://{text}")
        host = address.port != 0 and address.hostname
    except ValueError:
        raise ValueError(wanted) from None
    if not host or address.scheme not in _SCHEMES or not text.isprintable() or " " in text:
        raise ValueError(wanted)
    return text


def _hosts(_home: Path, text: str) -> str:
    return text


def _authority(home: Path, text: str) -> str:
    path = home / path_of(text)
    if not os.access(path, os.R_OK):
        raise ValueError(f"names {path}, which cannot be read")
    return str(path)


PARSERS: Mapping[str, Callable[[Path, str], str]] = {
    "HTTPS_PROXY": _proxy,
    "HTTP_PROXY": _proxy,
    "ALL_PROXY": _proxy,
    "NO_PROXY": _hosts,
    _CA: _authority,
}
"""The variables, each with what makes its value of the home and a text; raises ValueError with what fits."""


def _not_read(home: Path, name: str) -> SettingsError:
    return SettingsError(
        f"{name} (.env) is not read: the certificate authority of Canvas or of a proxy is named in {_CA}.",
        f"Write {_CA} instead of {name} in {home / '.env'}.",
    )
