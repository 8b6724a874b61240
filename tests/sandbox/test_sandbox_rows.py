"""Each row that is refused, and each that has an effect worth knowing, kind by kind."""

from __future__ import annotations

import contextlib
import sqlite3

import pytest
from support.sandbox_client import Client

from canvas_sis_sync.sandbox._store import TABLES
from canvas_sis_sync.sandbox.sandbox import Sandbox

LONG = "x" * 256
BASE = {
    "accounts.csv": "account_id,parent_account_id,name,status\n"
    "A,,Arts,active\nB,A,Ballet,active\nD,,Gone,active\nD,,,deleted\n",
    "terms.csv": "term_id,name,status\nT,Autumn,active\n",
    "courses.csv": "course_id,short_name,long_name,account_id,term_id,status,integration_id\n"
    "C1,One,Course one,A,T,active,I1\nC2,Two,Course two,,,active,\nC3,Three,Course three,,T,deleted,\n",
    "sections.csv": "section_id,course_id,name,status\nS1,C1,Section one,active\nS2,C2,Section two,active\n",
    "users.csv": "user_id,login_id,status,integration_id\n"
    "U1,ann,active,IU1\nU2,bob,active,\nU3,cyd,active,\nU9,del,deleted,\n",
    "enrollments.csv": "section_id,user_id,role,status\nS1,U1,student,active\n",
    "group_categories.csv": "group_category_id,category_name,course_id,status\nK1,Teams,C1,active\nK2,Clubs,,active\n",
    "groups.csv": "group_id,name,group_category_id,status\nG1,Red,K1,available\nG2,Blue,K1,available\n",
}


@pytest.fixture
def furnished(shared: Sandbox) -> Client:
    """A root account of its own with something in it."""
    return _furnish(shared)


def _furnish(shared: Sandbox) -> Client:
    client = Client(shared, account=shared.add_account())
    done = client.run(BASE)
    assert "processing_warnings" not in done, done["processing_warnings"]
    return client


def rows(client: Client, query: str) -> list[tuple[object, ...]]:
    """Ask the database as if it held the client's account only."""
    with contextlib.closing(sqlite3.connect(client.sandbox.database)) as connection:
        for table in set(TABLES.values()):
            connection.execute(f"CREATE TEMP VIEW {table} AS SELECT * FROM main.{table} WHERE root = {client.account}")
        return connection.execute(query).fetchall()


