"""A check in a process of its own finds the same, tells how far it is, and may die."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from canvas_sis_sync.check.engine import check, check_apart
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.delivery.files import DeliveryFile

LONG_NAME = b"x" * 4000
SMALL = b"user_id,login_id,status\nu,l,active\n"
CONTENT = (
    b"user_id,login_id,status,note\n"
    + b"".join(b"u%d,l%d,active,%b\n" % (n, n, LONG_NAME) for n in range(4500))
    + b",x,gone,\n"
)
"""Large enough for a process of its own, by rows that are few and long."""


@pytest.fixture(autouse=True)
def several_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    assert threading.active_count() == 1
    monkeypatch.setattr(os, "cpu_count", lambda: 2)


def delivery() -> list[DeliveryFile]:
    return [DeliveryFile("users.csv", len(CONTENT), lambda: io.BytesIO(CONTENT))]


def test_it_finds_what_a_check_in_this_process_finds() -> None:
    told: list[int] = []
    report = check_apart(delivery(), CheckOptions(), others=["x.txt"], progress=told.append)
    assert report == check(delivery(), CheckOptions(), others=["x.txt"])
    assert report.error == 1
    assert told[-1] == len(CONTENT)


def test_it_is_really_another_process(tmp_path: Path) -> None:
    def opened() -> io.BytesIO:
        (tmp_path / "reader").write_text(str(os.getpid()))
        return io.BytesIO(CONTENT)

    check_apart([DeliveryFile("users.csv", len(CONTENT), opened)], CheckOptions())
    assert int((tmp_path / "reader").read_text()) != os.getpid()


def test_one_that_dies_is_made_up_for_in_this_process() -> None:
    mine = os.getpid()

    def opened() -> io.BytesIO:
        if os.getpid() != mine:
            os._exit(9)
        return io.BytesIO(CONTENT)

    report = check_apart([DeliveryFile("users.csv", len(CONTENT), opened)], CheckOptions())
    assert report == check(delivery(), CheckOptions())


def test_a_small_delivery_starts_no_process(tmp_path: Path) -> None:
    def opened() -> io.BytesIO:
        (tmp_path / "reader").write_text(str(os.getpid()))
        return io.BytesIO(SMALL)

    check_apart([DeliveryFile("users.csv", len(SMALL), opened)], CheckOptions())
    assert int((tmp_path / "reader").read_text()) == os.getpid()
