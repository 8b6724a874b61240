"""Runs as cron starts them: nobody watches, and hours pass between them."""

from __future__ import annotations

import time

from support.homes import Home

from canvas_sis_sync.cli._run import RunReport
from canvas_sis_sync.clock import Clock


class Cron:
    """A home whose runs nobody watches, a minute apart unless said otherwise."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.now = time.time()

    def run(self, minutes: float = 1) -> RunReport:
        self.now += minutes * 60
        began = self.now

        def sleep(seconds: float) -> None:
            time.sleep(0.005)
            self.now += seconds

        clock = Clock(lambda: self.now, lambda: self.now, sleep)
        told = self.home.run(watched=False, clock=clock)
        self.now = began
        return told
