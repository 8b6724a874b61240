"""A case: everything that breakers judge, with the arithmetic they share.

Owns how many rows of a kind or of a group count as going, and which groups are gone as a whole. Leaves to others what
is too much, and the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.plan.breakers.limits import Limit
from canvas_sis_sync.plan.values import Changes, GroupChanges, KindChanges, Prediction
from canvas_sis_sync.sis_csv.kinds import BATCH_MODE_KINDS, OWNERS

FLOOR = 100
"""Rows that a kind or a group must have had for percentages to count, and to be gone as a whole."""

GroupName = tuple[str, str]
"""What the group is by, and its SIS id."""

Limits = Mapping[str, Limit]
"""Limits by kind; one without percentage and count switches the kind off, as does none at all."""


def gone_groups(changes: Changes) -> tuple[GroupName, ...]:
    """Name the groups that vanish as a whole: all their rows of all kinds, at least 100 that were not deleted before.

    A term that courses of the new delivery name has not vanished, whatever became of its rows: their ids changed.
    """
    found = (name for name, parts in _by_group(changes).items() if _is_gone(name, parts, changes.course_terms_now))
    return tuple(found)


def _is_gone(group: GroupName, parts: list[GroupChanges], terms_now: frozenset[str]) -> bool:
    by, name = group
    if by == "term" and name in terms_now:
        return False
    missing = sum(part.removed - part.ended for part in parts)
    return missing >= FLOOR and all(part.removed == part.rows_before for part in parts)


def _by_group(changes: Changes) -> dict[GroupName, list[GroupChanges]]:
    groups: dict[GroupName, list[GroupChanges]] = {}
    for part in changes.groups:
        groups.setdefault((part.by, part.name), []).append(part)
    return groups


@dataclass(frozen=True)
class Case:
    """A delivery against the last accepted one, what Canvas would do with it, what is allowed, and what else counts."""

    changes: Changes = field(default_factory=Changes)
    prediction: Prediction = field(default_factory=Prediction)
    limits: Limits = field(default_factory=dict)
    options: ImportOptions = field(default_factory=ImportOptions)
    #: An accepted delivery to compare with exists.
    has_before: bool = True
    #: Newest mtime among the files, seconds; None where it is not known.
    newest_before: float | None = None
    newest_now: float | None = None
    #: Rows per kind that check expects Canvas to refuse.
    refused: Mapping[str, int] = field(default_factory=dict)
    #: Rows of files of one kind that contradict each other.
    contradictions: int = 0
    #: Groups that somebody allowed to be missing from then on.
    remembered: frozenset[tuple[str, str]] = frozenset()
    #: Imports of the data set in a row, up to the last one, whose diff Canvas refused by a threshold.
    thresholds_in_a_row: int = 0
    #: Seconds since the epoch, for whether a term is over.
    now: float = 0.0

    @property
    def derives(self) -> bool:
        """Whether Canvas would remove what is missing by comparing; batch mode excludes it (DIFF)."""
        return bool(self.options.data_set) and not self.options.batch_mode and not self.options.remaster

    @cached_property
    def gone(self) -> dict[GroupName, list[GroupChanges]]:
        """The groups that vanish as a whole, with all their kinds."""
        groups = _by_group(self.changes)
        return {name: groups[name] for name in gone_groups(self.changes)}

    @property
    def newly_gone(self) -> tuple[GroupName, ...]:
        """The groups that vanish as a whole from Canvas too and that nobody allowed to, the largest first."""
        lost = {name: sum(map(self.group_missing, parts)) for name, parts in self.gone.items()}
        concerned = [name for name, rows in lost.items() if rows and name not in self.remembered]
        return tuple(sorted(concerned, key=lambda name: -lost[name]))

    def limit(self, kind: str) -> Limit | None:
        """Give the limit of a kind, None when its breaker is off."""
        limit = self.limits.get(kind)
        return None if limit is None or (limit.percent is None and limit.count is None) else limit

    @cached_property
    def watched(self) -> tuple[tuple[KindChanges, Limit], ...]:
        """The kinds whose breakers are on, with their limits."""
        return tuple((each, limit) for each in self.changes.kinds if (limit := self.limit(each.kind)))

    @cached_property
    def missing(self) -> dict[str, int]:
        """Rows by kind that Canvas would remove because they are not in the delivery."""
        return {each.kind: self._missing(each) for each in self.changes.kinds}

    def _missing(self, changes: KindChanges) -> int:
        effect = self.prediction.of(changes.kind)
        predicted = effect.removed if effect else 0
        if self.options.batch_mode:
            return predicted if changes.kind in BATCH_MODE_KINDS else 0
        if not self.derives:
            return 0
        # Rows that are written as deleted are skipped then, and only the prediction knows which are (DIFF 6). Of files
        # that cannot be compared none is removed (DIFF 3, 4): `columns` is about those.
        if self.options.skip_deletes or (effect and effect.uncompared):
            return predicted
        return max(changes.removed - changes.ended, predicted)

    @cached_property
    def turned(self) -> dict[str, dict[str, int]]:
        """Rows by kind whose status ends them from now on, by that word, without those that Canvas is to skip."""
        return {each.kind: self._taken(each.turned) for each in self.changes.kinds}

    @cached_property
    def added_ending(self) -> dict[str, dict[str, int]]:
        """New rows by kind whose status ends something, by that word, without those that Canvas is to skip."""
        return {each.kind: self._taken(each.added_ending) for each in self.changes.kinds}

    def _taken(self, by_word: Mapping[str, int]) -> dict[str, int]:
        skipped = "deleted" if self.options.skip_deletes else ""
        return {word: rows for word, rows in by_word.items() if rows and word != skipped}

    def rejected(self, kind: str) -> int:
        """Give the rows that Canvas rejects although only they keep batch mode from deleting (DIFF 9)."""
        concerned = self.options.batch_mode and kind in BATCH_MODE_KINDS
        return self.refused.get(kind, 0) if concerned else 0

    def dependent(self, changes: KindChanges) -> int:
        """Return the rows of a kind that stay but are deleted with the objects that they belong to."""
        owners = OWNERS.get(changes.kind, ())
        if not any(self.missing.get(owner) or self.turned.get(owner, {}).get("deleted") for owner in owners):
            return 0
        known = self.changes.dependants.get(changes.kind) or 0
        return max(known - (changes.removed - changes.ended) - sum(changes.turned.values()), 0)

    def group_missing(self, part: GroupChanges) -> int:
        """Give the rows of a group and kind that Canvas would remove because they are not in the delivery."""
        rows = part.removed - part.ended
        if self.options.batch_mode and self.prediction.scope is not None:
            rows = sum(part.removed_by_term.get(term, 0) for term in self.prediction.scope)
        return min(rows, self.missing.get(part.kind, 0))

    def group_turned(self, part: GroupChanges) -> int:
        """Give the rows of a group and kind whose status ends them from now on.

        A group does not say which word: where Canvas is to skip deleted rows this is the most it can be.
        """
        found = (self.turned.get(part.kind, {}), self.added_ending.get(part.kind, {}))
        return min(part.turned, sum(sum(by_word.values()) for by_word in found))

    def group_loss(self, part: GroupChanges) -> int:
        """Give the rows of a group and kind that go."""
        return self.group_missing(part) + self.group_turned(part)

    def going_missing(self, kind: str) -> int:
        """Give the missing rows of a kind without those of groups that are gone as a whole."""
        aside = sum(self.group_missing(part) for parts in self.gone.values() for part in parts if part.kind == kind)
        return max(self.missing[kind] - aside, 0)

    def loss(self, changes: KindChanges) -> int:
        """Give the rows of a kind that go, without the missing ones of groups that are gone as a whole."""
        kind = changes.kind
        ending = sum(self.turned[kind].values()) + sum(self.added_ending[kind].values())
        return self.going_missing(kind) + ending + self.rejected(kind) + self.dependent(changes)
