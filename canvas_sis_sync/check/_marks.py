"""What in an id is no part of it: invisible characters, words for no value, marks that spreadsheets leave.

Canvas takes all of them as they are: the id is another one than meant, or every row has the same (CSV 4, 7).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from canvas_sis_sync.check._checks import of_columns
from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.check._rule import Check, Hit
from canvas_sis_sync.sis_csv.dates import shown

_WORDS = ("null", "(null)", "<null>", "[null]", "none", "nan", "n/a", "#n/a", "undefined", "\\n")
_ERRORS = ("#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!")
PLACEHOLDERS = frozenset({*(form for word in _WORDS for form in (word, word.upper(), word.title())), *_ERRORS, "NaN"})
"""What databases, programs and spreadsheets write where there is no value."""

_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Characters that Unicode calls letters or symbols and fonts leave blank."""
CONTROLS = "\t\x1a\x1b\x7f"
"""The ASCII control characters that are looked for: each costs time in every file, others are not met in exports."""
_HIDING = frozenset({"Cf", "Zl", "Zp", "Zs"})
_SCIENTIFIC = re.compile(r"\d(?:[.,]\d+)?[Ee]\+\d{2,3}", re.ASCII)
_DECIMAL = re.compile(r"\d+[.]0+", re.ASCII)


def invisible(text: str) -> str:
    """Return the first character of a text that nobody sees, "" for none; the ordinary space is none."""
    return next((each for each in text if each != " " and _is_invisible(each)), "")


def shown_invisible(text: str) -> str:
    """Name that character, as ` (U+00A0 NO-BREAK SPACE)`."""
    character = invisible(text)
    name = unicodedata.name(character, "")
    return f" (U+{ord(character):04X}{' ' if name else ''}{name})"


def shown_placeholder(text: str) -> str:
    """Show a word for no value, as `: NULL`; it says nothing about anybody."""
    return f": {text}"


def shown_date(text: str) -> str:
    """Show what is certainly a date, or a word for no value; other texts may be about people."""
    return f' "{text}"' if text in PLACEHOLDERS else shown(text)


def _is_invisible(character: str) -> bool:
    if character.isascii():
        return character in CONTROLS
    return unicodedata.category(character) in _HIDING or character in _BLANK_LETTERS


@of_columns()
def holds_invisible(rows: Rows) -> Iterable[Hit]:
    """Find ids with an invisible character."""

    def suspicious(text: str) -> bool:
        return not text.isprintable() or not (text.isascii() or _BLANK_LETTERS.isdisjoint(text))

    return _in_ids(rows, suspicious, lambda value: bool(invisible(value)))


@of_columns()
def is_placeholder(rows: Rows) -> Iterable[Hit]:
    """Find ids that are a word for no value."""
    for name in rows.kind.id_columns:
        if rows.has(name) and not PLACEHOLDERS.isdisjoint(column := rows.column(name)):
            yield from ((place, name) for place, value in enumerate(column) if value in PLACEHOLDERS)


def matches(mark: str, pattern: re.Pattern[str]) -> Check:
    """Find ids that a pattern matches as a whole, which all hold a mark in either case."""

    @of_columns()
    def check(rows: Rows) -> Iterable[Hit]:
        return _in_ids(
            rows,
            lambda text: mark in text or mark.lower() in text,
            lambda value: pattern.fullmatch(value) is not None,
        )

    return check


is_scientific = matches("E+", _SCIENTIFIC)
is_decimal = matches(".0", _DECIMAL)


def _in_ids(rows: Rows, suspicious: Callable[[str], bool], judgment: Callable[[str], bool]) -> Iterable[Hit]:
    """Look at single ids only where the file, and then the column as one text, are suspicious: that is fast."""
    for name in rows.kind.id_columns if rows.may_hold_marks else ():
        if rows.has(name) and suspicious(rows.text(name)):
            yield from ((place, name) for place, value in enumerate(rows.column(name)) if judgment(value))
