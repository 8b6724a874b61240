"""The command line: options in, results out, errors as text and exit codes. Decides nothing else.

A command's module is imported when the command is named, so that an idle tick pays only for itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from canvas_sis_sync import __version__
from canvas_sis_sync.errors import EXIT_BUG, EXIT_DONE, EXIT_INTERRUPTED, SyncError, UsageError

if TYPE_CHECKING:
    from canvas_sis_sync.settings import Settings

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@dataclass(frozen=True, slots=True)
class Common:
    """What stands before the command."""

    home: Path | None


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = sis_sync.main(given, prog_name="sis-sync", standalone_mode=False)
    except SyncError as error:
        code = _fail(error, as_json="--json" in given)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("Interrupted. What was under way is in the journal; the next run goes on with it.", err=True)
        code = EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the boundary: a traceback is for -vv and the log
        code = _bug(error, show="-vv" in given)
    sys.exit(code or EXIT_DONE)


def _fail(error: SyncError, *, as_json: bool) -> int:
    if as_json:
        from canvas_sis_sync.report import error_json

        _print_json(error_json(error))
    else:
        _say(f"Error: {error.sentence}", err=True)
        if error.hint:
            _say(error.hint, err=True)
    return error.exit_code


def _bug(error: Exception, *, show: bool) -> int:
    _say(
        f"Error: something happened that sis-sync did not foresee ({type(error).__name__}: {error}). Nothing that was"
        " claimed is lost.\nRun it again with -vv and report what it prints as a bug.",
        err=True,
    )
    if show:
        import traceback

        traceback.print_exception(error)
    return EXIT_BUG


def _say(text: str, *, err: bool = False) -> None:
    """Print; a reader that has gone away changes neither the work nor the exit code."""
    try:
        click.echo(text, err=err)
    except BrokenPipeError:
        stream = sys.stderr if err else sys.stdout
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _print_json(value: Any) -> None:
    import json

    _say(json.dumps(value, ensure_ascii=False, indent=1))


@click.group(context_settings=CONTEXT)
@click.option("--home", type=click.Path(path_type=Path), help="Folder with .env, inbox, archive and logs.")
@click.version_option(__version__, prog_name="sis-sync")
@click.pass_context
def sis_sync(context: click.Context, home: Path | None) -> None:
    """Carry a student information system's CSV exports into Canvas, and answer for the result."""
    context.obj = Common(home)


@sis_sync.command()
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--no-wait", is_flag=True, help="Take one look, send at most one batch.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("-v", "--verbose", count=True, help="Repeat the log on the terminal; -vv with details.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors, on a terminal too.")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the import.")
@click.pass_obj
def run(
    common: Common,
    *,
    dry_run: bool,
    no_wait: bool,
    as_json: bool,
    verbose: int,
    quiet: bool,
    params: tuple[str, ...],
) -> int:
    """Send what lies in the inbox and wait until Canvas is done."""
    from canvas_sis_sync import settings, tick

    home = settings.find_home(common.home)
    loaded = settings.load(home, flags=_flags(params))
    watched = sys.stderr.isatty() and not quiet
    if dry_run:
        return _dry_run(loaded, as_json=as_json)
    if tick.is_idle(loaded) and not as_json:
        if watched:
            _say("Nothing to do: the inbox is empty.", err=True)
        return EXIT_DONE

    from canvas_sis_sync.commands import run as command
    from canvas_sis_sync.polling import Clock
    from canvas_sis_sync.progress import showing

    with showing(watched=watched) as show:
        how = tick.How(show, Clock(), patient=not no_wait)
        told = command.run(loaded, how, watched=watched or as_json, verbosity=verbose)
    if as_json:
        _print_json(command.as_json(told))
    elif told.recovery and not told.tell and not quiet:
        _say(told.recovery)
    elif told.tell and told.message and not (quiet and told.result.exit_code == EXIT_DONE):
        _say(told.message, err=told.result.exit_code != EXIT_DONE)
    return told.result.exit_code


def _dry_run(loaded: Settings, *, as_json: bool) -> int:
    from canvas_sis_sync.commands.dry_run import dry_run
    from canvas_sis_sync.polling import Clock

    looked = dry_run(loaded, Clock())
    if as_json:
        _print_json(looked.as_json)
    else:
        _say(looked.text)
    return looked.exit_code


def _flags(params: tuple[str, ...]) -> dict[str, str]:
    flags = {}
    for param in params:
        name, equals, value = param.partition("=")
        if not equals or not name:
            raise UsageError(f"--param {param} is not of the form NAME=VALUE.", "Example: --param skip_deletes=true")
        flags[name] = value
    return flags


@sis_sync.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--offline", is_flag=True, help="Do not ask Canvas.")
@click.pass_obj
def status(common: Common, *, as_json: bool, offline: bool) -> None:
    """Tell about the last batch, the gate and the inbox."""
    from canvas_sis_sync import settings
    from canvas_sis_sync.commands import status as command
    from canvas_sis_sync.polling import Clock

    loaded = settings.load(settings.find_home(common.home), need_canvas=not offline)
    looked = command.status(loaded, Clock(), ask_canvas=not offline)
    if as_json:
        _print_json(command.as_json(looked))
    else:
        _say(command.as_text(looked))


