"""Which trouble is told, and when: the table of episodes, and runs that nobody watches."""

from __future__ import annotations

import socket

import pytest
from support.cron import Cron
from support.exports import DIFFING, accepted, approve, cut, export, held
from support.golden import Golden
from support.homes import Home, fast_clock

from canvas_sis_sync.cli import _run as run_command
from canvas_sis_sync.home.episode import Episode
from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.progress import Silent
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync.alerts import UNREACHABLE, Alert, met, over

DAY = 86_400.0
BACK = "Canvas can be reached again."
BEGUN = 1_000.0


def hold(*, told_at: float | None = BEGUN, reason: str = "batch a failed", runs: int = 1) -> Episode:
    return Episode("hold", reason, BEGUN, runs, told_at)


def silence(*, runs: int, told_at: float | None = None) -> Episode:
    return Episode(UNREACHABLE, "no route", BEGUN, runs, told_at)


@pytest.mark.parametrize(
    ("earlier", "subject", "reason", "now", "tell"),
    [
        pytest.param((), "hold", "batch a failed", BEGUN, True, id="a hold that begins is told"),
        pytest.param((hold(),), "hold", "batch a failed", BEGUN + 60, False, id="the same is not told again"),
        pytest.param((hold(),), "hold", "batch b failed", BEGUN + 60, True, id="another reason is told"),
        pytest.param((hold(),), "hold", "batch a failed", BEGUN + DAY - 1, False, id="not yet a day"),
        pytest.param((hold(),), "hold", "batch a failed", BEGUN + DAY, True, id="a day later it is told again"),
        pytest.param((hold(),), "hold", "batch a failed", BEGUN - 60, True, id="a clock set back is told"),
        pytest.param((hold(),), "time ran out", "importing", BEGUN + 60, True, id="another subject is told"),
        pytest.param((), UNREACHABLE, "no route", BEGUN, False, id="once unreachable is nothing yet"),
        pytest.param((silence(runs=1),), UNREACHABLE, "no route", BEGUN + 60, False, id="twice neither"),
        pytest.param((silence(runs=2),), UNREACHABLE, "no route", BEGUN + 60, True, id="the third run is told"),
        pytest.param((silence(runs=1),), UNREACHABLE, "no route", BEGUN + 3_599, False, id="not yet an hour"),
        pytest.param((silence(runs=1),), UNREACHABLE, "no route", BEGUN + 3_600, True, id="an hour is told"),
        pytest.param((silence(runs=2),), UNREACHABLE, "reset", BEGUN + 60, True, id="whatever the reason"),
        pytest.param(
            (silence(runs=3, told_at=BEGUN),),
            UNREACHABLE,
            "reset",
            BEGUN + 60,
            False,
            id="but once",
        ),
        pytest.param((hold(),), UNREACHABLE, "no route", BEGUN + 60, False, id="unreachable during a hold"),
    ],
)
def test_trouble_is_told_when_it_begins_or_changes_and_then_daily(
    earlier: tuple[Episode, ...], subject: str, reason: str, now: float, *, tell: bool
) -> None:
    alert = met(earlier, subject, reason, now, DAY)
    assert alert.notify is tell
    for episodes, shown in ((alert.episodes, False), (alert.once_shown, True)):
        (ours,) = [episode for episode in episodes if episode.subject == subject]
        assert ours.reason == reason
        same = [known for known in earlier if known.subject == subject]
        before = [known.told_at for known in same if reason == known.reason or subject == UNREACHABLE]
        assert ours.told_at == (now if tell and shown else next(iter(before), None))


def test_runs_are_counted_from_the_beginning_of_an_episode() -> None:
    episodes: tuple[Episode, ...] = ()
    for number in range(1, 4):
        episodes = met(episodes, UNREACHABLE, "no route", BEGUN + number, DAY).once_shown
    assert [(each.runs, each.began_at, each.told_at) for each in episodes] == [(3, BEGUN + 1, BEGUN + 3)]


def test_a_hold_is_remembered_while_canvas_is_unreachable_and_not_told_again_afterwards() -> None:
    during = met((hold(),), UNREACHABLE, "no route", BEGUN + 60, DAY)
    assert hold() in during.once_shown
    after = met(during.once_shown, "hold", "batch a failed", BEGUN + 120, DAY)
    assert not after.notify
    assert [each.subject for each in after.episodes] == ["hold"]


def test_the_end_of_a_silence_that_was_told_is_told_in_one_line() -> None:
    told = over((silence(runs=3, told_at=BEGUN),))
    assert (told.recovery, told.news, told.once_shown) == (BACK, (BACK,), ())
    assert over(told.episodes).news == (BACK,), "it is said by the next run as long as nobody has seen it"


@pytest.mark.parametrize("earlier", [(), (hold(),), (silence(runs=2),)])
def test_no_other_end_is_told(earlier: tuple[Episode, ...]) -> None:
    assert over(earlier) == Alert((), notify=False)


