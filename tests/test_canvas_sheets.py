"""What the code cites of Canvas's behavior stands in docs/canvas: each "API 5" leads to a heading there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHEETS = {
    "API": "sis-imports-api.md",
    "CSV": "csv-formats.md",
    "DIFF": "diffing-and-batch-mode.md",
    "REPORTS": "account-reports.md",
}
HEADING = re.compile(r"^#+ (\d+(?:\.\d+)?)[. ]", re.MULTILINE)
CITED = re.compile(r"\b(API|CSV|DIFF|REPORTS) ((?:\d+(?:\.\d+)?)(?:(?:, | and | to )\d+(?:\.\d+)?)*)")
FOLDERS = ("canvas_sis_sync", "tests", "benchmarks", "docs")


def written() -> list[Path]:
    """List the files of the repository that people read."""
    found = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")) if path.suffix in {".py", ".md"}]
    return [*found, *sorted(ROOT.glob("*.md")), ROOT / "pyproject.toml", *sorted((ROOT / ".ci").iterdir())]


def citations() -> list[tuple[str, str, str]]:
    """List who cites which section of which sheet."""
    return [
        (str(path.relative_to(ROOT)), sheet, section)
        for path in written()
        if path.name != Path(__file__).name
        for sheet, sections in CITED.findall(path.read_text(encoding="utf-8"))
        for section in re.findall(r"\d+(?:\.\d+)?", sections)
    ]


@pytest.mark.parametrize("sheet", sorted(SHEETS))
def test_each_cited_section_has_a_heading(sheet: str) -> None:
    headings = set(HEADING.findall((ROOT / "docs/canvas" / SHEETS[sheet]).read_text(encoding="utf-8")))
    assert headings
    assert not [found for found in citations() if found[1] == sheet and found[2] not in headings]


def test_the_code_cites_the_sheets() -> None:
    assert len([found for found in citations() if found[0].startswith("canvas_sis_sync")]) > 100


def test_nothing_cites_a_document_that_is_not_here() -> None:
    elsewhere = re.compile(r"\b[dD]esign(?:\.md)? \d|\.\./shared\b")
    assert not [
        str(path.relative_to(ROOT))
        for path in written()
        if path.name != Path(__file__).name and elsewhere.search(path.read_text(encoding="utf-8"))
    ]


def test_pages_that_the_code_names_exist() -> None:
    named = [
        (path.relative_to(ROOT), page)
        for path in written()
        if path.suffix == ".py"
        for page in re.findall(r"\bdocs/[\w/-]+\.\w+\b", path.read_text(encoding="utf-8"))
    ]
    assert len(named) > 10
    assert not [(str(path), page) for path, page in named if not (ROOT / page).exists()]


def test_links_between_pages_lead_somewhere() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    links = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    ]
    assert links
    assert not [(str(page), target) for page, target in links if not (page.parent / target).exists()]
