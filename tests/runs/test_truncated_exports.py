"""The worst night: the SIS wrote half a file. Nothing of it is sent, and in Canvas nobody loses a place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.exports import (
    BATCH_MODE,
    DIFFING,
    MULTI_TERM,
    ROWS,
    STUDENTS,
    Files,
    accepted,
    cut,
    enrolled,
    export,
    held,
    places,
    tripped,
    turned,
    without,
)
from support.golden import Golden
from support.homes import TOKEN, Home

from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

FULL = export()
MODES = {"diffing": DIFFING, "batch mode": BATCH_MODE, "multi-term": MULTI_TERM, "plain": {}}
TOO_MANY = ("removals", "group-removals")
REFUSED = ("removals",)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(token=TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def before(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Give a home whose last accepted delivery, of a data set and without one, has everybody in it."""
    home = Home(tmp_path_factory.mktemp("before"))
    home.env["XDG_STATE_HOME"] = str(home.folder / "state")
    for part in ("inbox", "archive", "logs"):
        (home.folder / part).mkdir(mode=0o700)
    home.configure(CANVAS_BASE_URL=sandbox.url, CANVAS_API_TOKEN=TOKEN, SIS_SYNC_SETTLE_SECONDS=0)
    accepted(home, FULL)
    home.configure(**DIFFING)
    accepted(home, FULL)
    home.configure(**dict.fromkeys(DIFFING, ""))
    return home


@pytest.fixture
def home(before: Home, sandbox: Sandbox, tmp_path: Path) -> Iterator[Home]:
    """Give a copy of that home, from which nothing may be sent."""
    shutil.copytree(before.folder, tmp_path / "home", symlinks=True)
    home = Home(tmp_path / "home", before.env)
    yield home
    assert len(sandbox.imports) == 2
    assert enrolled(sandbox) == places(FULL)
    assert not home.leaks()


def with_other_ids(files: Files) -> Files:
    """Write the ids of users in another form."""
    return {name: text.replace("s0", "S-0") for name, text in files.items()}


def with_a_column(files: Files) -> Files:
    head, *rows = files["enrollments.csv"].splitlines()
    return {**files, "enrollments.csv": "\n".join([f"{head},notify", *(f"{row}," for row in rows), ""])}


@pytest.mark.parametrize("mode", ["diffing", "batch mode", "multi-term"])
@pytest.mark.parametrize(
    ("files", "breakers"),
    [
        (cut(FULL, ROWS // 2), TOO_MANY),
        (cut(FULL, 1, "courses.csv"), ("removals",)),
        (without(FULL, "enrollments.csv"), ("empty",)),
        (export(terms=["S99"]), ("gone",)),
    ],
    ids=["enrollments cut", "courses cut", "no enrollments", "a term missing"],
)
def test_half_an_export_is_held(home: Home, mode: str, files: Files, breakers: tuple[str, ...]) -> None:
    home.configure(**MODES[mode])
    held(home, files, *breakers)


@pytest.mark.parametrize(
    ("mode", "breakers"),
    [
        ("diffing", (*TOO_MANY, "empty")),
        ("batch mode", ("batch-empty", *TOO_MANY, "empty")),
        ("multi-term", ("batch-empty", *TOO_MANY, "empty")),
        ("plain", ("empty",)),
    ],
)
def test_a_header_alone_is_held(home: Home, mode: str, breakers: tuple[str, ...]) -> None:
    home.configure(**MODES[mode])
    held(home, cut(FULL, 0), *breakers)


@pytest.mark.parametrize(
    ("files", "breakers"),
    [
        (cut(FULL, STUDENTS // 2, "users.csv"), ("removals",)),
        (with_other_ids(FULL), (*TOO_MANY, "new-keys")),
        (with_a_column(cut(FULL, ROWS - 3)), ("columns",)),
        (with_a_column(cut(FULL, ROWS // 2)), ("columns",)),
        ({**FULL, "enrollments.csv": ""}, ("empty",)),
        (export(STUDENTS - 2), ("canary",)),
    ],
    ids=["users cut", "other ids", "a column", "a column and half the rows", "an empty file", "a canary"],
)
def test_what_diffing_would_carry_out_is_held(
    home: Home, files: Files, breakers: tuple[str, ...], golden: Golden
) -> None:
    home.configure(**DIFFING, SIS_SYNC_CANARIES="user:s0000,user:s0119" if "canary" in breakers else "")
    golden(held(home, files, *breakers).reason)


@pytest.mark.parametrize(
    ("settings", "files", "breakers"),
    [
        (BATCH_MODE | {"SIS_IMPORT_BATCH_MODE_TERM_ID": "sis_term_id:F52"}, FULL, ("batch-term",)),
        (BATCH_MODE | {"SIS_IMPORT_BATCH_MODE_TERM_ID": "current"}, FULL, ("batch-term",)),
        (MULTI_TERM, without(FULL, "terms.csv"), ("batch-terms", "empty")),
        (MULTI_TERM, cut(FULL, 0, "terms.csv"), ("batch-terms", "empty")),
        (BATCH_MODE, {**FULL, "sections.csv": "section_id,course_id,name,status\n"}, ("batch-empty",)),
        (BATCH_MODE, {**FULL, "enrollments.csv": FULL["enrollments.csv"].replace(",active", ",enroled", 40)}, REFUSED),
    ],
    ids=["no such term", "a term by word", "no terms", "terms without a row", "sections without a row", "refused rows"],
)
def test_what_batch_mode_would_clean_up_for_nothing_is_held(
    home: Home, settings: dict[str, str], files: Files, breakers: tuple[str, ...], golden: Golden
) -> None:
    home.configure(**settings)
    golden(held(home, files, *breakers).reason)


@pytest.mark.parametrize("status", ["deleted", "completed", "inactive"])
def test_rows_that_end_places_are_held_without_any_mode(home: Home, status: str, golden: Golden) -> None:
    golden(held(home, turned(FULL, status, ROWS // 6), *TOO_MANY).reason)


def test_a_delivery_from_before_the_last_one_is_held(home: Home) -> None:
    home.drop(export(STUDENTS - 1))
    for path in home.inbox.iterdir():
        os.utime(path, (1_000_000_000, 1_000_000_000))
    assert home.run().result.exit_code == 5
    assert tripped(home, home.last()) == ["older"]
    assert "2001-09-09" in home.last().reason


def test_the_message_says_what_tripped_and_where(home: Home, golden: Golden) -> None:
    home.configure(**DIFFING)
    home.drop(cut(FULL, ROWS // 2))
    told = home.run()
    assert told.result.exit_code == 5
    golden(told.message)
    assert f"sis-sync approve {home.last().id} " in told.message
    assert home.run().result.exit_code == 5
