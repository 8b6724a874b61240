"""The CSV dialect: what becomes of bytes, which row has which number, and counting without parsing."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canvas_sis_sync.sis_csv import texts
from canvas_sis_sync.sis_csv.counter import RowCounter, Summary, count_rows
from canvas_sis_sync.sis_csv.reader import CsvFile, Malformed, open_csv
from canvas_sis_sync.sis_csv.texts import NotUtf8

LINE_ENDS = ["\n", "\r\n", "\r"]
TRIMMED = "\0\t\n\v\f\r "


def opened(text: str | bytes) -> CsvFile:
    return open_csv(io.BytesIO(text if isinstance(text, bytes) else text.encode()))


def rows_of(text: str | bytes) -> list[tuple[int, list[str | None]]]:
    return list(opened(text))


def counted(data: bytes, size: int) -> Summary:
    counter = RowCounter()
    for start in range(0, len(data), size):
        counter.feed(data[start : start + size])
    return counter.finish()


class Dribble(io.BytesIO):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        super().__init__(data)
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._size)


# What values become


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("x", "x"),
        ("007", "007"),
        ("", None),
        ('""', None),
        ("   ", None),
        ('" \t\n "', None),
        ("  padded\t", "padded"),
        ('"\0\v\f x y \r\n"', "x y"),
        ('"a ""quoted"" word"', 'a "quoted" word'),
        ('""""', '"'),
        ('"one,\ntwo"', "one,\ntwo"),
        ("\u00a0", None),
        ("\u3000\u2003", None),
        ("\u00a0x", "\u00a0x"),
        ("\u200b", "\u200b"),
        ("\ufeffx", "\ufeffx"),
        ("\x1c", "\x1c"),
        ("Zoë Ångström", "Zoë Ångström"),
    ],
)
def test_a_cell_becomes_a_trimmed_value_or_none(cell: str, value: str | None) -> None:
    assert rows_of(f"a,b\n{cell},end\n") == [(2, [value, "end"])]


def test_short_rows_are_filled_and_extra_cells_dropped() -> None:
    assert rows_of("a,b\n1\n1,2,3\n") == [(2, ["1", None]), (3, ["1", "2"])]


@pytest.mark.parametrize("end", LINE_ENDS)
def test_empty_lines_are_not_counted(end: str) -> None:
    text = end.join(["", "a,b", "", "1,2", "", "", "3,4", ""])
    assert rows_of(text) == [(2, ["1", "2"]), (3, ["3", "4"])]


@pytest.mark.parametrize("blank", ["  ", ",", ",,,", '""', '"",""', "\u00a0,"])
def test_rows_without_values_are_counted_but_not_given(blank: str) -> None:
    assert rows_of(f"a,b\n{blank}\n1,2\n") == [(3, ["1", "2"])]
    assert count_rows(io.BytesIO(f"a,b\n{blank}\n1,2\n".encode())).rows == 2


def test_a_cell_of_several_lines_counts_as_one_row() -> None:
    assert rows_of('a\n"1\n\n2"\n3') == [(2, ["1\n\n2"]), (3, ["3"])]


# The header


def test_header_cells_are_lower_cased_but_keep_their_padding() -> None:
    file = opened("User_ID, LOGIN_ID,,ÄÖ\n")
    assert file.header == ["user_id", " login_id", "", "äö"]
    assert file.kind is not None
    assert file.kind.name == "user"


def test_one_byte_order_mark_is_removed_and_a_second_stays() -> None:
    assert opened(b"\xef\xbb\xbfa,b\n").header == ["a", "b"]
    assert opened(b"\xef\xbb\xbf\xef\xbb\xbfa,b\n").header == ["\ufeffa", "b"]
    assert opened(b"\xef\xbb\xbf\r\na,b\r\n").header == ["a", "b"]


