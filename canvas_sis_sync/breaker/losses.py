"""Breakers that count rows: what goes in all, in a group, as a whole group, or by another form of ids."""

from __future__ import annotations

from collections.abc import Iterator

from canvas_sis_sync.breaker import words
from canvas_sis_sync.breaker.case import FLOOR, Case, GroupName, exceeded
from canvas_sis_sync.model import GroupChanges, KindChanges, Tripped


def removals(case: Case) -> Iterator[Tripped]:
    """Find kinds that lose more than their limit, groups that are gone as a whole aside."""
    for each, limit in case.watched:
        missing, turned, refused = case.going_missing(each.kind), case.turned[each.kind], case.refused(each.kind)
        hanging = case.hanging(each)
        count = missing + sum(turned.values()) + refused + hanging
        if exceeded(limit, count, each.rows_before):
            parts = [f"{missing:,} missing"] if missing else []
            parts += [f"{rows:,} now {word}" for word, rows in turned.items()]
            parts += [f"{refused:,} that Canvas would refuse and then delete"] if refused else []
            parts += [f"{hanging:,} that hang on courses, sections or users to be deleted"] if hanging else []
            yield Tripped(
                "removals",
                f"{each.kind}: {words.share(count, each.rows_before)} would be removed: {words.listed(parts)};"
                f" {words.limit(each.kind, limit, each.rows_before)}.",
                each.kind,
            )


def group_removals(case: Case) -> Iterator[Tripped]:
    """Find groups that lose more of a kind than its limit, those first that lose most."""
    counted = ((case.group_missing(part) + case.group_turned(part), part) for part in case.changes.groups)
    for count, part in sorted(counted, key=lambda pair: -pair[0]):
        limit = case.limit(part.kind)
        is_gone = (part.by, part.name) in case.gone
        if limit is not None and not is_gone and exceeded(limit, count, part.rows_before):
            yield Tripped(
                "group-removals",
                f"{part.kind}: {words.share(count, part.rows_before)} would be removed in"
                f" {words.place(part.by, part.name)}; {words.limit(part.kind, limit, part.rows_before)}.",
                part.kind,
                part.by,
                part.name,
            )


def gone(case: Case) -> Iterator[Tripped]:
    """Find groups that vanish as a whole and that nobody allowed to, the largest first."""
    for name in case.newly_gone:
        yield Tripped("gone", _gone_message(case, name, case.gone[name]), "", *name)


def _gone_message(case: Case, group: GroupName, parts: list[GroupChanges]) -> str:
    by, name = group
    rows = words.listed([f"{part.rows_before:,} of {part.kind}" for part in parts])
    end = f"; {words.ended(case.changes.term_ends.get(name, ''), case.situation.now)}" if by == "term" and name else ""
    return f"Nothing is left of {words.place(by, name)}, whose rows were {rows}{end}."


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


def empty(case: Case) -> Iterator[Tripped]:
    """Find kinds without a row that had some."""
    for each, _ in case.watched:
        if each.rows_before and not each.rows_now:
            how = "its file has a header and no row" if each.in_now else "its file is missing or empty"
            yield Tripped(
                "empty", f"{each.kind}: {how}; the last accepted delivery had {each.rows_before:,} rows.", each.kind
            )


def columns(case: Case) -> Iterator[Tripped]:
    """Find kinds whose rows diffing could never remove, because the columns change at the same time (DIFF 4)."""
    for each, _ in case.watched:
        missing = each.removed - each.ended
        if case.derives and missing and (each.columns_gained or each.columns_lost):
            yield Tripped(
                "columns",
                f"{each.kind}: its columns changed ({_columns(each)}) while {missing:,} rows are missing, which Canvas"
                " would never remove then: send the old columns once more, and change them in the next delivery.",
                each.kind,
            )


def _columns(changes: KindChanges) -> str:
    sides = (("new", changes.columns_gained), ("no longer there", changes.columns_lost))
    return "; ".join(f"{side}: {', '.join(names)}" for side, names in sides if names)
