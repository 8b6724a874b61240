"""Files and folders as this program opens and makes them: never through a symbolic link, and for their owner only.

Everything that this program writes is made here, or as here, whatever the umask. What exists already keeps its mode:
it may be somebody's choice, so it is reported and never changed.

A path is looked up again at each use, so a folder in it can be swapped for a link between two looks. Where the system
looks names up in an open folder (`dir_fd`), the folder that was opened is the one that is worked in. Windows cannot:
there each step is checked right before it is taken, and a swap in between is not noticed (docs/exports.md).
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Self, cast

from canvas_sis_sync.file_names import on_disk, storable

HANDLES = os.listdir in os.supports_fd and {os.open, os.stat, os.rename, os.link, os.mkdir, os.unlink, os.rmdir} <= (
    os.supports_dir_fd
)
"""True where names can be looked up in an open folder."""

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_COMMON = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _COMMON
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | _NO_LINK | _COMMON
_WRITE = os.O_RDWR | os.O_CREAT | os.O_EXCL | _NO_LINK | _COMMON
_REPARSE_POINT = 0x400
"""What Windows calls links and junctions."""


def open_regular(path: str | Path, *, dir_fd: int | None = None) -> io.BufferedReader:
    """Open a regular file for reading, without waiting for a writer and without following a link at the path's end.

    Raises FileNotFoundError when something else is there, OSError.
    """
    try:
        descriptor = os.open(path, _READ, dir_fd=dir_fd)
    except OSError as error:
        if error.errno not in {errno.ELOOP, errno.ENXIO, errno.EMLINK, errno.ENODEV}:
            raise
        raise _no_file(path) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _no_file(path)
    return os.fdopen(descriptor, "rb")


class Folder:
    """An open folder, a context manager that closes it. Errors name the whole path.

    Names in it, those listed and those given, are text that can be stored (`file_names`).
    """

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self.path = path
        self._descriptor = descriptor

    @classmethod
    def open(cls, path: Path) -> Folder:
        """Open a folder that a person or a setting names, who may name a link. Raises OSError."""
        if HANDLES:
            return cls(path, os.open(path, _FOLDER))
        if not stat.S_ISDIR(path.stat().st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
        return cls(path, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def folder(self, name: str) -> Folder:
        """Open the folder `name` in this one. Raises FileNotFoundError where a link or a file is, OSError."""
        if name in {"", os.curdir, os.pardir} or {"/", os.sep} & set(name):
            raise _no_folder(self.path / name)
        if HANDLES:
            return Folder(self.path / name, self._opened(name))
        found = self.look(name)
        if found is None or not is_folder(found):
            raise _no_folder(self.path / name)
        return Folder(self.path / name, None)

    @contextmanager
    def parent_of(self, name: str, *, make: bool = False) -> Iterator[tuple[Folder, str]]:
        """Open the folder that the file `name` (forward slashes) is in; yield it and the last part of the name.

        With `make`, missing folders are made. Raises as `folder`.
        """
        *folders, last = name.split("/")
        with ExitStack() as opened:
            parent = self
            for each in folders:
                if make:
                    parent.make_folder(each)
                parent = opened.enter_context(parent.folder(each))
            yield parent, last

    def names(self) -> list[str]:
        """List the names in the folder, in no order, as text that can be stored. Raises OSError."""
        with self._naming(""):
            listed = os.listdir(self.path if self._descriptor is None else self._descriptor)  # noqa: PTH208 (it takes no handle)
        return list(map(storable, listed))

    def look(self, name: str) -> os.stat_result | None:
        """Look at what is called `name`, a link itself; None when there is nothing. Raises OSError."""
        with self._naming(name), suppress(FileNotFoundError, NotADirectoryError):
            return os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        return None

    def look_at_file(self, name: str) -> os.stat_result:
        """Look at the regular file `name`. Raises FileNotFoundError for anything else, OSError."""
        found = self.look(name)
        if found is None or not stat.S_ISREG(found.st_mode):
            raise _no_file(self.path / name)
        return found

    def open_file(self, name: str) -> io.BufferedReader:
        """Open the regular file `name` for reading. Raises FileNotFoundError for anything else, OSError."""
        self.look_at_file(name)  # opening a device may do something
        with self._naming(name):
            return open_regular(self._at(name), dir_fd=self._descriptor)

    def create_file(self, name: str) -> BinaryIO:
        """Make a private file for writing and reading, in place of one that is there. Raises OSError."""
        with self._naming(name):
            with suppress(FileNotFoundError):
                os.unlink(self._at(name), dir_fd=self._descriptor)
            descriptor = opener(self._at(name), _WRITE, dir_fd=self._descriptor)
        return cast("BinaryIO", os.fdopen(descriptor, "w+b"))

    def make_folder(self, name: str) -> None:
        """Make a private folder unless there is one. Raises OSError."""
        with self._naming(name):
            try:
                os.mkdir(self._at(name), FOLDER, dir_fd=self._descriptor)
            except FileExistsError:
                return
            found = self.look(name)
            if HANDLES and found and found.st_mode & 0o777 != FOLDER:  # the umask took rights of ours
                os.chmod(self._at(name), FOLDER, dir_fd=self._descriptor)
        self.sync()

    def make_private(self, name: str) -> None:
        """Leave the file `name` to its owner alone, unless it is another user's or has a second name elsewhere."""
        if not HANDLES:
            Path(self._at(name)).chmod(FILE)
            return
        with suppress(PermissionError), self.open_file(name) as file:
            if os.fstat(file.fileno()).st_nlink == 1:
                os.fchmod(file.fileno(), FILE)

    def set_times(self, name: str, times: os.stat_result) -> None:
        """Give a file of ours the times of another. Raises OSError."""
        with self._naming(name):
            os.utime(self._at(name), ns=(times.st_atime_ns, times.st_mtime_ns), dir_fd=self._descriptor)

    def rename(self, name: str, folder: Folder, new: str) -> None:
        """Move what is called `name` into another folder, in place of what is there. Raises OSError."""
        with self._naming(name):
            os.replace(self._at(name), folder._at(new), src_dir_fd=self._descriptor, dst_dir_fd=folder._descriptor)

    def give_back(self, name: str, folder: Folder, new: str) -> None:
        """Move what is called `name`, whatever it is, into another folder, in place of nothing. Raises OSError."""
        found = self.look(name)
        at = {"src_dir_fd": self._descriptor, "dst_dir_fd": folder._descriptor}
        with self._naming(name):
            if not HANDLES or (found and stat.S_ISDIR(found.st_mode)):
                # Fails where something is, but for an empty folder.
                os.rename(self._at(name), folder._at(new), **at)  # noqa: PTH104 (it takes no handle)
                return
            os.link(self._at(name), folder._at(new), follow_symlinks=False, **at)
            os.unlink(self._at(name), dir_fd=self._descriptor)

    def unlink(self, name: str) -> None:
        """Remove a file or a link. Raises OSError."""
        with self._naming(name):
            os.unlink(self._at(name), dir_fd=self._descriptor)

    def rmdir(self, name: str) -> None:
        """Remove an empty folder. Raises OSError for anything else."""
        with self._naming(name):
            os.rmdir(self._at(name), dir_fd=self._descriptor)

    def sync(self) -> None:
        """Make the names in the folder last, where the system can. Raises OSError."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)

    def _opened(self, name: str) -> int:
        try:
            with self._naming(name):
                return os.open(self._at(name), _FOLDER | _NO_LINK, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENOTDIR, errno.EMLINK}:
                raise _no_folder(self.path / name) from error
            raise

    def _at(self, name: str) -> str:
        return on_disk(str(self.path / name) if self._descriptor is None else name)

    @contextmanager
    def _naming(self, name: str) -> Iterator[None]:
        """Let errors name the whole path: the system was asked for its last part."""
        try:
            yield
        except OSError as error:
            error.filename = str(self.path / name)
            raise


def is_folder(found: os.stat_result) -> bool:
    """Say whether a look found a folder and no link to one."""
    return stat.S_ISDIR(found.st_mode) and not getattr(found, "st_file_attributes", 0) & _REPARSE_POINT


def _no_file(path: str | Path) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "Not a regular file", str(path))


def _no_folder(path: Path) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, "Not a folder", str(path))


FILE, FOLDER = 0o600, 0o700
OTHERS = 0o066
"""Reading and writing by group and others; entering a folder shows nothing of it."""


def opener(path: str, flags: int, *, dir_fd: int | None = None) -> int:
    """Open a file as `open(..., opener=opener)` does; one that is made is for its owner only. Raises OSError."""
    if not flags & os.O_CREAT:
        return os.open(path, flags, dir_fd=dir_fd)
    try:
        descriptor = os.open(path, flags | os.O_EXCL, FILE, dir_fd=dir_fd)
    except FileExistsError:
        if flags & os.O_EXCL:
            raise
        return os.open(path, flags & ~os.O_CREAT, dir_fd=dir_fd)
    _settle(descriptor)
    return descriptor


def make_file(path: Path) -> None:
    """Make an empty file unless there is one. Raises OSError."""
    with suppress(FileExistsError):
        os.close(opener(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL))


def make_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, unless there is one. Raises OSError."""
    try:
        path.mkdir(mode=FOLDER)
    except FileNotFoundError:
        if path.parent == path:
            raise
        make_folder(path.parent)
        make_folder(path)
    except FileExistsError:
        if not path.is_dir():
            raise
    else:
        if os.name == "posix" and path.stat().st_mode & 0o777 != FOLDER:  # the umask took rights of ours
            path.chmod(FOLDER)


def exposures(paths: Iterable[Path]) -> list[str]:
    """Return a sentence, with what to type, for each path that other users can read or write. POSIX only."""
    return [sentence for path in paths for sentence in _exposure(path)]


def _exposure(path: Path) -> list[str]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:  # whoever needs the path reports it
        return []
    if os.name != "posix" or not mode & OTHERS:
        return []
    from shlex import quote

    can = " and ".join(verb for verb, bits in (("read", 0o044), ("write to", 0o022)) if mode & bits)
    return [f"Other users of this machine can {can} {path} (mode {mode:o}). Type: chmod go-rw {quote(str(path))}"]


def _settle(descriptor: int) -> None:
    """Give a file that was just made its mode, where the umask took rights of ours."""
    if os.name == "posix" and os.fstat(descriptor).st_mode & 0o777 != FILE:
        with suppress(PermissionError):  # a file system without modes
            os.fchmod(descriptor, FILE)
