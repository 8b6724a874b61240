"""The process: interruptions at any moment, and standard streams that are full, closed or gone."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.homes import Home
from support.processes import call

from canvas_sis_sync.__main__ import Stream
from canvas_sis_sync.cli.main import COMMANDS, UNFORESEEN
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

BEGUN = """
import signal
from canvas_sis_sync import __main__ as start
install = signal.signal

def installing(number, handler):
    install(number, handler)
    if number == signal.SIGTERM:  # the last of them
        signal.signal = install
        print("begun", flush=True)

signal.signal = installing
start.main()
"""
"""The program, which says when Python has started and its own first line was run."""
INTERRUPTED_ON_ITS_WAY = """
from canvas_sis_sync import __main__ as start
from canvas_sis_sync.cli import main as cli
execute = cli.execute

def interrupted(given):
    signal.raise_signal(signal.SIGINT)
    return execute(given)

cli.execute = interrupted
start.main()
"""
SENTENCES = {
    "Interrupted.\n",
    "\nInterrupted. What was under way is in the journal; the next run continues with it.\n",
    "Interrupted. What was under way is in the journal; the next run continues with it.\n",
}
DOCUMENTED = {0, 2, 3, 4, 5, 6, 10, 12, 13, 130}
SIGNALS = [signal.SIGINT, signal.SIGTERM]


def interrupted(home: Home, number: signal.Signals, seconds: float, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-c", BEGUN, "--home", str(home.folder), *arguments]
    with subprocess.Popen(
        command,
        env=os.environ | home.env,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        time.sleep(seconds)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    home.outputs.append(err)
    return process.returncode, err


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("milliseconds", [0, 15, 40])
def test_an_interruption_while_it_starts_is_a_sentence(
    home: Home, sandbox: Sandbox, number: signal.Signals, milliseconds: int
) -> None:
    sandbox.add_fault("slow=1")
    home.drop()
    code, err = interrupted(home, number, milliseconds / 1000, "run")
    assert code == 130, err
    assert err in SENTENCES


def test_an_interruption_while_a_class_is_made_is_one(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    """Python 3.11 raises a RuntimeError for what `__set_name__` raises."""

    class Field:
        def __set_name__(self, owner: type, name: str) -> None:
            raise KeyboardInterrupt

    def importing(*_: object, **__: object) -> None:
        type("Made", (), {"field": Field()})

    monkeypatch.setattr("canvas_sis_sync.home.settings.load", importing)
    done = home.type("status")
    assert (done.returncode, done.stderr) == (130, next(text for text in SENTENCES if text.startswith("Interrupted. ")))


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS)
def test_an_interruption_at_any_moment_ends_with_130_or_with_what_was_done(
    home: Home, sandbox: Sandbox, number: signal.Signals
) -> None:
    """From the first moment to the last: a command that is quicker than the signal ends as it does anyway."""
    codes = set()
    for milliseconds in range(0, 200, 4):
        for command in (("status", "--offline"), ("run", "--no-wait")):
            code, err = interrupted(home, number, milliseconds / 1000, *command)
            codes.add(code)
            assert code == 130 or (code, err) == (0, ""), (milliseconds, code, err)
            assert err in {*SENTENCES, ""}, (milliseconds, err)
    assert codes == {0, 130}


@pytest.mark.slow
def test_python_alone_answers_for_an_interruption_before_our_first_line(home: Home, sandbox: Sandbox) -> None:
    """By the installed script: a traceback can only be Python's own, from before any line of ours was run."""
    sandbox.add_fault("slow=1")
    home.drop()
    script = Path(sys.executable).with_name("sis-sync")
    ours = 0
    for number in SIGNALS:
        for milliseconds in range(20, 201, 10):
            process = subprocess.Popen(
                [str(script), "--home", str(home.folder), "run"],
                env=os.environ | home.env,
                stderr=subprocess.PIPE,
                text=True,
            )
            time.sleep(milliseconds / 1000)
            process.send_signal(number)
            _, err = process.communicate(timeout=60)
            if process.returncode == 130:
                ours += 1
                assert err in SENTENCES
            else:
                assert process.returncode in {1, -signal.SIGINT, -signal.SIGTERM}
                # Of ours there is at most the line that imports `signal`.
                assert not re.search(r'canvas_sis_sync/((?!__main__\.py|__init__\.py)|.*", line \d+, in main)', err), (
                    err
                )
    assert ours


