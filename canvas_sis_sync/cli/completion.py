"""`sis-sync completion`: what lets a shell complete commands and options."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands in a shell.

    sis-sync must be on PATH in that shell. The script does not change when sis-sync is upgraded.

    \b
    Examples:
      eval "$(sis-sync completion bash)"       in ~/.bashrc (bash 4.4 or later)
      eval "$(sis-sync completion zsh)"        in ~/.zshrc, after compinit
      sis-sync completion fish | source        in ~/.config/fish/config.fish

    Exit codes: 0 printed; 2 not one of these shells.
    """  # noqa: D301 - click keeps the lines after \b as they are
    from click.shell_completion import get_completion_class

    root = context.find_root()
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"This version of click has no completion for {shell}.")
    script = kind(root.command, {}, "sis-sync", "_SIS_SYNC_COMPLETE").source()
    click.echo(script.encode(), nl=False)  # as bytes, since a shell on Windows takes no carriage returns
