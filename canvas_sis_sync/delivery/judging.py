"""May a ready-made zip be believed, and what is in it? Judged by its directory, before anything is decompressed."""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipInfo

from canvas_sis_sync.delivery._records import UTF8_NAME
from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.delivery.reading import WRITE_AGAIN, directory_of, open_entry
from canvas_sis_sync.errors import BadZipError
from canvas_sis_sync.files import open_regular

MOST_ENTRIES = 100_000
"""Folders count (API 9)."""
MOST_BYTES = 50 * 1024**3
"""Decompressed (API 9)."""
HIGHEST_RATIO = 100
"""Decompressed bytes for each byte of the zip (API 9)."""

ENCRYPTED = 0x1 | 0x40 | 0x2000
OUTSIDE = re.compile(r"(^|[/\\])\.\.([/\\]|$)|[\x00-\x1f]")
"""Going up, or with characters that no file name should have."""
ROOT = re.compile(r"^(?:[A-Za-z]:/*|/+)")
"""What makes a name an absolute one, as some tools of Windows write it."""
NOWHERE = re.compile(r"(?:(?<=/)|^)\.?/+")
HIDDEN = re.compile(r"(^|/)(\.|__MACOSX(/|$)|Desktop D[BF]$)")
"""What Canvas ignores silently (API 9)."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a ready-made zip holds."""

    #: The CSVs that Canvas would read. Reading one raises BadZipError when it is not what the zip says it is.
    files: tuple[DeliveryFile, ...]
    #: Names of what Canvas ignores silently: hidden and empty files, folders (API 9).
    ignored: tuple[str, ...]
    #: Names of all other files: Canvas ignores each with a message.
    foreign: tuple[str, ...]
    #: True when there is nothing but CSVs (and folders), so that the zip may be sent byte for byte.
    plain: bool


def look_into(path: Path) -> Contents:
    """Return what the zip at `path` holds.

    Raises BadZipError when it cannot be believed: not a whole zip, encrypted, compressed with anything but deflate,
    names that lead outside, symbolic links, duplicates, no CSV, or beyond Canvas's limits (API 9). Raises OSError when
    it cannot be opened.
    """
    infos = directory_of(path)
    for info in infos:
        fault = _fault(info)
        if fault:
            raise BadZipError(f"{path.name} cannot be sent: {_shown(info)} {fault}.", WRITE_AGAIN)
    _refuse_duplicates(path, map(_place, infos))
    total = sum(info.file_size for info in infos)
    refuse_beyond_limits(path.name, len(infos), total)
    if total > HIGHEST_RATIO * path.stat().st_size:
        sentence = f"{path.name} is more than {HIGHEST_RATIO} times smaller than its contents, which Canvas refuses."
        raise BadZipError(sentence, "Have the zip written without compression and deliver it again.")
    return _sorted_out(path, infos)


def refuse_beyond_limits(name: str, entries: int, size: int) -> None:
    """Raise BadZipError when Canvas would not unpack that many entries or bytes (API 9)."""
    if entries > MOST_ENTRIES:
        sentence = f"{name} has {entries:,} files and folders; Canvas takes {MOST_ENTRIES:,}."
        raise BadZipError(sentence, "Deliver fewer files.")
    if size > MOST_BYTES:
        sentence = f"{name} is {size / 1024**3:.1f} GiB decompressed; Canvas takes {MOST_BYTES // 1024**3} GiB."
        raise BadZipError(sentence, "Deliver it in parts.")


def _fault(info: ZipInfo) -> str:
    """Return why the entry cannot be believed, "" when it can."""
    if OUTSIDE.search(info.orig_filename):
        return "has a name that leads outside the zip"
    if info.flag_bits & ENCRYPTED:
        return "is encrypted"
    if info.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        return "is compressed in a way that Canvas cannot read"
    if stat.S_ISLNK(info.external_attr >> 16):
        return "is a symbolic link"
    return ""


def _shown(info: ZipInfo) -> str:
    """Return the name without characters that would disturb a terminal."""
    return "".join(each if each.isprintable() else "?" for each in info.orig_filename)


def _place(info: ZipInfo) -> str:
    """Return where in the zip an entry is: tools of Windows write backslashes as separators, and absolute names.

    A part that is a single dot, or empty, leads nowhere, and hides nothing.
    """
    return NOWHERE.sub("", ROOT.sub("", info.filename.replace("\\", "/")))


def _refuse_duplicates(path: Path, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            sentence = f"{path.name} cannot be sent: it holds {name} {count} times, and Canvas would read one of them."
            raise BadZipError(sentence, WRITE_AGAIN)


def _sorted_out(path: Path, infos: tuple[ZipInfo, ...]) -> Contents:
    files, ignored, foreign = [], [], []
    plain = _starts_as_zip(path)
    for info in infos:
        name = _place(info)
        is_csv = name.lower().endswith(".csv")
        hidden = HIDDEN.search(name) is not None
        is_folder = name.endswith("/") or not name
        plain &= is_folder or (is_csv and not hidden and _name_is_certain(info))
        if hidden or is_folder or not info.file_size:
            ignored.append(name)
        elif is_csv:
            files.append(DeliveryFile(name, info.file_size, partial(open_entry, path, info)))
        else:
            foreign.append(name)
    if not files:
        raise BadZipError(f"{path.name} holds no CSV file with anything in it.", WRITE_AGAIN)
    return Contents(tuple(files), tuple(ignored), tuple(foreign), plain)


def _name_is_certain(info: ZipInfo) -> bool:
    """Return whether Canvas reads the name as we do."""
    return info.filename == _place(info) and (info.filename.isascii() or bool(info.flag_bits & UTF8_NAME))


def _starts_as_zip(path: Path) -> bool:
    """Return whether Canvas, which looks at the first bytes, takes it for a zip."""
    with open_regular(path) as file:
        return file.read(4) == b"PK\x03\x04"
