"""A plan as JSON for programs, and as a table that a person judges in five seconds.

The table is made from the JSON, so that a held plan can be shown later exactly as it was when it was held. Pure.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from canvas_sis_sync.plain_text import Lines, lines, visible
from canvas_sis_sync.plan.values import Effect, GroupChanges, KindChanges, Mode, Plan, Tripped

SCHEMA = 1
WIDTH = 100
HEADER = ("", "before", "now", "added", "changed", "missing", "ended", "in Canvas")
WIDEST_NAME = 24
COLUMNS_SHOWN = 3
DOING = {Mode.DIFFED: "differences", Mode.WHOLE: "all rows", Mode.ABSENT: "nothing"}
"""What Canvas reads of a kind."""
OWNERS = {"section": "the course", "enrollment": "the course, section or user"}
"""What rows belong to, in words."""
ENDINGS = {
    "go": "Verdict: go.",
    "hold": "Verdict: hold. Nothing of it is sent before somebody approves it.",
    "unchanged": "Verdict: go, and nothing is sent: it is the same as the last accepted delivery.",
}


def as_json(plan: Plan, approval: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give a plan as the object of `plan --json` and `plan.json` (docs/json.md), with the approval that it goes by."""
    changes, prediction = plan.changes, plan.prediction
    return {
        "schema": SCHEMA,
        "about": plan.about,
        "against": plan.against,
        "kinds": [_kind_json(kind, prediction.of(kind.kind)) for kind in changes.kinds],
        "groups": [_group_json(group) for group in changes.concentrated],
        "dependants": dict(changes.dependants),
        "diff_base": {"import": prediction.base_import, "known": prediction.base_known},
        "breakers": [_breaker_json(tripped) for tripped in plan.breakers],
        "gone": [{"by": by, "group": name} for by, name in plan.gone],
        "asked": list(plan.asked),
        "notes": list(dict.fromkeys(filter(None, [prediction.refused, *plan.notes]))),
        "unchanged": plan.unchanged,
        "verdict": plan.verdict,
        "approval": approval,
    }


def table(plan: Mapping[str, Any]) -> Lines:
    """Show a plan, as `as_json` gives it, in lines of at most 100 signs; the verdict comes last."""
    plan = _visible(plan)
    parts = (_title(plan), _kinds(plan["kinds"]), _details(plan), _most(plan["groups"]), _rest(plan))
    return lines(line for part in parts for line in part)


