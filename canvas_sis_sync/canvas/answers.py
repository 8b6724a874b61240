"""Canvas's JSON read into values, trusting nothing (API 5).

Numbers may come as text, fields may be missing or null, lists may be single objects, unknown keys are passed over.
What cannot be read without guessing raises `Unreadable`, which `client` turns into a lost answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from canvas_sis_sync.canvas._bodies import Unreadable
from canvas_sis_sync.canvas.options import ECHOES
from canvas_sis_sync.canvas.records import Attachment, ImportMessage, SisImport

MOST_RECORDS = 10_000
"""How many records a page may have: Canvas gives 50, and each takes memory."""

_WHOLE_NUMBER = re.compile("-?[0-9]{1,19}")


@dataclass(frozen=True, slots=True)
class User:
    """The token's user."""

    id: int
    name: str
    #: None when Canvas does not show it.
    sis_user_id: str | None = None
    #: What answers is no Canvas but the sandbox of this program.
    is_sandbox: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """A Canvas account."""

    id: int
    name: str
    #: The root account above it, None when it is a root account itself.
    root: int | None


@dataclass(frozen=True, slots=True)
class Offer:
    """Where the data of an announced import go (API 10). Address and fields are signed: treat them as secret."""

    url: str = field(repr=False)
    #: Sent unchanged and in this order before the file.
    fields: tuple[tuple[str, str], ...] = field(repr=False)
    #: Name of the form part that holds the file.
    file_field: str = "file"


def parse_user(answer: Any) -> User:
    """Read `users/self`."""
    record = _record(answer, "user")
    return User(
        _id(record, "user"),
        _text(record.get("name")) or "",
        _text(record.get("sis_user_id")),
        is_sandbox=record.get("sandbox") is True,
    )


def parse_token_end(answer: Any) -> float | None:
    """Read when a token ends from `users/self/tokens/:id`, None when it does not or that cannot be read."""
    return _epoch(_record(answer, "token").get("expires_at"))


def parse_account(answer: Any) -> Account:
    """Read `accounts/:id`."""
    record = _record(answer, "account")
    root = None if record.get("root_account_id") is None else _id(record, "root account", "root_account_id")
    return Account(_id(record, "account"), _text(record.get("name")) or "", root)


def parse_role_names(answer: Any) -> list[str]:
    """Read one page of `accounts/:id/roles`: the names by which a CSV may call the roles."""
    records = _listed(answer, "roles")
    names = (_text(_mapping(record).get(key)) for record in records for key in ("role", "label"))
    return [name for name in names if name]


def parse_imports(answer: Any) -> list[SisImport]:
    """Read one page of imports, in its order. One unreadable record makes the page unreadable."""
    return [parse_import(record) for record in _listed(answer, "sis_imports")]


def parse_import(answer: Any) -> SisImport:
    """Read one SisImport (API 5). Only the id is indispensable."""
    record = _record(answer, "SIS import")
    data = _mapping(record.get("data"))
    against = _id_or_none(data.get("diffed_against_sis_batch_id"))
    return SisImport(
        id=_id(record, "SIS import"),
        workflow_state=_text(record.get("workflow_state")) or "unknown",
        created_at=_epoch(record.get("created_at")),
        ended_at=_text(record.get("ended_at")),
        progress=_integer(record.get("progress")),
        user_id=_id_or_none(_mapping(record.get("user")).get("id")),
        supplied=_supplied(data.get("supplied_batches")),
        counts=_counts(data.get("counts")),
        statistics=_mapping(data.get("statistics")),
        attachments=_attachments(record.get("csv_attachments")),
        has_errors_attachment=bool(record.get("errors_attachment")),
        processing_errors=_pairs(record.get("processing_errors")),
        processing_warnings=_pairs(record.get("processing_warnings")),
        error_message=_text(data.get("error_message")),
        options={name: record[name] for name in ECHOES if name in record},
        diffed_against=_id_or_none(record.get("diffed_against_import_id")) if against is None else against,
        threshold_exceeded=record.get("diffing_threshold_exceeded") is True,
    )


