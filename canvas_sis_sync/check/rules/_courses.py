"""The rules of abstract courses, courses, sections and cross-listings, in Canvas's order (CSV 10.4 to 10.7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from canvas_sis_sync.check import _checks
from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.check._rule import Rule, Severity
from canvas_sis_sync.check.rules._families import (
    REFUSED,
    claimed_twice,
    cleared,
    dates_possible,
    must_be_word,
    must_fill,
    not_longer,
    of,
    of_files,
    required,
    trap,
    undefined,
    unknown,
)
from canvas_sis_sync.sis_csv.kinds import KINDS

COURSE_WORDS = KINDS["course"].columns["status"].allowed
DATES_REVERSED = "{column} is before start_date."


def _starting_active(rows: Rows) -> Iterable[int]:
    return rows.places("status", {word for word in rows.distinct("status") if word.lower().startswith("active")})


ABSTRACT_COURSE = of(
    "abstract_course",
    required("abstract-course-id-blank", "abstract-short-name-blank", "abstract-long-name-blank"),
    must_be_word("abstract-status-bad"),
    not_longer("abstract-too-long", "abstract_course_id", "short_name", "long_name", severity=Severity.FATAL),
    unknown(
        "abstract-term-silent",
        why="the row goes to the default term, silently.",
        error_if_complete=False,
    ),
    of_files(
        "abstract-not-diffable",
        "Abstract courses are part of a diffed data set.",
        "They have no key: if the compared import has them too, the whole import fails.",
        "Send abstract courses in an import of their own, without diffing.",
        lambda _heading, options: [""] if options.diffing else [],
        severity=Severity.FATAL,
    ),
)

COURSE = of(
    "course",
    dates_possible("course-date-bad"),
    required("course-id-blank"),
    must_fill("course-short-name-blank", "short_name", "abstract_course_id"),
    must_fill("course-long-name-blank", "long_name", "abstract_course_id"),
    must_be_word("course-status-bad"),
    must_be_word("course-format-bad", "course_format"),
    must_be_word("course-passback-bad", "grade_passback_setting"),
    Rule(
        "course-dates-reversed",
        Severity.ERROR,
        DATES_REVERSED,
        REFUSED,
        "Correct the dates.",
        check=_checks.dates_reversed,
        columns=("end_date",),
    ),
    not_longer("course-too-long", "course_id", "short_name", "long_name"),
    not_longer("course-integration-id-too-long", "integration_id", severity=Severity.FATAL),
    unknown("course-account-unknown"),
    trap(
        "course-account-deleted",
        "{column} names an account that this delivery deletes.",
        "Canvas deletes no account that has active courses. Newer versions refuse a course of a deleted account, and"
        " put a new one into the root account.",
        "Move the course to another account, or keep the account.",
        None,
        "account_id",
    ),
    claimed_twice("course-integration-id-taken", "an integration id", "integration_id"),
    unknown(
        "course-abstract-unknown",
        why="Canvas leaves a message and applies the row without it.",
        error_if_complete=False,
    ),
    undefined(
        "course-blueprint-unknown",
        "course",
        "blueprint_course_id",
        why="Canvas leaves a message and applies the row without it.",
        error_if_complete=False,
    ),
    unknown(
        "course-term-silent",
        why="a new course lands in the default term, an old one stays where it is, silently.",
        error_if_complete=False,
    ),
    trap(
        "course-status-prefix",
        "{column} begins with an allowed word, but is none.",
        "Canvas takes the row and leaves the status alone (deleted and completed act anywhere in the value).",
        "Write one of " + ", ".join(COURSE_WORDS) + ".",
        _checks.where(lambda status: status.lower() not in COURSE_WORDS, "status"),
        "status",
    ),
    trap(
        "course-active-publishes-completed",
        "{column} makes a completed course available again.",
        "active, unpublished and published all publish a course that was completed.",
        "Send completed for courses that shall stay so.",
        _checks.where(lambda status: status.lower() in {"active", "unpublished", "published"}, "status"),
        "status",
        habitual=True,
    ),
    trap(
        "course-active-never-unpublishes",
        "{column} does not unpublish a course that is available.",
        "On an available course unpublished changes nothing, as active does.",
        "Unpublish in Canvas.",
        _checks.where(lambda status: status.lower() == "unpublished", "status"),
        "status",
    ),
    replace(
        cleared("course-integration-id-cleared", "integration_id"),
        sentence="{column} is blank or missing, which erases the stored value in some versions of Canvas.",
        why="Canvas clears the value without a message; newer versions are said to keep that of a course.",
    ),
    trap(
        "course-dates-blank",
        "{column} is blank.",
        "A blank date clears the stored one in some versions of Canvas and keeps it in others.",
        "Leave the column out to keep dates, write <delete> to clear one.",
        _checks.blank_cell("start_date", "end_date"),
        "start_date",
        "end_date",
        habitual=True,
    ),
)

SECTION = of(
    "section",
    dates_possible("section-date-bad"),
    required("section-id-blank", "section-course-id-blank"),
    Rule(
        "section-name-blank",
        Severity.ERROR,
        "{column} is blank.",
        REFUSED,
        "Fill name in the export.",
        check=_checks.among(_checks.blank("name"), _starting_active),
        basic=True,
        columns=("name",),
    ),
    must_be_word("section-status-bad"),
    Rule(
        "section-dates-reversed",
        Severity.ERROR,
        DATES_REVERSED,
        REFUSED,
        "Correct the dates.",
        check=_checks.dates_reversed,
        columns=("end_date",),
    ),
    not_longer("section-too-long", "section_id", "name"),
    not_longer("section-integration-id-too-long", "integration_id", severity=Severity.FATAL),
    unknown("section-course-unknown"),
    trap(
        "section-moves",
        "{column} is a section that an earlier row has in another course.",
        "A section is in one course: the later row moves it there with its enrollments, and ids must be unique.",
        "Give each section an id of its own.",
        None,
        "section_id",
    ),
    claimed_twice("section-integration-id-taken", "an integration id", "integration_id"),
    cleared("section-dates-cleared", "start_date", "end_date"),
    cleared("section-integration-id-cleared", "integration_id"),
)

XLIST = of(
    "xlist",
    required("xlist-course-id-blank", "xlist-section-id-blank"),
    must_be_word("xlist-status-bad"),
    unknown("xlist-section-unknown"),
    unknown(
        "xlist-creates-course",
        why="Canvas makes an unpublished course of that id, silently.",
        error_if_complete=False,
    ),
)
