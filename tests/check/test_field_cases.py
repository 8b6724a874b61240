"""What people in the field have met: files that Canvas takes and does not mean, and what the check says of them."""

from __future__ import annotations

import io

import pytest
from support.golden import Golden
from support.samples import checked, found

from canvas_sis_sync.check._checking import Watched
from canvas_sis_sync.check._rows import nearest
from canvas_sis_sync.check._rule import Severity
from canvas_sis_sync.check.findings import Report
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.sis_csv.dates import shown
from canvas_sis_sync.sis_csv.kinds import KINDS

ENROLLMENTS = "course_id,section_id,user_id,role,status\n"
COURSES = "course_id,short_name,long_name,status\n" + "".join(f"{c},{c},{c},active\n" for c in ("C1", "C2", "X1"))
SECTIONS = "section_id,course_id,name,status\nS1,C1,One,active\nS2,C2,Two,active\n"


def said(report: Report, rule: str) -> list[str]:
    return [each.message for each in report.findings if each.rule == rule]


@pytest.mark.parametrize(
    ("cell", "near"),
    [
        ("sectionid", "section_id"), ("term", "term_id"), ("e-mail", "email"), ("Course ID", "course_id"),
        ("subaccount_id", "account_id"), ("firstname", "first_name"), ("sttaus", "status"), ("mail", "email"),
        ("SIS Course ID", "course_id"), ("\ufeffuser_id", "user_id"), ("start_dates", "start_date"),
        ("middle_name", ""), ("course_code", ""), ("start_time", ""), ("term_name", ""), ("birth_date", ""),
        ("phone", ""), ("grade", ""), ("section_number", ""), ("remark", ""), ("", ""), ("username", ""),
    ],
)  # fmt: skip
def test_a_header_cell_is_near_the_column_that_was_meant(cell: str, near: str) -> None:
    columns = {name for kind in KINDS.values() for name in kind.columns}
    assert nearest(cell, sorted(columns)) == near


def test_a_mistyped_column_is_named_with_the_one_that_was_meant(golden: Golden) -> None:
    report = checked({"e.csv": "course_id,user_id,role,sectionid,status\nC1,U1,student,S1,active\n"})
    assert found(report, "header-mistyped") == [("e.csv", None, "sectionid")]
    golden("\n".join(said(report, "header-mistyped")))


def test_a_column_that_is_there_was_not_mistyped_elsewhere() -> None:
    report = checked({"u.csv": "user_id,login_id,email,email2,login,status\nu1,ann,,,,active\n"})
    assert not found(report, "header-mistyped")


def test_a_missing_required_column_names_the_one_that_is_near(golden: Golden) -> None:
    report = checked({"e.csv": "course_id,user_id,role,stattus\nC1,U1,student,active\n"})
    (message,) = said(report, "enrollment-status-bad")
    golden(message)
    report = checked({"e.csv": "course_id,user_id,role\nC1,U1,student\n"})
    golden(said(report, "enrollment-status-bad")[0], "none near")


def test_a_header_that_nobody_recognizes_names_what_was_meant(golden: Golden) -> None:
    report = checked({"u.csv": "userid,login_id,status\nu1,ann,active\n"})
    (message,) = said(report, "file-headers-unrecognised")
    golden(message)


@pytest.mark.parametrize(
    "separator",
    [";", "\t", "|"],
    ids=["semicolon", "tab", "bar"],
)
@pytest.mark.parametrize("quote", ["", '"'], ids=["bare", "quoted"])
def test_another_separator_is_named_with_the_header_line(separator: str, quote: str, golden: Golden) -> None:
    line = separator.join(f"{quote}{cell}{quote}" for cell in ("user_id", "Login_ID", "status"))
    report = checked({"u.csv": f"{line}\nu1{separator}ann{separator}active\n"})
    (message,) = [each.message for each in report.findings if each.severity is Severity.FATAL]
    assert line in message
    golden(message)


