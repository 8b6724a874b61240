"""The rules of abstract courses, courses, sections and cross-listings, in Canvas's order (CSV 10.4 to 10.7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from canvas_sis_sync.check import _checks
from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.check._rule import Rule, Severity
from canvas_sis_sync.check.rules import _makers as make
from canvas_sis_sync.sis_csv.kinds import KINDS

WITHOUT_IT = "Canvas leaves a message and applies the row without it."
COURSE_WORDS = KINDS["course"].columns["status"].allowed


def _starting_active(rows: Rows) -> Iterable[int]:
    return rows.places("status", {word for word in rows.distinct("status") if word.lower().startswith("active")})


ABSTRACT_COURSE = make.rules_for(
    "abstract_course",
    make.required("abstract-course-id-blank", "abstract-short-name-blank", "abstract-long-name-blank"),
    make.must_be_word("abstract-status-bad"),
    make.not_longer("abstract-too-long", "abstract_course_id", "short_name", "long_name", severity=Severity.FATAL),
    make.unknown("abstract-term-silent", why="the row goes to the default term, silently."),
    make.not_diffable(
        "abstract-not-diffable",
        "Abstract courses",
        "They have no key: if the compared import has them too, the whole import fails.",
        "Send abstract courses in an import of their own, without diffing.",
        severity=Severity.FATAL,
    ),
)

COURSE = make.rules_for(
    "course",
    make.dates_possible("course-date-bad"),
    make.required("course-id-blank"),
    make.must_fill("course-short-name-blank", "short_name", "abstract_course_id"),
    make.must_fill("course-long-name-blank", "long_name", "abstract_course_id"),
    make.must_be_word("course-status-bad"),
    make.must_be_word("course-format-bad", "course_format"),
    make.must_be_word("course-passback-bad", "grade_passback_setting"),
    make.dates_in_order("course-dates-reversed"),
    make.not_longer("course-too-long", "course_id", "short_name", "long_name"),
    make.not_longer("course-integration-id-too-long", "integration_id", severity=Severity.FATAL),
    make.unknown("course-account-unknown"),
    Rule(
        "course-account-deleted",
        "{column} names an account that this delivery deletes.",
        "Canvas deletes no account that has active courses. Newer versions refuse a course of a deleted account, and"
        " put a new one into the root account.",
        "Move the course to another account, or keep the account.",
        columns=("account_id",),
    ),
    make.claimed_twice("course-integration-id-taken"),
    make.unknown("course-abstract-unknown", why=WITHOUT_IT),
    make.undefined("course-blueprint-unknown", "course", "blueprint_course_id", why=WITHOUT_IT),
    make.unknown(
        "course-term-silent", why="a new course lands in the default term, an old one stays where it is, silently."
    ),
    Rule(
        "course-status-prefix",
        "{column} begins with an allowed word, but is none.",
        "Canvas takes the row and leaves the status alone (deleted and completed act anywhere in the value).",
        "Write one of " + ", ".join(COURSE_WORDS) + ".",
        check=_checks.not_bare_word("status"),
    ),
    Rule(
        "course-active-publishes-completed",
        "{column} makes a completed course available again.",
        "active, unpublished and published all publish a course that was completed.",
        "Send completed for courses that shall stay so.",
        check=_checks.where(lambda status: status.lower() in {"active", "unpublished", "published"}, "status"),
        once_if_everywhere=True,
    ),
    Rule(
        "course-active-never-unpublishes",
        "{column} does not unpublish a course that is available.",
        "On an available course unpublished changes nothing, as active does.",
        "Unpublish in Canvas.",
        check=_checks.where(lambda status: status.lower() == "unpublished", "status"),
    ),
    replace(
        make.cleared("course-integration-id-cleared", "integration_id"),
        sentence="{column} is blank or missing, which erases the stored value in some versions of Canvas.",
        why="Canvas clears the value without a message; newer versions are said to keep that of a course.",
    ),
    Rule(
        "course-dates-blank",
        "{column} is blank.",
        "A blank date clears the stored one in some versions of Canvas and keeps it in others.",
        "Leave the column out to keep dates, write <delete> to clear one.",
        check=_checks.blank_cell(*make.DATES),
        once_if_everywhere=True,
    ),
)

SECTION = make.rules_for(
    "section",
    make.dates_possible("section-date-bad"),
    make.required("section-id-blank", "section-course-id-blank"),
    make.must_fill("section-name-blank", "name", among=_starting_active),
    make.must_be_word("section-status-bad"),
    make.dates_in_order("section-dates-reversed"),
    make.not_longer("section-too-long", "section_id", "name"),
    make.not_longer("section-integration-id-too-long", "integration_id", severity=Severity.FATAL),
    make.unknown("section-course-unknown"),
    Rule(
        "section-moves",
        "{column} is a section that an earlier row has in another course.",
        "A section is in one course: the later row moves it there with its enrollments, and ids must be unique.",
        "Give each section an id of its own.",
        columns=("section_id",),
    ),
    make.claimed_twice("section-integration-id-taken"),
    make.cleared("section-dates-cleared", *make.DATES),
    make.cleared("section-integration-id-cleared", "integration_id"),
)

XLIST = make.rules_for(
    "xlist",
    make.required("xlist-course-id-blank", "xlist-section-id-blank"),
    make.must_be_word("xlist-status-bad"),
    make.unknown("xlist-section-unknown"),
    make.unknown("xlist-creates-course", why="Canvas makes an unpublished course of that id, silently."),
)
