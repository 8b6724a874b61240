"""The check of a large delivery in a process of its own, whose memory is given back when it ends.

A run goes on for hours while Canvas imports, and shall not carry the keys of ten million rows along. Where a second
process is not safe or not worth it, the check is made in this one; the outcome is the same.
"""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

from canvas_sis_sync.model import DeliveryFile
from canvas_sis_sync.preflight.context import Aim
from canvas_sis_sync.preflight.engine import check
from canvas_sis_sync.preflight.findings import Report
from canvas_sis_sync.preflight.halves import worth_it
from canvas_sis_sync.preflight.reading import Progress, tell_nobody

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def check_apart(
    files: Sequence[DeliveryFile], aim: Aim, *, others: Sequence[str] = (), progress: Progress = tell_nobody
) -> Report:
    """Check a delivery as `engine.check` does, a large one in a process of its own."""
    if not worth_it(sum(file.size for file in files)):
        return check(files, aim, others=others, progress=progress)
    return _report_from(files, aim, others, progress) or check(files, aim, others=others, progress=progress)


def _report_from(files: Sequence[DeliveryFile], aim: Aim, others: Sequence[str], progress: Progress) -> Report | None:
    """Give the report of the other process, None when it did not finish its work."""
    import multiprocessing

    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    # Not a daemon: those may start no process, and a large file is read by two.
    checker = fork.Process(target=_check, args=(sender, files, aim, others))
    checker.start()
    sender.close()
    try:
        while not isinstance(said := receiver.recv(), Report):
            progress(said)
        return said
    except EOFError:
        return None
    finally:
        receiver.close()
        checker.kill()
        checker.join()


def _check(sender: Connection, files: Sequence[DeliveryFile], aim: Aim, others: Sequence[str]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    sender.send(check(files, aim, others=others, progress=sender.send))
