"""The command line: options in, results out, errors as text and exit codes. Decides nothing else.

A command's module is imported when the command is named, and what it works with when it works, so that an idle tick
pays only for itself.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from canvas_sis_sync import REPOSITORY, __version__
from canvas_sis_sync.cli._talk import fail, say, usage_message
from canvas_sis_sync.errors import EXIT_BUG, EXIT_DONE, EXIT_INTERRUPTED, NEXT_STEPS, HomeError, SyncError, next_step
from canvas_sis_sync.plain_text import lines

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
COMMANDS = {
    "adopt": "release",
    "approve": "release",
    "check": "check",
    "completion": "completion",
    "config": "home",
    "demo": "practice",
    "discard": "release",
    "init": "home",
    "plan": "plan",
    "rebuild-journal": "journal",
    "retry": "release",
    "rules": "check",
    "run": "run",
    "sandbox": "practice",
    "skip": "release",
    "status": "status",
}
"""The module of this package that each command is in."""
UNFORESEEN = "something happened that sis-sync did not foresee"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    sys.exit(execute(list(sys.argv[1:] if arguments is None else arguments)))


def execute(given: list[str]) -> int:
    """Run the command line and return its exit code."""
    os.umask(0o077)  # what libraries make, such as temporary files, is for its owner only as well
    try:
        code = sis_sync.main(given, prog_name="sis-sync", standalone_mode=False)
    except SyncError as error:
        code = fail(error, as_json="--json" in given)
    except click.ClickException as error:
        say(usage_message(error), err=True)
        code = error.exit_code
    except SystemExit as done:  # how click ends when a shell asked it for completions
        code = done.code
    except (KeyboardInterrupt, click.Abort):
        code = _interrupted()
    except Exception as error:  # noqa: BLE001 - the boundary: a traceback is for -vv and the log
        # Python 3.11 wraps what is raised while it makes a class.
        code = _interrupted() if isinstance(error.__cause__, KeyboardInterrupt) else _unforeseen(error, given)
    return code or EXIT_DONE


def _interrupted() -> int:
    say("Interrupted. What was under way is in the journal; the next run continues with it.", err=True)
    return EXIT_INTERRUPTED


def _unforeseen(error: Exception, given: list[str]) -> int:
    """Say what no step had a sentence for: a machine without room, handles or memory is no fault of ours."""
    said = []
    if "-vv" in given:
        import traceback

        said += "".join(traceback.format_exception(error)).split("\n")
    if isinstance(error, MemoryError):
        error = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    if isinstance(error, OSError) and error.errno in NEXT_STEPS:
        if said:
            say(lines(said), err=True)
        where = f"{error.filename}: " if error.filename else ""
        sentence = f"{where}{(error.strerror or str(error)).lower()}. Nothing that was claimed is lost."
        return fail(HomeError(sentence, next_step(error)), as_json="--json" in given)
    message = [
        f"Error: {UNFORESEEN} ({type(error).__name__}: {error}). Nothing that was claimed is lost.",
        f"Run it again with -vv and report what it prints, without names and tokens: {REPOSITORY}/issues",
    ]
    say(lines([*message, *said]), err=True)
    return EXIT_BUG


class Commands(click.Group):
    """The commands, each imported when it is named."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """Name them all."""
        return list(COMMANDS)

    def get_command(self, _context: click.Context, cmd_name: str) -> click.Command | None:
        """Import one."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"canvas_sis_sync.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command


@click.command(cls=Commands, context_settings=CONTEXT)
@click.option("--home", type=click.Path(path_type=Path), help="Folder with .env, inbox, archive and logs.")
@click.version_option(__version__, prog_name="sis-sync")
@click.pass_context
def sis_sync(context: click.Context, home: Path | None) -> None:
    """Carry a student information system's CSV exports into Canvas, and answer for the result."""
    context.obj = home
