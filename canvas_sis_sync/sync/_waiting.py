"""Take stock: after each accepted import of a data set, which rows that Canvas refused wait in vain (DIFF 2, 8)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from canvas_sis_sync.check.ids import DEFINES, REFERENCES
from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.errors import BadZipError
from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.plan import waiting_rows
from canvas_sis_sync.plan.changes.comparing import compare_kind
from canvas_sis_sync.plan.values import KindChanges
from canvas_sis_sync.plan.waiting_rows import MOST_WAITING, Sent, Stock, Told, Waiting
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS
from canvas_sis_sync.sis_csv.reader import Malformed
from canvas_sis_sync.sis_csv.texts import NotUtf8
from canvas_sis_sync.sync.baseline import CANVAS_ACCEPTED, data_set, earlier
from canvas_sis_sync.sync.session import Context, log

Files = Mapping[str, Sequence[DeliveryFile]]
"""A delivery's files by kind."""
MENTIONS = {
    kind: tuple((reference.family, reference.column) for reference in references)
    for kind, references in REFERENCES.items()
}


def waiting_count(archive: Archive, before: Batch) -> int:
    """Count the rows that Canvas had refused when `before` was over and that diffing will not send again."""
    return len(stock_after(archive, before.id).rows)


def stock_after(archive: Archive, batch_id: str) -> Waiting:
    """Read which rows waited after an accepted batch of a data set, and what could not be told then."""
    return _read(archive, batch_id) or Waiting(unknown=(f"Which rows waited after batch {batch_id} is not known.",))


def take_stock(context: Context, batch: Batch) -> Waiting:
    """Say which rows wait after an accepted batch of a data set, and keep that in its folder.

    An import that was taken whole starts anew. Canvas's messages must be in errors.csv. What cannot be told is said.
    """
    waiting = _stock(context, batch)
    if len(waiting.rows) > MOST_WAITING:
        more = f"Only the first {MOST_WAITING:,} of {len(waiting.rows):,} rows that wait are kept track of."
        waiting = Waiting(waiting.rows[:MOST_WAITING], (*waiting.unknown, more))
    context.archive.write_waiting(batch.id, waiting_rows.as_json(waiting))
    for sentence in waiting.unknown:
        log.warning("waiting rows: %s", sentence, extra={"batch": batch.id})
    return waiting


def _stock(context: Context, batch: Batch) -> Waiting:
    before, base = Waiting(), None
    diffed = batch.sis_import.diffed_against if batch.sis_import else None
    if diffed is not None:
        before = _before(context, batch)
        base = context.journal.by_import(batch.target, diffed)
        if base is None:
            return replace(before, unknown=(f"Canvas compared with import {diffed}, which is none of this home's.",))
    if not batch.errors_complete:
        return replace(before, unknown=("Canvas no longer had all messages when they were fetched.",))
    refused = list(context.archive.refused_rows(batch.id))
    if not refused and not before.rows:
        return before
    if len(refused) > MOST_WAITING:
        return replace(before, unknown=(f"Canvas refused {len(refused):,} rows, too many to keep track of.",))
    try:
        return _of_kinds(context, batch, _files(context, batch), _files(context, base), before)
    except (BadZipError, Malformed, NotUtf8, OSError) as error:
        return replace(before, unknown=(f"A zip in the archive cannot be read: {error}",))


def _before(context: Context, batch: Batch) -> Waiting:
    """Read what waited after the delivery before that Canvas accepted, whatever was made of it here."""
    for other in context.journal.sent(batch.target):
        final = other.sis_import.workflow_state if other.sis_import else ""
        same = final in CANVAS_ACCEPTED and data_set(other.parameters) == data_set(batch.parameters)
        if same and other.id < batch.id:
            found = _read(context.archive, other.id)
            return replace(found, unknown=()) if found else stock_after(context.archive, other.id)
    return Waiting()


def _read(archive: Archive, batch_id: str) -> Waiting | None:
    try:
        found = archive.read_waiting(batch_id)
        return None if found is None else waiting_rows.from_json(found)
    except (KeyError, TypeError, ValueError):
        return None


def _files(context: Context, batch: Batch | None) -> Files:
    """Give the files of a batch's zip by kind, none without a batch. Raises BadZipError."""
    files: dict[str, list[DeliveryFile]] = defaultdict(list)
    if batch is None:
        return files
    found = earlier(context, batch)
    if found is None:
        raise BadZipError(f"the zip of batch {batch.id} is missing or damaged.")
    kinds = {entry.name: entry.kind for entry in batch.entries if entry.size}
    for file in found.files:
        if kind := kinds.get(file.name):
            files[kind].append(file)
    return files


def _of_kinds(context: Context, batch: Batch, now: Files, base: Files, before: Waiting) -> Waiting:
    told, strange = _told(context, batch, now)
    scratch = context.archive.batch_folder(batch.id)

    def compare(kind: Kind, earlier: Sequence[DeliveryFile], later: Sequence[DeliveryFile], sink: Sent) -> KindChanges:
        return compare_kind(kind, earlier, later, scratch=scratch, sink=sink)

    stocks: list[Stock] = []
    for kind, files in now.items():
        waited = [row for row in before.rows if row.kind == kind]
        if waited or told[kind].refused:
            stocks.append(
                waiting_rows.after_import(
                    KINDS[kind],
                    base.get(kind, ()),
                    files,
                    told[kind],
                    earlier=waited,
                    compare=compare,
                    mentions=MENTIONS.get(kind, ()),
                )
            )
    unknown = [stock.unknown for stock in stocks if stock.unknown]
    return Waiting(waiting_rows.with_definitions(stocks, now, DEFINES), (*before.unknown, *unknown, *strange))


def _told(context: Context, batch: Batch, now: Files) -> tuple[Mapping[str, Told], list[str]]:
    """Give what Canvas told by kind, and sentences about messages whose file is not recognised."""
    places = _places(now)
    refused: dict[str, dict[str, set[int]]] = {kind: defaultdict(set) for kind in now}
    strange = set()
    for name, number in context.archive.refused_rows(batch.id):
        kind, file = places.get(name, ("", ""))
        if kind:
            refused[kind][file].add(number)
        else:
            strange.add(f"Canvas has messages about rows of {name}, and it cannot be told which file that is.")
    counts = batch.sis_import.counts if batch.sis_import else {}
    told = {
        kind: Told(
            {file: frozenset(numbers) for file, numbers in files.items()},
            counts.get(KINDS[kind].plural, 0),
            may_skip=batch.parameters.get("skip_deletes") == "true",
        )
        for kind, files in refused.items()
    }
    return told, sorted(strange)


def _places(now: Files) -> Mapping[str, tuple[str, str]]:
    """Give kind and file by the names that messages use: paths, or base names where only one file has it (CSV 6)."""
    places = {file.name: (kind, file.name) for kind, files in now.items() for file in files}
    bases = [PurePosixPath(name).name for name in places]
    return {base: places[name] for name, base in zip(places, bases, strict=True) if bases.count(base) == 1} | places
