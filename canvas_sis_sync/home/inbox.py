"""The inbox: which drops lie in it, whether their writer is done, and how files leave it.

A drop is all loose CSVs of one night at the top of the inbox, or one sub-folder, or one zip. Nothing here opens a
file's content but to compare a copy across file systems. Symbolic links are never followed, whenever they appear (see
`files`). Idle ticks load it: the model is imported once there is something to describe.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from canvas_sis_sync.errors import DropChanged, HomeError
from canvas_sis_sync.file_names import on_disk, storable
from canvas_sis_sync.files import HANDLES, Folder, is_folder

if TYPE_CHECKING:
    from canvas_sis_sync.home.drops import Drop, DropFile, Inbox

UNFINISHED_SUFFIXES = (".tmp", ".part", ".filepart", ".swp")
LOOSE = "loose files"
COPY_BLOCK = 1 << 20
LONGEST_NAME = 200
"""Bytes of a name to which something can still be added: file systems take 255."""
DEEPEST = 32
"""Folders within each other below a drop; each is an open handle while it is walked."""


class NotListed(DropChanged):
    """What is there under a listed name is not the file that was listed: nothing, a link, or another file."""


def has_drops(folder: Path, marker: str = "") -> bool:
    """Say whether `scan` would find a drop: all that an idle tick asks. Raises as `scan` does."""
    with Folder.open(folder) as inbox:
        for name, found in _visible(inbox, marker):
            if stat.S_ISREG(found.st_mode):
                if name.lower().endswith((".csv", ".zip")):
                    return True
            elif is_folder(found) and any(_csv_files(inbox, name, [], marker)):
                return True
    return False


def left_lying(folder: Path, marker: str = "") -> list[str]:
    """Name the files that `scan` finds to belong to no drop, without the model. Raises as `scan` does."""
    others: list[str] = []
    with Folder.open(folder) as inbox:
        for name, found in _visible(inbox, marker):
            if is_folder(found):
                for _ in _csv_files(inbox, name, others, marker):
                    pass
            elif not (stat.S_ISREG(found.st_mode) and name.lower().endswith((".csv", ".zip"))):
                others.append(name)
    return sorted(others)


def scan(folder: Path, marker: str = "") -> Inbox:
    """Look at the inbox `folder`; files called `marker` belong to no drop and are not mentioned.

    Oldest drop first, by the newest mtime in it and then by name. Raises OSError when the folder cannot be read,
    HomeError when one below it cannot, since a drop without what is in there is not the whole drop.
    """
    from canvas_sis_sync.home.drops import Drop, DropKind, Inbox
    from canvas_sis_sync.home.nights import nights

    loose: list[DropFile] = []
    drops: list[Drop] = []
    others: list[str] = []
    with Folder.open(folder) as inbox:
        for name, found in _visible(inbox, marker):
            is_file, lower = stat.S_ISREG(found.st_mode), name.lower()
            if is_folder(found):
                below = ((path.partition("/")[2], seen) for path, seen in _csv_files(inbox, name, others, marker))
                files = _by_name([_describe(path, seen) for path, seen in below])
                drops.append(Drop(name, DropKind.FOLDER, folder / on_disk(name), files))
            elif is_file and lower.endswith(".zip"):
                drops.append(Drop(name, DropKind.ZIP, folder, (_describe(name, found),)))
            elif is_file and lower.endswith(".csv"):
                loose.append(_describe(name, found))
            else:
                others.append(name)
    aged = [(_newest(drop.files), drop.name, drop) for drop in drops if drop.files]
    newest = 0
    for night, files in nights(loose) if loose else ():
        # A copy may have mixed the times of the nights up; their order is that of the dates in the names.
        newest = max(newest, _newest(files))
        name = f"{LOOSE} of {night}" if night else LOOSE
        aged.append((newest, name, Drop(name, DropKind.LOOSE, folder, _by_name(files))))
    return Inbox(tuple(drop for _, _, drop in sorted(aged, key=lambda each: each[:2])), tuple(sorted(others)))


def csv_names(folder: Path, marker: str = "") -> tuple[str, ...]:
    """Name the CSVs below `folder`, sorted, as paths relative to it. Raises as `scan`."""
    with Folder.open(folder) as opened:
        return tuple(sorted(path.partition("/")[2] for path, _ in _csv_files_in(opened, folder.name, [], marker)))


def named(path: Path) -> tuple[Path, tuple[str, ...]] | None:
    """Return the folder and the files in it that a person's path names, None where nothing is. Raises as `scan`."""
    if not os.path.exists(path):  # noqa: PTH110 (Path.exists raises for names that are too long)
        return None
    path = path.resolve()  # a link that a person names is meant
    return (path, csv_names(path)) if path.is_dir() else (path.parent, (storable(path.name),))


