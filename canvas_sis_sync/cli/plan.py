"""`sis-sync plan`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from canvas_sis_sync.cli._talk import addressed, print_json, say


@click.command()
@click.argument("about", default="", metavar="[BATCH|PATH]")
@click.option("--against", default="", metavar="BATCH|PATH", help="Compare with this, not the last accepted delivery.")
@click.option("--output", type=click.Path(path_type=Path), metavar="DIR", help="Write the rows that differ there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def plan(home: Path | None, *, about: str, against: str, output: Path | None, as_json: bool) -> int:
    """Say what a delivery would change in Canvas."""
    from canvas_sis_sync.cli import _plan as command
    from canvas_sis_sync.clock import Clock
    from canvas_sis_sync.home.settings import find_home, load
    from canvas_sis_sync.progress import showing

    loaded = load(find_home(home))
    with showing(watched=sys.stderr.isatty()) as show:
        looked = command.plan(loaded, Clock(), command.PlanRequest(about, against, output), show=show)
    if as_json:
        print_json(looked.as_json)
    else:
        say(addressed(looked.text, loaded.home))
    return looked.exit_code
