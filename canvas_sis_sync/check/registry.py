"""The registry: every rule by its id, and which rules a file of a kind is judged by, in Canvas's order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from canvas_sis_sync.check._rule import Rule
from canvas_sis_sync.check.rules import _accounts, _courses, _enrollments, _files, _groups, _people, sets


def _by_id(rules: Iterable[Rule]) -> dict[str, Rule]:
    """Index rules; raises ValueError when an id stands for two."""
    indexed: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in indexed:
            raise ValueError(f"two rules are called {rule.id}")
        indexed[rule.id] = rule
    return indexed


RULES: Mapping[str, Rule] = MappingProxyType(
    _by_id(
        (
            *_files.FILES,
            *_accounts.CHANGE_SIS_ID,
            *_accounts.ACCOUNT,
            *_accounts.TERM,
            *_courses.ABSTRACT_COURSE,
            *_courses.COURSE,
            *_courses.SECTION,
            *_courses.XLIST,
            *_people.USER,
            *_people.LOGIN,
            *_enrollments.ENROLLMENT,
            *_people.ADMIN,
            *_groups.GROUP_CATEGORY,
            *_groups.GROUP,
            *_groups.GROUP_MEMBERSHIP,
            *_groups.GRADE_PUBLISHING_RESULTS,
            *_people.USER_OBSERVER,
            *_groups.DIFFERENTIATION_TAG_SET,
            *_groups.DIFFERENTIATION_TAG,
            *_groups.DIFFERENTIATION_TAG_MEMBERSHIP,
            *_groups.INSTITUTIONAL_TAG_CATEGORY,
            *_groups.INSTITUTIONAL_TAG,
            *_groups.INSTITUTIONAL_TAG_ASSOCIATION,
            *sets.COMMON,
            *sets.SETS,
        )
    )
)
"""All rules, in the order of the fact sheet."""


def rules_of(kind: str) -> tuple[Rule, ...]:
    """Return the rules that rows and headers of a kind are judged by."""
    return tuple(rule for rule in RULES.values() if not rule.kinds or kind in rule.kinds)


def explain(rule_id: str) -> str:
    """Describe a rule, why it matters and how to repair what it finds. Raises KeyError for an id that is none."""
    rule = RULES[rule_id]
    about = ", ".join(rule.kinds) or "all files"
    return f"{rule.id} ({rule.severity}; {about})\n{rule.description}\nWhy: {rule.why}\nRepair: {rule.repair}"
