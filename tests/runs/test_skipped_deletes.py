"""An import of somebody else as the base of diffing, and skip_deletes: held wherever Canvas could still drop people."""

from __future__ import annotations

import pytest
from support.exports import DIFFING, ROWS, accepted, cut, enrolled, export, held, import_by_hand, places
from support.homes import Home

from canvas_sis_sync.sandbox.sandbox import Sandbox

FULL, FEW = export(), cut(export(), ROWS // 10)


@pytest.fixture(autouse=True)
def theirs(home: Home, sandbox: Sandbox) -> None:
    """Let somebody else's import be the base, and skip deleted rows."""
    import_by_hand(sandbox, FULL, diffing_data_set_identifier="nightly")
    home.configure(**DIFFING, SIS_IMPORT_SKIP_DELETES="true")


def test_people_who_would_be_made_inactive_are_not_skipped(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_IMPORT_DIFFING_DROP_STATUS="inactive")
    held(home, FEW, "unknown-base")
    assert enrolled(sandbox) == places(FULL)


def test_rows_that_would_all_be_deleted_are_skipped(home: Home, sandbox: Sandbox) -> None:
    accepted(home, FEW)
    assert enrolled(sandbox) == places(FULL)
