"""The peak memory of a whole `run` over 1 million users and 10 million enrollments, against the counting sandbox.

    python benchmarks/whole_run.py [--scale 0.01] [--data FOLDER]

The sandbox is a process of its own. Wanted: less than 150 MB for the run itself, less than 600 MB for the largest of
the processes that check the rows for it. Ends with 1 when a target is missed at full size, or the run does not end
well.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from exports import write_export
from processes import SIS_SYNC, Peak, make_home, peak_of

WANTED_MB = 150
WANTED_LARGEST_MB = 600
USERS, ENROLLMENTS = 1_000_000, 10_000_000


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure a whole run over a state-wide export.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full 11 million rows")
    parser.add_argument("--data", type=Path, help="folder that keeps the export for the next time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = arguments.data or Path(folder) / "export"
        if not data.exists():
            write_export(data, int(USERS * arguments.scale), int(ENROLLMENTS * arguments.scale))
        total = sum(path.stat().st_size for path in data.iterdir())
        code, peak, seconds, output = run(Path(folder) / "home", data)
    print(f"{total / 1e6:.0f} MB of CSV: {seconds:.1f} s")
    print(f"peak memory of the run: {peak.own:.1f} MB (wanted: < {WANTED_MB})")
    print(f"peak memory of the largest process: {peak.largest:.1f} MB (wanted: < {WANTED_LARGEST_MB})")
    if code:
        print(output)
    missed = peak.own >= WANTED_MB or peak.largest >= WANTED_LARGEST_MB
    return 1 if code or (missed and arguments.scale >= 1) else 0


def run(home: Path, data: Path) -> tuple[int, Peak, float, str]:
    """Run once over a copy of `data`; give exit code, peak memory, seconds, and what was said."""
    sandbox = [SIS_SYNC, "sandbox", "--count-only", "--token", "benchmark-token"]
    with subprocess.Popen(sandbox, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            url = server.stdout.readline().partition("CANVAS_BASE_URL=")[2].split()[0]
            environment = make_home(home, url, SIS_SYNC_SETTLE_SECONDS=0)
            shutil.copytree(data, home / "inbox" / "night")
            began = time.perf_counter()
            code, peak, output = peak_of([SIS_SYNC, "--home", str(home), "run"], environment)
            return code, peak, time.perf_counter() - began, output
        finally:
            server.terminate()


if __name__ == "__main__":
    sys.exit(main())