REFUSED = [
    ("old_id,new_id,type", "C1,X,", "type must not be blank"),
    ("old_id,new_id,type", ",X,course", "old_id and old_integration_id must not be blank"),
    ("old_id,new_id,type", "C1,,course", "new_id and new_integration_id must not be blank"),
    ("old_id,new_id,type", "C1,X,pupil", "type 'pupil' is none of"),
    ("old_id,new_id,new_integration_id,type", "K1,X,Y,group_category", "a group_category has no integration ids"),
    ("old_id,new_id,type", "C1,C2,course", "'C2' already belongs to another course"),
    ("old_id,new_id,type", "C8,X,course", "there is no course with the old id"),
    ("old_id,old_integration_id,new_id,type", "C2,I1,X,course", "do not lead to the same course"),
    ("account_id,parent_account_id,name,status", ",,N,active", "account_id must not be blank"),
    ("account_id,parent_account_id,name,status", "N,Z,N,active", "parent_account_id 'Z' leads to no account"),
    ("account_id,parent_account_id,name,status", "N,D,N,active", "leads to a deleted account"),
    ("account_id,parent_account_id,name,status", "B,D,N,deleted", "leads to a deleted account"),
    ("account_id,parent_account_id,name,status", "N,,,active", "name must not be blank"),
    ("account_id,parent_account_id,name,status", "N,,N,open", "status 'open' is none of active, deleted"),
    ("account_id,parent_account_id,name,status", "A,,,deleted", "that has an active account cannot be deleted"),
    ("account_id,parent_account_id,name,status", "A,B,,active", "would make a loop"),
    ("account_id,parent_account_id,name,status", "A,A,,active", "would make a loop"),
    ("account_id,parent_account_id,name,status", f"A,,{LONG},active", "name is longer than 255 characters"),
    ("term_id,name,status", ",N,active", "term_id must not be blank"),
    ("term_id,name,status", "N,N,", "status must not be blank"),
    ("term_id,name,status", "N,,active", "name must not be blank"),
    ("term_id,name,status", "T,N,deleted", "a term that has active courses cannot be deleted"),
    ("term_id,name,status,date_override_enrollment_type", "N,,active,TaEnrollment", "needs a term that exists"),
    ("term_id,name,status,date_override_enrollment_type", "T,,active,Pupil", "'Pupil' is none of"),
    ("course_id,short_name,long_name,status", ",s,l,active", "course_id must not be blank"),
    ("course_id,short_name,long_name,status", "N,,l,active", "short_name and abstract_course_id"),
    ("course_id,short_name,long_name,status", "N,s,,active", "long_name and abstract_course_id"),
    ("course_id,short_name,long_name,status", "N,s,l,open", "status 'open' is none of"),
    ("course_id,short_name,long_name,status,course_format", "N,s,l,active,radio", "course_format 'radio'"),
    ("course_id,short_name,long_name,status,account_id", "N,s,l,active,Z", "account_id 'Z' leads to no account"),
    (
        "course_id,short_name,long_name,status,start_date,end_date",
        "N,s,l,active,2026-09-02,2026-09-01",
        "end_date is before start_date",
    ),
    ("course_id,short_name,long_name,status,integration_id", "N,s,l,active,I1", "belongs to another course"),
    ("course_id,short_name,long_name,status", f"N,{LONG},l,active", "short_name is longer than"),
    ("section_id,course_id,name,status", ",C1,N,active", "section_id must not be blank"),
    ("section_id,course_id,name,status", "N,,N,active", "course_id must not be blank"),
    ("section_id,course_id,name,status", "N,C1,,active", "name must not be blank"),
    ("section_id,course_id,name,status", "N,C1,,deleted", "name must not be blank"),
    ("section_id,course_id,name,status", "N,C1,N,open", "status 'open' is none of"),
    ("section_id,course_id,name,status", "N,C8,N,active", "course_id 'C8' leads to no course"),
    ("xlist_course_id,section_id,status", ",S1,active", "xlist_course_id must not be blank"),
    ("xlist_course_id,section_id,status", "C2,,active", "section_id must not be blank"),
    ("xlist_course_id,section_id,status", "C2,S1,active-ish", "status 'active-ish' is none of"),
    ("xlist_course_id,section_id,status", "C2,S8,active", "section_id 'S8' leads to no section"),
    ("user_id,login_id,status", ",new,active", "user_id must not be blank"),
    ("user_id,login_id,status", "N,,active", "login_id must not be blank"),
    ("user_id,login_id,status", "N,new,", "status must not be blank"),
    ("user_id,login_id,status", "N,new,pending", "status 'pending' is none of"),
    ("user_id,login_id,status", "N,ANN,active", "login_id 'ANN' belongs to user_id 'U1'"),
    ("user_id,login_id,status", "U2,ann,active", "login_id 'ann' belongs to user_id 'U1'"),
    ("user_id,login_id,status", "N,n\0w,active", "a cell holds a NUL character"),
    ("user_id,login_id,status", f"N,{'x' * 101},active", "login_id is longer than 100 characters"),
    ("user_id,login_id,status", "N,n\u200bw,active", "login_id holds a character that cannot be printed"),
    ("user_id,login_id,status,integration_id", "N,new,active,IU1", "integration_id 'IU1' belongs to another user"),
    ("user_id,login_id,status,declared_user_type", "N,new,active,wizard", "declared_user_type 'wizard'"),
    ("user_id,login_id,status,authentication_provider_id", "N,new,active,NULL", "'NULL' is no provider"),
    ("user_id,login_id,status,email", "E,mail,active,no address", "email 'no address' is not one plain address"),
    ("user_id,login_id,status,full_name", f"N,new,active,{LONG}", "full_name is longer than 255"),
    ("user_id,login_id,existing_user_id", ",new,U1", "user_id must not be blank"),
    ("user_id,login_id,existing_user_id", "N,,U1", "login_id must not be blank"),
    ("user_id,login_id,existing_user_id", "N,new,", "existing_user_id and existing_integration_id and"),
    ("user_id,login_id,existing_user_id", "N,new,U8", "lead to no active login"),
    ("user_id,login_id,existing_canvas_user_id", "N,new,zero", "lead to no active login"),
    ("user_id,login_id,existing_user_id,existing_integration_id", "N,new,U2,IU1", "lead to no active login"),
    ("user_id,login_id,existing_user_id", "U2,new,U1", "there is a login with the user_id"),
    ("user_id,login_id,existing_user_id", "N,bob,U1", "there is a login with the user_id"),
    ("course_id,section_id,user_id,role,status", ",,U1,student,active", "course_id and section_id"),
    ("course_id,section_id,user_id,role,status", "C1,,,student,active", "user_id and user_integration_id"),
    ("course_id,section_id,user_id,role,status", "C1,,U1,student,enrolled", "status 'enrolled' is none of"),
    ("course_id,section_id,user_id,role,status", "C1,,U8,student,active", "user_id 'U8' leads to no user"),
    ("course_id,section_id,user_id,role,status", "C8,,U1,student,active", "course_id 'C8' leads to no course"),
    ("course_id,section_id,user_id,role,status", "C1,S8,U1,student,active", "section_id 'S8' leads to no section"),
    ("course_id,section_id,user_id,role,status", "C2,S1,U1,student,active", "is no section of that course_id"),
    ("course_id,section_id,user_id,role,status", "C1,S1,U1,,active", "role and role_id must not be blank"),
    ("course_id,section_id,user_id,role,status", "C1,S1,U1,wizard,active", "role 'wizard' is no role"),
    ("course_id,section_id,user_id,role,status", "C3,,U1,student,active", "the course or section is deleted"),
    ("course_id,section_id,user_id,role,status", "C1,S1,U9,student,active", "stored as deleted"),
    ("course_id,user_id,role_id,status", "C1,U1,987,active", "role_id '987' is no role"),
    ("course_id,user_integration_id,role,status", "C1,NONE,student,active", "leads to no user"),
    ("course_id,user_id,role,status,associated_user_id", "C1,U1,observer,active,U1", "observe themselves"),
    ("course_id,user_id,role,status,associated_user_id", "C1,U1,observer,active,U8", "'U8' leads to no user"),
    ("account_id,user_id,role,status", "A,,AccountAdmin,active", "user_id must not be blank"),
    ("account_id,user_id,role,status", "A,U1,AccountAdmin,", "status must not be blank"),
    ("account_id,user_id,role,status", "A,U1,,active", "role and role_id must not be blank"),
    ("account_id,user_id,role,status", "A,U1,AccountAdmin,activated", "status 'activated' is none of"),
    ("account_id,user_id,role,status", "D,U1,AccountAdmin,active", "leads to a deleted account"),
    ("account_id,user_id,role,status", "A,U1,StudentEnrollment,active", "is no account role"),
    ("account_id,user_id,role,status,root_account", "A,U1,AccountAdmin,active,x", "root_account 'x' is unknown"),
    ("account_id,user_id,role,status", "A,U9,AccountAdmin,active", "leads to a deleted user"),
    ("group_category_id,category_name,status", ",N,active", "group_category_id must not be blank"),
    ("group_category_id,category_name,status", "N,,active", "category_name must not be blank"),
    ("group_category_id,category_name,status", "N,N,open", "status 'open' is none of"),
    ("group_category_id,category_name,status", "N,Clubs,active", "another category there has the name 'Clubs'"),
    ("group_category_id,category_name,status", "K1,Teams,active", "has active groups cannot be moved"),
    ("group_category_id,category_name,account_id,course_id,status", "N,N,A,C1,active", "exclude each other"),
    ("group_id,name,status", ",N,available", "group_id must not be blank"),
    ("group_id,name,status", "N,,available", "name must not be blank"),
    ("group_id,name,status", "N,N,active", "status 'active' is none of"),
    ("group_id,name,course_id,status", "N,N,C8,available", "course_id 'C8' leads to no course"),
    ("group_id,name,group_category_id,status", "N,N,K8,available", "group_category_id 'K8' leads to no"),
    ("group_id,name,group_category_id,course_id,status", "N,N,K1,C2,available", "no category of that account or"),
    ("group_id,user_id,status", ",U1,accepted", "group_id must not be blank"),
    ("group_id,user_id,status", "G1,,accepted", "user_id must not be blank"),
    ("group_id,user_id,status", "G1,U1,active", "status 'active' is none of"),
    ("group_id,user_id,status", "G1,U8,accepted", "user_id 'U8' leads to no user"),
    ("group_id,user_id,status", "G8,U1,accepted", "group_id 'G8' leads to no group"),
    ("group_id,user_id,status", "G1,U2,accepted", "not enrolled in the group's course"),
    ("observer_id,student_id,status", "U1,,active", "student_id must not be blank"),
    ("observer_id,student_id,status", "U1,U2,actively", "status 'actively' is none of"),
]  # fmt: skip


