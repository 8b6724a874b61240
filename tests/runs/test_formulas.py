"""The CSVs that people open in a spreadsheet: no cell from outside is computed there, and each can be taken back."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.homes import COURSES, ENROLLMENTS, USERS, Home

from canvas_sis_sync.canvas.records import ImportMessage
from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.plain_text import inert, original
from canvas_sis_sync.sandbox.sandbox import Sandbox

FORMULAS = ("=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20x", "'=1", "''")


def cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def computed(rows: list[list[str]]) -> list[str]:
    return [cell for row in rows for cell in row if cell.startswith(tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20"))]


def test_messages_of_canvas_are_not_computed_and_lead_back_to_their_rows(home: Home, sandbox: Sandbox) -> None:
    home.drop({"=users.csv": USERS})
    home.run()
    batch, archive = home.last(), Archive(home.archive)
    told = [ImportMessage(text, text, number) for number, text in enumerate((*FORMULAS, "\t=1", "\r=1"), 2)]
    archive.write_errors(batch, told)
    rows = cells(home.folder_of(batch) / "errors.csv")
    assert computed(rows) == []
    assert [(original(row[1]), original(row[2])) for row in rows[1:]] == [(each.file, each.message) for each in told]
    assert [(each.file, each.row) for each in archive.messages(batch.id)] == [(each.file, each.row) for each in told]


def test_messages_are_found_again_of_a_file_whose_name_is_a_formula(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="s", SIS_SYNC_MAX_ERROR_ROWS="100%")
    home.drop({"users.csv": USERS, "courses.csv": COURSES, "=e.csv": f"{ENROLLMENTS}c1,nobody,student,active\n"})
    home.run()
    batch = home.last()
    assert {each.file for each in Archive(home.archive).messages(batch.id)} == {"=e.csv"}


@pytest.fixture
def changed(home: Home, tmp_path: Path) -> Callable[[str], list[list[str]]]:
    header = "user_id,login_id,status,=x\n"
    home.drop({"users.csv": f"{header}u1,u1,active,x\n"})
    assert home.type("run").returncode == 0
    home.drop({"users.csv": header + "".join(f"{text},l{n},active,{text}\n" for n, text in enumerate(FORMULAS))})
    home.type("plan", "--output", str(tmp_path / "rows"))
    return lambda what: cells(tmp_path / "rows" / "user" / f"{what}.csv")


def test_rows_of_a_plan_are_not_computed(changed: Callable[[str], list[list[str]]]) -> None:
    header, *rows = changed("added")
    assert computed([header, *rows]) == []
    assert [original(name) for name in header] == ["user_id", "login_id", "status", "=x"]
    assert sorted(original(row[0]) for row in rows) == sorted(FORMULAS)
    assert all(row[0] == row[3] for row in rows)


def test_findings_of_a_check_are_not_computed(home: Home, tmp_path: Path) -> None:
    home.drop({f"{text}.csv": "user_id\n" for text in FORMULAS if "/" not in text})
    home.type("check", "--output", str(tmp_path / "found.csv"))
    rows = cells(tmp_path / "found.csv")
    assert computed(rows) == []
    assert {original(row[2]) for row in rows[1:]} >= {f"{text}.csv" for text in FORMULAS}


@given(st.text())
def test_a_cell_is_given_back_by_removing_one_quote(text: str) -> None:
    assert original(inert(text)) == text
    assert not inert(text).startswith(tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20"))


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\uff1d1+1", "'\uff1d1+1"),
        ("\uff20x", "'\uff20x"),
        ("'tis", "''tis"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_a_cell_that_a_spreadsheet_would_compute_gets_a_quote(cell: str, written: str) -> None:
    assert inert(cell) == written
