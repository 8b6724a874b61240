"""What is said about a command line that click does not understand. It repeats arguments, which may hold anything."""

from __future__ import annotations

import click

from canvas_sis_sync.plain_text import Lines, lines


def usage_message(error: click.ClickException) -> Lines:
    """Return click's own message, each of its sentences on one line."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    usage = []
    if context is not None:
        usage = [*context.get_usage().split("\n"), f"Try '{context.command_path} --help' for help.", ""]
    return lines([*usage, f"Error: {error.format_message()}"])
