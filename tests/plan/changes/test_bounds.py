"""What Canvas can report at most: rows by kind, and removals by its own words where these have a bound."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.predictions import SET, Files, delivery

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.plan.changes.batch_mode import predict_batch_mode
from canvas_sis_sync.plan.changes.bounds import planned
from canvas_sis_sync.plan.changes.canvas_diffing import DiffBase, predict_diffing
from canvas_sis_sync.plan.changes.comparing import compare
from canvas_sis_sync.plan.changes.effects import predict_plain
from canvas_sis_sync.plan.values import Changes, Effect, KindChanges, Mode, Planned, Prediction

USERS = "user_id,login_id,status\n"
COURSES = "course_id,short_name,long_name,term_id,status\n"
ENROLLED = "course_id,user_id,role,status\n"
FULL: Files = {
    "c.csv": f"{COURSES}C1,s,l,T,active\nC2,s,l,T,active\n",
    "s.csv": "section_id,course_id,name,status\nS1,C1,n,active\nS2,C2,n,active\n",
    "u.csv": f"{USERS}U1,a,active\nU2,b,active\nU3,c,deleted\n",
    "e.csv": f"{ENROLLED}C1,U1,student,active\nC1,U2,student,active\nC2,U1,student,active\nC2,U2,student,completed\n",
}
EVERY_WORD = {
    *("Account", "EnrollmentTerm", "AbstractCourse", "Course", "CourseSection", "Pseudonym", "Enrollment"),
    *("AccountUser", "UserObserver", "GroupCategory", "Group"),
}


def bounds_of_plain(now: Files, asked: Mapping[str, str] | None = None, before: Files = FULL) -> Planned:
    changes = compare(delivery(before), delivery(now))
    return planned(changes, predict_plain(changes, ImportOptions(asked or {})))


def bounds_of_diffed(now: Files, asked: Mapping[str, str] | None = None, before: Files = FULL) -> Planned:
    base = delivery(before)
    changes = compare(base, delivery(now))
    return planned(
        changes,
        predict_diffing(delivery(now), DiffBase(1, base, True), ImportOptions({**SET, **(asked or {})}), changes),
    )


def test_rows_are_bounded_by_the_files_or_their_difference() -> None:
    gone = {"u.csv": f"{USERS}U1,a,active\nU2,x,active\n"}
    absent = {"course": 0, "section": 0, "enrollment": 0}
    assert bounds_of_plain(gone).rows == {**absent, "user": 2}
    assert bounds_of_diffed(gone).rows == {**absent, "user": 2}  # one changed, one written as deleted


def test_a_threshold_is_expected_where_the_prediction_has_one() -> None:
    gone = {"u.csv": f"{USERS}U1,a,active\n"}
    assert bounds_of_diffed(gone).threshold is False
    assert bounds_of_diffed(gone, {"diff_row_count_threshold": "1"}).threshold is True
    assert bounds_of_diffed(gone, {"change_threshold": "1"}).threshold is True
    assert planned(Changes(), Prediction(base_known=False)).threshold is None


def test_where_nothing_ends_every_word_is_bounded_by_0_but_those_that_no_row_names() -> None:
    bounds = bounds_of_plain({"e.csv": f"{ENROLLED}C1,U1,student,active\n"})
    assert bounds.removals == dict.fromkeys(EVERY_WORD, 0)


def test_rows_whose_status_ends_something_count_when_they_are_sent() -> None:
    assert bounds_of_plain(FULL).removals["Pseudonym"] == 1
    assert bounds_of_plain(FULL, {"skip_deletes": "true"}).removals["Pseudonym"] == 0
    assert bounds_of_plain(FULL, {"skip_deletes": "true"}).removals["Enrollment"] == 1
    assert bounds_of_diffed(FULL).removals["Pseudonym"] == 0


def test_a_difference_has_no_more_ends_than_rows_that_are_new_or_changed() -> None:
    turned = {**FULL, "u.csv": f"{USERS}U1,a,active\nU2,b,deleted\nU3,c,deleted\n"}
    assert bounds_of_diffed(turned).removals["Pseudonym"] == 1
    assert bounds_of_plain(turned).removals["Pseudonym"] == 2


def test_rows_that_are_gone_count_even_when_they_had_ended() -> None:
    """They are written as deleted once more, and somebody may have restored what they name (DIFF 4)."""
    gone = {**FULL, "u.csv": f"{USERS}U1,a,active\n"}
    assert bounds_of_diffed(gone).removals["Pseudonym"] == 2
    assert bounds_of_diffed(gone, {"skip_deletes": "true"}).removals["Pseudonym"] == 0


def test_what_hangs_on_a_course_goes_with_it() -> None:
    deleted = {**FULL, "c.csv": f"{COURSES}C1,s,l,T,deleted\nC2,s,l,T,active\n"}
    removals = bounds_of_plain(deleted).removals
    assert (removals["Course"], removals["CourseSection"], removals["Enrollment"]) == (1, 1, 1 + 2)
    batch_mode = {"batch_mode": "true", "batch_mode_term_id": "sis_term_id:T"}
    changes = compare(delivery(FULL), delivery({"c.csv": f"{COURSES}C1,s,l,T,active\n"}))
    removals = planned(changes, predict_batch_mode(changes, ImportOptions(batch_mode))).removals
    assert (removals["Course"], removals["CourseSection"], removals["Enrollment"]) == (1, 1, 2)


def effects(**ending: int) -> Prediction:
    return Prediction(tuple(Effect(kind, Mode.WHOLE, "", ending=count) for kind, count in ending.items()))


@pytest.mark.parametrize(
    ("ending", "unbounded"),
    [
        ({"user": 1}, {"AccountUser", "UserObserver", "Enrollment"}),
        ({"user_observer": 1}, {"Enrollment"}),
        ({"account": 1}, {"AccountUser", "GroupCategory", "Group"}),
        ({"course": 1}, {"GroupCategory", "Group", "CourseSection", "Enrollment"}),
        ({"group_category": 1}, {"Group"}),
        ({"term": 1, "admin": 1, "group": 1, "enrollment": 1}, set()),
    ],
)
def test_a_word_has_no_bound_where_more_may_go_along_than_was_counted(
    ending: Mapping[str, int], unbounded: set[str]
) -> None:
    too_many = Changes(dependants={"section": None, "enrollment": None})
    assert EVERY_WORD - planned(too_many, effects(**ending)).removals.keys() == unbounded


def test_what_was_counted_is_added() -> None:
    counted = Changes(dependants={"section": 3, "enrollment": 40})
    removals = planned(counted, effects(course=1, section=2, enrollment=5)).removals
    assert (removals["CourseSection"], removals["Enrollment"]) == (5, 45)


def test_a_completed_course_takes_nothing_along() -> None:
    completed = {"c.csv": f"{COURSES}C1,s,l,T,completed\nC2,s,l,T,active\n"}
    removals = bounds_of_plain(completed).removals
    assert (removals["Course"], removals["Enrollment"]) == (1, 0)


def test_a_row_that_is_expected_to_be_refused_in_batch_mode_may_take_its_object_along() -> None:
    changes = Changes(kinds=(KindChanges("course"), KindChanges("section"), KindChanges("enrollment")))
    effects = tuple(Effect(kind, Mode.WHOLE, "", rows=10) for kind in ("course", "section", "enrollment"))
    bounds = planned(changes, Prediction(effects), {"enrollment": 3}).removals
    assert (bounds["Course"], bounds["CourseSection"], bounds["Enrollment"]) == (0, 0, 3)
    without_what_hangs_on_it = planned(changes, Prediction(effects), {"course": 1}).removals
    assert without_what_hangs_on_it["Course"] == 1
    assert without_what_hangs_on_it.keys().isdisjoint({"CourseSection", "Enrollment"})