def signature(drop: Drop) -> str:
    """Give a text that changes when a file of the drop comes, goes, grows or is written to."""
    return "\n".join(f"{file.name}\t{file.size}\t{file.mtime_ns}\t{file.file_id}" for file in drop.files)


def is_marked(drop: Drop, marker: str) -> bool:
    """Say whether the marker file lies beside the drop's files and is not older than any of them."""
    try:
        mark = os.lstat(drop.folder / marker)
    except OSError:
        return False
    return all(mark.st_mtime_ns >= file.mtime_ns for file in drop.files)


@contextmanager
def opened(inbox: Path, drop_name: str = "") -> Iterator[Folder]:
    """Open the folder that the files of a drop are in: `drop_name` in the inbox, or the inbox.

    Raises NotListed when that is no folder any more, or a link to one, OSError.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(Folder.open(inbox))
        try:
            folder = stack.enter_context(folder.folder(drop_name)) if drop_name else folder
        except FileNotFoundError as error:
            raise _not_listed(drop_name) from error
        yield folder


def look_again(folder: Folder, names: Iterable[str]) -> dict[str, DropFile]:
    """Describe the regular files among `names` (forward slashes) in `folder`. Raises OSError."""
    looked = {}
    for name in names:
        with suppress(FileNotFoundError), folder.parent_of(name) as (parent, last):
            if file := _look_at(parent, last, name):
                looked[name] = file
    return looked


def same_content(one: DropFile | None, other: DropFile) -> bool:
    """Say whether size and mtime agree: nobody has written to the file in between."""
    return one is not None and (one.size, one.mtime_ns) == (other.size, other.mtime_ns)


def move(origin: Folder, file: DropFile, sources: Folder) -> None:
    """Move a listed file of a drop so that at every instant its bytes exist under one of the two names.

    Renames on one file system; across two, copies, fsyncs, compares and unlinks. It has its name in `sources` only
    once it is known to be the listed file; what turns out to be another one is put back. Raises NotListed then, and
    when there is none; DropChanged when it is written to while it is copied; OSError when a disk is full or read-only.
    """
    with _here(origin, file) as (parent, name, reading), sources.parent_of(file.name, make=True) as (place, _):
        if not HANDLES:
            reading.close()  # Windows renames no open file
        try:
            parent.rename(name, place, _hidden(name))
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            with parent.open_file(name) if reading.closed else reading as content:
                copied = _copy(content, file, place)
            place.sync()
            _remove(parent, name, copied)
        else:
            _require_arrived(file, place, parent, reading)
            place.rename(_hidden(name), place, name)
            place.make_private(name)
            place.sync()


def finish_move(file: DropFile, sources: Folder) -> None:
    """Finish the move of a file if the run was stopped in it, and what was moved is the listed file. Raises OSError."""
    with suppress(FileNotFoundError), sources.parent_of(file.name) as (place, name):
        if _is(place.look(_hidden(name)), file):
            place.rename(_hidden(name), place, name)


def has_taken(file: DropFile, sources: Folder) -> bool:
    """Say whether a listed file was moved, or something in its place. Raises OSError."""
    with suppress(FileNotFoundError), sources.parent_of(file.name) as (place, name):
        return place.look(name) is not None or place.look(_hidden(name)) is not None
    return False


def remove_leftover(origin: Folder, file: DropFile) -> None:
    """Remove what is left of a file that was moved by a copy, if the run was stopped right before it removed it.

    Raises OSError.
    """
    with suppress(FileNotFoundError), origin.parent_of(file.name) as (parent, name):
        if _look_at(parent, _hidden(name), file.name) == file:
            parent.unlink(_hidden(name))


def remove_empty_folders(inbox: Path, drop_name: str, files: Sequence[DropFile]) -> None:
    """Remove the folder of a drop and those below it that its files have left empty; others stay as they are."""
    folders = {drop_name}
    for file in files:
        parts = f"{drop_name}/{file.name}".split("/")
        folders.update("/".join(parts[:count]) for count in range(1, len(parts)))
    with Folder.open(inbox) as opened_inbox:
        for path in sorted(folders, key=lambda path: path.count("/"), reverse=True):
            with suppress(OSError), opened_inbox.parent_of(path) as (parent, name):
                parent.rmdir(name)


@contextmanager
def _here(origin: Folder, file: DropFile) -> Iterator[tuple[Folder, str, BinaryIO]]:
    """Open the listed file: its folder, its name in there, and its content. Raises NotListed, OSError."""
    try:
        with origin.parent_of(file.name) as (parent, name), parent.open_file(name) as reading:
            if not _is(os.fstat(reading.fileno()), file):
                raise _not_listed(file.name)
            yield parent, name, reading
    except FileNotFoundError as error:
        raise _not_listed(file.name) from error


def _require_arrived(file: DropFile, place: Folder, parent: Folder, reading: BinaryIO) -> None:
    """Put what was moved back unless it is the file that was opened. Raises NotListed, also when it cannot be."""
    name = file.name.rpartition("/")[2]
    arrived = place.look(_hidden(name))
    if arrived is None:
        raise _not_listed(file.name)
    same = _is(arrived, file) if reading.closed else os.path.samestat(arrived, os.fstat(reading.fileno()))
    if not same:
        with suppress(OSError):  # it stays where it is, and the batch is held
            place.give_back(_hidden(name), parent, name)
        raise _not_listed(file.name)


def _copy(reading: BinaryIO, file: DropFile, place: Folder) -> DropFile:
    """Copy an open file into one of our own that has its times; describe what was copied.

    Raises NotListed, DropChanged, OSError.
    """
    import shutil

    before = os.fstat(reading.fileno())
    if not _is(before, file):
        raise _not_listed(file.name)
    name = file.name.rpartition("/")[2]
    partial = _beside(name, ".part")
    with place.create_file(partial) as copy:
        shutil.copyfileobj(reading, copy, COPY_BLOCK)
        copy.flush()
        place.set_times(partial, before)
        os.fsync(copy.fileno())
        same = _equal(reading, copy)
    copied, after = _describe(file.name, before), _describe(file.name, os.fstat(reading.fileno()))
    if not same or after != copied:
        place.unlink(partial)
        raise _written_to(file.name)
    place.rename(partial, place, name)
    return copied


def _equal(one: BinaryIO, other: BinaryIO) -> bool:
    one.seek(0)
    other.seek(0)
    while block := one.read(COPY_BLOCK):
        if other.read(len(block)) != block:
            return False
    return not other.read(1)


def _remove(parent: Folder, name: str, copied: DropFile) -> None:
    """Remove a file that has been copied, and only that: a newer one that has taken its name stays.

    It gets a hidden name first, because what has a name may be replaced up to the moment at which the name is removed.
    Raises DropChanged when it was written to after it had been copied, OSError.
    """
    hidden = _hidden(name)
    if parent.look(hidden) is not None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(parent.path / hidden))
    parent.rename(name, parent, hidden)
    found = _look_at(parent, hidden, copied.name)
    if found == copied:
        parent.unlink(hidden)
        return
    parent.give_back(hidden, parent, name)
    if found and found.file_id == copied.file_id:
        raise _written_to(copied.name)


def _hidden(name: str) -> str:
    """Return the name of a file while it is being moved: in the archive until it is known to be the listed one."""
    return _beside(name, ".claimed")


def _beside(name: str, ending: str) -> str:
    """Return a hidden name that goes with `name`; one that would be too long for a file system is shortened."""
    if len(name.encode()) > LONGEST_NAME:
        import hashlib

        name = hashlib.sha256(name.encode()).hexdigest()
    return f".{name}{ending}"


def _csv_files(
    parent: Folder, name: str, others: list[str], marker: str, above: str = ""
) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the CSVs below the folder `name`, as paths from the inbox, with a look at each. Raises HomeError."""
    path = f"{above}{name}"
    drop = path.partition("/")[0]
    if path.count("/") > DEEPEST:
        raise HomeError(
            f"The folder {drop} in the inbox has more than {DEEPEST} folders inside each other. Nothing of it was"
            " taken.",
            "Deliver its CSVs in fewer folders, or move it out of the inbox.",
        )
    try:
        with parent.folder(name) as folder:
            yield from _csv_files_in(folder, path, others, marker)
    except FileNotFoundError:
        return  # gone, or replaced by a link, since it was looked at: the next look finds what is there
    except OSError as error:
        raise HomeError(
            f"{error.filename} cannot be read: {(error.strerror or str(error)).lower()}. Nothing of {drop} was taken,"
            " since it may be incomplete without it.",
            "Let the user who runs sis-sync enter and read it, or move it out of the inbox.",
        ) from error


