"""Bases: what a delivery is compared with, by people and breakers, and by Canvas's diffing. Two different things."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from canvas_sis_sync import bundle, report
from canvas_sis_sync.changes import choose_base, is_certain, recognised
from canvas_sis_sync.errors import BadZipError, CanvasError, NotFound
from canvas_sis_sync.model import ACCEPTED, UNDONE, Basis, Batch, DeliveryFile, Entry, SisImport
from canvas_sis_sync.steps.context import Context, log
from canvas_sis_sync.steps.parameters import has_batch_mode

CANVAS_ACCEPTED = ("imported", "imported_with_messages")
MOST_SINCE = 20
"""Deliveries since the last one in batch mode that are looked into."""
DATA_SET = "diffing_data_set_identifier"


@dataclass(frozen=True, slots=True)
class Earlier:
    """A delivery that another one is compared with."""

    #: What it is, in words.
    about: str
    files: tuple[DeliveryFile, ...]
    #: Newest mtime of its files in seconds, None where it is not known.
    newest: float | None = None
    #: The batch it was, None for a path.
    batch: Batch | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What the batch's zip consists of, empty for a path."""
        return self.batch.entries if self.batch else ()


@dataclass(frozen=True, slots=True)
class Bases:
    """What a delivery is compared with."""

    #: The last accepted delivery of this target and data set that nobody has undone, None without one.
    before: Earlier | None = None
    #: The last accepted batch, when its zip cannot be read any more.
    lost: Batch | None = None
    #: The import that Canvas's diffing will choose, None for none.
    diff_import: SisImport | None = None
    #: What that import was sent from, None when it is none of ours.
    diff_base: Earlier | None = None
    #: Why Canvas could not be asked which import that is, "" when it was.
    trouble: str = ""


def data_set(parameters: Mapping[str, str]) -> str:
    """Give the name of the data set that an import with these parameters belongs to, "" for none."""
    return parameters.get(DATA_SET, "")


def find_bases(context: Context, parameters: Mapping[str, str]) -> Bases:
    """Find what a delivery with these parameters is compared with now. Raises CanvasError."""
    before, lost = _before(context, parameters, partial(_is_undone, context))
    chosen = _diff_import(context, data_set(parameters))
    diff_base = _sent_as(context, before, chosen)
    return Bases(before or diff_base, lost, chosen, diff_base)


def journalled_bases(context: Context, parameters: Mapping[str, str], trouble: CanvasError) -> Bases:
    """Say what a delivery is compared with as far as the journal knows, when Canvas could not be asked."""
    before, lost = _before(context, parameters, lambda _batch: False)
    known = before.batch.sis_import if before and before.batch and data_set(parameters) else None
    return Bases(before, lost, known, before if known else None, f"Canvas was not asked: {trouble.sentence}")


def basis_of(batch: Batch, parameters: Mapping[str, str], bases: Bases) -> Basis:
    """Say what a plan of this batch is made of."""
    before = bases.before.batch if bases.before else bases.lost
    return Basis(
        zip_sha256=batch.zip_sha256,
        parameters=dict(parameters),
        target=batch.target,
        before=before.id if before else "",
        base_import=bases.diff_import.id if bases.diff_import else None,
    )


def earlier(context: Context, batch: Batch) -> Earlier | None:
    """Look into an archived batch's zip, None when it cannot be read any more."""
    try:
        contents = bundle.look_into(context.archive.zip_path(batch))
    except (BadZipError, OSError) as error:
        log.warning("the zip of batch %s cannot be read: %s", batch.id, error)
        return None
    what = f"batch {batch.id}" + ("" if batch.import_id is None else f" (import {batch.import_id})")
    return Earlier(what, contents.files, newest_mtime(context, batch), batch)


def newest_mtime(context: Context, batch: Batch) -> float | None:
    """Give the newest mtime, in seconds, of the files that a batch was claimed from; of what it repeats, if it does."""
    repeated: Batch | None = batch
    while repeated is not None and (of := repeated.retry_of or repeated.remaster_of):
        repeated = context.journal.batch(of)
    return max((file.mtime_ns / 1e9 for file in repeated.files), default=None) if repeated else None


