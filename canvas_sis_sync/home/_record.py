"""A batch as JSON: the one form in which journal and receipts keep it, and the check of whatever is read back.

What is written here is read by later versions too: fields are added, never renamed (`_flat_record` reads the records of
before there were stages). Reading passes over fields it does not know and fills missing ones with their defaults.
Fields whose metadata call them secret are left out. The types of the model's fields say what a record may hold, `RULES`
what its values may be; nothing that breaks them is used, whoever wrote it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from pathlib import PurePosixPath, PureWindowsPath
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints, is_typeddict

from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.delivery.files import Entry
from canvas_sis_sync.errors import RecordError
from canvas_sis_sync.home._flat_record import in_stages
from canvas_sis_sync.home.batch import Batch, Release, Step
from canvas_sis_sync.home.drops import DropFile
from canvas_sis_sync.home.episode import Episode
from canvas_sis_sync.home.stages import Sending, Zip
from canvas_sis_sync.plan.values import Approval, Basis

Value = TypeVar("Value")
Reader = Callable[[Any], Any]
"""Turns what json has read into a value of a type; raises RecordError."""

LARGEST = 2**63 - 1
"""What SQLite and Canvas's database can count to."""
YEAR_10000 = 253_402_300_800.0
"""Seconds since the epoch; beyond it a time has no date."""
DEEPEST = 24
"""Levels of Canvas's own objects that are kept. Ours and those of the API have fewer."""
BATCH_ID = re.compile(r"\d{8}-\d{6}(-\d{3,9})?", re.ASCII)


def to_record(value: Any, depth: int = 0) -> Any:
    """Turn a value of `model` into what json can write.

    Of Canvas's own objects, what lies too deep or is no finite number becomes null: a record must be readable again.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth > DEEPEST:
        return None
    if hasattr(value, "__dataclass_fields__"):
        return {field.name: to_record(getattr(value, field.name), depth + 1) for field in _kept(value)}
    if isinstance(value, tuple | list | frozenset):
        return [to_record(item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {str(key): to_record(item, depth + 1) for key, item in value.items()}
    return value


def _kept(kind: Any) -> list[Any]:
    return [field for field in fields(kind) if not field.metadata.get("secret")]


def parse(text: str | bytes) -> Any:
    """Read JSON. Raises RecordError for anything else, also what is nested too deep and numbers that are none."""
    try:
        return json.loads(text, parse_constant=_no_number)
    except RecursionError:
        raise RecordError("is nested too deep") from None
    except (ValueError, TypeError):
        raise RecordError("is not JSON") from None


def read(kind: Any, found: Any) -> Any:
    """Read a value of a type of the model (or a TypedDict) from what json has read. Raises RecordError."""
    reader: Reader = _reader(kind)
    return reader(found)


def batch_from_record(record: Any) -> Batch:
    """Read a batch back, also from a record of before it had stages. Raises RecordError when the record is not one."""
    batch: Batch = read(Batch, in_stages(record))
    return batch


def _no_number(name: str) -> float:
    raise ValueError(name)


# --- what values may be: each rule gives what is wrong, "" when nothing is -------------------------------------------


def _batch_id(text: str) -> str:
    return "" if BATCH_ID.fullmatch(text) else "is not the id of a batch (YYYYMMDD-HHMMSS)"


def _batch_id_or_none(text: str) -> str:
    return _batch_id(text) if text else ""


def _path(text: str) -> str:
    """Judge a path below a folder: as it would be understood on any system, it must stay there."""
    windows, posix = PureWindowsPath(text), PurePosixPath(text)
    if "\0" in text or not _is_utf8(text):
        return "has a name that no file can have, or one that is not UTF-8"
    if windows.drive or windows.root or posix.is_absolute() or ".." in {*windows.parts, *posix.parts}:
        return "has a name that leads out of its folder"
    return "" if posix.name else "has no name"


def _name(text: str) -> str:
    return _path(text) or ("has a name that leads into a folder" if "/" in text else "")


def _zip_name(text: str) -> str:
    """Judge the name of a zip, which this program gives: other than those of an export it has no control characters."""
    return _name(text) if text.isprintable() else "has a name with control characters"


def _zip_name_or_none(text: str) -> str:
    return _zip_name(text) if text else ""


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeError:
        return False
    return True


def _count(number: int) -> str:
    return "" if 0 <= number <= LARGEST else "is not a number from 0 to 2^63"


def _counts(numbers: tuple[int, ...]) -> str:
    return next(filter(None, map(_count, numbers)), "")


def _signed(number: int) -> str:
    return "" if -LARGEST <= number <= LARGEST else "is not a number below 2^63"


def _time(seconds: float) -> str:
    return "" if 0 <= seconds < YEAR_10000 else "is not a time from 1970 to the year 9999"


RULES: Mapping[tuple[type, str], Callable[[Any], str]] = {
    (Target, "account_id"): _count,
    (Batch, "id"): _batch_id,
    (Batch, "retry_of"): _batch_id,
    (Batch, "remaster_of"): _batch_id,
    (Batch, "drop_name"): _name,
    (Batch, "kept_zip"): _zip_name_or_none,
    (Zip, "name"): _zip_name,
    (Zip, "size"): _count,
    (Batch, "mark"): _count,
    (Sending, "user_id"): _count,
    (Batch, "strays"): _counts,
    (Batch, "claimed_at"): _time,
    (Sending, "sent_at"): _time,
    (Sending, "lost_since"): _time,
    (Sending, "lost_since_here"): _time,
    (Sending, "announced_above"): _count,
    (Sending, "choices"): _counts,
    (Sending, "lost_uploads"): _count,
    (Sending, "cut_after"): _time,
    (DropFile, "name"): _path,
    (DropFile, "size"): _count,
    (DropFile, "mtime_ns"): _signed,
    (Entry, "name"): _path,
    (Entry, "size"): _count,
    (Entry, "crc32"): _count,
    (Entry, "rows"): _count,
    (SisImport, "id"): _count,
    (Basis, "before"): _batch_id_or_none,
    (Basis, "base_import"): _count,
    (Release, "import_id"): _count,
    (Release, "at"): _time,
    (Approval, "at"): _time,
    (Step, "at"): _time,
    (Episode, "began_at"): _time,
    (Episode, "runs"): _count,
    (Episode, "told_at"): _time,
}
"""By type and field, for values that are not None. What Canvas alone counts is taken as it says it."""


# --- how a type is read ----------------------------------------------------------------------------------------------


@cache
def _reader(kind: Any) -> Reader:
    """Make the reader of a type once."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda found: found
    if origin is Literal:
        return _one_of(inner)
    if origin is UnionType:
        return _optional(_reader(next(each for each in inner if each is not NoneType)))
    if origin is tuple:
        return _items(_reader(inner[0])) if inner[-1] is Ellipsis else _fixed(tuple(map(_reader, inner)))
    if origin is not None:
        return _mapping(_reader(inner[1]))
    if is_dataclass(kind):
        return _object(kind)
    if is_typeddict(kind):
        return _shape(kind)
    return _word(kind) if issubclass(kind, StrEnum) else _plain(kind)