def test_a_line_that_may_be_a_row_is_shown_to_nobody() -> None:
    report = checked({"u.csv": "u1;Xyzzy;secret\nu2;b;c\n"})
    assert not [each for each in report.findings if "Xyzzy" in each.message]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04\x14\0\x06\0\xfd~\xd2", "an Excel workbook (.xlsx) or a zip"),
        (b"PK\x03\x04 all of it ASCII", "an Excel workbook (.xlsx) or a zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "an Excel workbook (.xls)"),
        (b"\x1f\x8b\x08\0\xff", "a file compressed by gzip"),
        (b"%PDF-1.7\n\xe2\xe3", "a PDF"),
        (b"\n<!DOCTYPE html>\n<html><body>Log in", "a web page (HTML)"),
    ],
)
def test_what_is_only_called_csv_is_named(content: bytes, what: str) -> None:
    report = checked({"users.csv": content})
    assert report.counts == {"file-not-csv": 1, "set-nothing-to-import": 1}
    assert said(report, "file-not-csv") == [f"The file is {what}, whatever its name says. Export it as CSV."]


@pytest.mark.parametrize(
    ("mark", "name"),
    [
        ("\u00a0", "U+00A0 NO-BREAK SPACE"), ("\u200b", "U+200B ZERO WIDTH SPACE"), ("\u00ad", "U+00AD SOFT HYPHEN"),
        ("\ufeff", "U+FEFF ZERO WIDTH NO-BREAK SPACE"), ("\u3164", "U+3164 HANGUL FILLER"), ("\t", "U+0009"),
        ("\u202e", "U+202E RIGHT-TO-LEFT OVERRIDE"), ("\u3000", "U+3000 IDEOGRAPHIC SPACE"), ("\x7f", "U+007F"),
    ],
)  # fmt: skip
def test_invisible_characters_in_ids_are_named(mark: str, name: str) -> None:
    report = checked({"e.csv": f"{ENROLLMENTS}C1,,U{mark}1,student,active\n"})
    assert said(report, "any-id-invisible") == [f"user_id holds a character that nobody sees ({name})."]


def test_characters_that_are_seen_are_ids_as_well() -> None:
    text = "user_id,login_id,status,full_name\nü-1,Zoë Ω,active,A\u00a0B\n日本,日本,active,\u200b\n"
    assert "any-id-invisible" not in checked({"u.csv": text}).counts


@pytest.mark.parametrize(
    "word", ["NULL", "null", "(null)", "nan", "NaN", "N/A", "#N/A", "#REF!", "None", "undefined", "\\N", "#VALUE!"]
)
def test_words_for_no_value_are_found_in_keys_references_and_providers(word: str) -> None:
    report = checked(
        {
            "u.csv": f"user_id,login_id,status,authentication_provider_id\n{word},ann,active,{word}\n",
            "c.csv": f"course_id,short_name,long_name,status,account_id,term_id\nc,C,C,active,{word},{word}\n",
        }
    )
    places = {(file, column) for file, _, column in found(report, "any-id-placeholder")}
    of_courses = {("c.csv", "account_id"), ("c.csv", "term_id")}
    assert places == {("u.csv", "user_id"), ("u.csv", "authentication_provider_id"), *of_courses}
    assert said(report, "any-id-placeholder")[0].endswith(f"holds a word for no value: {word}.")


def test_what_a_spreadsheet_has_made_of_ids_is_found() -> None:
    text = "user_id,login_id,status\n1.23E+11,a,active\n1.23e+11,b,active\n10045.0,c,active\n10046.00,d,active\n"
    report = checked({"u.csv": text})
    assert [row for _, row, _ in found(report, "any-id-scientific")] == [2, 3]
    assert [row for _, row, _ in found(report, "any-id-decimal")] == [4, 5]


@pytest.mark.parametrize("mark", [b"1E+11", b"7.0", b"a\x7f", "\u00a0".encode()])
def test_a_mark_is_noticed_wherever_a_block_ends(mark: bytes) -> None:
    watched = Watched(io.BytesIO(mark), lambda _: None)
    assert not watched.has_marks
    while watched.read(1):
        pass
    assert watched.has_marks


def test_dates_are_named_with_value_and_column_both_of_them(golden: Golden) -> None:
    header = "term_id,name,status,start_date,end_date\n"
    report = checked({"t.csv": f"{header}t1,T,active,08/17/2026,12/18/2026\nt2,T,active,05/03/2026,NULL\n"})
    assert said(report, "term-date-bad") == [
        'start_date "08/17/2026" looks like a date and is none.',
        'end_date "12/18/2026" looks like a date and is none.',
    ]
    first, second = said(report, "any-date-misread")
    golden(first)
    assert second.startswith('end_date "NULL" is not a date')


