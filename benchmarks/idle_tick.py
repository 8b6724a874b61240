"""What a cron tick with nothing to do costs, compared with a bare click + dotenv program.

    python benchmarks/idle_tick.py [--scale 0.01] [--rounds 40]

Both are installed console scripts' equivalents: a fresh interpreter each, in turns, processor time of the process.
Wanted: at most 1.3 times the bare program. Ends with 1 when the target is missed at full size.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

from processes import SIS_SYNC, cost_of, make_home

WANTED = 1.3
BARE = """\
import click
import dotenv


@click.group()
@click.option("--home")
@click.pass_context
def program(context, home):
    context.obj = dotenv.dotenv_values(home + "/.env")


@program.command()
def run():
    pass


program()
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare an idle tick with a bare click + dotenv program.")
    parser.add_argument("--scale", type=float, default=1.0, help="below 1: fewer rounds, no verdict")
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    rounds = arguments.rounds if arguments.scale >= 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        environment = make_home(home)
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE, encoding="utf-8")
        commands = {
            "bare click + dotenv": [sys.executable, str(bare), "--home", str(home), "run"],
            "sis-sync run, idle": [SIS_SYNC, "--home", str(home), "run"],
        }
        samples: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(rounds + 1):
            for name, command in commands.items():
                cost = cost_of(command, environment)
                if number:
                    samples[name].append(cost.cpu)
    medians = {name: statistics.median(taken) for name, taken in samples.items()}
    ratio = medians["sis-sync run, idle"] / medians["bare click + dotenv"]
    print(f"medians of {rounds} rounds, processor time")
    print(f"{'program':22} {'ms':>7} {'ratio':>6} {'wanted':>7}")
    for name, median in medians.items():
        print(f"{name:22} {median * 1000:7.1f} {median / medians['bare click + dotenv']:6.2f}", end="")
        print(f" {f'<= {WANTED}':>7}" if name.startswith("sis-sync") else "")
    return 1 if ratio > WANTED and arguments.scale >= 1 else 0


if __name__ == "__main__":
    sys.exit(main())
