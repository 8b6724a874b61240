"""A rehearsal must not take a real home's drop: there an exported address of a sandbox is refused."""

from __future__ import annotations

from ipaddress import ip_address

from canvas_sis_sync.canvas import Canvas
from canvas_sis_sync.errors import SettingsError
from canvas_sis_sync.journal.ledger import Journal
from canvas_sis_sync.settings import Settings


def refuse_sandbox(settings: Settings, journal: Journal, canvas: Canvas) -> None:
    """Raise SettingsError when a sandbox answers at an exported address although the home belongs to another Canvas.

    Canvas is asked only then. A home whose own `.env` names the sandbox is made for it. Raises CanvasError.
    """
    if not settings.exported_url:
        return
    belongs = _belongs_to(settings, journal)
    if not belongs or not canvas.current_user().is_sandbox:
        return
    raise SettingsError(
        f"CANVAS_BASE_URL (environment) is {settings.base_url}, where a sandbox answers, but {belongs}. Nothing was"
        " claimed, and nothing was sent.",
        "Type `unset CANVAS_BASE_URL CANVAS_API_TOKEN` to work with this home. Rehearse in a home of its own: sis-sync"
        " --home FOLDER init",
    )


def _belongs_to(settings: Settings, journal: Journal) -> str:
    """Say which other Canvas the home belongs to, "" when none is known."""
    if settings.overridden_url:
        return f"{settings.home / '.env'} names {settings.overridden_url}"
    last = journal.last()
    if last is None or last.target.host == settings.host or _is_loopback(last.target.host):
        return ""
    return f"the last batch of this home, {last.id}, went to {last.target.host}"


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    try:
        return name == "localhost" or ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False
