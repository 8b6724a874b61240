"""Makers of rules that many kinds have: words, why and repair of each family are written once.

Owns the words of families; the modules beside it own which kind has which.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from canvas_sis_sync.check import _checks, _marks
from canvas_sis_sync.check._rule import Check, HeadingCheck, Rule, Severity
from canvas_sis_sync.sis_csv.dates import Verdict

REFUSED = "Canvas refuses the row and leaves the object as it is."
DATABASE = "Canvas does not check it, its database refuses it: the whole import fails."
LONGEST = 255
DATES = ("start_date", "end_date")


def of(kind: str, *rules: Rule) -> tuple[Rule, ...]:
    """Make rules those of a kind."""
    return tuple(replace(rule, kinds=(kind,)) for rule in rules)


def must_fill(rule: str, *columns: str, basic: bool = True) -> Rule:
    """Make the rule that a column, or one of several, is filled."""
    if len(columns) == 1:
        sentence, repair = "{column} is blank.", f"Fill {columns[0]} in the export."
    else:
        named = ", ".join(columns[:-1]) + f" and {columns[-1]}"
        sentence, repair = f"{named} are all blank.", f"Fill at least one of {named}."
    check = _checks.blank(*columns)
    return Rule(rule, Severity.ERROR, sentence, REFUSED, repair, check=check, basic=basic, columns=columns)


def must_be_word(rule: str, column: str, words: str, *, may_be_blank: bool = False, basic: bool = True) -> Rule:
    """Make the rule that a column holds, or begins with, a word."""
    return Rule(
        rule,
        Severity.ERROR,
        f"{{column}} is none of: {words}.",
        REFUSED,
        f"Write one of {words}, in exactly this form.",
        check=_checks.not_allowed(column, may_be_blank=may_be_blank),
        basic=basic,
        columns=(column,),
    )


def not_longer(rule: str, *columns: str, severity: Severity = Severity.ERROR, limit: int = LONGEST) -> Rule:
    """Make the rule that columns have at most so many characters."""
    why = DATABASE if severity is Severity.FATAL else REFUSED
    sentence = f"{{column}} is longer than {limit} characters."
    return Rule(rule, severity, sentence, why, "Shorten it.", check=_checks.longer(limit, *columns), columns=columns)


def dates_possible(rule: str) -> Rule:
    """Make the rule that start_date and end_date are possible dates."""
    return Rule(
        rule,
        Severity.WARNING,
        "{column}{value} looks like a date and is none.",
        "Canvas leaves a message and applies the row with the date empty (after a bad start_date mostly both).",
        "Write dates as 2026-08-31 or 2026-08-31T00:00:00Z.",
        check=_checks.bad_date(Verdict.BAD, *DATES),
        additional=True,
        columns=DATES,
        shows=_marks.shown_date,
    )


def one_context(rule: str) -> Rule:
    """Make the rule that account_id and course_id exclude each other."""
    sentence = "account_id and course_id are both filled."
    repair = "Leave account_id or course_id blank."
    return Rule(rule, Severity.ERROR, sentence, REFUSED, repair, check=_checks.all_filled("account_id", "course_id"))


def trap(
    rule: str, sentence: str, why: str, repair: str, check: Check | None = None, *columns: str, habitual: bool = False
) -> Rule:
    """Make a rule about something that Canvas does silently to a row."""
    return Rule(rule, Severity.WARNING, sentence, why, repair, check=check, habitual=habitual, columns=columns)


def cleared(rule: str, *columns: str, of_rows: Check | None = None) -> Rule:
    """Make the rule that blank cells or a missing column erase what Canvas has stored."""
    return Rule(
        rule,
        Severity.WARNING,
        "{column} is blank or missing, which erases the stored value.",
        "Canvas takes a blank cell and a missing column for an order to clear the value, without a message.",
        "Export the column with its values; ignore the rule when nothing is stored there.",
        check=of_rows or _checks.blank_cell(*columns),
        heading_check=_checks.missing(*columns),
        habitual=True,
        columns=columns,
    )


def of_files(
    rule: str, sentence: str, why: str, repair: str, check: HeadingCheck, *, severity: Severity = Severity.WARNING
) -> Rule:
    """Make a rule about a file of a kind as a whole."""
    return Rule(rule, severity, sentence, why, repair, heading_check=check)


def unknown(rule: str, what: str, *columns: str, why: str = REFUSED, error_if_complete: bool = True) -> Rule:
    """Make the rule that an id is defined in the set."""
    return Rule(
        rule,
        Severity.WARNING,
        f"{{column}} names no {what} that this delivery defines; Canvas has to know it already.",
        f"If Canvas does not know it either: {why}",
        f"Export the {what} too, or correct the id.",
        error_if_complete=error_if_complete,
        columns=columns,
    )


def claimed_twice(rule: str, what: str, *columns: str, why: str = REFUSED) -> Rule:
    """Make the rule that something belongs to one object only."""
    return Rule(
        rule,
        Severity.WARNING,
        f"{{column}} holds {what} that an earlier row gives to another object.",
        f"It can belong to one only: {why}",
        "Correct one of the rows.",
        columns=columns,
    )


def by_id(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Index rules; raises ValueError when an id stands for two."""
    indexed: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in indexed:
            raise ValueError(f"two rules are called {rule.id}")
        indexed[rule.id] = rule
    return indexed
