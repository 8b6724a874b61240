"""What was found so far: counts of all places, and the first places of each rule. Partial tallies can be joined."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.check._rule import Hit, Rule
from canvas_sis_sync.check.findings import Finding
from canvas_sis_sync.check.options import MOST_PLACES, CheckOptions
from canvas_sis_sync.check.registry import RULES

Place = tuple[int | None, str, str]
"""A row (None for the whole file), a column ("" for none) and what is shown of its value."""


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

    def say(self, rule_id: str, message: str) -> None:
        """Say more exactly what a rule found."""
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
