"""Comparing two deliveries of a million enrollments each, compared with GNU sort and comm on the same files.

    python benchmarks/compare_speed.py [--scale 0.01] [--rounds 3]

The export has the users, courses, sections and terms that the enrollments refer to; in the later one every 200th row
of the large files is missing, every 333rd enrollment has another status, and every 500th is new. sort and comm only
find the lines that differ: no keys, no repeated ones, no groups. Seconds of whole processes on the clock and of all
their processors, taken in turn; medians are printed. `--scale 10` compares ten million a side. Wanted: at most 2.5
times the time of sort and comm, and less than 500 MB in the largest process. Ends with 1 when a target is missed at
full size.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

from exports import write_export
from processes import Cost, cost_of, peak_of

ENROLLMENTS = 1_000_000
WANTED_RATIO = 2.5
WANTED_MEGABYTES = 500
OURS = """
import sys
from functools import partial
from pathlib import Path
from canvas_sis_sync.plan.changes.comparing import compare
from canvas_sis_sync.delivery.files import DeliveryFile
def delivery(folder):
    return [DeliveryFile(path.name, path.stat().st_size, partial(path.open, "rb")) for path in Path(folder).iterdir()]
changes = compare(delivery(sys.argv[1]), delivery(sys.argv[2]), scratch=Path(sys.argv[3]))
found = changes.of("enrollment")
assert found and found.added and found.changed and found.removed and changes.groups
"""
SORT_AND_COMM = """
set -e
for name in $(ls "$1"); do
    LC_ALL=C sort "$1/$name" > "$3/before"
    LC_ALL=C sort "$2/$name" > "$3/now"
    LC_ALL=C comm -3 "$3/before" "$3/now" > "$3/differing"
done
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = max(int(ENROLLMENTS * options.scale), 1_000)
    with tempfile.TemporaryDirectory(dir=_disk()) as name:
        before, now, scratch = (Path(name) / part for part in ("before", "now", "scratch"))
        scratch.mkdir()
        write_export(before, users=max(rows // 10, 100), enrollments=rows)
        _write_later(before, now)
        size = sum(path.stat().st_size for path in before.iterdir())
        print(f"{rows:,} enrollments a side, {size / 1e6:.0f} MB with what they refer to")
        folders = [str(before), str(now), str(scratch)]
        ours = [sys.executable, "-c", OURS, *folders]
        ratio = _compare(
            {"compare": ours, "sort and comm": ["sh", "-c", SORT_AND_COMM, "sh", *folders]}, options.rounds
        )
        code, peak, output = peak_of(ours, os.environ)
    print(f"  the largest process of compare: {peak.largest:.0f} MB (wanted: less than {WANTED_MEGABYTES})")
    if code:
        print(output)
    missed = ratio > WANTED_RATIO or peak.largest >= WANTED_MEGABYTES
    return 1 if code or (missed and options.scale >= 1) else 0


def _disk() -> str | None:
    """Keep the files where large ones belong, which is not in memory."""
    return "/var/tmp" if Path("/var/tmp").is_dir() else None


def _compare(commands: dict[str, list[str]], rounds: int) -> float:
    """Print what each takes, and give how many times that of the last one the first one takes."""
    taken: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            taken[name].append(cost_of(command))
    walls = [median(cost.wall for cost in costs) for costs in taken.values()]
    for (name, costs), wall in zip(taken.items(), walls, strict=True):
        print(f"  {name}: {wall:.2f} s, {median(cost.cpu for cost in costs):.2f} s of processors")
    ratio = walls[0] / walls[-1]
    print(f"  {ratio:.2f} times the time of sort and comm (wanted: at most {WANTED_RATIO})")
    return ratio


def _write_later(before: Path, now: Path) -> None:
    """Write the export of another night."""
    now.mkdir()
    for path in before.iterdir():
        if path.name in {"users.csv", "sections.csv", "enrollments.csv"}:
            with path.open(newline="") as old, (now / path.name).open("w", newline="") as new:
                new.writelines(_later(old, may_change=path.name == "enrollments.csv"))
        else:
            shutil.copy(path, now)


def _later(lines: Iterable[str], *, may_change: bool) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number % 200 == 100:
            continue
        if may_change and number % 333 == 7:
            yield line.replace(",active,", ",completed,")
            continue
        if may_change and number % 500 == 3:
            yield line.replace(",S1", ",S9", 1)
        yield line


if __name__ == "__main__":
    sys.exit(main())
