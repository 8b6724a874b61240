"""`sis-sync rebuild-journal`."""

from __future__ import annotations

from pathlib import Path

import click

from canvas_sis_sync.cli._talk import say


@click.command("rebuild-journal")
@click.pass_obj
def rebuild_journal(home: Path | None) -> None:
    """Make a lost or damaged journal anew from the receipts."""
    from canvas_sis_sync.clock import Clock
    from canvas_sis_sync.home.settings import find_home, load
    from canvas_sis_sync.sync.rebuild import rebuild

    say(rebuild(load(find_home(home), need_canvas=False), Clock()))
