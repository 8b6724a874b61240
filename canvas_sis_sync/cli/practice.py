"""`sis-sync sandbox` and `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from canvas_sis_sync.cli._talk import say


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; any free one if not given.")
@click.option("--token", default="sandbox-token", show_default=True, help="The token that it accepts.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder to keep its data in.")
@click.option("--rows-per-second", type=click.FloatRange(0, min_open=True), help="How fast it imports.")
@click.option("--count-only", is_flag=True, help="Count rows and store none.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[=VALUE]", help="How it misbehaves; may be repeated.")
def sandbox(**options: Any) -> None:
    """Serve a small Canvas on this machine to practise on."""
    from canvas_sis_sync.cli._sandbox import serve
    from canvas_sis_sync.sandbox.sandbox import Sandbox

    serve(Sandbox(**options), say)


@click.command()
def demo() -> None:
    """Play five nights of a small college against a sandbox."""
    from canvas_sis_sync.cli._demo import demo as play

    play(say)
