"""Rows that hang on objects which Canvas would delete: it deletes sections and enrollments with them (DIFF 9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import repeat

from canvas_sis_sync.plan.changes._differences import GONE_LIMIT, KindTally, Places
from canvas_sis_sync.plan.changes._layout import Columns
from canvas_sis_sync.plan.changes._reading import Look, Side
from canvas_sis_sync.plan.changes._statuses import DELETED, ending
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import OWNERS

_KEPT = {"course", "section", "user"}


class Dependants:
    """Counts the rows before that hang on what is gone, kind by kind in the order of import."""

    def __init__(self) -> None:
        #: By kind; None where too much is gone to be kept.
        self.counts: dict[str, int | None] = dict.fromkeys(OWNERS, 0)
        self._gone: dict[str, set[str]] = {}
        self._gone_integrations: set[str] = set()

    def note(self, kind: Kind, tally: KindTally, before: Side) -> None:
        """Note what of a kind is gone, and how many of its rows hang on what was noted earlier."""
        if kind.name in OWNERS:
            self.counts[kind.name] = None if self._is_too_much(kind) else before.dependants
        if kind.name in _KEPT:
            self._gone[kind.name] = tally.gone - {""}
        if kind.name == "user":
            self._gone_integrations = tally.gone_integrations - {""}

    def _is_too_much(self, kind: Kind) -> bool:
        return sum(len(self._gone.get(owner, ())) for owner in OWNERS[kind.name]) > GONE_LIMIT

    def look(self, kind: Kind, columns: Sequence[str], places: Places | None) -> Look | None:
        """Give what counts the rows of a kind with these columns that hang on what is gone; ended rows do not."""
        if kind.name not in OWNERS or self._is_too_much(kind):
            return None
        wanted = self._wanted(kind, columns, places)

        def look(side: Side, rows: Columns) -> None:
            cells = [(cells_of(rows), ids) for cells_of, ids in wanted]
            hits = [map(ids.__contains__, values) for values, ids in cells if not ids.isdisjoint(values)]
            if hits:
                statuses = rows.get("status") or repeat("")
                hanging = zip(map(any, zip(*hits, strict=True)), statuses, strict=False)
                side.dependants += sum(1 for hangs, status in hanging if hangs and ending(kind, status) != DELETED)

        return look if wanted else None

    def _wanted(
        self, kind: Kind, columns: Sequence[str], places: Places | None
    ) -> list[tuple[Callable[[Columns], Sequence[str]], set[str]]]:
        wanted = [(places, self._gone.get("course", set()))] if places else []
        if kind.name == "enrollment":
            of_columns = {
                "section_id": self._gone.get("section", set()),
                "user_id": self._gone.get("user", set()),
                "user_integration_id": self._gone_integrations,
            }
            wanted += [(_column(name), ids) for name, ids in of_columns.items() if name in columns]
        return [(cells_of, ids) for cells_of, ids in wanted if ids]


def _column(name: str) -> Callable[[Columns], Sequence[str]]:
    return lambda rows: rows[name]
