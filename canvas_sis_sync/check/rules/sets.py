"""The rules common to all kinds (CSV 7, 9) and those about a set of files (CSV 8, DIFF 3, 4, 8, 9, 11)."""

from __future__ import annotations

from collections.abc import Iterable

from canvas_sis_sync.check import _checks, _marks
from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.check._rule import Check, Hit, Rule, Severity, Shown
from canvas_sis_sync.check.rules._makers import DATABASE, DATES
from canvas_sis_sync.sis_csv.dates import DateVerdict
from canvas_sis_sync.sis_csv.kinds import KINDS

_DATED = tuple(kind.name for kind in KINDS.values() if "start_date" in kind.columns)
_WITH_STATUS = tuple(kind.name for kind in KINDS.values() if "status" in kind.columns)
_WITH_OWN_RULE = ("account", "course", "user")
"""Kinds with a rule of their own for what is more than the bare word."""


@_checks.of_columns("status")
def _inexact_status(rows: Rows) -> Iterable[Hit]:
    column = rows.kind.columns["status"]

    def inexact(status: str) -> bool:
        if status in column.allowed or not column.accepts(status):
            return False
        if rows.kind.name in _WITH_OWN_RULE:
            return status.lower() in column.allowed
        return not (rows.kind.name in {"group", "differentiation_tag"} and status.lower().startswith("deleted"))

    return _checks.where(inexact, "status").find(rows)


def _odd_id(rule: str, sentence: str, why: str, check: Check, shows: Shown | None = None) -> Rule:
    """Make a rule about what in an id is no part of it."""
    repair = "Correct it in the SIS or in the export; a spreadsheet keeps ids only in columns formatted as text."
    return Rule(rule, sentence, why, repair, check=check, shows=shows)


COMMON = (
    Rule(
        "any-nul-character",
        "{column} holds a NUL character.",
        DATABASE,
        "Remove the character.",
        check=_checks.holds_nul(known_columns_only=True),
        severity=Severity.FATAL,
        kinds=tuple(name for name in KINDS if name != "user"),
    ),
    Rule(
        "any-skip-deletes",
        "{column} says deleted, and skip_deletes is set.",
        "Canvas ignores the row without a message, and does not count it.",
        "Leave such rows out, or skip_deletes.",
        kinds=_WITH_STATUS,
        columns=("status",),
    ),
    Rule(
        "any-status-inexact",
        "{column} is not exactly one of the allowed words in lower case.",
        "Canvas takes it, but versions and kinds differ in what they make of it.",
        "Write the bare word in lower case.",
        check=_inexact_status,
        kinds=_WITH_STATUS,
    ),
    _odd_id(
        "any-id-invisible",
        "{column} holds a character that nobody sees{value}.",
        "Canvas keeps it: the id is another than the same text without it. Newer versions refuse such a login_id.",
        _marks.holds_invisible,
        _marks.shown_invisible,
    ),
    _odd_id(
        "any-id-placeholder",
        "{column} holds a word for no value{value}.",
        "To Canvas it is an id like any other: unknown, or one that all such rows share.",
        _marks.is_placeholder,
        _marks.shown_placeholder,
    ),
    _odd_id(
        "any-id-scientific",
        "{column} is a number that a spreadsheet has rounded, such as 1.23E+11.",
        "Digits are lost: different ids have become the same, and rows of several people or courses one.",
        _marks.is_scientific,
    ),
    _odd_id(
        "any-id-decimal",
        "{column} is a number with decimals, such as 10045.0.",
        "To Canvas it is another id than the same number without them.",
        _marks.is_decimal,
    ),
    Rule(
        "any-date-misread",
        "{column}{value} is not a date as 2026-08-31 or 2026-08-31T00:00:00Z that the calendar has.",
        "Canvas reads it leniently and says nothing: day before month, years of the first century, today, or no date.",
        "Write dates as 2026-08-31 or 2026-08-31T00:00:00Z.",
        check=_checks.bad_date(DateVerdict.MISREAD, *DATES, except_for="<delete>"),
        kinds=_DATED,
        shows=_marks.shown_date,
    ),
)

CONTRADICTION = "set-files-contradict"
"""The rule by which a run holds: several files of a kind that are neither parts nor nights of one export."""

SETS = (
    Rule(
        "set-several-files",
        "Another file of the delivery is of the same kind.",
        "Canvas reads both, in an order that is not certain; diffing may not compare them and then deletes nothing.",
        "Export one file of each kind.",
    ),
    Rule(
        "set-duplicate-rows",
        "An earlier row is about the same object and says something else.",
        "Mostly the later row wins, but large imports are read in parallel; diffing looks at the last row only.",
        "Export one row for each object.",
    ),
    Rule(
        CONTRADICTION,
        "A row of another file is about the same object and says something else.",
        "Files of one kind are read in an order that is not certain, so the older row may win. A run holds them.",
        "Deliver the nights of an export one by one, in folders or with dates in the names of their files.",
    ),
    Rule(
        "set-nothing-to-import",
        "No file of the delivery is one that Canvas would import.",
        "Canvas would end the import at once, mostly without a message.",
        "Find out why the export is empty.",
    ),
    Rule(
        "set-no-terms",
        "Multi-term batch mode is on and no file names a term.",
        "Canvas imports the rows, aborts, and deletes nothing.",
        "Export the terms that the delivery is complete for.",
    ),
    Rule(
        "set-refused-rows-deleted",
        "Batch mode is on and rows of this file would be refused.",
        "A refused row does not touch its object, so batch mode deletes what the row is about.",
        "Repair the rows before sending.",
    ),
    Rule(
        "set-stickiness-diffing",
        "override_sis_stickiness is set for a diffed data set.",
        "Rows that did not change are not sent, so what was changed by hand there stays as it is.",
        "Send everything once, with diffing_remaster_data_set.",
    ),
)
