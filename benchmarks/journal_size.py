"""What 100,000 past batches in the journal cost an idle tick and `status`, compared with none.

    python benchmarks/journal_size.py [--scale 0.01] [--rounds 20]

A home whose journal holds that many finished batches and a new one take turns, a fresh process each. Wanted: at most
10 ms more. Ends with 1 when a target is missed at full size.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from processes import SIS_SYNC, cost_of, make_home

from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.delivery.files import Entry
from canvas_sis_sync.home.batch import Batch, BatchState, Step
from canvas_sis_sync.home.drops import DropFile, DropKind
from canvas_sis_sync.home.journal import Journal
from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.home.stages import Zip

FULL_BATCHES = 100_000
WANTED_MS = 10.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare a journal of 100,000 batches with an empty one.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full 100,000 batches")
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    batches = int(FULL_BATCHES * arguments.scale)
    with tempfile.TemporaryDirectory() as folder:
        homes = {"none": Path(folder) / "new", f"{batches:,}": Path(folder) / "old"}
        environments = {name: make_home(home) for name, home in homes.items()}
        for home, count in zip(homes.values(), (0, batches), strict=True):
            fill(home / "archive" / FILE_NAME, count)
        missed = False
        for what in (["run"], ["status", "--offline"]):
            samples: dict[str, list[float]] = {name: [] for name in homes}
            for number in range(arguments.rounds + 1):
                for name, home in homes.items():
                    cost = cost_of([SIS_SYNC, "--home", str(home), *what], environments[name])
                    if number:
                        samples[name].append(cost.wall * 1000)
            missed |= print_table(" ".join(what), samples)
    return 1 if missed and arguments.scale >= 1 else 0


def print_table(what: str, samples: dict[str, list[float]]) -> bool:
    """Print the medians; return True when the target was missed."""
    (_, new), (name, old) = ((name, statistics.median(taken)) for name, taken in samples.items())
    print(f"sis-sync {what}: no batch {new:.1f} ms, {name} batches {old:.1f} ms,", end=" ")
    print(f"{old - new:+.1f} ms (wanted: at most +{WANTED_MS:.0f})")
    return old - new > WANTED_MS


def fill(path: Path, count: int) -> None:
    """Write a journal with `count` finished batches, in one transaction."""
    target = Target("canvas.example.edu", 1)
    names = ("accounts", "terms", "courses", "sections", "users", "enrollments")
    entries = tuple(Entry(f"{name}.csv", 100_000, 1, name.rstrip("s"), 1000) for name in names)
    batch = Batch(
        id="",
        state=BatchState.IMPORTED,
        target=target,
        drop_name="night",
        drop_kind=DropKind.FOLDER,
        claimed_at=time.time(),
        files=tuple(DropFile(f"{name}.csv", 100_000, 1, "1:1") for name in names),
        zip=Zip("import.zip", 300_000, "ab", entries),
        filed=True,
        steps=tuple(
            Step(0.0, state, "run", "as in life")
            for state in (BatchState.CLAIMED, BatchState.PACKED, BatchState.SENDING)
        ),
    )
    with Journal.open(path, time.time) as journal:
        journal.restore_all(
            replace(batch, id=f"20260101-{number:06}", sis_import=SisImport(number + 1, "imported"))
            for number in range(count)
        )


if __name__ == "__main__":
    sys.exit(main())
