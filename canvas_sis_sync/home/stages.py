"""The stages of a batch, each a value that is None until the batch has reached it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from canvas_sis_sync.delivery.files import Entry

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
