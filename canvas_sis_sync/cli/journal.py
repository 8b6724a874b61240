"""`sis-sync rebuild-journal`."""

from __future__ import annotations

from pathlib import Path

import click

from canvas_sis_sync.cli.talk import say


@click.command("rebuild-journal")
@click.pass_obj
def rebuild_journal(home: Path | None) -> None:
    """Make a lost or damaged journal anew from the receipts."""
    from canvas_sis_sync import settings
    from canvas_sis_sync.commands.rebuild import rebuild
    from canvas_sis_sync.polling import Clock

    say(rebuild(settings.load(settings.find_home(home), need_canvas=False), Clock()))
