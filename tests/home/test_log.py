"""The log: what a line looks like, what is struck out, who can read it, and that it never stops a run."""

from __future__ import annotations

import logging
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.golden import Golden

from canvas_sis_sync.home import log

TOKEN = "fake-token-1234567890"


def written(folder: Path) -> str:
    return (folder / log.FILE_NAME).read_text(encoding="utf-8")


def test_a_line_has_time_level_batch_and_message(tmp_path: Path) -> None:
    with log.setup(tmp_path, []):
        log.get_logger("20310107-0215-ab").info("uploaded %d bytes of %s", 12, "schön.zip")
        log.get_logger().warning("nothing to do")
        logging.getLogger("canvas_sis_sync.elsewhere").warning("from a module's own logger")
    first, second, third = written(tmp_path).splitlines()
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} INFO 20310107-0215-ab uploaded 12 bytes of schön\.zip", first
    )
    assert second.endswith(" WARNING - nothing to do")
    assert third.endswith(" WARNING - from a module's own logger")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (f"sent {TOKEN}.", "sent ********."),
        ("Authorization: Bearer other-token", "Authorization: Bearer ********"),
        ("authorization: bearer  other-token, x", "authorization: bearer  ********, x"),
        (
            "GET https://x.example/f?download=1&verifier=abc123&a=1",
            "GET https://x.example/f?download=1&verifier=********&a=1",
        ),
        ("GET /f?access_token=abc123", "GET /f?access_token=********"),
        ("the bearer of news", "the bearer ******** news"),
        ("no verifier here", "no verifier here"),
    ],
)
def test_secrets_are_struck_out(tmp_path: Path, message: str, line: str) -> None:
    with log.setup(tmp_path, [TOKEN, ""]):
        log.get_logger().info(message)
    assert written(tmp_path).rstrip("\n").endswith(f" INFO - {line}")


def test_secrets_are_struck_out_of_arguments_and_tracebacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with log.setup(tmp_path, [TOKEN], verbosity=2):
        log.get_logger(TOKEN).info("sent %s and %r", TOKEN, {"token": TOKEN})
        try:
            raise ValueError(TOKEN)
        except ValueError:
            log.get_logger().exception("failed")
    for text in (written(tmp_path), capsys.readouterr().err):
        assert TOKEN not in text
        assert "ValueError: ********" in text


def test_the_longest_secret_is_struck_out_first(tmp_path: Path) -> None:
    assert log.redactor(["abc", "abcdef"])("abcdef abc") == "******** ********"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\x0b"])
def test_a_text_from_outside_cannot_pass_for_a_line_of_its_own(tmp_path: Path, end: str) -> None:
    with log.setup(tmp_path, []):
        log.get_logger().info("Canvas said: %s", f"a{end}2031-01-01T00:00:00+0000 INFO - all is well")
    assert len(written(tmp_path).splitlines()) == 1
    assert "all is well" in written(tmp_path)


def test_the_lines_of_a_traceback_are_indented_whatever_they_hold(tmp_path: Path) -> None:
    with log.setup(tmp_path, []):
        try:
            raise ValueError("a\n2031-01-01T00:00:00+0000 INFO - all is well\x1b[31m")
        except ValueError:
            log.get_logger().exception("failed")
    first, *rest = written(tmp_path).splitlines()
    assert first.endswith("ERROR - failed")
    assert all(line.startswith("    ") for line in rest)
    assert rest[-1] == "    2031-01-01T00:00:00+0000 INFO - all is well\\x1b[31m"


def test_a_text_that_is_not_unicode_is_written_escaped(tmp_path: Path) -> None:
    with log.setup(tmp_path, []):
        log.get_logger().info("file %s", os.fsdecode(b"\xff.csv"))
    assert "file \\xff.csv" in written(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="file modes say nothing on Windows")
def test_only_the_owner_can_read_folder_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FILE_BYTES", 100)
    folder = tmp_path / "logs"
    before = os.umask(0)
    try:
        with log.setup(folder, []):
            for _ in range(3):
                log.get_logger().info("x" * 60)
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == dict.fromkeys(["sis-sync.log", "sis-sync.log.1", "sis-sync.log.2"], 0o600)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_ten_old_files_of_five_megabytes_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (log.FILE_BYTES, log.FILES_KEPT) == (5_000_000, 10)
    monkeypatch.setattr(log, "FILE_BYTES", 100)
    with log.setup(tmp_path, []):
        for number in range(20):
            log.get_logger().info("%060d", number)
    names = {log.FILE_NAME} | {f"{log.FILE_NAME}.{number}" for number in range(1, 11)}
    assert {path.name for path in tmp_path.iterdir()} == names
    assert written(tmp_path).count("\n") == 1


def test_nothing_is_written_before_the_first_line(tmp_path: Path) -> None:
    with log.setup(tmp_path / "logs", []):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("verbosity", "levels"), [(0, []), (1, ["INFO", "WARNING"]), (2, ["DEBUG", "INFO", "WARNING"])]
)
def test_stderr_gets_the_lines_only_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verbosity: int, levels: list[str]
) -> None:
    with log.setup(tmp_path, [], verbosity):
        log.get_logger("b1").debug("details")
        log.get_logger("b1").info("a step")
        log.get_logger("b1").warning("a trouble")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.split()[1] for line in captured.err.splitlines()] == levels
    assert [line.split()[1] for line in written(tmp_path).splitlines()] == ["INFO", "WARNING"]


def test_afterwards_everything_is_as_before(tmp_path: Path) -> None:
    logger = logging.getLogger("canvas_sis_sync")
    before = (logger.level, logger.propagate, list(logger.handlers))
    logger.isEnabledFor(logging.DEBUG)
    with log.setup(tmp_path, [], 2):
        assert not logger.propagate
        assert logger.isEnabledFor(logging.DEBUG)
    assert (logger.level, logger.propagate, logger.handlers) == before
    assert not logger.isEnabledFor(logging.DEBUG)


def log_two_lines(folder: Path) -> None:
    with log.setup(folder, []):
        log.get_logger().info("first")
        log.get_logger().info("second")


def test_a_folder_that_cannot_be_made_is_told_once_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], golden: Golden
) -> None:
    (tmp_path / "logs").write_text("a file in the way")
    log_two_lines(tmp_path / "logs")
    captured = capsys.readouterr().err
    assert captured.count("\n") == 1
    assert str(tmp_path / "logs" / log.FILE_NAME) in captured
    golden(captured)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_once_and_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], golden: Golden
) -> None:
    (tmp_path / log.FILE_NAME).symlink_to("/dev/full")
    log_two_lines(tmp_path)
    captured = capsys.readouterr().err
    assert captured.count("\n") == 1
    assert str(tmp_path / log.FILE_NAME) in captured
    golden(captured)


def test_the_rotating_handler_is_imported_only_when_the_log_is_set_up() -> None:
    """A failure means that idle ticks, which import the log but write none, pay for logging.handlers."""
    code = (
        "import sys; from canvas_sis_sync.home import log; log.get_logger(); print('logging.handlers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"
