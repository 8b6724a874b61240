"""What is wrong with a journal, in sentences: what SQLite, the system and the records themselves say.

The one place where their errors become JournalErrors.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from canvas_sis_sync.errors import JournalError, RecordError, next_step

REBUILD = "Move it aside and type `sis-sync rebuild-journal`, which makes it again from the receipts."
ROOM = "Make room on that disk; the next run continues. The journal itself is whole."
FAULTS = {
    sqlite3.SQLITE_FULL: ("its disk is full", ROOM),
    sqlite3.SQLITE_IOERR: (
        "its disk is full or failing",
        "Look at the free space and at the system's log. Copy the home to another disk if this one fails.",
    ),
    sqlite3.SQLITE_READONLY: (
        "it is readonly",
        "Let the user who runs sis-sync write to the file and its folder; look at how the disk is mounted.",
    ),
    sqlite3.SQLITE_PERM: ("the system forbids it", "Let the user who runs sis-sync read and write the file."),
    sqlite3.SQLITE_CANTOPEN: ("it cannot be opened", "Let the user who runs sis-sync read and write its folder."),
    sqlite3.SQLITE_NOMEM: ("there is not enough memory", "Run it again when the machine has memory to spare."),
}
"""What SQLite says, by its primary result code, and what to do. Whatever else it says means a damaged file."""


@contextmanager
def worded(path: Path, what: str = "cannot be read") -> Iterator[None]:
    """Turn what SQLite or the system says about the journal at `path` into a JournalError."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise  # ours, not the file's
    except sqlite3.Error as error:
        raise _of_sqlite(path, error, what) from error
    except OSError as error:
        raise _of_system(path, error, what) from error
    except UnicodeError as error:
        raise JournalError(
            f"The journal {path} takes only texts in UTF-8, and a name in the inbox or on the command line is not.",
            "Nothing more was sent. Rename the file or folder, or type the text again.",
        ) from error
    except OverflowError as error:
        raise JournalError(
            f"The journal {path} takes only numbers below 2^63, and the id of an import is larger.",
            "Nothing more was sent. Look at the SIS imports in Canvas: such an id is none of Canvas's.",
        ) from error
    except RecordError as error:
        raise damaged(path, f"its content is not what sis-sync wrote ({error})") from error


def damaged(path: Path, detail: str = "its content is not what sis-sync wrote") -> JournalError:
    """Return the error for a journal that is damaged inside."""
    return JournalError(f"The journal {path} cannot be read: {detail}. Nothing more was sent.", REBUILD)


def _of_sqlite(path: Path, error: sqlite3.Error, what: str) -> JournalError:
    # An error that Python's module raises, such as for a text that is not UTF-8, has no code; its text has content.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return JournalError(
            f"The journal {path} is in use by another program.", "Close it there and run the command again."
        )
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}:
        try:
            with path.open("rb"):
                pass
        except OSError as refusal:
            return _of_system(path, refusal, what)
    if code not in FAULTS:
        return damaged(path)
    reason, hint = FAULTS[code]
    return JournalError(f"The journal {path} {what}: {reason}. {_left(what)}", hint)


def _of_system(path: Path, error: OSError, what: str) -> JournalError:
    reason = (error.strerror or str(error)).lower()
    hint = REBUILD if error.errno == errno.EISDIR else next_step(error)
    return JournalError(f"The journal {path} {what}: {reason}. {_left(what)}", hint)


def _left(what: str) -> str:
    return "Nothing more was sent." if what == "cannot be read" else "What was not journaled was not done."
