"""The end of the token is reported a week and a day before, once each, and never keeps a run from anything."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.golden import Golden
from support.homes import TOKEN, Home, fast_clock
from support.scripted_server import Reply, canvas_at, reply, reply_json, reset, serving

from canvas_sis_sync.cli import _status
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync.token_end import near_end

DAY = 86_400


def nightly(home: Home) -> str:
    home.drop()
    told = home.run(watched=False)
    assert (told.result.exit_code, told.result.outcome) == (0, "imported")
    return told.text


def timeless(text: str) -> str:
    return re.sub(r"\bin (\d+ days?|\d+ h \d+ min)(?=;)", "in N days", text)


def asked(sandbox: Sandbox) -> int:
    return sum("/tokens/" in request.path for request in sandbox.requests)


def everything_written(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".env")


def test_the_end_is_reported_a_week_and_a_day_before(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    sandbox.add_fault(f"token-ends={8 * DAY}")
    assert nightly(home) == ""
    for days in (6, 1):
        sandbox.add_fault(f"token-ends={days * DAY}")
        text = nightly(home)
        golden(timeless(text))
        assert "CANVAS_API_TOKEN" in text
        assert nightly(home) == ""
    assert asked(sandbox) == 5
    assert TOKEN[:5].encode() not in everything_written(home.folder)


def test_what_comes_nearer_is_reported_again(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    sandbox.add_fault(f"token-ends={2 * DAY}")
    golden(timeless(nightly(home)))
    later = fast_clock()
    later.sleep(1.5 * DAY)
    home.drop()
    golden(timeless(home.run(watched=False, clock=later).text))
    home.drop()
    assert home.run(watched=False, clock=later).text == ""


def test_a_run_asks_once_and_an_idle_or_held_one_never(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    home.drop(folder="next")
    assert home.run().result.outcome == "imported"
    assert (asked(sandbox), len(sandbox.imports)) == (1, 2)
    assert home.run().result.outcome == "idle"
    home.drop({"users.csv": ""})
    assert home.run().result.exit_code == 3
    before = asked(sandbox)
    assert home.run().result.exit_code == 5
    assert asked(sandbox) == before


def test_a_token_without_an_end_is_not_mentioned(home: Home, sandbox: Sandbox) -> None:
    assert nightly(home) == ""
    looked = _status.status(home.settings(), fast_clock())
    assert _status.as_json(looked)["token_expires_at"] is None
    assert "token" not in _status.as_text(looked)


def test_status_shows_an_end_that_is_near(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    sandbox.add_fault(f"token-ends={30 * DAY}")
    looked = _status.status(home.settings(), fast_clock())
    assert str(_status.as_json(looked)["token_expires_at"]).startswith("20")
    assert "token" not in _status.as_text(looked)
    sandbox.add_fault(f"token-ends={3 * DAY}")
    looked = _status.status(home.settings(), fast_clock())
    golden(timeless(_status.as_text(looked).splitlines()[-1]))


def test_a_token_that_has_ended_is_called_expired(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    sandbox.add_fault("token-ends=-1")
    home.drop()
    told = home.run()
    assert told.result.exit_code == 12
    golden(told.text)


@pytest.mark.parametrize(
    "answer",
    [
        reply_json({"errors": [{"message": "not here"}]}, 404),
        reply_json({"status": "unauthorized", "errors": [{"message": "no"}]}, 403),
        reply_json({"errors": [{"message": "Expired access token."}]}, 401),
        reply(403, "403 Forbidden (Rate Limit Exceeded)\n", "text/plain"),
        reply(302, Location="/login"),
        reply(500),
        reply(200, "<html>"),
        reply_json([]),
        reply_json({"expires_at": None}),
        reply_json({"expires_at": 4711}),
        reply_json({"expires_at": "soon"}),
        reply_json({"expires_at": "0001-01-01T00:00:00+14:00"}),
        reset,
    ],
)
def test_any_other_answer_says_nothing_and_is_not_asked_for_again(answer: Reply) -> None:
    with serving(answer) as server, canvas_at(server.url) as canvas:
        end = canvas.token_end()
        assert end is None or (end < 0 and near_end(end, 0.0))
        assert len(server.asked) == 1


def test_the_end_is_read_in_utc(golden: Golden) -> None:
    answer = reply_json({"expires_at": "1970-01-08T02:00:00+01:00", "visible_token": "x"})
    with serving(answer) as server, canvas_at(server.url) as canvas:
        assert canvas.token_end() == 7 * DAY + 3600
    assert near_end(7 * DAY + 3600, 3599.0) == ""
    near, past = near_end(7 * DAY + 3600, 3600.0), near_end(DAY, 2.0 * DAY)
    assert "1970-01-08T01:00:00Z" in near
    assert "1970-01-02T00:00:00Z" in past
    golden(f"{near}\n{past}")