def _csv_files_in(folder: Folder, path: str, others: list[str], marker: str) -> Iterator[tuple[str, os.stat_result]]:
    for name, found in _visible(folder, marker):
        if is_folder(found):
            yield from _csv_files(folder, name, others, marker, f"{path}/")
        elif stat.S_ISREG(found.st_mode) and name.lower().endswith(".csv"):
            yield f"{path}/{name}", found
        else:
            others.append(f"{path}/{name}")


def _visible(folder: Folder, marker: str) -> Iterator[tuple[str, os.stat_result]]:
    """Yield what is in a folder, with a look at each; what has vanished since it was listed is left out."""
    for name in folder.names():
        if name.startswith((".", "~")) or name.endswith("~") or name.lower().endswith(UNFINISHED_SUFFIXES):
            continue
        if name == marker or not (found := folder.look(name)):
            continue
        yield name, found


def _look_at(parent: Folder, last: str, name: str) -> DropFile | None:
    """Describe the regular file `last` in a folder as a drop's file called `name`, None when there is none."""
    found = parent.look(last)
    return _describe(name, found) if found and stat.S_ISREG(found.st_mode) else None


def _describe(name: str, found: os.stat_result) -> DropFile:
    from canvas_sis_sync.home.drops import DropFile

    return DropFile(name, found.st_size, found.st_mtime_ns, _id(found))


def _id(found: os.stat_result) -> str:
    return f"{found.st_dev}:{found.st_ino}"


def _is(found: os.stat_result | None, file: DropFile) -> bool:
    """Say whether a look found the listed file itself, whatever was written to it since."""
    return found is not None and stat.S_ISREG(found.st_mode) and _id(found) == file.file_id


def _not_listed(name: str) -> NotListed:
    return NotListed(f"{name} is not what was listed, or is gone.", "Deliver it again.")


def _written_to(name: str) -> DropChanged:
    return DropChanged(f"{name} changed while it was being copied.", "The next run takes it again.")


def _by_name(files: Sequence[DropFile]) -> tuple[DropFile, ...]:
    return tuple(sorted(files, key=lambda file: file.name))


def _newest(files: Sequence[DropFile]) -> int:
    return max(file.mtime_ns for file in files)
