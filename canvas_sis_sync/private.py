"""Files and folders that only their owner can read or write, whatever the umask, and what of a home is not private.

Everything that this program writes is made here, or as here. What exists already keeps its mode: it may be somebody's
choice, so it is reported and never changed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

FILE, FOLDER = 0o600, 0o700
OTHERS = 0o066
"""Reading and writing by group and others; entering a folder shows nothing of it."""


def opener(path: str, flags: int, *, dir_fd: int | None = None) -> int:
    """Open a file as `open(..., opener=opener)` does; one that is made is for its owner only. Raises OSError."""
    if not flags & os.O_CREAT:
        return os.open(path, flags, dir_fd=dir_fd)
    try:
        descriptor = os.open(path, flags | os.O_EXCL, FILE, dir_fd=dir_fd)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return os.open(path, flags & ~os.O_CREAT, dir_fd=dir_fd)
    _settle(descriptor)
    return descriptor


def make_file(path: Path) -> None:
    """Make an empty file unless there is one. Raises OSError."""
    with suppress(FileExistsError):
        os.close(opener(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL))


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, unless there is one. Raises OSError."""
    try:
        path.mkdir(mode=FOLDER)
    except FileNotFoundError:
        if path.parent == path:
            raise
        make_folder(path.parent)
        make_folder(path)
    except FileExistsError:
        if not path.is_dir():
            raise
    else:
        if os.name == "posix" and path.stat().st_mode & 0o777 != FOLDER:  # the umask took rights of ours
            path.chmod(FOLDER)


def exposures(paths: Iterable[Path]) -> list[str]:
    """Return a sentence, with what to type, for each path that other users can read or write. POSIX only."""
    return [sentence for path in paths for sentence in _exposure(path)]


def _exposure(path: Path) -> list[str]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:  # whoever needs the path reports it
        return []
    if os.name != "posix" or not mode & OTHERS:
        return []
    from shlex import quote

    can = " and ".join(verb for verb, bits in (("read", 0o044), ("write to", 0o022)) if mode & bits)
    return [f"Other users of this machine can {can} {path} (mode {mode:o}). Type: chmod go-rw {quote(str(path))}"]


def _settle(descriptor: int) -> None:
    """Give a file that was just made its mode, where the umask took rights of ours."""
    if os.name == "posix" and os.fstat(descriptor).st_mode & 0o777 != FILE:
        with suppress(PermissionError):  # a file system without modes
            os.fchmod(descriptor, FILE)
