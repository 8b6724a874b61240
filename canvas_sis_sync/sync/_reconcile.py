"""Which import is ours? Owns the judgement after the answer to a POST was lost (docs/life-of-a-batch.md).

Pure, and without a clock: ids above the mark, the journalled user and what Canvas shows of the files decide. Names
and sizes are evidence; content, where Canvas gives it back, is proof. Asking, waiting out the quiet time and adopting
belong to others. In doubt a person is asked: an import of ours that is taken for somebody else's would be sent twice,
and one of somebody else that is taken for ours would lose the batch.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import unquote_plus

from canvas_sis_sync.canvas.records import Attachment, Listing, SisImport
from canvas_sis_sync.delivery.files import Entry
from canvas_sis_sync.delivery.judging import look_into
from canvas_sis_sync.errors import CanvasError
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.stages import reached
from canvas_sis_sync.sis_csv.reader import Malformed, open_csv
from canvas_sis_sync.sis_csv.texts import NotUtf8
from canvas_sis_sync.sync.session import Session, log

if TYPE_CHECKING:
    from io import BufferedReader

_DEDUPLICATED = "_deduplicated.csv"


class Found(StrEnum):
    """What the candidates amount to."""

    #: None of them is ours.
    NONE = "none"
    #: Exactly one is.
    OURS = "ours"
    #: At least one shows too little yet and is not finished.
    LOOK_AGAIN = "look again"
    #: A person has to say which.
    UNDECIDABLE = "undecidable"


@dataclass(frozen=True, slots=True)
class Resolution:
    """The answer, with the imports it is about: ours; those to look at again; or those to choose from."""

    found: Found
    imports: tuple[SisImport, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of candidates beyond Canvas's records of them."""

    #: Whether the files that Canvas gives back are the batch's, by import id; imports whose files it does not give are
    #: missing.
    same_content: Mapping[int, bool] = field(default_factory=dict)
    #: Imports that another home of this user may have made.
    perhaps_others: frozenset[int] = frozenset()


NO_EVIDENCE = Evidence()


class _Whose(StrEnum):
    OURS = "ours"
    NOT_OURS = "not ours"
    NOT_YET_KNOWN = "not yet known"
    UNKNOWABLE = "unknowable"


def candidates(batch: Batch, listing: Listing, taken: Collection[int]) -> tuple[SisImport, ...]:
    """Pick the imports that can be the batch's, oldest first.

    Those above the batch's mark, by its user (a record without a user stays one), and not in `taken`, the imports of
    other batches and the strays. Options do not exclude one: Canvas may not have taken an option.
    """
    mark = batch.mark or 0
    picked = {
        seen.id: seen for seen in listing.imports if seen.id > mark and seen.id not in taken and _same_user(batch, seen)
    }
    return tuple(picked[import_id] for import_id in sorted(picked))


def look_alikes(batch: Batch, candidates: Iterable[SisImport]) -> tuple[SisImport, ...]:
    """Return the candidates whose attachments have the names and sizes of the batch's files: content decides those."""
    return tuple(seen for seen in candidates if seen.attachments and _whose(batch, seen) is _Whose.OURS)


def judge(batch: Batch, candidates: Iterable[SisImport], evidence: Evidence = NO_EVIDENCE) -> Resolution:
    """Return which candidate is the batch's import.

    As long as one that shows too little may still turn out to be ours, the answer is to look again, even beside one
    that is: two with the same files are for a person to choose from.
    """
    groups: defaultdict[_Whose, list[SisImport]] = defaultdict(list)
    for seen in candidates:
        groups[_by_evidence(_whose(batch, seen), seen, evidence)].append(seen)
    if groups[_Whose.NOT_YET_KNOWN]:
        return Resolution(Found.LOOK_AGAIN, tuple(groups[_Whose.NOT_YET_KNOWN]))
    possible = sorted(groups[_Whose.OURS] + groups[_Whose.UNKNOWABLE], key=lambda seen: seen.id)
    if groups[_Whose.UNKNOWABLE] or len(possible) > 1:
        return Resolution(Found.UNDECIDABLE, tuple(possible))
    return Resolution(Found.OURS if possible else Found.NONE, tuple(possible))


def _same_user(batch: Batch, seen: SisImport) -> bool:
    user_id = reached(batch.sending).user_id
    return user_id is None or seen.user_id is None or seen.user_id == user_id


def _by_evidence(whose: _Whose, seen: SisImport, evidence: Evidence) -> _Whose:
    """Let content decide on an import that looks like ours; without it, one that another home may have made is open."""
    if whose is not _Whose.OURS:
        return whose
    same = evidence.same_content.get(seen.id)
    if same is None:
        return _Whose.UNKNOWABLE if seen.id in evidence.perhaps_others else _Whose.OURS
    return _Whose.OURS if same else _Whose.NOT_OURS


