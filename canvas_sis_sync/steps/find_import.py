"""Find: which import in Canvas a batch became, by ids, names, sizes and content (design 4, "Lost answer")."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, BinaryIO, cast

from canvas_sis_sync import bundle, reconcile
from canvas_sis_sync.errors import CanvasError
from canvas_sis_sync.model import Attachment, Batch, Entry, Listing, SisImport
from canvas_sis_sync.reconcile import Evidence, Resolution
from canvas_sis_sync.sis_csv import Malformed, NotUtf8, open_csv
from canvas_sis_sync.steps.context import Context, log

if TYPE_CHECKING:
    from io import BufferedReader

NEVER_PROCESSED_SECONDS = 30 * 60
"""A record that is still `initializing` at this age is passed over by Canvas for good (API 6)."""


def find(context: Context, batch: Batch, listing: Listing) -> Resolution:
    """Return which of the listed imports a batch became, as far as it can be known.

    Left out are imports of other batches and homes, and those that a person ruled out when an earlier batch with this
    zip was retried. Raises HeldError when the record of the account cannot be read, BadZipError or OSError when the
    batch's zip cannot.
    """
    retried = context.journal.batch(batch.retry_of) if batch.retry_of else None
    ruled_out = {*batch.strays, *(retried.choices if retried else ())}
    taken = context.journal.taken(batch.target, batch.mark or 0, but=batch.id)
    others = context.account_record.taken_by_others(batch.fingerprint)
    candidates = [
        seen
        for seen in reconcile.candidates(batch, listing, taken | others | ruled_out)
        if not _never_processed(seen, listing) and (_shows_files(seen) or not batch.perhaps_sent)
    ]
    resolution = reconcile.judge(batch, candidates, _evidence(context, batch, candidates))
    log.info("looked for the import: %s", resolution.found, extra={"batch": batch.id})
    return resolution


def _shows_files(seen: SisImport) -> bool:
    """Say whether an import has had anything to apply: what a forgotten sending became has shown its files long ago."""
    return bool(seen.attachments or seen.supplied)


def _never_processed(seen: SisImport, listing: Listing) -> bool:
    if seen.workflow_state != "initializing" or seen.created_at is None or listing.canvas_now is None:
        return False
    return listing.canvas_now - seen.created_at > NEVER_PROCESSED_SECONDS


def _evidence(context: Context, batch: Batch, candidates: Sequence[SisImport]) -> Evidence:
    """Fetch the content of the candidates that look like the batch, and ask who else may have made each."""
    answered = context.account_record.taken_by(batch.fingerprint)
    alike = reconcile.look_alikes(batch, candidates)
    contents = {seen.id: seen.id in answered or _same_content(context, batch, seen) for seen in alike}
    elsewhere = context.account_record.taken_elsewhere(batch.fingerprint)
    others = {seen.id for seen in candidates if context.account_record.may_be_others(seen.id, seen.user_id)}
    # The home was moved, or copied: which of the two goes on with the import, only a person knows.
    proven = {key: same for key, same in contents.items() if same is not None and not (same and key in elsewhere)}
    return Evidence(proven, frozenset(others | elsewhere))


def _same_content(context: Context, batch: Batch, seen: SisImport) -> bool | None:
    """Compare the files of an import with those of the batch; None when Canvas does not give all of them back."""
    compared = [_is_one_of_ours(context, batch, attachment) for attachment in seen.attachments or ()]
    if False in compared:
        return False
    return None if None in compared else True


def _is_one_of_ours(context: Context, batch: Batch, attachment: Attachment) -> bool | None:
    entries = reconcile.sources_of(attachment, batch.entries)
    if attachment.url is None or reconcile.is_deduplicated(attachment):
        return None
    with tempfile.TemporaryFile(dir=context.archive.batch_folder(batch.id)) as copy:
        try:
            most = max(entry.size for entry in entries)
            context.canvas.fetch_attachment(attachment.url, copy, most_bytes=most)
        except CanvasError as error:
            log.info("%s cannot be compared: %s", attachment.name, error.sentence, extra={"batch": batch.id})
            return None
        # A body may be cut without notice: only what has the size that Canvas names is what Canvas has.
        if attachment.size is not None and copy.seek(0, os.SEEK_END) != attachment.size:
            return None
        if any(_same(context, batch, entry, copy) for entry in entries):
            return True
    # Canvas writes files with passwords again without those columns, so a difference proves nothing there; neither does
    # one where Canvas names no size.
    certain = attachment.size is not None and not any(entry.has_passwords for entry in entries)
    return False if certain else None


def _same(context: Context, batch: Batch, entry: Entry, copy: BinaryIO) -> bool:
    """Compare a copy with one of the batch's files: byte by byte, or row by row without the password columns."""
    copy.seek(0)
    with _opened(context, batch, entry) as source:
        if not entry.has_passwords:
            return _digest(source) == _digest(copy)
        try:
            return all(ours == theirs for ours, theirs in zip_longest(_rows(source), _rows(copy)))
        except (Malformed, NotUtf8):
            return False


def _opened(context: Context, batch: Batch, entry: Entry) -> BinaryIO:
    files = bundle.look_into(context.archive.zip_path(batch)).files
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
