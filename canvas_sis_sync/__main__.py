"""The process around the command line: its signals and its standard streams, from the first moment to the last.

It imports next to nothing (not even typing), and everything else once an interruption has somewhere to go; what Ctrl-C
stops before that is Python itself. `canvas_sis_sync.cli.main` is the command line, to be called from a program.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn, TextIO

HELD = 5
INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stream(io.FileIO):
    """A standard stream that cannot fail: what it does not take is lost, and the work is not."""

    #: Why something was lost, None when nothing was.
    fault: OSError | None = None
    #: True when whoever started this process had closed it: nobody reads what is written.
    was_closed = False

    def write(self, data: Any, /) -> int:
        """Write, and remember the first fault."""
        try:
            if self.was_closed:
                raise OSError(errno.EBADF, "it is closed")
            while (count := super().write(data)) is None:  # it is full, and does not block
                import select

                select.select([], [self], [])
            return count
        except OSError as error:
            self.fault = self.fault or error
            return memoryview(data).nbytes


def main() -> NoReturn:
    """Run the command line, and end the process with its exit code, or with 130 when it was interrupted."""
    _on_signals(_leave)
    sys.unraisablehook = _unraisable
    code, out = INTERRUPTED, _standard_streams()
    try:
        from canvas_sis_sync.cli.main import execute

        _on_signals(_interrupt)
        code = execute(sys.argv[1:])
    except KeyboardInterrupt:
        pass  # once more while the first one was being reported
    except OSError as error:  # while the command line was imported
        code = HELD
        sys.stderr.write(f"Error: sis-sync could not be started: {error}. Repair that; the next run continues.\n")
    _on_signals(_leave)
    sys.stdout.flush()
    if out.fault is not None and out.fault.errno not in {errno.EPIPE, errno.EBADF}:
        reason = (out.fault.strerror or "an unknown fault").lower()
        sys.stderr.write(f"The output could not be written: {reason}. Everything else is done and recorded.\n")
    sys.stderr.flush()
    # Nothing is left to be closed, and at Python's own end an interruption would be a traceback again.
    os._exit(code)


def _standard_streams() -> Stream:
    """Let no standard stream fail, and open what was closed, so that no file gets its number; returns stdout's."""
    closed = set()
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            closed.add(os.open(os.devnull, os.O_RDWR))
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")
    out, err = Stream(1, "w", closefd=False), Stream(2, "w", closefd=False)
    out.was_closed, err.was_closed = 1 in closed, 2 in closed
    if os.name != "nt" or sys.stdout is None or sys.stderr is None:  # Windows's consoles take no bytes
        sys.stdout, sys.stderr = _text(out, sys.stdout), _text(err, sys.stderr)
    return out


def _text(stream: Stream, like: TextIO | None) -> TextIO:
    encoding = like.encoding if like else "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(stream), encoding, "backslashreplace", line_buffering=True)


def _on_signals(handler: Any) -> None:
    """Handle interruptions, but for those that whoever started this process wants ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _leave(*_: object) -> NoReturn:
    """End at once, where nothing is under way."""
    try:
        os.write(2, b"Interrupted.\n")
    finally:
        os._exit(INTERRUPTED)


def _unraisable(found: sys.UnraisableHookArgs) -> None:
    """End at an interruption that came where nothing can be raised, instead of passing it over."""
    if issubclass(found.exc_type, KeyboardInterrupt):
        _leave()
    sys.__unraisablehook__(found)


if __name__ == "__main__":
    main()
