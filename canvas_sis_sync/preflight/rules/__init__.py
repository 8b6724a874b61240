"""The registry: every rule by its id, and which rules a file of a kind is judged by, in Canvas's order."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from canvas_sis_sync.preflight.rule import Rule
from canvas_sis_sync.preflight.rules import accounts, courses, enrollments, files, groups, people, sets, tags
from canvas_sis_sync.preflight.rules.families import by_id

RULES: Mapping[str, Rule] = MappingProxyType(
    by_id(
        (
            *files.FILES,
            *accounts.CHANGE_SIS_ID,
            *accounts.ACCOUNT,
            *accounts.TERM,
            *courses.ABSTRACT_COURSE,
            *courses.COURSE,
            *courses.SECTION,
            *courses.XLIST,
            *people.USER,
            *people.LOGIN,
            *enrollments.ENROLLMENT,
            *people.ADMIN,
            *groups.GROUP_CATEGORY,
            *groups.GROUP,
            *groups.GROUP_MEMBERSHIP,
            *groups.GRADE_PUBLISHING_RESULTS,
            *people.USER_OBSERVER,
            *tags.DIFFERENTIATION_TAG_SET,
            *tags.DIFFERENTIATION_TAG,
            *tags.DIFFERENTIATION_TAG_MEMBERSHIP,
            *tags.INSTITUTIONAL_TAG_CATEGORY,
            *tags.INSTITUTIONAL_TAG,
            *tags.INSTITUTIONAL_TAG_ASSOCIATION,
            *sets.COMMON,
            *sets.SETS,
        )
    )
)
"""All rules, in the order of the fact sheet."""


def rules_of(kind: str) -> tuple[Rule, ...]:
    """Give the rules that rows and headers of a kind are judged by."""
    return tuple(rule for rule in RULES.values() if not rule.kinds or kind in rule.kinds)


def explain(rule_id: str) -> str:
    """Say what a rule is about, why it matters and how to repair it. Raises KeyError for an id that is none."""
    rule = RULES[rule_id]
    about = ", ".join(rule.kinds) or "all files"
    return f"{rule.id} ({rule.severity}; {about})\n{rule.description}\nWhy: {rule.why}\nRepair: {rule.repair}"
