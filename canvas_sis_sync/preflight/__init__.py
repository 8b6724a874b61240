"""What Canvas would say about a delivery, told from the files alone before anything is sent.

    rule        what a rule is: one record
    rules/      the registry, by kind
    checks      the questions that rules ask of a block of rows
    judging     a block under the rules of its kind
    checking    a file
    engine      a set of files: the entrance
    apart       the same in a process of its own

Owns the rules and their words. Leaves to others where files lie, settings, and showing what was found.
"""

from canvas_sis_sync.preflight.apart import check_apart
from canvas_sis_sync.preflight.context import MOST_PLACES, Aim
from canvas_sis_sync.preflight.engine import check, failed
from canvas_sis_sync.preflight.findings import (
    CheckedFile,
    Finding,
    RefuseOn,
    Report,
    merged,
    refuses,
    too_many_refused,
)
from canvas_sis_sync.preflight.rule import Rule, Severity
from canvas_sis_sync.preflight.rules import RULES, explain
from canvas_sis_sync.preflight.rules.sets import CONTRADICTION

__all__ = [
    "CONTRADICTION",
    "MOST_PLACES",
    "RULES",
    "Aim",
    "CheckedFile",
    "Finding",
    "RefuseOn",
    "Report",
    "Rule",
    "Severity",
    "check",
    "check_apart",
    "explain",
    "failed",
    "merged",
    "refuses",
    "too_many_refused",
]
