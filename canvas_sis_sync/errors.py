"""The error tree: each error is a sentence, a hint (what to do or type next) and an exit code.

Only `cli` turns errors into text and exit codes. The exit codes are kept for good (README.md).
"""

from __future__ import annotations

import errno
from collections.abc import Sequence

EXIT_DONE = 0
EXIT_BUG = 1
EXIT_USAGE = 2
EXIT_REFUSED = 3
EXIT_IMPORT_FAILED = 4
EXIT_HELD = 5
EXIT_TIME_RAN_OUT = 6
EXIT_SETTINGS = 10
EXIT_TOKEN = 12
EXIT_UNREACHABLE = 13
EXIT_INTERRUPTED = 130


NEXT_STEPS = {
    errno.ENOSPC: "Make room on that disk",
    errno.EDQUOT: "Make room on that disk, or have the quota of this user raised",
    errno.EFBIG: "Have the limit on the size of files raised (`ulimit -f`)",
    errno.EROFS: "Mount that disk so that it can be written to",
    errno.EACCES: "Let the user who runs sis-sync read and write it, and enter its folders",
    errno.EPERM: "Let the user who runs sis-sync read and write it, and enter its folders",
    errno.EMFILE: "Have the limit on open files raised (`ulimit -n`)",
    errno.ENFILE: "Close other programs, or have the system's limit on open files raised",
    errno.ENOMEM: "Close other programs, or give the machine more memory",
    errno.ENAMETOOLONG: "Give it a shorter name or path",
    errno.ELOOP: "Remove the links that lead in a circle",
    errno.ENOTDIR: "Put a folder where that file is",
    errno.EIO: "Look at the system's log: the disk may be failing",
}
"""What somebody can do about what the system says, by its error number. These are never faults of the program."""


def next_step(error: OSError) -> str:
    """Return what to do about an error of the system, as a sentence."""
    step = NEXT_STEPS.get(error.errno or 0, "Repair the disk, the folder or its permissions")
    return f"{step}; the next run continues."


class SyncError(Exception):
    """Anything that ends a command with a message instead of a result.

    `sentence` says what happened, `hint` what to do next (possibly empty); `details` are lines to show between them.
    """

    exit_code = EXIT_BUG

    def __init__(self, sentence: str, hint: str = "", *, details: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.details = tuple(details)


class RecordError(ValueError):
    """What was read back is no record. Its text names the place and what is wrong there, without any content."""

    def __init__(self, fault: str, *place: str) -> None:
        super().__init__(f"{''.join(place).removeprefix('.')} {fault}" if place else f"it {fault}")
        self.fault = fault
        self.place = place


class UsageError(SyncError):
    """The command line names something that does not exist or does not fit."""

    exit_code = EXIT_USAGE


class SettingsError(SyncError):
    """A setting is missing, malformed, unsafe or contradicts another."""

    exit_code = EXIT_SETTINGS


class HomeError(SyncError):
    """The home cannot be worked in: a folder is missing or read-only, a disk is full. Somebody must act."""

    exit_code = EXIT_HELD


class HeldError(SyncError):
    """Somebody must act before anything further is sent."""

    exit_code = EXIT_HELD


class JournalError(HeldError):
    """The journal is unreadable, or missing beside a non-empty archive."""


class ZipAltered(HeldError):
    """The zip is not the one that was checked: the upload was broken off before its end, so Canvas has none of it."""


class BadZipError(SyncError):
    """A zip cannot be read, is not whole, or holds what Canvas would refuse."""

    exit_code = EXIT_REFUSED


class DropChanged(SyncError):
    """A file of a drop changed or vanished while it was being read: its writer was not done."""

    exit_code = EXIT_TIME_RAN_OUT


class TimeRanOut(SyncError):
    """The poll limit was reached while something was unsettled, unfinished or importing."""

    exit_code = EXIT_TIME_RAN_OUT


class CanvasError(SyncError):
    """A request to Canvas did not give what was asked for. `status` is the HTTP status, None without one."""

    exit_code = EXIT_UNREACHABLE

    def __init__(self, sentence: str, hint: str = "", *, status: int | None = None) -> None:
        super().__init__(sentence, hint)
        self.status = status


class NothingArrived(CanvasError):
    """Provably no byte of the request reached Canvas: name not resolved, connection refused, TLS not agreed."""


class AnswerLost(CanvasError):
    """The request may or may not have been carried out: cut, time-out, 5xx, or an answer that is not JSON.

    `seconds` is how long the request had been under way.
    """

    def __init__(self, sentence: str, hint: str = "", *, status: int | None = None, seconds: float = 0.0) -> None:
        super().__init__(sentence, hint, status=status)
        self.seconds = seconds


class Throttled(CanvasError):
    """429, or the 403 whose text says `Rate Limit Exceeded`: the request did not run and may be repeated."""


class RequestRejected(CanvasError):
    """Canvas understood the request and refused it (400, 404, 422, or a 4xx without a sentence of its own)."""

    exit_code = EXIT_SETTINGS


class NotFound(RequestRejected):
    """404: no such import, account or term."""


class AccessRefused(CanvasError):
    """401 or a 403 that is not throttling: the token, its user's permission, the account or the User-Agent."""

    exit_code = EXIT_TOKEN


class RedirectRefused(CanvasError):
    """Canvas answered with a redirect, which is never followed with the token."""

    exit_code = EXIT_SETTINGS
