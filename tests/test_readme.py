"""What is written for people is held to what the program does: README, docs, changelog and CI."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.golden import Golden

from canvas_sis_sync import __version__, errors
from canvas_sis_sync.cli._init import program
from canvas_sis_sync.cli.main import COMMANDS

TOP = Path(__file__).parents[1]
README = (TOP / "README.md").read_text(encoding="utf-8")
PAGES = sorted(
    [
        *(TOP / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
        *TOP.glob("docs/*.md"),
        *TOP.glob("benchmarks/*.md"),
    ]
)


def block_after(heading: str) -> list[str]:
    """Give the lines of the first shell block behind a heading."""
    found = re.search(rf"^## {heading}\n.*?^```sh\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1].splitlines()


@pytest.mark.parametrize("heading", ["Try it", "Run the tests"])
def test_the_first_commands_are_one_line_each(heading: str) -> None:
    assert len(block_after(heading)) == 1


def test_ci_runs_the_test_command_of_the_readme() -> None:
    script = (TOP / ".ci" / "run").read_text(encoding="utf-8")
    extraction = next(line for line in script.splitlines() if line.startswith("tests=$("))
    shown = subprocess.run(
        ["bash", "-c", f'{extraction}; printf %s "$tests"'], cwd=TOP, capture_output=True, text=True, check=True
    )
    assert [shown.stdout] == block_after("Run the tests")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (page.parent / target).exists(), target


def test_every_command_is_in_the_readme_and_every_command_there_exists() -> None:
    table = README.split("### By hand")[1].split("## ")[0]
    assert set(re.findall(r"`(?:sis-sync )?([a-z-]+)(?: [^`]*)?`", table)) & set(COMMANDS) == set(COMMANDS)
    for text in (page.read_text(encoding="utf-8") for page in PAGES):
        for named in re.findall(r"\bsis-sync (?:--home \S+ )?([a-z][a-z-]+)\b", text.replace("`sis-sync`", "")):
            assert named in COMMANDS, named


def test_the_exit_codes_of_the_readme_are_those_of_the_program() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)}
    assert told == {value for name, value in vars(errors).items() if name.startswith("EXIT_")}


def test_the_changelog_tells_of_this_version() -> None:
    changes = (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(__version__)}\b", changes, flags=re.MULTILINE)


def test_the_crontab_line_has_the_form_that_init_prints() -> None:
    line = next(line for line in README.splitlines() if line.endswith("run") and "* * * *" in line)
    assert re.fullmatch(r"\*/15 \* \* \* \* /\S+/sis-sync --home /\S+ run", line)
    assert Path(program()[0]).is_absolute()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name: str, golden: Golden) -> None:
    command = [sys.executable, "-m", "canvas_sis_sync", name, "--help"]
    environ = os.environ | {"COLUMNS": "80"}
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=environ)
    golden(shown.stdout)
