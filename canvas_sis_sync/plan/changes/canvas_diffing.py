"""What Canvas's diffing would do with a delivery, and which earlier import it compares with (DIFF 1 to 8).

Owns the choice of the base, the pairing of files, both thresholds and what becomes of each kind, in the form of
2023-24 where Canvas's code has changed. How rows differ is found in `kinds`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.canvas.records import SisImport
from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.plan.changes._kinds import Pair, compare_pair
from canvas_sis_sync.plan.changes._reading import Source, sources_of
from canvas_sis_sync.plan.changes.effects import NOT_HERE, ending_rows, whole, whole_kinds
from canvas_sis_sync.plan.values import Changes, Effect, KindChanges, Mode, Prediction
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS

_ACCEPTED = frozenset({"imported", "imported_with_messages"})
_NEVER_REMOVED = frozenset({"login", "change_sis_id"})
"""Kinds of which a missing row is sent again, and refused (DIFF 7)."""
_DROP_STATUS = {"enrollment": "diffing_drop_status", "user": "diffing_user_remove_status"}

Files = Sequence[DeliveryFile]
Sources = Sequence[Source]


@dataclass(frozen=True, slots=True)
class DiffBase:
    """The earlier upload that Canvas would compare with."""

    #: None for the first import of a data set.
    import_id: int | None = None
    #: What was uploaded; None when it is unknown, the import being none of ours.
    files: Files | None = None
    #: It is the delivery that the changes are against, too.
    is_before: bool = False


def choose_base(imports: Iterable[SisImport], identifier: str, *, below: int | None = None) -> SisImport | None:
    """Choose the import that Canvas compares with (DIFF 2): the newest diffed or remastered one, else the oldest.

    `imports` is Canvas's list, newest first, and read no further than needed; `identifier` is compared exactly;
    `below` leaves out imports from that id on. None when there is no base.
    """
    oldest = None
    for record in imports:
        if below is not None and record.id >= below:
            continue
        if is_certain(record, identifier):
            return record
        if _is_candidate(record, identifier):
            oldest = record
    return oldest


def is_certain(record: SisImport, identifier: str) -> bool:
    """Tell whether an import is a base whatever is older: a candidate that was itself diffed, or a remaster."""
    return _is_candidate(record, identifier) and (
        record.diffed_against is not None or record.options.get("diffing_remaster") is True
    )


def _is_candidate(record: SisImport, identifier: str) -> bool:
    return record.workflow_state in _ACCEPTED and record.options.get("diffing_data_set_identifier") == identifier


def predict_diffing(
    now: Files, base: DiffBase, options: ImportOptions, changes: Changes, *, scratch: Path | None = None
) -> Prediction:
    """Say what Canvas would do with a delivery of a diffed data set.

    `now` and the base's files are all that the uploads hold; `changes` is `now` against the last accepted delivery.
    Files too large for memory are compared in `scratch`. Raises what opening and reading the files raises.
    """
    if options.remaster:
        return Prediction(whole_kinds(changes.kinds, "a remaster: it becomes the new base", options))
    if base.import_id is None:
        return Prediction(whole_kinds(changes.kinds, "the first of its data set", options))
    if base.files is None:
        return Prediction(_unknown(changes), base.import_id, base_known=False)
    if refused := _refused_by_size(now, base.files, options):
        effects = whole_kinds(changes.kinds, "change_threshold keeps Canvas from comparing", options)
        return Prediction(effects, base.import_id, refused=refused)
    return _Comparison(base, options, changes, scratch).of(now, base.files)


def skips_removals(options: ImportOptions) -> bool:
    """Tell whether Canvas passes over whatever is missing: skip_deletes spares deleted rows alone (DIFF 6)."""
    return all(_is_skipped(kind, options) for kind in KINDS)


def _is_skipped(kind: str, options: ImportOptions) -> bool:
    """Tell whether Canvas passes over removed rows of a kind, as these have a deleted status (DIFF 6)."""
    status = options.parameters.get(_DROP_STATUS.get(kind, "")) or "deleted"
    return options.skip_deletes and "deleted" in status


def _unknown(changes: Changes) -> tuple[Effect, ...]:
    """Give effects without numbers: what Canvas compares with is unknown."""
    reason = "compared with an import that is none of ours"
    return tuple(
        Effect(each.kind, Mode.DIFFED, reason) if each.in_now else Effect(each.kind, Mode.ABSENT, NOT_HERE)
        for each in changes.kinds
    )


def _refused_by_size(now: Files, base: Files, options: ImportOptions) -> str:
    """Say that the sizes differ by more than change_threshold allows (DIFF 5), "" when they do not."""
    threshold = _number(options.change_threshold)
    change = _change(sum(file.size for file in now), sum(file.size for file in base))
    if threshold is None or change <= threshold:
        return ""
    size = "the base is empty" if math.isinf(change) else f"the size changes by {change:.4g} %"
    return _refusal(f"{size} and change_threshold is {threshold}")


def _refused_by_rows(differences: int, options: ImportOptions) -> str:
    limit = _number(options.parameters.get("diff_row_count_threshold", "")) or 0
    if limit <= 0 or differences <= limit:
        return ""
    return _refusal(f"{differences:,} rows differ and diff_row_count_threshold is {limit:,}")


def _refusal(why: str) -> str:
    return f"Canvas would not compare: {why}, so it would import everything and remove nothing."


def _change(current: int, base: int) -> float:
    """Give the change of size in percent."""
    if base == 0:
        return math.inf if current else 0.0
    return abs(1 - current / base) * 100


def _number(text: str) -> int | None:
    """Read a threshold as Canvas does: text is 0, blank is none (API 3.2)."""
    try:
        return int(text) if text.strip() else None
    except ValueError:
        return 0


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What becomes of one file of the delivery."""

    changes: KindChanges
    #: Why it is imported whole, "" when it is compared.
    obstacle: str = ""
    #: Rows that only the base has are written so that Canvas removes what they name.
    removes: bool = False

    @property
    def differences(self) -> int:
        return 0 if self.obstacle else self.changes.differences

    @property
    def rows(self) -> int:
        return self.changes.rows_now if self.obstacle else self.changes.differences

    @property
    def removed(self) -> int:
        return self.changes.removed - self.changes.ended if self.removes else 0

    def ending(self, options: ImportOptions) -> int:
        """Count the rows that end something at most; what had ended is written as deleted once more (DIFF 4)."""
        ending = ending_rows(self.changes, options)
        if self.obstacle:
            return ending
        written = self.changes.removed if self.removes else 0
        return written + min(ending, self.changes.added + self.changes.changed)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """A delivery under comparison with a base whose content is known."""

    base: DiffBase
    options: ImportOptions
    changes: Changes
    scratch: Path | None

    def of(self, now: Files, base: Files) -> Prediction:
        """Compare the uploads kind by kind, then the number of differing rows with its limit (DIFF 3 to 5)."""
        current, earlier = sources_of(now), sources_of(base)
        found = [
            self._kind(kind, current.get(name, ()), earlier.get(name, ()))
            for name, kind in KINDS.items()
            if name in current or name in earlier or self.changes.of(name)
        ]
        effects = tuple(effect for effect, _ in found)
        differences = sum(count for _, count in found)
        if refused := _refused_by_rows(differences, self.options):
            reason = "diff_row_count_threshold keeps Canvas from comparing"
            effects = whole_kinds(self.changes.kinds, reason, self.options)
        return Prediction(effects, self.base.import_id, refused=refused)

    def _kind(self, kind: Kind, now: Sources, base: Sources) -> tuple[Effect, int]:
        """Give what becomes of a kind, and the rows of its difference files.

        Files that turn out to be refused as a whole are missing, and the others are looked at anew (DIFF 1).
        """
        if not now:
            return Effect(kind.name, Mode.ABSENT, NOT_HERE), 0
        if obstacle := _why_unpaired(kind, now, base):
            taken = compare_pair(Pair(kind, (), tuple(now))).pair.now if len(now) > 1 else now
            if len(taken) < len(now):
                return self._kind(kind, taken, base)
            effect = whole(self._at_large(kind), obstacle, self.options)
            return replace(effect, uncompared=self._would_remove(kind, base)), 0
        outcomes = [self._pair(kind, source, earlier, alone=len(now) == 1) for source, earlier in _paired(now, base)]
        taken = tuple(source for source, outcome in zip(now, outcomes, strict=True) if outcome.changes.in_now)
        if len(taken) < len(now):
            return self._kind(kind, taken, base)
        effect = self._effect(kind, outcomes)
        uncompared = any(outcome.obstacle for outcome in outcomes) and self._would_remove(kind, base)
        return replace(effect, uncompared=uncompared), sum(outcome.differences for outcome in outcomes)

    def _would_remove(self, kind: Kind, base: Sources) -> bool:
        """Tell whether rows that only the base has would be removed, if the delivery could be compared with it."""
        return self._removes(kind) and any(
            "status" in source.header and not set(kind.key).isdisjoint(source.header) for source in base
        )

    def _removes(self, kind: Kind) -> bool:
        return kind.name not in _NEVER_REMOVED and not _is_skipped(kind.name, self.options)

    def _at_large(self, kind: Kind) -> KindChanges:
        return self.changes.of(kind.name) or KindChanges(kind.name, in_now=False)

    def _pair(self, kind: Kind, now: Source, base: Source, *, alone: bool) -> _Outcome:
        obstacle = _why_uncompared(kind, frozenset(now.header), frozenset(base.header))
        if alone and (obstacle or self.base.is_before):
            found = self._at_large(kind)
        else:
            found = compare_pair(Pair(kind, (base,), (now,), scratch=self.scratch)).changes
        removes = "status" in now.header and self._removes(kind)
        return _Outcome(found, obstacle, removes=removes and not obstacle)

    def _effect(self, kind: Kind, outcomes: Sequence[_Outcome]) -> Effect:
        obstacles = [outcome.obstacle for outcome in outcomes if outcome.obstacle]
        reason = obstacles[0] if obstacles else f"compared with import {self.base.import_id}"
        if 0 < len(obstacles) < len(outcomes):
            reason = f"{len(obstacles)} of {len(outcomes)} files imported whole: {reason}"
        return Effect(
            kind.name,
            Mode.WHOLE if len(obstacles) == len(outcomes) else Mode.DIFFED,
            reason,
            removed=sum(outcome.removed for outcome in outcomes),
            rows=sum(outcome.rows for outcome in outcomes),
            ending=sum(outcome.ending(self.options) for outcome in outcomes),
        )


