"""The rules of differentiation tags and institutional tags, in Canvas's order (CSV 10.17 to 10.22)."""

from __future__ import annotations

from canvas_sis_sync.check import _checks
from canvas_sis_sync.check.rules._families import must_be_word, must_fill, of, trap, unknown
from canvas_sis_sync.check.rules._groups import GROUP_WORDS, deleted_case

WORDS = "active, deleted"

DIFFERENTIATION_TAG_SET = of(
    "differentiation_tag_set",
    must_fill("tag-set-id-blank", "tag_set_id"),
    must_fill("tag-set-name-blank", "set_name"),
    must_fill("tag-set-status-blank", "status"),
    must_be_word("tag-set-status-bad", "status", WORDS),
    must_fill("tag-set-course-blank", "course_id", basic=False),
    unknown("tag-set-course-unknown", "active course", "course_id"),
)

DIFFERENTIATION_TAG = of(
    "differentiation_tag",
    must_fill("tag-id-blank", "tag_id"),
    must_fill("tag-name-blank", "name"),
    must_be_word("tag-status-bad", "status", GROUP_WORDS),
    unknown("tag-course-unknown", "active course", "course_id"),
    unknown("tag-set-unknown", "tag set", "tag_set_id"),
    trap(
        "tag-context-missing",
        "tag_set_id and course_id are both blank, which only a tag that exists already may have.",
        "Canvas refuses the row if it does not know the tag yet.",
        "Fill tag_set_id or course_id.",
        _checks.blank("tag_set_id", "course_id"),
    ),
    deleted_case("tag-deleted-case", "tag"),
)

DIFFERENTIATION_TAG_MEMBERSHIP = of(
    "differentiation_tag_membership",
    must_fill("tag-member-tag-id-blank", "tag_id"),
    must_fill("tag-member-user-id-blank", "user_id"),
    must_be_word("tag-member-status-bad", "status", "accepted, deleted"),
    unknown("tag-member-user-unknown", "user", "user_id"),
    unknown("tag-member-tag-unknown", "tag", "tag_id"),
)

INSTITUTIONAL_TAG_CATEGORY = of(
    "institutional_tag_category",
    must_fill("inst-category-id-blank", "category_id"),
    must_fill("inst-category-name-blank", "name"),
    must_fill("inst-category-status-blank", "status"),
    must_be_word("inst-category-status-bad", "status", WORDS),
)

INSTITUTIONAL_TAG = of(
    "institutional_tag",
    must_fill("inst-tag-id-blank", "institutional_tag_id"),
    must_fill("inst-tag-category-blank", "category_id"),
    must_fill("inst-tag-name-blank", "name"),
    must_fill("inst-tag-description-blank", "description"),
    must_fill("inst-tag-status-blank", "status"),
    must_be_word("inst-tag-status-bad", "status", WORDS),
    unknown("inst-tag-category-unknown", "tag category", "category_id"),
)

INSTITUTIONAL_TAG_ASSOCIATION = of(
    "institutional_tag_association",
    must_fill("inst-association-tag-blank", "institutional_tag_id"),
    must_fill("inst-association-user-blank", "user_id"),
    must_fill("inst-association-status-blank", "status"),
    must_be_word("inst-association-status-bad", "status", WORDS),
    unknown("inst-association-user-unknown", "user", "user_id"),
    unknown("inst-association-tag-unknown", "institutional tag", "institutional_tag_id"),
)
