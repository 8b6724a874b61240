"""What a person reads of an error, as one text for a golden file."""

from __future__ import annotations

from collections.abc import Mapping

from canvas_sis_sync.errors import SyncError


def in_full(error: SyncError) -> str:
    """Return the sentence and the hint of an error."""
    return f"{error.sentence}\n-> {error.hint}" if error.hint else error.sentence


def listed(texts: Mapping[str, str]) -> str:
    """Return several texts below the names of their cases, in the order of the names."""
    return "\n".join(f"[{name}]\n{text}\n" for name, text in sorted(texts.items()))
