"""Claim: a drop's files leave the inbox and become a batch (docs/exports.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace

from canvas_sis_sync.errors import DropChanged, HomeError
from canvas_sis_sync.files import Folder, make_folder
from canvas_sis_sync.home import inbox
from canvas_sis_sync.home.archive import link_or_copy, sync_folder, wording
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.drops import Drop, DropFile, DropKind
from canvas_sis_sync.home.inbox import NotListed
from canvas_sis_sync.home.journal_questions import Sighting
from canvas_sis_sync.sync.session import Session, log

RETRIED_ZIP = "retried.zip"
"""Name of an earlier batch's zip, sent again by a retry or a remaster, among the claimed files of the new one."""
INTERRUPTED = "the claim was interrupted, and since then"
MEANWHILE = "while the drop was being claimed,"
PUT_BACK = "Put the files back there with their old dates (`cp -p`), and the next run continues."


def claim(session: Session, drop: Drop, *, mark: int | None = None, set_aside: str = "", who: str = "run") -> Batch:
    """Enter the drop in the journal and move its files under the archive.

    `mark` is the highest import id that the account shows: what is above it may have been sent after the claim.
    With `set_aside`, the reason of the person `who`, it goes there without ever being sent: `pack` discards it. The
    journal lists the files before the first of them is moved; a batch of which one is no longer the listed file is
    held or discarded, as by `resume`. Raises HomeError when there is no room or the disk does not take it; what was
    moved by then is gone on with by `resume`.
    """
    _require_no_settings(session, drop)
    total = sum(file.size for file in drop.files)
    session.archive.require_space(total * _copies(session, drop))
    batch_id = session.archive.new_id(session.clock.now(), session.journal.last_id())
    batch = session.journal.add(
        Batch(
            id=batch_id,
            state=BatchState.CLAIMED,
            target=session.target,
            drop_name=drop.name,
            drop_kind=drop.kind,
            claimed_at=session.clock.now(),
            mark=mark,
            files=drop.files,
            reason=f"{len(drop.files)} files, {total} bytes, from {drop.name}",
            set_aside=set_aside,
        ),
        who=who,
    )
    log.info("claimed: %s", batch.reason, extra={"batch": batch.id})
    session.archive.make_batch_folder(batch.id)
    session.archive.write_receipt(batch)
    return settle_claimed(session, _move_in(session, batch, batch.files, MEANWHILE))


def resume(session: Session, batch: Batch) -> Batch:
    """Go on with a claim that was cut short.

    What still lies in the inbox is claimed only if all of it is as the journal lists it. Otherwise the batch is held,
    and the reason names both halves; or, when nothing had been moved yet, discarded: what lies there is a new drop.
    """
    session.archive.make_batch_folder(batch.id)
    if source := batch.retry_of or batch.remaster_of:
        return _fetch_zip(session, batch, source)
    with wording(session.archive.sources(batch.id)), _sources(session, batch) as sources:
        for file in batch.files:
            inbox.finish_move(file, sources)
    inside, there = _look(session, batch), _look_in_inbox(session, batch)
    if changed := _changed(batch, inside, there):
        return _not_as_listed(session, batch, changed, INTERRUPTED, gone=not inside and batch.moving)
    # A copy across file systems is complete before its source goes, so a file can be on both sides.
    left = [file for file in batch.files if there.get(file.name) == file]
    return settle_claimed(session, _move_in(session, batch, left, INTERRUPTED))


def is_back(session: Session, batch: Batch) -> bool:
    """Say whether a batch that was held because files of it were missing or changed has all of them as listed."""
    if source := batch.retry_of or batch.remaster_of:
        other = session.journal.batch(source)
        return other is not None and session.archive.zip_path(other).is_file()
    inside, there = _look(session, batch), _look_in_inbox(session, batch)
    unchanged = all(inbox.same_content(found, file) for file in batch.files if (found := inside.get(file.name)))
    return unchanged and not _changed(batch, inside, there)


