"""The end of the access token: asked once in a run that has worked, and reported a week and a day before."""

from __future__ import annotations

from canvas_sis_sync.errors import HomeError, JournalError
from canvas_sis_sync.home.episode import Episode
from canvas_sis_sync.home.journal import Journal
from canvas_sis_sync.sync import report
from canvas_sis_sync.sync.alerts import ENDS_SOON, NEWS
from canvas_sis_sync.sync.session import Session, log

DAY = 86_400
NEAR = (DAY, 7 * DAY)
"""Seconds before the end at which it is reported, the last first."""


def report_token_end(session: Session) -> None:
    """Ask Canvas when the token ends and journal that as news, once for each time before the end."""
    end, now = session.canvas.token_end(), session.clock.now()
    text = near_end(end, now)
    if end is None or not text:
        return
    left = min(near for near in NEAR if end - now <= near)
    reason = f"{report.moment(end)}, {left // DAY} days before"
    try:
        _remember(session.journal, Episode(ENDS_SOON, reason, now, 1, now), text)
    except (HomeError, JournalError) as error:
        log.info("the token's end is not journalled: %s", error.sentence)


def _remember(journal: Journal, reported: Episode, text: str) -> None:
    episodes = journal.episodes()
    if any((episode.subject, episode.reason) == (reported.subject, reported.reason) for episode in episodes):
        return
    journal.add_news(f"{NEWS}{ENDS_SOON}", text)
    others = [episode for episode in journal.episodes() if episode.subject != ENDS_SOON]
    journal.remember_episodes([*others, reported])


def near_end(end: float | None, now: float) -> str:
    """Say when the token ends and what to do, "" when that is further away, or not known."""
    if end is None or end - now > NEAR[-1]:
        return ""
    when = (
        f"ends at {report.moment(end)}, in {report.age(end - now)}" if end > now else f"ended at {report.moment(end)}"
    )
    return (
        f"The access token {when}; from then on Canvas refuses every request. Make a new one in Canvas (Account,"
        " Settings, New Access Token) and put it in place of the old one (CANVAS_API_TOKEN, or the file that"
        " CANVAS_API_TOKEN_FILE names)."
    )
