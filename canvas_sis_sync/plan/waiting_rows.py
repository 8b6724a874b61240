"""Rows that wait: Canvas refused them, and as they have not changed since, diffing never sends them again (DIFF 2, 8).

Owns finding them by the row numbers of Canvas's messages, in the uploaded file or in our own reproduction of the
difference file, and what becomes of them with the next delivery. Where files lie, and what is done about it, is for
others to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import islice, repeat
from typing import Any

from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.plan.values import KindChanges
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS
from canvas_sis_sync.sis_csv.reader import Block, open_csv

MOST_DIFFERENCES = 1_000_000
"""Keys of added and changed rows that are held in memory to count rows as Canvas does."""
MOST_WAITING = 100_000
"""Refused rows of one delivery that are kept track of."""

Key = tuple[str, ...]
"""A row's values in the columns of its kind's diff key (DIFF 4), "" for no value."""
Name = tuple[str, str]
"""What a row mentions: the family of an id, such as "user", and the id."""


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """A row that Canvas refused and that diffing does not send again while it stays as it is."""

    kind: str
    key: Key
    #: What it mentions and the delivery did not define when it was refused.
    missing: tuple[Name, ...] = ()
    #: Something of that has been defined since.
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits after an import."""

    rows: tuple[WaitingRow, ...] = ()
    #: Why it is not known of some kinds which rows Canvas refused: sentences.
    unknown: tuple[str, ...] = ()

    @property
    def ready(self) -> int:
        """Count the rows that mention something which has been defined since they were refused."""
        return sum(row.ready for row in self.rows)


@dataclass(frozen=True, slots=True)
class Stock:
    """What waits of one kind after an import."""

    #: Rows that waited before and were not sent again.
    kept: tuple[WaitingRow, ...] = ()
    #: Rows that this import refused, with all that they mention in `missing`.
    fresh: tuple[WaitingRow, ...] = ()
    #: Why it is not known which rows Canvas refused, a sentence; "" when it is.
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What Canvas told of one kind of an import."""

    #: Row numbers that have a message, by the name of the delivery's file.
    refused: Mapping[str, frozenset[int]]
    #: Rows processed (data.counts, API 5).
    processed: int = 0
    #: Rows with a deleted status may have been passed over in silence (skip_deletes).
    may_skip: bool = False


class Sent:
    """Collects the keys of the rows that a difference file has of the new delivery (a sink of `changes`)."""

    def __init__(self) -> None:
        self.keys: set[Key] = set()

    def add(self, kind: Kind, what: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Take the keys of rows that were added or changed, up to one more than `MOST_DIFFERENCES`."""
        if what == "removed":
            return
        places = [columns.index(name) if name in columns else None for name in kind.key]
        room = MOST_DIFFERENCES + 1 - len(self.keys)
        self.keys.update(
            tuple("" if place is None else row[place] or "" for place in places) for row in islice(rows, room)
        )

    @property
    def too_many(self) -> bool:
        """Say whether there were more than can be held."""
        return len(self.keys) > MOST_DIFFERENCES


Compare = Callable[[Kind, Sequence[DeliveryFile], Sequence[DeliveryFile], Sent], KindChanges]
"""Compares files of a kind, before and now, and hands the differing rows to a sink."""


def after_import(
    kind: Kind,
    base: Sequence[DeliveryFile],
    now: Sequence[DeliveryFile],
    told: Told,
    *,
    earlier: Sequence[WaitingRow],
    compare: Compare,
    mentions: Sequence[Name] = (),
) -> Stock:
    """Say which rows of a kind wait after an import of `now`, which Canvas compared with `base` (none: taken whole).

    `earlier` are those that waited before; of these stay the ones that are still in the delivery and were not sent
    again. What rows mention is told by `mentions`, families and columns. What cannot be told leaves `earlier` as it
    was, with a sentence. Raises what reading the files raises.
    """
    if not _comparable(kind, now):
        return Stock()
    waits = frozenset(row.key for row in earlier)
    search = _Search(kind, told, waits, mentions)
    for file, old in _pairs(now, base):
        fault = search.through(file, old, compare)
        if fault:
            return Stock(tuple(earlier), unknown=f"{kind.name}: {fault}")
    if search.contradicts_canvas:
        return Stock(tuple(earlier), unknown=f"{kind.name}: {search.contradiction}")
    return Stock(
        tuple(row for row in earlier if row.key in search.present),
        tuple(WaitingRow(kind.name, key, names) for key, names in search.refused.items()),
    )


