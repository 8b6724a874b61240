"""A believable SIS export of any size, for the benchmarks: six files that fit together, the same for the same seed.

All people, courses and addresses are invented.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

SECTION_SIZE = 25
"""Enrollments of one section, its teacher included."""
SECTIONS_OF_A_COURSE = 2
TERM = "2031-FA"
STATUSES = ("active",) * 28 + ("inactive", "completed", "deleted")
FIRST_NAMES = (
    "Ada Amir Anneke Bao Björn Carmen Chidi Chloe Dagny Dmitri Elif Emeka Esra Farah Femi Greta Hana Hugo Imani"
    " Ines Jonas Kaja Kofi Lena Liam Lucía Malik Mei Mira Nadia Noor Olga Oskar Priya Quinn Rafael Rosa Sanne Tariq"
    " Thea Uma Viktor Wanjiru Xenia Yuki Zoë"
)
LAST_NAMES = (
    "Abara Almeida Andersen Baptiste Berg Castillo Chen Dahl Diallo Eriksen Farouk Fischer Garcia Gupta Haddad"
    " Hoffmann Ito Jansen Kamau Kim Kowalski Larsen Lopez Mbeki Meyer Müller Nakamura Nguyen Novak Okafor Olsen Park"
    " Pereira Quist Rahman Rossi Sato Schmidt Silva Tanaka Torres Ueda Vargas Weber Wong Yilmaz Zeller"
)
SUBJECTS = {
    "ART": "Drawing",
    "BIO": "Cell Biology",
    "CHM": "Organic Chemistry",
    "ECO": "Microeconomics",
    "ENG": "Composition",
    "HIS": "Modern History",
    "MAT": "Linear Algebra",
    "MUS": "Music Theory",
    "PHY": "Mechanics",
    "SOC": "Sociology",
}


def write_export(folder: Path, users: int, enrollments: int, *, seed: int = 1) -> None:
    """Write accounts, terms, courses, sections, users and enrollments as CSV files into `folder`.

    `users` must be at least 4 x `SECTION_SIZE`. Ten enrollments a user make a million users 900 MB.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sections = -(-enrollments // SECTION_SIZE)
    courses = -(-sections // SECTIONS_OF_A_COURSE)
    numbers = random.Random(seed)
    _write(folder / "accounts.csv", "account_id,parent_account_id,name,status", _accounts())
    _write(folder / "terms.csv", "term_id,name,status,start_date,end_date", _terms())
    _write(folder / "courses.csv", "course_id,short_name,long_name,account_id,term_id,status", _courses(courses))
    _write(folder / "sections.csv", "section_id,course_id,name,status", _sections(sections))
    _write(
        folder / "users.csv",
        "user_id,login_id,first_name,last_name,email,status",
        _users(users, numbers),
    )
    _write(
        folder / "enrollments.csv",
        "course_id,user_id,role,section_id,status,limit_section_privileges",
        islice(_enrollments(users, sections, numbers), enrollments),
    )


def _write(path: Path, header: str, rows: Iterable[str]) -> None:
    """Write header and rows with CRLF, as most student information systems do."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(header + "\r\n")
        file.writelines(rows)


def _user(number: int) -> str:
    """Scatter the ids: no school's student numbers are consecutive."""
    return f"S{100_000_000 + number * 387_420_489 % 899_999_963}"


def _course(number: int) -> str:
    subject = list(SUBJECTS)[number % len(SUBJECTS)]
    return f"{TERM}-{subject}-{100 + number % 389}-{number:06}"


def _accounts() -> Iterator[str]:
    yield "COLLEGE,,College of Made-up Arts,active\r\n"
    for subject, name in SUBJECTS.items():
        yield f"DEPT-{subject},COLLEGE,Department of {name},active\r\n"


def _terms() -> Iterator[str]:
    yield f"{TERM},Fall 2031,active,2031-08-25T00:00:00Z,2031-12-19T00:00:00Z\r\n"


def _courses(count: int) -> Iterator[str]:
    for number in range(count):
        course = _course(number)
        subject = course.split("-")[2]
        names = f'{subject} {100 + number % 389},"{SUBJECTS[subject]}, part {number % 389}"'
        yield f"{course},{names},DEPT-{subject},{TERM},active\r\n"


def _sections(count: int) -> Iterator[str]:
    for number in range(count):
        course, part = divmod(number, SECTIONS_OF_A_COURSE)
        yield f"{_course(course)}-{part + 1:02},{_course(course)},Section {part + 1:02},active\r\n"


def _users(count: int, numbers: random.Random) -> Iterator[str]:
    first_names, last_names = FIRST_NAMES.split(), LAST_NAMES.split()
    for number in range(count):
        first, last = numbers.choice(first_names), numbers.choice(last_names)
        login = f"{first[0]}{last}{number:x}".lower().replace("ü", "ue")
        yield f"{_user(number)},{login},{first},{last},{login}@students.college.example,active\r\n"


def _enrollments(users: int, sections: int, numbers: random.Random) -> Iterator[str]:
    """Give each section its teacher and students that differ, spread over all users."""
    for number in range(sections):
        course, part = divmod(number, SECTIONS_OF_A_COURSE)
        course_id = _course(course)
        section = f"{course_id}-{part + 1:02}"
        start = numbers.randrange(users)
        step = numbers.randrange(1, users // SECTION_SIZE)
        role = "teacher"
        for place in range(SECTION_SIZE):
            user, status = _user((start + place * step) % users), numbers.choice(STATUSES)
            yield f"{course_id},{user},{role},{section},{status},false\r\n"
            role = "student"
