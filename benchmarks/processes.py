"""What the benchmarks of whole processes share: a home to run in, and the cost of one child process."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SIS_SYNC = str(Path(sysconfig.get_path("scripts")) / "sis-sync")


@dataclass(frozen=True)
class Cost:
    """What one process took."""

    #: Processor seconds, user and system.
    cpu: float
    #: Seconds on the clock.
    wall: float


def cost_of(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end, its output unseen, and give what it took; raises when it fails."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=None if environment is None else {**environment})
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, wall)


@dataclass(frozen=True)
class Peak:
    """The memory of one run, in MB."""

    #: Of the process itself.
    own: float
    #: Of the largest among it and those that it started.
    largest: float


def peak_of(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, Peak, str]:
    """Run a command to its end; give its exit code, its peak memory, and its output."""
    with tempfile.TemporaryFile("w+") as output:
        process = subprocess.Popen(command, env={**environment}, stdout=output, stderr=subprocess.STDOUT)
        own = 0.0
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            own = max(own, _high_water(process.pid))
            time.sleep(0.02)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        largest = usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)
        return process.returncode, Peak(own or largest, largest), output.read()


def _high_water(pid: int) -> float:
    """Give the most memory that a process has had, in MB; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM:")), 0.0)


def make_home(folder: Path, url: str = "http://127.0.0.1:9", **settings: object) -> dict[str, str]:
    """Make a home in `folder`; gives the environment to run `sis-sync` with."""
    for part in ("inbox", "archive", "logs"):
        (folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
    values = {"CANVAS_BASE_URL": url, "CANVAS_API_TOKEN": "benchmark-token", **settings}
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")
    (folder / ".env").chmod(0o600)
    known = {name: value for name, value in os.environ.items() if not name.startswith(("CANVAS_", "SIS_"))}
    # What an installed program has: compiled modules in their cache.
    known.pop("PYTHONDONTWRITEBYTECODE", None)
    return known | {"XDG_STATE_HOME": str(folder / "state")}