def with_definitions(
    stocks: Sequence[Stock], files: Mapping[str, Sequence[DeliveryFile]], defines: Mapping[str, Sequence[Name]]
) -> tuple[WaitingRow, ...]:
    """Hold what the rows lack against what a delivery defines: by rows that are neither deleted nor waiting themselves.

    Those refused just now lack what it does not define; all others are ready once it defines something they lacked.
    `files` are the delivery's by kind, `defines` the families and columns of ids that a kind defines.
    """
    kept = [row for stock in stocks for row in stock.kept]
    fresh = [row for stock in stocks for row in stock.fresh]
    wanted: dict[str, set[str]] = {}
    for family, text in (name for row in (*kept, *fresh) if not row.ready for name in row.missing):
        wanted.setdefault(family, set()).add(text)
    known = frozenset(_defined(files, wanted, frozenset((row.kind, row.key) for row in (*kept, *fresh)), defines))
    return (
        *(replace(row, ready=row.ready or not known.isdisjoint(row.missing)) for row in kept),
        *(replace(row, missing=tuple(name for name in row.missing if name not in known)) for row in fresh),
    )


def as_json(waiting: Waiting) -> dict[str, Any]:
    """Give `waiting.json`: of each row only the columns of its key, and the ids that it lacks."""
    return {
        "schema": 1,
        "rows": [
            {
                "kind": row.kind,
                "key": {name: value for name, value in zip(KINDS[row.kind].key, row.key, strict=True) if value},
                "missing": [list(name) for name in row.missing],
                "ready": row.ready,
            }
            for row in waiting.rows
        ],
        "unknown": list(waiting.unknown),
    }


def from_json(found: Mapping[str, Any]) -> Waiting:
    """Read `waiting.json` back. Raises KeyError, TypeError or ValueError when it is none."""
    return Waiting(
        tuple(
            WaitingRow(
                row["kind"],
                tuple(row["key"].get(name, "") for name in KINDS[row["kind"]].key),
                tuple((family, text) for family, text in row["missing"]),
                row["ready"],
            )
            for row in found["rows"]
        ),
        tuple(found["unknown"]),
    )


@dataclass(slots=True)
class _Search:
    """Goes through the files of a kind, counting rows as Canvas did."""

    kind: Kind
    told: Told
    waits: Set[Key]
    mentions: Sequence[Name]
    #: Refused rows that were found, with all that they mention.
    refused: dict[Key, tuple[Name, ...]] = field(default_factory=dict)
    #: Of those that waited, the ones that are in the delivery and that Canvas did not read again.
    present: set[Key] = field(default_factory=set)
    #: Rows that Canvas read by our count, and those of them that skip_deletes may have passed over.
    total: int = 0
    skippable: int = 0
    diffed: bool = False

    def through(self, file: DeliveryFile, old: DeliveryFile | None, compare: Compare) -> str:
        """Look through one file, and give what speaks against believing it, "" for nothing."""
        sent = Sent()
        differing = compare(self.kind, [old], [file], sent) if old else None
        if differing is None or differing.columns_gained or differing.columns_lost:
            self.total += self._read(file, None)
            return ""
        if sent.too_many:
            return f"more than {MOST_DIFFERENCES:,} rows differ, too many to find those that Canvas refused."
        counted = self._read(file, sent.keys)
        if counted != len(sent.keys) and self._numbers(file):
            return "a key is repeated among the rows that differ, so it cannot be told which rows Canvas refused."
        if max(self._numbers(file), default=0) > differing.differences + 1:
            return f"Canvas names a row beyond the {differing.differences:,} that differ by our count."
        self.total += differing.differences
        self.skippable += differing.removed + differing.ending_now.get("deleted", 0)
        self.diffed = True
        return ""

    @property
    def contradicts_canvas(self) -> bool:
        """Say whether Canvas read more or fewer rows of difference files than our reproduction of them has."""
        if not self.diffed:
            return False
        least = self.total - (self.skippable if self.told.may_skip else 0)
        return not (self.told.processed <= self.total and least <= self.told.processed + self._messages)

    @property
    def contradiction(self) -> str:
        return (
            f"by our count {self.total:,} rows differ, but Canvas processed {self.told.processed:,} and left messages"
            f" about {self._messages:,}, so it cannot be told which rows it refused."
        )

    @property
    def _messages(self) -> int:
        return sum(map(len, self.told.refused.values()))

    def _numbers(self, file: DeliveryFile) -> frozenset[int]:
        return self.told.refused.get(file.name, frozenset())

    def _read(self, file: DeliveryFile, sent: Set[Key] | None) -> int:
        """Find the refused rows and those that wait on; gives how many rows Canvas read (but for removed ones)."""
        numbers, rows = self._numbers(file), 0
        with file.open() as stream:
            opened = open_csv(stream)
            columns = _places(opened.header)
            for block in opened.blocks:
                keys = list(_keys(block, columns, self.kind.key))
                if sent is not None and self.waits:
                    self.present |= (self.waits & frozenset(keys)) - sent
                read = range(len(block)) if sent is None else [at for at, key in enumerate(keys) if key in sent]
                for number in sorted(numbers.intersection(range(rows + 2, rows + 2 + len(read)))):
                    at = read[number - rows - 2]
                    self.refused[keys[at]] = tuple(_mentioned(block, at, columns, self.mentions))
                rows += len(read)
        return rows


