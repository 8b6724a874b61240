"""Exports in other encodings: recognised for a suggestion, converted only as configured and strictly."""

from __future__ import annotations

import io
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.golden import Golden
from support.sentences import in_full

from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.delivery.transcoding import NotInEncoding, guess, recoded


def delivered(content: bytes) -> DeliveryFile:
    return DeliveryFile("users.csv", len(content), lambda: io.BytesIO(content))


class Blocks(io.BytesIO):
    """Gives at most so many bytes at a time."""

    def __init__(self, content: bytes, most: int) -> None:
        super().__init__(content)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(self._most if size is None or size < 0 else min(size, self._most))


def read(file: DeliveryFile) -> bytes:
    with file.open() as stream:
        return stream.read()


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-le", "iso-8859-15", "mac-roman"])
def test_a_file_in_the_configured_encoding_becomes_utf8_of_the_told_size(encoding: str) -> None:
    text = "user_id,name\n" + "u1,Zoë Müller\n" * 5000
    file = recoded(delivered(text.encode(encoding)), encoding)
    assert read(file) == text.encode()
    assert file.size == len(text.encode())


def test_a_file_that_is_utf8_already_is_left_alone() -> None:
    file = delivered("u1,Zoë\n".encode())
    assert recoded(file, "cp1252") is file


@pytest.mark.parametrize("content", [b"PK\x03\x04\x81\xff", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x81"])
def test_a_spreadsheet_is_in_no_encoding(content: bytes) -> None:
    file = delivered(content)
    assert recoded(file, "cp1252") is file


def test_a_byte_without_a_meaning_is_an_error_that_names_the_file(golden: Golden) -> None:
    with pytest.raises(NotInEncoding) as caught:
        recoded(delivered(b"u1,\x81\n"), "cp1252")
    golden(in_full(caught.value))


@given(st.text("a\r\n\u00e4\u2028\u20ac\uffff\U0001f600"), st.integers(1, 64))
def test_characters_cut_by_a_block_stay_whole(text: str, block: int) -> None:
    whole = text.encode("utf-16")
    ends = [*range(0, len(whole), block), len(whole)]
    file = recoded(DeliveryFile("users.csv", len(whole), lambda: Blocks(whole, block)), "utf-16")
    assert file.size == len(text.encode())
    with file.open() as pieces:
        got = b"".join(pieces.read(max(end - start, 1)) for start, end in pairwise(ends))
        assert text.encode().startswith(got)
        assert got + pieces.read() == text.encode()


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("Zoë".encode("cp1252"), "cp1252"),
        (b"a" * 200_000 + "Müller".encode("cp1252"), "cp1252"),
        ("user_id\nü".encode("utf-16"), "utf-16"),
        ("user_id\nü".encode("utf-16-le"), "utf-16-le"),
        ("user_id\nü".encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_what_a_file_seems_to_be_is_suggested(content: bytes, encoding: str) -> None:
    assert guess(delivered(content)) == encoding
