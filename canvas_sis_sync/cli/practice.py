"""`sis-sync sandbox` and `demo`."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
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
    from canvas_sis_sync.sandbox.sandbox import Sandbox

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt), Sandbox(**options) as served:
            say(f"The sandbox is ready: CANVAS_BASE_URL={served.url} CANVAS_API_TOKEN={served.token}")
            while True:
                time.sleep(3600)
    finally:
        signal.signal(signal.SIGTERM, before)


@click.command()
def demo() -> None:
    """Play five nights of a small college against a sandbox."""
    from canvas_sis_sync.cli._demo import demo as play

    play(say)
