"""The states of a batch, and which may follow which."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class State(StrEnum):
    """Where a batch stands. The words are kept for good: journal, receipts and `--json` carry them."""

    CLAIMED = "claimed"
    PACKED = "packed"
    SENDING = "sending"
    IMPORTING = "importing"
    REFUSED = "refused"
    HELD = "held"
    REJECTED = "rejected"
    IMPORTED = "imported"
    IMPORTED_WITH_MESSAGES = "imported_with_messages"
    NOT_ACCEPTED = "not_accepted"
    FAILED = "failed"
    FAILED_WITH_MESSAGES = "failed_with_messages"
    ABORTED = "aborted"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    DISCARDED = "discarded"
    RETRIED = "retried"


UNSENT = frozenset({State.CLAIMED, State.PACKED})
"""Under way, nothing sent."""


IN_FLIGHT = frozenset({State.SENDING, State.IMPORTING})
"""Canvas may have it, or has it."""


OPEN = UNSENT | IN_FLIGHT
"""A later run goes on with these."""


HOLDING = frozenset(
    {
        State.REFUSED,
        State.HELD,
        State.REJECTED,
        State.NOT_ACCEPTED,
        State.FAILED,
        State.FAILED_WITH_MESSAGES,
        State.ABORTED,
    }
)
"""Nothing is sent until somebody acts."""


ACCEPTED = frozenset({State.IMPORTED, State.IMPORTED_WITH_MESSAGES})
"""Canvas has applied it."""


TRANSITIONS: Mapping[State, frozenset[State]] = {
    State.CLAIMED: frozenset({State.PACKED, State.HELD, State.REFUSED, State.DISCARDED}),
    State.PACKED: frozenset({State.SENDING, State.HELD, State.REFUSED, State.UNCHANGED, State.DISCARDED}),
    State.SENDING: frozenset({State.IMPORTING, State.PACKED, State.REJECTED, State.RETRIED}),
    State.IMPORTING: ACCEPTED | {State.NOT_ACCEPTED, State.FAILED, State.FAILED_WITH_MESSAGES, State.ABORTED},
    State.REFUSED: frozenset({State.SKIPPED, State.DISCARDED, State.RETRIED}),
    State.HELD: frozenset({State.CLAIMED, State.PACKED, State.DISCARDED}),
    State.REJECTED: frozenset({State.RETRIED, State.DISCARDED}),
    State.IMPORTED: frozenset(),
    State.IMPORTED_WITH_MESSAGES: frozenset(),
    State.NOT_ACCEPTED: frozenset({State.SKIPPED, State.RETRIED}),
    State.FAILED: frozenset({State.SKIPPED, State.RETRIED}),
    State.FAILED_WITH_MESSAGES: frozenset({State.SKIPPED, State.RETRIED}),
    State.ABORTED: frozenset({State.SKIPPED, State.RETRIED}),
    State.UNCHANGED: frozenset(),
    State.SKIPPED: frozenset(),
    State.DISCARDED: frozenset(),
    State.RETRIED: frozenset(),
}
"""Which state may follow which (docs/life-of-a-batch.md)."""
