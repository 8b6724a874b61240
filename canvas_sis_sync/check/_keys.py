"""Which rows are about the same thing: keys and contents of rows as 8-byte hashes, and the search for clashes.

Owns the arrays, which are all that grows with the rows of a file, and a search in flat memory. Hashes are Python's own:
they hold within one process and those forked from it, and no longer.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, compress

KEYS_AT_ONCE = 1 << 20
ROWS = "rows"
"""What rows of one object are compared as."""
NO_KEY = 0
"""The hash of a blank, and what stands for a row that takes no part."""


@dataclass(slots=True)
class Keys:
    """What identifies each row of a file, in the order of rows; the first is row 2."""

    file: str = ""
    kind: str = ""
    keys: array[int] = field(default_factory=lambda: array("q"))
    #: What a row with the same key must have in common not to clash.
    contents: array[int] = field(default_factory=lambda: array("q"))
    #: 1 for each row that deletes.
    deletes: bytearray = field(default_factory=bytearray)

    def extend(self, keys: Iterable[int], contents: Iterable[int], idle: Iterable[int]) -> None:
        """Take the rows of a block, without those at the places `idle`."""
        start = len(self.keys)
        self.keys += array("q", list(keys))
        self.contents += array("q", list(contents))
        for place in idle:
            self.keys[start + place] = NO_KEY

    def join(self, later: Keys) -> None:
        """Take over a later part of the same file."""
        self.keys += later.keys
        self.contents += later.contents
        self.deletes += later.deletes


@dataclass(frozen=True, slots=True)
class Clash:
    """A row whose key an earlier row has with other contents."""

    keys: Keys
    #: Counted from 0 within its file.
    place: int
    earlier: Keys
    earlier_place: int

    @property
    def row(self) -> int:
        """The later row as Canvas counts it."""
        return self.place + 2

    @property
    def deletes(self) -> bool:
        """Return whether the later row deletes."""
        return bool(self.keys.deletes[self.place])

    @property
    def one_deletes(self) -> bool:
        """Return whether exactly one of the two rows deletes."""
        return self.keys.deletes[self.place] != self.earlier.deletes[self.earlier_place]


def clashes(parts: Sequence[Keys], keys_at_once: int = KEYS_AT_ONCE) -> Iterator[Clash]:
    """Find the rows that clash with the first row of the same key, by file and row within each share of the keys.

    The keys are looked at in shares by one byte of the hash, so that memory does not grow with their number.
    """
    shares = min(sum(len(part.keys) for part in parts) // keys_at_once + 1, 256)
    for share in range(shares):
        chosen = list(filter(None, chain.from_iterable(_share(part.keys, share, shares) for part in parts)))
        if len(set(chosen)) < len(chosen):
            doubled = {key for key, count in Counter(chosen).items() if count > 1}
            del chosen
            yield from _clashes_of(doubled, parts)


def _share(keys: array[int], share: int, shares: int) -> Iterable[int]:
    """Return the keys of one share: those with a byte that leaves a certain remainder."""
    if shares == 1:
        return keys
    chosen = bytes(byte % shares == share for byte in range(256))
    return compress(keys, bytes(memoryview(keys).cast("B")[:: keys.itemsize]).translate(chosen))


def _clashes_of(doubled: set[int], parts: Sequence[Keys]) -> Iterator[Clash]:
    first: dict[int, tuple[Keys, int]] = {}
    for part in parts:
        for place, key in enumerate(part.keys):
            if key in doubled:
                earlier, earlier_place = first.setdefault(key, (part, place))
                if part.contents[place] != earlier.contents[earlier_place]:
                    yield Clash(part, place, earlier, earlier_place)
