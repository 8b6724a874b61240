"""What Canvas does with the files of a kind that it takes whole, and with all of them when nothing is derived.

Owns the effect of a kind that is not compared, and which of its rows end what they name.
"""

from __future__ import annotations

from collections.abc import Iterable

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.plan.values import Changes, Effect, KindChanges, Mode, Prediction

NOT_HERE = "not in this delivery"


def predict_plain(changes: Changes, options: ImportOptions) -> Prediction:
    """Say what Canvas does without batch mode and diffing: every row is applied, nothing is removed by omission."""
    return Prediction(whole_kinds(changes.kinds, "imported whole", options))


def whole_kinds(kinds: Iterable[KindChanges], reason: str, options: ImportOptions) -> tuple[Effect, ...]:
    """Give the effects of kinds that are all taken whole for the same reason; `reason` is a clause."""
    return tuple(whole(each, reason, options) for each in kinds)


def whole(each: KindChanges, reason: str, options: ImportOptions, *, removed: int = 0) -> Effect:
    """Give the effect of a kind whose files are imported whole, if the delivery has any."""
    if not each.in_now:
        return Effect(each.kind, Mode.ABSENT, NOT_HERE)
    ending = ending_rows(each, options)
    return Effect(each.kind, Mode.WHOLE, reason, removed=removed, rows=each.rows_now, ending=ending)


def ending_rows(each: KindChanges, options: ImportOptions) -> int:
    """Count the delivery's rows whose status ends what they name; skip_deletes passes over deleted ones (CSV 9)."""
    skipped = each.ending_now.get("deleted", 0) if options.skip_deletes else 0
    return sum(each.ending_now.values()) - skipped