@pytest.fixture(scope="module")
def refusals(shared: Sandbox) -> tuple[dict[str, object], list[tuple[str | None, int | None, str]]]:
    """One import of all of REFUSED, a file each, and what was said about it."""
    client = _furnish(shared)
    done = client.run({f"{n:03}.csv": f"{header}\n{cells}\n" for n, (header, cells, _) in enumerate(REFUSED)})
    return done, client.said(done["id"])


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=[complaint for _, _, complaint in REFUSED])
def test_a_row_that_canvas_would_refuse_is_refused(refusals, number: int) -> None:
    said = [(row, message) for file, row, message in refusals[1] if file == f"{number:03}.csv"]
    assert [row for row, _ in said] == [2]
    assert REFUSED[number][2] in said[0][1]


def test_refused_rows_are_not_counted(refusals) -> None:
    counts = refusals[0]["data"]["counts"]
    stored_all_the_same = {"enrollments": 1, "warning_count": len(REFUSED)}
    assert {name: count for name, count in counts.items() if count} == stored_all_the_same
    assert refusals[0]["workflow_state"] == "imported_with_messages"


TERM_OF_N = "SELECT t.name FROM course c JOIN term t ON t.id = c.term WHERE c.sis_id='N'"
COURSE_OF_ENROLLMENT = "SELECT c.sis_id FROM enrollment e JOIN course c ON c.id = e.course"
LOGINS_OF_U1 = "SELECT count(*) FROM login a JOIN login b ON a.user = b.user WHERE a.sis_id='L' AND b.sis_id='U1'"
ACCOUNT_OF_N = "SELECT a.sis_id FROM group_category g JOIN account a ON a.id = g.account WHERE g.sis_id='N'"


