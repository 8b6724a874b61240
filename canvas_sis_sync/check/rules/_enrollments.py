"""The rules of enrollments, in Canvas's order (CSV 10.10)."""

from __future__ import annotations

from collections.abc import Iterable

from canvas_sis_sync.check import _checks
from canvas_sis_sync.check._ids import is_observer
from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.check._rule import Check, Hit, Rule, Severity
from canvas_sis_sync.check.rules import _makers as make

BUILT_IN = frozenset({"teacher", "ta", "observer", "designer", "student"})
"""Words for roles that Canvas takes in any case."""
TYPES = frozenset(
    {"StudentEnrollment", "TeacherEnrollment", "TaEnrollment", "ObserverEnrollment", "DesignerEnrollment"}
)
"""The names of the same roles in Canvas itself, which it takes in exactly this form."""


@_checks.of_columns("associated_user_id")
def _observes_self(rows: Rows) -> Iterable[Hit]:
    """Find observers of themselves; a role_id may stand for another role, an integration id for another user."""
    observing = {role for role in rows.distinct("role") if is_observer(role)}
    if not observing or not rows.has("associated_user_id"):
        return
    users, associated = rows.column("user_id"), rows.column("associated_user_id")
    integration, role_ids = rows.column("user_integration_id"), rows.column("role_id")
    for place in rows.places("role", observing):
        same = users[place] and users[place] == associated[place]
        if same and not integration[place] and not role_ids[place]:
            yield place, "associated_user_id"


def _unknown_role(*, like_student: bool) -> Check:
    """Find roles that are neither built in nor known, with no role_id to help."""

    @_checks.of_columns("role")
    def check(rows: Rows) -> Iterable[Hit]:
        known = TYPES | (rows.options.roles or frozenset())
        wrong = {
            role
            for role in rows.distinct("role")
            if role and role.lower() not in BUILT_IN and role not in known
            if role.lower().startswith("student") is like_student
        }
        places = rows.places("role", wrong)
        if places and rows.has("role_id"):
            role_ids = rows.column("role_id")
            places = [place for place in places if not role_ids[place]]
        return [(place, "role") for place in places]

    return check


ENROLLMENT = make.rules_for(
    "enrollment",
    make.dates_possible("enrollment-date-bad"),
    make.must_fill("enrollment-context-blank", "course_id", "section_id"),
    make.must_fill("enrollment-user-blank", "user_id", "user_integration_id"),
    make.must_be_word("enrollment-status-bad"),
    make.unknown("enrollment-user-unknown"),
    Rule(
        "enrollment-course-and-section-unknown",
        "Neither the course nor the section is in this delivery; Canvas has to know one of them already.",
        f"If Canvas knows neither: {make.REFUSED}",
        "Export the course or section too, or correct the id.",
        error_if_complete=True,
    ),
    make.unknown("enrollment-section-unknown"),
    make.unknown("enrollment-course-unknown"),
    Rule(
        "enrollment-section-not-in-course",
        "section_id is a section of another course than {column} names, by the last row about it.",
        "Canvas refuses the row, unless the section is cross-listed there already or its course was set by hand.",
        "Correct one of the two, or leave course_id blank.",
        columns=("course_id",),
    ),
    make.must_fill("enrollment-role-missing", "role", "role_id", basic=False),
    Rule(
        "enrollment-role-unknown",
        "{column} is no built-in role and none of the known custom roles.",
        "Canvas refuses the row unless the course's account or one above it has a role of exactly this name. The"
        " root account does not list the roles of its sub-accounts.",
        "Correct the role, or name the custom roles in SIS_SYNC_ROLES.",
        check=_unknown_role(like_student=False),
    ),
    make.unknown("enrollment-associated-user-unknown"),
    make.unknown("enrollment-temporary-source-unknown"),
    Rule(
        "enrollment-observes-self",
        "{column} is the observer.",
        make.REFUSED,
        "Correct the id of the student who is observed.",
        check=_observes_self,
        severity=Severity.ERROR,
    ),
    Rule(
        "enrollment-deleted-user",
        "{column} is a user whom this delivery deletes.",
        "Canvas stores the enrollment as deleted and leaves a message.",
        "Take the enrollment out, or keep the user.",
        columns=("user_id", "user_integration_id"),
    ),
    Rule(
        "enrollment-both-deleted",
        "Rows delete enrollments of users whom this delivery deletes.",
        "From the second time on newer versions of Canvas leave a message for each, older ones pass over them.",
        "Leave such rows out once they have been sent.",
    ),
    Rule(
        "enrollment-validation",
        "{column} is a course or section that this delivery deletes.",
        "Canvas refuses to enroll anybody there.",
        "Take the enrollment out, or keep the course or section.",
        columns=("course_id", "section_id"),
    ),
    Rule(
        "enrollment-student-prefix",
        "{column} begins with student and is no known custom role.",
        "Canvas takes an unknown role of such a name for an ordinary student, without a message.",
        "Write student, or a custom role by its exact name.",
        check=_unknown_role(like_student=True),
    ),
    Rule(
        "enrollment-delete-wins",
        "An earlier row is about the same enrollment, and one of the two deletes it.",
        "Canvas carries out deletions last, whatever the order of the rows.",
        "Export one row for each enrollment.",
    ),
    make.cleared("enrollment-dates-cleared", *make.DATES),
    Rule(
        "enrollment-root-account-dropped",
        "{column} is filled.",
        "A Canvas without the consortium plug-in drops the row, without a message.",
        "Leave it blank unless the account belongs to a consortium.",
        check=_checks.filled("root_account"),
    ),
)
