"""The gate's answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """May the next batch be sent?"""

    GO = "go"
    WAIT = "wait"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The gate's answer."""

    verdict: Verdict
    #: One sentence.
    reason: str
    #: What to type next, for a hold.
    hint: str = ""
    #: The import that the decision is about.
    import_id: int | None = None
    workflow_state: str | None = None
    #: Worth reporting although the gate is open.
    note: str = ""
