"""Claim: a drop's files leave the inbox and become a batch (design 4, "Claim")."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from canvas_sis_sync import inbox
from canvas_sis_sync.archive import link_or_copy, sync_folder, wording
from canvas_sis_sync.errors import DropChanged
from canvas_sis_sync.model import Batch, Drop, DropFile, DropKind, State
from canvas_sis_sync.steps.context import Context, log

RETRIED_ZIP = "retried.zip"
"""Name of an earlier batch's zip, sent again by a retry or a remaster, among the claimed files of the new one."""
PUT_BACK = "Put them back there with their old dates (`cp -p`), and the next run continues."


def claim(context: Context, drop: Drop, *, mark: int | None = None, set_aside: str = "", who: str = "run") -> Batch:
    """Enter the drop in the journal and move its files under the archive.

    `mark` is the highest import id that the account shows: what is above it may have been sent after the claim.
    With `set_aside`, the reason of the person `who`, it goes there without ever being sent: `pack` discards it. The
    journal lists the files before the first of them is moved. Raises HomeError when there is no room or the disk
    does not take it; what was moved by then is gone on with by `resume`.
    """
    total = sum(file.size for file in drop.files)
    with wording(drop.folder):
        across = drop.folder.stat().st_dev != context.archive.folder.stat().st_dev
    context.archive.require_space(total * 2 if across else total)
    batch_id = context.archive.new_id(context.clock.now(), context.journal.last_id())
    batch = context.journal.add(
        Batch(
            id=batch_id,
            state=State.CLAIMED,
            target=context.target,
            drop_name=drop.name,
            drop_kind=drop.kind,
            claimed_at=context.clock.now(),
            mark=mark,
            files=drop.files,
            reason=f"{len(drop.files)} files, {total} bytes, from {drop.name}",
            set_aside=set_aside,
        ),
        who=who,
    )
    log.info("claimed: %s", batch.reason, extra={"batch": batch.id})
    context.archive.make_batch_folder(batch.id)
    context.archive.write_receipt(batch)
    return settle_claimed(context, _move_in(context, batch, batch.files))


def resume(context: Context, batch: Batch) -> Batch:
    """Go on with a claim that was cut short.

    What still lies in the inbox is claimed only if all of it is as the journal lists it. Otherwise the batch is held,
    and the reason names both halves; or, when nothing had been moved yet, discarded: what lies there is a new drop.
    """
    context.archive.make_batch_folder(batch.id)
    if source := batch.retry_of or batch.remaster_of:
        return _fetch_zip(context, batch, source)
    folder, sources = _inbox_folder(context, batch), context.archive.sources(batch.id)
    inside = {file.name for file in batch.files if inbox.look_again(sources / file.name, file.name)}
    outside = [file for file in batch.files if file.name not in inside]
    # A copy across file systems is complete before its source goes, so a file can be on both sides.
    doubled = [file for file in batch.files if file.name in inside and _unchanged(folder, file)]
    changed = [file.name for file in outside if not _unchanged(folder, file)]
    if changed:
        reason = f"the claim was interrupted, and since then {_names(changed)} changed or vanished in {folder}."
        if inside:
            reason += f" Already claimed, in {sources}: {_names(sorted(inside))}"
            return context.move(batch, State.HELD, reason)
        if batch.moving:
            reason += f" None of its files is in {sources} either, to which some may have been moved. {PUT_BACK}"
            return context.move(batch, State.HELD, reason)
        held = context.move(batch, State.HELD, reason)
        return context.move(held, State.DISCARDED, f"{reason} Nothing had been claimed, so what is there is a new drop")
    return settle_claimed(context, _move_in(context, batch, [*outside, *doubled]))


def is_back(context: Context, batch: Batch) -> bool:
    """Say whether a batch that was held because files of it were missing or changed has all of them as listed."""
    if source := batch.retry_of or batch.remaster_of:
        other = context.journal.batch(source)
        return other is not None and context.archive.zip_path(other).is_file()
    folder, sources = _inbox_folder(context, batch), context.archive.sources(batch.id)
    return all(
        inbox.same_content(inbox.look_again(sources / file.name, file.name), file) or _unchanged(folder, file)
        for file in batch.files
    )


