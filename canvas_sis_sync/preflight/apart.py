"""The check of a large delivery in a process of its own, whose memory is given back when it ends.

A run goes on for hours while Canvas imports, and shall not carry the keys of ten million rows along. Where a second
process is not safe or not worth it, the check is made in this one; the outcome is the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from canvas_sis_sync.forked import Forked, Progress, tell_nobody
from canvas_sis_sync.model import DeliveryFile
from canvas_sis_sync.preflight.context import Aim
from canvas_sis_sync.preflight.engine import check
from canvas_sis_sync.preflight.findings import Report
from canvas_sis_sync.preflight.halves import worth_it


def check_apart(
    files: Sequence[DeliveryFile], aim: Aim, *, others: Sequence[str] = (), progress: Progress = tell_nobody
) -> Report:
    """Check a delivery as `engine.check` does, a large one in a process of its own."""

    def work(tell: Progress) -> Report:
        return check(files, aim, others=others, progress=tell)

    report = None
    if worth_it(sum(file.size for file in files)):
        with Forked(work, progress) as checker:
            report = checker.result()
    return report or work(progress)