def test_a_byte_order_mark_inside_the_file_stays_wherever_blocks_begin() -> None:
    data = "a\n\ufeffx\n\ufeffy\n".encode()
    for size in range(1, len(data)):
        rows = list(open_csv(Dribble(data, size)))
        assert rows == [(2, ["\ufeffx"]), (3, ["\ufeffy"])]


@pytest.mark.parametrize("text", [b"", b"\n\n", b"\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n\n"])
def test_a_file_without_content_has_no_header_and_no_rows(text: bytes) -> None:
    file = opened(text)
    assert (file.header, file.kind, list(file)) == ([], None, [])
    assert count_rows(io.BytesIO(text)) == Summary(kind=None, rows=0, header=())


def test_quoted_header_with_a_line_break() -> None:
    file = opened('"user_id","login\nid"\n1,2\n')
    assert file.header == ["user_id", "login\nid"]
    assert list(file) == [(2, ["1", "2"])]


def test_wrong_separator_gives_one_unrecognised_column() -> None:
    file = opened("user_id;login_id\n1;2\n")
    assert (file.header, file.kind) == (["user_id;login_id"], None)


# What Canvas drops


@pytest.mark.parametrize(
    ("text", "row", "fault"),
    [
        ('a,b\nfoo "bar" baz,2\n', 2, "does not begin with one"),
        ('a,b\n1, "x"\n', 2, "does not begin with one"),
        ('a,b\n1,2\n"1" ,2\n', 3, "between a closing quote"),
        ('a,b\n"1"x,"2"\n', 2, "between a closing quote"),
        ('a,b\n1,2\n\n"1,2\n3,4\n', 3, "never closed"),
        ('"a,b\n1,2\n', 1, "never closed"),
        ("a,b\r\n1,2\n3,4\r\n", 2, "line end differs"),
        ("a,b\n1,2\n3,4\r\n", 3, "line end differs"),
        ('a,b\n1,"2"\r\n', 2, "line end differs"),
        ('a,b\n1,x"2"\r\n', 2, "does not begin with one"),
        ("a,b\n1\r,2\n", 2, "line end differs"),
        ("a,b\r1,2\r\n", 3, "line end differs"),
        ('a,b\n"1\n",2\r\n', 2, "line end differs"),
    ],
)
def test_malformed_records_are_named_by_row(text: str, row: int, fault: str) -> None:
    with pytest.raises(Malformed, match=fault) as raised:
        rows_of(text)
    assert raised.value.row == row
    assert f"Row {row} " in str(raised.value)


def test_rows_before_a_malformed_one_are_given() -> None:
    rows = iter(opened('a\n1\n2\n"3"4\n'))
    assert [next(rows), next(rows)] == [(2, ["1"]), (3, ["2"])]
    with pytest.raises(Malformed):
        next(rows)


