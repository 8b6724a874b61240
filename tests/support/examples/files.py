"""Samples of the rules about files, sets and all kinds."""

from __future__ import annotations

from support.samples import DIFFING, Example, Files, header, row

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.check.options import CheckOptions

USERS = "user_id,login_id,status\nu1,ann,active\n"
COURSES = "course_id,short_name,long_name,status\nc1,C,Course,active\n"
SECTIONS = "section_id,course_id,name,status\ns1,c1,Section,active\n"
TERMS = "term_id,name,status\nt1,Autumn,active\n"
ENROLLMENT = "section_id,user_id,role,status"
GOOD: Files = {"users.csv": USERS}
LONG = "x" * 256


def wide(columns: int) -> str:
    """Write a file of one row with so many columns, three of which Canvas knows."""
    names = ["user_id", "login_id", "status", *(f"c{number}" for number in range(columns - 3))]
    return ",".join(names) + "\nu1,ann,active\n"


FILES = {
    "file-not-utf8": Example({"users.csv": USERS.encode() + b"u2,b\xe9a,active\n"}, GOOD),
    "file-headers-unrecognised": Example({"users.csv": USERS.replace(",", ";")}, GOOD),
    "file-not-csv": Example({"users.csv": b"PK\x03\x04\x14\0\x06\0\x8f"}, GOOD),
    "file-malformed-csv": Example({"users.csv": USERS + 'u2,b"e,active\n'}, GOOD),
    "file-too-many-columns": Example({"users.csv": wide(1001)}, {"users.csv": wide(1000)}),
    "file-unknown-type": Example({"users.csv": USERS, "more.zip": b"PK"}, GOOD),
    "file-empty": Example({"users.csv": "\n\n"}, GOOD),
    "file-header-only": Example({"users.csv": "user_id,login_id,status\n"}, GOOD),
    "file-hidden": Example({".users.csv": USERS}, GOOD),
    "zip-entry-unsafe": Example({"../users.csv": USERS}, GOOD),
    "header-cell-padded": header("user_id, login_id,status", "user_id,login_id,status", "u1,ann,active"),
    "header-duplicate": header("user_id,user_id,login_id,status", "user_id,x,login_id,status", "u1,u1,ann,active"),
    "header-mistyped": header("user_id,login_id,status,e-mail", "user_id,login_id,status,phone", "u1,ann,active,x"),
    "file-kind-by-name": Example({"sections.csv": USERS}, {"night/Users 2031.csv": USERS, "my sections.csv": SECTIONS}),
    "file-kind-by-extra-column": header(
        "section_id,user_id,role,status,name", "section_id,user_id,role,status,remark", "s1,u1,student,active,x"
    ),
}

COMMON = {
    "any-id-invisible": row("user_id,login_id,status", "u1\u00a0,ann,active", "u 1,ann,active\nü2,böb,active"),
    "any-id-placeholder": row(
        f"{ENROLLMENT},course_id", "s1,u1,ta,active,NULL", "s1,u,ta,active,\ns1,v,ta,active,NULL1"
    ),
    "any-id-scientific": row("user_id,login_id,status", "1.23E+11,ann,active", "1E11,ann,active\nE+11,bob,active"),
    "any-id-decimal": row("user_id,login_id,status", "10045.0,ann,active", "10045.05,ann,active\nu.0,bob,active"),
    "any-nul-character": row("section_id,course_id,name,status", "s1,c1,a\0b,active", "s1,c1,ab\0,active"),
    "any-skip-deletes": row(
        "user_id,login_id,status",
        "u1,ann,deleted",
        "u1,ann,suspended",
        CheckOptions(ImportOptions({"skip_deletes": "true"})),
    ),
    "any-status-inexact": row("user_id,login_id,status", "u1,ann,Active", "u1,ann,active"),
    "any-date-misread": row(
        "term_id,name,status,start_date", "t1,T,active,05/03/2026", "t1,T,active,2026-05-03\nt2,T,active,<delete>"
    ),
}

SETS = {
    "set-several-files": Example({"a.csv": USERS, "b.csv": USERS}, {"a.csv": USERS, "b.csv": COURSES}),
    "set-duplicate-rows": Example(
        {"users.csv": USERS + "u1,bob,active\n"}, {"users.csv": USERS + "u1,ann,active\nu2,bob,active\n"}
    ),
    "set-files-contradict": Example(
        {"a.csv": USERS, "b.csv": USERS.replace("ann", "bob")}, {"a.csv": USERS, "b.csv": USERS.replace("u1", "u2")}
    ),
    "set-nothing-to-import": Example({"users.csv": ""}, GOOD),
    "set-no-terms": Example(
        {"courses.csv": COURSES},
        {"courses.csv": COURSES, "t.csv": TERMS},
        CheckOptions(ImportOptions({"multi_term_batch_mode": "true"})),
    ),
    "set-stickiness-diffing": Example(
        GOOD,
        GOOD,
        CheckOptions(ImportOptions({"diffing_data_set_identifier": "sis", "override_sis_stickiness": "true"})),
        good_options=DIFFING,
    ),
    "set-refused-rows-deleted": Example(
        {"courses.csv": COURSES + ",C,Course,active\n"},
        {"courses.csv": COURSES, "users.csv": USERS + ",b,active\n"},
        CheckOptions(ImportOptions({"batch_mode": "true"})),
    ),
}
