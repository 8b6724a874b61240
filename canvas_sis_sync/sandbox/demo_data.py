"""A small college that does not exist, as its student information system would export it: the demo's data.

Deterministic: the same number of students gives the same bytes. Nobody in it is real.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

Table = list[tuple[str, ...]]
"""The rows of one CSV, its header first."""

SCHOOLS = {
    "arts": ("Arts and Letters", {"hist": "History", "lit": "Literature", "mus": "Music"}),
    "sci": ("Sciences", {"bio": "Biology", "chem": "Chemistry", "math": "Mathematics"}),
    "prof": ("Professions", {"nurs": "Nursing", "acct": "Accounting"}),
}
DEPARTMENTS = {code: name for _, departments in SCHOOLS.values() for code, name in departments.items()}
TITLES = {"101": "Introduction to", "140": "Methods of", "215": "Topics in", "230": "Practice of", "310": "Seminar in"}
TERM, NEXT_TERM = "2025F", "2026S"
FIRST_NAMES = (
    "Ada Bela Ciro Dara Edda Faro Gila Hano Ilka Joris Kaja Lino Mira Nilo Oda Piet Quira Runa Sila Timo Ulla Vito"
    " Wanda Xeno Yara Zeno Anouk Boris Celia"
)
LAST_NAMES = (
    "Abendrot Birkwood Castellon Dunmore Elkhart Fennimore Grantsby Hollowell Ingersby Jasperson Kettleby Larkspur"
    " Mossgrove Northam Oakhurst Pemberly Quillon Rosewater Silverton Thornfield Underhill Vanbrook Whitlow"
)
TEACHERS = 24
COURSES_A_STUDENT = 5


def export(students: int, term: str = TERM) -> dict[str, Table]:
    """Return a whole night's export by file name; more students are added behind those of a smaller number.

    Courses, sections and enrollments are those of `term` alone.
    """
    sections = list(_sections(term))
    return {
        "accounts.csv": [("account_id", "parent_account_id", "name", "status"), *_accounts()],
        "terms.csv": [
            ("term_id", "name", "status", "start_date", "end_date"),
            (TERM, "Fall 2025", "active", "2025-09-01", "2025-12-19"),
            (NEXT_TERM, "Spring 2026", "active", "2026-01-12", "2026-05-14"),
        ],
        "courses.csv": [("course_id", "short_name", "long_name", "account_id", "term_id", "status"), *_courses(term)],
        "sections.csv": [("section_id", "course_id", "name", "status"), *sections],
        "users.csv": [("user_id", "login_id", "first_name", "last_name", "email", "status"), *_users(students)],
        "enrollments.csv": [
            ("course_id", "user_id", "role", "section_id", "status"),
            *_teaching(sections),
            *_learning(sections, students),
        ],
    }


def with_slips(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the same export with what goes wrong in real ones: seven enrollments that Canvas will refuse."""
    course, section = f"bio-101-{TERM}", f"bio-101-{TERM}-1"
    slips = [
        *((course, f"s9{number:03}", "student", section, "active") for number in (1, 2, 3)),
        *((f"phil-{number}-{TERM}", "s0001", "student", "", "active") for number in (101, 140, 215)),
        (course, "s0002", "student", section, "enroled"),
    ]
    return {**tables, "enrollments.csv": [*tables["enrollments.csv"], *slips]}


def truncated(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Return the same export as an SIS leaves it whose disk is full: the second half of the enrollments is missing."""
    enrollments = tables["enrollments.csv"]
    return {**tables, "enrollments.csv": enrollments[: len(enrollments) // 2]}


def write(tables: Mapping[str, Table], folder: Path) -> None:
    """Write an export as an SIS should: under a dot name, renamed to `folder` once it is complete."""
    partial = folder.with_name(f".{folder.name}")
    partial.mkdir(mode=0o700)
    for name, rows in tables.items():
        with (partial / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    partial.rename(folder)


def _accounts() -> Iterator[tuple[str, ...]]:
    for school, (school_name, departments) in SCHOOLS.items():
        yield school, "", school_name, "active"
        for code, name in departments.items():
            yield code, school, name, "active"


def _courses(term: str) -> Iterator[tuple[str, ...]]:
    for (code, name), (number, title) in product(DEPARTMENTS.items(), TITLES.items()):
        yield f"{code}-{number}-{term}", f"{code.upper()} {number}", f"{title} {name}", code, term, "active"


def _sections(term: str) -> Iterator[tuple[str, ...]]:
    """Yield two sections for each introduction and one for every other course."""
    for course_id, short_name, *_ in _courses(term):
        for number in (1, 2) if "-101-" in course_id else (1,):
            yield f"{course_id}-{number}", course_id, f"{short_name}, section {number}", "active"


def _users(students: int) -> Iterator[tuple[str, ...]]:
    for number in range(TEACHERS):
        yield _person(f"t{number + 1:04}", 400 + number)
    for number in range(students):
        yield _person(f"s{number + 1:04}", number)


def _person(user_id: str, number: int) -> tuple[str, ...]:
    first, last = (names[number % len(names)] for names in (FIRST_NAMES.split(), LAST_NAMES.split()))
    return user_id, user_id, first, last, f"{user_id}@example.edu", "active"


def _teaching(sections: Table) -> Iterator[tuple[str, ...]]:
    for number, (section_id, course_id, *_) in enumerate(sections):
        yield course_id, f"t{number % TEACHERS + 1:04}", "teacher", section_id, "active"


def _learning(sections: Table, students: int) -> Iterator[tuple[str, ...]]:
    """Put each student into sections that are far apart in the list, so that no two are of one course."""
    apart = len(sections) // COURSES_A_STUDENT
    for number, turn in product(range(students), range(COURSES_A_STUDENT)):
        section_id, course_id, *_ = sections[(number * 7 + turn * apart) % len(sections)]
        yield course_id, f"s{number + 1:04}", "student", section_id, "active"