def _plain(kind: type) -> Reader:
    words = {str: "is not a text", int: "is not a whole number", bool: "is neither true nor false"}

    def plain(found: Any) -> Any:
        if type(found) is not kind:
            raise RecordError(words[kind])
        return found

    return _number if kind is float else plain


def _number(found: Any) -> float:
    if type(found) not in {int, float} or not abs(found) < math.inf or abs(found) > LARGEST:
        raise RecordError("is not a number")
    return float(found)


def _word(kind: type[StrEnum]) -> Reader:
    def word(found: Any) -> StrEnum:
        try:
            return kind(found)
        except ValueError:
            raise RecordError("is not one that this version knows") from None

    return word


def _one_of(words: tuple[str, ...]) -> Reader:
    def word(found: Any) -> str:
        if found not in words:
            raise RecordError(f"is none of {', '.join(words)}")
        return str(found)

    return word


def _optional(reader: Reader) -> Reader:
    return lambda found: None if found is None else reader(found)


def _items(reader: Reader) -> Reader:
    def items(found: Any) -> tuple[Any, ...]:
        if not isinstance(found, list | tuple):
            raise RecordError("is not a list")
        return tuple(_at(f"[{number}]", reader, item) for number, item in enumerate(found))

    return items


def _fixed(readers: tuple[Reader, ...]) -> Reader:
    def fixed(found: Any) -> tuple[Any, ...]:
        if not isinstance(found, list | tuple) or len(found) != len(readers):
            raise RecordError(f"is not a list of {len(readers)}")
        return tuple(reader(item) for reader, item in zip(readers, found, strict=True))

    return fixed


def _mapping(reader: Reader) -> Reader:
    def mapping(found: Any) -> dict[str, Any]:
        if not isinstance(found, Mapping) or not all(type(name) is str for name in found):
            raise RecordError("is not an object")
        return {name: reader(item) for name, item in found.items()}

    return mapping


def _object(kind: Any) -> Reader:
    hints = get_type_hints(kind)
    parts = [
        (field.name, _reader(hints[field.name]), RULES.get((kind, field.name)), _has_default(field))
        for field in _kept(kind)
    ]

    def record(found: Any) -> Any:
        if not isinstance(found, Mapping):
            raise RecordError("is not an object")
        values = {}
        for name, reader, rule, may_be_missing in parts:
            if name in found:
                values[name] = _at(f".{name}", reader, found[name], rule)
            elif not may_be_missing:
                raise RecordError("is missing", f".{name}")
        return kind(**values)

    return record


def _has_default(field: Any) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _shape(kind: Any) -> Reader:
    parts = [(name, _reader(hint)) for name, hint in get_type_hints(kind).items()]

    def shape(found: Any) -> Any:
        if not isinstance(found, Mapping):
            raise RecordError("is not an object")
        for name, reader in parts:
            if name not in found:
                raise RecordError("is missing", f".{name}")
            _at(f".{name}", reader, found[name])
        return found

    return shape


def _at(place: str, reader: Reader, found: Any, rule: Callable[[Any], str] | None = None) -> Any:
    """Read what lies at a place, which an error names."""
    try:
        value = reader(found)
    except RecordError as error:
        raise RecordError(error.fault, place, *error.place) from None
    fault = rule(value) if rule is not None and value is not None else ""
    if fault:
        raise RecordError(fault, place)
    return value
