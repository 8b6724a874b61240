"""Rows of one key are found whatever share of the keys is looked at, and in flat memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from canvas_sis_sync.check._keys import Keys, clashes

ROWS = st.lists(st.tuples(st.integers(-6, 6), st.integers(0, 2)), max_size=40)


def keys_of(rows: list[tuple[int, int]]) -> Keys:
    keys = Keys()
    keys.extend((key for key, _ in rows), (content for _, content in rows), idle=())
    return keys


def places(parts: list[Keys], at_once: int) -> set[tuple[int, int, int]]:
    numbers = {id(part): number for number, part in enumerate(parts)}
    return {(numbers[id(clash.keys)], clash.row, clash.earlier_place) for clash in clashes(parts, at_once)}


@given(st.lists(ROWS, max_size=3), st.integers(1, 50))
def test_each_row_is_held_against_the_first_of_its_key(files: list[list[tuple[int, int]]], at_once: int) -> None:
    first: dict[int, tuple[int, int]] = {}
    wanted = set()
    for number, rows in enumerate(files):
        for place, (key, content) in enumerate(rows):
            earlier, earlier_content = first.setdefault(key, (place, content))
            if key and content != earlier_content:
                wanted.add((number, place + 2, earlier))
    assert places([keys_of(rows) for rows in files], at_once) == wanted


def test_rows_that_take_no_part_clash_with_nothing() -> None:
    keys = Keys()
    keys.extend([5, 5, 5], [1, 2, 3], idle=[0, 2])
    assert not list(clashes([keys]))
