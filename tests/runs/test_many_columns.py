"""Files of very many columns: refused by name, and quickly."""

from __future__ import annotations

import os
import time

import pytest
from support.golden import Golden
from support.homes import USERS, Home

MANY = "".join(f",c{number}" for number in range(30_000))
WIDE = f"user_id,login_id,status{MANY}\n" + f"u1,u1,active{',x' * 30_000}\n" * 100


def used() -> float:
    """Give the seconds of a processor that ended child processes took: others may be busy on the machine."""
    times = os.times()
    return times.children_user + times.children_system


def test_thirty_thousand_columns_are_checked_within_two_seconds(home: Home, golden: Golden) -> None:
    home.drop({"users.csv": WIDE, "others.csv": WIDE.replace("login_id", "")})
    before = used()
    done = home.call("check")
    assert used() - before < 2
    assert done.returncode == 3
    golden(done.stdout)
    assert "file-too-many-columns" in done.stdout


@pytest.mark.slow
def test_a_run_refuses_them(home: Home) -> None:
    home.drop({"users.csv": WIDE})
    before = used()
    done = home.call("run")
    assert used() - before < 3
    assert done.returncode == 3
    assert "file-too-many-columns" in done.stderr


@pytest.mark.slow
def test_the_limit_of_columns_is_compared_quickly(home: Home) -> None:
    """As many files as are allowed columns: nothing takes longer by the square of their number."""
    home.drop({"users.csv": USERS})
    assert home.type("run").returncode == 0
    header = "user_id,login_id,status," + ",".join(f"c{{0}}x{number}" for number in range(997))
    files = {f"users{n}.csv": f"{header.format(n)}\nu{n},u{n},active{',x' * 997}\n" for n in range(40)}
    home.drop(files)
    before = time.process_time()
    assert home.type("plan").returncode in {0, 5}
    assert time.process_time() - before < 10