@sis_sync.command("rebuild-journal")
@click.pass_obj
def rebuild_journal(common: Common) -> None:
    """Make a lost or damaged journal anew from the receipts."""
    from canvas_sis_sync import settings
    from canvas_sis_sync.commands.rebuild import rebuild
    from canvas_sis_sync.polling import Clock

    _say(rebuild(settings.load(settings.find_home(common.home), need_canvas=False), Clock()))


REASON = click.option("--reason", required=True, metavar="TEXT", help="Why; it is recorded with your login.")


def _released(common: Common, command: str, *what: object) -> None:
    from canvas_sis_sync import settings
    from canvas_sis_sync.commands import release
    from canvas_sis_sync.polling import Clock

    loaded = settings.load(settings.find_home(common.home))
    _say(getattr(release, command)(loaded, *what, Clock()))


@sis_sync.command()
@click.argument("batch")
@REASON
@click.pass_obj
def retry(common: Common, batch: str, reason: str) -> None:
    """Send a batch's zip again, as a new batch."""
    _released(common, "retry", batch, reason)


@sis_sync.command()
@click.argument("batch", required=False)
@click.option("--import", "import_id", type=int, metavar="ID", help="Somebody else's import instead of a batch.")
@REASON
@click.pass_obj
def skip(common: Common, batch: str | None, import_id: int | None, reason: str) -> None:
    """Acknowledge what failed, so that the next drop may go."""
    if (batch is None) == (import_id is None):
        raise UsageError("Name either a batch or, with --import, an import.", "`sis-sync status` names both.")
    if batch is not None:
        _released(common, "skip", batch, reason)
    else:
        _released(common, "skip_import", import_id, reason)


@sis_sync.command()
@click.argument("batch")
@REASON
@click.pass_obj
def discard(common: Common, batch: str, reason: str) -> None:
    """Say that an unsent batch shall not be sent."""
    _released(common, "discard", batch, reason)


@sis_sync.command()
@click.argument("batch")
@click.argument("import_id", metavar="IMPORT", type=int)
@REASON
@click.pass_obj
def adopt(common: Common, batch: str, import_id: int, reason: str) -> None:
    """Say which import a batch became."""
    _released(common, "adopt", batch, import_id, reason)


@sis_sync.command()
@click.option("--url", metavar="URL", help="Address of your Canvas.")
@click.option("--token-file", type=click.Path(path_type=Path), help="File with the token, which stays there.")
@click.option("--account", metavar="ID", help="Root account: self or its number.")
@click.option("--hosted/--no-hosted", default=None, help="Whether Instructure hosts your Canvas.")
@click.pass_obj
def init(common: Common, *, url: str | None, token_file: Path | None, account: str | None, hosted: bool | None) -> int:
    """Make a home, ask what Canvas needs, and try it."""
    from canvas_sis_sync import settings
    from canvas_sis_sync.commands import init as command

    answers = {
        "CANVAS_BASE_URL": url,
        "CANVAS_API_TOKEN_FILE": None if token_file is None else str(token_file.absolute()),
        "CANVAS_ACCOUNT_ID": account,
        "CANVAS_HOSTED": None if hosted is None else str(hosted),
    }
    given = {name: text for name, text in answers.items() if text is not None}
    made = command.init(settings.find_home(common.home), given, _ask if sys.stdin.isatty() else None)
    _say(made.text)
    return EXIT_DONE if made.trouble is None else _fail(made.trouble, as_json=False)


def _ask(question: str, parse: Callable[[str], object], *, default: str, hidden: bool) -> str:
    def check(text: str) -> str:
        try:
            if text.strip() or not hidden:
                parse(text.strip())
        except ValueError as error:
            raise click.UsageError(f"It {error}.") from None
        return text.strip()

    shown = default if default or hidden else None
    answer = click.prompt(question, shown, hide_input=hidden, show_default=bool(default), value_proc=check, err=True)
    return str(answer)


@sis_sync.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def config(common: Common, *, as_json: bool) -> None:
    """Show each setting with its value and source."""
    from canvas_sis_sync import settings
    from canvas_sis_sync.commands import config as command

    loaded = settings.load(settings.find_home(common.home), need_canvas=False)
    if as_json:
        _print_json(command.as_json(loaded))
    else:
        _say(command.as_text(loaded))


@sis_sync.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; any free one if not given.")
@click.option("--token", default="sandbox-token", show_default=True, help="The token that it accepts.")
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder to keep its data in.")
@click.option("--rows-per-second", type=click.FloatRange(0, min_open=True), help="How fast it imports.")
@click.option("--count-only", is_flag=True, help="Count rows and store none.")
@click.option("--fault", "faults", multiple=True, metavar="NAME[=VALUE]", help="How it misbehaves; may be repeated.")
def sandbox(**options: Any) -> None:
    """Serve a small Canvas on this machine to practise on."""
    from canvas_sis_sync.commands.sandbox import serve
    from canvas_sis_sync.sandbox import Sandbox

    serve(Sandbox(**options), _say)


@sis_sync.command()
def demo() -> None:
    """Play three nights of a small college against a sandbox."""
    from canvas_sis_sync.commands.demo import demo as play

    play(_say)
