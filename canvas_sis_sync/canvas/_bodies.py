"""The body of an answer read as JSON or text, without the token and without what breaks a reader later.

Every text that enters from Canvas or a proxy passes through here, and nothing else looks for the token in it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

LONGEST_TEXT = 300
DEEPEST = 100
"""How deep an answer may be nested: Canvas needs about six levels."""
HIDDEN = "(token)"

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SECRET_LENGTH = 16
"""From this length on a part of a token is as secret as the whole."""


class Unreadable(ValueError):
    """An answer does not have the form that was asked for. Its text says what is missing, without any content."""


def secrets_of(token: str) -> re.Pattern[str]:
    """Return what must not appear in a text: the token, and its longest part that no encoding of a text changes.

    A `~` may stand as `%7E` or `&#126;` in what a server repeats; letters and digits stand as they are, though the
    name of a host turns them into lower case.
    """
    part = max(re.findall("[A-Za-z0-9]+", token), key=len, default="")
    known = (token, part) if len(part) >= _SECRET_LENGTH else (token,)
    return re.compile("|".join(map(re.escape, known)), re.IGNORECASE)


def redact(text: str, secrets: re.Pattern[str]) -> str:
    """Return a text with "(token)" in place of the secrets."""
    return secrets.sub(HIDDEN, text)


def parse_json(body: bytes, secrets: re.Pattern[str]) -> Any:
    """Read a body as JSON, with the secrets replaced in all texts, and lone surrogates by U+FFFD.

    Numbers that SQLite and JSON cannot keep (whole ones of more than 64 bits, NaN, Infinity) become text. Raises
    `Unreadable` for HTML, text, an empty body and anything else.
    """
    try:
        answer = json.loads(body.decode("utf-8-sig"), parse_int=_whole, parse_float=_finite, parse_constant=str)
        return _clean(answer, secrets, DEEPEST)
    except (ValueError, RecursionError):
        page = body.lstrip()[:1] == b"<"
        raise Unreadable("a web page instead of data" if page else "something that is not JSON") from None


def error_text(answer: Any, body: bytes, content_type: str, secrets: re.Pattern[str]) -> str:
    """Find Canvas's own words in an error answer of any shape (API 7): one line, at most 300 characters, or "".

    `answer` is the body as `parse_json` reads it, None when it is not JSON.
    """
    if answer is None and content_type.startswith("text/plain"):
        answer = redact(body.decode(errors="replace"), secrets)[:2000]
    if isinstance(answer, Mapping):
        answer = [answer.get(key) for key in ("errors", "error_message", "message", "error")]
    found = "; ".join(dict.fromkeys(_error_texts(answer)))
    line = " ".join("".join(each if each.isprintable() else " " for each in found).split())
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"


def _error_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _error_texts(item)
    elif isinstance(value, Mapping) and isinstance(value.get("message"), str):
        place = next((value[key] for key in ("field", "attribute") if isinstance(value.get(key), str)), "")
        yield f"{place}: {value['message']}" if place else value["message"]
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _error_texts(item)


def _clean(value: Any, secrets: re.Pattern[str], depth: int) -> Any:
    if isinstance(value, str):
        return redact(_LONE_SURROGATE.sub("\ufffd", value), secrets)
    if not isinstance(value, list | dict):
        return value
    if not depth:
        raise RecursionError
    if isinstance(value, list):
        return [_clean(item, secrets, depth - 1) for item in value]
    return {_clean(key, secrets, 1): _clean(item, secrets, depth - 1) for key, item in value.items()}


def _whole(digits: str) -> int | str:
    number = int(digits) if len(digits) <= 20 else 1 << 63
    return number if -(1 << 63) <= number < 1 << 63 else digits


def _finite(digits: str) -> float | str:
    number = float(digits)
    return number if math.isfinite(number) else digits
