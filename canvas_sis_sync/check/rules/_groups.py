"""The rules of groups, grade results and tags, in Canvas's order (CSV 10.12 to 10.15, 10.17 to 10.22)."""

from __future__ import annotations

from canvas_sis_sync.check import _checks
from canvas_sis_sync.check._rule import Rule, Severity
from canvas_sis_sync.check.rules import _makers as make


def _deleted_case(rule: str, what: str) -> Rule:
    """Make the rule that only the exact word deletes a group or tag."""
    return Rule(
        rule,
        "{column} begins with deleted, but is not exactly that.",
        f"Canvas makes the {what} available instead of deleting it, without a message.",
        "Write deleted, in lower case and without anything behind it.",
        check=_checks.where(lambda status: status.lower().startswith("deleted") and status != "deleted", "status"),
    )


GROUP_CATEGORY = make.rules_for(
    "group_category",
    make.required("group-category-id-blank", "group-category-name-blank", "group-category-status-blank"),
    make.must_be_word("group-category-status-bad"),
    make.one_context("group-category-two-contexts"),
    make.not_longer("group-category-name-too-long", "category_name"),
    make.not_longer("group-category-id-too-long", "group_category_id", severity=Severity.FATAL),
    make.unknown("group-category-account-unknown"),
    make.unknown("group-category-course-unknown"),
    make.claimed_twice("group-category-name-taken", "a name of the same account or course"),
    make.not_diffable(
        "group-category-not-diffable",
        "Group categories",
        "They are compared by a column that they do not have: all are imported each time, none is ever removed.",
        "Delete group categories by rows with the status deleted.",
    ),
)

GROUP = make.rules_for(
    "group",
    make.required("group-id-blank", "group-name-blank"),
    make.must_be_word("group-status-bad"),
    make.one_context("group-two-contexts"),
    make.not_longer("group-name-too-long", "name"),
    make.not_longer("group-id-too-long", "group_id", severity=Severity.FATAL),
    make.unknown("group-account-unknown"),
    make.unknown("group-course-unknown"),
    make.unknown("group-category-unknown"),
    _deleted_case("group-deleted-case", "group"),
)

GROUP_MEMBERSHIP = make.rules_for(
    "group_membership",
    make.required("membership-group-id-blank", "membership-user-id-blank"),
    make.must_be_word("membership-status-bad"),
    make.unknown("membership-user-unknown"),
    make.unknown("membership-group-unknown"),
    Rule(
        "membership-active-refused",
        "{column} is active; the word is accepted here.",
        "Of all files only those of memberships say accepted.",
        "Write accepted.",
        check=_checks.where(lambda status: status.lower() == "active", "status"),
        additional=True,
    ),
)

GRADE_PUBLISHING_RESULTS = make.rules_for(
    "grade_publishing_results",
    make.required("grade-result-enrollment-blank", "grade-result-status-blank"),
    make.must_be_word("grade-result-status-bad", "grade_publishing_status"),
    make.not_diffable(
        "grade-result-not-diffable",
        "Grade publishing results",
        "They have no key: if the compared import has them too, the whole import fails.",
        "Send them in an import of their own, without diffing.",
        severity=Severity.FATAL,
    ),
)

DIFFERENTIATION_TAG_SET = make.rules_for(
    "differentiation_tag_set",
    make.must_fill("tag-set-id-blank", "tag_set_id"),
    make.must_fill("tag-set-name-blank", "set_name"),
    make.must_fill("tag-set-status-blank", "status"),
    make.must_be_word("tag-set-status-bad"),
    make.must_fill("tag-set-course-blank", "course_id", basic=False),
    make.unknown("tag-set-course-unknown"),
)

DIFFERENTIATION_TAG = make.rules_for(
    "differentiation_tag",
    make.required("tag-id-blank", "tag-name-blank"),
    make.must_be_word("tag-status-bad"),
    make.unknown("tag-course-unknown"),
    make.unknown("tag-set-unknown"),
    Rule(
        "tag-context-missing",
        "tag_set_id and course_id are both blank, which only a tag that exists already may have.",
        "Canvas refuses the row if it does not know the tag yet.",
        "Fill tag_set_id or course_id.",
        check=_checks.blank("tag_set_id", "course_id"),
    ),
    _deleted_case("tag-deleted-case", "tag"),
)

DIFFERENTIATION_TAG_MEMBERSHIP = make.rules_for(
    "differentiation_tag_membership",
    make.required("tag-member-tag-id-blank", "tag-member-user-id-blank"),
    make.must_be_word("tag-member-status-bad"),
    make.unknown("tag-member-user-unknown"),
    make.unknown("tag-member-tag-unknown"),
)

INSTITUTIONAL_TAG_CATEGORY = make.rules_for(
    "institutional_tag_category",
    make.required("inst-category-id-blank", "inst-category-name-blank", "inst-category-status-blank"),
    make.must_be_word("inst-category-status-bad"),
)

INSTITUTIONAL_TAG = make.rules_for(
    "institutional_tag",
    make.required(
        "inst-tag-id-blank",
        "inst-tag-category-blank",
        "inst-tag-name-blank",
        "inst-tag-description-blank",
        "inst-tag-status-blank",
    ),
    make.must_be_word("inst-tag-status-bad"),
    make.unknown("inst-tag-category-unknown"),
)

INSTITUTIONAL_TAG_ASSOCIATION = make.rules_for(
    "institutional_tag_association",
    make.required("inst-association-tag-blank", "inst-association-user-blank", "inst-association-status-blank"),
    make.must_be_word("inst-association-status-bad"),
    make.unknown("inst-association-user-unknown"),
    make.unknown("inst-association-tag-unknown"),
)