def thresholds_in_a_row(context: Context, parameters: Mapping[str, str]) -> int:
    """Count the newest imports of the data set, up to the first that Canvas diffed, that a threshold kept from it."""
    count = 0
    if data_set(parameters):
        for batch in _sent(context, data_set(parameters)):
            if batch.sis_import is None or not batch.sis_import.threshold_exceeded:
                break
            count += 1
    return count


def last_with_kind(context: Context, parameters: Mapping[str, str], kind: str) -> Earlier | None:
    """Give the last accepted delivery of the data set that had a kind, None for none."""
    for batch in _accepted(context, data_set(parameters)):
        if any(entry.kind == kind for entry in batch.entries):
            return earlier(context, batch)
    return None


def _before(
    context: Context, parameters: Mapping[str, str], is_undone: Callable[[Batch], bool]
) -> tuple[Earlier | None, Batch | None]:
    """Find what a delivery is compared with; else the batch that it would be, were its zip still to be read."""
    since: list[Batch] = []
    for batch in _accepted(context, data_set(parameters)):
        if is_undone(batch):
            continue
        if not has_batch_mode(parameters) or _has_scope_of(batch, parameters):
            found = earlier(context, batch)
            return _with_more(context, found, since) if found else None, None if found else batch
        if len(since) < MOST_SINCE:
            since.append(batch)
    if since:
        found = earlier(context, since[0])
        return found, None if found else since[0]
    return None, None


def _has_scope_of(batch: Batch, parameters: Mapping[str, str]) -> bool:
    """Say whether a batch was sent in batch mode for the same term, or for all terms in it."""
    scope = ("batch_mode_term_id", "multi_term_batch_mode")
    same = all(batch.parameters.get(name) == parameters.get(name) for name in scope)
    return same and has_batch_mode(batch.parameters)


def _with_more(context: Context, found: Earlier, since: Sequence[Batch]) -> Earlier:
    """Take a delivery with the kinds of which one that was sent since, not in batch mode, had more rows.

    A small file that somebody sent by hand is not what Canvas has, and neither is a delivery before a larger one.
    """
    files, rows = dict(recognised(found.files)), _rows_by_kind(found.entries)
    for later in since:
        more = {kind: count for kind, count in _rows_by_kind(later.entries).items() if count > rows[kind]}
        looked = earlier(context, later) if more else None
        if looked is not None:
            files |= {kind: theirs for kind, theirs in recognised(looked.files).items() if kind in more}
            rows.update({kind: count - rows[kind] for kind, count in more.items()})
    return replace(found, files=tuple(file for parts in files.values() for file in parts))


def _rows_by_kind(entries: Sequence[Entry]) -> Counter[str]:
    rows: Counter[str] = Counter()
    for entry in entries:
        if entry.kind:
            rows[entry.kind] += entry.rows or 0
    return rows


def _is_undone(context: Context, batch: Batch) -> bool:
    try:
        seen = context.canvas.get_import(context.target.account_id, batch.sent_as)
    except NotFound:
        return False
    return seen.workflow_state in UNDONE


def _diff_import(context: Context, name: str) -> SisImport | None:
    if not name:
        return None
    enough = partial(is_certain, identifier=name)
    found = context.canvas.imports_until(context.target.account_id, CANVAS_ACCEPTED, enough)
    return choose_base(found, name)


def _sent_as(context: Context, before: Earlier | None, chosen: SisImport | None) -> Earlier | None:
    if chosen is None:
        return None
    if before and before.batch and before.batch.import_id == chosen.id:
        return before
    batch = context.journal.by_import(context.target, chosen.id)
    return earlier(context, batch) if batch else None


def _accepted(context: Context, name: str) -> Iterator[Batch]:
    return (batch for batch in _sent(context, name) if _is_accepted(batch))


def _is_accepted(batch: Batch) -> bool:
    """Go by Canvas's word, whatever was made of it here: what it has applied is what the next delivery changes.

    A whole import of which no row was processed has changed nothing.
    """
    final = batch.sis_import
    if final is None or final.workflow_state not in CANVAS_ACCEPTED:
        return False
    return batch.state in ACCEPTED or final.diffed_against is not None or any(report.row_counts(final).values())


def _sent(context: Context, name: str) -> Iterator[Batch]:
    return (batch for batch in context.journal.sent(context.target) if data_set(batch.parameters) == name)
