"""`sis-sync plan` and `approve`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from canvas_sis_sync.cli.release import REASON
from canvas_sis_sync.cli.talk import addressed, print_json, say
from canvas_sis_sync.errors import EXIT_DONE, EXIT_HELD, UsageError


@click.command()
@click.argument("about", default="", metavar="[BATCH|PATH]")
@click.option("--against", default="", metavar="BATCH|PATH", help="Compare with this, not the last accepted delivery.")
@click.option("--output", type=click.Path(path_type=Path), metavar="DIR", help="Write the rows that differ there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def plan(home: Path | None, *, about: str, against: str, output: Path | None, as_json: bool) -> int:
    """Say what a delivery would change in Canvas."""
    from canvas_sis_sync import settings
    from canvas_sis_sync.commands import plan as command
    from canvas_sis_sync.polling import Clock
    from canvas_sis_sync.progress import showing

    loaded = settings.load(settings.find_home(home))
    with showing(watched=sys.stderr.isatty()) as show:
        looked = command.plan(loaded, Clock(), command.Asked(about, against, output), show=show)
    if as_json:
        print_json(looked.as_json)
    else:
        say(addressed(looked.text, loaded.home))
    return looked.exit_code


@click.command()
@click.argument("batch")
@REASON
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--remember", is_flag=True, help="Let the terms that vanished be missing from now on.")
@click.pass_obj
def approve(home: Path | None, *, batch: str, reason: str, yes: bool, remember: bool) -> int:
    """Let a held batch go, exactly as it is."""
    from canvas_sis_sync import settings
    from canvas_sis_sync.commands import approve as command
    from canvas_sis_sync.polling import Clock

    loaded = settings.load(settings.find_home(home))
    shown = command.show(loaded, batch, Clock())
    say(shown.text)
    if shown.basis is None:
        return EXIT_DONE
    if not (yes or _agreed()):
        say("Nothing was changed.")
        return EXIT_HELD
    say(command.approve(loaded, batch, reason, Clock(), remember=remember, shown=shown.basis))
    return EXIT_DONE


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise UsageError(
            "Nothing was approved: nobody is at a terminal to be asked.",
            "Look at the plan above; if it is as it shall be, add --yes.",
        )
    return click.confirm("Approve exactly this?", err=True)
