"""An exported address of a sandbox in the home of another Canvas: nothing is claimed, and the variable is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from support.golden import Golden
from support.homes import TOKEN, Home

from canvas_sis_sync.canvas.records import Target
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

REAL = "https://canvas.school.test"


@pytest.fixture
def exported(sandbox: Sandbox) -> dict[str, str]:
    return {"CANVAS_BASE_URL": sandbox.url, "CANVAS_API_TOKEN": TOKEN}


def test_the_drop_of_a_real_home_stays(
    new_home: Callable[..., Home], sandbox: Sandbox, exported: dict[str, str], golden: Golden
) -> None:
    home = new_home(REAL)
    home.env |= exported
    home.drop(folder="older")
    home.drop()
    for command in (["run"], ["discard", "--all-but-newest", "--reason", "x"]):
        done = home.call(*command)
        assert done.returncode == 10
        golden(done.stderr, command[0])
        for name in (sandbox.url, f"{home.folder}/.env", REAL):
            assert name in done.stderr
        assert "unset CANVAS_BASE_URL" in done.stderr
    assert home.call("run", "--no-wait").returncode == 10
    assert {path.name for path in home.inbox.iterdir()} == {"older", "users.csv"}
    assert not home.batches()
    assert not sandbox.imports
    assert json.loads(home.call("run", "--json").stdout)["batches"] == []


@pytest.mark.slow
def test_a_home_for_the_sandbox_works_whatever_is_exported(home: Home, exported: dict[str, str]) -> None:
    home.env |= exported
    home.drop()
    assert home.call("run").returncode == 0
    home.env["CANVAS_BASE_URL"] += "/"
    home.drop()
    assert home.call("run").returncode == 0


@pytest.mark.slow
def test_a_home_without_an_address_of_its_own_works(home: Home, sandbox: Sandbox, exported: dict[str, str]) -> None:
    home.configure(CANVAS_BASE_URL="")
    home.env |= exported
    home.drop()
    assert home.call("run").returncode == 0
    assert sandbox.count("user") == 2
    with Sandbox(token=TOKEN) as another:
        home.env["CANVAS_BASE_URL"] = another.url
        home.drop()
        assert home.call("run").returncode == 0


@pytest.mark.slow
def test_a_home_whose_journal_knows_a_real_canvas_stays(
    home: Home, sandbox: Sandbox, exported: dict[str, str], golden: Golden
) -> None:
    home.drop()
    assert home.call("run").returncode == 0
    with home.journal_to_write() as journal:
        journal.amend(replace(home.last(), target=Target("canvas.school.test", 1)))
    home.configure(CANVAS_BASE_URL="")
    home.env |= exported
    home.drop()
    done = home.call("run")
    assert done.returncode == 10
    golden(done.stderr)
    assert home.last().id in done.stderr
    assert list(home.inbox.iterdir())
    assert len(sandbox.imports) == 1


def test_a_real_canvas_at_an_exported_address_is_not_refused(new_home: Callable[..., Home], sandbox: Sandbox) -> None:
    """It is no sandbox by its own word, as when a home moves from beta to production."""
    from support.proxy import Proxy, Reply, Request

    def answer(asked: Request, forward: Callable[[], Reply]) -> Reply:
        reply = forward()
        return Reply(reply.status, reply.headers, reply.body.replace(b', "sandbox": true', b""))

    with Proxy(sandbox.url, answer) as proxy:
        home = new_home(REAL)
        home.env |= {"CANVAS_BASE_URL": proxy.url}
        home.drop()
        assert home.call("run").returncode == 0