@pytest.fixture
def cron(home: Home) -> Cron:
    return Cron(home)


def test_a_hold_is_told_once_a_day_and_its_exit_code_each_time(cron: Cron, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    cron.home.drop()
    runs = [cron.run(minutes) for minutes in (1, 1, 60, 1300, 80, 1)]
    assert [told.result.exit_code for told in runs] == [4, 5, 5, 5, 5, 5]
    assert [told.notify for told in runs] == [True, False, False, False, True, False]


def test_a_person_who_watches_is_told_everything_every_time(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop()
    assert [home.run().notify for _ in range(3)] == [True, True, True]


def test_a_hold_for_another_reason_is_told_at_once(cron: Cron, sandbox: Sandbox) -> None:
    cron.home.drop()
    assert cron.run().result.exit_code == 0
    batch = cron.home.last()
    cron.home.drop()
    told = []
    for state in ("failed", "failed", "restored", "restored"):
        sandbox.set_state(batch.sent_as, state)
        told.append(cron.run().notify)
    assert told == [True, False, True, False]


def test_a_success_is_silent_and_ends_the_episode(cron: Cron, sandbox: Sandbox) -> None:
    theirs = sandbox.add_import("reconciled")
    cron.home.drop()
    assert cron.run().notify
    sandbox.set_state(theirs, "imported")
    told = cron.run()
    assert (told.result.exit_code, told.notify, told.recovery) == (0, False, "")
    sandbox.set_state(theirs, "reconciled")
    cron.home.drop()
    assert cron.run().notify


def test_the_end_of_a_runs_time_is_told_once_a_day(cron: Cron, sandbox: Sandbox) -> None:
    cron.home.configure(SIS_SYNC_POLL_LIMIT="5s")
    sandbox.add_import("importing")
    cron.home.drop()
    runs = [cron.run(minutes) for minutes in (1, 60, 1440)]
    assert [told.result.exit_code for told in runs] == [6, 6, 6]
    assert [told.notify for told in runs] == [True, False, True]


@pytest.mark.parametrize(
    ("pauses", "told"),
    [([1, 1, 1, 1], [False, False, True, False]), ([1, 61, 1], [False, True, False])],
    ids=["after three runs", "after an hour"],
)
def test_an_unreachable_canvas_is_told_late_and_its_return_in_one_line(
    cron: Cron, sandbox: Sandbox, pauses: list[int], told: list[bool]
) -> None:
    cron.home.drop()
    assert cron.run().result.exit_code == 0
    url = cron.home.settings().base_url
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        cron.home.configure(CANVAS_BASE_URL=f"http://127.0.0.1:{nobody.getsockname()[1]}", CANVAS_ACCOUNT_ID=1)
        cron.home.drop()
        runs = [cron.run(pause) for pause in pauses]
    assert {run.result.exit_code for run in runs} == {13}
    assert [run.notify for run in runs] == told
    cron.home.configure(CANVAS_BASE_URL=url)
    back = cron.run()
    assert (back.result.exit_code, back.notify, back.recovery) == (0, False, "Canvas can be reached again.")
    cron.home.drop()
    assert cron.run().recovery == ""


def test_without_a_journal_everything_is_told(cron: Cron, sandbox: Sandbox) -> None:
    cron.home.drop()
    cron.run()
    (cron.home.archive / "journal.sqlite3").unlink()
    runs = [cron.run() for _ in range(2)]
    assert [(told.result.exit_code, told.notify) for told in runs] == [(5, True), (5, True)]


def test_an_approval_that_became_void_is_told_at_once_and_each_time(
    cron: Cron, sandbox: Sandbox, golden: Golden
) -> None:
    home = cron.home
    home.configure(**DIFFING)
    accepted(home, export())
    held(home, cut(export(), 60), "removals", "group-removals")
    batch = home.last()
    assert not cron.run().notify
    for status in ("inactive", "completed"):
        approve(home, batch)
        home.configure(SIS_IMPORT_DIFFING_DROP_STATUS=status)
        told = [cron.run() for _ in range(2)]
        golden(told[0].message, status)
        assert [each.notify for each in told] == [True, False]


@pytest.mark.parametrize("left", [None, b"not a database"])
def test_what_cannot_be_journalled_as_shown_is_shown_again(home: Home, sandbox: Sandbox, left: bytes | None) -> None:
    home.drop()
    sandbox.add_fault("fail")
    settings, clock = home.settings(), fast_clock()
    how = run_command.RunOptions(Silent(), clock, patient=True)
    told = run_command.run(settings, how, watched=False, verbosity=0)
    assert told.notify
    journal = home.archive / FILE_NAME
    kept = journal.rename(home.folder / "kept")
    if left is not None:
        journal.write_bytes(left)
    run_command.was_shown(home.archive, told, clock)
    kept.replace(journal)
    assert home.run(watched=False, clock=clock).notify
    assert not home.run(watched=False, clock=clock).notify
