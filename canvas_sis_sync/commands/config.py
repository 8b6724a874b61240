"""`sis-sync config`: each setting, its value and where that came from; secrets are masked."""

from __future__ import annotations

from typing import Any

from canvas_sis_sync.commands.exposed import exposed
from canvas_sis_sync.plain_text import lines, visible
from canvas_sis_sync.report import SCHEMA
from canvas_sis_sync.settings import Settings

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
