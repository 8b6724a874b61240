"""Packing: the claimed files go only after the zip has been read back."""

from __future__ import annotations

from support.golden import Golden
from support.homes import Home, Watching

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox


def test_a_zip_that_does_not_read_back_costs_no_file_and_is_not_sent(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop({"users.csv": "user_id,login_id,status\nu1,ada,active\n"})

    def damage() -> None:
        (partial,) = home.archive.rglob(".import.zip.part")
        content = bytearray(partial.read_bytes())
        content[content.index(b"users.csv") + len("users.csv")] ^= 0xFF
        partial.write_bytes(content)

    told = home.run(show=Watching({"reading back": damage}))
    assert (told.result.exit_code, home.last().state) == (5, BatchState.CLAIMED)
    golden(told.message)
    (claimed,) = home.folder_of(home.last()).rglob("users.csv")
    assert b"u1,ada,active" in claimed.read_bytes()
    assert not sandbox.imports
    assert home.run().result.outcome == "imported"
    assert len(sandbox.imports) == 1
