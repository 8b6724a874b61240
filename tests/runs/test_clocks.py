"""Wall clocks that are set by an hour, in either direction, at any time: nothing is taken too early or waited for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from support.homes import USERS, Home, Watching, fast_clock

from canvas_sis_sync.clock import Clock
from canvas_sis_sync.errors import EXIT_TIME_RAN_OUT
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

HOUR = 3600.0
JUMPS = pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])

pytestmark = pytest.mark.slow


@dataclass
class WallClock:
    """A machine's clocks: the one that can be set, and the one that cannot. Sleeps pass at once."""

    set_by: float = 0.0

    def __post_init__(self) -> None:
        self._fast = fast_clock()
        self._at_sleeps: dict[int, Callable[[], None]] = {}
        self.sleeps: list[float] = []
        self.clock = Clock(lambda: self._fast.now() + self.set_by, self._fast.monotonic, self._sleep)

    def jump(self, seconds: float) -> None:
        self.set_by += seconds

    def at_sleep(self, number: int, act: Callable[[], None]) -> None:
        """Do something during the sleep with that number, counted from 1."""
        self._at_sleeps[number] = act

    def pass_by(self, seconds: float) -> None:
        """Let time pass between two runs."""
        self._fast.sleep(seconds)

    def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self._fast.sleep(seconds)
        self._at_sleeps.get(len(self.sleeps), lambda: None)()


@pytest.fixture
def wall() -> WallClock:
    return WallClock()


@JUMPS
def test_settling_takes_its_time_when_the_clock_jumps_between_two_looks(
    home: Home, sandbox: Sandbox, wall: WallClock, jump: float
) -> None:
    home.configure(SIS_SYNC_SETTLE_SECONDS=60)
    home.drop()
    wall.at_sleep(1, lambda: wall.jump(jump))
    began, sent = wall.clock.monotonic(), []
    show = Watching({"zipping": lambda: sent.append(wall.clock.monotonic() - began)})
    assert home.run(clock=wall.clock, show=show).result.outcome == "imported"
    assert 60 <= sent[0] < 120


@JUMPS
def test_settling_takes_its_time_when_the_clock_jumps_between_two_runs(
    home: Home, sandbox: Sandbox, wall: WallClock, jump: float
) -> None:
    home.configure(SIS_SYNC_SETTLE_SECONDS=60)
    home.drop()
    assert home.run(clock=wall.clock, patient=False).result.outcome == "waiting"
    wall.jump(jump)
    wall.pass_by(30)
    assert home.run(clock=wall.clock, patient=False).result.outcome == "waiting"
    assert (home.inbox / "users.csv").exists()
    wall.pass_by(31)
    home.run(clock=wall.clock, patient=False)
    assert not (home.inbox / "users.csv").exists()


def test_settling_begins_anew_after_the_machine_was_started_anew(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_SETTLE_SECONDS=60)
    home.drop()
    wall = WallClock()
    wall.pass_by(HOUR)
    assert home.run(clock=wall.clock, patient=False).result.outcome == "waiting"
    for minutes, outcome in ((0, "waiting"), (2, "claimed")):
        later = WallClock(set_by=2 * HOUR)
        later.pass_by(minutes * 60)
        home.run(clock=later.clock, patient=False)
        assert bool(home.batches()) == (outcome == "claimed")


@JUMPS
def test_the_quiet_time_after_a_lost_answer_is_kept_when_the_clock_jumps(
    home: Home, sandbox: Sandbox, wall: WallClock, jump: float
) -> None:
    sandbox.add_fault("cut-before-accept")
    home.drop()
    uploads: list[float] = []

    def uploading() -> None:
        uploads.append(wall.clock.monotonic())
        wall.jump(jump)

    assert home.run(clock=wall.clock, show=Watching({"uploading": uploading})).result.outcome == "imported"
    assert 120 <= uploads[1] - uploads[0] < 240
    assert len(sandbox.imports) == 1


@JUMPS
def test_the_quiet_time_is_kept_by_the_next_run_whose_clock_was_set(
    home: Home, sandbox: Sandbox, wall: WallClock, jump: float
) -> None:
    sandbox.add_fault("cut-before-accept")
    home.drop()
    home.run(clock=wall.clock, patient=False)
    assert home.last().state is BatchState.SENDING
    wall.jump(jump)
    assert home.run(clock=wall.clock, patient=False).result.outcome == "waiting"
    assert home.last().state is BatchState.SENDING
    began, uploads = wall.clock.monotonic(), []
    show = Watching({"uploading": lambda: uploads.append(wall.clock.monotonic() - began)})
    assert home.run(clock=wall.clock, show=show).result.outcome == "imported"
    assert 110 <= uploads[0] < 240
    assert len(sandbox.imports) == 1


@JUMPS
def test_an_import_whose_answer_was_lost_is_found_whatever_the_clock_says(
    home: Home, sandbox: Sandbox, wall: WallClock, jump: float
) -> None:
    sandbox.add_fault("cut-after-accept")
    home.drop()
    show = Watching({"uploading": lambda: wall.jump(jump)})
    assert home.run(clock=wall.clock, show=show).result.outcome == "imported"
    assert len(sandbox.imports) == 1


@JUMPS
def test_the_poll_limit_is_kept_when_the_clock_jumps(
    home: Home, sandbox: Sandbox, wall: WallClock, jump: float
) -> None:
    home.configure(SIS_SYNC_POLL_LIMIT="3m")
    sandbox.add_import("importing")
    home.drop()
    wall.at_sleep(3, lambda: wall.jump(jump))
    began = wall.clock.monotonic()
    assert home.run(clock=wall.clock).result.exit_code == EXIT_TIME_RAN_OUT
    assert 180 <= wall.clock.monotonic() - began < 220


@JUMPS
def test_a_batch_keeps_its_place_in_time_when_the_clock_is_set_between_two_runs(
    home: Home, sandbox: Sandbox, wall: WallClock, jump: float
) -> None:
    home.drop()
    assert home.run(clock=wall.clock).result.outcome == "imported"
    first = home.last().id
    wall.jump(jump)
    home.drop({"users.csv": USERS.replace("Ada", "Eva")})
    assert home.run(clock=wall.clock).result.outcome == "imported"
    assert home.last().id != first
    assert [record.workflow_state for record in sandbox.imports] == ["imported", "imported"]


def test_steps_of_one_run_are_journalled_in_order_although_the_clock_is_set_back(
    home: Home, sandbox: Sandbox, wall: WallClock
) -> None:
    home.drop()
    home.run(clock=wall.clock, show=Watching({"uploading": lambda: wall.jump(-HOUR)}))
    at = [step.at for step in home.last().steps]
    assert at == sorted(at)


def test_a_hold_is_told_again_when_the_clock_was_set_back(home: Home, sandbox: Sandbox, wall: WallClock) -> None:
    sandbox.add_fault("fail")
    home.drop()
    assert home.run(clock=wall.clock, watched=False).notify
    home.run(clock=wall.clock, watched=False)
    assert not home.run(clock=wall.clock, watched=False).notify
    wall.jump(-HOUR)
    assert home.run(clock=wall.clock, watched=False).notify
    assert not home.run(clock=wall.clock, watched=False).notify


@pytest.mark.parametrize("skew", [-3600, 3600])
def test_an_hour_between_our_clock_and_canvass_changes_nothing(home: Home, sandbox: Sandbox, skew: int) -> None:
    sandbox.add_fault(f"clock-skew={skew}")
    sandbox.add_fault("cut-after-accept")
    home.drop()
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1
