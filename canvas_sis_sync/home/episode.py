"""A trouble that lasts over several runs, as the journal keeps it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Episode:
    """A trouble that lasts over several runs."""

    subject: str
    reason: str
    began_at: float
    #: Runs that met it so far.
    runs: int
    #: When it was last reported, None when it never was.
    told_at: float | None
