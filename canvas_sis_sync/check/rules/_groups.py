"""The rules of group categories, groups, memberships and grade results, in Canvas's order (CSV 10.12 to 10.15)."""

from __future__ import annotations

from canvas_sis_sync.check import _checks
from canvas_sis_sync.check._rule import Rule, Severity
from canvas_sis_sync.check.rules._families import (
    claimed_twice,
    must_be_word,
    not_longer,
    of,
    of_files,
    one_context,
    required,
    trap,
    unknown,
)


def deleted_case(rule: str, what: str) -> Rule:
    """Make the rule that only the exact word deletes a group or tag."""
    return trap(
        rule,
        "{column} begins with deleted, but is not exactly that.",
        f"Canvas makes the {what} available instead of deleting it, without a message.",
        "Write deleted, in lower case and without anything behind it.",
        _checks.where(lambda status: status.lower().startswith("deleted") and status != "deleted", "status"),
        "status",
    )


GROUP_CATEGORY = of(
    "group_category",
    required("group-category-id-blank", "group-category-name-blank", "group-category-status-blank"),
    must_be_word("group-category-status-bad"),
    one_context("group-category-two-contexts"),
    not_longer("group-category-name-too-long", "category_name"),
    not_longer("group-category-id-too-long", "group_category_id", severity=Severity.FATAL),
    unknown("group-category-account-unknown"),
    unknown("group-category-course-unknown"),
    claimed_twice("group-category-name-taken", "a name of the same account or course", "category_name"),
    of_files(
        "group-category-not-diffable",
        "Group categories are part of a diffed data set.",
        "They are compared by a column that they do not have: all are imported each time, none is ever removed.",
        "Delete group categories by rows with the status deleted.",
        lambda _heading, options: [""] if options.diffing else [],
    ),
)

GROUP = of(
    "group",
    required("group-id-blank", "group-name-blank"),
    must_be_word("group-status-bad"),
    one_context("group-two-contexts"),
    not_longer("group-name-too-long", "name"),
    not_longer("group-id-too-long", "group_id", severity=Severity.FATAL),
    unknown("group-account-unknown"),
    unknown("group-course-unknown"),
    unknown("group-category-unknown"),
    deleted_case("group-deleted-case", "group"),
)

GROUP_MEMBERSHIP = of(
    "group_membership",
    required("membership-group-id-blank", "membership-user-id-blank"),
    must_be_word("membership-status-bad"),
    unknown("membership-user-unknown"),
    unknown("membership-group-unknown"),
    Rule(
        "membership-active-refused",
        Severity.WARNING,
        "{column} is active; the word is accepted here.",
        "Of all files only those of memberships say accepted.",
        "Write accepted.",
        check=_checks.where(lambda status: status.lower() == "active", "status"),
        additional=True,
        columns=("status",),
    ),
)

GRADE_PUBLISHING_RESULTS = of(
    "grade_publishing_results",
    required("grade-result-enrollment-blank", "grade-result-status-blank"),
    must_be_word("grade-result-status-bad", "grade_publishing_status"),
    of_files(
        "grade-result-not-diffable",
        "Grade publishing results are part of a diffed data set.",
        "They have no key: if the compared import has them too, the whole import fails.",
        "Send them in an import of their own, without diffing.",
        lambda _heading, options: [""] if options.diffing else [],
        severity=Severity.FATAL,
    ),
)