def _whose(batch: Batch, seen: SisImport) -> _Whose:
    if not seen.attachments:
        return _whose_by_counts(batch, seen) if seen.finished else _Whose.NOT_YET_KNOWN
    left = _left_over(seen.attachments, batch.entries)
    if left is None:
        return _Whose.NOT_OURS
    if not any(_certain(entry) for entry in left):
        return _Whose.OURS
    return _Whose.NOT_OURS if seen.finished else _Whose.NOT_YET_KNOWN


def _left_over(attachments: Iterable[Attachment], entries: Iterable[Entry]) -> list[Entry] | None:
    """Take one entry away for each attachment and return the rest; None when an attachment is none of them."""
    shelves: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        shelves[_base_name(entry.name)].append(entry)
    for attachment in sorted(attachments, key=lambda attachment: attachment.size is None):
        shelf = shelves[_source_name(attachment)]
        fitting = [entry for entry in shelf if _is_copy(attachment, entry)]
        if not fitting:
            return None
        shelf.remove(min(fitting, key=lambda entry: (entry.has_passwords, not _certain(entry), entry.size)))
    return [entry for shelf in shelves.values() for entry in shelf]


def sources_of(attachment: Attachment, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Return the entries that an attachment may be a copy of, by name and size."""
    name = _source_name(attachment)
    return tuple(entry for entry in entries if _base_name(entry.name) == name and _is_copy(attachment, entry))


def _is_copy(attachment: Attachment, entry: Entry) -> bool:
    """Compare sizes; Canvas removes password columns from its copy (API 5)."""
    if attachment.size is None:
        return True
    if entry.has_passwords or is_deduplicated(attachment):
        return attachment.size <= entry.size
    return attachment.size == entry.size


def _base_name(name: str) -> str:
    """Compare names as loosely as a file store may have rewritten them; the size has to fit as well."""
    return unicodedata.normalize("NFC", unquote_plus(name.rsplit("/", 1)[-1])).casefold()


def is_deduplicated(attachment: Attachment) -> bool:
    """Say whether Canvas took exact duplicate lines out of its copy (changes-since-2022, Imports)."""
    return _base_name(attachment.name).endswith(_DEDUPLICATED)


def _source_name(attachment: Attachment) -> str:
    """Return the loose name of the file that an attachment is a copy of."""
    name = _base_name(attachment.name)
    return name.removesuffix(_DEDUPLICATED) + ".csv" if is_deduplicated(attachment) else name


def _certain(entry: Entry) -> bool:
    """Say whether Canvas is bound to recognise the file: a known header, content, and rows that could be counted."""
    return entry.kind is not None and entry.size > 0 and entry.rows is not None


def _whose_by_counts(batch: Batch, seen: SisImport) -> _Whose:
    """Judge a finished import that shows no files by its kinds and counts (API 5).

    One that ended before Canvas had looked at its files says nothing, and neither does one of a delivery in which
    Canvas recognises nothing.
    """
    certain = {entry.kind for entry in batch.entries if _certain(entry)}
    possible = {entry.kind for entry in batch.entries if entry.size}
    if not seen.supplied:
        looked_at = seen.workflow_state in {"imported", "imported_with_messages"}
        return _Whose.NOT_OURS if looked_at and certain else _Whose.UNKNOWABLE
    missing, foreign = certain - set(seen.supplied), set(seen.supplied) - possible
    if missing or (foreign and None not in possible):
        return _Whose.NOT_OURS
    return _Whose.OURS if _counts_fit(batch, seen) else _Whose.NOT_OURS


def _counts_fit(batch: Batch, seen: SisImport) -> bool:
    """Compare Canvas's counts with our rows; a diffed import has the rows of a removal on top (DIFF 4)."""
    if "diffing_data_set_identifier" in batch.parameters:
        return True
    rows: Counter[str] = Counter()
    for entry in batch.entries:
        if entry.kind and entry.size:
            rows[entry.kind] += sys.maxsize if entry.rows is None else entry.rows
    return all(seen.counts.get(_plural(kind), 0) <= limit for kind, limit in rows.items())


def _plural(kind: str) -> str:
    """Form the name under which Canvas counts a kind (API 5, data.counts)."""
    if kind.endswith("s"):
        return kind
    return kind[:-1] + "ies" if kind.endswith("y") else kind + "s"


NEVER_PROCESSED_SECONDS = 30 * 60
"""A record that is still `initializing` at this age is passed over by Canvas for good (API 6)."""


def find(session: Session, batch: Batch, listing: Listing) -> Resolution:
    """Return which of the listed imports a batch became, as far as it can be known.

    Left out are imports of other batches and homes, and those that a person ruled out when an earlier batch with this
    zip was retried. Raises HeldError when the record of the account cannot be read, BadZipError or OSError when the
    batch's zip cannot.
    """
    retried = session.journal.batch(batch.retry_of) if batch.retry_of else None
    ruled_out = {*batch.strays, *(retried.sending.choices if retried and retried.sending else ())}
    taken = session.journal.taken(batch.target, batch.mark or 0, but=batch.id)
    others = session.account_record.taken_by_others(batch.fingerprint)
    fitting = [
        seen
        for seen in candidates(batch, listing, taken | others | ruled_out)
        if not _never_processed(seen, listing) and (_shows_files(seen) or not reached(batch.sending).perhaps_sent)
    ]
    resolution = judge(batch, fitting, _evidence(session, batch, fitting))
    log.info("looked for the import: %s", resolution.found, extra={"batch": batch.id})
    return resolution


def _shows_files(seen: SisImport) -> bool:
    """Say whether an import has had anything to apply: what a forgotten sending became has shown its files long ago."""
    return bool(seen.attachments or seen.supplied)


def _never_processed(seen: SisImport, listing: Listing) -> bool:
    if seen.workflow_state != "initializing" or seen.created_at is None or listing.canvas_now is None:
        return False
    return listing.canvas_now - seen.created_at > NEVER_PROCESSED_SECONDS


def _evidence(session: Session, batch: Batch, candidates: Sequence[SisImport]) -> Evidence:
    """Fetch the content of the candidates that look like the batch, and ask who else may have made each."""
    answered = session.account_record.taken_by(batch.fingerprint)
    alike = look_alikes(batch, candidates)
    contents = {seen.id: seen.id in answered or _same_content(session, batch, seen) for seen in alike}
    elsewhere = session.account_record.taken_elsewhere(batch.fingerprint)
    others = {seen.id for seen in candidates if session.account_record.may_be_others(seen.id, seen.user_id)}
    # The home was moved, or copied: which of the two continues with the import, only a person knows.
    proven = {key: same for key, same in contents.items() if same is not None and not (same and key in elsewhere)}
    return Evidence(proven, frozenset(others | elsewhere))


def _same_content(session: Session, batch: Batch, seen: SisImport) -> bool | None:
    """Compare the files of an import with those of the batch; None when Canvas does not give all of them back."""
    compared = [_is_one_of_ours(session, batch, attachment) for attachment in seen.attachments or ()]
    if False in compared:
        return False
    return None if None in compared else True


def _is_one_of_ours(session: Session, batch: Batch, attachment: Attachment) -> bool | None:
    entries = sources_of(attachment, batch.entries)
    if attachment.url is None or is_deduplicated(attachment):
        return None
    with tempfile.TemporaryFile(dir=session.archive.batch_folder(batch.id)) as copy:
        try:
            most = max(entry.size for entry in entries)
            session.canvas.fetch_attachment(attachment.url, copy, most_bytes=most)
        except CanvasError as error:
            log.info("%s cannot be compared: %s", attachment.name, error.sentence, extra={"batch": batch.id})
            return None
        # A body may be cut without notice: only what has the size that Canvas names is what Canvas has.
        if attachment.size is not None and copy.seek(0, os.SEEK_END) != attachment.size:
            return None
        if any(_same(session, batch, entry, copy) for entry in entries):
            return True
    # Canvas writes files with passwords again without those columns, so a difference proves nothing there; neither does
    # one where Canvas names no size.
    certain = attachment.size is not None and not any(entry.has_passwords for entry in entries)
    return False if certain else None


def _same(session: Session, batch: Batch, entry: Entry, copy: BinaryIO) -> bool:
    """Compare a copy with one of the batch's files: byte by byte, or row by row without the password columns."""
    copy.seek(0)
    with _opened(session, batch, entry) as source:
        if not entry.has_passwords:
            return _digest(source) == _digest(copy)
        try:
            return all(ours == theirs for ours, theirs in zip_longest(_rows(source), _rows(copy)))
        except (Malformed, NotUtf8):
            return False


def _opened(session: Session, batch: Batch, entry: Entry) -> BinaryIO:
    files = look_into(session.archive.zip_path(batch)).files
    return next(file for file in files if file.name == entry.name).open()


def _digest(stream: BinaryIO) -> str:
    return hashlib.file_digest(cast("BufferedReader", stream), "sha256").hexdigest()


def _rows(stream: BinaryIO) -> Iterator[list[tuple[str, str | None]]]:
    """Yield the header and the rows, each as pairs of column and value, without the columns that hold passwords."""
    file = open_csv(stream)
    hidden = file.kind.password_columns if file.kind else ()
    kept = [(place, name) for place, name in enumerate(file.header) if name not in hidden]
    yield [(name, None) for _, name in kept]
    for _, values in file:
        yield [(name, values[place]) for place, name in kept]