@pytest.mark.parametrize(
    ("header", "cells", "query", "found"),
    [
        ("old_id,new_id,type", "C1,CX,course", "SELECT count(*) FROM course WHERE sis_id = 'CX'", 1),
        (
            "old_integration_id,new_integration_id,type",
            "I1,<delete>,course",
            "SELECT count(*) FROM course WHERE integration_id = 'I1'",
            0,
        ),
        (
            "account_id,parent_account_id,name,status",
            "B,,,inactive",
            "SELECT count(*) FROM account WHERE sis_id='B' AND status='active'",
            1,
        ),
        (
            "term_id,name,status,date_override_enrollment_type",
            "T,,active,TaEnrollment",
            "SELECT name FROM term WHERE sis_id='T'",
            "Autumn",
        ),
        (
            "course_id,short_name,long_name,status",
            "C1,s,l,active-2024",
            "SELECT status FROM course WHERE sis_id='C1'",
            "active",
        ),
        (
            "course_id,short_name,long_name,status",
            "C1,s,l,Completed",
            "SELECT status FROM course WHERE sis_id='C1'",
            "completed",
        ),
        ("course_id,short_name,long_name,status", "C1,s,l,deleted", "SELECT status FROM enrollment", "deleted"),
        ("course_id,short_name,long_name,term_id,status", "N,s,l,unknown,active", TERM_OF_N, "Default Term"),
        ("section_id,course_id,name,status", "S1,C1,,deleted", "SELECT status FROM enrollment", "deleted"),
        ("section_id,course_id,name,status", "S1,C2,N,active", COURSE_OF_ENROLLMENT, "C2"),
        ("xlist_course_id,section_id,status", "C2,S1,active", COURSE_OF_ENROLLMENT, "C2"),
        (
            "xlist_course_id,section_id,status",
            "NEW,S1,active",
            "SELECT name FROM course WHERE sis_id = 'NEW'",
            "Course one",
        ),
        ("user_id,login_id,status", "U1,ann,Suspended", "SELECT status FROM login WHERE sis_id='U1'", "suspended"),
        ("user_id,login_id,status", "U1,ann,deleted-2024", "SELECT status FROM login WHERE sis_id='U1'", "active"),
        ("user_id,login_id,status", "U1,ann,deleted", "SELECT status FROM enrollment", "deleted"),
        (
            "user_id,login_id,status,first_name,last_name",
            "U1,ann,active,Ann,Lee",
            "SELECT name FROM login WHERE sis_id='U1'",
            "Ann Lee",
        ),
        ("user_id,login_id,existing_user_id", "L,second,U1", LOGINS_OF_U1, 1),
        (
            "course_id,user_id,role,status",
            "C1,U2,Teacher,active",
            "SELECT count(*) FROM enrollment WHERE role='TeacherEnrollment'",
            1,
        ),
        (
            "course_id,user_id,role,status",
            "C1,U2,student_worker,active",
            "SELECT count(*) FROM enrollment WHERE role='StudentEnrollment'",
            2,
        ),
        (
            "course_id,user_integration_id,role_id,status",
            "C1,IU1,2,inactive",
            "SELECT status FROM enrollment WHERE role='TeacherEnrollment'",
            "inactive",
        ),
        (
            "course_id,user_id,role,status,associated_user_id",
            "C1,U2,observer,active,U1",
            "SELECT count(*) FROM enrollment WHERE associated_user IS NOT NULL",
            1,
        ),
        (
            "section_id,user_id,role,status",
            "S1,U1,student,deleted_last_completed",
            "SELECT status FROM enrollment",
            "deleted",
        ),
        ("account_id,user_id,role,status", ",U1,AccountAdmin,active", "SELECT status FROM admin", "active"),
        ("account_id,user_id,role,status", ",U1,AccountAdmin,deleted", "SELECT count(*) FROM admin", 0),
        ("group_id,name,status", "G1,Red,Deleted", "SELECT status FROM group_ WHERE sis_id='G1'", "active"),
        ("group_id,name,status", "G1,Red,deleted", "SELECT status FROM group_ WHERE sis_id='G1'", "deleted"),
        ("group_category_id,category_name,account_id,status", "N,N,A,active", ACCOUNT_OF_N, "A"),
    ],
)
def test_a_row_has_its_effect(furnished: Client, header: str, cells: str, query: str, found: object) -> None:
    done = furnished.run({"rows.csv": f"{header}\n{cells}\n"})
    assert done["workflow_state"] == "imported", done.get("processing_warnings")
    assert rows(furnished, query)[0][0] == found


