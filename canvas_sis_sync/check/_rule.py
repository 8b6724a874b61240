"""What a rule is: one record with its id, severity, words and check.

Owns the record and the words of severity. The ids are those of the fact sheet on CSV formats, and kept for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from canvas_sis_sync.check._rows import Heading, Rows
from canvas_sis_sync.check.options import CheckOptions


class Severity(StrEnum):
    """How bad a finding is. The words are kept for good."""

    #: Canvas fails the file or the whole import.
    FATAL = "fatal"
    #: Canvas refuses the row.
    ERROR = "error"
    #: Canvas is silent and probably not doing what was meant, applies the row in part, or only Canvas can know.
    WARNING = "warning"


Hit = tuple[int, str]
"""A place in a block and the column that is at fault ("" for the row as a whole)."""

Find = Callable[[Rows], Iterable[Hit]]
Shown = Callable[[str], str]
"""Gives what a message may show of the value of a cell, with a space before it; "" for nothing."""
HeadingCheck = Callable[[Heading, CheckOptions], Iterable[str]]
"""Gives the columns at fault, "" for the file as a whole."""


@dataclass(frozen=True, slots=True)
class Check:
    """A question that a rule asks of the rows of a block."""

    #: The columns that it looks at.
    columns: tuple[str, ...]
    find: Find


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that Canvas complains about, or does silently and not as meant."""

    #: As in the fact sheet; ours begin with `set-`, `file-` or `any-` too.
    id: str
    #: What is said of a place; a format that may name `{column}` and, by `shows`, `{value}`.
    sentence: str
    #: Why it matters: what Canvas does.
    why: str
    #: How to repair it.
    repair: str
    #: Judges the rows of a block; None for a rule about a file or a set.
    check: Check | None = None
    severity: Severity = Severity.WARNING
    #: Names of the kinds it is about; empty for all.
    kinds: tuple[str, ...] = ()
    #: Judges the header of a file.
    heading_check: HeadingCheck | None = None
    #: The columns that it is about, for its description, where these are not those of its check; empty for any.
    columns: tuple[str, ...] = ()
    #: What a message shows of a cell; None for nothing, because rows are about people.
    shows: Shown | None = None
    #: Canvas looks at it before it ignores deleted rows on request (CSV 9).
    basic: bool = False
    #: Reported beside another fault of the same row (CSV 6).
    additional: bool = False
    #: Said once of a file in which it holds for every row: that is how the export is made.
    once_if_everywhere: bool = False
    #: An error when the set is said to be complete.
    error_if_complete: bool = False

    @property
    def description(self) -> str:
        """Word the rule in general, by the columns that it is about."""
        columns = self.columns or (self.check.columns if self.check else ())
        words = self.message(" or ".join(columns) or "a column")
        return words[0].upper() + words[1:] if words.startswith("a column") else words

    def message(self, column: str, value: str = "") -> str:
        """Word a finding of this rule at a column; `value` is what `shows` gave."""
        return self.sentence.format(column=column, value=value)

    def severity_for(self, options: CheckOptions) -> Severity:
        """Return how bad a finding is in an import with these options."""
        return Severity.ERROR if self.error_if_complete and options.complete else self.severity
