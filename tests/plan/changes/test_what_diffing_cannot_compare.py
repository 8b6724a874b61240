"""Kinds whose rows diffing would remove, were it not for columns or files that changed; what skip_deletes spares."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from support.predictions import SET, Files, delivery

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.plan.changes.canvas_diffing import DiffBase, predict_diffing, skips_removals
from canvas_sis_sync.plan.changes.comparing import compare

USERS = "user_id,login_id,status\n"
WIDER = "user_id,login_id,email,status\n"
BASE: Files = {"u.csv": f"{USERS}U1,a,active\nU2,b,active\n"}
TWO: Files = {"u1.csv": f"{USERS}U1,a,active\n", "u2.csv": f"{USERS}U2,b,active\n"}


def uncompared(base: Files, now: Files, asked: Mapping[str, str] | None = None) -> bool:
    # What was accepted last is as the delivery: it was sent, and a threshold kept it from becoming the base.
    changes = compare(delivery(now), delivery(now))
    prediction = predict_diffing(
        delivery(now), DiffBase(1, delivery(base)), ImportOptions({**SET, **(asked or {})}), changes
    )
    return any(effect.uncompared for effect in prediction.effects)


@pytest.mark.parametrize(
    ("base", "now"),
    [
        (BASE, {"u.csv": f"{WIDER}U1,a,x,active\n"}),
        ({"u.csv": f"{WIDER}U1,a,x,active\n"}, BASE),
        (TWO, BASE),
        (BASE, TWO),
        (TWO, {"u1.csv": BASE["u.csv"], "u3.csv": BASE["u.csv"]}),
        (TWO, {"u1.csv": TWO["u1.csv"], "u2.csv": f"{WIDER}U2,b,x,active\n"}),
        (BASE, {"u.csv": "user_id,login_id\nU1,a\n"}),
    ],
    ids=["column gained", "column lost", "fewer files", "more files", "another name", "one of two", "status lost"],
)
def test_columns_and_files_that_changed_keep_rows_from_removal(base: Files, now: Files) -> None:
    assert uncompared(base, now)


@pytest.mark.parametrize(
    ("base", "now", "asked"),
    [
        (BASE, BASE, {}),
        ({"c.csv": "course_id,short_name,long_name,status\n"}, BASE, {}),
        (BASE, {}, {}),
        (BASE, {"u.csv": f"{WIDER}U1,a,x,active\n"}, {"diffing_remaster_data_set": "true"}),
        (BASE, {"u.csv": f"{WIDER}U1,a,x,active\n"}, {"skip_deletes": "true"}),
        (BASE, {"u.csv": f"{WIDER}U1,a,x,active\n"}, {"change_threshold": "1"}),
        ({"u.csv": "user_id,login_id\nU1,a\n"}, BASE, {}),
        ({"l.csv": "user_id,existing_user_id,status\n"}, {"l.csv": "user_id,existing_user_id,status,email\n"}, {}),
        ({"r.csv": "old_id,new_id,type\n"}, {"r.csv": "old_id,new_id,type,x\n"}, {}),
        (
            {"g.csv": "group_category_id,category_name,status\n"},
            {"g.csv": "group_category_id,category_name,status,account_id\n"},
            {},
        ),
    ],
    ids=[
        "the same",
        "not in the base",
        "not in the delivery",
        "remaster",
        "removed rows are skipped",
        "threshold",
        "no status in the base",
        "login",
        "change_sis_id",
        "group_category",
    ],
)
def test_what_is_not_removed_anyway_is_not_kept_from_it(base: Files, now: Files, asked: Mapping[str, str]) -> None:
    assert not uncompared(base, now, asked)


def test_rows_that_are_not_deleted_are_not_skipped() -> None:
    asked = {"skip_deletes": "true", "diffing_user_remove_status": "suspended"}
    assert uncompared(BASE, {"u.csv": f"{WIDER}U1,a,x,active\n"}, asked)


@pytest.mark.parametrize(
    ("asked", "all_of_them"),
    [
        ({}, False),
        ({"skip_deletes": "false"}, False),
        ({"skip_deletes": "true"}, True),
        ({"skip_deletes": "true", "diffing_drop_status": "deleted_last_completed"}, True),
        ({"skip_deletes": "true", "diffing_drop_status": "inactive"}, False),
        ({"skip_deletes": "true", "diffing_drop_status": "completed"}, False),
        ({"skip_deletes": "true", "diffing_user_remove_status": "suspended"}, False),
    ],
)
def test_skipped_deletes_spare_deleted_rows_alone(asked: Mapping[str, str], all_of_them: bool) -> None:
    assert skips_removals(ImportOptions(asked)) is all_of_them
