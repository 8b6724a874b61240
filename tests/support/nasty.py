"""Texts that a terminal, a log or a mail must not be given as they are, and the test for that."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest

FORGED = "FORGED: all is well"
_INVISIBLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u2800\u3164\ufe0f\uffa0\U000e0100"
_SIGNS = (
    *("\n", "\r", "\r\n", "\t", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"),
    *("\x00", "\x07", "\x08", "\x7f", "\x80", "\x90", "\x9b2J", "\x9d0;title\x9c"),
    *("\x1b[2J", "\x1b[1A\x1b[2K", "\x1b]0;title\x07", "\x1b]8;;http://evil.example\x1b\\", "\x1bc", "\x1bP1$r\x1b\\"),
    *("\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069"),
    *("\u200e", "\u200f", "\u061c", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u180e"),
    *("\U000e0041", "\ud800", "\udcff", "\ufff9"),
    *_INVISIBLE,
)
NASTY = tuple(f"a{sign}{FORGED}" for sign in _SIGNS)
IN_NAMES = tuple(text for text in NASTY if "\0" not in text and "/" not in text and "\ud800" not in text)
"""Those that a file of POSIX can be called."""
IN_UTF8 = tuple(text for text in NASTY if not any(0xD800 <= ord(sign) < 0xE000 for sign in text))
IN_ROWS = tuple(text for text in IN_UTF8 if not set(text) & set("\r\n\0"))
"""Those that a cell of well-formed CSV can hold without quotes."""


def each(texts: Sequence[str]) -> list[Any]:
    """Give texts as parameters; the fast suite tries every tenth of them."""
    return [
        pytest.param(text, marks=[] if number % 10 == 0 else [pytest.mark.slow]) for number, text in enumerate(texts)
    ]


def faults(text: str) -> list[str]:
    """Give what must not be in a text that is shown: each character by its code, and lines that nobody wrote."""
    found = [
        f"U+{ord(sign):04X}"
        for sign in text
        if sign != "\n" and (unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"} or sign in _INVISIBLE)
    ]
    return found + [line for line in text.splitlines() if line.strip().startswith("FORGED")]
