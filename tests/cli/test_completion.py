"""`sis-sync completion`: each shell is started and asked, as a person does with the Tab key."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from canvas_sis_sync.cli.completion import SHELLS

COMMAND = [sys.executable, "-m", "canvas_sis_sync"]


def sis_sync(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, env=os.environ | environ, check=False)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_asks_the_program_for_completions(shell: str) -> None:
    done = sis_sync("completion", shell)
    assert done.returncode == 0
    assert f"_SIS_SYNC_COMPLETE={shell}_complete" in done.stdout


def test_an_unknown_shell_is_a_usage_error_that_lists_the_known_ones() -> None:
    done = sis_sync("completion", "tcsh")
    assert (done.returncode, done.stdout) == (2, "")
    assert all(shell in done.stderr for shell in SHELLS)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("sis-sync ru", {"rules", "run"}),
        ("sis-sync run --dry", {"--dry-run"}),
        ("sis-sync --home /srv/x sta", {"status"}),
        ("sis-sync no-such-command", set()),
    ],
)
def test_the_program_answers_with_commands_and_options(words: str, found: set[str]) -> None:
    last = str(len(words.split()) - 1)
    done = sis_sync(_SIS_SYNC_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=last)
    assert (done.returncode, done.stderr) == (0, "")
    assert set(re.findall("^plain,(.*)$", done.stdout, re.MULTILINE)) == found


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, first on PATH, with a `sis-sync` that runs this checkout."""
    program = tmp_path / "sis-sync"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m canvas_sis_sync "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path


def needed(shell: str) -> str:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    return found


@pytest.mark.slow
@pytest.mark.usefixtures("path")
def test_fish_completes_after_the_script_is_sourced() -> None:
    script = 'sis-sync completion fish | source; complete --do-complete "sis-sync ru"'
    done = subprocess.run(
        [needed("fish"), "--no-config", "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert {line.split("\t")[0] for line in done.stdout.splitlines()} == {"rules", "run"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shell", "options", "before"),
    [("bash", ("--norc", "-i"), ""), ("zsh", ("-f", "-i"), "autoload -Uz compinit; compinit -u -D; ")],
)
def test_the_tab_key_completes_after_the_script_is_evaluated(
    path: Path, shell: str, options: tuple[str, ...], before: str
) -> None:
    pty = pytest.importorskip("pty", reason="no pseudo-terminals on this system")
    terminal, side = pty.openpty()
    environ = os.environ | {"HOME": str(path), "TERM": "xterm", "INPUTRC": os.devnull}
    started = [needed(shell), *options]
    child = subprocess.Popen(started, stdin=side, stdout=side, stderr=side, env=environ, start_new_session=True)
    os.close(side)
    try:
        os.write(terminal, f'{before}eval "$(sis-sync completion {shell})"; echo rea""dy\n'.encode())
        read_until(terminal, r"[\r\n]ready\r")
        os.write(terminal, b"sis-sync ru\t\t")
        read_until(terminal, r"(?s)\brules\b.*\brun\b")
    finally:
        child.kill()
        child.wait()
        os.close(terminal)


def read_until(terminal: int, pattern: str) -> None:
    """Read what a terminal shows until it has the pattern; fails after a minute, with what was shown."""
    os.set_blocking(terminal, False)
    seen, until = "", time.monotonic() + 60
    while not re.search(pattern, seen):
        assert time.monotonic() < until, seen
        try:
            seen += os.read(terminal, 4096).decode(errors="replace")
        except BlockingIOError:
            time.sleep(0.02)
