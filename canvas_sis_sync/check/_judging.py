"""One block of rows under the rules of its kind, and what it adds to what is known.

As for Canvas the first failing check of a row counts (CSV 6). What a block adds are the ids that it defines, and the
keys by which its rows are held against others (CSV 8, 10; DIFF 4).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from canvas_sis_sync.check._ids import CLAIMS, DEFINES
from canvas_sis_sync.check._keys import ROWS, Keys
from canvas_sis_sync.check._references import look_up
from canvas_sis_sync.check._results import FileResult, SetKnowledge
from canvas_sis_sync.check._rows import Heading, Rows
from canvas_sis_sync.check._rule import Hit, Rule, Severity
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.check.registry import RULES, rules_of
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.reader import Block

Value = TypeVar("Value")

SKIPPED = RULES["any-skip-deletes"]
RENAMED = frozenset({"account", "term", "course", "section", "group", "group_category", "user"})
"""Families whose ids can be changed; the type of such a row is the family's name."""
OBJECT_KEYS = {
    "change_sis_id": ("type", "old_id", "old_integration_id"),
    "term": ("term_id", "date_override_enrollment_type"),
    "abstract_course": ("abstract_course_id",),
    "admin": ("user_id", "account_id", "role", "role_id"),
    "group_category": ("group_category_id",),
    "grade_publishing_results": ("enrollment_id",),
}
"""The columns that identify the objects of a kind, where these are not those of its diff key."""


@dataclass(frozen=True, slots=True)
class RuleOrder:
    """The row rules of a kind in the order in which they are asked."""

    #: What refuses a row before deleted ones are ignored on request.
    basic: tuple[Rule, ...]
    #: What refuses a row after that.
    later: tuple[Rule, ...]
    warnings: tuple[Rule, ...]


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
        empty = rows.empty()
        settled = set(empty)
        for rule in self._plan.basic:
            self._refuse(rule, rule.check.find(rows) if rule.check else (), rows, settled)
        skipped = self._skip(rows, settled)
        for rule in self._plan.later:
            self._refuse(rule, rule.check.find(rows) if rule.check else (), rows, settled)
        self._look_up(rows, settled)
        self._warn(rows, settled, empty)
        refused = settled - empty - skipped
        self._result.refuse(rows.line(place) for place in refused)
        self._result.judged += rows.size - len(empty)
        collect(rows, settled, refused | empty, self._result)

    def _refuse(self, rule: Rule, hits: Iterable[Hit], rows: Rows, settled: set[int]) -> None:
        """Record the hits in rows that nothing has been said of yet; of a row only the first."""
        for place, column in hits:
            if place not in settled:
                settled.add(place)
                self._record(rule, [(place, column)], rows)

    def _skip(self, rows: Rows, settled: set[int]) -> set[int]:
        """Set aside the rows that Canvas ignores because they delete (CSV 9)."""
        if not self._options.asked.skip_deletes:
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

    def _warn(self, rows: Rows, settled: set[int], empty: set[int]) -> None:
        for rule in self._plan.warnings:
            without = empty if rule.additional else settled
            hits = rule.check.find(rows) if rule.check else ()
            self._record(rule, [hit for hit in hits if hit[0] not in without] if without else hits, rows)

    def _record(self, rule: Rule, hits: Iterable[Hit], rows: Rows) -> None:
        if rule.id not in self._options.ignore:
            self._result.tally.add_hits(rule, hits, rows)


def key_columns(kind: Kind, options: CheckOptions) -> tuple[str, ...]:
    """Return the columns that identify the objects of a kind: when diffing those of the diff key (DIFF 4)."""
    undiffable = not kind.key or kind.name == "group_category"
    return kind.key if options.asked.data_set and not undiffable else OBJECT_KEYS.get(kind.name, kind.key)


