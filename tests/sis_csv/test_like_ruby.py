"""The reader says of any bytes what Ruby's CSV says with Canvas's arguments."""

from __future__ import annotations

import io
import json
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.csv_cases import cases

from canvas_sis_sync.sis_csv import texts
from canvas_sis_sync.sis_csv.counter import count_rows
from canvas_sis_sync.sis_csv.reader import MOST_COLUMNS, Malformed, open_csv
from canvas_sis_sync.sis_csv.texts import NotUtf8

SEED = 20260820
SCRIPT = Path(__file__).with_name("canvas_csv.rb")

pytestmark = pytest.mark.skipif(shutil.which("ruby") is None, reason="ruby is not installed")


class Ruby:
    """A Ruby that reads CSV as Canvas does."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(["ruby", SCRIPT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._questions, self._answers = self._process.stdin, self._process.stdout
        self.version = json.loads(self._answers.readline())

    def judge(self, data: bytes) -> dict[str, Any]:
        self._questions.write(b"%d\n%s" % (len(data), data))
        self._questions.flush()
        return json.loads(self._answers.readline())

    def close(self) -> None:
        self._questions.close()
        self._answers.close()
        assert self._process.wait(timeout=10) == 0


@pytest.fixture(scope="module")
def ruby() -> Iterator[Ruby]:
    running = Ruby()
    yield running
    running.close()


class Pieces(io.RawIOBase):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, size: int) -> None:
        self._stream = io.BytesIO(data)
        self._size = size

    def read(self, size: int = -1) -> bytes:
        return self._stream.read(self._size)


def judged(stream: Any) -> dict[str, Any]:
    """Read with our reader, in the words of the Ruby script."""
    rows: list[tuple[int, list[str | None]]] = []
    try:
        file = open_csv(stream)
        rows.extend(file)
    except NotUtf8:
        return {"verdict": "not utf-8"}
    except Malformed as fault:
        return {"verdict": "malformed", "row": fault.row, "rows before it": len(rows)}
    return {"verdict": "ok", "header": file.header, "rows": rows}


def expected(answer: dict[str, Any]) -> dict[str, Any]:
    """Make of Ruby's rows what Canvas makes of them: numbers, the header's width, nothing of empty ones (CSV 4, 6)."""
    if answer["verdict"] == "not utf-8":
        return answer
    rows = list(enumerate(answer["rows"], start=2))
    full = [(number, row) for number, row in rows if any(row)]
    if len(answer["header"] or ()) > MOST_COLUMNS:  # a limit of ours, said of the header
        return {"verdict": "malformed", "row": 1, "rows before it": 0}
    if answer["verdict"] == "malformed":
        row = len(rows) + 2 if answer["header"] else 1
        return {"verdict": "malformed", "row": row, "rows before it": len(full)}
    header = [cell.lower() for cell in answer["header"]]
    return {"verdict": "ok", "header": header, "rows": [(number, row[: len(header)]) for number, row in full]}


def compare(ruby: Ruby, seed: int, count: int) -> Counter[str]:
    """Compare so many cases, read whole and by pieces; give how many there were of each verdict."""
    verdicts: Counter[str] = Counter()
    sizes = random.Random(seed)
    for data in cases(seed, count):
        from_ruby = ruby.judge(data)
        answer = expected(from_ruby)
        verdicts[answer["verdict"]] += 1
        for size in (texts.BLOCK_BYTES, sizes.choice([1, 2, 3, 5, 8]) if len(data) < 1000 else 4096):
            stream = Pieces(data, size)
            assert judged(stream) == answer, f"{seed=} {size=} {ruby.version}: {data[:1000]!r}"
        if answer["verdict"] == "ok":
            summary = count_rows(io.BytesIO(data))
            assert (list(summary.header), summary.rows) == (answer["header"], len(from_ruby["rows"]))
    return verdicts


def test_some_files_are_read_as_ruby_reads_them(ruby: Ruby) -> None:
    verdicts = compare(ruby, SEED, 200)
    assert min(verdicts[name] for name in ("ok", "malformed", "not utf-8")) > 10


@pytest.mark.slow
def test_many_files_are_read_as_ruby_reads_them(ruby: Ruby, request: pytest.FixtureRequest) -> None:
    compare(ruby, SEED + 1, request.config.getoption("--ruby-cases", 2000))
