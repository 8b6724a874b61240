"""The keys, the status of removed rows and the kinds that do not work with diffing: DIFF 4 and 6 to 8, row by row."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest
from support.golden import Golden
from support.predictions import (
    DIFFED,
    SET,
    WHOLE,
    Files,
    Pair,
    Seen,
    assert_diffed_as_predicted,
    assert_done_as_predicted,
    delivery,
    import_and_look,
    outline,
    predict,
    rehearse,
)
from support.sandbox_client import Client

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.plan.changes.canvas_diffing import DiffBase, predict_diffing
from canvas_sis_sync.plan.changes.comparing import compare
from canvas_sis_sync.plan.values import Prediction
from canvas_sis_sync.sis_csv.kinds import KINDS

KEYS = {
    "account": "account_id",
    "term": "term_id",
    "course": "course_id",
    "section": "section_id",
    "xlist": "section_id",
    "user": "user_id",
    "login": "user_id",
    "enrollment": "course_id section_id user_id user_integration_id role role_id associated_user_id"
    " temporary_enrollment_source_user_id",
    "admin": "user_id account_id",
    "group": "group_id",
    "group_membership": "group_id user_id",
    "user_observer": "observer_id student_id",
    "change_sis_id": "old_id old_integration_id",
    "differentiation_tag_set": "tag_set_id",
    "differentiation_tag": "tag_id",
    "differentiation_tag_membership": "tag_id user_id",
    "institutional_tag_category": "category_id",
    "institutional_tag": "institutional_tag_id",
    "institutional_tag_association": "institutional_tag_id user_id",
}
"""The table of DIFF 4."""
WITH_MESSAGES = "imported_with_messages"
ENROLLED = "section_id,user_id,role,status\nS1,U1,student,active\n"
GONE = "S1,U2,student,active\nS2,U3,teacher,active\n"
USERS = "user_id,login_id,status\n"


def dropped(status: str, **more: Any) -> Pair:
    """Drop two enrollments with this diffing_drop_status."""
    return Pair(
        {"e.csv": ENROLLED + GONE},
        {"e.csv": ENROLLED},
        {"enrollment": (DIFFED, 2, more.pop("removed", 2))},
        asked={"diffing_drop_status": status, **more.pop("asked", {})},
        prepared=True,
        **more,
    )


def users_gone(removed: int, **asked: str) -> Pair:
    return Pair(
        {"u.csv": f"{USERS}a,a,active\nb,b,active\n"},
        {"u.csv": f"{USERS}a,a,active\n"},
        {"user": (DIFFED, 1, removed)},
        asked,
        partly=frozenset({"user"}),
    )


def one_gone(kind: str, header: str, stays: str, goes: str, **more: Any) -> Pair:
    removed = more.pop("removed", 1)
    rows = more.pop("rows", 1)
    base = f"{header}\n{stays}\n{goes}\n"
    return Pair(
        {"f.csv": base},
        {"f.csv": f"{header}\n{stays}\n"},
        {kind: (more.pop("mode", DIFFED), rows, removed)},
        prepared=True,
        **more,
    )


PAIRS = {
    "6: enrollment: diffing_drop_status deleted, the default": dropped(""),
    "6: enrollment: diffing_drop_status completed": dropped("completed"),
    "6: enrollment: diffing_drop_status inactive": dropped("inactive"),
    "6: enrollment: diffing_drop_status deleted_last_completed": dropped("deleted_last_completed"),
    "6: user: deleted, the default": users_gone(1),
    "6: user: diffing_user_remove_status suspended": users_gone(1, diffing_user_remove_status="suspended"),
    "6: all others: deleted: term": one_gone("term", "term_id,name,status", "X,x,active", "Y,y,active"),
    "6: all others: deleted: course": one_gone(
        "course", "course_id,short_name,long_name,status", "X,s,l,active", "Y,s,l,active"
    ),
    "6: all others: deleted: section": one_gone(
        "section", "section_id,course_id,name,status", "X,C1,n,active", "Y,C1,n,active"
    ),
    "6: all others: deleted: account": one_gone(
        "account", "account_id,parent_account_id,name,status", "X,,n,active", "Y,,n,active"
    ),
    "6: all others: deleted: group": one_gone("group", "group_id,name,status", "X,x,available", "Y,y,available"),
    "6: skip_deletes: removed rows are written as deleted and then skipped": dropped(
        "deleted", asked={"skip_deletes": "true"}, removed=0, partly=frozenset({"enrollment"})
    ),
    "6: skip_deletes also skips deleted_last_completed": dropped(
        "deleted_last_completed", asked={"skip_deletes": "true"}, removed=0, partly=frozenset({"enrollment"})
    ),
    "6: skip_deletes does not skip completed": dropped("completed", asked={"skip_deletes": "true"}),
    "6: skip_deletes does not skip inactive": dropped("inactive", asked={"skip_deletes": "true"}),
    "6: skip_deletes skips removed users": users_gone(0, skip_deletes="true"),
    "6: skip_deletes does not skip suspended": users_gone(
        1, skip_deletes="true", diffing_user_remove_status="suspended"
    ),
    "6: a file without a status column cannot say that a row is removed": one_gone(
        "account", "account_id,parent_account_id,name", "A1,,a", "A2,,a", removed=0
    ),
    "4: xlist: a section moved to another course is one changed row": Pair(
        {"x.csv": "xlist_course_id,section_id,status\nC2,S1,active\n"},
        {"x.csv": "xlist_course_id,section_id,status\nC3,S1,active\n"},
        {"xlist": (DIFFED, 1, 0)},
        prepared=True,
    ),
    "4: enrollment: a changed role is one removal plus one addition": Pair(
        {"e.csv": ENROLLED},
        {"e.csv": ENROLLED.replace("student", "teacher")},
        {"enrollment": (DIFFED, 2, 1)},
        prepared=True,
    ),
    "4: enrollment: a changed section is one removal plus one addition": Pair(
        {"e.csv": ENROLLED}, {"e.csv": ENROLLED.replace("S1", "S2")}, {"enrollment": (DIFFED, 2, 1)}, prepared=True
    ),
    "4: admin: two roles in one account collapse to the last row": Pair(
        {"a.csv": "user_id,account_id,role,status\nU1,A1,AccountAdmin,active\nU1,A1,Other,active\n"},
        {"a.csv": "user_id,account_id,role,status\nU1,A1,Other,active\n"},
        {"admin": (DIFFED, 0, 0)},
        prepared=True,
    ),
    "4: term: several rows per term collapse to the last one": Pair(
        {"t.csv": "term_id,name,status,date_override_enrollment_type\nT,Autumn,active,\n"},
        {
            "t.csv": "term_id,name,status,date_override_enrollment_type\n"
            "T,Autumn,active,\nT,,active,StudentEnrollment\nT,,active,TaEnrollment\n"
        },
        {"term": (DIFFED, 1, 0)},
        prepared=True,
    ),
    "7: group_category: warning each time, imported whole, removals never deleted": one_gone(
        "group_category",
        "group_category_id,category_name,status",
        "X,x,active",
        "Y,y,active",
        mode=WHOLE,
        removed=0,
        state=WITH_MESSAGES,
    ),
    "7: change_sis_id: a removed row is sent again and fails as unknown": one_gone(
        "change_sis_id",
        "old_id,new_id,type",
        "T,TX,term",
        "T2,T9,term",
        removed=0,
        state=WITH_MESSAGES,
        partly=frozenset({"change_sis_id"}),
    ),
    "7: login: a removed row is sent again and refused, logins are never removed": one_gone(
        "login",
        "user_id,login_id,existing_user_id",
        "X,x,U1",
        "Y,y,U1",
        removed=0,
        state=WITH_MESSAGES,
        partly=frozenset({"login"}),
    ),
    "7: login: a status column does not help": one_gone(
        "login",
        "user_id,login_id,existing_user_id,status",
        "X,x,U1,active",
        "Y,y,U1,active",
        removed=0,
        state=WITH_MESSAGES,
        partly=frozenset({"login"}),
    ),
    "7: group_membership works": one_gone(
        "group_membership", "group_id,user_id,status", "G1,U1,accepted", "G1,U2,accepted"
    ),
    "7: user_observer works": one_gone(
        "user_observer", "observer_id,student_id,status", "U1,U2,active", "U1,U3,active"
    ),
    "7: xlist works: the section goes back": one_gone(
        "xlist", "xlist_course_id,section_id,status", "C2,S1,active", "C3,S2,active"
    ),
    "7: admin works": one_gone(
        "admin", "user_id,account_id,role,status", "U1,A1,AccountAdmin,active", "U2,A1,AccountAdmin,active"
    ),
    "4: a trailing empty header cell is no column": Pair(
        {"u.csv": f"{USERS}a,a,active\nb,b,active\n"},
        {"u.csv": "user_id,login_id,status,\na,a,active,\n"},
        {"user": (DIFFED, 1, 1)},
    ),
    "8: unchanged data with override_sis_stickiness override nothing": Pair(
        {"e.csv": ENROLLED},
        {"e.csv": ENROLLED},
        {"enrollment": (DIFFED, 0, 0)},
        asked={"override_sis_stickiness": "true"},
        prepared=True,
    ),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_canvas_does_as_predicted(client: Client, pair: Pair) -> None:
    predicted = predict(pair)
    seen = rehearse(client, pair)
    assert_done_as_predicted(pair, predicted, seen)
    assert_diffed_as_predicted(pair, predicted[1], seen)


def of_key(kind: str) -> Pair:
    """Change each key column in a row of its own, and another column in a further row, if there is one."""
    key = KEYS[kind].split()
    wanted = {*key, *KINDS[kind].all_of, *(group[0] for group in KINDS[kind].any_of)}
    columns = sorted(wanted | {"status", "extra"})
    base, now = [], []
    for number, name in enumerate([*key, "extra"]):
        row = {column: f"{column}{number}" for column in columns}
        base.append(row)
        now.append({**row, name: "other"})
    removes = kind not in {"login", "change_sis_id"}
    return Pair(
        {"f.csv": text(columns, base)},
        {"f.csv": text(columns, now)},
        {kind: (DIFFED, 2 * len(key) + 1, len(key) if removes else 0)},
    )


def text(columns: Sequence[str], rows: Sequence[dict[str, str]]) -> str:
    return "\n".join(",".join(line) for line in (columns, *(row.values() for row in rows))) + "\n"


def test_rows_are_told_apart_by_the_key_columns(client: Client) -> None:
    pairs = {kind: of_key(kind) for kind in KEYS}
    whole = Pair(
        {f"{kind}.csv": pair.base["f.csv"] for kind, pair in pairs.items()},
        {f"{kind}.csv": pair.now["f.csv"] for kind, pair in pairs.items()},
        {kind: pair.expected[kind] for kind, pair in pairs.items()},
    )
    _, prediction = predict(whole)
    assert outline(prediction) == whole.expected
    seen = rehearse(client, whole)
    assert_diffed_as_predicted(whole, prediction, seen)
    assert seen.diffed == {kind: rows for kind, (_, rows, _) in whole.expected.items()}


def test_every_kind_has_a_key_but_three() -> None:
    assert KINDS.keys() - KEYS.keys() == {"abstract_course", "grade_publishing_results", "group_category"}


KEYLESS = {
    "abstract_course": "abstract_course_id,short_name,long_name,status\nX,s,l,active\n",
    "grade_publishing_results": "enrollment_id,grade_publishing_status\n1,published\n",
}


@pytest.mark.parametrize("kind", KEYLESS)
def test_a_kind_without_a_key_on_both_sides_breaks_the_import(client: Client, kind: str) -> None:
    """DIFF 7: no key is defined; if both uploads have the kind, the whole import ends failed."""
    pair = Pair({"f.csv": KEYLESS[kind]}, {"f.csv": KEYLESS[kind]}, {})
    _, prediction = predict(pair)
    [effect] = prediction.effects
    assert (effect.mode, effect.reason) == (WHOLE, "it has no key: the import would fail")
    assert rehearse(client, pair).record["workflow_state"] == "failed"


@pytest.mark.parametrize("kind", KEYLESS)
def test_a_kind_without_a_key_on_one_side_is_imported_whole(client: Client, kind: str) -> None:
    pair = Pair(
        {"u.csv": USERS}, {"u.csv": USERS, "f.csv": KEYLESS[kind]}, {kind: (WHOLE, 1, 0), "user": (DIFFED, 0, 0)}
    )
    predicted = predict(pair)
    assert_done_as_predicted(pair, predicted, rehearse(client, pair))


def third(client: Client, first: Files, second: Files, then: Files) -> tuple[Prediction, Seen]:
    """Send three uploads; predict the third and look at it."""
    client.run(dict(first), **SET)
    base = client.run(dict(second), **SET)
    changes = compare(delivery(second), delivery(then))
    prediction = predict_diffing(
        delivery(then), DiffBase(base["id"], delivery(second), True), ImportOptions(SET), changes
    )
    seen = import_and_look(client, then, SET)
    assert seen.parsed.diffed_against == base["id"]
    return prediction, seen


def test_rows_removed_while_the_columns_changed_are_never_deleted(client: Client) -> None:
    """DIFF 4: the import as a whole still counts as diffed and becomes the next base."""
    wide = "user_id,login_id,status,email\na,a,active,\n"
    prediction, seen = third(client, {"u.csv": f"{USERS}a,a,active\nb,b,active\n"}, {"u.csv": wide}, {"u.csv": wide})
    assert outline(prediction) == {"user": (DIFFED, 0, 0)}
    assert not seen.ended
    assert client.sandbox.count("user") >= 2


def test_rows_gone_while_their_kind_was_left_out_are_never_deleted(client: Client) -> None:
    term = "term_id,name,status\nT,t,active\n"
    both = {"u.csv": f"{USERS}a,a,active\nb,b,active\n", "t.csv": term}
    prediction, seen = third(client, both, {"t.csv": term}, {"u.csv": f"{USERS}a,a,active\n", "t.csv": term})
    assert outline(prediction) == {"term": (DIFFED, 0, 0), "user": (WHOLE, 1, 0)}
    assert not seen.ended


def test_what_skip_deletes_passed_over_is_not_made_up_for(client: Client) -> None:
    """DIFF 6: the base moves on, so switching skip_deletes off afterwards does not delete."""
    client.run({"u.csv": f"{USERS}a,a,active\nb,b,active\n"}, **SET)
    client.run({"u.csv": f"{USERS}a,a,active\n"}, **SET, skip_deletes="true")
    assert not import_and_look(client, {"u.csv": f"{USERS}a,a,active\n"}, SET).ended


def test_a_refused_row_is_not_repeated_but_by_a_remaster(client: Client, golden: Golden) -> None:
    """DIFF 2, 8: rows that were refused and are unchanged now are not sent again."""
    course = {"c.csv": "course_id,short_name,long_name,status\nC,s,l,active\n"}
    enrolled = {"e.csv": "course_id,user_id,role,status\nC,U9,student,active\n"}
    client.run(course)
    assert client.run(enrolled, **SET)["workflow_state"] == WITH_MESSAGES
    pair = Pair(enrolled, {**enrolled, "u.csv": f"{USERS}U9,u,active\n"}, {})
    assert outline(predict(pair)[1]) == {"user": (WHOLE, 1, 0), "enrollment": (DIFFED, 0, 0)}
    assert client.run(dict(pair.now), **SET)["data"]["counts"]["enrollments"] == 0
    remaster = {**SET, "diffing_remaster_data_set": "true"}
    changes = compare(delivery(pair.now), delivery(pair.now))
    prediction = predict_diffing(
        delivery(pair.now), DiffBase(2, delivery(pair.now), True), ImportOptions(remaster), changes
    )
    assert outline(prediction) == {"user": (WHOLE, 1, 0), "enrollment": (WHOLE, 1, 0)}
    golden(prediction.effects[0].reason)
    assert client.run(dict(pair.now), **remaster)["data"]["counts"]["enrollments"] == 1


def test_changes_made_in_canvas_are_not_noticed(client: Client) -> None:
    """DIFF 8: an unchanged row is not re-applied."""
    client.run({"u.csv": f"{USERS}a,a,active\n"}, **SET)
    with closing(sqlite3.connect(client.sandbox.database)) as connection, connection:
        connection.execute("UPDATE login SET status = 'deleted' WHERE root = ?", (client.account,))
    before = client.sandbox.count("user")
    client.run({"u.csv": f"{USERS}a,a,active\n"}, **SET)
    assert client.sandbox.count("user") == before


def test_row_numbers_in_messages_count_in_the_difference_file(client: Client) -> None:
    client.run({"u.csv": f"{USERS}a,a,active\nb,b,active\n"}, **SET)
    done = client.run({"u.csv": f"{USERS}a,a,active\nb,b,active\nc,c,nonsense\n"}, **SET)
    assert [row for _, row, _ in client.said(done["id"])] == [2]


def test_without_a_recognised_file_the_import_ends_at_once(client: Client) -> None:
    """DIFF 8: imported, without supplied_batches and without counts per kind."""
    pair = Pair({"u.csv": f"{USERS}a,a,active\n"}, {"u.csv": ""}, {})
    data = rehearse(client, pair).record["data"]
    assert "supplied_batches" not in data
    assert set(data["counts"]) == {"error_count", "warning_count"}
    assert {effect.rows for effect in predict(pair)[1].effects} == {0}
