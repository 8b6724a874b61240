"""Rows by columns: what a block holds, where blocks begin, and what becomes of rows that do not fit the header."""

from __future__ import annotations

import io

import pytest

from canvas_sis_sync.sis_csv import texts
from canvas_sis_sync.sis_csv.reader import Block, Malformed, open_csv


def blocks_of(text: str) -> list[Block]:
    return list(open_csv(io.BytesIO(text.encode())).blocks)


def test_a_block_gives_trimmed_values_by_column() -> None:
    assert blocks_of('a,b\n1, x \n"2 ","y ""z"""\n') == [Block(2, (["1", "2"], ["x", 'y "z"']))]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (" x", "x"),
        ("x ", "x"),
        ("x\t", "x"),
        ("\0x", "x"),
        ("x\v", "x"),
        ("x\f", "x"),
        ('"x\n"', "x"),
        ('"\rx"', "x"),
        ('" x"', "x"),
        ("\u00a0", ""),
        ("\u2003\u3000", ""),
        ("x\u00a0", "x\u00a0"),
        ('"\u00a0"', ""),
        ("two words", "two words"),
        ('"\n"', ""),
    ],
)
@pytest.mark.parametrize("row", ["{},1,2", "1,{},2", "1,2,{}"])
def test_one_cell_that_needs_trimming_is_trimmed_wherever_it_stands(cell: str, value: str, row: str) -> None:
    text = "\n".join(["a,b,c", "3,4,5", row.format(cell), "6,7,8", ""])
    (block,) = blocks_of(text)
    assert [column[1] for column in block.columns] == row.format(value).split(",")
    assert [column[2] for column in block.columns] == ["6", "7", "8"]


def test_rows_without_values_have_a_place_and_empty_lines_have_none() -> None:
    text = 'a,b\n\n1,2\n\n\n,\n""\n  \n3,4\n\n'
    assert blocks_of(text) == [Block(2, (["1", "", "", "", "3"], ["2", "", "", "", "4"]))]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_empty_lines_of_a_single_column_are_left_out(line_end: str) -> None:
    text = line_end.join(["a", "", "1", "", '""', "2", "", ""])
    assert blocks_of(text) == [Block(2, (["1", "", "2"],))]


def test_short_rows_are_filled_and_values_beyond_the_header_are_told() -> None:
    text = 'a,b\n1\n1,2,3\n,,"x"\n1,2, \n"4",5,\n'
    assert blocks_of(text) == [Block(2, (["1", "1", "", "1", "4"], ["", "2", "", "2", "5"]), frozenset({1, 2}))]


def test_two_short_rows_that_are_as_long_as_one_are_two() -> None:
    assert blocks_of("a,b,c\nd\ne\n1,2,3\n") == [Block(2, (["d", "e", "1"], ["", "", "2"], ["", "", "3"]))]


def test_a_row_with_values_beyond_the_header_only_is_given_without_values() -> None:
    assert list(open_csv(io.BytesIO(b"a,b\n,,x\n,,\n"))) == [(2, [None, None])]


def test_row_numbers_go_on_from_block_to_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "BLOCK_BYTES", 50)
    blocks = blocks_of("a,b\n" + "".join(f'{row},"x\n{row}"\n\n' for row in range(2, 1002)))
    assert len(blocks) > 100
    assert [int(value) for block in blocks for value in block.columns[0]] == list(range(2, 1002))
    assert all(block.first_row == int(block.columns[0][0]) for block in blocks)


def test_blocks_of_a_large_file_hold_about_a_thousand_rows() -> None:
    blocks = blocks_of(
        "user_id,login_id\n" + "U000000,someone.somewhere@school.example,active,and so on and on\n" * 5000
    )
    assert sum(map(len, blocks)) == 5000
    assert 500 < max(map(len, blocks)) < 2000


def test_rows_before_the_malformed_one_come_in_a_block_of_their_own() -> None:
    blocks = open_csv(io.BytesIO(b'a,b\n1,2\n\n3,4\n5,"6"7\n8,9\n')).blocks
    assert next(blocks) == Block(2, (["1", "3"], ["2", "4"]))
    with pytest.raises(Malformed, match="Row 4 "):
        next(blocks)


@pytest.mark.parametrize("text", ["", "\n\n", "a,b", "a,b\n", "a,b\r\n\r\n", "\ufeff"])
def test_a_file_without_rows_has_no_blocks(text: str) -> None:
    assert blocks_of(text) == []


def test_a_malformed_header_is_found_when_the_file_is_opened() -> None:
    with pytest.raises(Malformed, match="Row 1 "):
        open_csv(io.BytesIO(b'a"b,c\n1,2\n'))


def test_a_fault_after_the_header_is_found_only_when_its_row_is_asked_for() -> None:
    file = open_csv(io.BytesIO(b'User_ID,login_id\n1"2\n'))
    assert file.header == ["user_id", "login_id"]
    with pytest.raises(Malformed, match="Row 2 "):
        next(file.blocks)


def test_a_value_of_quotes_only_is_not_taken_for_another_cell() -> None:
    text = 'a,b\n"""",""""""\n"",""""\n"""x""","\n\n"\n'
    assert blocks_of(text) == [Block(2, (['"', "", '"x"'], ['""', '"', ""]))]


def test_a_long_record_below_the_limit_is_read() -> None:
    long = "x" * 3_000_000
    assert blocks_of(f'a,b\n"{long}\n",1\n2,{long}\n') == [Block(2, ([long], ["1"])), Block(3, (["2"], [long]))]


def test_the_limit_is_of_one_record_and_not_of_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "BLOCK_BYTES", 50)
    monkeypatch.setattr(texts, "RECORD_LIMIT", 200)
    assert sum(map(len, blocks_of("a,b\n" + '1,"x\ny"\n' * 1000))) == 1000
