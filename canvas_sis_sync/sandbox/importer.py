"""Carries one import through its states; rows follow."""

from __future__ import annotations

from .records import Import
from .state import State


class Importer:
    """Works on one import."""

    def __init__(self, state: State, record: Import) -> None:
        self.state, self.record = state, record

    def run(self) -> None:
        """Bring the import to its end."""
        self.state.pause(0.05)
        if self.record.workflow_state == "importing":
            self.state.move(self.record, "imported", progress=100, ended_at=self.state.now())