def test_a_cross_listing_can_be_taken_back(furnished: Client) -> None:
    header = "xlist_course_id,section_id,status\n"
    furnished.run({"xlists.csv": header + "C2,S1,active\n"})
    both = "course_id,section_id,user_id,role,status\nC1,S1,U2,student,active\nC2,S1,U3,student,active\n"
    assert furnished.run({"e.csv": both})["workflow_state"] == "imported"
    furnished.run({"xlists.csv": header + "C2,S1,deleted\n"})
    query = "SELECT DISTINCT c.sis_id FROM enrollment e JOIN course c ON c.id = e.course"
    assert rows(furnished, query) == [("C1",)]


def test_membership_of_a_category_is_exclusive(furnished: Client) -> None:
    furnished.run({"groups_membership.csv": "group_id,user_id,status\nG1,U1,accepted\nG2,U1,accepted\n"})
    query = "SELECT g.sis_id, m.status FROM group_membership m JOIN group_ g ON g.id = m.group_ ORDER BY 1"
    assert rows(furnished, query) == [("G1", "deleted"), ("G2", "accepted")]


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        ("user_id,login_id,status", "U9,del,deleted"),
        ("course_id,user_id,role,status,root_account", "C1,U1,student,active,other"),
        ("user_id,login_id,existing_user_id,root_account", "N,new,U1,other"),
        ("user_id,login_id,status", " , ,"),
    ],
)
def test_some_rows_are_dropped_in_silence(furnished: Client, header: str, cells: str) -> None:
    done = furnished.run({"rows.csv": f"{header}\n{cells}\n"})
    assert done["workflow_state"] == "imported"
    assert set(done["data"]["counts"].values()) == {0}


