"""The demo and the sandbox command, played as a person would: five nights, and a Canvas that serves until stopped."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from pathlib import Path

import pytest
from support.golden import Golden

from canvas_sis_sync.cli import main as command_line
from canvas_sis_sync.errors import EXIT_DONE, EXIT_USAGE
from canvas_sis_sync.sandbox import demo_data
from canvas_sis_sync.sandbox.sandbox import Sandbox


@pytest.fixture(autouse=True)
def temporary_folders_of_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def main(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        command_line.main(arguments)
    return int(ended.value.code or 0)


# --- the demo ---


def test_the_help_counts_the_nights(capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    assert main("demo", "--help") == EXIT_DONE
    golden(capsys.readouterr().out)


@pytest.mark.slow
def test_the_demo_plays_five_nights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], golden: Golden
) -> None:
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    assert main("demo") == EXIT_DONE
    out, err = capsys.readouterr()
    assert err == ""
    monday, tuesday, wednesday, friday, january, rest = re.split(r"\n== .* ==\n", out)[1:]

    assert "import 1 imported.\n(exit code 0)" in monday
    assert "344 users and 1,648 enrollments" in monday

    assert "import 2 imported_with_messages" in tuesday
    assert "(exit code 0)" in tuesday
    assert "\nsis_import_id,file,message,row\n2,enrollments.csv,user_id 's9001'" in tuesday

    assert re.findall(r"\(exit code (\d+)\)", wednesday) == ["4", "5", "0"]
    assert "import 4 imported_with_messages" in wednesday
    failed = re.search(r"Batch (\S+) \(wednesday\)", wednesday)
    assert failed
    assert f" skip {failed[1]} --reason " in wednesday

    assert re.findall(r"\(exit code (\d+)\)", friday) == ["5"]
    assert "840 of 1,678 rows (50.1 %)" in friday
    held = re.search(r"Batch (\S+) \(friday\)", friday)
    assert held
    assert f" discard {held[1]} --reason " in friday
    assert "1,678 enrollments, as before (1,678)" in friday

    assert re.findall(r"\(exit code (\d+)\)", january) == ["5", "0"]
    assert "2025F" in january
    assert "import 5 imported." in january
    assert "1,678 enrollments" in january

    (home,) = tmp_path.iterdir()
    golden(out.replace(home.name, "DEMO"))
    assert re.findall(r"^\$ (\S+ \S+ \S+) run", out, re.MULTILINE) == [f"sis-sync --home {home}"] * 8
    assert str(home / "archive") in rest
    assert sorted(path.name for path in home.iterdir()) == [".env", "archive", "inbox", "logs", "state"]
    assert list((home / "inbox").iterdir()) == []


@pytest.mark.slow
def test_what_the_demo_shows_can_be_typed_where_the_program_is_not_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], golden: Golden
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    main("demo")
    (home,) = tmp_path.iterdir()
    shown = [line[2:] for line in capsys.readouterr().out.splitlines() if line.startswith("$ ")]
    head, skip, status = (next(line for line in shown if f"{word} " in line) for word in ("head", "skip", "status"))
    assert Path(shlex.split(head)[-1]).read_text(encoding="utf-8").count("\n") == 8
    program = skip.split(f" --home {home} skip ")[0]
    assert status == f"{program} --home {home} status --offline"
    done = subprocess.run(shlex.split(status), capture_output=True, text=True, check=True, timeout=30)
    golden(done.stdout)


def test_the_college_is_the_same_every_time_and_nobody_leaves() -> None:
    assert demo_data.export(50) == demo_data.export(50)
    small, large = demo_data.export(50), demo_data.export(51)
    assert all(set(small[name]) <= set(large[name]) for name in small)
    people = [row[2:4] for row in demo_data.export(320)["users.csv"]]
    assert len(set(people)) == len(people)
    enrolled = [row[:2] for row in demo_data.export(320)["enrollments.csv"] if row[2] == "student"]
    assert len(set(enrolled)) == len(enrolled) == 320 * demo_data.COURSES_A_STUDENT


def test_an_export_is_seen_only_once_it_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(Path, "rename", lambda *_: seen.append([path.name for path in tmp_path.iterdir()]))
    demo_data.write(demo_data.export(1), tmp_path / "monday")
    assert seen == [[".monday"]]


# --- the sandbox ---


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="that system has no signals to send")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_serves_until_it_is_stopped(tmp_path: Path, number: signal.Signals, golden: Golden) -> None:
    command = [
        sys.executable,
        "-m",
        "canvas_sis_sync",
        "sandbox",
        "--token",
        "fake-token",
        "--data",
        str(tmp_path / "d"),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline()
        golden(line)
        ready = re.search(r"CANVAS_BASE_URL=(http://127\.0\.0\.1:\d+) CANVAS_API_TOKEN=fake-token\n", line)
        assert ready
        asked = urllib.request.Request(f"{ready[1]}/api/v1/users/self", headers={"Authorization": "Bearer fake-token"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            assert answer.status == 200
        process.send_signal(number)
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == EXIT_DONE


@pytest.mark.skipif(os.name == "nt", reason="that system has no signals to send")
def test_serving_leaves_no_thread_and_no_handler_behind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], golden: Golden
) -> None:
    before = signal.getsignal(signal.SIGTERM), threading.active_count()
    stop = threading.Timer(0.1, signal.pthread_kill, [threading.get_ident(), signal.SIGTERM])
    served: list[Sandbox] = []
    enter = Sandbox.__enter__

    def entered(sandbox: Sandbox) -> Sandbox:
        served.append(enter(sandbox))
        stop.start()
        return sandbox

    monkeypatch.setattr(Sandbox, "__enter__", entered)
    assert main("sandbox", "--token", "fake-token") == EXIT_DONE
    stop.join()
    (sandbox,) = served
    out, err = capsys.readouterr()
    golden(out)
    assert (f"CANVAS_BASE_URL={sandbox.url} " in out, err) == (True, "")
    assert (signal.getsignal(signal.SIGTERM), threading.active_count()) == before
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", sandbox.port), timeout=5)


def test_the_options_reach_the_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Sandbox] = []
    enter = Sandbox.__enter__

    def entered(sandbox: Sandbox) -> Sandbox:
        served.append(enter(sandbox))
        raise KeyboardInterrupt  # as Ctrl-C does as soon as it serves

    monkeypatch.setattr(Sandbox, "__enter__", entered)
    try:
        options = ("--rows-per-second", "5", "--count-only", "--fault", "fail", "--fault", "slow=2")
        assert main("sandbox", *options) == EXIT_DONE
    finally:
        served[0].__exit__(None, None, None)
    assert (served[0].rows_per_second, served[0].count_only, served[0].token) == (5, True, "sandbox-token")


@pytest.mark.parametrize("arguments", [("sandbox",), ("demo",)])
def test_without_werkzeug_the_pip_command_is_told(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], golden: Golden
) -> None:
    monkeypatch.setitem(sys.modules, "werkzeug", None)
    assert main(*arguments) == EXIT_USAGE
    golden(capsys.readouterr().err)


def test_a_port_in_use_is_told(capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main("sandbox", "--port", port) == EXIT_USAGE
    said = capsys.readouterr().err
    assert port in said
    golden(said.replace(port, "PORT"))
