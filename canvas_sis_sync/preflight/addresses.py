"""What Canvas takes for an e-mail address, a login and a printable text (CSV 7, 10.8)."""

from __future__ import annotations

import re
import unicodedata

LONGEST_LOGIN = 100

_ATOM = r"[^\s@,;:<>()\[\]\"\\\x00-\x1f\x7f]+"
_ADDRESS = re.compile(rf'(?:{_ATOM}|"[^"\\\x00-\x1f]*")@(?:(?!\.)(?!.*\.\.){_ATOM}(?<!\.)|\[[^\[\]\s]+\])')


def is_plain_address(text: str) -> bool:
    """Say whether a text is exactly one address with a domain part: no display name, no list, no trailing dot."""
    return _ADDRESS.fullmatch(text) is not None


def is_login(text: str) -> bool:
    """Say whether Canvas takes a text as a login id: printable and not longer than 100 characters."""
    return len(text) <= LONGEST_LOGIN and (text.isprintable() or all(map(_is_printing, text)))


def _is_printing(sign: str) -> bool:
    """Judge as Ruby's [[:print:]]; what is not assigned yet may be so to Canvas, so only what never will be counts."""
    category = unicodedata.category(sign)
    if category == "Cn":
        return not (ord(sign) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(sign) <= 0xFDEF)
    return category not in {"Cc", "Cs", "Zl", "Zp"}
