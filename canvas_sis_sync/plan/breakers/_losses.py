"""Breakers that count rows: what goes in all, in a group, as a whole group, or by another form of ids."""

from __future__ import annotations

from collections.abc import Iterator

from canvas_sis_sync.plan.breakers import _words
from canvas_sis_sync.plan.breakers.case import FLOOR, Case, GroupName
from canvas_sis_sync.plan.values import GroupChanges, KindChanges, LostZeros, Tripped


def removals(case: Case) -> Iterator[Tripped]:
    """Find kinds that lose more than their limit, groups that are gone as a whole aside."""
    for each, limit in case.watched:
        count = case.loss(each)
        if limit.exceeded(count, each.rows_before, least=FLOOR):
            yield Tripped(
                "removals",
                f"{each.kind}: {_words.share(count, each.rows_before)} would be removed: {_parts(case, each)};"
                f" {_words.limit(each.kind, limit, each.rows_before)}.",
                each.kind,
            )


def _parts(case: Case, changes: KindChanges) -> str:
    missing, rejected, dependent = (
        case.going_missing(changes.kind),
        case.rejected(changes.kind),
        case.dependent(changes),
    )
    parts = [f"{missing:,} missing"] if missing else []
    parts += [f"{rows:,} now {word}" for word, rows in case.turned[changes.kind].items()]
    parts += [f"{_words.new_rows(rows)} {word}" for word, rows in case.added_ending[changes.kind].items()]
    parts += [f"{rejected:,} that Canvas would refuse and then delete"] if rejected else []
    parts += [f"{dependent:,} that depend on courses, sections or users to be deleted"] if dependent else []
    return _words.listed(parts)


def group_removals(case: Case) -> Iterator[Tripped]:
    """Find groups that lose more of a kind than its limit, those first that lose most.

    One that is all of its kind is left to `removals`.
    """
    all_of_kind = {(each.kind, each.rows_before, case.loss(each)) for each in case.changes.kinds}
    counted = [(case.group_loss(part), part) for part in case.changes.groups if (part.by, part.name) not in case.gone]
    for count, part in sorted(counted, key=lambda pair: -pair[0]):
        limit = case.limit(part.kind)
        if (part.kind, part.rows_before, count) in all_of_kind or limit is None:
            continue
        if limit.exceeded(count, part.rows_before, least=FLOOR):
            yield Tripped(
                "group-removals",
                f"{part.kind}: {_words.share(count, part.rows_before)} would be removed in"
                f" {_place(case, part.by, part.name)}; {_words.limit(part.kind, limit, part.rows_before)}.",
                part.kind,
                part.by,
                part.name,
            )


def _place(case: Case, by: str, name: str) -> str:
    return _words.place(by, name, knows_courses=case.changes.of("course") is not None)


def gone(case: Case) -> Iterator[Tripped]:
    """Find groups that vanish as a whole and that nobody allowed to, the largest first."""
    for name in case.newly_gone:
        yield Tripped("gone", _gone_message(case, name, case.gone[name]), "", *name)


def _gone_message(case: Case, group: GroupName, parts: list[GroupChanges]) -> str:
    by, name = group
    rows = _words.listed([_words.rows(part.rows_before, part.kind) for part in parts])
    end = f"; {_words.ended(case.changes.term_ends.get(name, ''), case.now)}" if by == "term" and name else ""
    return f"Nothing is left of {_place(case, by, name)}, which had {rows}{end}."


def new_keys(case: Case) -> Iterator[Tripped]:
    """Find kinds of which most keys are new and most old ones gone."""
    for each, _ in case.watched:
        parts = [part for parts in case.gone.values() for part in parts if part.kind == each.kind]
        removed = each.removed - sum(part.removed for part in parts)
        before = each.rows_before - each.duplicates_before - sum(part.rows_before for part in parts)
        now = each.rows_now - each.duplicates_now
        if before >= FLOOR and removed * 2 > before and each.added * 2 > now:
            yield Tripped(
                "new-keys",
                f"{each.kind}: {each.added:,} of {now:,} rows are new and {removed:,} of {before:,} old ones are gone;"
                " has the form of their ids changed?",
                each.kind,
            )


def lost_zeros(case: Case) -> Iterator[Tripped]:
    """Find kinds whose ids have lost their leading zeros; no limit switches this off."""
    for each in case.changes.kinds:
        if each.lost_zeros and each.lost_zeros.are_systematic:
            yield Tripped("lost-zeros", about_zeros(each.kind, each.lost_zeros), each.kind)


def about_zeros(kind: str, lost: LostZeros) -> str:
    """Say that ids have lost their leading zeros."""
    rows = "1 missing row is" if lost.count == 1 else f"{lost.count:,} missing rows are"
    return (
        f"{kind}: {rows} back without the leading zeros of an id, such as {lost.now} for {lost.before}, and to Canvas"
        " these are other ids. A spreadsheet program has probably saved the export: send it as the SIS wrote it."
    )


def empty(case: Case) -> Iterator[Tripped]:
    """Find kinds without a row that had some."""
    for each, _ in case.watched:
        if each.rows_before and not each.rows_now:
            how = "its file has a header and no row" if each.in_now else "its file is missing or empty"
            yield Tripped(
                "empty", f"{each.kind}: {how}; the last accepted delivery had {each.rows_before:,} rows.", each.kind
            )


def columns(case: Case) -> Iterator[Tripped]:
    """Find kinds whose missing rows diffing could never remove, as their columns or files changed too (DIFF 3, 4)."""
    for each, _ in case.watched:
        missing = each.removed - each.ended
        effect = case.prediction.of(each.kind)
        if case.derives and missing and effect and effect.uncompared:
            left = missing - effect.removed
            never = f"would never remove {_words.rows(left, 'missing')}"
            perhaps = f"may never remove some of {_words.rows(missing, 'missing')}"
            yield Tripped(
                "columns",
                f"{each.kind}: Canvas {never if left > 0 else perhaps}, as it cannot compare all of this kind with"
                f" import {case.prediction.base_import} ({effect.reason}): send it with the columns and files of that"
                " import once more, and change those in the next delivery.",
                each.kind,
            )
