"""A college of one course."""

from __future__ import annotations

STUDENTS = 150


def college(students: int = STUDENTS, term: str = "F26", password: str = "") -> dict[str, str]:
    """Export a college of one course, with so many students."""
    people = [f"s{number},s{number},Ada,Example{number},active,{password}" for number in range(students)]
    places = [f"C1,s{number},student,active" for number in range(students)]
    return {
        "terms.csv": f"term_id,name,status\n{term},Fall,active\n",
        "courses.csv": f"course_id,short_name,long_name,status,term_id\nC1,C1,Course,active,{term}\n",
        "users.csv": "\n".join(["user_id,login_id,first_name,last_name,status,password", *people, ""]),
        "enrollments.csv": "\n".join(["course_id,user_id,role,status", *places, ""]),
    }
