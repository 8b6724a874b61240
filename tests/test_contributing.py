"""Files that the pages for contributors name exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT, ROOT / "canvas_sis_sync")
PATH = re.compile(r"(?<![\w./-])\w[\w.-]*(?:/[\w.-]+)*(?:/|\.(?:py|md|ini|toml|example\.env))(?![\w/-])|\.ci/\w+")


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_each_file_that_the_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    code = [*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^```sh\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)]
    named = {path for each in code for path in PATH.findall(each)}
    assert len(named) > 5
    assert not {path for path in named if not any((folder / path).exists() for folder in FOLDERS)}


def test_the_page_names_every_room() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent.name for path in (ROOT / "canvas_sis_sync").glob("*/__init__.py")}
    assert rooms <= set(re.findall(r"\| `(\w+)/` \|", text))
