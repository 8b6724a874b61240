"""What an installed program has and says of itself; `.ci/package` builds the wheel and installs it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import canvas_sis_sync
from canvas_sis_sync import DOCS, REPOSITORY

TOP = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]


def test_the_wheel_has_the_example_configuration_in_the_package() -> None:
    included = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included == {"config.example.env": "canvas_sis_sync/config.example.env"}
    assert (TOP / "config.example.env").exists()
    assert not Path(canvas_sis_sync.__file__).with_name("config.example.env").exists()


def test_addresses_of_the_project_are_all_in_one_repository() -> None:
    assert PROJECT["urls"]["Homepage"] == REPOSITORY
    assert {url for url in PROJECT["urls"].values() if not url.startswith(REPOSITORY)} == set()


def test_printed_addresses_of_pages_lead_to_pages() -> None:
    sources = [TOP / "config.example.env", *(TOP / "canvas_sis_sync").rglob("*.py")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources).replace("{DOCS}", DOCS)
    pages = re.findall(rf"{re.escape(DOCS)}/([\w./-]+\.md)", text)
    assert len(pages) >= 2
    assert [page for page in pages if not (TOP / "docs" / page).exists()] == []


def test_nothing_that_init_writes_names_a_page_by_a_relative_path() -> None:
    text = (TOP / "config.example.env").read_text(encoding="utf-8")
    assert "docs/" not in text.replace(DOCS, "")


def test_the_issue_templates_lead_to_this_repository_and_ask_for_the_version() -> None:
    folder = TOP / ".github" / "ISSUE_TEMPLATE"
    assert f"{REPOSITORY}/security/advisories/new" in (folder / "config.yml").read_text(encoding="utf-8")
    assert f"{REPOSITORY}/security/advisories/new" in (TOP / "SECURITY.md").read_text(encoding="utf-8")
    for name in ("bug.yml", "feature.yml"):
        assert "sis-sync --version" in (folder / name).read_text(encoding="utf-8")
    assert "sis-sync status --json" in (folder / "bug.yml").read_text(encoding="utf-8")
