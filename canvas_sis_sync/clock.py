"""The time of this machine, passed in so that tests need not wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of this machine, and how to let it pass."""

    #: Seconds since the epoch (UTC).
    now: Callable[[], float] = time.time
    #: Seconds that only ever grow.
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Deadline:
    """A moment, so many seconds from now, after which nothing is waited for."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.monotonic() + seconds

    @property
    def remaining(self) -> float:
        """Seconds that are left, 0 when it has passed."""
        return max(0.0, self._end - self._clock.monotonic())

    @property
    def passed(self) -> bool:
        """True once no time is left."""
        return self.remaining <= 0


def steady(clock: Clock) -> Clock:
    """Give a clock whose `now` cannot jump while a run lasts: the time it began, and what has passed since."""
    began, mark = clock.now(), clock.monotonic()
    return Clock(lambda: began + clock.monotonic() - mark, clock.monotonic, clock.sleep)
