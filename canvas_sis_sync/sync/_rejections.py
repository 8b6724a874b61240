"""What Canvas said about rejected rows: which messages the import before did not have, and all of them in groups. Pure.

A message is known by the kind of file that it is about and by its text, without its row number. Messages that differ in
ids and other values only are one group.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from canvas_sis_sync.canvas.records import ImportMessage
from canvas_sis_sync.delivery.files import Entry

MOST_GROUPS = 5
LONGEST_GROUP = 200
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
class Rejection:
    """A message, wherever its row is."""

    #: Kind of the file, "" when it is not recognised.
    kind: str
    #: One line.
    text: str


def counted(messages: Iterable[ImportMessage], entries: Sequence[Entry]) -> Counter[Rejection]:
    """Count the messages of an import; `entries` are the files of its zip."""
    kinds = {PurePosixPath(entry.name).name: entry.kind or "" for entry in entries}
    for name, kind in list(kinds.items()):  # what Canvas calls a file of which it removed repeated lines
        kinds.setdefault(f"{name[:-4]}_deduplicated.csv", kind)
    return Counter(
        Rejection(kinds.get(PurePosixPath(message.file or "").name, ""), " ".join(message.message.split()))
        for message in messages
    )


def in_words(messages: Mapping[Rejection, int]) -> str:
    """Name the largest groups of messages with their counts."""
    groups: Counter[Rejection] = Counter()
    for message, count in messages.items():
        groups[Rejection(message.kind, group_of(message.text))] += count
    largest = sorted(groups, key=lambda found: (-groups[found], found))
    named = [f"{_worded(found)} ({groups[found]:,})" for found in largest[:MOST_GROUPS]]
    more = len(largest) - MOST_GROUPS
    return "; ".join([*named, *([f"{more} more kinds of messages"] if more > 0 else [])])


def group_of(text: str) -> str:
    """Return a message without the values in it."""
    without = _VALUES.sub(ELLIPSIS, " ".join(text.split()))
    return without if len(without) <= LONGEST_GROUP else without[: LONGEST_GROUP - 1] + ELLIPSIS


def _worded(found: Rejection) -> str:
    return f"{found.kind}: '{found.text}'" if found.kind else f"'{found.text}'"
