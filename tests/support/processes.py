"""Processes of the program under bad conditions: without root's passes, few file handles, streams that are full."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from canvas_sis_sync.cli.main import UNFORESEEN

PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
FORBIDDEN = (UNFORESEEN, "Traceback", "Exception ignored")


def as_anybody() -> None:
    """Let the permissions of files count, which root passes over; for a process that is about to be started."""
    libc = ctypes.CDLL(None)
    for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
        if os.geteuid() == 0 and libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
            raise OSError("root cannot be kept from passing over permissions")


def with_handles(count: int) -> Callable[[], None]:
    """Let a process that is about to be started have so many files open, its streams among them."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def start_of(folder: Path | None, *arguments: str) -> list[str]:
    home = [] if folder is None else ["--home", str(folder)]
    return [sys.executable, "-m", "canvas_sis_sync", *home, *arguments]


def call(
    folder: Path | None,
    *arguments: str,
    env: dict[str, str],
    before: Callable[[], None] | None = None,
    **options: Any,
) -> subprocess.CompletedProcess[str]:
    """Run the program to its end, and hold it to never showing a fault of its own."""
    given: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    done = subprocess.run(  # type: ignore[call-overload]  # as given
        start_of(folder, *arguments), env=os.environ | env, preexec_fn=before, text=True, timeout=90, check=False,
        **(given | options),
    )  # fmt: skip
    for text in filter(None, (done.stdout, done.stderr)):
        assert not any(word in text for word in FORBIDDEN), text
    assert done.returncode != 1, done.stderr
    return done
