"""`sis-sync init` and `config`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click

from canvas_sis_sync.cli._talk import fail, print_json, say
from canvas_sis_sync.errors import EXIT_DONE


@click.command()
@click.option("--url", metavar="URL", help="Address of your Canvas.")
@click.option("--token-file", type=click.Path(path_type=Path), help="File with the token, which stays there.")
@click.option("--account", metavar="ID", help="Root account: self or its number.")
@click.option("--hosted/--no-hosted", default=None, help="Whether Instructure hosts your Canvas.")
@click.pass_obj
def init(
    home: Path | None, *, url: str | None, token_file: Path | None, account: str | None, hosted: bool | None
) -> int:
    """Make a home, ask what Canvas needs, and try it."""
    from canvas_sis_sync.cli import _init as command
    from canvas_sis_sync.home.settings import find_home

    answers = {
        "CANVAS_BASE_URL": url,
        "CANVAS_API_TOKEN_FILE": None if token_file is None else str(token_file.absolute()),
        "CANVAS_ACCOUNT_ID": account,
        "CANVAS_HOSTED": None if hosted is None else str(hosted),
    }
    given = {name: text for name, text in answers.items() if text is not None}
    made = command.init(find_home(home), given, ask if sys.stdin.isatty() else None)
    say(made.text)
    return EXIT_DONE if made.trouble is None else fail(made.trouble, as_json=False)


def ask(question: str, parse: Callable[[str], object], *, default: str, hidden: bool) -> str:
    """Return the answer to a question on the terminal, asked again until `parse` raises no ValueError for it."""

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


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def config(home: Path | None, *, as_json: bool) -> None:
    """Show each setting with its value and source."""
    from canvas_sis_sync.cli import _config as command
    from canvas_sis_sync.home.settings import find_home, load

    loaded = load(find_home(home), need_canvas=False)
    if as_json:
        print_json(command.as_json(loaded))
    else:
        say(command.as_text(loaded))