def parse_messages(answer: Any) -> list[ImportMessage]:
    """Read one page of an import's messages, in its order. `row_info` is left out: it can hold passwords."""
    return [_message(_mapping(record)) for record in _listed(answer, "sis_import_errors")]


def parse_announced(answer: Any) -> tuple[SisImport, Offer | None]:
    """Read the answer to an announcement: the import and where its data go, None if Canvas offers nothing."""
    return parse_import(answer), _offer(_mapping(answer.get("pre_attachment")))


def parse_date(header: str | None) -> float | None:
    """Read a Date header as seconds since the epoch, None when there is none or it is unreadable."""
    return _epoch(header, parsedate_to_datetime)


def _record(answer: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(answer, Mapping):
        raise Unreadable(f"something that is not a {what}")
    return answer


def _listed(answer: Any, key: str) -> list[Any]:
    listed = answer.get(key) if isinstance(answer, Mapping) else answer
    if isinstance(listed, Mapping):
        return [listed]
    if not isinstance(listed, list):
        raise Unreadable(f"something that is not a list of {key}")
    if len(listed) > MOST_RECORDS:
        raise Unreadable(f"a page of more than {MOST_RECORDS:,} records")
    return listed


def _id(record: Mapping[str, Any], what: str, key: str = "id") -> int:
    number = _id_or_none(record.get(key))
    if number is None:
        raise Unreadable(f"a {what} without an id")
    return number


def _id_or_none(value: Any) -> int | None:
    number = _integer(value)
    return number if number is not None and number > 0 else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _integer(value: Any) -> int | None:
    """Read a number of 64 bits, which may come as text; None for anything else, fractions and True too."""
    if isinstance(value, str) and _WHOLE_NUMBER.fullmatch(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if -(1 << 63) <= value < 1 << 63 else None


def _epoch(text: Any, parse: Callable[[str], datetime] = datetime.fromisoformat) -> float | None:
    """Return seconds since the epoch, in UTC where no time zone is named; None for what cannot be read."""
    try:
        moment = parse(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _supplied(value: Any) -> tuple[str, ...] | None:
    return tuple(kind for kind in value if isinstance(kind, str)) if isinstance(value, list) else None


def _counts(value: Any) -> dict[str, int]:
    numbers = {name: _integer(count) for name, count in _mapping(value).items()}
    return {name: count for name, count in numbers.items() if count is not None}


def _attachments(value: Any) -> tuple[Attachment, ...] | None:
    """None, which means "not known yet", also when one of them has no name: half a list would look like all of it."""
    files = [value] if isinstance(value, Mapping) else value
    if not isinstance(files, list):
        return None
    found = [_attachment(_mapping(file)) for file in files]
    return tuple(found) if all(attachment.name for attachment in found) else None


def _attachment(file: Mapping[str, Any]) -> Attachment:
    name = _text(file.get("display_name")) or _text(file.get("filename")) or ""
    return Attachment(name, _integer(file.get("size")), _text(file.get("url")))


def _pairs(value: Any) -> tuple[tuple[str | None, str], ...]:
    return tuple(_pair(item) for item in value) if isinstance(value, list) else ()


def _pair(item: Any) -> tuple[str | None, str]:
    if isinstance(item, list) and len(item) == 2:
        return _text(item[0]), str(item[1])
    return None, item if isinstance(item, str) else json.dumps(item)


def _message(record: Mapping[str, Any]) -> ImportMessage:
    return ImportMessage(_text(record.get("file")), _text(record.get("message")) or "", _integer(record.get("row")))


def _offer(record: Mapping[str, Any]) -> Offer | None:
    url = _text(record.get("upload_url"))
    if url is None:
        return None
    fields = _mapping(record.get("upload_params")).items()
    texts = tuple((name, _field_text(value)) for name, value in fields)
    return Offer(url, texts, _text(record.get("file_param")) or "file")


def _field_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