def test_deletions_are_skipped_when_asked(furnished: Client) -> None:
    text = "user_id,login_id,status\nU1,ann,deleted\nU2,bob,active\n"
    done = furnished.run({"users.csv": text}, skip_deletes="true")
    assert done["data"]["counts"]["users"] == 1
    assert done["data"]["statistics"]["total_state_changes"] == 0


def test_a_claimed_login_is_taken_over_when_asked(furnished: Client) -> None:
    text = "user_id,login_id,status\nNEW,ann,active\n"
    done = furnished.run({"users.csv": text}, update_sis_id_if_login_claimed="1")
    assert done["workflow_state"] == "imported"
    assert rows(furnished, "SELECT sis_id FROM login WHERE login_id = 'ann'") == [("NEW",)]


def test_custom_roles_are_known_by_their_exact_name(sandbox: Sandbox, client: Client) -> None:
    sandbox.add_role("Auditor")
    client.run(BASE)
    text = "course_id,user_id,role,status\nC1,U1,Auditor,active\nC1,U2,auditor,active\n"
    assert client.run({"e.csv": text})["data"]["counts"]["enrollments"] == 1


def test_impossible_dates_are_mentioned_and_the_row_is_applied(furnished: Client) -> None:
    text = "section_id,course_id,name,status,start_date\nS1,C1,N,active,2026-13-01\n"
    done = furnished.run({"s.csv": text})
    assert done["data"]["counts"]["sections"] == 1
    assert "'2026-13-01' is no possible date" in furnished.said(done["id"])[0][2]


def test_repeating_an_import_changes_nothing(furnished: Client) -> None:
    again = furnished.run(BASE)
    assert again["workflow_state"] == "imported"
    changes = again["data"]["statistics"]
    assert changes["Course"] == {"created": 0, "restored": 0, "deleted": 0, "concluded": 0}
    assert changes["Enrollment"]["created"] == 0


def test_statistics_tell_what_became_of_objects(furnished: Client) -> None:
    header = "section_id,user_id,role,status\n"
    seen = []
    for status in ("completed", "inactive", "deleted", "active"):
        done = furnished.run({"e.csv": f"{header}S1,U1,student,{status}\n"})
        numbers = done["data"]["statistics"]["Enrollment"]
        seen.append([name for name, count in numbers.items() if count])
    assert seen == [["concluded"], ["deactivated"], ["deleted"], ["restored"]]


def test_the_first_of_two_equal_columns_is_used(furnished: Client) -> None:
    done = furnished.run({"u.csv": "user_id,login_id,status,user_id\nNEW,new,active,OTHER\n"})
    assert done["data"]["counts"]["users"] == 1
    assert rows(furnished, "SELECT count(*) FROM login WHERE sis_id = 'OTHER'") == [(0,)]


def test_objects_that_are_there_are_counted_by_kind(client: Client) -> None:
    client.run(BASE)
    found = {kind: client.sandbox.count(kind) for kind in ("account", "term", "course", "section", "user", "group")}
    assert found == {"account": 2, "term": 1, "course": 2, "section": 2, "user": 3, "group": 2}
    assert client.sandbox.count("enrollment") == 1


def test_a_user_keeps_enrollments_until_the_last_login_is_gone(furnished: Client) -> None:
    furnished.run({"l.csv": "user_id,login_id,existing_user_id\nL,second,U1\n"})
    furnished.run({"u.csv": "user_id,login_id,status\nU1,ann,deleted\n"})
    assert rows(furnished, "SELECT status FROM enrollment") == [("active",)]
    furnished.run({"u.csv": "user_id,login_id,status\nL,second,deleted\n"})
    assert rows(furnished, "SELECT status FROM enrollment") == [("deleted",)]
