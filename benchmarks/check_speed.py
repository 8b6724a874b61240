"""Checking a million enrollments with all rules, compared with Ruby's CSV merely reading them; and ten million.

    python benchmarks/check_speed.py [--scale 0.01] [--rounds 3] [--large]

Seven columns, with dates, 2% of the cells quoted, beside the users, courses and sections they refer to. Seconds of
whole processes on the clock and of all their processors, taken in turn; medians are printed. With `--large` ten times
as many enrollments of a million users are checked once, for time in proportion and memory. The targets are meant for
scale 1 and an otherwise idle machine: five times Ruby's speed, and less than 600 MB in the largest process; above that
it ends with 1.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from processes import Cost, cost_of

WANTED_MB = 600
ENROLLMENTS = 1_000_000
ROLES = ("student",) * 18 + ("teacher", "ta")
OURS = """
import resource, sys
from functools import partial
from pathlib import Path
from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.check.options import CheckOptions
from canvas_sis_sync.check.engine import check
paths = [Path(name) for name in sys.argv[1:]]
files = [DeliveryFile(path.name, path.stat().st_size, partial(path.open, "rb")) for path in paths]
report = check(files, CheckOptions())
assert report.rows and not report.fatal + report.error, report.counts
of = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
print(max(resource.getrusage(who).ru_maxrss for who in of) // 1024)
"""
RUBY_READS = "ruby, merely reading"
RUBY = """
require "csv"
CSV.foreach(ARGV[0], headers: :first_row, skip_blanks: true, encoding: "bom|utf-8") { |row| row }
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true")
    options = parser.parse_args()
    rows = max(int(ENROLLMENTS * options.scale), 100)
    with tempfile.TemporaryDirectory() as name:
        others, enrollments = _write(Path(name), rows, users=max(rows // 10, 10))
        commands = {
            "enrollments": [sys.executable, "-c", OURS, enrollments],
            "with users, courses, sections": [sys.executable, "-c", OURS, *others, enrollments],
        }
        if shutil.which("ruby"):
            commands[RUBY_READS] = ["ruby", "-e", RUBY, enrollments]
        print(f"{rows:,} enrollments, {Path(enrollments).stat().st_size / 1e6:.0f} MB")
        _compare(commands, options.rounds)
        if options.large:
            others, enrollments = _write(Path(name), 10 * rows, users=rows)
            began = time.perf_counter()
            command = [sys.executable, "-c", OURS, *others, enrollments]
            megabytes = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            seconds = time.perf_counter() - began
            print(f"{10 * rows:,} enrollments of {rows:,} users: {seconds:.1f} s, at most {megabytes} MB a process")
            return 1 if megabytes >= WANTED_MB and options.scale >= 1 else 0
    return 0


def _compare(commands: dict[str, list[str]], rounds: int) -> None:
    taken: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            taken[name].append(cost_of(command))
    for name, costs in taken.items():
        wall, cpu = median(cost.wall for cost in costs), median(cost.cpu for cost in costs)
        line = f"  {name}: {wall:.2f} s, {cpu:.2f} s of processors"
        if ruby := taken.get(RUBY_READS):
            faster = median(cost.wall for cost in ruby) / wall
            cheaper = median(cost.cpu for cost in ruby) / cpu
            line += f"; {faster:.1f} times as fast as Ruby, for a processor {cheaper:.1f} times"
        print(line)


def _write(folder: Path, rows: int, users: int) -> tuple[list[str], str]:
    """Write a consistent set; give the paths of the other files and that of the enrollments."""
    courses = max(users // 50, 10)
    tables = {
        "users": (
            "user_id,login_id,full_name,email,status",
            "u{0:07d},l{0:07d},Person {0},l{0}@example.edu,active",
            users,
        ),
        "courses": ("course_id,short_name,long_name,status", "c{0:06d},C{0},Course {0},completed", courses),
        "sections": ("section_id,course_id,name,status", "s{0:06d},c{0:06d},Section {0},active", courses),
    }
    for name, (header, row, count) in tables.items():
        with (folder / f"{name}.csv").open("w", encoding="utf-8") as file:
            file.write(f"{header}\n")
            file.writelines(row.format(number) + "\n" for number in range(count))
    chance = random.Random(1)
    with (folder / "enrollments.csv").open("w", encoding="utf-8") as file:
        file.write("course_id,section_id,user_id,role,status,start_date,end_date\n")
        for number in range(rows):
            section = (number // users * 7919 + number * 31) % courses
            quote = '"' if chance.random() < 0.14 else ""
            dates = f"2026-08-2{number % 7}T00:00:00Z,2027-06-1{number % 5}T00:00:00Z"
            ids = f"c{section:06d},{quote}s{section:06d}{quote},u{number % users:07d}"
            file.write(f"{ids},{ROLES[number % 20]},active,{dates}\n")
    return [str(folder / f"{name}.csv") for name in tables], str(folder / "enrollments.csv")


if __name__ == "__main__":
    sys.exit(main())
