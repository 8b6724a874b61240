"""Files that are likely to tell two CSV dialects apart, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

LINE_ENDS = ["\n", "\r\n", "\r"]
SPACES = [
    " ",
    "\t",
    "\0",
    "\v",
    "\f",
    "\u00a0",
    "\u3000",
    "\u2003",
    "\u2028",
    "\x85",
    "\u1680",
    "\x1c",
    "\u200b",
    "\u180e",
]
WORDS = ["", "", "a", "U1", "007", "Zoë", "日本", "🎓", "\ufeff", "two words", "x;y", "\u00a0", "2026-08-20"]
SPECIAL = ['"', '"', '""', ",", "\n", "\r", "\r\n", " ", "\0", "a", "\ufeff", "\u00a0", "é"]
BAD_BYTES = [b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82", b"\xf4\x90\x80\x80", b"\xc3", b"\x80"]
MARK = b"\xef\xbb\xbf"
LONG = [1023, 1024, 8191, 8192, 32767, 32768, 65535, 65536, 70000]
"""Sizes at which Ruby's reader, or ours, goes on to the next block."""


def cases(seed: int, count: int) -> Iterator[bytes]:
    """Make so many files; the same for the same seed."""
    chance = random.Random(seed)
    for _ in range(count):
        yield _case(chance)


def _case(chance: random.Random) -> bytes:
    line_end = chance.choice(LINE_ENDS)
    text = _soup(chance) if chance.random() < 0.2 else _table(chance, line_end)
    if chance.random() < 0.05:
        text = _long(chance, text, line_end)
    if chance.random() < 0.3:
        text = _damaged(chance, text)
    data = text.encode()
    if chance.random() < 0.08:
        cut = chance.randint(0, len(data))
        data = data[:cut] + chance.choice(BAD_BYTES) + data[cut:]
    return MARK * chance.choice([0, 0, 0, 0, 1, 1, 2]) + data


def _soup(chance: random.Random) -> str:
    return "".join(chance.choices(SPECIAL, k=chance.randint(0, 12)))


def _table(chance: random.Random, line_end: str) -> str:
    width = chance.randint(1, 4)
    quoting = chance.choice([0.0, 0.1, 0.5, 1.0])
    ragged = chance.random() < 0.4
    blank = chance.choice([0.0, 0.0, 0.2])
    records = []
    for _ in range(chance.randint(0, 8)):
        cells = chance.randint(1, width + 2) if ragged else width
        record = ",".join(_cell(chance, quoting) for _ in range(cells))
        records.append("" if chance.random() < blank else record)
    return line_end.join(records) + chance.choice(["", line_end, line_end, line_end * 2])


def _cell(chance: random.Random, quoting: float) -> str:
    text = chance.choice(WORDS)
    if chance.random() < 0.15:
        text = chance.choice(SPACES) + text
    if chance.random() < 0.15:
        text += chance.choice(SPACES)
    if chance.random() >= quoting:
        return text
    if chance.random() < 0.3:
        text += chance.choice(['"', '""', ",", "\n", "\r\n", "\r", "\n\n", 'a"b'])
    return '"' + text.replace('"', '""') + '"'


def _long(chance: random.Random, text: str, line_end: str) -> str:
    """Make the file so long that something of it lies across the border of a block."""
    size = chance.choice(LONG) - chance.randint(0, 8)
    wide = "é" * 50
    row = chance.choice(
        [f"x,{wide}{line_end}", f'"x","{wide}"{line_end}', f'"{wide},{line_end}""",b{line_end}', "z", "é,"]
    )
    filler = row * (size // len(row.encode()))
    return chance.choice([filler + text, text + filler, text + filler + text])


def _damaged(chance: random.Random, text: str) -> str:
    """Put one or two characters where they do not belong, or take some out."""
    for _ in range(chance.randint(1, 2)):
        cut = chance.randint(0, len(text))
        text = text[:cut] + chance.choice([*SPECIAL, ""]) + text[cut + chance.randint(0, 1) :]
    return text
