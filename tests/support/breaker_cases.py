"""Changes for the tests of breakers, and a short way to have them judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.plan.breakers.case import Case
from canvas_sis_sync.plan.breakers.limits import Limit
from canvas_sis_sync.plan.breakers.registry import judge
from canvas_sis_sync.plan.changes.batch_mode import predict_batch_mode
from canvas_sis_sync.plan.values import Changes, Effect, GroupChanges, KindChanges, Mode, Prediction, Tripped

NOW = datetime(2031, 12, 22, 3, 0, tzinfo=UTC).timestamp()
DIFFING = Case(options=ImportOptions({"diffing_data_set_identifier": "sis"}), now=NOW)
BATCH = Case(options=ImportOptions({"batch_mode": "true", "batch_mode_term_id": "sis_term_id:F31"}), now=NOW)
LIMITS = {kind: Limit(percent=10, count=5000) for kind in ("term", "course", "section", "enrollment", "login")}
LIMITS |= {"user": Limit(percent=2), "change_sis_id": Limit()}

LAST_TERM = (
    GroupChanges("term", "F30", "course", 60, 60, removed_by_term={"F30": 60}),
    GroupChanges("term", "F30", "enrollment", 40_000, 40_000, ended=10, removed_by_term={"F30": 39_990}),
)
THE_REST = (
    KindChanges("course", rows_before=120, rows_now=120, removed=60),
    KindChanges("enrollment", rows_before=98_000, rows_now=98_000, removed=40_100, ended=10),
)


def kind(name: str, before: int = 1000, **values: Any) -> KindChanges:
    return KindChanges(name, **({"rows_before": before, "rows_now": before} | values))


def judged(
    *kinds: KindChanges,
    case: Case = DIFFING,
    prediction: Prediction | None = None,
    limits: Mapping[str, Limit] = LIMITS,
    **changes: Any,
) -> tuple[Tripped, ...]:
    """Judge changes in a courses' world where the only term is F31."""
    known = {"course_terms_before": frozenset({"F31"}), "course_terms_now": frozenset({"F31"})}
    changed = Changes(kinds, **(known | changes))
    prediction = replace(prediction or Prediction(), scope=predict_batch_mode(changed, case.options).scope)
    return judge(replace(case, changes=changed, prediction=prediction, limits=limits))


def asking(case: Case, **parameters: str) -> Case:
    return replace(case, options=ImportOptions({**case.options.parameters, **parameters}))


def ids(tripped: tuple[Tripped, ...]) -> list[str]:
    return [each.breaker for each in tripped]


def predicted(**removed: int) -> Prediction:
    return Prediction(tuple(Effect(name, Mode.DIFFED, "", count) for name, count in removed.items()))