@pytest.mark.parametrize(
    ("data", "offset"),
    [
        (b"a,b\n1,M\xfcller\n", 7),
        (b"a\n\xed\xa0\x80\n", 2),
        (b"a\n\xc0\xaf\n", 2),
        (b"a\nx\xe2\x82", 3),
        ("a,b\n1,2\n".encode("utf-16"), 0),
        (b"\xef\xbb", 0),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_bytes_that_are_not_utf8_are_named_by_offset(data: bytes, offset: int, size: int) -> None:
    with pytest.raises(NotUtf8, match=f"offset {offset}") as raised:
        list(open_csv(Dribble(data, size)))
    assert raised.value.offset == offset
    assert counted(data, size) == Summary(kind=None, rows=None, header=())


def test_what_is_refused_is_a_value_error() -> None:
    assert issubclass(NotUtf8, ValueError)
    assert issubclass(Malformed, ValueError)


# Any size, any cut


@pytest.mark.parametrize(
    "text", ["a" * 5000, 'a\n"' + "\n" * 2500, "a\n" + "1" * 5000, 'a\n"' + "1\n" * 2500, "a\n" + "é" * 2000 + '\n"']
)
def test_a_record_longer_than_the_limit_is_refused_before_it_fills_memory(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "RECORD_LIMIT", 1000)
    with pytest.raises(Malformed, match="longer than 1000 characters"):
        list(open_csv(Dribble(text.encode(), 100)))


class Endless(io.BytesIO):
    """A stream that repeats a few bytes up to a size."""

    def __init__(self, start: bytes, repeated: bytes, size: int, end: bytes = b"") -> None:
        super().__init__()
        self._pieces = iter([start, *[repeated * 1000] * (size // len(repeated) // 1000), end])

    def read(self, size: int | None = -1, /) -> bytes:
        return next(self._pieces, b"")


@pytest.mark.parametrize(
    ("start", "repeated"),
    [(b'a\n"', b"1,2\n"), (b'a\n"', b'""'), (b"a", b"1,2,"), (b"a\n", b"1,2,"), (b"a", b"\0"), (b"a\n", b'"",')],
)
def test_a_record_without_end_is_refused_in_flat_memory(
    start: bytes, repeated: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "RECORD_LIMIT", 10_000)
    size = 5_000_000
    stream = Endless(start, repeated, size)
    tracemalloc.start()
    try:
        with pytest.raises(Malformed, match="longer than 10000"):
            list(open_csv(stream))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size / 4
    assert stream.read() == b""


@pytest.mark.parametrize(
    "data", [b'a\n"1"2\n', b'"a"b\n', b'a\n"', b"a\n1\r2\n", b'a"\n'], ids=["cell", "header", "open", "end", "quote"]
)
def test_a_file_that_is_malformed_before_it_is_not_utf8_is_not_utf8(data: bytes) -> None:
    data += b"x,y\n" * 50_000 + b"\xff"
    with pytest.raises(NotUtf8, match=f"offset {len(data) - 1}"):
        list(open_csv(io.BytesIO(data)))


def test_memory_stays_flat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "BLOCK_BYTES", 1 << 12)
    monkeypatch.setattr("canvas_sis_sync.sis_csv.counter.BLOCK_BYTES", 1 << 12)
    path = tmp_path / "users.csv"
    path.write_bytes(b"user_id,login_id,status\n" + b'U1,"u1\n@example.edu",active\n' * 20_000)
    tracemalloc.start()
    try:
        with path.open("rb") as stream:
            rows = sum(1 for _ in open_csv(stream))
        with path.open("rb") as stream:
            summary = count_rows(stream)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (rows, summary.rows, summary.kind) == (20_000, 20_000, "user")
    assert peak < path.stat().st_size / 4


CELLS = st.text("aZ\0\v\x1f\x7f\x85\u00e4\u1680\u2028\u3000\u4e2d\U0001f600\uffff", max_size=6) | st.text(
    'ab"",\r\n \t\u00a0', max_size=5
)
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=4), min_size=1, max_size=5)
QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
MARKS = st.sampled_from([b"", b"\xef\xbb\xbf"])


def written(table: list[list[str]], end: str, quoting: Any, mark: bytes = b"") -> bytes:
    """Write a table with Python's own writer, below a header that settles the style of line ends."""
    if any("\r" in cell or "\n" in cell for row in table for cell in row):
        quoting = csv.QUOTE_ALL  # the writer knows only its own line end as one that needs quotes
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=quoting)
    writer.writerow(["user_id", "login_id", "status", "email"])
    writer.writerows(table)
    return mark + text.getvalue().encode()


def value_of(cell: str) -> str | None:
    trimmed = cell.strip(TRIMMED)
    spaces = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
    return trimmed if trimmed.strip(spaces) else None


def expected_rows(table: list[list[str]]) -> Iterator[tuple[int, list[str | None]]]:
    for number, cells in enumerate(table, start=2):
        values = [value_of(cell) for cell in cells]
        if any(values):
            yield number, values + [None] * (4 - len(values))


@settings(deadline=None)
@given(table=TABLES, end=st.sampled_from(LINE_ENDS), quoting=QUOTING, mark=MARKS, size=st.integers(1, 40))
def test_whatever_a_csv_writer_writes_is_read_back_as_trimmed_values(
    table: list[list[str]], end: str, quoting: Any, mark: bytes, size: int
) -> None:
    data = written(table, end, quoting, mark)
    file = open_csv(Dribble(data, size))
    assert file.header == ["user_id", "login_id", "status", "email"]
    assert list(file) == list(expected_rows(table))


@settings(deadline=None, max_examples=25)
@given(table=TABLES, end=st.sampled_from(LINE_ENDS), quoting=QUOTING, mark=MARKS)
def test_the_counter_agrees_with_the_reader_wherever_a_file_is_cut(
    table: list[list[str]], end: str, quoting: Any, mark: bytes
) -> None:
    data = written([*table, ["last", "row"]], end, quoting, mark)
    numbers = [number for number, _ in opened(data)]
    expected = Summary(kind="user", rows=numbers[-1] - 1, header=("user_id", "login_id", "status", "email"))

    assert count_rows(io.BytesIO(data)) == expected
    for cut in range(1, len(data)):
        counter = RowCounter()
        counter.feed(data[:cut])
        counter.feed(data[cut:])
        assert counter.finish() == expected


# Counting

AWKWARD = [
    b"\n\nuser_id,login_id\n\n\n1,2\n\n",
    b"\r\n\r\nuser_id,login_id\r\n\r\n1,2\r\n  \r\n\r\n",
    b"\xef\xbb\xbf\n\nuser_id,login_id\n1,2",
    b'\xef\xbb\xbf"user_id","login_id"\r"1\r\r","2"\r""\r\r"x"',
    b'user_id,login_id,"a\n\nb"\n"""\n""",2\n"\n"\n',
    b"user_id,login_id\n\x0b\n\x0c,\x1c\n\xc2\x85\n\xe2\x80\xa8\n",
]


@pytest.mark.parametrize(
    ("data", "rows"),
    [(AWKWARD[0], 1), (AWKWARD[1], 2), (AWKWARD[2], 1), (AWKWARD[3], 3), (AWKWARD[4], 2), (AWKWARD[5], 4)],
)
def test_the_counter_counts_as_canvas_does(data: bytes, rows: int) -> None:
    summaries = {counted(data, size) for size in range(1, len(data) + 1)}
    assert {(summary.kind, summary.rows) for summary in summaries} == {("user", rows)}


def test_a_header_alone_has_no_rows() -> None:
    for data in (
        b"user_id,login_id\r",
        b"user_id,login_id",
        b"user_id,login_id\n",
        b"\r\n\r\nuser_id,login_id\r\n\r\n",
    ):
        assert counted(data, 3) == Summary(kind="user", rows=0, header=("user_id", "login_id"))


def test_counting_an_unrecognised_file_still_counts_its_rows() -> None:
    assert counted(b"Foo;Bar\n1;2\n", 4) == Summary(kind=None, rows=1, header=("foo;bar",))


def test_counting_never_raises_for_what_a_file_holds() -> None:
    open_quote = b'user_id,login_id\n"1,2\n3,4\n'
    assert counted(open_quote, 5) == Summary(kind="user", rows=None, header=("user_id", "login_id"))
    assert counted(b'user"_id",login_id\n1,2\n', 5) == Summary(kind=None, rows=None, header=())
    assert counted(b"user_id,login_id\n" + b"1,2\n" * 100_000 + b"\xff", 1 << 16).rows is None


def test_a_character_cut_by_the_end_of_the_looked_at_head_does_not_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("canvas_sis_sync.sis_csv.counter.HEAD_BYTES", 3)
    assert counted("äöü,b\n1,2\n".encode(), 3).rows is None
