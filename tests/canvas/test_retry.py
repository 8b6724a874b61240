"""What `polling` promises: two ceilings, growing pauses, nothing slept beyond the deadline. No test waits."""

from __future__ import annotations

import itertools

import pytest

from canvas_sis_sync.canvas.retry import Retry, intervals
from canvas_sis_sync.clock import Clock, Deadline
from canvas_sis_sync.errors import AccessRefused, AnswerLost, CanvasError, NothingArrived, Throttled


class FakeTime:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.pauses: list[float] = []
        self.clock = Clock(now=lambda: 1e9 + self.passed, monotonic=lambda: self.passed, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.passed += seconds


class Question:
    """Fails with the given errors in turn, each after `seconds`, then answers."""

    def __init__(self, time: FakeTime, *errors: CanvasError, seconds: float = 0.0) -> None:
        self.time, self.errors, self.seconds, self.asked = time, list(errors), seconds, 0

    def __call__(self) -> str:
        self.asked += 1
        self.time.passed += self.seconds
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest.mark.parametrize("passing", [Throttled("busy"), AnswerLost("cut"), NothingArrived("refused")])
def test_what_passes_is_asked_again_until_it_answers(time: FakeTime, passing: CanvasError) -> None:
    question = Question(time, passing, passing)
    assert Retry(time.clock).call(question) == "answer"
    assert question.asked == 3
    assert len(time.pauses) == 2


def test_what_does_not_pass_is_asked_once(time: FakeTime) -> None:
    question = Question(time, AccessRefused("no"))
    with pytest.raises(AccessRefused):
        Retry(time.clock).call(question)
    assert question.asked == 1


def test_pauses_grow_from_1_to_30_seconds(time: FakeTime) -> None:
    question = Question(time, *[AnswerLost("cut")] * 7)
    assert Retry(time.clock).call(question) == "answer"
    for pause, least in zip(time.pauses, [1, 2, 4, 8, 16, 30, 30], strict=True):
        assert least <= pause <= min(least + 1, 30)


def test_the_eighth_failure_is_the_last_and_is_raised_as_it_is(time: FakeTime) -> None:
    errors = [AnswerLost(str(number)) for number in range(9)]
    question = Question(time, *errors)
    with pytest.raises(AnswerLost) as caught:
        Retry(time.clock).call(question)
    assert caught.value is errors[7]
    assert question.asked == 8


def test_no_pause_is_begun_that_ends_after_five_minutes(time: FakeTime) -> None:
    question = Question(time, *[AnswerLost("timed out")] * 8, seconds=60)
    with pytest.raises(AnswerLost):
        Retry(time.clock).call(question)
    assert question.asked == 5  # after 5 x 60 s no pause fits any more
    assert time.passed - 60 <= 300


def test_each_repetition_is_told_before_its_pause(time: FakeTime) -> None:
    told: list[tuple[str, float]] = []
    retry = Retry(time.clock, on_retry=lambda problem, seconds: told.append((str(problem), seconds)))
    retry.call(Question(time, AnswerLost("cut"), Throttled("busy")))
    assert told == [("cut", time.pauses[0]), ("busy", time.pauses[1])]


def test_the_ordinary_clock_is_the_machines() -> None:
    clock = Clock()
    before = clock.monotonic(), clock.now()
    clock.sleep(0.001)
    assert clock.monotonic() > before[0]
    assert clock.now() >= before[1] > 1.6e9


def test_a_deadline_counts_down_and_never_below_zero(time: FakeTime) -> None:
    deadline = Deadline(time.clock, 10)
    assert (deadline.remaining, deadline.passed) == (10, False)
    time.passed = 12
    assert (deadline.remaining, deadline.passed) == (0, True)


def test_no_time_at_all_has_passed_at_once(time: FakeTime) -> None:
    assert Deadline(time.clock, 0).passed


def test_intervals_grow_from_the_first_to_the_last_and_stay_there() -> None:
    assert list(itertools.islice(intervals(), 10)) == pytest.approx(
        [1, 1.5, 2.25, 3.375, 5.0625, 7.59375, 11.390625, 17.0859375, 25.62890625, 30]
    )
