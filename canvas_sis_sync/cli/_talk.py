"""How commands speak: text, JSON and errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from canvas_sis_sync.errors import SyncError
from canvas_sis_sync.plain_text import Lines, as_json, lines, visible


def say(text: str, *, err: bool = False) -> bool:
    """Print one line, or `Lines`, and return whether it arrived.

    That the reader has gone away, or the disk is full, is the matter of the stream, and stops nothing.
    """
    click.echo(visible(text), err=err)
    stream = getattr(sys.stderr if err else sys.stdout, "buffer", None)
    return getattr(getattr(stream, "raw", None), "fault", None) is None


def report(text: str, *, err: bool) -> bool:
    """Print on the stream that is meant, or on the other one when that takes nothing; return whether it arrived."""
    return say(text, err=err) or say(text, err=not err)


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


def print_json(value: Any) -> bool:
    """Print one JSON object, and return whether it arrived."""
    return say(as_json(value, indent=1))


def fail(error: SyncError, *, as_json: bool) -> int:
    """Say an error and give its exit code."""
    if as_json:
        from canvas_sis_sync.sync.report import error_json

        print_json(error_json(error))
    else:
        say(type(error.sentence)(f"Error: {error.sentence}"), err=True)
        if error.hint:
            say(error.hint, err=True)
    return error.exit_code


def usage_message(error: click.ClickException) -> Lines:
    """Return click's own message, each of its sentences on one line: it repeats arguments, which may hold anything."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    usage = []
    if context is not None:
        usage = [*context.get_usage().split("\n"), f"Try '{context.command_path} --help' for help.", ""]
    return lines([*usage, f"Error: {error.format_message()}"])
