"""Every command that reads or writes a journal."""

from __future__ import annotations

BATCH = "20260101-000000"


COMMANDS: tuple[tuple[str, ...], ...] = (
    ("run",),
    ("run", "--no-wait", "--json"),
    ("run", "--dry-run"),
    ("status", "--offline"),
    ("skip", BATCH, "--reason", "known"),
    ("discard", BATCH, "--reason", "known"),
    ("discard", "--all-but-newest", "--reason", "known"),
    ("retry", BATCH, "--reason", "known"),
    ("approve", BATCH, "--reason", "known", "--yes"),
    ("plan",),
    ("plan", BATCH),
)
