"""Every row of DIFF 1 and 3 to 5: what we predict is what the fact sheet says and what the sandbox does."""

from __future__ import annotations

from typing import Any

import pytest
from support.predictions import (
    ABSENT,
    DIFFED,
    WHOLE,
    Pair,
    assert_diffed_as_predicted,
    assert_done_as_predicted,
    outline,
    predict,
    rehearse,
)
from support.sandbox_client import Client

USERS = "user_id,login_id,status\n"
TERMS = "term_id,name,status\nT,Autumn,active\n"
WITH_MESSAGES = "imported_with_messages"


def users(*ids: str, status: str = "active") -> str:
    return USERS + "".join(f"{user},{user},{status}\n" for user in ids)


def of_users(base: str, now: str, mode: str, rows: int, removed: int, **more: Any) -> Pair:
    return Pair({"u.csv": base}, {"u.csv": now}, {"user": (mode, rows, removed)}, **more)


ABC = users("a", "b", "c")
PAIRS = {
    "3: one file of the kind on both sides: paired, whatever their names": Pair(
        {"old.csv": ABC}, {"new/name.csv": users("a", "b")}, {"user": (DIFFED, 1, 1)}
    ),
    "3: several files, the same number with the same names: paired by path": Pair(
        {"x/1.csv": users("a", "b"), "y/1.csv": users("c", "d")},
        {"x/1.csv": users("a"), "y/1.csv": users("c", "d", "e")},
        {"user": (DIFFED, 2, 1)},
    ),
    "3: several files, a row has moved to another: removed there, added here": Pair(
        {"1.csv": users("a", "b"), "2.csv": users("c")},
        {"1.csv": users("a"), "2.csv": users("b", "c")},
        {"user": (DIFFED, 2, 1)},
        ended={"user": 0},
    ),
    "3: several files, every file needs a partner of the same name: otherwise all whole": Pair(
        {"1.csv": users("a"), "2.csv": users("b")},
        {"1.csv": users("a"), "3.csv": USERS},
        {"user": (WHOLE, 1, 0)},
        state=WITH_MESSAGES,
    ),
    "3: several files on either side, another number: all whole": Pair(
        {"1.csv": ABC}, {"1.csv": users("a"), "2.csv": users("b")}, {"user": (WHOLE, 2, 0)}, state=WITH_MESSAGES
    ),
    "3: several files before, one now: all whole": Pair(
        {"1.csv": users("a"), "2.csv": users("b")}, {"1.csv": users("a")}, {"user": (WHOLE, 1, 0)}, state=WITH_MESSAGES
    ),
    "3: kind only in the current upload: imported whole, no message": Pair(
        {"u.csv": users("a")}, {"u.csv": users("a"), "t.csv": TERMS}, {"term": (WHOLE, 1, 0), "user": (DIFFED, 0, 0)}
    ),
    "3: kind only in the base: nothing happens": Pair(
        {"u.csv": users("a"), "t.csv": TERMS}, {"u.csv": users("a")}, {"term": (ABSENT, 0, 0), "user": (DIFFED, 0, 0)}
    ),
    "4: key only in current: the row": of_users(users("a"), users("a", "b"), DIFFED, 1, 0),
    "4: key in both, any other column differs: the current row": of_users(
        users("a", "b"), USERS + "a,a,active\nb,B2,active\n", DIFFED, 1, 0
    ),
    "4: key in both, all equal: nothing": of_users(ABC, ABC, DIFFED, 0, 0),
    "4: key only in base: the base row with status replaced": of_users(ABC, users("b"), DIFFED, 2, 2),
    "4: values are trimmed, blank is no value, extra cells are dropped": of_users(
        USERS + "a, a ,active\nb,b,active\n", USERS + 'a,a,"active",extra\nb,b,active\n', DIFFED, 0, 0
    ),
    "4: column order and header case do not matter": of_users(
        users("a", "b"), "Status,USER_ID,login_id\nactive,a,a\nactive,b,b\n", DIFFED, 0, 0
    ),
    "4: duplicate keys: only the last row takes part, in the current upload": of_users(
        users("a"), USERS + "a,other,active\na,a,active\n", DIFFED, 0, 0
    ),
    "4: duplicate keys: only the last row takes part, in the base": of_users(
        USERS + "a,a,active\na,second,active\n", users("a"), DIFFED, 1, 0
    ),
    "4: rows whose key cells are all blank share one empty key": of_users(
        USERS + "a,a,active\n,x,active\n,y,active\n",
        USERS + "a,a,active\n,z,active\n",
        DIFFED,
        1,
        0,
        partly=frozenset({"user"}),
        state=WITH_MESSAGES,
    ),
    "4: rows without any value take no part": of_users(users("a") + ",,\n", users("a", "b") + " , ,\n", DIFFED, 1, 0),
    "4: a row removed that already had a deleted status is written again": of_users(
        users("a") + "b,b,deleted\n", users("a"), DIFFED, 1, 0, partly=frozenset({"user"})
    ),
    "4: a pair without differences: zero rows, imported, counts 0": Pair(
        {"u.csv": ABC, "t.csv": TERMS}, {"u.csv": ABC, "t.csv": TERMS}, {"user": (DIFFED, 0, 0), "term": (DIFFED, 0, 0)}
    ),
    "4: one added column is enough: imported whole, without deletions": of_users(
        ABC, "user_id,login_id,status,email\na,a,active,\n", WHOLE, 1, 0, state=WITH_MESSAGES
    ),
    "4: one dropped column is enough": of_users(
        "user_id,login_id,status,email\na,a,active,\nb,b,active,\n", users("a"), WHOLE, 1, 0, state=WITH_MESSAGES
    ),
    "4: only the pair whose columns differ is imported whole": Pair(
        {"1.csv": ABC, "2.csv": users("d", "e")},
        {"1.csv": "user_id,login_id,status,email\na,a,active,\n", "2.csv": users("d")},
        {"user": (DIFFED, 2, 1)},
        state=WITH_MESSAGES,
    ),
    "4: the base file has none of the key columns": Pair(
        {"l.csv": "login_id,existing_user_id\nx,a\n"},
        {"l.csv": "login_id,existing_user_id\nx,a\n"},
        {"login": (WHOLE, 1, 0)},
        partly=frozenset({"login"}),
        state=WITH_MESSAGES,
    ),
    "4: a doubled column counts as its first": of_users(
        "user_id,login_id,status,status\na,a,active,deleted\nb,b,active,active\n",
        "user_id,login_id,status,status\na,a,active,x\n",
        DIFFED,
        1,
        1,
    ),
    "4: a padded header cell is another column": of_users(
        users("a", "b"),
        "user_id,login_id, status\na,a,active\n",
        WHOLE,
        1,
        0,
        partly=frozenset({"user"}),
        state=WITH_MESSAGES,
    ),
    "4: a line break or a bare CR inside a value": of_users(
        USERS + 'a,a,active\nb,"x\ry",active\n',
        USERS + "a,a,active\n",
        DIFFED,
        1,
        1,
        partly=frozenset({"user"}),
        ended={"user": 0},
        state=WITH_MESSAGES,
    ),
    "5: change of size greater than change_threshold: imported whole": of_users(
        ABC, users("a", "b"), WHOLE, 2, 0, asked={"change_threshold": "19"}, refused=True, state=WITH_MESSAGES
    ),
    "5: exactly change_threshold is not greater": of_users(
        users("a", "b", "c", "d") + "five,five,active\n",
        users("a", "b", "c", "d"),
        DIFFED,
        1,
        1,
        asked={"change_threshold": "20"},
    ),
    "5: growth is measured like loss": of_users(
        users("a"), ABC, WHOLE, 3, 0, asked={"change_threshold": "40"}, refused=True, state=WITH_MESSAGES
    ),
    "5: 0 refuses any change of size": of_users(
        ABC, users("a", "b", "cc"), WHOLE, 3, 0, asked={"change_threshold": "0"}, refused=True, state=WITH_MESSAGES
    ),
    "5: 0 takes the same size": of_users(ABC, users("a", "b", "d"), DIFFED, 2, 1, asked={"change_threshold": "0"}),
    "5: not checked for 1..100": of_users(users("a"), ABC, DIFFED, 2, 0, asked={"change_threshold": "500"}),
    "5: the sizes are those of all entries, ignored files included": Pair(
        {"u.csv": ABC, ".hidden.csv": "x" * 500},
        {"u.csv": ABC},
        {"user": (WHOLE, 3, 0)},
        asked={"change_threshold": "80"},
        refused=True,
        state=WITH_MESSAGES,
    ),
    "5: the base has size 0: refused whenever a threshold is set": Pair(
        {"u.csv": ""},
        {"u.csv": ABC},
        {"user": (WHOLE, 3, 0)},
        asked={"change_threshold": "100"},
        refused=True,
        state=WITH_MESSAGES,
    ),
    "5: more rows differ than diff_row_count_threshold: imported whole": of_users(
        ABC, users("a", "d"), WHOLE, 2, 0, asked={"diff_row_count_threshold": "2"}, refused=True, state=WITH_MESSAGES
    ),
    "5: as many rows as diff_row_count_threshold are compared": of_users(
        ABC, users("a", "d"), DIFFED, 3, 2, asked={"diff_row_count_threshold": "3"}
    ),
    "5: files imported whole count 0 rows": Pair(
        {"u.csv": ABC},
        {"u.csv": users("a", "b"), "t.csv": TERMS},
        {"term": (WHOLE, 1, 0), "user": (DIFFED, 1, 1)},
        asked={"diff_row_count_threshold": "1"},
    ),
    "5: a diff_row_count_threshold of 0 is not set": of_users(
        ABC, users("a"), DIFFED, 2, 2, asked={"diff_row_count_threshold": "0"}
    ),
    "5: a negative diff_row_count_threshold is not set": of_users(
        ABC, users("a"), DIFFED, 2, 2, asked={"diff_row_count_threshold": "-5"}
    ),
    "1: a file that is not UTF-8 counts as missing": Pair(
        {"u.csv": ABC, "t.csv": TERMS},
        {"u.csv": users("a").encode() + b"\xff", "t.csv": TERMS},
        {"term": (DIFFED, 0, 0), "user": (ABSENT, 0, 0)},
        state="failed_with_messages",
    ),
    "1: a malformed file counts as missing": Pair(
        {"u.csv": ABC, "t.csv": TERMS},
        {"u.csv": users("a") + 'x,"y,active\n', "t.csv": TERMS},
        {"term": (DIFFED, 0, 0), "user": (ABSENT, 0, 0)},
        state="failed_with_messages",
    ),
    "1: one of several files is malformed: the number of files differs": Pair(
        {"1.csv": ABC, "2.csv": users("d")},
        {"1.csv": users("a"), "2.csv": users("d") + 'x"y\n'},
        {"user": (WHOLE, 1, 0)},
        state="failed_with_messages",
    ),
    "1: one of two files is malformed and one was before: the others are a pair": Pair(
        {"1.csv": ABC},
        {"1.csv": users("a"), "2.csv": users("d") + 'x"y\n'},
        {"user": (DIFFED, 2, 2)},
        state="failed_with_messages",
    ),
    "1: a header that is not recognised counts as missing": Pair(
        {"u.csv": ABC}, {"u.csv": "who\na\n"}, {"user": (ABSENT, 0, 0)}, state="failed_with_messages"
    ),
    "8: header-only file: every row of the base is removed": of_users(ABC, USERS, DIFFED, 3, 3),
    "8: zero-byte file: nothing happens": of_users(ABC, "", ABSENT, 0, 0),
    "8: only empty lines: nothing happens": of_users(ABC, "\n\n", ABSENT, 0, 0),
}


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_canvas_does_as_predicted(client: Client, pair: Pair) -> None:
    predicted = predict(pair)
    seen = rehearse(client, pair)
    assert_done_as_predicted(pair, predicted, seen)
    assert_diffed_as_predicted(pair, predicted[1], seen)


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_the_prediction_does_not_depend_on_what_was_accepted_last(pair: Pair) -> None:
    assert outline(predict(pair, is_before=False)[1]) == pair.expected
