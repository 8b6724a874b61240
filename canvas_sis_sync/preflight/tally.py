"""What was found so far: counts of all places, and the first places of each rule. Partial tallies can be joined."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from canvas_sis_sync.preflight.context import MOST_PLACES, Aim
from canvas_sis_sync.preflight.findings import Finding
from canvas_sis_sync.preflight.rule import Hit, Rule
from canvas_sis_sync.preflight.rules import RULES

Place = tuple[int | None, str]
"""A row (None for the whole file) and a column ("" for none)."""


class Tally:
    """Findings of one file, or of the set where the name is None."""

    def __init__(self, name: str | None, most_places: int = MOST_PLACES) -> None:
        self.name = name
        self._most_places = most_places
        self.counts: Counter[str] = Counter()
        self._places: defaultdict[str, list[Place]] = defaultdict(list)
        self._messages: dict[str, str] = {}

    def add(self, rule_id: str, row: int | None = None, column: str = "") -> None:
        """Count a finding and keep its place while there is room."""
        self.counts[rule_id] += 1
        if len(self._places[rule_id]) < self._most_places:
            self._places[rule_id].append((row, column))

    def add_hits(self, rule: Rule, hits: Iterable[Hit], first_row: int) -> None:
        """Count findings in a block that begins with a row."""
        for place, column in hits:
            self.add(rule.id, first_row + place, column)

    def once(self, rule_id: str, column: str = "") -> None:
        """Add a finding about the whole file, unless it is there already."""
        if (None, column) not in self._places[rule_id]:
            self.add(rule_id, None, column)

    def join(self, later: Tally, row_shift: int = 0) -> None:
        """Take over what was found in a later part of the same file, whose rows are numbered from its own start."""
        for rule_id, places in later._places.items():
            known = self._places[rule_id]
            repeated = [place for place in places if place[0] is None and place in known]
            shifted = ((row and row + row_shift, column) for row, column in places if (row, column) not in repeated)
            known += list(shifted)[: self._most_places - len(known)]
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

    def findings(self, aim: Aim) -> Iterator[Finding]:
        """Word what was found, the whole file first and then by row."""
        found = [(row or 0, rule_id, row, column) for rule_id, places in self._places.items() for row, column in places]
        for _, rule_id, row, column in sorted(found, key=lambda each: each[:2]):
            rule = RULES[rule_id]
            message = self._messages.get(rule_id) or rule.message(column)
            yield Finding(rule_id, rule.severity_for(aim), self.name, row, column or None, message)
