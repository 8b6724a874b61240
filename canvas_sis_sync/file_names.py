"""Names of files that are not UTF-8, as text that UTF-8 can hold: each undecodable byte has a stand-in.

Python decodes such a byte to a lone surrogate, which neither SQLite nor JSON nor a zip takes. Here it is a character of
private use that no file system or font has a meaning for, so the name can be kept and the file still be found by it.
"""

from __future__ import annotations

import re

SURROGATES, STAND_INS = 0xD800, 0x10F800
STAND_IN = re.compile("[\U0010f800-\U0010ffff]")
"""What stands for a surrogate, and plain text has no use for."""
_UNUSUAL = re.compile("[\ud800-\udfff\U0010f800-\U0010ffff]")


def storable(name: str) -> str:
    """Return a name as the system lists it as text that can be stored; most names are already."""
    return name if name.isascii() else _UNUSUAL.sub(_stand_in, name)


def on_disk(name: str) -> str:
    """Return what the system calls the file with a name that `storable` returned."""
    return name if name.isascii() else STAND_IN.sub(_surrogate, name)


def _stand_in(found: re.Match[str]) -> str:
    character = found[0]
    if ord(character) < STAND_INS:
        return chr(ord(character) - SURROGATES + STAND_INS)
    # Such a character in a name is taken apart into its bytes, so that no two names have one text.
    return "".join(chr(0xDC00 + byte - SURROGATES + STAND_INS) for byte in character.encode())


def _surrogate(found: re.Match[str]) -> str:
    return chr(ord(found[0]) - STAND_INS + SURROGATES)
