"""What the files read so far tell about the others: what one file contributes, and what is known of the set.

Files are read in Canvas's order of import, so that what a row mentions has mostly been read before it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace

from canvas_sis_sync.preflight.findings import CheckedFile
from canvas_sis_sync.preflight.ids import Ids, no_ids
from canvas_sis_sync.preflight.keys import Keys
from canvas_sis_sync.preflight.tally import Tally

Link = tuple[int, int, int]
"""A row, the hash of its own id and the hash of what it depends on (0 for nothing)."""


@dataclass(slots=True)
class Known:
    """What is known of the set."""

    #: Families whose main files are in the set.
    families: frozenset[str]
    ids: defaultdict[str, Ids] = field(default_factory=no_ids)
    #: Hashes of (section id, course id), one for each section.
    sections_of_courses: set[int] = field(default_factory=set)
    cross_listed: set[int] = field(default_factory=set)
    #: Old ids by family that are changed before anything else.
    renamed: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def join(self, result: Result) -> None:
        """Learn what a file defines."""
        for family, ids in result.known.ids.items():
            self.ids[family].join(ids)
        self.sections_of_courses |= result.known.sections_of_courses
        self.cross_listed |= result.known.cross_listed
        for family, old in result.known.renamed.items():
            self.renamed[family] |= old - result.known.ids[family].active


@dataclass(slots=True)
class Result:
    """What came of one file."""

    file: CheckedFile
    tally: Tally
    #: The header as it is looked up: lower-case, not trimmed.
    header: tuple[str, ...] = ()
    #: Bytes that were read of it.
    bytes_read: int = 0
    refused: int = 0
    #: Rows that have a value.
    judged: int = 0
    #: What this file adds to what is known.
    known: Known = field(default_factory=lambda: Known(frozenset()))
    #: By what is compared: rows of one key, integration ids, logins.
    keys: dict[str, Keys] = field(default_factory=dict)
    #: Accounts with their parents, terms with their overrides, courses with their blueprints.
    links: list[Link] = field(default_factory=list)

    def join(self, later: Result) -> None:
        """Take over what came of the second half of the same file, which has the same header."""
        rows = self.file.rows or 0
        self.tally.join(later.tally, rows)
        if self.file.kind:
            self.file = replace(self.file, rows=rows + (later.file.rows or 0))
        self.bytes_read += later.bytes_read
        self.refused += later.refused
        self.judged += later.judged
        self.known.join(later)
        for name, keys in later.keys.items():
            if name in self.keys:
                self.keys[name].join(keys)
            else:
                self.keys[name] = keys
        self.links += [(row + rows, own, other) for row, own, other in later.links]
