"""One block of rows under the rules of its kind; as for Canvas the first failing check of a row counts (CSV 6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from canvas_sis_sync.check._collecting import collect
from canvas_sis_sync.check._known import FileResult, SetKnowledge
from canvas_sis_sync.check._references import look_up
from canvas_sis_sync.check._rows import Heading, Rows
from canvas_sis_sync.check._rule import Hit, Rule, Severity
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.check.registry import RULES, rules_of
from canvas_sis_sync.sis_csv.reader import Block

SKIPPED = RULES["any-skip-deletes"]


@dataclass(frozen=True, slots=True)
class RuleOrder:
    """The row rules of a kind in the order in which they are asked."""

    #: What refuses a row before deleted ones are ignored on request.
    basic: tuple[Rule, ...]
    #: What refuses a row after that.
    later: tuple[Rule, ...]
    warnings: tuple[Rule, ...]


@lru_cache(maxsize=256)
def plan_for(kind: str, options: CheckOptions) -> RuleOrder:
    """Sort the rules of a kind."""
    rules = [rule for rule in rules_of(kind) if rule.check]
    refusing = [rule for rule in rules if rule.severity_for(options) is not Severity.WARNING]
    return RuleOrder(
        basic=tuple(rule for rule in refusing if rule.basic),
        later=tuple(rule for rule in refusing if not rule.basic),
        warnings=tuple(rule for rule in rules if rule not in refusing),
    )


class Judge:
    """Judges the blocks of one file, in order, into a result."""

    def __init__(self, kind: str, options: CheckOptions, known: SetKnowledge, result: FileResult) -> None:
        self._options = options
        self._plan = plan_for(kind, options)
        self._known = known
        self._result = result

    def judge(self, heading: Heading, block: Block, *, may_hold_nul: bool, may_hold_marks: bool) -> None:
        """Ask all rules of a block, and take over what it defines."""
        rows = Rows(heading, block, self._options, may_hold_nul=may_hold_nul, may_hold_marks=may_hold_marks)
        void = rows.void()
        settled = set(void)
        for rule in self._plan.basic:
            self._refuse(rule, rule.check(rows) if rule.check else (), rows, settled)
        skipped = self._skip(rows, settled)
        for rule in self._plan.later:
            self._refuse(rule, rule.check(rows) if rule.check else (), rows, settled)
        self._look_up(rows, settled)
        self._warn(rows, settled, void)
        refused = settled - void - skipped
        self._result.refuse(rows.line(place) for place in refused)
        self._result.judged += rows.size - len(void)
        collect(rows, settled, refused | void, self._result)

    def _refuse(self, rule: Rule, hits: Iterable[Hit], rows: Rows, settled: set[int]) -> None:
        """Record the hits in rows that nothing has been said of yet; of a row only the first."""
        for place, column in hits:
            if place not in settled:
                settled.add(place)
                self._record(rule, [(place, column)], rows)

    def _skip(self, rows: Rows, settled: set[int]) -> set[int]:
        """Set aside the rows that Canvas ignores because they delete (CSV 9)."""
        if not self._options.skip_deletes:
            return set()
        words = {word for word in rows.distinct("status") if "deleted" in word.lower()}
        skipped = set(rows.places("status", words)) - settled
        self._record(SKIPPED, [(place, "status") for place in sorted(skipped)], rows)
        settled |= skipped
        return skipped

    def _look_up(self, rows: Rows, settled: set[int]) -> None:
        mentions = look_up(rows, self._known)
        for rule_id, hits in mentions.hits:
            rule = RULES[rule_id]
            if rule.severity_for(self._options) is Severity.ERROR:
                self._refuse(rule, hits, rows, settled)
            else:
                self._record(rule, [hit for hit in hits if hit[0] not in settled], rows)
        for rule_id, column in mentions.once:
            if rule_id not in self._options.ignore:
                self._result.tally.once(rule_id, column)

    def _warn(self, rows: Rows, settled: set[int], void: set[int]) -> None:
        for rule in self._plan.warnings:
            without = void if rule.additional else settled
            hits = rule.check(rows) if rule.check else ()
            self._record(rule, [hit for hit in hits if hit[0] not in without] if without else hits, rows)

    def _record(self, rule: Rule, hits: Iterable[Hit], rows: Rows) -> None:
        if rule.id not in self._options.ignore:
            self._result.tally.add_hits(rule, hits, rows)
