"""What people have met, done by the sandbox as Canvas does it: silently, oddly, or with a message."""

from __future__ import annotations

import pytest
from support.sandbox_client import Client

from canvas_sis_sync.sandbox.sandbox import Sandbox

COURSES = "course_id,short_name,long_name,status\n" + "".join(f"{c},{c},{c},active\n" for c in ("C1", "C2", "X1"))
USERS = "user_id,login_id,status\nU1,ann,active\nU2,bob,active\n"
ENROLLMENTS = "course_id,section_id,user_id,role,status\n"
TERMS = "term_id,name,status,start_date,end_date\n"


@pytest.fixture
def client(shared: Sandbox) -> Client:
    return Client(shared, account=shared.add_account())


def term(client: Client, start: str, end: str) -> tuple[list[str], tuple[str | None, str | None]]:
    """Import a term and return what was said of it and its stored dates."""
    done = client.run({"t.csv": f"{TERMS}T1,Autumn,active,{start},{end}\n"})
    (stored,) = client.ask("GET", f"accounts/{client.account}/terms").json()["enrollment_terms"][1:]
    return [message for _, _, message in client.said(done["id"])], (stored["start_at"], stored["end_at"])


@pytest.mark.parametrize(
    ("start", "end", "messages", "stored"),
    [
        ("2031-08-20", "2031-12-20", 0, ("2031-08-20T00:00:00Z", "2031-12-20T00:00:00Z")),
        ("2031-08-20 00:00:00-06:00", "", 0, ("2031-08-20T06:00:00Z", None)),
        ("2031-08-20", "12/20/2031", 1, ("2031-08-20T00:00:00Z", None)),
        ("08/20/2031", "2031-12-20", 1, (None, None)),
        ("05/03/2031", "2031-02-30", 0, ("2031-03-05T00:00:00Z", "2031-03-02T00:00:00Z")),
        ("garbage", "NULL", 0, (None, None)),
        ("2031-13-01", "2031-14-01", 1, (None, None)),
    ],
)
def test_an_impossible_date_is_not_stored(
    client: Client, start: str, end: str, messages: int, stored: tuple[str | None, str | None]
) -> None:
    said, dates = term(client, start, end)
    assert (len(said), dates) == (messages, stored)


def test_each_impossible_date_of_a_course_leaves_a_message_of_its_own(client: Client) -> None:
    header = "course_id,short_name,long_name,status,start_date,end_date\n"
    done = client.run({"c.csv": f"{header}C1,C,C,active,08/20/2031,12/20/2031\n"})
    assert len(client.said(done["id"])) == 2
    assert done["data"]["counts"]["courses"] == 1


def test_dates_are_compared_as_moments(client: Client) -> None:
    header = "course_id,short_name,long_name,status,start_date,end_date\n"
    done = client.run({"c.csv": f"{header}C1,C,C,active,2031-08-20T00:00:00Z,2031-08-19\n"})
    assert "end_date is before start_date" in client.said(done["id"])[0][2]


def test_an_invisible_character_makes_another_id(client: Client) -> None:
    client.run({"u.csv": USERS, "c.csv": COURSES})
    done = client.run({"e.csv": f"{ENROLLMENTS}C1,,U1\u00a0,student,active\nC1,,\ufeffU2,student,active\n"})
    assert [row for _, row, _ in client.said(done["id"])] == [2, 3]


def test_a_word_for_no_value_is_an_id(client: Client) -> None:
    header = "course_id,short_name,long_name,status,account_id,integration_id\n"
    done = client.run({"c.csv": f"{header}C1,C,C,active,NULL,\nC2,C,C,active,,NULL\nC3,C,C,active,,NULL\n"})
    first, second = client.said(done["id"])
    assert "account_id 'NULL' leads to no account" in first[2]
    assert "integration_id 'NULL' belongs to another course" in second[2]


def test_a_mistyped_column_is_ignored_and_everybody_is_in_the_default_section(client: Client) -> None:
    sections = "section_id,course_id,name,status\nS1,C1,One,active\n"
    done = client.run(
        {
            "c.csv": COURSES,
            "s.csv": sections,
            "u.csv": USERS,
            "e.csv": "course_id,user_id,role,sectionid,status\nC1,U1,student,S1,active\n",
        }
    )
    assert done["workflow_state"] == "imported"
    again = client.run({"s.csv": sections.replace("active", "deleted")})
    assert again["data"]["statistics"]["Enrollment"]["deleted"] == 0


def test_rows_without_a_status_column_are_refused(client: Client) -> None:
    client.run({"u.csv": USERS, "c.csv": COURSES})
    done = client.run({"e.csv": "course_id,user_id,role\nC1,U1,student\nC1,U2,student\n"})
    assert [row for _, row, _ in client.said(done["id"])] == [2, 3]