def _visible(value: Any) -> Any:
    """Return a value of JSON with all texts in it visible, before lines are broken where they are too long."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {visible(name): _visible(inner) for name, inner in value.items()}
    return [_visible(inner) for inner in value] if isinstance(value, Sequence) else value


def _kind_json(kind: KindChanges, effect: Effect | None) -> dict[str, Any]:
    effect = effect or Effect(kind.kind, Mode.ABSENT, "not in this delivery")
    return {
        "kind": kind.kind,
        "rows_before": kind.rows_before,
        "rows_now": kind.rows_now,
        "added": kind.added,
        "changed": kind.changed,
        "removed": kind.removed,
        "already_deleted": kind.ended,
        "mode": str(effect.mode),
        "reason": effect.reason,
        "rows_read": effect.rows,
        "will_be_removed": effect.removed,
        "turned": dict(kind.turned),
        "added_ending": dict(kind.added_ending),
        "changed_columns": dict(kind.changed_columns),
        "duplicates_before": kind.duplicates_before,
        "duplicates_now": kind.duplicates_now,
        "columns_gained": list(kind.columns_gained),
        "columns_lost": list(kind.columns_lost),
    }


def _group_json(group: GroupChanges) -> dict[str, Any]:
    return {
        "by": group.by,
        "group": group.name,
        "kind": group.kind,
        "rows_before": group.rows_before,
        "removed": group.removed,
        "already_deleted": group.ended,
        "turned": group.turned,
    }


def _breaker_json(tripped: Tripped) -> dict[str, Any]:
    return {
        "breaker": tripped.breaker,
        "kind": tripped.kind,
        "by": tripped.by,
        "group": tripped.group,
        "message": tripped.message,
    }


def _title(plan: Mapping[str, Any]) -> Iterator[str]:
    against = f"compared with {plan['against']}" if plan["against"] else "with nothing to compare it with"
    yield from _wrapped(f"{plan['about']}, {against}:", "")
    yield ""


def _kinds(kinds: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Show a line for each kind."""
    rows = [HEADER, *(_cells(kind) for kind in kinds)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER) - 1)]
    for name, *numbers, canvas in rows:
        line = name.ljust(widths[0])
        line += "".join(f"  {number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True))
        if len(line) + 2 + len(canvas) <= WIDTH:
            yield f"{line}  {canvas}"
        else:
            yield line
            yield f"    {canvas}"


def _cells(kind: Mapping[str, Any]) -> tuple[str, ...]:
    ended = sum(kind["turned"].values()) + sum(kind["added_ending"].values())
    counts = (kind[name] for name in ("rows_before", "rows_now", "added", "changed", "removed"))
    name = kind["kind"]
    short = name if len(name) <= WIDEST_NAME else f"{name[: WIDEST_NAME - 2]}.."
    canvas = DOING[Mode(kind["mode"])]
    if kind["will_be_removed"]:
        canvas += f", removes {kind['will_be_removed']:,}"
    return (short, *(f"{count:,}" for count in (*counts, ended)), canvas)


def _details(plan: Mapping[str, Any]) -> list[str]:
    """Show what the table has no room for: words of status, columns, repeated keys, what hangs on missing rows."""
    found = [*_reasons(plan["kinds"]), *_remarks(plan)]
    return ["", *found] if found else []


def _remarks(plan: Mapping[str, Any]) -> Iterator[str]:
    for kind in plan["kinds"]:
        parts = (_turned(kind), _columns(kind), _headers(kind), _duplicates(kind))
        clauses = "; ".join(part for part in parts if part)
        if clauses:
            yield from _wrapped(f"{kind['kind']}: {clauses}.", "")
    yield from _hanging(plan)


def _hanging(plan: Mapping[str, Any]) -> Iterator[str]:
    """Tell of rows that stay although what they belong to is missing; the missing ones are in the table."""
    for kind in plan["kinds"]:
        hanging = plan["dependants"].get(kind["kind"]) or 0
        staying = hanging - (kind["removed"] - kind["already_deleted"]) - kind["duplicates_before"]
        if staying > 0:
            clauses = (
                f"{staying:,} rows or more are still in the delivery, but {OWNERS[kind['kind']]} that they belong to"
            )
            yield from _wrapped(f"{kind['kind']}: {clauses} is missing or deleted.", "")


def _reasons(kinds: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say why Canvas reads kinds otherwise than by their differences, those with the same reason together."""
    together: dict[str, list[str]] = {}
    for kind in kinds:
        if kind["mode"] != Mode.DIFFED and kind["reason"]:
            together.setdefault(kind["reason"], []).append(kind["kind"])
    for reason, names in together.items():
        yield from _wrapped(f"{', '.join(names)}: {reason}.", "")


def _turned(kind: Mapping[str, Any]) -> str:
    turned = [f"{count:,} become {word}" for word, count in kind["turned"].items() if count]
    came = [f"{count:,} new ones are {word}" for word, count in kind["added_ending"].items() if count]
    return ", ".join(turned + came)


def _columns(kind: Mapping[str, Any]) -> str:
    by_count = sorted(kind["changed_columns"].items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} {count:,}" for name, count in by_count[:COLUMNS_SHOWN])
    more = f" and {len(by_count) - COLUMNS_SHOWN} more" if len(by_count) > COLUMNS_SHOWN else ""
    return f"changed in {shown}{more}" if shown else ""


def _headers(kind: Mapping[str, Any]) -> str:
    words = (("new columns", kind["columns_gained"]), ("columns gone", kind["columns_lost"]))
    return "; ".join(f"{word}: {', '.join(names)}" for word, names in words if names)


def _duplicates(kind: Mapping[str, Any]) -> str:
    before, now = kind["duplicates_before"], kind["duplicates_now"]
    return f"repeated keys, of which the last row counts: {before:,} before, {now:,} now" if before or now else ""


def _most(groups: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Show where most is lost: the kinds of each term, account and course on one line."""
    found = []
    for (by, name), kinds in groupby(groups, key=lambda group: (group["by"], group["group"])):
        lost = ((each, each["removed"] - each["already_deleted"] + each["turned"]) for each in kinds)
        clauses = [f"{count:,} of {each['rows_before']:,} {each['kind']} rows" for each, count in lost if count]
        if clauses:
            found.append(f"{by} {name or '(none)'}: {', '.join(clauses)}")
    return _listed("Most of it:", found)


def _rest(plan: Mapping[str, Any]) -> Iterator[str]:
    yield from _listed("Canvas is asked:", plan["asked"])
    yield from _listed("Notes:", plan["notes"])
    yield from _listed("Breakers:", [f"{each['breaker']}: {each['message']}" for each in plan["breakers"]])
    yield ""
    yield from _ending(plan)


def _ending(plan: Mapping[str, Any]) -> list[str]:
    verdict, approval = plan["verdict"], plan["approval"]
    if approval:
        return _wrapped(
            f"Verdict: {verdict}. Approved by {approval['who']}, {approval['at']}: {approval['reason']}", ""
        )
    return [ENDINGS["unchanged" if plan["unchanged"] and verdict == "go" else verdict]]


def _listed(heading: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        yield ""
        yield heading
    for item in items:
        yield from _wrapped(item, "  ")


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False)
