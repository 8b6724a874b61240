"""Which trouble is told, and when: the table of episodes."""

from __future__ import annotations

import pytest

from canvas_sis_sync.episodes import UNREACHABLE, Telling, met, over
from canvas_sis_sync.model import Episode

DAY = 86_400.0
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
    telling = met(earlier, subject, reason, now, DAY)
    assert telling.tell is tell
    (ours,) = [episode for episode in telling.episodes if episode.subject == subject]
    assert ours.reason == reason
    assert ours.told_at == (
        now if tell else next((known.told_at for known in earlier if known.subject == subject), None)
    )


def test_runs_are_counted_from_the_beginning_of_an_episode() -> None:
    episodes: tuple[Episode, ...] = ()
    for number in range(1, 4):
        episodes = met(episodes, UNREACHABLE, "no route", BEGUN + number, DAY).episodes
    assert [(each.runs, each.began_at, each.told_at) for each in episodes] == [(3, BEGUN + 1, BEGUN + 3)]


def test_a_hold_is_remembered_while_canvas_is_unreachable_and_not_told_again_afterwards() -> None:
    during = met((hold(),), UNREACHABLE, "no route", BEGUN + 60, DAY)
    assert hold() in during.episodes
    after = met(during.episodes, "hold", "batch a failed", BEGUN + 120, DAY)
    assert not after.tell
    assert [each.subject for each in after.episodes] == ["hold"]


def test_the_end_of_a_silence_that_was_told_is_told_in_one_line() -> None:
    assert over((silence(runs=3, told_at=BEGUN),)) == Telling((), tell=False, recovery="Canvas can be reached again.")


@pytest.mark.parametrize("earlier", [(), (hold(),), (silence(runs=2),)])
def test_no_other_end_is_told(earlier: tuple[Episode, ...]) -> None:
    assert over(earlier) == Telling((), tell=False)
