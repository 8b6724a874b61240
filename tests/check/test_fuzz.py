"""Whatever is in the files, a check ends with findings and nothing else."""

from __future__ import annotations

import random
import time

import pytest
from support.examples.every import EXAMPLES
from support.mutations import AIMS, SEED, mutated
from support.samples import checked

from canvas_sis_sync.check.registry import RULES
from canvas_sis_sync.sis_csv.kinds import KINDS

WORDS = (
    "",
    "u1",
    "c1",
    "s1",
    "a",
    "t1",
    "active",
    "deleted",
    "Deleted",
    "accepted",
    "student",
    "2026-01-01",
    "12/31/26",
)


def random_file(chance: random.Random) -> str:
    """Make a recognised file whose cells are drawn from words that mean something somewhere."""
    kind = chance.choice(list(KINDS.values()))
    columns = list(kind.columns)
    rows = [",".join(chance.choice(WORDS) for _ in columns) for _ in range(chance.randrange(12))]
    return "\n".join([",".join(columns), *rows])


def run(rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    samples = list(EXAMPLES.values())
    for _ in range(rounds):
        files = {
            name: content if isinstance(content, bytes) else content.encode()
            for name, content in chance.choice(samples).bad.items()
        }
        files = {name: mutated(content, chance) for name, content in files.items()}
        files |= {f"random{number}.csv": random_file(chance).encode() for number in range(chance.randrange(4))}
        report = checked(files, chance.choice(AIMS))
        assert report.counts.keys() <= RULES.keys()
        assert report.refused_rows <= report.rows
        assert sum(report.summary.values()) == sum(report.counts.values()) >= len(report.findings)


def test_a_check_of_broken_files_never_raises() -> None:
    run(60, SEED)


@pytest.mark.slow
def test_a_check_of_many_broken_files_never_raises() -> None:
    end = time.monotonic() + 60
    seed = SEED
    while time.monotonic() < end:
        seed += 1
        run(200, seed)
