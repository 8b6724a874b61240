"""The inbox: which drops lie in it, whether their writer is done, and how files leave it.

A drop is all loose CSVs at the top of the inbox, or one sub-folder, or one zip. Nothing here opens a file's content
but to compare a copy across file systems. Symbolic links are never followed. Idle ticks load it: the model is imported
once there is something to describe.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from canvas_sis_sync.errors import DropChanged

if TYPE_CHECKING:
    from canvas_sis_sync.model import Drop, DropFile, Inbox

UNFINISHED_SUFFIXES = (".tmp", ".part", ".filepart", ".swp")
LOOSE = "loose files"
COPY_BLOCK = 1 << 20


def has_drops(folder: Path, marker: str = "") -> bool:
    """Say whether `scan` would find a drop: all that an idle tick asks. Raises OSError as `scan` does."""
    for entry in _visible(folder, marker):
        if entry.is_file(follow_symlinks=False):
            if entry.name.lower().endswith((".csv", ".zip")):
                return True
        elif entry.is_dir(follow_symlinks=False) and any(_csv_files(Path(entry.path), entry.name, [], marker)):
            return True
    return False


def scan(folder: Path, marker: str = "") -> Inbox:
    """Look at the inbox `folder`; files called `marker` belong to no drop and are not mentioned.

    Oldest drop first, by the newest mtime in it and then by name. Raises OSError when the folder cannot be read.
    """
    from canvas_sis_sync.model import Drop, DropKind, Inbox

    loose: list[DropFile] = []
    drops: list[Drop] = []
    others: list[str] = []
    for entry in _visible(folder, marker):
        if entry.is_symlink():
            others.append(entry.name)
        elif entry.is_dir(follow_symlinks=False):
            found = tuple(_csv_files(Path(entry.path), entry.name, others, marker))
            if found:
                drops.append(Drop(entry.name, DropKind.FOLDER, Path(entry.path), _by_name(found)))
        elif entry.name.lower().endswith(".zip"):
            drops.append(Drop(entry.name, DropKind.ZIP, folder, tuple(_look(entry, entry.name))))
        elif entry.name.lower().endswith(".csv"):
            loose.extend(_look(entry, entry.name))
        else:
            others.append(entry.name)
    if loose:
        drops.append(Drop(LOOSE, DropKind.LOOSE, folder, _by_name(loose)))
    drops = [drop for drop in drops if drop.files]
    return Inbox(tuple(sorted(drops, key=_age)), tuple(sorted(others)))


def csv_names(folder: Path, marker: str = "") -> tuple[str, ...]:
    """Name the CSVs below `folder`, sorted, as paths relative to it. Raises OSError when it cannot be read."""
    return tuple(sorted(file.name for file in _csv_files(folder, folder.name, [], marker)))


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


def look_again(path: Path, name: str) -> DropFile | None:
    """Describe the regular file at `path` as a drop's file called `name`, None when there is none."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return _describe(name, found) if stat.S_ISREG(found.st_mode) else None


def same_content(one: DropFile | None, other: DropFile) -> bool:
    """Say whether size and mtime agree: nobody has written to the file in between."""
    return one is not None and (one.size, one.mtime_ns) == (other.size, other.mtime_ns)


def move(source: Path, destination: Path, *, sync: Callable[[Path], object]) -> None:
    """Move one file so that at every instant its bytes exist under one of the two names.

    Renames on one file system; across two, copies, fsyncs, compares and unlinks. `sync` makes the names in a folder
    last. Raises DropChanged when the source is written to meanwhile, OSError when a disk is full or read-only.
    """
    _make_folder(destination.parent, sync)
    try:
        source.rename(destination)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, destination)
        sync(destination.parent)
        source.unlink()


def remove_empty_folders(drop_folder: Path, files: Sequence[DropFile]) -> None:
    """Remove the folders of a drop that its files have left empty; others stay as they are."""
    folders = {(drop_folder / file.name).parent for file in files} | {drop_folder}
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        current = folder
        while current.is_relative_to(drop_folder):
            try:
                current.rmdir()
            except OSError:
                break
            current = current.parent


def _make_folder(folder: Path, sync: Callable[[Path], object]) -> None:
    if not folder.exists():
        _make_folder(folder.parent, sync)
        folder.mkdir(mode=0o700)
        sync(folder.parent)


def _copy(source: Path, destination: Path) -> None:
    import shutil

    before = os.lstat(source)
    partial = destination.with_name(f".{destination.name}.part")
    with source.open("rb") as reading, partial.open("wb") as writing:
        shutil.copyfileobj(reading, writing, COPY_BLOCK)
        writing.flush()
        os.fsync(writing.fileno())
    with source.open("rb") as original, partial.open("rb") as copy:
        while block := original.read(COPY_BLOCK):
            if copy.read(len(block)) != block:
                partial.unlink()
                raise DropChanged(f"{source} changed while it was being copied.", "The next run takes it again.")
    os.utime(partial, ns=(before.st_atime_ns, before.st_mtime_ns))
    partial.replace(destination)
    after = os.lstat(source)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        destination.unlink()
        raise DropChanged(f"{source} changed while it was being copied.", "The next run takes it again.")


def _csv_files(folder: Path, prefix: str, others: list[str], marker: str) -> Iterator[DropFile]:
    for entry in _visible(folder, marker):
        path = f"{prefix}/{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _csv_files(Path(entry.path), path, others, marker)
        elif entry.name.lower().endswith(".csv") and not entry.is_symlink():
            yield from _look(entry, path.split("/", 1)[1])
        else:
            others.append(path)


def _visible(folder: Path, marker: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name.startswith((".", "~")) or name.endswith("~") or name.lower().endswith(UNFINISHED_SUFFIXES):
                continue
            if name != marker:
                yield entry


def _look(entry: os.DirEntry[str], name: str) -> Iterator[DropFile]:
    # Windows leaves inode and device out of what scandir has at hand.
    found = look_again(Path(entry.path), name)
    if found:
        yield found


def _describe(name: str, found: os.stat_result) -> DropFile:
    from canvas_sis_sync.model import DropFile

    return DropFile(name, found.st_size, found.st_mtime_ns, f"{found.st_dev}:{found.st_ino}")


def _by_name(files: Sequence[DropFile]) -> tuple[DropFile, ...]:
    return tuple(sorted(files, key=lambda file: file.name))


def _age(drop: Drop) -> tuple[int, str]:
    return max(file.mtime_ns for file in drop.files), drop.name