def settle_claimed(session: Session, batch: Batch) -> Batch:
    """Compare the claimed files with the journal's list; while they differ, their writer is not done: wait.

    Gives the batch with the list as the files are now, or held when one has vanished; one that is no longer claimed
    as it is. Raises TimeRanOut.
    """
    while batch.state is BatchState.CLAIMED and not is_unchanged(session, batch):
        looked = _look(session, batch)
        missing = {file.name for file in batch.files} - looked.keys()
        if missing:
            reason = f"{_names(sorted(missing))} vanished from {session.archive.sources(batch.id)}. {PUT_BACK}"
            return session.move(batch.held(reason))
        log.warning("a claimed file is still being written to", extra={"batch": batch.id})
        batch = session.journal.amend(replace(batch, files=tuple(looked.values())))
        session.pause(_settle_seconds(session), f"the files of batch {batch.id} were still being written to")
    return batch


def is_unchanged(session: Session, batch: Batch) -> bool:
    """Say whether the claimed files are still there with the sizes and mtimes that the journal lists."""
    looked = _look(session, batch)
    return all(inbox.same_content(looked.get(file.name), file) for file in batch.files)


def _require_no_settings(session: Session, drop: Drop) -> None:
    """Raise HomeError when a file of the drop is the home's `.env` under a second name (a hard link)."""
    home = session.settings.home
    with wording(home), Folder.open(home) as folder:
        own = {file.file_id for file in inbox.look_again(folder, [".env"]).values()}
    for file in drop.files:
        if file.file_id in own:
            raise HomeError(
                f"{file.name} in {drop.folder} is a second name of {home / '.env'}, which holds the token. Nothing of"
                f" {drop.name} was taken.",
                "Remove it from the inbox, and find out who put it there.",
            )


def _copies(session: Session, drop: Drop) -> int:
    """Count the copies of a drop for which there must be room: its zip, and what is made on the way to that."""
    with wording(session.archive.folder):
        here = session.archive.folder.stat().st_dev
    across = any(not file.file_id.startswith(f"{here}:") for file in drop.files)
    originals = drop.kind is DropKind.ZIP or bool(session.settings.source_encoding)
    return 1 + across + originals


def _move_in(session: Session, batch: Batch, files: Sequence[DropFile], when: str) -> Batch:
    with wording(session.archive.sources(batch.id)), _sources(session, batch) as sources:
        try:
            with _origin(session, batch) as origin:
                batch = session.journal.amend(replace(batch, moving=True))
                for file in files:
                    batch = _move(session, batch, file, origin, sources)
                for file in batch.files:
                    inbox.remove_leftover(origin, file)
        except NotListed:
            # The folder of a drop that was claimed whole is gone, too.
            if changed := _changed(batch, _look(session, batch), _look_in_inbox(session, batch)):
                return _not_as_listed(session, batch, changed, when)
    if batch.drop_kind is DropKind.FOLDER:
        inbox.remove_empty_folders(session.settings.inbox, batch.drop_name, batch.files)
    return batch


def _move(session: Session, batch: Batch, file: DropFile, origin: Folder, sources: Folder) -> Batch:
    """Move one file in, and while its writer is not done, as a copy across file systems notices, list it again.

    Raises NotListed.
    """
    while True:
        try:
            inbox.move(origin, file, sources)
            return batch
        except NotListed:
            raise
        except DropChanged as error:
            log.warning("%s", error.sentence, extra={"batch": batch.id})
        now = inbox.look_again(origin, [file.name]).get(file.name)
        if now and now.file_id == file.file_id:
            file = now
            listed = tuple(now if each.name == now.name else each for each in batch.files)
            batch = session.journal.amend(replace(batch, files=listed))
        session.pause(_settle_seconds(session), f"a file of batch {batch.id} was still being written to")


def _not_as_listed(session: Session, batch: Batch, changed: Sequence[str], when: str, *, gone: bool = False) -> Batch:
    """Hold a batch whose files in the inbox are not the listed ones, or discard it while nothing was claimed.

    With `gone` some may have been claimed, and nothing is left of them: somebody has to know.
    """
    folder = session.settings.inbox
    if batch.drop_kind is DropKind.FOLDER:
        folder /= batch.drop_name
    reason = f"{when} {_names(changed)} changed or vanished in {folder}."
    with wording(session.archive.sources(batch.id)), _sources(session, batch) as sources:
        inside = sorted(file.name for file in batch.files if inbox.has_taken(file, sources))
    if inside:
        return session.move(batch.held(f"{reason} Already claimed, in {sources.path}: {_names(inside)}"))
    if gone:
        return session.move(batch.held(f"{reason} Nothing of it is in {sources.path} either. {PUT_BACK}"))
    held = session.move(batch.held(reason))
    return session.move(held.discarded(f"{reason} Nothing had been claimed, so what is there is a new drop"))


