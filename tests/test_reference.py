"""The example file and the reference pages are what the tables of the code say."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_pages_are_as_the_tables_write_them() -> None:
    """Write them again with `python docs/reference.py`."""
    written = runpy.run_path(str(ROOT / "docs" / "reference.py"))["pages"]()
    for path, content in written.items():
        assert (ROOT / path).read_text(encoding="utf-8") == content, path
