"""Decisions of a person about a batch: `sis-sync approve`, `retry`, `skip`, `discard`, `adopt`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from canvas_sis_sync.cli._talk import say
from canvas_sis_sync.errors import EXIT_DONE, EXIT_HELD, UsageError
from canvas_sis_sync.plain_text import visible


def _one_line(_context: click.Context, _option: click.Parameter, text: str) -> str:
    if not text.strip():
        raise click.BadParameter("it must not be empty: it is what others read later.")
    return visible(text)


REASON = click.option(
    "--reason", required=True, metavar="TEXT", callback=_one_line, help="Why; it is recorded with your login."
)


def _released(home: Path | None, command: str, *what: object) -> None:
    from canvas_sis_sync.clock import Clock
    from canvas_sis_sync.home.settings import find_home, load
    from canvas_sis_sync.sync import release

    loaded = load(find_home(home))
    say(getattr(release, command)(loaded, *what, Clock()))


@click.command()
@click.argument("batch")
@REASON
@click.pass_obj
def retry(home: Path | None, batch: str, reason: str) -> None:
    """Send a batch's zip again, as a new batch."""
    _released(home, "retry", batch, reason)


@click.command()
@click.argument("batch", required=False)
@click.option("--import", "import_id", type=int, metavar="ID", help="Somebody else's import instead of a batch.")
@REASON
@click.pass_obj
def skip(home: Path | None, batch: str | None, import_id: int | None, reason: str) -> None:
    """Acknowledge what failed, so that the next drop may go."""
    if (batch is None) == (import_id is None):
        raise UsageError("Name either a batch or, with --import, an import.", "`sis-sync status` names both.")
    if batch is not None:
        _released(home, "skip", batch, reason)
    else:
        _released(home, "skip_import", import_id, reason)


@click.command()
@click.argument("batch", required=False)
@click.option("--all-but-newest", is_flag=True, help="All drops that wait but the newest, and what holds before them.")
@REASON
@click.pass_obj
def discard(home: Path | None, batch: str | None, *, all_but_newest: bool, reason: str) -> None:
    """Close a batch that will not be sent."""
    if (batch is None) != all_but_newest:
        raise UsageError("Name either a batch or --all-but-newest.", "`sis-sync status` names the batch that holds.")
    if batch is not None:
        _released(home, "discard", batch, reason)
    else:
        _all_but_newest(home, reason)


def _all_but_newest(home: Path | None, reason: str) -> None:
    from canvas_sis_sync.clock import Clock
    from canvas_sis_sync.home.settings import find_home, load
    from canvas_sis_sync.progress import showing
    from canvas_sis_sync.sync.all_but_newest import discard_all_but_newest

    loaded = load(find_home(home))
    with showing(watched=sys.stderr.isatty()) as show:
        done = discard_all_but_newest(loaded, reason, Clock(), show)
    say(done)


@click.command()
@click.argument("batch")
@click.argument("import_id", metavar="IMPORT", type=int)
@REASON
@click.pass_obj
def adopt(home: Path | None, batch: str, import_id: int, reason: str) -> None:
    """Say which import a batch became."""
    _released(home, "adopt", batch, import_id, reason)


@click.command()
@click.argument("batch")
@REASON
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--remember", is_flag=True, help="Let the terms that vanished be missing from now on.")
@click.pass_obj
def approve(home: Path | None, *, batch: str, reason: str, yes: bool, remember: bool) -> int:
    """Let a held batch go, exactly as it is."""
    from canvas_sis_sync.clock import Clock
    from canvas_sis_sync.home.settings import find_home, load
    from canvas_sis_sync.sync import approve as command

    loaded = load(find_home(home))
    shown = command.show(loaded, batch, Clock())
    say(shown.text)
    if shown.basis is None:
        return shown.exit_code
    if not (yes or _agreed()):
        say("Nothing was changed.")
        return EXIT_HELD
    say(command.approve(loaded, batch, reason, Clock(), remember=remember, shown=shown.basis))
    return EXIT_DONE


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise UsageError(
            "Nothing was approved: nobody is at a terminal to be asked.",
            "Look at the plan above; if it is what you want, add --yes.",
        )
    return click.confirm("Approve exactly this?", err=True)
