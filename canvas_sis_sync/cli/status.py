"""`sis-sync status`."""

from __future__ import annotations

from pathlib import Path

import click

from canvas_sis_sync.cli._talk import addressed, print_json, say


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--offline", is_flag=True, help="Do not ask Canvas.")
@click.pass_obj
def status(home: Path | None, *, as_json: bool, offline: bool) -> None:
    """Tell about the last batch, the gate and the inbox."""
    from canvas_sis_sync.cli import _status as command
    from canvas_sis_sync.clock import Clock
    from canvas_sis_sync.home.settings import find_home, load

    loaded = load(find_home(home), need_canvas=not offline)
    looked = command.status(loaded, Clock(), ask_canvas=not offline)
    if as_json:
        print_json(command.as_json(looked))
    else:
        say(addressed(command.as_text(looked), loaded.home))
