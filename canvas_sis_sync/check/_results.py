"""What was found so far: the tally of one file, all that came of it, and what the files read so far define.

Files are read in Canvas's order of import, so that what a row mentions has mostly been read before it. What came of
parts of a file can be joined.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from canvas_sis_sync.check._ids import Ids
from canvas_sis_sync.check._keys import Keys
from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.check._rule import Hit, Rule
from canvas_sis_sync.check.findings import CheckedFile, Finding
from canvas_sis_sync.check.options import MOST_PLACES, CheckOptions
from canvas_sis_sync.check.registry import RULES

Place = tuple[int | None, str, str]
"""A row (None for the whole file), a column ("" for none) and what is shown of its value."""
Link = tuple[int, int, int, bool]
"""A row, the hashes of its own id and of what it depends on (0 for nothing), and whether it deletes."""
MOST_LINES = 1 << 20


class Tally:
    """Findings of one file, or of the set where the name is None."""

    def __init__(self, name: str | None, most_places: int = MOST_PLACES) -> None:
        self.name = name
        self._most_places = most_places
        self.counts: Counter[str] = Counter()
        self._places: defaultdict[str, list[Place]] = defaultdict(list)
        self._messages: dict[str, str] = {}
        #: Columns of the kind that the file does not have, with the one that is probably meant ("" for none).
        self.absent: dict[str, str] = {}

    def add(self, rule_id: str, row: int | None = None, column: str = "", value: str = "") -> None:
        """Count a finding and keep its place while there is room."""
        self.counts[rule_id] += 1
        if len(self._places[rule_id]) < self._most_places:
            self._places[rule_id].append((row, column, value))

    def add_hits(self, rule: Rule, hits: Iterable[Hit], rows: Rows) -> None:
        """Count findings in a block."""
        for place, column in hits:
            value = rule.shows(rows.column(column)[place]) if rule.shows else ""
            self.add(rule.id, rows.first_row + place, column, value)

    def once(self, rule_id: str, column: str = "") -> None:
        """Add a finding about the whole file, unless it is there already."""
        if (None, column, "") not in self._places[rule_id]:
            self.add(rule_id, None, column)

    def join(self, later: Tally, row_shift: int = 0) -> None:
        """Take over what was found in a later part of the same file, whose rows are numbered from its own start."""
        for rule_id, places in later._places.items():
            known = self._places[rule_id]
            repeated = [place for place in places if place[0] is None and place in known]
            kept = [place for place in places if place not in repeated][: self._most_places - len(known)]
            known += [(row and row + row_shift, column, value) for row, column, value in kept]
            self.counts[rule_id] += later.counts[rule_id] - len(repeated)
        self._messages |= later._messages

    def make_one(self, rule_id: str) -> None:
        """Replace the places of a rule by one finding about the whole file."""
        column = self._places[rule_id][0][1]
        del self.counts[rule_id], self._places[rule_id]
        self.add(rule_id, None, column)

    def describe(self, rule_id: str, message: str) -> None:
        """Take a more exact message for what a rule found."""
        self._messages[rule_id] = message

    def forget(self, rule_ids: Iterable[str]) -> None:
        """Drop what some rules found."""
        for rule_id in rule_ids:
            self.counts.pop(rule_id, None)
            self._places.pop(rule_id, None)

    def findings(self, options: CheckOptions) -> Iterator[Finding]:
        """Word what was found, the whole file first and then by row."""
        found = [(place[0] or 0, rule_id, place) for rule_id, places in self._places.items() for place in places]
        for _, rule_id, (row, column, value) in sorted(found, key=lambda each: each[:2]):
            rule = RULES[rule_id]
            message = self._messages.get(rule_id) or rule.message(column, value) + self._if_absent(row, column)
            yield Finding(rule_id, rule.severity_for(options), self.name, row, column or None, message)

    def _if_absent(self, row: int | None, column: str) -> str:
        """Add that the file does not have the column of a finding, and which one may be meant."""
        near = self.absent.get(column)
        if near:
            return f" The file has no such column; its column {near} is unknown to Canvas."
        return "" if near is None or row is None else " The file has no such column."


@dataclass(slots=True)
class SetKnowledge:
    """What is known of the set."""

    #: Families whose main files are in the set.
    families: frozenset[str]
    ids: defaultdict[str, Ids] = field(default_factory=lambda: defaultdict(Ids))
    #: The course of each section by the last row about it, as hashes.
    course_of: dict[int, int] = field(default_factory=dict)
    #: The course in which a section is shown by the last row about that; 0 for its own.
    shown_in: dict[int, int] = field(default_factory=dict)
    #: Old ids by family that are changed before anything else.
    renamed: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))

    def join(self, result: FileResult) -> None:
        """Take over what a file defines, which its result then no longer holds."""
        for family, ids in result.known.ids.items():
            self.ids[family].join(ids)
        self.course_of |= result.known.course_of
        self.shown_in |= result.known.shown_in
        for family, old in result.known.renamed.items():
            self.renamed[family] |= old - result.known.ids[family].active
        result.known = SetKnowledge(frozenset())


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
