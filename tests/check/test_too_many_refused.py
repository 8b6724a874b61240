"""A delivery of which Canvas would reject too many rows is refused before, by the limit that holds afterwards."""

from __future__ import annotations

import pytest
from support.golden import Golden
from support.samples import DIFFING, Files, checked

from canvas_sis_sync.check.findings import RefuseOn, refuses, refusing, too_many_refused, worst_first
from canvas_sis_sync.plan.breakers.limits import DEFAULT_ERROR_ROWS, parse_error_rows

HEADER = "user_id,login_id,status\n"
DEFAULT = parse_error_rows(DEFAULT_ERROR_ROWS)


def users(good: int, bad: int, *, alike: bool = False) -> dict[str, str]:
    rows = [f"u{number},l{number},active\n" for number in range(good)]
    rows += [f"v{0 if alike else number},,active\n" for number in range(bad)]
    return {"users.csv": HEADER + "".join(rows)}


@pytest.mark.parametrize(
    ("good", "bad", "limit", "refused"),
    [
        (190, 21, DEFAULT_ERROR_ROWS, False),
        (180, 21, DEFAULT_ERROR_ROWS, True),
        (30, 20, DEFAULT_ERROR_ROWS, False),
        (30, 21, DEFAULT_ERROR_ROWS, True),
        (1_000, 6, "5", True),
        (1_000, 5, "5", False),
        (10, 500, "off", False),
        (1, 2, DEFAULT_ERROR_ROWS, False),
        (0, 2, DEFAULT_ERROR_ROWS, True),
        (0, 2, "off", True),
        (3, 0, "0", False),
    ],
)
def test_the_limit_of_afterwards_refuses_before(good: int, bad: int, limit: str, refused: bool) -> None:
    report = checked(users(good, bad))
    assert refuses(report, RefuseOn.parse("fatal"), parse_error_rows(limit)) is refused
    assert not refuses(report, RefuseOn.parse("never"), parse_error_rows(limit))


def test_the_sentence_has_the_numbers(golden: Golden) -> None:
    golden(str(too_many_refused(checked(users(30, 21)), DEFAULT)))
    golden(str(too_many_refused(checked(users(0, 3)), DEFAULT)), "every row")
    assert too_many_refused(checked(users(3, 0)), DEFAULT) == ""


def test_a_row_without_any_value_is_none_that_canvas_takes() -> None:
    assert too_many_refused(checked({"u.csv": f"{HEADER},x,active\n,,\n"}), DEFAULT)


def test_of_a_diffed_delivery_only_all_rows_are_too_many() -> None:
    assert not too_many_refused(checked(users(30, 60), DIFFING), DEFAULT)
    assert too_many_refused(checked(users(0, 60), DIFFING), DEFAULT)


def test_exact_duplicates_count_once_where_canvas_may_leave_them_out() -> None:
    assert not too_many_refused(checked(users(90, 40, alike=True)), DEFAULT)
    assert too_many_refused(checked(users(90, 40)), DEFAULT)
    assert too_many_refused(checked(users(50, 40, alike=True)), DEFAULT)


def test_rows_of_files_that_canvas_drops_are_counted() -> None:
    files: Files = {
        **users(30, 1),
        "not-utf8.csv": b"user_id,login_id,status\n" + b"u,\xe9,active\n" * 40,
        "malformed.csv": 'section_id,name\na,"b"c\n' + "d,e\n" * 9,
        "unknown.csv": "what,is\n\nthis,file\r\nlike,that",
    }
    report = checked(files)
    assert report.lost_rows == 40 + 10 + 2
    assert report.refused_rows == 53
    assert report.rows == 83
    assert {each.name: each.rows for each in report.files if each.lost_rows} == dict.fromkeys(
        ("not-utf8.csv", "malformed.csv", "unknown.csv")
    )


@pytest.mark.parametrize(
    ("refuse_on", "severities"),
    [("fatal", {"error"}), ("error", {"error"}), ("warning", {"error", "warning"}), ("fatal,5%", {"error"})],
)
def test_a_refusal_is_for_findings_that_refuse(refuse_on: str, severities: set[str]) -> None:
    report = checked({"users.csv": users(1, 2)["users.csv"] + "w0,w0,Active\n"})
    assert (report.fatal, report.error) == (0, 2)
    found = refusing(report, RefuseOn.parse(refuse_on))
    assert {finding.severity for finding in found} == severities
    assert found[0].severity == "error"


def test_where_nothing_refuses_all_findings_are_named() -> None:
    report = checked({"users.csv": f"{HEADER}w0,w0,Active\n"})
    assert {finding.severity for finding in refusing(report, RefuseOn.parse("fatal"))} == {"warning"}
    assert refusing(report, RefuseOn.parse("never")) == worst_first(report)
