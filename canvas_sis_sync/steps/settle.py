"""Settle: whose writer is done, of the drops that lie in the inbox (design 3, "settled")."""

from __future__ import annotations

from canvas_sis_sync import inbox
from canvas_sis_sync.archive import wording
from canvas_sis_sync.journal.questions import Sighting
from canvas_sis_sync.model import Drop
from canvas_sis_sync.steps.context import Context


def look(context: Context) -> tuple[tuple[Drop, bool], ...]:
    """Look at the inbox: its drops, oldest first, each with whether it is settled.

    The look is journalled, so that it counts as the first of two for a later one. Raises HomeError.
    """
    settings = context.settings
    with wording(settings.inbox):
        view = inbox.scan(settings.inbox, settings.marker)
    now = context.clock.monotonic()
    earlier = context.journal.sightings()
    sightings: dict[str, Sighting] = {}
    for drop in view.drops:
        text = inbox.signature(drop)
        seen = earlier.get(drop.name)
        # One from the future is of before the machine was started: it begins anew.
        same = seen is not None and seen.signature == text and seen.seen_at <= now
        sightings[drop.name] = seen if same and seen is not None else Sighting(text, now)
    context.journal.remember_sightings(sightings)

    def is_settled(drop: Drop) -> bool:
        if settings.marker:
            return inbox.is_marked(drop, settings.marker)
        return settings.settle_seconds == 0 or now - sightings[drop.name].seen_at >= settings.settle_seconds

    return tuple((drop, is_settled(drop)) for drop in view.drops)