def collect(rows: Rows, idle: set[int], refused: set[int], result: FileResult) -> None:
    """Take over what the rows of a block define and claim; `idle` rows have no effect, `refused` ones among them.

    A row that is ignored on request defines what it names: it is about an object that stays.
    """
    deleting = _deleting(rows)
    _collect_ids(rows, refused, deleting, result)
    _collect_keys(rows, idle, deleting, result)
    match rows.kind.name:
        case "change_sis_id":
            _collect_changes(rows, refused, result)
        case "section":
            pairs = zip(rows.hashes("section_id"), rows.hashes("course_id"), strict=True)
            result.known.course_of.update(_kept(pairs, refused | deleting))
        case "xlist":
            shown = enumerate(zip(rows.hashes("section_id"), rows.hashes("xlist_course_id"), strict=True))
            places = [(section, 0 if place in deleting else course) for place, (section, course) in shown]
            result.known.shown_in.update(_kept(places, refused))
        case "account":
            _collect_links(rows, idle, deleting, ("account_id", "parent_account_id"), result)
        case "term":
            _collect_links(rows, idle, deleting, ("term_id", "date_override_enrollment_type"), result)
        case "course" if rows.has("blueprint_course_id"):
            _collect_links(rows, idle, deleting, ("course_id", "blueprint_course_id"), result)


def _deleting(rows: Rows) -> set[int]:
    """Return the places of rows that delete what they are about."""
    if rows.options.asked.skip_deletes:
        return set()
    match rows.kind.name:
        case "user":
            words = {word for word in rows.distinct("status") if word.lower() == "deleted"}
        case "group" | "differentiation_tag":
            words = {"deleted"}
        case _:
            words = {word for word in rows.distinct("status") if word.lower().startswith("deleted")}
    return set(rows.places("status", words))


def _kept(values: Iterable[Value], without: Collection[int]) -> Iterable[Value]:
    return values if not without else [value for place, value in enumerate(values) if place not in without]


def _hashes(rows: Rows, columns: Sequence[str], *, any_case: bool = False) -> Iterable[int]:
    """Hash some columns of each row together."""
    values = [rows.column(name) for name in columns]
    if any_case:
        values[0] = list(map(str.lower, values[0]))
    return map(hash, zip(*values, strict=True))


def _collect_ids(rows: Rows, refused: set[int], deleting: set[int], result: FileResult) -> None:
    for family, column in DEFINES.get(rows.kind.name, ()):
        if rows.has(column):
            keys = rows.hashes(column)
            ids = result.known.ids[family]
            ids.active.update(_kept(keys, refused | deleting))
            ids.deleted.update(keys[place] for place in deleting - refused)


def _collect_keys(rows: Rows, idle: set[int], deleting: set[int], result: FileResult) -> None:
    columns = key_columns(rows.kind, rows.options)
    others = [name for name in rows.kind.columns if name not in columns]
    keys = _keys_of(ROWS, rows, result)
    keys.extend(_hashes(rows, columns), _hashes(rows, others), idle)
    marks = bytearray(rows.size)
    for place in deleting:
        marks[place] = 1
    keys.deletes += marks
    for claim in CLAIMS:
        if claim.kind == rows.kind.name and rows.has(claim.columns[0]):
            without = {*idle, *rows.blank(claim.columns[0]), *(() if claim.deleted_owns else deleting)}
            claimed = _hashes(rows, claim.columns, any_case=claim.any_case)
            keys = _keys_of(claim.name, rows, result)
            keys.extend(claimed, _hashes(rows, claim.owner), without)
            keys.deletes += marks


def _keys_of(name: str, rows: Rows, result: FileResult) -> Keys:
    found = result.keys.get(name)
    if found is None:
        found = result.keys[name] = Keys(result.file.name, rows.kind.name)
    return found


def _collect_changes(rows: Rows, refused: set[int], result: FileResult) -> None:
    """Note which ids are changed into which."""
    columns = ("type", "old_id", "new_id", "new_integration_id")
    for place, row in enumerate(zip(*map(rows.column, columns), strict=True)):
        kind, old, new, integration = row
        family = kind.lower()
        if family not in RENAMED or place in refused:
            continue
        if old and new and old != new:
            result.known.renamed[family].add(hash(old))
        result.known.ids[family].active.add(hash(new))
        if family == "user":
            result.known.ids["user_integration"].active.add(hash(integration))


def _collect_links(rows: Rows, idle: set[int], deleting: set[int], names: tuple[str, str], result: FileResult) -> None:
    own, other = map(rows.hashes, names)
    for place, (mine, theirs) in enumerate(zip(own, other, strict=True)):
        if place not in idle:
            result.links.append((rows.first_row + place, mine, theirs, place in deleting))
