"""How commands speak: text, JSON and errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from canvas_sis_sync.errors import SyncError
from canvas_sis_sync.plain_text import as_json, visible


def say(text: str, *, err: bool = False) -> None:
    """Print one line, or `Lines`. That the reader has gone away, or the disk is full, is the matter of the stream."""
    click.echo(visible(text), err=err)


def addressed(text: str, home: Path) -> str:
    """Let the commands in a text name the home, unless they are typed there: a mail from cron is read elsewhere."""
    if _is_here(home):
        return text
    import re
    import shlex

    command = visible(f"sis-sync --home {shlex.quote(str(home))} ")
    return type(text)(re.sub(r"\bsis-sync (?=[a-z])", lambda _: command, text))


def _is_here(home: Path) -> bool:
    try:
        return home == Path.cwd()
    except OSError:  # the current folder is gone
        return False


def print_json(value: Any) -> None:
    """Print one JSON object."""
    say(as_json(value, indent=1))


def fail(error: SyncError, *, as_json: bool) -> int:
    """Say an error and give its exit code."""
    if as_json:
        from canvas_sis_sync.report import error_json

        print_json(error_json(error))
    else:
        say(type(error.sentence)(f"Error: {error.sentence}"), err=True)
        if error.hint:
            say(error.hint, err=True)
    return error.exit_code
