"""Makers of rules that many kinds have: their sentence, why and repair are written once.

The modules beside it own which kind has which of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain

from canvas_sis_sync.check import _checks, _marks
from canvas_sis_sync.check._ids import CLAIMS, REFERENCES
from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.check._rule import Check, Rule, Severity
from canvas_sis_sync.sis_csv.dates import DateVerdict
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS

REFUSED = "Canvas refuses the row and leaves the object as it is."
DATABASE = "Canvas does not check it, its database refuses it: the whole import fails."
LONGEST = 255
DATES = ("start_date", "end_date")
WORDS = {
    "abstract_course": "abstract course",
    "group_category": "group category",
    "institutional_tag": "institutional tag",
    "tag_category": "tag category",
    "tag_set": "tag set",
    "user_integration": "user",
}
"""What to call ids whose family has a name that is no word."""
Places = Callable[[Rows], Iterable[int]]
OfKind = Callable[[Kind], Iterable[Rule]]
"""Makes rules from what the columns of a kind say."""


def rules_for(kind: str, *made: Rule | OfKind) -> tuple[Rule, ...]:
    """Make rules those of a kind."""
    rules = chain.from_iterable((each,) if isinstance(each, Rule) else each(KINDS[kind]) for each in made)
    return tuple(replace(rule, kinds=(kind,)) for rule in rules)


def required(*ids: str) -> OfKind:
    """Make the rules that the columns which Canvas requires are filled, in their order.

    Where there are fewer ids than columns, the last columns are those whose words `must_be_word` asks for.
    """

    def make(kind: Kind) -> Iterator[Rule]:
        names = [column.name for column in kind.columns.values() if column.required]
        if any(not kind.columns[name].allowed for name in names[len(ids) :]):
            raise ValueError(f"a required column of {kind.name} has no rule")
        return (must_fill(rule, name) for rule, name in zip(ids, names, strict=False))

    return make


def must_fill(rule: str, *columns: str, basic: bool = True, among: Places | None = None) -> Rule:
    """Make the rule that a column, or one of several, is filled, in all rows or among some."""
    if len(columns) == 1:
        sentence, repair = "{column} is blank.", f"Fill {columns[0]} in the export."
    else:
        named = ", ".join(columns[:-1]) + f" and {columns[-1]}"
        sentence, repair = f"{named} are all blank.", f"Fill at least one of {named}."
    check = _among(_checks.blank(*columns), among)
    return Rule(rule, sentence, REFUSED, repair, check, Severity.ERROR, basic=basic)


def must_be_word(rule: str, column: str = "status") -> OfKind:
    """Make the rule that a column holds, or begins with, one of its words; it may be blank unless it is required."""

    def make(kind: Kind) -> Iterable[Rule]:
        found = kind.columns[column]
        words = ", ".join(found.allowed)
        yield Rule(
            rule,
            f"{{column}} is none of: {words}.",
            REFUSED,
            f"Write one of {words}, in exactly this form.",
            check=_checks.not_allowed(column, may_be_blank=not found.required),
            severity=Severity.ERROR,
            basic=found.required,
        )

    return make


def not_longer(rule: str, *columns: str, severity: Severity = Severity.ERROR, among: Places | None = None) -> Rule:
    """Make the rule that columns have at most 255 characters, in all rows or among some."""
    why = DATABASE if severity is Severity.FATAL else REFUSED
    check = _among(_checks.longer(LONGEST, *columns), among)
    return Rule(rule, f"{{column}} is longer than {LONGEST} characters.", why, "Shorten it.", check, severity)


def dates_in_order(rule: str) -> Rule:
    """Make the rule that end_date is not before start_date."""
    sentence = "{column} is before start_date."
    return Rule(rule, sentence, REFUSED, "Correct the dates.", _checks.dates_reversed, Severity.ERROR)


def dates_possible(rule: str) -> Rule:
    """Make the rule that start_date and end_date are possible dates."""
    return Rule(
        rule,
        "{column}{value} looks like a date and is none.",
        "Canvas leaves a message and applies the row with the date empty (after a bad start_date mostly both).",
        "Write dates as 2026-08-31 or 2026-08-31T00:00:00Z.",
        check=_checks.bad_date(DateVerdict.BAD, *DATES),
        additional=True,
        shows=_marks.shown_date,
    )


def one_context(rule: str) -> Rule:
    """Make the rule that account_id and course_id exclude each other."""
    sentence = "account_id and course_id are both filled."
    check = _checks.all_filled("account_id", "course_id")
    return Rule(rule, sentence, REFUSED, "Leave account_id or course_id blank.", check, Severity.ERROR)


def cleared(rule: str, *columns: str, among: Places | None = None) -> Rule:
    """Make the rule that blank cells, or those among some rows, or a missing column erase what Canvas has stored."""
    return Rule(
        rule,
        "{column} is blank or missing, which erases the stored value.",
        "Canvas takes a blank cell and a missing column for an order to clear the value, without a message.",
        "Export the column with its values; ignore the rule when nothing is stored there.",
        check=_among(_checks.blank_cell(*columns), among),
        heading_check=_checks.missing(*columns),
        once_if_everywhere=True,
    )


def not_diffable(rule: str, what: str, why: str, repair: str, severity: Severity = Severity.WARNING) -> Rule:
    """Make the rule that rows of a kind do not belong into a data set that is diffed."""
    sentence = f"{what} are part of a diffed data set."
    return Rule(rule, sentence, why, repair, severity=severity, heading_check=_checks.is_diffed)


def not_repeatable(rule: str, why: str, repair: str) -> Rule:
    """Make the rule that the rows of a kind cannot be sent twice."""
    sentence = "Sent a second time, these rows are refused."
    return Rule(rule, sentence, why, repair, heading_check=_checks.every_file)


def unknown(rule: str, what: str = "", *, why: str = REFUSED) -> OfKind:
    """Make the rule that the ids which `REFERENCES` names by it are defined in the set; `what` words them otherwise."""

    def make(kind: Kind) -> Iterable[Rule]:
        found = [each for each in REFERENCES[kind.name] if each.rule == rule]
        named = ("active " if found[0].active_only else "") + WORDS.get(found[0].family, found[0].family)
        columns = tuple(each.column for each in found)
        yield undefined(rule, what or named, *columns, why=why)

    return make


def undefined(rule: str, what: str, *columns: str, why: str = REFUSED) -> Rule:
    """Make the rule that an id is defined in the set."""
    return Rule(
        rule,
        f"{{column}} names no {what} that this delivery defines; Canvas has to know it already.",
        f"If Canvas does not know it either: {why}",
        f"Export the {what} too, or correct the id.",
        error_if_complete=why == REFUSED,
        columns=columns,
    )


def claimed_twice(rule: str, what: str = "an integration id", *, why: str = REFUSED) -> Rule:
    """Make the rule that what `CLAIMS` names by it belongs to one object only."""
    return Rule(
        rule,
        f"{{column}} holds {what} that an earlier row gives to another object.",
        f"It can belong to one only: {why}",
        "Correct one of the rows.",
        columns=next(claim.columns[:1] for claim in CLAIMS if claim.rule == rule),
    )


def _among(check: Check, among: Places | None) -> Check:
    return _checks.among(check, among) if among else check
