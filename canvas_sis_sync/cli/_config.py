"""`sis-sync config`: each setting, its value and where that came from; secrets are masked."""

from __future__ import annotations

from typing import Any

from canvas_sis_sync.files import exposures
from canvas_sis_sync.home import log
from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.plain_text import lines, visible
from canvas_sis_sync.sync.report import SCHEMA

OBLIGATORY = ("CANVAS_BASE_URL", "CANVAS_API_TOKEN")


def as_json(loaded: Settings) -> dict[str, Any]:
    """Give the settings as the object of `config --json`."""
    return {
        "schema": SCHEMA,
        "home": str(loaded.home),
        "settings": [{"name": name, "value": value, "source": source} for name, value, source in loaded.values],
        "exposed": exposed(loaded),
    }


def as_text(loaded: Settings) -> str:
    """Give the settings as a table, and what is still to be filled in."""
    rows = [(name, visible(value) or "-", source) for name, value, source in loaded.values]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    said = [f"Settings of the home {loaded.home}:"]
    said += [f"{name:{widths[0]}}  {value:{widths[1]}}  {source}" for name, value, source in rows]
    said += [f"{name} is not set: nothing can be sent." for name in missing(loaded)]
    return lines([*said, *exposed(loaded)])


def missing(loaded: Settings) -> tuple[str, ...]:
    """Name the settings without which nothing can be sent and that have no value yet."""
    return tuple(name for name, value in zip(OBLIGATORY, (loaded.base_url, loaded.token), strict=True) if not value)


def exposed(settings: Settings) -> list[str]:
    """Return a sentence, with what to type, for each place; `.env` and token file are refused when they are read."""
    archive, logs = settings.archive, settings.logs
    return exposures((settings.home, archive, archive / FILE_NAME, logs, logs / log.FILE_NAME))
