"""Nights of one export that lie in the inbox together, by the dates in their names."""

from __future__ import annotations

import pytest

from canvas_sis_sync.home.drops import DropFile
from canvas_sis_sync.home.nights import nights

DAY = 86400 * 10**9
IN_2031 = 1_948_000_000 * 10**9


def files(*names: str, newest_first: bool = False) -> list[DropFile]:
    step = -DAY if newest_first else DAY
    return [DropFile(name, 10, IN_2031 + number * step, f"1:{number}") for number, name in enumerate(names)]


def parted(*names: str, newest_first: bool = False) -> list[list[str]]:
    return [[file.name for file in night] for _, night in nights(files(*names, newest_first=newest_first))]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("9_30_31", "10_1_31"),
        ("30.9.2031", "1.10.2031"),
        ("2031-09-30", "2031-10-01"),
        ("20310930", "20311001"),
        ("20310930_0215", "20311001_0210"),
        ("2031-09-30T02-15-00", "2031-10-01T02-14-59"),
        ("20310930-021500", "20311001-021500"),
        ("09302031", "10012031"),
        ("310930", "311001"),
        ("093031", "100131"),
        ("1948500000", "1948590000"),
        ("1948500000123", "1948590000456"),
    ],
)
def test_names_that_differ_in_a_date_are_nights_oldest_first(older: str, newer: str) -> None:
    names = [f"{kind}_{stamp}.csv" for kind in ("users", "courses") for stamp in (newer, older)]
    assert parted(*names) == [
        [f"users_{older}.csv", f"courses_{older}.csv"],
        [f"users_{newer}.csv", f"courses_{newer}.csv"],
    ]


@pytest.mark.parametrize(
    "names",
    [
        ("users.csv", "courses.csv"),
        ("users_20310930.csv", "courses_20311001.csv"),
        ("users_20310930_0200.csv", "users_20310930_1400.csv"),
        ("users_staff_20310930_0200.csv", "users_students_20310930_0230.csv"),
        ("users_0200.csv", "users_0230.csv"),
        ("users_021500.csv", "users_023000.csv"),
        ("users_1.csv", "users_2.csv"),
        ("users_2031F.csv", "users_2032S.csv"),
        ("users_part1_of_2.csv", "users_part2_of_2.csv"),
        ("users_99_99_31.csv", "users_98_98_31.csv"),
        ("enrollments_1001.csv", "enrollments_1002.csv"),
    ],
    ids="+".join,
)
def test_times_parts_and_numbers_do_not_part_files(names: tuple[str, ...]) -> None:
    assert parted(*names) == [list(names)]


def test_a_night_that_lacks_a_file_keeps_its_own_date() -> None:
    assert parted("users_2031-09-29.csv", "users_2031-09-30.csv", "courses_2031-09-30.csv") == [
        ["users_2031-09-29.csv"],
        ["users_2031-09-30.csv", "courses_2031-09-30.csv"],
    ]


def test_an_export_that_runs_across_midnight_stays_one_night() -> None:
    assert parted(
        "users_20310929_2355.csv", "courses_20310930_0005.csv", "users_20310930_2355.csv", "courses_20311001_0005.csv"
    ) == [
        ["users_20310929_2355.csv", "courses_20310930_0005.csv"],
        ["users_20310930_2355.csv", "courses_20311001_0005.csv"],
    ]


def test_a_file_without_a_date_goes_with_the_newest_night() -> None:
    assert parted("terms.csv", "users_2031-09-29.csv", "users_2031-09-30.csv") == [
        ["users_2031-09-29.csv"],
        ["terms.csv", "users_2031-09-30.csv"],
    ]


@pytest.mark.parametrize(
    ("names", "newest_first", "expected"),
    [
        (("u_2_1_31.csv", "u_1_3_31.csv"), False, ["u_2_1_31.csv", "u_1_3_31.csv"]),
        (("u_1_3_31.csv", "u_2_1_31.csv"), False, ["u_1_3_31.csv", "u_2_1_31.csv"]),
        (("u_2_13_31.csv", "u_3_1_31.csv"), True, ["u_2_13_31.csv", "u_3_1_31.csv"]),
    ],
    ids=["day first by mtimes", "month first by mtimes", "month first by the calendar, whatever the mtimes"],
)
def test_the_order_of_day_and_month_is_the_one_that_fits(
    names: tuple[str, ...], newest_first: bool, expected: list[str]
) -> None:
    assert [name for night in parted(*names, newest_first=newest_first) for name in night] == expected


def test_a_night_is_named_by_its_date() -> None:
    assert [label for label, _ in nights(files("u_9_30_31.csv", "u_10_1_31.csv"))] == ["2031-09-30", "2031-10-01"]
    assert [label for label, _ in nights(files("u_9_30_31.csv"))] == [""]