def _fetch_zip(session: Session, batch: Batch, source: str) -> Batch:
    """Give a batch that sends another one's zip again that zip as its claimed file."""
    other = session.journal.batch(source)
    sources = session.archive.sources(batch.id)
    destination = sources / RETRIED_ZIP
    if not destination.exists() and other is not None and session.archive.zip_path(other).is_file():
        with wording(destination):
            # A second name takes no room; the zip that is sent is a copy, and may be repacked.
            session.archive.require_space(session.archive.zip_path(other).stat().st_size * 2)
            make_folder(sources)
            link_or_copy(session.archive.zip_path(other), destination)
            sync_folder(sources)
    looked = _look(session, batch)
    if not looked:
        reason = f"the zip of batch {source} is no longer in the archive. Put it back, and the next run continues"
        return session.move(batch.held(reason))
    return session.journal.amend(replace(batch, files=tuple(looked.values())))


def _settle_seconds(session: Session) -> float:
    return max(session.settings.settle_seconds, 1)


@contextmanager
def _sources(session: Session, batch: Batch) -> Iterator[Folder]:
    """Open the folder of the batch's claimed files, made if missing. Raises OSError."""
    path = session.archive.sources(batch.id)
    make_folder(path)
    sync_folder(path.parent)
    with Folder.open(path) as folder:
        yield folder


def _origin(session: Session, batch: Batch) -> AbstractContextManager[Folder]:
    """Open the folder in the inbox that the batch's files were listed in. Raises NotListed, OSError."""
    return inbox.opened(session.settings.inbox, batch.drop_name if batch.drop_kind is DropKind.FOLDER else "")


def _look(session: Session, batch: Batch) -> dict[str, DropFile]:
    """Describe the claimed files by name. Raises HomeError."""
    sources = session.archive.sources(batch.id)
    with wording(sources), suppress(FileNotFoundError), Folder.open(sources) as folder:
        return inbox.look_again(folder, [file.name for file in batch.files])
    return {}


def _look_in_inbox(session: Session, batch: Batch) -> dict[str, DropFile]:
    """Describe by name what is there of the batch's files in the inbox. Raises HomeError."""
    with wording(session.settings.inbox), suppress(NotListed), _origin(session, batch) as folder:
        return inbox.look_again(folder, [file.name for file in batch.files])
    return {}


def _changed(batch: Batch, inside: Mapping[str, DropFile], there: Mapping[str, DropFile]) -> list[str]:
    """Name the files that are neither claimed nor still in the inbox as they were listed."""
    outside = [file for file in batch.files if file.name not in inside]
    return [file.name for file in outside if there.get(file.name) != file]


def _names(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def look(session: Session) -> tuple[tuple[Drop, bool], ...]:
    """Look at the inbox: its drops, oldest first, each with whether it is settled.

    The look is journalled, so that it counts as the first of two for a later one. Raises HomeError.
    """
    settings = session.settings
    with wording(settings.inbox):
        view = inbox.scan(settings.inbox, settings.marker)
    now = session.clock.monotonic()
    earlier = session.journal.sightings()
    sightings: dict[str, Sighting] = {}
    for drop in view.drops:
        text = inbox.signature(drop)
        seen = earlier.get(drop.name)
        # One from the future is of before the machine was started: it begins anew.
        same = seen is not None and seen.signature == text and seen.seen_at <= now
        sightings[drop.name] = seen if same and seen is not None else Sighting(text, now)
    session.journal.remember_sightings(sightings)

    def is_settled(drop: Drop) -> bool:
        if settings.marker:
            return inbox.is_marked(drop, settings.marker)
        return settings.settle_seconds == 0 or now - sightings[drop.name].seen_at >= settings.settle_seconds

    return tuple((drop, is_settled(drop)) for drop in view.drops)
