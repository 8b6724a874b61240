"""The command line: help, usage, errors as text and as JSON, interruptions, and who is spoken to."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home

from canvas_sis_sync import __version__
from canvas_sis_sync.cli._talk import fail
from canvas_sis_sync.cli.main import COMMANDS, main
from canvas_sis_sync.errors import HeldError
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.home.episode import Episode
from canvas_sis_sync.home.lock import home_lock
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync import idle as tick
from canvas_sis_sync.sync import run
from canvas_sis_sync.sync.alerts import UNREACHABLE


@dataclass(frozen=True)
class Spoken:
    code: int
    out: str
    err: str


@pytest.fixture
def sis_sync(home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Caller:
    return Caller(home, capsys, monkeypatch)


class Caller:
    """Calls the command line in this process."""

    def __init__(self, home: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.capsys, self.monkeypatch = home, capsys, monkeypatch

    def __call__(self, *arguments: str) -> Spoken:
        with pytest.raises(SystemExit) as left:
            main(["--home", str(self.home.folder), *arguments])
        out, err = self.capsys.readouterr()
        self.home.outputs += [out, err]
        assert isinstance(left.value.code, int)
        return Spoken(left.value.code, out, err)

    def watched(self) -> None:
        """Put a person before stderr."""
        self.monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


def test_the_version_and_the_commands_are_told(sis_sync: Caller) -> None:
    assert sis_sync("--version").out == f"sis-sync, version {__version__}\n"
    listed = sis_sync("--help")
    assert listed.code == 0
    assert all(f"  {command} " in listed.out for command in COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_a_help_with_a_sentence_and_described_options(sis_sync: Caller, command: str) -> None:
    told = sis_sync(command, "-h")
    assert told.code == 0
    usage, _, sentence, *_ = told.out.splitlines()
    assert usage.startswith(f"Usage: sis-sync {command} ")
    assert sentence.strip().endswith(".")
    options = [line.split() for line in told.out.splitlines() if line.startswith(("  -", "      --"))]
    assert all(len(line) > 1 for line in options)


@pytest.mark.parametrize(
    "arguments", [["runn"], ["run", "--hurry"], ["run", "extra"], ["retry"], ["sandbox", "--port", "70000"], []]
)
def test_a_command_line_that_does_not_exist_is_a_usage_error(sis_sync: Caller, arguments: list[str]) -> None:
    told = sis_sync(*arguments)
    assert told.code == 2
    assert "Traceback" not in told.err


def test_an_error_is_text_on_stderr_or_json_on_stdout(sis_sync: Caller, golden: Golden) -> None:
    sis_sync.home.configure(SIS_SYNC_GATE="ajar")
    told = sis_sync("run")
    assert (told.code, told.out) == (10, "")
    golden(told.err)
    as_json = sis_sync("run", "--json")
    assert (as_json.code, as_json.err) == (10, "")
    found = json.loads(as_json.out)
    assert found["exit_code"] == 10
    assert found["error"].startswith("SIS_SYNC_GATE")
    assert found["hint"]


def test_an_error_without_a_hint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(HeldError("Held."), as_json=False) == 5
    assert capsys.readouterr().err == "Error: Held.\n"


@pytest.mark.parametrize("param", ["skip_deletes", "=true"])
def test_a_parameter_has_a_name_and_a_value(sis_sync: Caller, param: str, golden: Golden) -> None:
    told = sis_sync("run", "--param", param)
    assert told.code == 2
    golden(told.err)


def test_parameters_of_one_run_reach_canvas(sis_sync: Caller, sandbox: Sandbox) -> None:
    sis_sync.home.drop()
    assert sis_sync("run", "--param", "skip_deletes=true").code == 0
    assert sandbox.imports[0].options["skip_deletes"] is True


def test_silence_means_success(sis_sync: Caller, sandbox: Sandbox) -> None:
    assert sis_sync("run") == Spoken(0, "", "")
    sis_sync.home.drop()
    assert sis_sync("run") == Spoken(0, "", "")


def test_a_person_is_told_what_happened_unless_asked_to_be_quiet(
    sis_sync: Caller, sandbox: Sandbox, golden: Golden
) -> None:
    sis_sync.watched()
    golden(sis_sync("run").err)
    sis_sync.home.drop()
    told = sis_sync("run")
    golden(told.out, "2")
    assert sis_sync.home.last().id in told.out
    sis_sync.home.drop({"users.csv": USERS, "courses.csv": COURSES})
    assert sis_sync("run", "-q") == Spoken(0, "", "")
    assert sis_sync("run", "-q") == Spoken(0, "", "")


def test_trouble_goes_to_stderr_once_for_cron_and_quietly_too(
    sis_sync: Caller, sandbox: Sandbox, golden: Golden
) -> None:
    sandbox.add_fault("fail")
    sis_sync.home.drop()
    first = sis_sync("run", "-q")
    assert (first.code, first.out) == (4, "")
    golden(first.err, "cron")
    assert sis_sync("run") == Spoken(5, "", "")
    sis_sync.watched()
    golden(re.sub(r"\x1b\[[?\d]*[A-Za-z]|\r", "", sis_sync("run").err).lstrip(), "terminal")


def test_the_end_of_a_silence_is_one_line(sis_sync: Caller, sandbox: Sandbox) -> None:
    sis_sync.home.drop()
    sis_sync("run")
    for arguments, said in ((["run"], "Canvas can be reached again.\n"), (["run", "-q"], "")):
        with sis_sync.home.journal_to_write() as journal:
            journal.remember_episodes([Episode(UNREACHABLE, "no route", 1.0, 5, 2.0)])
        sis_sync.home.drop()
        assert sis_sync(*arguments) == Spoken(0, said, "")


def test_the_log_is_repeated_on_demand(sis_sync: Caller, sandbox: Sandbox) -> None:
    sis_sync.home.drop()
    told = sis_sync("run", "-v")
    assert (told.code, told.out) == (0, "")
    assert " claimed: " in told.err
    assert " importing: " in told.err


def test_the_object_of_a_run(sis_sync: Caller, sandbox: Sandbox) -> None:
    idle = json.loads(sis_sync("run", "--json").out)
    assert [idle[key] for key in ("outcome", "batches", "batch", "import", "gate")] == ["idle", [], None, None, None]
    sis_sync.home.drop()
    done = json.loads(sis_sync("run", "--json").out)
    assert set(done) >= {"schema", "outcome", "batches", "batch", "import", "gate", "message"}
    assert (done["outcome"], done["gate"]["verdict"]) == ("imported", "go")
    assert done["batch"] == done["batches"][0]
    assert done["import"]["workflow_state"] == "imported"
    sandbox.add_fault("fail")
    sis_sync.home.drop()
    assert json.loads(sis_sync("run", "--json").out)["outcome"] == "failed"
    held = sis_sync("run", "--json")
    assert (held.code, held.err) == (5, "")
    assert (json.loads(held.out)["outcome"], json.loads(held.out)["gate"]["verdict"]) == ("held", "hold")


def test_status_dry_run_and_rebuild_speak_both_ways(sis_sync: Caller, sandbox: Sandbox, golden: Golden) -> None:
    sis_sync.home.drop()
    golden(sis_sync("run", "--dry-run").out)
    assert json.loads(sis_sync("run", "--dry-run", "--json").out)["outcome"] == "would send"
    sis_sync("run")
    golden(sis_sync("status").out, "2")
    assert json.loads(sis_sync("status", "--json").out)["live"] is True
    assert json.loads(sis_sync("status", "--json", "--offline").out)["live"] is False
    golden(re.sub(r"\d+\.old", "SECONDS.old", sis_sync("rebuild-journal").out), "rebuild")
    assert sis_sync("skip", "--import", "1", "--reason", "known").code == 0


def test_no_wait_leaves_and_goes_on(sis_sync: Caller, sandbox: Sandbox) -> None:
    sis_sync.home.drop()
    assert sis_sync("run", "--no-wait") == Spoken(0, "", "")
    sandbox.wait_idle()
    assert sis_sync("run", "--no-wait") == Spoken(0, "", "")
    assert sis_sync.home.last().state is BatchState.IMPORTED


def test_what_nobody_foresaw_is_a_sentence_and_a_log_entry_without_traceback(
    sis_sync: Caller, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(run, "require_whole_journal", broken)
    sis_sync.home.drop()
    told = sis_sync("run")
    assert (told.code, told.out) == (1, "")
    golden(told.err)
    assert "Traceback" not in told.err
    log = (sis_sync.home.folder / "logs" / "sis-sync.log").read_text()
    assert "Traceback" in log
    assert "ZeroDivisionError: a bug of ours" in log
    assert "Traceback" in sis_sync("run", "-vv").err


def test_an_interruption_ends_with_130(sis_sync: Caller, monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    def interrupted(_settings: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(tick, "is_idle", interrupted)
    told = sis_sync("run")
    assert told.code == 130
    golden(told.err)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_stop_ends_with_130_and_the_next_one_goes_on(
    home: Home, sandbox: Sandbox, number: signal.Signals
) -> None:
    sandbox.add_fault("slow=1")
    home.drop({"users.csv": USERS + "u3,u3,Cem,Example,active\n" * 50})
    process = home.start("run")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not (sandbox.imports and sandbox.imports[0].workflow_state == "importing"):
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    home.outputs += [out, err]
    assert process.returncode == 130, err
    assert "the next run continues with it" in err
    assert "Traceback" not in err
    assert home.last().state is BatchState.IMPORTING
    sandbox.clear_faults()
    sandbox.set_state(1, "imported")
    home.run()
    assert len(sandbox.imports) == 1
    assert home.last().state is not BatchState.IMPORTING


@pytest.mark.slow
def test_a_reader_that_has_gone_away_changes_no_exit_code(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("fail")
    home.drop()
    home.run()
    for arguments, code in ((["status", "--offline"], 0), (["run", "--json"], 5)):
        reading, writing = os.pipe()
        os.close(reading)
        process = home.start(*arguments, stdout=writing)
        os.close(writing)
        _, err = process.communicate(timeout=30)
        assert (process.returncode, err) == (code, "")


def test_another_run_at_work_is_left_to_it(sis_sync: Caller, sandbox: Sandbox, golden: Golden) -> None:
    sis_sync.home.drop()
    with home_lock(sis_sync.home.archive / ".lock") as free:
        assert free
        assert sis_sync("run") == Spoken(0, "", "")
        assert json.loads(sis_sync("run", "--json").out)["outcome"] == "locked"
        sis_sync.watched()
        golden(sis_sync("run").out)


def test_the_home_is_the_option_or_the_environment_or_the_current_folder(home: Home, sandbox: Sandbox) -> None:
    home.drop()
    program = [sys.executable, "-m", "canvas_sis_sync", "status", "--offline", "--json"]
    for options in ({"cwd": home.folder}, {"env": os.environ | {"SIS_SYNC_HOME": str(home.folder)}}):
        found = subprocess.run(program, capture_output=True, text=True, check=True, **options)
        assert json.loads(found.stdout)["inbox"]["drops"] == 1


def test_the_module_runs_as_a_program() -> None:
    out = subprocess.check_output([sys.executable, "-m", "canvas_sis_sync", "--version"], text=True)
    assert out == f"sis-sync, version {__version__}\n"