def test_interruptions_that_are_to_be_ignored_are_ignored(home: Home) -> None:
    ignoring = f"import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n{INTERRUPTED_ON_ITS_WAY}"
    done = subprocess.run(
        [sys.executable, "-c", ignoring,
         "--home", str(home.folder), "status", "--offline"],
        env=os.environ | home.env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_an_interruption_where_nothing_can_be_raised_is_not_passed_over() -> None:
    script = """
import signal
from canvas_sis_sync import __main__ as start
from canvas_sis_sync.cli import main as cli

class Dying:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def execute(given):
    Dying()
    print("went on")
    return 0

cli.execute = execute
start.main()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Interrupted.\n")


def shell(home: Home, streams: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program with its streams as a shell redirects them."""
    program = [sys.executable, "-m", "canvas_sis_sync", "--home", str(home.folder), *arguments]
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {streams}', "sh", *program],
        env=os.environ | home.env, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    home.outputs += [done.stdout, done.stderr]
    for word in ("Traceback", UNFORESEEN, "Exception ignored"):
        assert word not in done.stdout + done.stderr
    return done


OFTEN = (">/dev/full", "<&- >&- 2>&-")
RARELY = ("2>/dev/full", ">/dev/full 2>&1", ">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >/dev/full")


@pytest.mark.parametrize("streams", [*OFTEN, *(pytest.param(each, marks=pytest.mark.slow) for each in RARELY)])
def test_streams_that_cannot_be_written_change_no_exit_code(home: Home, streams: str) -> None:
    if "full" in streams and not Path("/dev/full").exists():
        pytest.skip("there is no full device")
    home.inbox.rmdir()
    for arguments, code in ((("status", "--offline"), 5), (("config", "--json"), 0), (("--help",), 0), (("bogus",), 2)):
        done = shell(home, streams, *arguments)
        assert done.returncode == code, (arguments, done.stderr)
        lost_alone = streams in {">/dev/full", "<&- >/dev/full"} and code == 0
        assert ("output could not be written: no space left" in done.stderr) == lost_alone


@pytest.mark.slow
@pytest.mark.parametrize("streams", [">/dev/full", "2>/dev/full", ">/dev/full 2>&1", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_run_does_its_work_whatever_its_streams_take(home: Home, sandbox: Sandbox, streams: str) -> None:
    home.drop()
    assert shell(home, streams, "run", "-vv").returncode == 0
    assert home.last().state is BatchState.IMPORTED
    sandbox.add_fault("fail")
    home.drop()
    assert shell(home, streams, "run", "--json").returncode == 4
    assert home.last().state is BatchState.FAILED
    assert shell(home, streams, "skip", home.last().id, "--reason", "known").returncode == 0
    assert home.last().state is BatchState.SKIPPED
    assert home.run().result.outcome == "idle"


def test_a_name_that_is_not_utf_8_can_be_shown(home: Home) -> None:
    (home.inbox / os.fsdecode(b"\xff-others.txt")).write_text("")
    done = shell(home, "", "status", "--offline")
    assert done.returncode == 0
    assert "\\xff-others.txt" in done.stdout
    assert json.loads(shell(home, "", "status", "--offline", "--json").stdout)["inbox"]["others"]


WORDS = st.sampled_from(
    [
        *COMMANDS, "--json", "--offline", "--no-wait", "--dry-run", "-v", "-q", "--param", "skip_deletes=true",
        "--breaker", "user=5", "enrollment=x", "--reason", "x", "--import", "1", str(2**63), str(2**70), "-1", "0",
        "20260101-000000", "--against", "--output", "--complete", "--strict", "--help", "--version", "--", "=", "",
        "\udcff", "../..", "/dev/null", "\x1b]0;x\x07", "--all-but-newest", "--yes", "nan",
    ]
)  # fmt: skip
HARMLESS = st.lists(WORDS | st.text(st.characters(exclude_characters="\0"), max_size=6), max_size=6).filter(
    lambda words: not {"demo", "sandbox", "init", "--output"} & set(words)
)


def typed(home: Home, words: list[str]) -> None:
    done = home.type(*words)
    said = done.stdout + done.stderr
    assert done.returncode in DOCUMENTED, (words, said)
    assert UNFORESEEN not in said, (words, said)


FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(words=HARMLESS)
@example(words=["skip", "--import", str(2**63), "--reason", "x"])
@example(words=["adopt", "20260101-000000", str(2**70), "--reason", "x"])
@example(words=["skip", "\udcff", "--reason", "x"])
@example(words=["check", "a" * 300])
@example(words=["plan", "a" * 300])
@FEW
def test_any_command_line_ends_with_a_documented_code(home: Home, words: list[str]) -> None:
    typed(home, words)


@pytest.mark.slow
@pytest.mark.slow
@given(words=HARMLESS)
@settings(FEW, max_examples=1_500)
def test_very_many_command_lines_end_with_a_documented_code(home: Home, words: list[str]) -> None:
    typed(home, words)


def test_a_command_line_of_a_process_may_be_anything(home: Home) -> None:
    for words in (["skip", "\udcff", "--reason", "\udcff"], ["--home", "\udcff", "status"], ["plan", "\udcff"], []):
        assert call(home.folder, *words, env=home.env).returncode in DOCUMENTED


@pytest.mark.skipif(os.name != "posix", reason="there are no pipes that do not block")
def test_a_reader_that_is_slow_is_waited_for_without_turning_in_circles() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    spent: list[float] = []

    def write() -> None:
        began = time.thread_time()
        with io.BufferedWriter(Stream(writing, "w")) as stream:
            stream.write(b"x" * 300_000)
        spent.append(time.thread_time() - began)

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(0.5)
    with os.fdopen(reading, "rb") as reader:
        assert len(reader.read()) == 300_000
    writer.join()
    assert spent[0] < 0.2
