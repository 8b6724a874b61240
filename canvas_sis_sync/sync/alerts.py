"""What is reported now, and what was reported already (docs/life-of-a-batch.md). Pure.

A trouble that lasts over several runs is one episode: it is reported when it begins or its reason changes, then once
per `SIS_SYNC_REMIND_EVERY`. An unreachable Canvas becomes one after three runs or an hour. News asks nobody to act and
is reported once: that Canvas is back, rows that it newly rejects, files that were left lying in the inbox.
Nothing counts as reported before it was written to where somebody reads it. Idle ticks load this module: the model is
imported once there is something to remember.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from canvas_sis_sync.home.episode import Episode


UNREACHABLE = "Canvas unreachable"
SETTINGS = "settings"
BLINDING = frozenset({UNREACHABLE, SETTINGS})
"""Troubles during which nothing is known of others."""
NEWS = "news: "
"""How the subject of a piece of news begins; its reason is the text."""
LEFT_LYING = "left lying"
"""The files that were reported as left lying; its reason names them, each on a line."""
LEFT_LYING_LATELY = "left lying, lately"
"""How the files looked that are not settled yet."""
ENDS_SOON = "token end"
"""What was reported of the token's end; its reason says which end, and how near it was."""
PATIENT_RUNS = 3
PATIENT_SECONDS = 3600
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Alert:
    """What a run without a terminal reports."""

    #: What is to be remembered as long as nothing of it was shown.
    episodes: tuple[Episode, ...]
    #: True when the trouble of this run is to be reported.
    notify: bool
    #: One line when an unreachable Canvas has come back, else "".
    recovery: str = ""
    #: The news, each piece a text.
    news: tuple[str, ...] = ()
    #: What is to be remembered once all of it was shown.
    once_shown: tuple[Episode, ...] = ()


def met(earlier: Collection[Episode], subject: str, reason: str, now: float, remind_every: float) -> Alert:
    """Judge the trouble `subject` of this run, which `reason` tells apart from others of its subject.

    While Canvas is unreachable, or the settings cannot be read, nothing is known of other troubles, so they last.
    """
    from canvas_sis_sync.home.episode import Episode

    known = next((episode for episode in earlier if episode.subject == subject), None)
    if known is None or (known.reason != reason and subject != UNREACHABLE):
        known = Episode(subject, reason, now, 0, None)
    episode = replace(known, reason=reason, runs=known.runs + 1)
    due = episode.told_at is None or not 0 <= now - episode.told_at < remind_every
    notify = due and _has_begun(episode, now)
    lasting = subject in BLINDING
    others = [other for other in earlier if other.subject != subject and (lasting or not _is_trouble(other))]
    return _with_news(
        [*others, episode], [*others, replace(episode, told_at=now) if notify else episode], notify=notify
    )


def over(earlier: Collection[Episode], now: float = 0.0) -> Alert:
    """Judge a run without trouble: what lasted has ended."""
    from canvas_sis_sync.home.episode import Episode

    reported = any(episode.subject == UNREACHABLE and episode.told_at is not None for episode in earlier)
    recovery = "Canvas can be reached again." if reported else ""
    left = [other for other in earlier if not _is_trouble(other)]
    if recovery:
        left.append(Episode(f"{NEWS}{UNREACHABLE}", recovery, now, 1, None))
    return replace(_with_news(left, left, notify=False), recovery=recovery)


def with_files(alert: Alert, lying: Mapping[str, str], now: float, settle_seconds: float) -> Alert:
    """Add what is to be said of files in the inbox that will never be sent.

    `lying` gives for each name a text that changes when the file is written to. They are news once they looked the
    same at two looks `settle_seconds` apart, and all of them are named when one of them was not reported before.
    """
    from canvas_sis_sync.home.episode import Episode

    known = {episode.subject: episode for episode in alert.episodes}
    reported = _names(known.get(LEFT_LYING)) & lying.keys()
    kept = [Episode(LEFT_LYING, "\n".join(sorted(reported)), now, 1, now)] if reported else []
    before, look = known.get(LEFT_LYING_LATELY), "\n".join(f"{name}\t{lying[name]}" for name in sorted(lying))
    news, lately = "", []
    if lying.keys() - reported:
        same = before is not None and before.reason == look and before.began_at <= now
        lately = [before if same and before else Episode(LEFT_LYING_LATELY, look, now, 1, None)]
        if now - lately[0].began_at >= settle_seconds:
            news = f"Left lying in the inbox, neither CSV nor zip, so never sent: {_named(sorted(lying))}."
    shown = [Episode(LEFT_LYING, "\n".join(sorted(lying)), now, 1, now)] if news else [*kept, *lately]
    files = {LEFT_LYING, LEFT_LYING_LATELY}
    return replace(
        alert,
        episodes=(*_without(alert.episodes, files), *kept, *lately),
        once_shown=(*_without(alert.once_shown, files), *shown),
        news=(*alert.news, *([news] if news else [])),
    )


def is_news(lasting: Iterable[tuple[str, str, float | None]], lying: Collection[str]) -> bool:
    """Say whether a run without anything to send has something to report, or to forget.

    `lasting` are the episodes as subject, reason, and when they were reported; `lying` names the files left lying.
    """
    reported: set[str] = set()
    for subject, reason, _ in lasting:
        if subject == SETTINGS or subject.startswith(NEWS):
            return True
        if subject == LEFT_LYING:
            reported = set(reason.split("\n"))
    return not reported.issuperset(lying)


def _with_news(unshown: list[Episode], shown: list[Episode], *, notify: bool) -> Alert:
    news = [episode for episode in unshown if episode.subject.startswith(NEWS)]
    once_shown = [episode for episode in shown if episode not in news]
    return Alert(tuple(unshown), notify, "", tuple(episode.reason for episode in news), tuple(once_shown))


def _is_trouble(episode: Episode) -> bool:
    return not episode.subject.startswith((NEWS, LEFT_LYING, ENDS_SOON))


def _without(episodes: Iterable[Episode], subjects: Collection[str]) -> list[Episode]:
    return [episode for episode in episodes if episode.subject not in subjects]


def _names(episode: Episode | None) -> set[str]:
    return set(episode.reason.split("\n")) if episode else set()


def _named(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"


def _has_begun(episode: Episode, now: float) -> bool:
    if episode.subject != UNREACHABLE:
        return True
    return episode.runs >= PATIENT_RUNS or now - episode.began_at >= PATIENT_SECONDS
