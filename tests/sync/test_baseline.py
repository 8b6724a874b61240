"""What a delivery is compared with when the archive does not have it any more."""

from __future__ import annotations

from support.exports import accepted, deliver, export, leaving
from support.golden import Golden
from support.homes import Home

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox


def test_a_delivery_that_cannot_be_compared_is_held_until_the_zip_is_back(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    before = accepted(home, export())
    zip_file = home.folder_of(before) / "import.zip"
    elsewhere = zip_file.rename(home.folder / "elsewhere.zip")
    held = deliver(home, leaving(export(), 1))
    assert held.state is BatchState.HELD
    golden(home.outputs[-1])
    assert len(sandbox.imports) == 1
    elsewhere.rename(zip_file)
    home.say("discard", held.id, "the zip is back")
    assert deliver(home, leaving(export(), 1)).state is BatchState.IMPORTED
