"""What a sandbox with a folder of its own remembers when it is started again: imports, files and ids.

Owns `imports.json` in that folder. Rows need no help, they are in the database.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from canvas_sis_sync.sandbox._records import Import, Message, StoredFile
from canvas_sis_sync.sandbox._state import State

_NAME = "imports.json"
_SEQUENCES = ("import", "file", "message", "progress")
"""Users and roles are made anew at each start and must get the same ids again."""
_RUNNING = frozenset({"importing", "cleanup_batch", "restoring"})


def save(state: State) -> None:
    """Write everything down, replacing what was written before."""
    with state.changed:
        remembered = {
            "last_ids": state.last_ids,
            "files": [asdict(file) for file in state.files.values()],
            "imports": [asdict(record) for record in state.imports.values()],
        }
        text = json.dumps(remembered, default=str, indent=1)
        draft = state.folder / f"{_NAME}.new"
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, state.folder / _NAME)  # noqa: PTH105 - the call that replaces on every system


def load(state: State) -> None:
    """Read what an earlier sandbox wrote down, if any. What was running when it ended has failed."""
    path = state.folder / _NAME
    if not path.exists():
        return
    remembered = json.loads(path.read_text(encoding="utf-8"))
    for name in _SEQUENCES:
        state.last_ids[name] = remembered["last_ids"].get(name, 0)
    state.files.update({fields["id"]: _file(fields) for fields in remembered["files"]})
    for fields in remembered["imports"]:
        record = _import(fields)
        state.imports[record.id] = record
        if record.workflow_state in _RUNNING:
            state.move(record, "failed")


def _file(fields: dict[str, Any]) -> StoredFile:
    return StoredFile(**{**fields, "path": _path(fields["path"])})


def _files(listed: list[dict[str, Any]] | None) -> list[StoredFile] | None:
    return None if listed is None else [_file(fields) for fields in listed]


def _import(fields: dict[str, Any]) -> Import:
    errors = fields["errors_attachment"]
    nested = {
        "messages": [Message(**message) for message in fields["messages"]],
        "upload": _path(fields["upload"]),
        "attachments": _files(fields["attachments"]),
        "diffed_attachments": _files(fields["diffed_attachments"]),
        "errors_attachment": None if errors is None else _file(errors),
    }
    return Import(**{**fields, **nested})


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
