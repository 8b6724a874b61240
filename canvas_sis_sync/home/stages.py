"""The stages of a batch, each a value that is None until the batch has reached it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from canvas_sis_sync.delivery.files import Entry
from canvas_sis_sync.plan.values import Basis, Planned

Stage = TypeVar("Stage")


def reached(stage: Stage | None) -> Stage:
    """Return a stage of a batch that must have reached it. Raises ValueError when it has not."""
    if stage is None:
        raise ValueError("the batch has not reached this stage")
    return stage


@dataclass(frozen=True, slots=True)
class Zip:
    """The zip that Canvas gets, written and read back."""

    #: Its name in the batch's folder.
    name: str
    size: int
    sha256: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Assessed:
    """What was found when it was assessed last; check.json and plan.json in the batch's folder say more."""

    #: Places by severity, as check found them.
    findings: Mapping[str, int] = field(default_factory=dict)
    #: What its plan was made of, None without a plan.
    basis: Basis | None = None
    #: The breaker settings of that plan, as a digest: a held batch is assessed again under others.
    limits: str = ""
    #: What Canvas can report of it at most, by that plan.
    planned: Planned | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """The last sending; from the first one on, also when it certainly did not run."""

    #: The import parameters, without the upload's own.
    parameters: Mapping[str, str] = field(default_factory=dict)
    #: "direct" or "two-step"; "" when it is only looked for what may have been sent in another past.
    upload: str = ""
    #: Canvas id of the token's user.
    user_id: int | None = None
    #: When, by this machine's clock; None when it certainly did not run, or in another past.
    sent_at: float | None = None
    #: Seconds that a direct upload lasted whose answer was lost, None when none was.
    cut_after: float | None = None
    #: Direct uploads of the batch, in all sendings, whose answer was lost.
    lost_uploads: int = 0
    #: Canvas's clock at the first look for a lost import, None while nothing is lost.
    lost_since: float | None = None
    #: This machine's clock at that look.
    lost_since_here: float | None = None
    #: The mark of an announcement whose answer was lost: its record may appear above it, and never gets data.
    announced_above: int | None = None
    #: True while it may have been sent in a past that this journal does not know, such as before a restore from backup.
    perhaps_sent: bool = False
    #: Imports that a person was asked to choose from.
    choices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """What is to be known of a batch that is over, or that a person has to close."""

    #: True when it was accepted, but with more refused rows than allowed, and nobody has released it.
    over_limit: bool = False
    #: True when it was refused, and the next batch may go all the same (SIS_SYNC_AFTER_REFUSAL).
    lets_pass: bool = False
    #: False while Canvas's messages have not been fetched in full.
    errors_complete: bool = True
