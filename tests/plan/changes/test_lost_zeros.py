"""Keys that came back without the leading zeros of their numbers are found, however large the files are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from support.tables import delivery

from canvas_sis_sync.plan.changes import _kinds
from canvas_sis_sync.plan.changes.comparing import compare
from canvas_sis_sync.plan.values import KindChanges, LostZeros

ENROLLMENTS = "course_id,section_id,user_id,role,status\n"


def users(ids: Iterable[str]) -> str:
    return "user_id,login_id,status\n" + "".join(f"{each},l{each},active\n" for each in ids)


def lost(before: str, now: str) -> LostZeros | None:
    return found(before, now).lost_zeros


def found(before: str, now: str) -> KindChanges:
    (kind,) = compare(delivery(x=before), delivery(x=now)).kinds
    return kind


def test_ids_that_lost_their_zeros_are_counted_with_the_first_of_them() -> None:
    old, new = [f"{number:06}" for number in range(100, 161)], [str(number) for number in range(100, 161)]
    assert lost(users(old), users(new)) == LostZeros(61, "000100", "100", is_every=True)
    assert lost(users(new), users(old)) is None


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (["007", "u1"], ["7", "u1"], LostZeros(1, "007", "7", is_every=True)),
        (["007", "008"], ["7", "008"], LostZeros(1, "007", "7", is_every=False)),
        (["007", "008", "9"], ["7", "8", "9"], LostZeros(2, "007", "7", is_every=True)),
        (["007", "7"], ["7"], None),
        (["007"], ["007", "7"], None),
        (["00A7"], ["A7"], None),
        (["000", "00"], ["0", "1"], LostZeros(2, "00", "0", is_every=True)),
        (["7"], ["7", "8"], None),
    ],
)
def test_old_ids_must_be_missing_and_bare_ones_new(
    before: list[str], now: list[str], expected: LostZeros | None
) -> None:
    assert lost(users(before), users(now)) == expected


def test_keys_of_several_ids_lose_the_zeros_of_all_their_numbers() -> None:
    before = f"{ENROLLMENTS}c1,,007,student,active\n012,034,008,student,active\n012,034,u9,student,active\n"
    now = f"{ENROLLMENTS}c1,,7,student,active\n12,34,8,student,active\n12,34,u9,student,active\n"
    assert lost(before, now) == LostZeros(3, "007", "7", is_every=True)


def test_a_kind_that_is_missing_has_lost_nothing() -> None:
    changes = compare(delivery(x=users(["007"])), delivery(y="course_id,short_name,long_name,status\n7,S,L,active\n"))
    assert [each.lost_zeros for each in changes.kinds] == [None, None]


@pytest.mark.parametrize("large_bucket", [1 << 20, 200])
def test_large_files_find_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, large_bucket: int) -> None:
    monkeypatch.setattr(_kinds, "MEMORY_BYTES", 1_000)
    monkeypatch.setattr(_kinds, "BUCKET_BYTES", 500)
    monkeypatch.setattr(_kinds, "LARGE_BUCKET_BYTES", large_bucket)
    monkeypatch.setattr(_kinds, "LEAST_FORKED_BYTES", 0)
    numbers = range(100, 1100)
    before, now = users(f"{number:06}" for number in numbers), users(map(str, numbers))
    (kind,) = compare(delivery(x=before), delivery(x=now), scratch=tmp_path).kinds
    assert kind.lost_zeros == LostZeros(1000, "000100", "100", is_every=True)
    one = users("100" if number == 100 else f"{number:06}" for number in numbers)
    (kind,) = compare(delivery(x=before), delivery(x=one), scratch=tmp_path).kinds
    assert kind.lost_zeros == LostZeros(1, "000100", "100", is_every=False)
