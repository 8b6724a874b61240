"""`sis-sync run`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from canvas_sis_sync.cli._talk import addressed, print_json, report, say
from canvas_sis_sync.errors import EXIT_DONE, SettingsError, UsageError

if TYPE_CHECKING:
    from canvas_sis_sync.home.settings import Settings

RAISE = "Raise a limit for this run only: a share, a number, or both as 30%,9000. The part not given stays."


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--no-wait", is_flag=True, help="Take one look, send at most one batch.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("-v", "--verbose", count=True, help="Repeat the log on the terminal; -vv with details.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors, on a terminal too.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the import.")
@click.option("--breaker", "breakers", multiple=True, metavar="KIND=LIMIT", help=RAISE)
@click.pass_obj
def run(
    home: Path | None,
    *,
    dry_run: bool,
    no_wait: bool,
    as_json: bool,
    verbose: int,
    quiet: bool,
    params: tuple[str, ...],
    breakers: tuple[str, ...],
) -> int:
    """Send what lies in the inbox and wait until Canvas is done."""
    from canvas_sis_sync.home.settings import find_home, load
    from canvas_sis_sync.plan.breakers.limits import raised
    from canvas_sis_sync.sync import idle

    watched = sys.stderr.isatty() and not quiet
    flags, folder = _flags(params), find_home(home)
    try:
        loaded = load(folder, flags=flags)
    except SettingsError as error:
        if watched or as_json or dry_run:
            raise
        return _without_settings(folder, error)
    if breakers:
        loaded = replace(loaded, breakers=raised(loaded.breakers, breakers))
    if dry_run:
        return _dry_run(loaded, as_json=as_json)
    if idle.is_idle(loaded) and not as_json:
        return _idle(loaded, watched=watched)

    from canvas_sis_sync.cli import _run as command
    from canvas_sis_sync.clock import Clock
    from canvas_sis_sync.progress import showing

    with showing(watched=watched) as show:
        how = command.RunOptions(show, Clock(), patient=not no_wait)
        done = command.run(loaded, how, watched=watched or as_json, verbosity=verbose)
    failed = done.result.exit_code != EXIT_DONE
    if as_json:
        arrived = print_json(command.as_json(done))
    else:
        text = done.text if failed or not quiet else ""
        arrived = not text or report(addressed(text, loaded.home), err=failed)
    if arrived:
        command.was_shown(loaded.archive, done, Clock())
    return done.result.exit_code


def _idle(loaded: Settings, *, watched: bool) -> int:
    if watched:
        from canvas_sis_sync.cli._run import idle_message

        say(idle_message(loaded), err=True)
    return EXIT_DONE


def _without_settings(home: Path, error: SettingsError) -> int:
    """Report settings that nothing can be done with as any trouble: when it begins, and then once a day."""
    from canvas_sis_sync.cli import _run as command
    from canvas_sis_sync.clock import Clock

    done = command.without_settings(home, error, Clock())
    if done.text and report(addressed(done.text, home), err=True):
        command.was_shown(home / "archive", done, Clock())
    return error.exit_code


def _dry_run(loaded: Settings, *, as_json: bool) -> int:
    from canvas_sis_sync.cli._dry_run import dry_run
    from canvas_sis_sync.clock import Clock

    looked = dry_run(loaded, Clock())
    if as_json:
        print_json(looked.as_json)
    else:
        say(looked.text)
    return looked.exit_code


def _flags(params: tuple[str, ...]) -> dict[str, str]:
    flags = {}
    for param in params:
        name, equals, value = param.partition("=")
        if not equals or not name:
            raise UsageError(f"--param {param} is not of the form NAME=VALUE.", "Example: --param skip_deletes=true")
        flags[name] = value
    return flags
