"""Batch mode's candidates for deletion: DIFF 9 to 11 row by row, predicted and then done by the sandbox."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from support.predictions import Files, Seen, assert_within_bounds, delivery, import_and_look
from support.sandbox_client import Client

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.canvas.records import AbortKind
from canvas_sis_sync.plan.changes.batch_mode import predict_batch_mode
from canvas_sis_sync.plan.changes.comparing import compare
from canvas_sis_sync.plan.changes.effects import predict_plain
from canvas_sis_sync.plan.values import Changes, Mode, Prediction

TERMS = "term_id,name,status\n"
COURSES = "course_id,short_name,long_name,term_id,status\n"
SECTIONS = "section_id,course_id,name,status\n"
USERS = "user_id,login_id,status\n"
ENROLLED = "section_id,user_id,role,status\n"
XLISTED = "xlist_course_id,section_id,status\n"

T_COURSES, T_SECTIONS = "C1,s,l,T,active\nC2,s,l,T,active\n", "S1,C1,n,active\nS2,C2,n,active\n"
T_ENROLLED = "S1,U1,student,active\nS1,U2,student,completed\nS2,U1,student,inactive\nS2,U2,teacher,active\n"
FULL: Files = {
    "t.csv": f"{TERMS}T,Autumn,active\nT2,Spring,active\n",
    "c.csv": f"{COURSES}{T_COURSES}C3,s,l,T2,active\nC4,s,l,,active\n",
    "s.csv": f"{SECTIONS}{T_SECTIONS}S3,C3,n,active\nS4,C4,n,active\n",
    "u.csv": f"{USERS}U1,l1,active\nU2,l2,active\n",
    "e.csv": f"{ENROLLED}{T_ENROLLED}S3,U1,student,active\nS4,U1,student,active\nS4,U2,student,deleted\n",
}
"""Two courses with two enrollments each in term T, one course with one in T2 and in the default term."""
ONE_TERM = {"batch_mode": "true", "batch_mode_term_id": "sis_term_id:T"}
MULTI = {"multi_term_batch_mode": "true", "change_threshold": "100"}
IMPORTED, WITH_MESSAGES, ABORTED = "imported", "imported_with_messages", "aborted"


def removed(course: int | None = None, section: int | None = None, enrollment: int | None = None) -> dict[str, int]:
    """Name what is deleted of each kind that is supplied."""
    counts = {"course": course, "section": section, "enrollment": enrollment}
    return {kind: count for kind, count in counts.items() if count is not None}


@dataclass(frozen=True)
class Case:
    """What is sent after `FULL` (or `before`), and what batch mode deletes by what we know."""

    now: Files
    expected: Mapping[str, int]
    asked: Mapping[str, str] = field(default_factory=lambda: ONE_TERM)
    before: Files = field(default_factory=lambda: FULL)
    #: By kind what Canvas deletes, where that is not what we know.
    done: Mapping[str, int] | None = None
    #: Enrollments that are deleted along with their section or course.
    along: int = 0
    state: str = IMPORTED
    aborted: AbortKind | None = None
    #: False where Canvas deletes more than we know of.
    bounded: bool = True


CASES = {
    "9: enrollments not deleted, completed and inactive ones included": Case(
        {"e.csv": ENROLLED}, removed(enrollment=4)
    ),
    "9: enrollments in the term only": Case({"e.csv": f"{ENROLLED}S1,U1,student,active\n"}, removed(enrollment=3)),
    "9: enrollments already in the drop status are left out": Case(
        {"e.csv": ENROLLED},
        removed(enrollment=4),
        {**ONE_TERM, "batch_mode_enrollment_drop_status": "completed"},
        done=removed(enrollment=3),
    ),
    "9: batch_mode_enrollment_drop_status inactive": Case(
        {"e.csv": f"{ENROLLED}S2,U1,student,inactive\n"},
        removed(enrollment=3),
        {**ONE_TERM, "batch_mode_enrollment_drop_status": "inactive"},
    ),
    "9: sections, whose enrollments go along": Case(
        {"s.csv": f"{SECTIONS}S1,C1,n,active\n"}, removed(section=1), along=2
    ),
    "9: courses, whose enrollments go along whatever the drop status": Case(
        {"c.csv": f"{COURSES}C1,s,l,T,active\n"},
        removed(course=1),
        {**ONE_TERM, "batch_mode_enrollment_drop_status": "completed"},
        along=2,
    ),
    "9: enrollments, sections, courses": Case(
        {"c.csv": COURSES, "s.csv": SECTIONS, "e.csv": ENROLLED}, removed(2, 2, 4)
    ),
    "9: a header-only file counts as supplied": Case({"c.csv": COURSES}, removed(course=2), along=4),
    "9: a zero-byte file does not count": Case({"e.csv": "", "u.csv": FULL["u.csv"]}, removed()),
    "9: none of the kinds course, section, enrollment was supplied": Case({"u.csv": USERS}, removed()),
    "9: users are never deleted": Case({"u.csv": USERS, "e.csv": FULL["e.csv"]}, removed(enrollment=0)),
    "9: it runs although a file was refused, its rows are deleted": Case(
        {"1.csv": f"{ENROLLED}{T_ENROLLED[:21]}", "2.csv": f'{ENROLLED}S2,U2,"teacher,active\n'},
        removed(enrollment=3),
        state="failed_with_messages",
    ),
    "9: it runs although rows were refused, and a refused row does not touch its object": Case(
        {"e.csv": f"{ENROLLED}{T_ENROLLED.replace('teacher', 'wizard')}"},
        removed(enrollment=1),  # its key has changed
        state=WITH_MESSAGES,
    ),
    "9: a row refused for its status is deleted, too": Case(
        {"e.csv": f"{ENROLLED}{T_ENROLLED.replace('teacher,active', 'teacher,nonsense')}"},
        removed(enrollment=0),
        done=removed(enrollment=1),
        state=WITH_MESSAGES,
        bounded=False,
    ),
    "9: rows ignored because of skip_deletes do not touch their objects": Case(
        {"e.csv": f"{ENROLLED}{T_ENROLLED.replace('teacher,active', 'teacher,deleted')}"},
        removed(enrollment=0),
        {**ONE_TERM, "skip_deletes": "true"},
        done=removed(enrollment=1),
        bounded=False,
    ),
    "9: a row for an unchanged object touches it": Case({"e.csv": FULL["e.csv"]}, removed(enrollment=0)),
    "9: a course mentioned only in sections is not touched": Case(
        {"c.csv": f"{COURSES}C1,s,l,T,active\n", "s.csv": FULL["s.csv"]}, removed(course=1, section=0), along=2
    ),
    "9: a section mentioned only in xlists is not touched": Case(
        {"s.csv": f"{SECTIONS}S1,C1,n,active\n", "x.csv": f"{XLISTED}C3,S2,active\n"}, removed(section=1), along=2
    ),
    "9: objects renamed by change_sis_id in the same import are touched": Case(
        {
            "r.csv": "old_id,new_id,type\nC1,C9,course\n",
            "c.csv": f"{COURSES}C9,s,l,T,active\nC2,s,l,T,active\n",
        },
        removed(course=1),
        done=removed(course=0),
    ),
    "9: a course whose term is unknown sits in the default term": Case(
        {"c.csv": COURSES}, removed(course=1), {"batch_mode": "true", "batch_mode_term_id": "default"}, along=1
    ),
    "9: a course without a term keeps its old one and is judged there": Case(
        {"c.csv": f"{COURSES}C1,s,l,,active\nC2,s,l,,active\n", "s.csv": SECTIONS},
        removed(course=0, section=2),
        along=4,
    ),
    "9: a course that moves into the term is judged there": Case(
        {"c.csv": f"{COURSES}{T_COURSES}C3,s,l,T,active\n", "s.csv": f"{SECTIONS}{T_SECTIONS}"},
        removed(course=0, section=1),
        along=1,
    ),
    "9: a course that moves out of the term is judged elsewhere": Case(
        {"c.csv": f"{COURSES}C1,s,l,T,active\nC2,s,l,T2,active\n", "s.csv": f"{SECTIONS}S1,C1,n,active\n"},
        removed(course=0, section=0),
    ),
    "9: a single term may be named by its integration id": Case(
        {"e.csv": ENROLLED},
        removed(enrollment=1),
        {"batch_mode": "true", "batch_mode_term_id": "sis_integration_id:I2"},
        before={**FULL, "t.csv": "term_id,name,status,integration_id\nT,Autumn,active,\nT2,Spring,active,I2\n"},
    ),
    "9: an exception in the clean-up: deleted_last_completed": Case(
        {"e.csv": ENROLLED},
        removed(enrollment=4),
        {**ONE_TERM, "batch_mode_enrollment_drop_status": "deleted_last_completed"},
        done=removed(),
        state="failed",
    ),
    "10: exactly the threshold still deletes": Case(
        {"e.csv": f"{ENROLLED}S1,U1,student,active\nS1,U2,student,completed\n"},
        removed(enrollment=2),
        {**ONE_TERM, "change_threshold": "50"},
    ),
    "10: above the threshold: aborted, rows imported, nothing deleted": Case(
        {"e.csv": f"{ENROLLED}S1,U1,student,active\n"},
        removed(enrollment=3),
        {**ONE_TERM, "change_threshold": "74"},
        done=removed(),
        state=ABORTED,
        aborted=AbortKind.THRESHOLD,
    ),
    "10: tested for all kinds before anything is deleted": Case(
        {"c.csv": FULL["c.csv"], "s.csv": SECTIONS},
        removed(course=0, section=2),
        {**ONE_TERM, "change_threshold": "50"},
        done=removed(),
        state=ABORTED,
        aborted=AbortKind.THRESHOLD,
    ),
    "10: 100 never stops": Case({"e.csv": ENROLLED}, removed(enrollment=4), {**ONE_TERM, "change_threshold": "100"}),
    "10: an empty scope never stops": Case(
        {"e.csv": ENROLLED},
        removed(enrollment=0),
        {"batch_mode": "true", "batch_mode_term_id": "sis_term_id:T3", "change_threshold": "0"},
        before={**FULL, "t.csv": f"{FULL['t.csv']!s}T3,Winter,active\n"},
    ),
    "11: all terms touched by the import": Case(
        {"t.csv": FULL["t.csv"], "e.csv": ENROLLED}, removed(enrollment=5), MULTI
    ),
    "11: only the terms touched, unchanged rows too": Case(
        {"t.csv": f"{TERMS}T2,Spring,active\n", "e.csv": ENROLLED}, removed(enrollment=1), MULTI
    ),
    "11: terms renamed through change_sis_id": Case(
        {"r.csv": "old_id,new_id,type\nT2,T9,Term\n", "e.csv": ENROLLED}, removed(enrollment=1), MULTI
    ),
    "11: a date override touches its term": Case(
        {"t.csv": "term_id,name,status,date_override_enrollment_type\nT2,,active,TaEnrollment\n", "e.csv": ENROLLED},
        removed(enrollment=1),
        MULTI,
    ),
    "11: a term row that is refused takes its term out of the scope": Case(
        {"t.csv": f"{TERMS}T,Autumn,nonsense\nT2,Spring,active\n", "e.csv": ENROLLED},
        removed(enrollment=1),
        MULTI,
        state=WITH_MESSAGES,
    ),
    "11: no touched term: aborted, nothing deleted": Case(
        {"e.csv": ENROLLED}, removed(enrollment=0), MULTI, done=removed(), state=ABORTED, aborted=AbortKind.NO_TERMS
    ),
    "11: the share is computed over all terms together": Case(
        {"t.csv": FULL["t.csv"], "e.csv": f"{ENROLLED}{T_ENROLLED}"},
        removed(enrollment=1),
        {**MULTI, "change_threshold": "20"},
    ),
    "11: a single term that is named wins": Case(
        {"t.csv": FULL["t.csv"], "s.csv": f"{SECTIONS}{T_SECTIONS}"}, removed(section=0), {**MULTI, **ONE_TERM}
    ),
}


def predict(before: Files, now: Files, asked: Mapping[str, str]) -> tuple[Changes, Prediction]:
    changes = compare(delivery(before), delivery(now))
    return changes, predict_batch_mode(changes, ImportOptions(asked))


def cleaned_up(seen: Seen) -> dict[str, int]:
    """Give what the clean-up deleted of each supplied kind, as Canvas reports it."""
    counts = seen.parsed.counts
    plurals = {"course": "courses", "section": "sections", "enrollment": "enrollments"}
    return {kind: counts[key] for kind, plural in plurals.items() if (key := f"batch_{plural}_deleted") in counts}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_canvas_deletes_what_is_predicted(client: Client, case: Case) -> None:
    changes, prediction = predict(case.before, case.now, case.asked)
    supplied = {effect.kind: effect.removed for effect in prediction.effects if effect.mode is Mode.WHOLE}
    assert {kind: supplied[kind] for kind in ("course", "section", "enrollment") if kind in supplied} == case.expected
    assert not any(effect.removed for effect in prediction.effects if effect.kind not in case.expected)
    assert client.run(dict(case.before))["workflow_state"] == IMPORTED
    seen = import_and_look(client, case.now, case.asked)
    assert seen.record["workflow_state"] == case.state
    assert not case.aborted or seen.parsed.abort_kind is case.aborted
    done = case.expected if case.done is None else case.done
    assert cleaned_up(seen) == done
    assert seen.moved == Counter(done) + Counter(enrollment=case.along)
    if case.bounded:
        assert_within_bounds(changes, prediction, seen)


def test_what_was_never_part_of_an_import_is_safe(client: Client) -> None:
    """Objects with a SIS id typed in by hand are safe until the first import that mentions them."""
    client.run(dict(FULL))
    with closing(sqlite3.connect(client.sandbox.database)) as connection, connection:
        connection.execute("UPDATE course SET batch = NULL WHERE root = ? AND sis_id = 'C1'", (client.account,))
    gone = {"c.csv": f"{COURSES}C2,s,l,T,active\n"}
    assert cleaned_up(import_and_look(client, gone, ONE_TERM)) == {"course": 0}
    client.run(dict(FULL))
    assert cleaned_up(import_and_look(client, gone, ONE_TERM)) == {"course": 1}


def test_a_false_multi_term_mode_deletes_nothing(client: Client) -> None:
    asked = {"multi_term_batch_mode": "false", "change_threshold": "100"}
    client.run(dict(FULL))
    assert cleaned_up(import_and_look(client, {"e.csv": ENROLLED}, asked)) == {}


@pytest.mark.parametrize("term", ["sis_term_id:", "sis_integration_id:unknown", "4711", "current"])
def test_where_the_term_cannot_be_told_everything_counts(term: str) -> None:
    asked = {"batch_mode": "true", "batch_mode_term_id": term}
    _, prediction = predict(FULL, {"e.csv": ENROLLED}, asked)
    assert prediction.scope is None
    assert prediction.of("enrollment").removed == 6


@pytest.mark.parametrize(
    ("asked", "terms"),
    [
        (ONE_TERM, {"T"}),
        ({"batch_mode": "TRUE", "batch_mode_term_id": "default"}, {""}),
        ({**ONE_TERM, "batch_mode": "false"}, None),
        ({**ONE_TERM, **MULTI}, {"T"}),
        (MULTI, {"T", "T2", "X", "Y"}),
        ({}, None),
    ],
)
def test_the_scope_is_in_sis_ids(asked: Mapping[str, str], terms: set[str] | None) -> None:
    renamed = "old_id,new_id,type\nX,Y,term\nC1,C2,course\n"
    rows = f"{TERMS}T,Autumn,active\nT2,Spring,Deleted\nT3,,active\n,x,active\nT4,x,\n"
    assert predict(FULL, {"r.csv": renamed, "t.csv": rows}, asked)[1].scope == terms


def test_each_kind_says_what_becomes_of_it() -> None:
    _, prediction = predict(FULL, {"e.csv": ENROLLED, "u.csv": USERS}, ONE_TERM)
    assert {effect.kind: effect.reason for effect in prediction.effects} == {
        "term": "not in this delivery",
        "course": "not in this delivery",
        "section": "not in this delivery",
        "user": "imported whole, batch mode does not delete this kind",
        "enrollment": "imported whole, what is missing from it is deleted",
    }


def test_without_batch_mode_and_diffing_nothing_is_removed() -> None:
    prediction = predict_plain(
        compare(delivery(FULL), delivery({"e.csv": ENROLLED, "u.csv": FULL["u.csv"]})), ImportOptions({})
    )
    assert {(effect.kind, effect.mode, effect.rows) for effect in prediction.effects if effect.mode is Mode.WHOLE} == {
        ("user", Mode.WHOLE, 2),
        ("enrollment", Mode.WHOLE, 0),
    }
    assert not any(effect.removed for effect in prediction.effects)
