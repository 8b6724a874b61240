"""What a rule is: one record with its id, severity, words and check.

Owns the record and the words of severity. The ids are those of the fact sheet on CSV formats, and kept for good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from canvas_sis_sync.preflight.context import Aim
from canvas_sis_sync.preflight.rows import Heading, Rows


class Severity(StrEnum):
    """How bad a finding is. The words are kept for good."""

    #: Canvas fails the file or the whole import.
    FATAL = "fatal"
    #: Canvas refuses the row.
    ERROR = "error"
    #: Canvas is silent and probably not doing what was meant, applies the row in part, or only Canvas can tell.
    WARNING = "warning"


Hit = tuple[int, str]
"""A place in a block and the column that is at fault ("" for the row as a whole)."""

Check = Callable[[Rows], Iterable[Hit]]
HeadingCheck = Callable[[Heading, Aim], Iterable[str]]
"""Gives the columns at fault, "" for the file as a whole."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that Canvas complains about, or does silently and not as meant."""

    #: As in the fact sheet; ours begin with `set-`, `file-` or `any-` too.
    id: str
    severity: Severity
    #: What is said of a place; a format that may name `{column}`, never a value of the row.
    sentence: str
    #: Why it matters: what Canvas does.
    why: str
    #: How to repair it.
    repair: str
    #: Names of the kinds it is about; empty for all.
    kinds: tuple[str, ...] = ()
    #: Judges the rows of a block; None for a rule about a file or a set.
    check: Check | None = None
    #: Judges the header of a file.
    heading_check: HeadingCheck | None = None
    #: Canvas looks at it before it ignores deleted rows on request (CSV 9).
    basic: bool = False
    #: Reported beside another fault of the same row (CSV 6).
    additional: bool = False
    #: Said once of a file in which it holds for every row: that is how the export is made.
    habitual: bool = False
    #: An error when the set is said to be complete.
    error_if_complete: bool = False
    #: An error when the custom roles are known.
    error_if_roles_known: bool = False

    def message(self, column: str) -> str:
        """Word a finding of this rule at a column."""
        return self.sentence.format(column=column)

    def severity_for(self, aim: Aim) -> Severity:
        """Say how bad a finding is in an import with this aim."""
        raised = (self.error_if_complete and aim.complete) or (self.error_if_roles_known and aim.roles is not None)
        return Severity.ERROR if raised else self.severity
