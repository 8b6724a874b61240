"""The rules about files as a whole (CSV 3 and 5). Those without a check are applied by the engine."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from itertools import chain

from canvas_sis_sync.check._rows import Heading
from canvas_sis_sync.check._rule import Rule, Severity
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS, recognize
from canvas_sis_sync.sis_csv.reader import MOST_COLUMNS

_fatal = partial(Rule, severity=Severity.FATAL)
DROPPED = "Canvas ignores the whole file and imports the others."
NOTHING_READ = "Canvas reads nothing of it and says only that something went wrong inside."


_RECOGNIZING = frozenset(name for kind in KINDS.values() for name in chain(kind.all_of, kind.none_of, *kind.any_of))
"""Columns by which files are recognized."""


def _meant_otherwise(heading: Heading, _options: object) -> Iterable[str]:
    """Find a column without which the file would be of another kind that knows as many of its columns (CSV 3)."""
    names = {cell.strip() for cell in heading.cells} - {""}
    for name in sorted(names & _RECOGNIZING):
        meant = recognize(names - {name})
        if meant and meant is not heading.kind and _knows(meant, names) >= _knows(heading.kind, names):
            return [name]
    return []


def _knows(kind: Kind, names: set[str]) -> int:
    return len(names & kind.columns.keys())


FILES = (
    _fatal(
        id="file-unreadable",
        sentence="The file cannot be read: it is gone, is no file, or may not be opened.",
        why="What cannot be read cannot be sent.",
        repair="Give the account that runs this the right to read it, and deliver it again.",
    ),
    Rule(
        id="file-changed",
        sentence="The file changed while it was being read.",
        why="Its writer was not done: what was checked is not what would be sent.",
        repair="Check again when it is written.",
    ),
    _fatal(
        id="file-not-utf8",
        sentence="The file is not valid UTF-8.",
        why=DROPPED,
        repair="Export as UTF-8, or set the encoding the file has.",
    ),
    _fatal(
        id="file-headers-unrecognised",
        sentence="The columns are those of no kind of SIS file.",
        why=DROPPED,
        repair=f"Check spelling and separator (a comma) of the first line; there are {len(KINDS)} kinds of file.",
    ),
    _fatal(
        id="file-not-csv",
        sentence="The content of the file is no CSV, whatever its name says.",
        why=f"A spreadsheet, a zip or a web page that is renamed stays what it is. {DROPPED}",
        repair="Export as CSV.",
    ),
    _fatal(
        id="file-malformed-csv",
        sentence="The file is not well-formed CSV.",
        why=f"{DROPPED} One misplaced quote or line end is enough.",
        repair="Quote values that hold quotes, commas or line ends, double the quotes inside, use one line end.",
    ),
    _fatal(
        id="file-too-many-columns",
        sentence=f"The header has more than {MOST_COLUMNS:,} columns.",
        why="No kind of file has a tenth of them: it is no SIS export, and neither checked nor compared.",
        repair="Export the columns that Canvas knows.",
    ),
    Rule(
        id="file-unknown-type",
        sentence="The file is no CSV by its name.",
        why="Canvas ignores it with a message. Zips inside zips are not opened.",
        repair="Leave it out, or give it the extension .csv.",
    ),
    Rule(
        id="file-empty",
        sentence="The file is empty.",
        why="Canvas ignores it without a message: for its kind nothing is imported, and nothing removed.",
        repair="Find out why the export is empty.",
    ),
    Rule(
        id="file-header-only",
        sentence="The file has a header and no rows.",
        why="It counts as supplied: batch mode and diffing remove everything of its kind.",
        repair="Leave the file out unless everything shall be removed.",
    ),
    Rule(
        id="file-hidden",
        sentence="The file is hidden by its name or folder.",
        why="Canvas ignores it without a message.",
        repair="Rename it if it shall be imported, else leave it out.",
    ),
    _fatal(
        id="zip-unreadable",
        sentence="The zip cannot be read, or holds what must not be sent.",
        why=NOTHING_READ,
        repair="Have the zip written anew, with nothing but CSVs in it.",
    ),
    _fatal(
        id="zip-too-big",
        sentence="The files are too big for Canvas to unpack.",
        why=f"More than 50 GiB, or 100 times the size of the zip. {NOTHING_READ}",
        repair="Deliver it in parts.",
    ),
    _fatal(
        id="zip-too-many-entries",
        sentence="There are more than 100,000 files.",
        why=NOTHING_READ,
        repair="Deliver fewer files.",
    ),
    Rule(
        id="zip-entry-unsafe",
        sentence="The name of the file leads outside the delivery.",
        why="Canvas skips it without a message.",
        repair="Rename it.",
    ),
    Rule(
        id="zip-entry-duplicate",
        sentence="Another file of the delivery has the same name.",
        why="Only one of them survives.",
        repair="Rename one of them.",
    ),
    Rule(
        id="header-cell-padded",
        sentence="The header cell of {column} is padded.",
        why="Canvas recognises the file by it, but does not find the column: every row counts as blank there.",
        repair="Remove the spaces around the column's name.",
        heading_check=lambda heading, _options: heading.padded(),
    ),
    Rule(
        id="header-duplicate",
        sentence="The header has {column} more than once.",
        why="Canvas reads the first of them.",
        repair="Export the column once.",
        heading_check=lambda heading, _options: heading.doubled(),
    ),
    Rule(
        id="header-mistyped",
        sentence="{column} is unknown to Canvas{value}.",
        why="Canvas ignores unknown columns without a message: every row counts as blank in the one that was meant.",
        repair="Write the column's name as Canvas has it; ignore the rule if the column is meant for somebody else.",
    ),
    Rule(
        id="file-kind-by-name",
        sentence="The name of the file says one kind of SIS file, and its columns say another.",
        why="Canvas goes by the columns: the rows are imported as something else than they may be.",
        repair="Export the file with the columns of its kind, or rename it.",
    ),
    Rule(
        id="file-kind-by-extra-column",
        sentence="Without {column} this would be a file of another kind that fits its columns as well.",
        why="Canvas takes the first kind whose columns are there: one column too many makes it another.",
        repair="Leave the column out if the file is meant as the other kind.",
        heading_check=_meant_otherwise,
    ),
)
