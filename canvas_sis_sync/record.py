"""A batch as JSON: the one form in which journal and receipts keep it.

What is written here is read by later versions too: fields are added, never renamed. Reading passes over fields it
does not know and fills missing ones with their defaults. Fields whose metadata call them secret are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from canvas_sis_sync.model import (
    Approval,
    Attachment,
    Basis,
    Batch,
    DropFile,
    DropKind,
    Entry,
    Planned,
    Release,
    SisImport,
    State,
    Step,
    Target,
)

Value = TypeVar("Value")


def to_record(value: Any) -> Any:
    """Turn a value of `model` into what json can write."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: to_record(getattr(value, name)) for name in _kept(value)}
    if isinstance(value, tuple | list | frozenset):
        return [to_record(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_record(item) for key, item in value.items()}
    return value


def batch_from_record(record: Mapping[str, Any]) -> Batch:
    """Read a batch back; raises KeyError, TypeError or ValueError when the record is not one."""
    plain = _known(Batch, record)
    plain["state"] = State(record["state"])
    plain["drop_kind"] = DropKind(record["drop_kind"])
    plain["target"] = Target(**_known(Target, record["target"]))
    plain["sis_import"] = import_from_record(record.get("sis_import"))
    plain["files"] = _many(DropFile, record.get("files"))
    plain["entries"] = _many(Entry, record.get("entries"))
    plain["strays"] = tuple(record.get("strays") or ())
    plain["choices"] = tuple(record.get("choices") or ())
    plain["notes"] = tuple(record.get("notes") or ())
    plain["basis"] = _basis_from_record(record.get("basis"))
    plain["planned"] = Planned(**_known(Planned, record["planned"])) if record.get("planned") else None
    plain["approval"] = _approval_from_record(record.get("approval"))
    plain["releases"] = tuple(
        Release(**_known(Release, each) | {"target": Target(**_known(Target, each["target"]))})
        for each in record.get("releases") or ()
    )
    plain["steps"] = tuple(
        Step(step["at"], State(step["state"]), step["who"], step["reason"]) for step in record.get("steps") or ()
    )
    return Batch(**plain)


def import_from_record(record: Mapping[str, Any] | None) -> SisImport | None:
    """Read Canvas's record of an import back, None for none."""
    if record is None:
        return None
    plain = _known(SisImport, record)
    for name in ("supplied", "attachments"):
        if plain.get(name) is not None:
            plain[name] = tuple(plain[name])
    if plain.get("attachments") is not None:
        plain["attachments"] = _many(Attachment, plain["attachments"])
    for name in ("processing_errors", "processing_warnings"):
        plain[name] = tuple((file, message) for file, message in plain.get(name) or ())
    return SisImport(**plain)


def _basis_from_record(record: Mapping[str, Any] | None) -> Basis | None:
    if record is None:
        return None
    return Basis(**_known(Basis, record) | {"target": Target(**_known(Target, record["target"]))})


def _approval_from_record(record: Mapping[str, Any] | None) -> Approval | None:
    if record is None:
        return None
    remembered = tuple((by, name) for by, name in record.get("remembered") or ())
    return Approval(
        **_known(Approval, record) | {"basis": _basis_from_record(record["basis"]), "remembered": remembered}
    )


def _known(kind: type[Any], record: Mapping[str, Any]) -> dict[str, Any]:
    names = _kept(kind)
    return {name: value for name, value in record.items() if name in names}


def _kept(kind: Any) -> list[str]:
    return [field.name for field in fields(kind) if not field.metadata.get("secret")]


def _many(kind: type[Value], records: Any) -> tuple[Value, ...]:
    return tuple(kind(**_known(kind, record)) for record in records or ())
