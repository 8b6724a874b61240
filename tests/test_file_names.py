"""Names that are not UTF-8 and what stands for them: any name has a text of its own, and is found again by it."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvas_sis_sync.file_names import on_disk, storable
from canvas_sis_sync.plain_text import visible


@pytest.mark.skipif(os.name != "posix", reason="names of Windows are no bytes")
@given(st.binary(max_size=60) | st.text("aé\U0010fce9\U0010ffff", max_size=9).map(str.encode))
def test_every_name_is_stored_and_found_again(name: bytes) -> None:
    listed = os.fsdecode(name)
    stored = storable(listed)
    assert os.fsencode(on_disk(stored.encode().decode())) == name
    assert storable(on_disk(stored)) == stored


@given(st.text(max_size=60))
def test_names_that_people_use_stay_as_they_are(name: str) -> None:
    if not any(character > "\U0010f7ff" or 0xD800 <= ord(character) < 0xE000 for character in name):
        assert storable(name) == on_disk(name) == name


def test_a_byte_that_is_not_utf8_is_shown_as_what_it_is() -> None:
    assert visible(storable("\udce9l\udce8ves.csv")) == visible("\udce9l\udce8ves.csv") == r"\xe9l\xe8ves.csv"
