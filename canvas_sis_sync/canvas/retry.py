"""Waiting: when to ask again, how long to pause, and when to stop; the only importer of tenacity.

Owns no questions and no decisions. Time comes from a `Clock` that is passed in, so that tests need not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import tenacity

from canvas_sis_sync.clock import Clock
from canvas_sis_sync.errors import AnswerLost, CanvasError, NothingArrived, Throttled

T = TypeVar("T")

FIRST_SECONDS = 1.0
LAST_SECONDS = 30.0
MOST_SECONDS = 300.0
"""No pause is begun that would end later than this after the first attempt."""
TEMPORARY: tuple[type[CanvasError], ...] = (Throttled, AnswerLost, NothingArrived)
"""What may be better at the next try."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a question is repeated. It has two ceilings: a number of attempts, and a time."""

    clock: Clock = field(default_factory=Clock)
    attempts: int = 8
    #: Gets the error and the seconds of the pause that follows it.
    on_retry: Callable[[BaseException, float], None] | None = None

    def call(self, ask: Callable[[], T]) -> T:
        """Call `ask` until it answers, with pauses that grow from 1 to 30 s; raise its last error."""
        started = self.clock.monotonic()

        def enough(state: tenacity.RetryCallState) -> bool:
            ends = self.clock.monotonic() - started + state.upcoming_sleep
            return state.attempt_number >= self.attempts or ends > MOST_SECONDS

        def report(state: tenacity.RetryCallState) -> None:
            problem = state.outcome and state.outcome.exception()
            if self.on_retry and problem:
                self.on_retry(problem, state.upcoming_sleep)

        retrying = tenacity.Retrying(
            sleep=self.clock.sleep,
            stop=enough,
            wait=tenacity.wait_exponential_jitter(max=LAST_SECONDS),
            retry=tenacity.retry_if_exception_type(TEMPORARY),
            before_sleep=report,
            reraise=True,
        )
        return retrying(ask)


def intervals() -> Iterator[float]:
    """Yield pauses in seconds without end, each half as long again as the one before, from 1 to 30 s."""
    pause = FIRST_SECONDS
    while True:
        yield pause
        pause = min(pause * 1.5, LAST_SECONDS)
