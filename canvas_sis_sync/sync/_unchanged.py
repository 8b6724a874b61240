"""Unchanged: a delivery that is the same as the last accepted one need not be sent."""

from __future__ import annotations

from collections import Counter

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.delivery.files import DeliveryFile, Entry
from canvas_sis_sync.home.batch import ACCEPTED, Batch, BatchState
from canvas_sis_sync.plan.values import Changes, KindChanges
from canvas_sis_sync.sis_csv.kinds import KINDS
from canvas_sis_sync.sync._remaster import rejected_since_whole
from canvas_sis_sync.sync.baseline import Earlier
from canvas_sis_sync.sync.candidate import Candidate
from canvas_sis_sync.sync.session import Session


def is_unchanged(session: Session, candidate: Candidate, before: Earlier, options: ImportOptions) -> bool:
    """Say whether sending the delivery would do nothing: the last import was of the same content, asked for alike.

    Without diffing that is so only for people who say so (SIS_SYNC_SKIP_UNCHANGED), since sending also repairs what was
    changed by hand. An import that left messages may have rejected rows, which are tried again. Batch mode and the
    override of stickiness act on what was changed in Canvas, so they are always sent.
    """
    if before.batch is None or not (options.data_set or session.settings.skip_unchanged):
        return False
    acts_anyway = options.batch_mode or options.overrides_stickiness
    if acts_anyway or not _same_parameters(before.batch, options):
        return False
    last = session.journal.previous_sent(session.target)
    if last is None or last.id != before.batch.id or not _is_applied(session, before.batch, before.shown):
        return False
    return _same_content(candidate, before.files, before.entries)


def _is_applied(session: Session, batch: Batch, shown: str) -> bool:
    """Say whether Canvas has taken every row of a batch and still shows that, and nobody had to acknowledge it.

    A diffed import says so of the rows that differ. The others are as the imports left them that it was compared with.
    """
    if batch.state is not BatchState.IMPORTED or shown != "imported":
        return False
    name = batch.options.data_set
    if name and not session.settings.remaster and rejected_since_whole(session.journal, session.target, name):
        return False
    each: Batch | None = batch
    while each is not None and each.sis_import and each.sis_import.diffed_against is not None:
        each = session.journal.by_import(session.target, each.sis_import.diffed_against)
        if each is not None and each.state not in ACCEPTED:
            return False
    return each is not None


def _same_parameters(batch: Batch, options: ImportOptions) -> bool:
    """Compare import parameters; a remaster has done all that a diffed import of the same content would."""
    asked = {name: value for name, value in batch.parameters.items() if name != "diffing_remaster_data_set"}
    return asked == dict(options.parameters)


def _same_content(candidate: Candidate, files: tuple[DeliveryFile, ...], entries: tuple[Entry, ...]) -> bool:
    """Compare the files of two zips byte by byte, whatever their names, once their sizes and check sums are equal."""
    now, then = _sums(candidate.entries), _sums(entries)
    if not now or Counter(now.values()) != Counter(then.values()):
        return False
    mine = sorted((now[file.name], file.name, file) for file in candidate.files if file.name in now)
    theirs = sorted((then[file.name], file.name, file) for file in files if file.name in then)
    return len(mine) == len(theirs) and all(_same_bytes(a[2], b[2]) for a, b in zip(mine, theirs, strict=True))


def _sums(entries: tuple[Entry, ...]) -> dict[str, tuple[int, int]]:
    return {entry.name: (entry.size, entry.crc32) for entry in entries if entry.size}


def _same_bytes(one: DeliveryFile, other: DeliveryFile) -> bool:
    with one.open() as left, other.open() as right:
        while piece := left.read(1 << 20):
            if piece != right.read(1 << 20):
                return False
        return not right.read(1)


def no_changes(entries: tuple[Entry, ...]) -> Changes:
    """Give the changes of a delivery whose zip consists of `entries` against the same delivery."""
    rows: Counter[str] = Counter()
    for entry in entries:
        if entry.kind:
            rows[entry.kind] += entry.rows or 0
    return Changes(
        tuple(KindChanges(kind, rows_before=rows[kind], rows_now=rows[kind]) for kind in KINDS if kind in rows)
    )
