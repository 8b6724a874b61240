"""Rows that Canvas rejected: its messages in groups, and which of them the import before did not have. Pure.

A message is known by its shape: the kind of file it is about, and its text without row numbers, ids and other values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from canvas_sis_sync.model import Entry, ImportMessage

MANY_MORE = 20
"""A known message is new again when its count has doubled, and grown by this many."""
MOST_GROUPS = 5
LONGEST_SHAPE = 200
ELLIPSIS = "…"
_VALUES = re.compile(
    r"""
    "[^"]*" | (?<!\w)'.*?'(?!\w)     # quoted
    | (?<=:\ )[^,;:()]*(?=[,;)])     # named, as in (Course ID: C1, User ID: U1)
    | [^\s,;:()]*\d[^\s,;:()]*       # with a digit, as ids have
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """What messages have in common."""

    #: Kind of the file, "" when it is not recognised.
    kind: str
    text: str


def groups(messages: Iterable[ImportMessage], entries: Sequence[Entry]) -> Counter[Shape]:
    """Count an import's messages by their shapes; `entries` are the files of its zip."""
    kinds = {PurePosixPath(entry.name).name: entry.kind or "" for entry in entries}
    return Counter(
        Shape(kinds.get(PurePosixPath(message.file or "").name, ""), shape(message.message)) for message in messages
    )


def shape(message: str) -> str:
    """Return a message as one line without the values in it."""
    text = _VALUES.sub(ELLIPSIS, " ".join(message.split()))
    return text if len(text) <= LONGEST_SHAPE else text[: LONGEST_SHAPE - 1] + ELLIPSIS


def new(now: Mapping[Shape, int], before: Mapping[Shape, int]) -> dict[Shape, int]:
    """Return the groups that were not there before, or have grown a lot since."""
    return {found: count for found, count in now.items() if _is_new(count, before.get(found, 0))}


def in_words(counted: Mapping[Shape, int], before: Mapping[Shape, int]) -> str:
    """Name the largest groups with their counts."""
    largest = sorted(counted, key=lambda found: (-counted[found], found))
    named = [f"{_worded(found)} ({_count(counted[found], before.get(found, 0))})" for found in largest[:MOST_GROUPS]]
    more = len(largest) - MOST_GROUPS
    return "; ".join([*named, *([f"{more} more kinds of messages"] if more > 0 else [])])


def _is_new(count: int, before: int) -> bool:
    return not before or (count >= 2 * before and count - before >= MANY_MORE)


def _worded(found: Shape) -> str:
    return f"{found.kind}: '{found.text}'" if found.kind else f"'{found.text}'"


def _count(count: int, before: int) -> str:
    return f"{count:,}, before {before:,}" if before else f"{count:,}"
