"""The statuses that take people or courses away, as Canvas tells them from a cell (CSV 10).

Owns the words deleted, completed and inactive, and which of them is a turn for the worse.
"""

from __future__ import annotations

from functools import lru_cache

from canvas_sis_sync.sis_csv.formats import Column, Kind, Strictness

DELETED = "deleted"
_RANKS = {DELETED: 2, "completed": 1, "inactive": 1, "": 0}


@lru_cache(maxsize=1024)
def ending(kind: Kind, status: str) -> str:
    """Give which of deleted, completed and inactive a status is to Canvas, "" for none that the kind knows.

    `deleted_last_completed` is deleted.
    """
    column = kind.columns.get("status")
    if column is None:
        return ""
    return next((word for word in _RANKS if word in column.allowed and _is(column, status, word)), "")


def _is(column: Column, status: str, word: str) -> bool:
    if column.strictness is Strictness.WHOLE:
        return status.lower() == word
    if column.strictness is Strictness.PREFIX_EXACT_DELETED and word == DELETED:
        return status == word
    return status.lower().startswith(word)


def turn(kind: Kind, before: str, now: str) -> str:
    """Give the word that a row's status turned into, "" when it ended no more than before."""
    word = ending(kind, now)
    return word if _RANKS[word] > _RANKS[ending(kind, before)] else ""
