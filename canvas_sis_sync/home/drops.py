"""What lies in the inbox, and the files that are to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DropFile:
    """One file of a drop, as it lay in the inbox."""

    #: Path below the drop, with forward slashes; a loose file's or a zip's own name.
    name: str
    size: int
    mtime_ns: int
    #: Device and inode (or what the system has instead), so that a file that was replaced is noticed.
    file_id: str


class DropKind(StrEnum):
    """How a drop lies in the inbox."""

    LOOSE = "loose"
    FOLDER = "folder"
    ZIP = "zip"


@dataclass(frozen=True, slots=True)
class Drop:
    """What travels together: all loose CSVs at the top of the inbox, or one sub-folder, or one zip."""

    #: Folder or zip name; "loose files" for the loose ones.
    name: str
    kind: DropKind
    #: The folder the names of `files` are relative to: the inbox, or the sub-folder.
    folder: Path
    files: tuple[DropFile, ...]


@dataclass(frozen=True, slots=True)
class Inbox:
    """What lies in the inbox at one look."""

    #: Oldest first.
    drops: tuple[Drop, ...]
    #: Paths below the inbox that are neither CSV nor zip, left lying.
    others: tuple[str, ...]

    @property
    def file_count(self) -> int:
        """Files in all drops."""
        return sum(len(drop.files) for drop in self.drops)