def test_roles_are_known_by_the_names_that_canvas_has_for_them(client: Client) -> None:
    client.run({"u.csv": USERS, "c.csv": COURSES})
    roles = ("StudentEnrollment", "TeacherEnrollment", "Teacher", "Instructor", "studentview", "teacherenrollment")
    done = client.run({"e.csv": ENROLLMENTS + "".join(f"C1,,U1,{role},active\n" for role in roles)})
    assert [row for _, row, _ in client.said(done["id"])] == [5, 7]


def test_a_cross_listed_section_is_in_its_own_course_and_the_other_only(client: Client) -> None:
    done = client.run(
        {
            "c.csv": COURSES,
            "s.csv": "section_id,course_id,name,status\nS1,C1,One,active\nS2,C2,Two,active\n",
            "x.csv": "xlist_course_id,section_id,status\nX1,S1,active\n",
            "u.csv": USERS,
            "e.csv": f"{ENROLLMENTS}C2,S1,U1,ta,active\nC1,S1,U1,ta,active\nX1,S1,U2,ta,active\n",
        }
    )
    assert [(file, row) for file, row, _ in client.said(done["id"])] == [("e.csv", 2)]


def test_of_a_section_in_two_courses_the_last_row_counts(client: Client) -> None:
    done = client.run(
        {
            "c.csv": COURSES,
            "s.csv": "section_id,course_id,name,status\n1,C1,One,active\n1,C2,One,active\n",
            "u.csv": USERS,
            "e.csv": f"{ENROLLMENTS}C1,1,U1,ta,active\nC2,1,U1,ta,active\n",
        }
    )
    assert [(file, row) for file, row, _ in client.said(done["id"])] == [("e.csv", 2)]


def test_a_deleted_account_takes_no_course(client: Client) -> None:
    accounts = "account_id,parent_account_id,name,status\n"
    header = "course_id,short_name,long_name,status,account_id\n"
    client.run({"a.csv": f"{accounts}A,,A,active\n", "c.csv": f"{header}OLD,O,O,deleted,A\nELSEWHERE,E,E,active,\n"})
    client.run({"a.csv": f"{accounts}A,,,deleted\n"})
    done = client.run({"c.csv": f"{header}NEW,N,N,active,A\nOLD,O,O,active,A\nELSEWHERE,E,E,active,A\n"})
    assert [(row, message) for _, row, message in client.said(done["id"])] == [
        (3, "the account of the course is deleted")
    ]


def test_a_blank_integration_id_keeps_that_of_a_course(client: Client) -> None:
    header = "course_id,short_name,long_name,status,integration_id\n"
    client.run({"c.csv": f"{header}C1,C,C,active,I1\n"})
    client.run({"c.csv": f"{header}C1,C,C,active,\n"})
    done = client.run({"c.csv": f"{header}C2,C,C,active,I1\n"})
    assert "integration_id 'I1' belongs to another course" in client.said(done["id"])[0][2]


def test_a_deleted_enrollment_of_a_deleted_user_is_refused_when_it_is_sent_again(client: Client) -> None:
    files = {"u.csv": USERS.replace("bob,active", "bob,deleted"), "c.csv": COURSES}
    files["e.csv"] = f"{ENROLLMENTS}C1,,U2,student,deleted\n"
    assert client.run(files)["workflow_state"] == "imported"
    again = client.run(files)
    assert again["workflow_state"] == "imported_with_messages"
    assert again["data"]["counts"]["enrollments"] == 0


def test_an_enrollment_that_goes_with_its_user_passes_the_first_time(client: Client) -> None:
    client.run({"u.csv": USERS, "c.csv": COURSES, "e.csv": f"{ENROLLMENTS}C1,,U2,student,active\n"})
    gone = {"u.csv": USERS.replace("bob,active", "bob,deleted"), "e.csv": f"{ENROLLMENTS}C1,,U2,student,deleted\n"}
    assert client.run(gone)["workflow_state"] == "imported"
    assert client.run(gone)["workflow_state"] == "imported_with_messages"


def test_exact_duplicates_are_left_out_only_by_request_and_of_long_files(sandbox: Sandbox) -> None:
    client = Client(sandbox)
    rows = [f"U{number},l{number},active\n" for number in range(99)]
    text = "user_id,login_id,status\n" + "".join([rows[0], *rows, ",nobody,active\n"])
    usual = client.run({"users.csv": text})
    assert client.said(usual["id"])[0][:2] == ("users.csv", 102)
    sandbox.add_fault("deduplicate")
    shifted = client.run({"users.csv": text})
    assert client.said(shifted["id"])[0][:2] == ("users_deduplicated.csv", 101)
    assert shifted["data"]["counts"]["users"] == 99
    short = client.run({"users.csv": "user_id,login_id,status\n,a,active\n,a,active\n"})
    assert [place[:2] for place in client.said(short["id"])] == [("users.csv", 2), ("users.csv", 3)]
