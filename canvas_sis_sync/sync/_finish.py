"""Rows that Canvas rejected: its messages in groups, and which of them the import before did not have. Pure.

A message is known by its shape: the kind of file it is about, and its text without row numbers, ids and other values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from canvas_sis_sync.canvas.records import ImportMessage, SisImport
from canvas_sis_sync.delivery.files import Entry
from canvas_sis_sync.errors import CanvasError
from canvas_sis_sync.home.archive import ERRORS
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.batch_states import ACCEPTED
from canvas_sis_sync.plain_text import visible
from canvas_sis_sync.sync._remaster import follow_up
from canvas_sis_sync.sync.alerts import NEWS
from canvas_sis_sync.sync.pack import remove_sources
from canvas_sis_sync.sync.session import Context, log

MANY_MORE = 20
"""A known message is new again when its count has doubled, and grown by this many."""
MOST_GROUPS = 5
LONGEST_SHAPE = 200
ELLIPSIS = "…"
_VALUES = re.compile(
    r"""
    "[^"]*" | (?<!\w)'.*?'(?!\w)     # quoted
    | (?<=:\ )[^,;:()]*(?=[,;)])     # named, as in (Course ID: C1, User ID: U1)
    | [^\s,;:()]*\d[^\s,;:()]*       # with a digit, as ids have
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, order=True)
class Shape:
    """What messages have in common."""

    #: Kind of the file, "" when it is not recognised.
    kind: str
    text: str


def groups(messages: Iterable[ImportMessage], entries: Sequence[Entry]) -> Counter[Shape]:
    """Count an import's messages by their shapes; `entries` are the files of its zip."""
    kinds = {PurePosixPath(entry.name).name: entry.kind or "" for entry in entries}
    for name, kind in list(kinds.items()):  # what Canvas calls a file of which it removed repeated lines
        kinds.setdefault(f"{name[:-4]}_deduplicated.csv", kind)
    return Counter(
        Shape(kinds.get(PurePosixPath(message.file or "").name, ""), shape(message.message)) for message in messages
    )


def shape(message: str) -> str:
    """Return a message as one line without the values in it."""
    text = _VALUES.sub(ELLIPSIS, " ".join(message.split()))
    return text if len(text) <= LONGEST_SHAPE else text[: LONGEST_SHAPE - 1] + ELLIPSIS


def new(now: Mapping[Shape, int], before: Mapping[Shape, int]) -> dict[Shape, int]:
    """Return the groups that were not there before, or have grown a lot since."""
    return {found: count for found, count in now.items() if _is_new(count, before.get(found, 0))}


def in_words(counted: Mapping[Shape, int], before: Mapping[Shape, int]) -> str:
    """Name the largest groups with their counts."""
    largest = sorted(counted, key=lambda found: (-counted[found], found))
    named = [f"{_worded(found)} ({_count(counted[found], before.get(found, 0))})" for found in largest[:MOST_GROUPS]]
    more = len(largest) - MOST_GROUPS
    return "; ".join([*named, *([f"{more} more kinds of messages"] if more > 0 else [])])


def _is_new(count: int, before: int) -> bool:
    return not before or (count >= 2 * before and count - before >= MANY_MORE)


def _worded(found: Shape) -> str:
    return f"{found.kind}: '{found.text}'" if found.kind else f"'{found.text}'"


def _count(count: int, before: int) -> str:
    return f"{count:,}, before {before:,}" if before else f"{count:,}"


ATTACHMENT_SECONDS = 120
"""How long the errors attachment, written by a job of its own after the end (API 5), is waited for."""
KEPT_SECONDS = 30 * 86400
"""Canvas keeps messages for 30 days (API 4); later there is nothing to fetch."""


def file_away(context: Context, batch: Batch) -> Batch:
    """Fetch the messages, write `errors.csv` and `receipt.json`, see what is to follow, and journal that it is done.

    When the messages cannot be had in full the receipt says so, and the next run tries again. Raises HomeError.
    """
    complete, final = True, batch.sis_import
    too_late = context.clock.now() - batch.claimed_at > KEPT_SECONDS
    if final is not None and _has_messages(final):
        final, messages = (final, None) if too_late else _messages(context, batch, final)
        complete = messages is not None and context.archive.write_errors(batch, messages) >= _told(final)
        if complete and messages and batch.state in ACCEPTED and not batch.over_limit:
            batch = _report_rejected(context, batch, messages)
    filed = complete or too_late
    if filed:
        batch = follow_up(context, context.journal.amend(batch, sis_import=final, errors_complete=complete))
    context.archive.write_receipt(replace(batch, sis_import=final, errors_complete=complete, filed=filed))
    if batch.zip_name:
        remove_sources(context, batch)
    return context.journal.amend(batch, sis_import=final, errors_complete=complete, filed=filed)


def _report_rejected(context: Context, batch: Batch, messages: Sequence[ImportMessage]) -> Batch:
    """Keep Canvas's messages, in groups, in log and notes, and as news what the import before did not have."""
    now = groups(messages, batch.entries)
    before = _rejected_before(context, batch, {found.kind for found in now})
    note = f"Canvas left messages: {in_words(now, before)}."
    log.info("%s", note, extra={"batch": batch.id})
    context.show.note(f"Batch {batch.id}: {note}")
    if unseen := new(now, before):
        text = (
            f"Canvas accepted batch {batch.id} (import {batch.import_id}) and left {sum(unseen.values()):,} messages,"
            " usually about rows that it rejected, that the import before did not have:"
            f" {in_words(unseen, before)}. All of them: {context.archive.batch_folder(batch.id) / ERRORS}"
        )
        context.journal.add_news(f"{NEWS}{batch.id}", visible(text))
    return context.journal.amend(batch, notes=tuple(dict.fromkeys((*batch.notes, note))))


def _rejected_before(context: Context, batch: Batch, kinds: Collection[str]) -> Counter[Shape]:
    """Count the messages of the import before; those of a kind that it did not have are the last one's that had it."""
    before: Counter[Shape] = Counter()
    wanted = set(kinds)
    for other in context.journal.sent(batch.target):
        if other.id == batch.id:
            continue
        found = wanted & {entry.kind or "" for entry in other.entries}
        if found:
            counted = groups(context.archive.messages(other.id), other.entries)
            before.update({shape: count for shape, count in counted.items() if shape.kind in found})
            wanted -= found
        if not wanted - {""}:
            break
    return before


def _has_messages(final: SisImport) -> bool:
    return bool(_told(final) or final.processing_errors or final.processing_warnings or final.has_errors_attachment)


def _told(final: SisImport) -> int:
    return (final.error_count or 0) + (final.warning_count or 0)


def _messages(context: Context, batch: Batch, final: SisImport) -> tuple[SisImport, list[ImportMessage] | None]:
    try:
        final = _with_attachment(context, final)
        return final, list(context.canvas.import_errors(context.target.account_id, final.id))
    except CanvasError as error:
        log.warning("Canvas's messages could not be fetched: %s", error.sentence, extra={"batch": batch.id})
        return final, None


def _with_attachment(context: Context, final: SisImport) -> SisImport:
    """Wait until the errors attachment is there, or for a while; the messages are then written too."""
    began = context.clock.monotonic()
    seen = final
    while not seen.has_errors_attachment and context.patient:
        if context.clock.monotonic() - began >= ATTACHMENT_SECONDS or context.deadline.passed:
            break
        context.clock.sleep(1.0)
        seen = context.canvas.get_import(context.target.account_id, final.id)
    return seen if seen.workflow_state == final.workflow_state else final
