"""The log of a home: `logs/sis-sync.log`, a line a step, and the same lines on stderr with `-v`.

Owns where lines go, how they look and what is struck out of them. Row contents are never handed to it. It is set up
only when there is work to do, so the rotating handler is imported then.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from canvas_sis_sync.errors import SyncError
from canvas_sis_sync.files import make_folder, opener
from canvas_sis_sync.plain_text import lines, visible

if TYPE_CHECKING:
    from io import TextIOWrapper

FILE_NAME = "sis-sync.log"
FILE_BYTES = 5_000_000
FILES_KEPT = 10
MASK = "********"

_LOGGER = "canvas_sis_sync"
_LINE = "%(asctime)s %(levelname)s %(batch)s %(message)s"
_TIME = "%Y-%m-%dT%H:%M:%S%z"
_CODES = re.compile(r"(?i)(\bbearer\s+|\b(?:verifier|access_token)=)[^\s&\"',;]+")


def get_logger(batch: str = "-") -> logging.LoggerAdapter[logging.Logger]:
    """Give the logger whose lines carry the id of a batch."""
    return logging.LoggerAdapter(logging.getLogger(_LOGGER), {"batch": batch})


def redactor(secrets: Sequence[str]) -> Callable[[str], str]:
    """Give a function that masks the secrets, bearer tokens and access codes of addresses in a text."""
    known = sorted(filter(None, secrets), key=len, reverse=True)

    def redact(text: str) -> str:
        for secret in known:
            text = text.replace(secret, MASK)
        return _CODES.sub(rf"\1{MASK}", text)

    return redact


@contextmanager
def setup(folder: Path, secrets: Sequence[str], verbosity: int = 0) -> Iterator[None]:
    """Log into `folder`, which is made if missing, until the block ends.

    `verbosity` 1 repeats the lines on stderr, 2 adds details there. A log that cannot be written is reported once on
    stderr and stops nothing. An exception that nobody foresaw is logged with its traceback on its way out.
    """
    logger = logging.getLogger(_LOGGER)
    before = logger.level, logger.propagate
    file = _file_handler(folder / FILE_NAME)
    file.setLevel(logging.INFO)
    handlers = [file]
    if verbosity:
        handlers.append(logging.StreamHandler(sys.stderr))
        handlers[-1].setLevel(logging.INFO if verbosity == 1 else logging.DEBUG)
    for handler in handlers:
        handler.setFormatter(_Redacting(redactor(secrets)))
        logger.addHandler(handler)
    logger.setLevel(min(handler.level for handler in handlers))
    logger.propagate = False
    try:
        yield
    except SyncError:
        raise
    except Exception:
        logger.exception("something unforeseen")
        raise
    finally:
        logger.setLevel(before[0])
        logger.propagate = before[1]
        for handler in handlers:
            logger.removeHandler(handler)
            with suppress(OSError):  # what a full disk still holds back has been reported
                handler.close()


class _Redacting(logging.Formatter):
    """Lines without secrets, in which a text from outside cannot pass for a line of its own."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__(_LINE, _TIME, defaults={"batch": "-"})
        self._redact = redact

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        return visible(self._redact(super().formatMessage(record)))

    def formatException(self, ei: Any) -> str:  # noqa: N802 (logging's name)
        return lines(f"    {self._redact(line)}" for line in super().formatException(ei).split("\n"))


def _file_handler(path: Path) -> logging.Handler:
    from logging.handlers import RotatingFileHandler

    class LogFile(RotatingFileHandler):
        """A rotated file that only its owner can read, and that never stops a run."""

        reported = False

        def _open(self) -> TextIOWrapper:
            make_folder(path.parent)
            return open(path, "a", encoding="utf-8", errors=self.errors, opener=opener)

        def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 (logging's signature)
            if not self.reported:
                self.reported = True
                said = visible(f"sis-sync: going on without the log {path}: {sys.exc_info()[1]}")
                sys.stderr.write(f"{said}\n")

    return LogFile(
        path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8", errors="backslashreplace", delay=True
    )
