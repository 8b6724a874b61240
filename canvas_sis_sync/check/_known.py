"""What the files read so far tell about the others: what one file contributes, and what is known of the set.

Files are read in Canvas's order of import, so that what a row mentions has mostly been read before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from canvas_sis_sync.check._ids import Ids, no_ids
from canvas_sis_sync.check._keys import Keys
from canvas_sis_sync.check._tally import Tally
from canvas_sis_sync.check.findings import CheckedFile

Link = tuple[int, int, int, bool]
"""A row, the hashes of its own id and of what it depends on (0 for nothing), and whether it deletes."""
MOST_LINES = 1 << 20


@dataclass(slots=True)
class SetKnowledge:
    """What is known of the set."""

    #: Families whose main files are in the set.
    families: frozenset[str]
    ids: defaultdict[str, Ids] = field(default_factory=no_ids)
    #: The course of each section by the last row about it, as hashes.
    course_of: dict[int, int] = field(default_factory=dict)
    #: The course in which a section is shown by the last row about that; 0 for its own.
    shown_in: dict[int, int] = field(default_factory=dict)
    #: Old ids by family that are changed before anything else.
    renamed: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def join(self, result: FileResult) -> None:
        """Learn what a file defines."""
        for family, ids in result.known.ids.items():
            self.ids[family].join(ids)
        self.course_of |= result.known.course_of
        self.shown_in |= result.known.shown_in
        for family, old in result.known.renamed.items():
            self.renamed[family] |= old - result.known.ids[family].active


@dataclass(slots=True)
class FileResult:
    """What came of one file."""

    file: CheckedFile
    tally: Tally
    #: The header as it is looked up: lower-case, not trimmed.
    header: tuple[str, ...] = ()
    #: Bytes that were read of it.
    bytes_read: int = 0
    refused: int = 0
    #: Refused rows that are exact duplicates of another one: newer versions of Canvas leave them out.
    repeated: int = 0
    #: Rows that have a value.
    judged: int = 0
    #: Hashes of the first refused lines.
    lines: set[int] = field(default_factory=set)
    #: What this file adds to what is known.
    known: SetKnowledge = field(default_factory=lambda: SetKnowledge(frozenset()))
    #: By what is compared: rows of one key, integration ids, logins.
    keys: dict[str, Keys] = field(default_factory=dict)
    #: Accounts with their parents, terms with their overrides, courses with their blueprints.
    links: list[Link] = field(default_factory=list)

    def refuse(self, lines: Iterable[int]) -> None:
        """Count refused rows by the hashes of their lines; of those beyond `MOST_LINES` none counts as repeated."""
        for line in lines:
            self.refused += 1
            if line in self.lines:
                self.repeated += 1
            elif len(self.lines) < MOST_LINES:
                self.lines.add(line)

    def join(self, later: FileResult) -> None:
        """Take over what came of the second half of the same file, which has the same header."""
        rows = self.file.rows or 0
        self.tally.join(later.tally, rows)
        if self.file.kind:
            self.file = replace(self.file, rows=rows + (later.file.rows or 0))
        self.bytes_read += later.bytes_read
        self.refused += later.refused
        self.repeated += later.repeated + len(self.lines & later.lines)
        self.lines |= later.lines
        self.judged += later.judged
        self.known.join(later)
        for name, keys in later.keys.items():
            if name in self.keys:
                self.keys[name].join(keys)
            else:
                self.keys[name] = keys
        self.links += [(row + rows, own, other, deletes) for row, own, other, deletes in later.links]
