"""The folder of `plan --output`: the rows that differ, as CSVs by kind. They are people: for their owner only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path

from canvas_sis_sync.errors import UsageError
from canvas_sis_sync.files import make_folder, opener
from canvas_sis_sync.home.archive import wording
from canvas_sis_sync.plain_text import Writer
from canvas_sis_sync.sis_csv.formats import Kind


class RowsFolder:
    """Takes rows as a comparison finds them; `DIR/<kind>/added.csv`, `changed.csv` and `removed.csv`.

    A context manager that closes the files. Raises UsageError for a folder that has something in it, HomeError for one
    that cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        with wording(folder):
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                raise UsageError(f"{folder} is not an empty folder.", "Name one that is empty or does not exist yet.")
            make_folder(folder)
        self.folder = folder
        self._files = ExitStack()
        self._writers: dict[tuple[str, str], Writer] = {}
        self._written: Counter[str] = Counter()

    @property
    def summary(self) -> str:
        """Say how many rows were written, and where."""
        counts = ", ".join(f"{self._written[what]:,} {what}" for what in ("added", "changed", "removed"))
        return f"Rows written to {self.folder}: {counts}."

    def __enter__(self) -> RowsFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, kind: Kind, what: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Take rows that are "added", "changed" or "removed". Raises OSError."""
        place, rows = (kind.name, what), list(rows)
        self._written[what] += len(rows)
        if place not in self._writers:
            self._writers[place] = self._open(*place)
            self._writers[place].add(columns)
        for row in rows:
            self._writers[place].add(row)

    def _open(self, kind: str, what: str) -> Writer:
        make_folder(self.folder / kind)
        path = self.folder / kind / f"{what}.csv"
        return Writer(self._files.enter_context(open(path, "x", encoding="utf-8", newline="", opener=opener)))
