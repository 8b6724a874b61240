"""A column too many can make a file another kind: that is said where it happens, and not of ordinary headers."""

from __future__ import annotations

import random

import pytest
from support.samples import checked, found

from canvas_sis_sync.sis_csv.kinds import KINDS, recognize

MISTAKEN = """section short_name, section term_id, xlist name, enrollment name, enrollment login_id,
enrollment xlist_course_id, enrollment existing_user_id, admin course_id, admin section_id, admin login_id,
admin parent_account_id, group section_id, group term_id, group_membership account_id, group_membership course_id,
group_membership name, group_membership login_id, group_membership existing_user_id, user old_id"""


def alarm(columns: list[str]) -> bool:
    return bool(found(checked({"x.csv": ",".join(columns)}), "file-kind-by-extra-column"))


@pytest.mark.parametrize("case", MISTAKEN.replace("\n", " ").split(", "))
def test_a_column_too_many_is_noticed(case: str) -> None:
    kind, extra = case.split()
    columns = [*KINDS[kind].columns, extra]
    assert recognize(columns) is not KINDS[kind]
    assert alarm(columns)


@pytest.mark.slow
def test_ordinary_headers_raise_no_alarm() -> None:
    chance = random.Random(7)
    for kind in KINDS.values():
        for _ in range(20):
            columns = [name for name in kind.columns if name in kind.all_of or chance.random() < 0.7]
            if recognize(columns) is kind:
                assert not alarm(columns), columns
