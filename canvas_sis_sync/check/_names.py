"""What Canvas makes of the names, number and sizes of files before it reads any (CSV 5, API 9)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.delivery.judging import MOST_BYTES, MOST_ENTRIES
from canvas_sis_sync.sis_csv.kinds import KINDS

_HIDDEN = re.compile(r"(^|/)(\.[^./]|\.\.[^/]|__MACOSX(/|$)|Desktop D[BF]$)")
_OUTSIDE = re.compile(r"^/|^[A-Za-z]:|\\|(^|/)\.\.(/|$)")
_WORDS = re.compile(r"[a-z]+")
_NOISE = re.compile(
    "all|canvas|csv|current|daily|data|delta|diff|export|extract|feed|file|final|full|import|lms|nightly|new|prod"
    "|production|sis|test|upload"
)
"""Words in a file's name that say nothing about its kind."""
_KINDS_BY_NAME = {
    form: kind.name for kind in KINDS.values() for form in (kind.name, kind.plural, kind.file_hint.removesuffix(".csv"))
}


def kind_of_name(name: str) -> str:
    """Return the kind that a file is named after, "" where its name says more or less than one of Canvas's words."""
    words = _WORDS.findall(name.rpartition("/")[2].lower().removesuffix(".csv"))
    return _KINDS_BY_NAME.get("_".join(word for word in words if not _NOISE.fullmatch(word)), "")


def fault_of_name(name: str) -> str:
    """Return the rule by which Canvas does not read a file of this name, "" when it does."""
    if _OUTSIDE.search(name):
        return "zip-entry-unsafe"
    if _HIDDEN.search(name):
        return "file-hidden"
    return "" if name.lower().endswith(".csv") else "file-unknown-type"


def faults_of_set(files: Sequence[DeliveryFile], others: Sequence[str]) -> Iterator[str]:
    """Yield the rules by which Canvas reads nothing of a set."""
    if len(files) + len(others) > MOST_ENTRIES:
        yield "zip-too-many-entries"
    if sum(file.size for file in files) > MOST_BYTES:
        yield "zip-too-big"
