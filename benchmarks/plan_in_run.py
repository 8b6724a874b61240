"""What the plan and the breakers cost a run, from the claim to the first byte sent, compared with a run without them.

    python benchmarks/plan_in_run.py [--scale 0.01] [--rounds 3]

Two homes take turns at the same deliveries: 1 million enrollments with their users, courses and sections, of which 1%
change from one night to the next. The program has no switch for this, so the second home is run through an entry that
lets every batch pass unweighed. Seconds are those between the steps `claimed` and `sending` of each receipt, medians
of the nights after the first accepted delivery. The sandbox only counts and cannot diff, so the deliveries are sent
without; the plan compares the same files either way. Wanted: at most 2.5 times. Ends with 1 when that is missed at
full size, or a run does not end well.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from exports import write_export
from processes import SIS_SYNC, make_home, peak_of

WANTED = 2.0
USERS, ENROLLMENTS = 100_000, 1_000_000
CHANGED = 0.01
REPLACED = {
    "courses": ((", part ", ", unit "), (", part ", ", volume ")),
    "sections": (("Section", "Group"), ("Section", "Class")),
    "users": (("@students.", "@alumni."), (",active", ",suspended")),
    # A role belongs to the key: a row less and one more.
    "enrollments": ((",student,", ",observer,"), (",false", ",true")),
}
"""By file, what becomes of a row that changes: one or the other."""
WITH, WITHOUT = "with the plan", "without"
ENTRIES = {
    WITH: "from canvas_sis_sync.cli.main import main; main()",
    WITHOUT: """
from canvas_sis_sync.cli.main import main
from canvas_sis_sync.sync import _send, assess
assess._compared = lambda candidate, assessment, comparison: assessment
_send.still_stands = lambda context, batch: True
main()
""",
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure what the plan costs a run.")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the full million enrollments")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nights = [folder / "night 0", folder / "night 1"]
        write_export(nights[0], int(USERS * arguments.scale), int(ENROLLMENTS * arguments.scale))
        write_next(nights[0], nights[1])
        taken, peaks = compare(folder, nights, arguments.rounds)
        total = sum(path.stat().st_size for path in nights[1].iterdir())
    print(f"{total / 1e6:.0f} MB of CSV, {CHANGED:.0%} of the rows changed from night to night")
    for name, seconds in taken.items():
        print(f"  {name}: {median(seconds):.2f} s from claim to sending, {peaks[name]:.0f} MB in the largest process")
    ratio = median(taken[WITH]) / median(taken[WITHOUT])
    print(f"times as long: {ratio:.2f} (wanted: <= {WANTED})")
    return 1 if ratio > WANTED and arguments.scale >= 1 else 0


def write_next(before: Path, after: Path) -> None:
    """Write the delivery of the night after, with 1% of the rows of each file changed."""
    numbers = random.Random(2)
    after.mkdir()
    for path in before.iterdir():
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = file
        for number in numbers.sample(range(len(rows)), int(len(rows) * CHANGED)):
            old, new = REPLACED[path.stem][number % 2]
            rows[number] = rows[number].replace(old, new, 1)
        with (after / path.name).open("w", encoding="utf-8", newline="") as file:
            file.writelines((header, *rows))


def compare(folder: Path, nights: list[Path], rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Give the seconds of each night by entry, the first night aside, and the peak memory in MB."""
    taken: dict[str, list[float]] = {name: [] for name in ENTRIES}
    peaks = dict.fromkeys(ENTRIES, 0.0)
    sandbox = [SIS_SYNC, "sandbox", "--count-only", "--token", "benchmark-token"]
    with subprocess.Popen(sandbox, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            url = server.stdout.readline().partition("CANVAS_BASE_URL=")[2].split()[0]
            homes = {name: folder / f"home {number}" for number, name in enumerate(ENTRIES)}
            known = {name: make_home(home, url, SIS_SYNC_SETTLE_SECONDS=0) for name, home in homes.items()}
            for night in range(rounds + 1):
                for name, home in homes.items():
                    seconds, peak = run(home, known[name], ENTRIES[name], nights[night % 2])
                    if night:
                        taken[name].append(seconds)
                        peaks[name] = max(peaks[name], peak)
        finally:
            server.terminate()
    return taken, peaks


def run(home: Path, environment: Mapping[str, str], entry: str, delivery: Path) -> tuple[float, float]:
    """Deliver a copy; give the seconds from claim to sending, and the memory of the largest process in MB."""
    shutil.copytree(delivery, home / "inbox" / "night", copy_function=shutil.copyfile)
    command = [sys.executable, "-c", entry, "--home", str(home), "run"]
    code, peak, output = peak_of(command, environment)
    if code:
        sys.exit(output)
    receipt = max(home.glob("archive/*/*/*/receipt.json"))
    steps = json.loads(receipt.read_text(encoding="utf-8"))["batch"]["steps"]
    at = {step["state"]: step["at"] for step in reversed(steps)}
    return at["sending"] - at["claimed"], peak.largest


if __name__ == "__main__":
    sys.exit(main())