def _comparable(kind: Kind, files: Sequence[DeliveryFile]) -> bool:
    """Say whether Canvas can compare the kind: one that it cannot is sent whole each time, and nothing of it waits."""
    for file in files:
        with file.open() as stream:
            if set(kind.key).isdisjoint(open_csv(stream).header):
                return False
    return bool(files)


def _pairs(
    now: Sequence[DeliveryFile], base: Sequence[DeliveryFile]
) -> Iterator[tuple[DeliveryFile, DeliveryFile | None]]:
    """Pair one file with one, several by their names; None for all of them when that does not work out (DIFF 3)."""
    old = {file.name: file for file in base}
    if len(now) == len(base) == 1:
        old = {now[0].name: base[0]}
    if len(now) != len(base) or any(file.name not in old for file in now):
        old = {}
    return ((file, old.get(file.name)) for file in now)


def _defined(
    files: Mapping[str, Sequence[DeliveryFile]],
    wanted: Mapping[str, Set[str]],
    waiting: Set[tuple[str, Key]],
    defines: Mapping[str, Sequence[Name]],
) -> Iterator[Name]:
    """Give those of the wanted names that rows of the files define, deleted and waiting rows left out."""
    for kind, delivered in files.items():
        sought = [(column, family) for family, column in defines.get(kind, ()) if family in wanted]
        for file in delivered if sought else ():
            with file.open() as stream:
                opened = open_csv(stream)
                columns = _places(opened.header)
                for block in opened.blocks:
                    for column, family in sought:
                        if column in columns:
                            yield from _defined_by(block, columns, (kind, column, family), wanted[family], waiting)


def _defined_by(
    block: Block,
    columns: Mapping[str, int],
    what: tuple[str, str, str],
    wanted: Set[str],
    waiting: Set[tuple[str, Key]],
) -> Iterator[Name]:
    kind, column, family = what
    ids = block.columns[columns[column]]
    if wanted.isdisjoint(ids):
        return
    keys = _keys(block, columns, KINDS[kind].key)
    statuses = block.columns[columns["status"]] if "status" in columns else repeat("", len(block))
    for text, key, status in zip(ids, keys, statuses, strict=True):
        if text in wanted and not status.lower().startswith("deleted") and (kind, key) not in waiting:
            yield family, text


def _places(header: Sequence[str]) -> dict[str, int]:
    """Give the index of each column; of a name that comes twice the first counts."""
    return {name: place for place, name in reversed(list(enumerate(header)))}


def _keys(block: Block, columns: Mapping[str, int], key: Sequence[str]) -> Iterator[Key]:
    """Give the key of each row, "" standing for a column that the file has not; of a kind without one it is empty."""
    if not key:
        return repeat((), len(block))
    blank = [""] * len(block)
    return zip(*(block.columns[columns[name]] if name in columns else blank for name in key), strict=True)


def _mentioned(block: Block, at: int, columns: Mapping[str, int], mentions: Sequence[Name]) -> Iterator[Name]:
    for family, column in mentions:
        if column in columns and (text := block.columns[columns[column]][at]):
            yield family, text
