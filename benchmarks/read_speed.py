"""Reading a million enrollments, compared with Python's `csv.reader` and, where it is installed, Ruby's CSV.

    python benchmarks/read_speed.py [--scale 0.01] [--rounds 3]

Seven columns, with dates, 2% of the cells quoted; the same with every cell quoted, and with doubled quotes. Processor
seconds of whole processes, taken in turn; medians are printed. The targets are meant for scale 1 and an otherwise idle
machine: at most 1.3 s for the first, and less than a fifth of Ruby's time for each.
"""

from __future__ import annotations

import argparse
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

ROWS = 1_000_000
OURS = """
import sys
from canvas_sis_sync.sis_csv.reader import open_csv
with open(sys.argv[1], "rb") as stream:
    for block in open_csv(stream).blocks:
        pass
"""
PYTHON = """
import csv, sys
with open(sys.argv[1], encoding="utf-8", newline="") as stream:
    for row in csv.reader(stream):
        pass
"""
RUBY = """
require "csv"
CSV.foreach(ARGV[0], headers: :first_row, skip_blanks: true, encoding: "bom|utf-8") { |row| row }
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = max(int(ROWS * options.scale), 1)
    commands = {"ours": [sys.executable, "-c", OURS], "csv.reader": [sys.executable, "-c", PYTHON]}
    if shutil.which("ruby"):
        commands["ruby"] = ["ruby", "-e", RUBY]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "enrollments.csv"
        for name, share, text in (
            ("2% quoted", 0.02, "S{:05d}"),
            ("all quoted", 1.0, "S{:05d}"),
            ("doubled quotes", 0.02, 'S"{}"'),
        ):
            _write(path, rows, share, text)
            print(f"{rows:,} rows, {name}, {path.stat().st_size / 1e6:.0f} MB")
            _compare(commands, path, options.rounds)


def _write(path: Path, rows: int, quoted_share: float, section: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        stream.write("course_id,user_id,role,section_id,status,start_date,end_date\n")
        stream.writelines(_enrollments(rows, quoted_share, section))


def _enrollments(rows: int, quoted_share: float, section: str) -> Iterator[str]:
    chance = random.Random(1)
    for row in range(rows):
        cells = [
            f"C{row % 5000:05d}",
            f"U{chance.randrange(100_000):06d}",
            chance.choice(("student", "teacher", "ta")),
            section.format(row % 9000),
            chance.choice(("active", "deleted")),
            "2031-08-20T00:00:00Z",
            "2031-12-20 00:00:00" if row % 3 else "",
        ]
        yield ",".join([_written(cell, quoted=chance.random() < quoted_share) for cell in cells]) + "\n"


def _written(cell: str, *, quoted: bool) -> str:
    return f'"{cell.replace(chr(34), chr(34) * 2)}"' if quoted or '"' in cell else cell


def _compare(commands: dict[str, list[str]], path: Path, rounds: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            seconds[name].append(_processor_seconds([*command, str(path)]))
    ours = median(seconds["ours"])
    for name, taken in seconds.items():
        print(f"  {name:10} {median(taken):6.2f} s  {median(taken) / ours:5.2f} x ours")


def _processor_seconds(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
