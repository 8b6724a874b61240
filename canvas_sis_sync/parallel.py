"""Work in a forked process, which knows what this one knows, and its result through a pipe.

Owns when a process may be forked, how it tells how far it is, what it keeps open, and its end: it ends with the context
that started it, and with the process that started it, however that ends.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from canvas_sis_sync.progress import unseen

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Found = TypeVar("Found")
Progress = Callable[[int], None]
"""Takes the bytes read since it was called last."""
Work = Callable[[Progress], Found]
"""Takes what to report its progress to; reporting 0 only looks whether somebody still waits for the result."""
PR_SET_PDEATHSIG = 1
"""Of prctl(2)."""


def may_fork() -> bool:
    """Say whether a second process is safe and of use: other threads would be cut off in it."""
    return sys.platform == "linux" and (os.cpu_count() or 1) > 1 and threading.active_count() == 1


class Forked(Generic[Found]):
    """A process at work, to be used as a context.

    The process may fork others. Its result must be picklable; that a file it needs cannot be read is found out by
    whoever does the work again.
    """

    def __init__(self, work: Work[Found], progress: Progress = unseen) -> None:
        import multiprocessing

        fork = multiprocessing.get_context("fork")
        self._receiver, sender = fork.Pipe(duplex=False)
        self._progress = progress
        self._ended = False
        self._found: Found | None = None
        self._process = fork.Process(target=_do, args=(sender, work, os.getpid()))
        self._process.start()
        sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._receiver.close()
        self._process.kill()
        self._process.join()

    def pass_on(self) -> None:
        """Pass on the progress that was reported by now, without waiting."""
        while not self._ended and self._receiver.poll():
            self._take()

    def result(self) -> Found | None:
        """Wait for what was found; None when the work was not finished, for whatever reason."""
        while not self._ended:
            self._take()
        return self._found

    def _take(self) -> None:
        try:
            is_result, said = self._receiver.recv()
        except EOFError:
            self._ended = True
        else:
            if is_result:
                self._found, self._ended = said, True
            else:
                self._progress(said)


def _do(sender: Connection, work: Work[Found], parent: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    _end_with(parent)
    _let_go_of_all_but(sender.fileno())

    def report(count: int) -> None:
        if os.getppid() != parent:
            os._exit(1)
        if count:
            sender.send((False, count))

    try:
        sender.send((True, work(report)))
    except Exception:  # noqa: BLE001 - the process that started this one does the work again, and says what is wrong
        sender.close()


def _end_with(parent: int) -> None:
    """Have the system kill this process when its parent ends, also while it waits or computes."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (ImportError, OSError, AttributeError):
        pass  # then `report` notices, or the pipe, which nobody else reads
    if os.getppid() != parent:  # it ended before the system was asked
        os._exit(1)


def _let_go_of_all_but(own: int) -> None:
    """Put the null device in the place of whatever could reach somebody else.

    These are the standard streams, pipes and sockets, and files open for writing: journal, lock and log. Files that are
    read stay open, and nameless ones, which the work shares.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for entry in list(Path("/proc/self/fd").iterdir()):
        number = int(entry.name)
        if number not in {own, null} and (number <= 2 or _reaches_others(number)):
            os.dup2(null, number)


def _reaches_others(number: int) -> bool:
    import fcntl  # which Windows lacks, where nothing is forked

    try:
        found = os.fstat(number)
    except OSError:  # what listed the numbers
        return False
    if stat.S_ISFIFO(found.st_mode) or stat.S_ISSOCK(found.st_mode):
        return True
    writes = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    return stat.S_ISREG(found.st_mode) and writes and found.st_nlink > 0
