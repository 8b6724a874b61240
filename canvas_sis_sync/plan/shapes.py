"""The shape of plan.json, as far as it is read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict

from canvas_sis_sync.plan.values import Mode


class KindRecord(TypedDict):
    """One kind in plan.json."""

    kind: str
    rows_before: int
    rows_now: int
    added: int
    changed: int
    removed: int
    already_deleted: int
    mode: Mode
    reason: str
    will_be_removed: int
    turned: Mapping[str, int]
    added_ending: Mapping[str, int]
    changed_columns: Mapping[str, int]
    duplicates_before: int
    duplicates_now: int
    columns_gained: tuple[str, ...]
    columns_lost: tuple[str, ...]


class GroupRecord(TypedDict):
    """One group in plan.json."""

    by: str
    group: str
    kind: str
    rows_before: int
    removed: int
    already_deleted: int
    turned: int


class GoneRecord(TypedDict):
    """A group that vanishes whole, in plan.json."""

    by: str
    group: str


class BreakerRecord(TypedDict):
    """A breaker that tripped, in plan.json."""

    breaker: str
    message: str


class ApprovalRecord(TypedDict):
    """By whom a plan was approved."""

    at: str
    who: str
    reason: str


class PlanRecord(TypedDict):
    """What of plan.json is shown again."""

    about: str
    against: str
    kinds: tuple[KindRecord, ...]
    groups: tuple[GroupRecord, ...]
    dependants: Mapping[str, int | None]
    breakers: tuple[BreakerRecord, ...]
    gone: tuple[GoneRecord, ...]
    asked: tuple[str, ...]
    notes: tuple[str, ...]
    unchanged: bool
    verdict: Literal["go", "hold"]
    approval: ApprovalRecord | None
