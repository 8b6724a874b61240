"""Locks held by the operating system, which die with their process."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from canvas_sis_sync.canvas.records import Target
from canvas_sis_sync.errors import HomeError, next_step
from canvas_sis_sync.files import make_folder


@contextmanager
def home_lock(path: Path) -> Iterator[bool]:
    """Try to be the only run of a home; gives False when another one is at work.

    Raises HomeError when the folder of `path` is missing or cannot be written to.
    """
    lock = FileLock(path, mode=0o600)
    try:
        path.parent.stat()  # FileLock would make it
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise HomeError(
            f"{path.parent} cannot be worked in: {(error.strerror or str(error)).lower()}. Nothing was touched.",
            f"{next_step(error)} If it is not the home you mean, name that with --home.",
        ) from error
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def target_lock(folder: Path, target: Target, pause: Callable[[float], None]) -> Iterator[None]:
    """Be the only sender to `target` on this machine's account; `pause` is called with seconds between attempts.

    `folder` is the user's state folder; whatever `pause` raises ends the waiting. Raises HomeError when `folder` can
    neither be made nor written to.
    """
    lock = FileLock(folder / f"{account_name(target)}.lock", mode=0o600)
    while not _taken(lock, folder):
        pause(0.2)
    try:
        yield
    finally:
        lock.release()


def account_name(target: Target) -> str:
    """Return a file name, without its ending, that stands for an account in the user's state folder."""
    return re.sub(r"[^a-z0-9.-]", "_", f"{target.host}-{target.account_id}".lower())


def _taken(lock: FileLock, folder: Path) -> bool:
    try:
        make_folder(folder)
        lock.acquire(timeout=0)
    except Timeout:
        return False
    except OSError as error:
        raise HomeError(
            f"{folder}, where sis-sync keeps one sender at a time, cannot be worked in:"
            f" {(error.strerror or str(error)).lower()}. Nothing was sent.",
            f"{next_step(error)} Or name another folder in the environment with XDG_STATE_HOME (Linux) or HOME.",
        ) from error
    return True
