"""What the texts of settings mean. A parser returns a value or raises ValueError with what is wrong and what fits."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

_NAMED = (
    *("account", "term", "course", "section", "xlist", "user", "login", "group"),
    *("differentiation_tag_set", "differentiation_tag", "institutional_tag_category", "institutional_tag"),
)
"""Kinds whose rows are named by one column (DIFF 4)."""


def path_of(text: str) -> Path:
    """Return the path in a text, where `~` and `~ann` stand for users' home folders as far as the system knows them."""
    return Path(os.path.expanduser(text))  # noqa: PTH111 (Path.expanduser raises for an unknown user)


def fitting(pattern: str, wanted: str) -> Callable[[str], str]:
    """Make a parser of texts that match a pattern."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {wanted}")
        return text

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    """Make a parser of some words."""
    return fitting("|".join(words), " or ".join((", ".join(words[:-1]), words[-1])) if words[1:] else words[0])


def boolean(text: str) -> bool:
    """Read Canvas's words for true and false (API 2), without its guesses about other texts."""
    if not re.fullmatch("yes|y|true|t|on|1|no|n|false|f|off|0", text.lower()):
        raise ValueError("must be true or false")
    return text.lower() in {"yes", "y", "true", "t", "on", "1"}


def flag(text: str) -> str:
    """Read a boolean and return it as Canvas is sent it."""
    return str(boolean(text)).lower()


def duration(text: str) -> int:
    """Read a duration in seconds."""
    if not (found := re.fullmatch("([0-9]{1,9})([smhd]?)", text)):
        raise ValueError("must be a duration such as 90s, 10m, 6h, 7d or plain seconds")
    return int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def url(text: str) -> str:
    """Cut an address down to scheme, host and port. What is refused is not repeated: it may hold a password."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("must be an address such as https://canvas.example.edu") from None
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password: write https:// and the host only")
    if parts.scheme not in {"https", "http"} or not re.fullmatch("[a-z0-9._:-]+", host):
        raise ValueError("must be an address such as https://canvas.example.edu")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("must start with https:// (http:// is for this machine's own addresses only)")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (
        f":{port}" if port not in {None, 443 if parts.scheme == "https" else 80} else ""
    )


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def identifier(text: str) -> str:
    """Read the name of a data set."""
    if not text.isprintable() or len(text.encode()) > 128:
        raise ValueError("must be text on one line of at most 128 bytes")
    return text


def names(text: str) -> tuple[str, ...]:
    """Read names between commas; blanks around them do not count."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def canaries(text: str) -> tuple[tuple[str, str], ...]:
    """Read `kind:id` between commas."""
    found = tuple((kind.strip(), name.strip()) for kind, _, name in (each.partition(":") for each in names(text)))
    if not all(kind in _NAMED and name for kind, name in found):
        raise ValueError(f"must be rows such as user:U001,course:C1, each of one of the kinds {', '.join(_NAMED)}")
    return found


def remaster(text: str) -> int:
    """Read the seconds between two remasters, 0 for never."""
    if text == "never":
        return 0
    word, colon, interval = text.partition(":")
    if (word, colon) != ("every", ":") or not (seconds := duration(interval)):
        raise ValueError("must be never, or an interval such as every:7d")
    return seconds


def encoding(text: str) -> str:
    """Read the name of an encoding."""
    try:
        "".encode(text)
    except LookupError:
        raise ValueError("must be an encoding that Python knows, such as cp1252 or utf-16") from None
    return text


parse_token = fitting("[!-~]+", "the token alone, without spaces or line breaks: paste it again")
account = fitting("self|[0-9]+", "self or the number of a root account")
file_name = fitting(r"(?i)(?!\.{1,2}$)[^/\\]+(?<!\.csv)(?<!\.zip)", "a file name, not a path, and no .csv or .zip")
term = fitting(
    "[0-9]+|default|current|sis_(term|integration)_id:.+",
    "a term's number, sis_term_id:X, sis_integration_id:X, default or current",
)
refuse_on = fitting(
    r"fatal(, ?(100|[0-9]{1,2}(\.[0-9]+)?) ?%)?|error|warning|never",
    "fatal, fatal with a share of rows such as fatal,5%, error, warning or never",
)