def _why_unpaired(kind: Kind, now: Sources, base: Sources) -> str:
    """Say why the files of a kind cannot be paired (DIFF 3, 7), "" when they can."""
    if not base:
        return "not in the upload it is compared with"
    if not kind.key:
        return "it has no key: the import would fail"
    if len(now) != len(base):
        return f"{len(now)} of its files here, {len(base)} in the upload it is compared with"
    names = {source.file.name for source in base}
    partnerless = [source.file.name for source in now if source.file.name not in names]
    if partnerless and len(now) > 1:
        return f"{partnerless[0]} has no partner of that name in the upload it is compared with"
    return ""


def _paired(now: Sources, base: Sources) -> Iterator[tuple[Source, Source]]:
    """Pair one with one whatever their names, several by name."""
    earlier = {source.file.name: source for source in base}
    return ((source, base[0] if len(now) == 1 else earlier[source.file.name]) for source in now)


def _why_uncompared(kind: Kind, now: frozenset[str], base: frozenset[str]) -> str:
    """Say why two files cannot be compared (DIFF 4), "" when they can."""
    if now != base:
        differences = [f"{name} is new" for name in sorted(now - base)]
        differences += [f"{name} is gone" for name in sorted(base - now)]
        return f"its columns changed: {', '.join(differences)}"
    return "" if base & set(kind.key) else "no key: Canvas cannot compare this kind"
