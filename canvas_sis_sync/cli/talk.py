"""How commands speak: text, JSON and errors, on streams that may have gone away."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from canvas_sis_sync.errors import SyncError
from canvas_sis_sync.plain_text import as_json, visible


def say(text: str, *, err: bool = False) -> None:
    """Print one line, or `Lines`; a reader that has gone away changes neither the work nor the exit code."""
    try:
        click.echo(visible(text), err=err)
    except BrokenPipeError:
        stream = sys.stderr if err else sys.stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def addressed(text: str, home: Path) -> str:
    """Let the commands in a text name the home, unless they are typed there: a mail from cron is read elsewhere."""
    if home == Path.cwd():
        return text
    import re
    import shlex

    command = visible(f"sis-sync --home {shlex.quote(str(home))} ")
    return type(text)(re.sub(r"\bsis-sync (?=[a-z])", lambda _: command, text))


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
