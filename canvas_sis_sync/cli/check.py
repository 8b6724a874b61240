"""`sis-sync check` and `rules`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from canvas_sis_sync.cli._talk import print_json, say


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH ...]", type=click.Path(path_type=Path))
@click.option("--complete", is_flag=True, help="The files define everything that they refer to.")
@click.option("--strict", is_flag=True, help="Refuse on warnings too.")
@click.option("--online", is_flag=True, help="Ask Canvas for the account's roles.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the findings into this CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def check(
    home: Path | None,
    *,
    paths: tuple[Path, ...],
    complete: bool,
    strict: bool,
    online: bool,
    output: Path | None,
    as_json: bool,
) -> int:
    """Say what Canvas would complain about, before it does."""
    from canvas_sis_sync.cli import _check as command
    from canvas_sis_sync.clock import Clock
    from canvas_sis_sync.home.settings import find_home, load
    from canvas_sis_sync.progress import showing

    loaded = load(find_home(home), need_canvas=online)
    asked = command.CheckRequest(paths, "warning" if strict else "", complete, online, every_place=output is not None)
    with showing(watched=sys.stderr.isatty()) as show:
        checked = command.check(loaded, asked, show, Clock())
    if output:
        command.write_csv(checked.report, output)
    if as_json:
        print_json(checked.as_json)
    else:
        say(checked.text)
    return checked.exit_code


@click.command()
@click.argument("rule", required=False, metavar="[ID]")
def rules(rule: str | None) -> None:
    """List the rules of check, or explain one."""
    from canvas_sis_sync.cli import _check as command

    say(command.rule(rule) if rule else command.rules())