def settle_claimed(context: Context, batch: Batch) -> Batch:
    """Compare the claimed files with the journal's list; while they differ, their writer is not done: wait.

    Gives the batch with the list as the files are now, or held when one has vanished. Raises TimeRanOut.
    """
    while not is_unchanged(context, batch):
        looked = _look(context, batch)
        missing = {file.name for file in batch.files} - {file.name for file in looked}
        if missing:
            reason = f"{_names(sorted(missing))} vanished from {context.archive.sources(batch.id)}. {PUT_BACK}"
            return context.move(batch, State.HELD, reason)
        log.warning("a claimed file is still being written to", extra={"batch": batch.id})
        batch = context.journal.amend(batch, files=looked)
        context.pause(_settle_seconds(context), f"the files of batch {batch.id} were still being written to")
    return batch


def is_unchanged(context: Context, batch: Batch) -> bool:
    """Say whether the claimed files are still there with the sizes and mtimes that the journal lists."""
    looked = _look(context, batch)
    return len(looked) == len(batch.files) and all(map(inbox.same_content, looked, batch.files))


def _move_in(context: Context, batch: Batch, files: Sequence[DropFile]) -> Batch:
    folder, sources = _inbox_folder(context, batch), context.archive.sources(batch.id)
    batch = context.journal.amend(batch, moving=True)
    with wording(sources):
        sources.mkdir(mode=0o700, exist_ok=True)
        sync_folder(sources.parent)
        for file in files:
            batch = _move(context, batch, file.name)
    if batch.drop_kind is DropKind.FOLDER:
        inbox.remove_empty_folders(folder, batch.files)
    return batch


def _move(context: Context, batch: Batch, name: str) -> Batch:
    """Move one file in, and while its writer is not done, as a copy across file systems notices, list it anew."""
    source, destination = _inbox_folder(context, batch) / name, context.archive.sources(batch.id) / name
    while True:
        try:
            inbox.move(source, destination, sync=sync_folder)
            break
        except DropChanged as error:
            log.warning("%s", error.sentence, extra={"batch": batch.id})
        now = inbox.look_again(source, name)
        listed = tuple(now if now and file.name == name else file for file in batch.files)
        batch = context.journal.amend(batch, files=listed)
        context.pause(_settle_seconds(context), f"a file of batch {batch.id} was still being written to")
    with suppress(PermissionError):  # another user's file, such as the SIS's: its folder is private
        destination.chmod(0o600)
    sync_folder(destination.parent)
    return batch


def _fetch_zip(context: Context, batch: Batch, source: str) -> Batch:
    """Give a batch that sends another one's zip again that zip as its claimed file."""
    other = context.journal.batch(source)
    sources = context.archive.sources(batch.id)
    destination = sources / RETRIED_ZIP
    if not destination.exists() and other is not None and context.archive.zip_path(other).is_file():
        with wording(destination):
            sources.mkdir(mode=0o700, exist_ok=True)
            link_or_copy(context.archive.zip_path(other), destination)
            sync_folder(sources)
    looked = _look(context, batch)
    if not looked:
        return context.move(
            batch,
            State.HELD,
            f"the zip of batch {source} is no longer in the archive. Put it back, and the next run continues",
        )
    return context.journal.amend(batch, files=looked)


def _settle_seconds(context: Context) -> float:
    return max(context.settings.settle_seconds, 1)


def _inbox_folder(context: Context, batch: Batch) -> Path:
    folder: Path = context.settings.inbox
    return folder / batch.drop_name if batch.drop_kind is DropKind.FOLDER else folder


def _look(context: Context, batch: Batch) -> tuple[DropFile, ...]:
    sources = context.archive.sources(batch.id)
    looked = (inbox.look_again(sources / file.name, file.name) for file in batch.files)
    return tuple(file for file in looked if file is not None)


def _unchanged(folder: Path, file: DropFile) -> bool:
    return inbox.look_again(folder / file.name, file.name) == file


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
