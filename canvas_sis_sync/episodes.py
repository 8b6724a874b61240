"""Which trouble is told now, and which was told already (design 4, "episodes"). Pure.

A trouble that lasts over several runs is one episode: it is told when it begins or its reason changes, then once per
`SIS_SYNC_REMIND_EVERY`. An unreachable Canvas becomes one after three runs or an hour. Its end is told in one line.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from canvas_sis_sync.model import Episode

UNREACHABLE = "Canvas unreachable"
PATIENT_RUNS = 3
PATIENT_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Telling:
    """What a run without a terminal says of its trouble."""

    #: The troubles that last, to be journalled.
    episodes: tuple[Episode, ...]
    #: True when the trouble of this run is to be told.
    tell: bool
    #: One line when an unreachable Canvas has come back, else "".
    recovery: str = ""


def met(earlier: Collection[Episode], subject: str, reason: str, now: float, remind_every: float) -> Telling:
    """Judge the trouble `subject` of this run, which `reason` tells apart from others of its subject.

    While Canvas is unreachable nothing is known of other troubles, so they last.
    """
    known = next((episode for episode in earlier if episode.subject == subject), None)
    if known is None or (known.reason != reason and subject != UNREACHABLE):
        known = Episode(subject, reason, now, 0, None)
    episode = replace(known, reason=reason, runs=known.runs + 1)
    due = episode.told_at is None or not 0 <= now - episode.told_at < remind_every
    tell = due and _has_begun(episode, now)
    others = [other for other in earlier if other.subject != subject == UNREACHABLE]
    return Telling((*others, replace(episode, told_at=now) if tell else episode), tell)


def over(earlier: Collection[Episode]) -> Telling:
    """Judge a run without trouble: what lasted has ended."""
    told = any(episode.subject == UNREACHABLE and episode.told_at is not None for episode in earlier)
    return Telling((), tell=False, recovery="Canvas can be reached again." if told else "")


def _has_begun(episode: Episode, now: float) -> bool:
    if episode.subject != UNREACHABLE:
        return True
    return episode.runs >= PATIENT_RUNS or now - episode.began_at >= PATIENT_SECONDS
