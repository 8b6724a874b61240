"""Rows that are new and end something at once: counted by word, and where they belong."""

from __future__ import annotations

import pytest
from support.tables import delivery

from canvas_sis_sync.plan.changes import _kinds
from canvas_sis_sync.plan.changes.comparing import compare
from canvas_sis_sync.plan.values import Changes, GroupChanges, KindChanges

COURSES = "course_id,short_name,account_id,term_id,status\nc1,C,A1,S31,active\nc2,C,A2,F31,active\n"
SECTIONS = "section_id,course_id,name,status\ns1,c1,S,active\ns2,c2,S,active\n"
ENROLLMENTS = "section_id,user_id,role,status\n"
PEOPLE = "".join(f"s{1 + number % 2},u{number},student,active\n" for number in range(8))


def compared(before: str, now: str) -> tuple[Changes, KindChanges]:
    both = (delivery(c=COURSES, e=ENROLLMENTS + before, s=SECTIONS), delivery(c=COURSES, s=SECTIONS, e=now))
    changes = compare(*both)
    found = changes.of("enrollment")
    assert found is not None
    return changes, found


def test_the_same_people_under_another_key_are_counted_when_they_come_deleted() -> None:
    """Canvas takes Student for student, and diffing does not."""
    changes, found = compared(PEOPLE, ENROLLMENTS + PEOPLE.replace("student,active", "Student,deleted"))
    assert (found.added, found.removed, found.turned, found.added_ending) == (8, 8, {}, {"deleted": 8})
    assert [group for group in changes.groups if group.kind == "enrollment"] == [
        GroupChanges("term", "F31", "enrollment", 4, 4, turned=4, removed_by_term={"F31": 4}),
        GroupChanges("term", "S31", "enrollment", 4, 4, turned=4, removed_by_term={"S31": 4}),
    ]


def test_only_new_rows_that_end_something_are_counted_by_their_word() -> None:
    came = "s1,n1,student,active\ns1,n2,student,Completed\ns1,n3,student,inactive\ns2,n4,ta,completed\n"
    turned = PEOPLE.replace("u0,student,active", "u0,student,deleted")
    changes, found = compared(PEOPLE, ENROLLMENTS + turned + came)
    assert found.added_ending == {"completed": 2, "inactive": 1}
    assert found.turned == {"deleted": 1}
    assert {group.name: group.turned for group in changes.groups if group.kind == "enrollment"} == {"S31": 3, "F31": 1}


def test_new_rows_are_placed_by_the_columns_that_they_have_now() -> None:
    now = f"course_id,{ENROLLMENTS}" + "".join(f",{row}\n" for row in PEOPLE.splitlines()) + "c2,,n1,ta,deleted\n"
    changes, found = compared(PEOPLE, now)
    assert found.added_ending == {"deleted": 1}
    assert [(group.name, group.turned) for group in changes.groups if group.kind == "enrollment"] == [("F31", 1)]


def test_new_rows_have_a_course_by_their_section_though_the_old_ones_named_it() -> None:
    named = "".join(f"c{1 + number % 2},u{number},student,active\n" for number in range(8))
    before = delivery(c=COURSES, s=SECTIONS, e=f"course_id,user_id,role,status\n{named}")
    now = delivery(c=COURSES, s=SECTIONS, e=f"{ENROLLMENTS}{PEOPLE}s1,n1,ta,deleted\n")
    found = [group for group in compare(before, now).groups if group.kind == "enrollment"]
    assert {group.name: group.turned for group in found} == {"F31": 0, "S31": 1}


def test_a_status_that_only_the_new_delivery_has_a_column_for_counts() -> None:
    bare = "".join(f"{row.rsplit(',', 1)[0]}\n" for row in PEOPLE.splitlines())
    before = delivery(e=f"section_id,user_id,role\n{bare}")
    found = compare(before, delivery(e=f"{ENROLLMENTS}{PEOPLE}s1,n1,ta,deleted\n")).of("enrollment")
    assert found is not None
    assert found.added_ending == {"deleted": 1}


def test_of_a_repeated_key_the_last_row_counts() -> None:
    came = "s1,n1,ta,deleted\ns1,n1,ta,active\ns1,n2,ta,active\ns1,n2,ta,deleted\n"
    assert compared(PEOPLE, ENROLLMENTS + PEOPLE + came)[1].added_ending == {"deleted": 1}


def test_a_kind_without_a_status_has_none() -> None:
    changes = compare(delivery(r="old_id,new_id,type\n"), delivery(r="old_id,new_id,type\na,b,user\n"))
    assert [(each.added, each.added_ending) for each in changes.kinds] == [(1, {})]


def test_two_processes_count_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    now = ENROLLMENTS + PEOPLE.replace("student", "Student").replace("active", "deleted")
    alone = compared(PEOPLE, now)
    for name in ("MEMORY_BYTES", "LEAST_FORKED_BYTES"):
        monkeypatch.setattr(_kinds, name, 0)
    monkeypatch.setattr(_kinds, "BUCKET_BYTES", 20)
    assert compared(PEOPLE, now) == alone
