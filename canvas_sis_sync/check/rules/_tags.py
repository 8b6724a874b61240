"""The rules of differentiation tags and institutional tags, in Canvas's order (CSV 10.17 to 10.22)."""

from __future__ import annotations

from canvas_sis_sync.check import _checks
from canvas_sis_sync.check.rules._families import must_be_word, must_fill, of, required, trap, unknown
from canvas_sis_sync.check.rules._groups import deleted_case

DIFFERENTIATION_TAG_SET = of(
    "differentiation_tag_set",
    must_fill("tag-set-id-blank", "tag_set_id"),
    must_fill("tag-set-name-blank", "set_name"),
    must_fill("tag-set-status-blank", "status"),
    must_be_word("tag-set-status-bad"),
    must_fill("tag-set-course-blank", "course_id", basic=False),
    unknown("tag-set-course-unknown"),
)

DIFFERENTIATION_TAG = of(
    "differentiation_tag",
    required("tag-id-blank", "tag-name-blank"),
    must_be_word("tag-status-bad"),
    unknown("tag-course-unknown"),
    unknown("tag-set-unknown"),
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
    required("tag-member-tag-id-blank", "tag-member-user-id-blank"),
    must_be_word("tag-member-status-bad"),
    unknown("tag-member-user-unknown"),
    unknown("tag-member-tag-unknown"),
)

INSTITUTIONAL_TAG_CATEGORY = of(
    "institutional_tag_category",
    required("inst-category-id-blank", "inst-category-name-blank", "inst-category-status-blank"),
    must_be_word("inst-category-status-bad"),
)

INSTITUTIONAL_TAG = of(
    "institutional_tag",
    required(
        "inst-tag-id-blank",
        "inst-tag-category-blank",
        "inst-tag-name-blank",
        "inst-tag-description-blank",
        "inst-tag-status-blank",
    ),
    must_be_word("inst-tag-status-bad"),
    unknown("inst-tag-category-unknown"),
)

INSTITUTIONAL_TAG_ASSOCIATION = of(
    "institutional_tag_association",
    required("inst-association-tag-blank", "inst-association-user-blank", "inst-association-status-blank"),
    must_be_word("inst-association-status-bad"),
    unknown("inst-association-user-unknown"),
    unknown("inst-association-tag-unknown"),
)
