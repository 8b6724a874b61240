"""What of a home other users of the machine can read or write: reported, never changed."""

from __future__ import annotations

from canvas_sis_sync import log, private
from canvas_sis_sync.journal.file import FILE_NAME
from canvas_sis_sync.settings import Settings


def exposed(settings: Settings) -> list[str]:
    """Return a sentence, with what to type, for each place; `.env` and token file are refused when they are read."""
    archive, logs = settings.archive, settings.logs
    return private.exposures((settings.home, archive, archive / FILE_NAME, logs, logs / log.FILE_NAME))
