"""Dates, addresses and logins, judged as Canvas does (CSV 7)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from canvas_sis_sync.check.rules._people import is_login, is_plain_address
from canvas_sis_sync.sis_csv.dates import DateVerdict, read_date

FINE = """2013-05-03T00:00:00Z|2013-05-03 00:00:00-06:00|2013-05-03|20130503|2024-02-29|20130503T101112Z"""
BAD = """2013-13-01|2013-00-01|2013-01-00|2013-01-32|2013-01-01T25:00|2013-01-01T10:60:00|2013-01-01T24:30:00Z
|2013-01-01T23:59:61Z|2013-01-01T10:00:00+25:00|2013|2013-05|2013-5T10:00|1367539200|12/31/2013|12.31.2013|13/5
|45|99999999|2013/13/03|201305"""
MISREAD = """05/03/2013|2013-02-30|2013-04-31|2013-01-01T24:00:00Z|2013-01-01T23:59:60Z|1/1/13|03-MAY-13|garbage|N/A
|none|TBD|<delete>|12|mar|12:30|decline|2013-1-03|2013-01-01x|5 January 2013"""


@pytest.mark.parametrize(
    ("verdict", "texts"), [(DateVerdict.FINE, FINE), (DateVerdict.BAD, BAD), (DateVerdict.MISREAD, MISREAD)]
)
def test_dates_are_judged_as_the_fact_sheet_has_it(verdict: DateVerdict, texts: str) -> None:
    assert [text for text in texts.replace("\n", "").split("|") if read_date(text).verdict is not verdict] == []


def test_a_text_that_is_too_long_is_a_bad_date() -> None:
    assert read_date("x" * 129).verdict is DateVerdict.BAD
    assert read_date("x" * 128).verdict is DateVerdict.MISREAD
    assert read_date("45 January 2013").verdict is DateVerdict.BAD
    assert read_date("Aug 32 2026").verdict is DateVerdict.BAD


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2013-05-03 00:30:00-06:00", datetime(2013, 5, 3, 6, 30)),
        ("2013-05-03T00:00:00+0530", datetime(2013, 5, 2, 18, 30)),
        ("2013-05-03T00:00:00-6", datetime(2013, 5, 3, 6)),
        ("05/03/2013", datetime(2013, 3, 5)),
        ("1/2013/5", datetime(2013, 5, 1)),
        ("2013-02-30", datetime(2013, 3, 2)),
        ("2013-05-03T24:00:00Z", datetime(2013, 5, 4)),
        ("1/5/2013 12:30 am", datetime(2013, 5, 1, 0, 30)),
        ("1/5/2013 9:30 pm", datetime(2013, 5, 1, 21, 30)),
        ("1/1/13", datetime(1, 1, 13)),
        ("20130503101112", datetime(2013, 5, 3, 10, 11, 12)),
        ("Aug 17 2026", datetime(2026, 8, 17)),
        ("August 17th, 2026 9:30 PM", datetime(2026, 8, 17, 21, 30)),
        ("17-Sept-2026", datetime(2026, 9, 17)),
        ("5 January 2013", datetime(2013, 1, 5)),
        ("Aug 17, 26", None),
        ("44424", None),
        ("5/3", None),
        ("TBD", None),
    ],
)
def test_moments_are_those_that_canvas_reads(text: str, moment: datetime | None) -> None:
    assert read_date(text).moment == (moment and moment.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    "text", ["a@b", "a..b@c.com", "ä@ö.example", "a@b.example.edu", '"a b"@c.example', "a@[10.0.0.1]"]
)
def test_plain_addresses_pass(text: str) -> None:
    assert is_plain_address(text)


@pytest.mark.parametrize(
    "text", ["a", "a@", "@b", "a@b.", "Ann <a@b.c>", "a@b.c,d@e.f", "a@b.c;", "a b@c.d", "a@b@c", "a@.b", "a@b..c"]
)
def test_anything_else_is_no_plain_address(text: str) -> None:
    assert not is_plain_address(text)


def test_logins_print_and_are_not_too_long() -> None:
    assert is_login("x" * 100)
    assert not is_login("x" * 101)
    assert all(is_login(f"a{sign}b") for sign in " \xa0\u200b\xad\ufeff\ue000\u3000\u0378")
    assert not any(is_login(f"a{sign}b") for sign in "\n\x07\x85\u2028\u2029\ufffe\ufdd0")
