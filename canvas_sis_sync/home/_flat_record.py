"""The record of a batch as it was before it had stages: every field beside every other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

STAGES = {
    "zip": {"zip_name": "name", "zip_size": "size", "zip_sha256": "sha256", "entries": "entries"},
    "assessment": {name: name for name in ("findings", "basis", "limits", "planned")},
    "ending": {name: name for name in ("over_limit", "lets_pass", "errors_complete")},
    "sending": {
        name: name
        for name in (
            "parameters",
            "upload",
            "user_id",
            "sent_at",
            "cut_after",
            "lost_uploads",
            "lost_since",
            "lost_since_here",
            "announced_above",
            "perhaps_sent",
            "choices",
        )
    },
}
"""By stage the fields that belong to it, by the names that they had."""
GONE = ("refused_rows", "contradictions", "import_id")
"""What check.json has too, and the id that Canvas's record has too."""
NOT_ENDED = ("claimed", "packed", "sending", "importing", "held")


def text_in_stages(text: Any) -> Any:
    """Return a record, as the journal keeps it, with stages; what is no JSON as it is."""
    try:
        return json.dumps(in_stages(json.loads(text)))
    except (ValueError, TypeError, RecursionError):
        return text


def in_stages(record: Any) -> Any:
    """Return the record of a batch with stages; anything else as it is. What the values are is judged by who reads."""
    if not isinstance(record, Mapping) or "zip" in record:
        return record
    moved = {*GONE, *(old for fields in STAGES.values() for old in fields)}
    staged = {name: value for name, value in record.items() if name not in moved}
    for stage, fields in STAGES.items():
        found = {new: record[old] for old, new in fields.items() if old in record}
        staged[stage] = found if any(found.values()) else None
    if record.get("import_id") is not None and record.get("sis_import") is None:
        staged["sis_import"] = {"id": record["import_id"], "workflow_state": ""}
    if record.get("state") in NOT_ENDED:
        staged["ending"] = None
    if not record.get("zip_sha256") and not record.get("zip_size"):  # no zip for Canvas could be made
        staged |= {"zip": None, "kept_zip": record.get("zip_name", "")}
    return staged