def test_numbers_of_days_and_names_of_months_are_shown_too() -> None:
    header = "term_id,name,status,start_date,end_date\n"
    report = checked({"t.csv": f"{header}t1,T,active,44424,Aug 17 2026\nt2,T,active,17-Feb-2026 9:00,98104\n"})
    number, named, day_first, postal_code = said(report, "any-date-misread")
    assert number.startswith('start_date "44424" (the number of a spreadsheet for 2021-08-16) is not a date')
    assert named.startswith('end_date "Aug 17 2026" (Canvas reads 2026-08-17) is not a date')
    assert day_first.startswith('start_date "17-Feb-2026 9:00" (Canvas reads 2026-02-17) is not a date')
    assert postal_code.startswith("end_date is not a date")


@pytest.mark.parametrize(
    "text",
    ["Ann Example", "123-45-6789", "5551234567", "secret", "1/2/3/4", "<delete>", "98104", "May Li", "May 3 2026 Li"],
)
def test_only_what_is_certainly_a_date_is_shown(text: str) -> None:
    assert shown(text) == ""


@pytest.mark.parametrize(
    ("xlists", "course", "wrong"),
    [
        ("", "C1", False), ("", "C2", True), ("X1,S1,active\n", "C2", True), ("X1,S1,active\n", "X1", False),
        ("X1,S1,active\n", "C1", False), ("X1,S1,active\nX1,S1,deleted\n", "X1", True),
        ("X1,S1,active\nC2,S1,active\n", "X1", True), ("X1,S2,active\n", "X1", True),
    ],
)  # fmt: skip
def test_cross_listings_are_followed_inside_the_delivery(xlists: str, course: str, wrong: bool) -> None:
    report = checked(
        {
            "courses.csv": COURSES,
            "sections.csv": SECTIONS,
            "xlists.csv": f"xlist_course_id,section_id,status\n{xlists}",
            "enrollments.csv": f"{ENROLLMENTS}{course},S1,U1,student,active\n",
        }
    )
    expected = [("enrollments.csv", 2, "course_id")] if wrong else []
    assert found(report, "enrollment-section-not-in-course") == expected


def test_a_section_in_two_courses_is_in_the_last_one() -> None:
    report = checked(
        {
            "courses.csv": COURSES,
            "sections.csv": "section_id,course_id,name,status\n1,C1,One,active\n1,C2,One,active\n",
            "enrollments.csv": f"{ENROLLMENTS}C1,1,U1,student,active\nC2,1,U1,student,active\n",
        }
    )
    assert found(report, "section-moves") == [("sections.csv", 3, "section_id")]
    assert found(report, "enrollment-section-not-in-course") == [("enrollments.csv", 2, "course_id")]


def test_columns_of_another_kind_than_the_name_says_are_told_by_both(golden: Golden) -> None:
    report = checked({"night/Sections_20310901.csv": "user_id,role,section_id,status\nu,ta,s,active\n"})
    (message,) = said(report, "file-kind-by-name")
    golden(message)


@pytest.mark.parametrize("name", ["students.csv", "section_enrollments.csv", "my_sections.csv", "1.csv"])
def test_names_that_say_more_or_nothing_are_no_contradiction(name: str) -> None:
    assert not found(checked({name: f"{ENROLLMENTS}c,s,u,ta,active\n"}), "file-kind-by-name")


def test_roles_are_known_by_the_names_that_canvas_has_for_them() -> None:
    roles = ("StudentEnrollment", "TeacherEnrollment", "TaEnrollment", "ObserverEnrollment", "DesignerEnrollment")
    words = (*roles, "Teacher", "TA", "student", "Instructor", "teacherenrollment", "studentview")
    rows = "".join(f"c,,u{number},{role},active\n" for number, role in enumerate(words))
    report = checked({"e.csv": ENROLLMENTS + rows})
    assert [row for _, row, _ in found(report, "enrollment-role-unknown")] == [10, 11]
    assert [row for _, row, _ in found(report, "enrollment-student-prefix")] == [12]
    assert report.error == 0


def test_a_role_that_the_root_account_does_not_list_is_no_error() -> None:
    report = checked({"e.csv": f"{ENROLLMENTS}c,,u,Grader,active\n"}, CheckOptions(roles=frozenset({"Tutor"})))
    assert {each.severity for each in report.findings if each.rule == "enrollment-role-unknown"} == {Severity.WARNING}


def test_observers_are_known_by_both_names() -> None:
    text = "course_id,user_id,role,status,associated_user_id\nc,u,ObserverEnrollment,active,u\n"
    assert found(checked({"e.csv": text}), "enrollment-observes-self") == [("e.csv", 2, "associated_user_id")]
