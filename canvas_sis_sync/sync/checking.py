"""Checking: what Canvas would say about the files of a delivery, under the settings of a home."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.check.engine import check_apart
from canvas_sis_sync.check.findings import Finding, RefuseOn, Report, refuses, refusing, too_many_refused, worst_first
from canvas_sis_sync.check.options import MOST_PLACES, CheckOptions
from canvas_sis_sync.check.registry import RULES
from canvas_sis_sync.delivery.opening import Delivery
from canvas_sis_sync.delivery.transcoding import guess
from canvas_sis_sync.errors import CanvasError, SettingsError
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.progress import Show
from canvas_sis_sync.sync.session import Session, log

NOT_UTF8 = "file-not-utf8"
EMPTY = "file-empty"
FIRST = 3
"""Findings that a message names; the rest is in check.json."""


def options_of(
    settings: Settings, *, roles: Iterable[str] = (), own_user: str | None = None, complete: bool = False
) -> CheckOptions:
    """Say what the settings mean for the rules. Raises SettingsError for an unknown rule to ignore.

    `roles` are the account's, when Canvas was asked.
    """
    for rule in settings.check_ignore:
        if rule not in RULES:
            near = get_close_matches(rule, RULES, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise SettingsError(f"SIS_SYNC_CHECK_IGNORE names {rule}, which is no rule.{meant}", "sis-sync rules")
    return CheckOptions(
        ImportOptions(settings.import_parameters),
        complete=complete,
        roles=frozenset([*roles, *settings.roles]) or None,
        own_user_sis_id=own_user,
        ignore=frozenset(settings.check_ignore),
    )


def options_by_canvas(session: Session) -> CheckOptions:
    """Say what the settings mean for the rules, with the roles and the user that Canvas knows, if it can be asked."""
    try:
        roles = session.canvas.role_names(session.target.account_id)
        return options_of(session.settings, roles=roles, own_user=session.user.sis_user_id)
    except CanvasError as error:
        log.info("checking without Canvas's roles: %s", error.sentence)
        return options_of(session.settings)


def check(delivery: Delivery, options: CheckOptions, show: Show) -> Report:
    """Check a delivery by all rules."""
    with show.stage("checking", sum(file.size for file in delivery.files)) as done:
        return check_apart(delivery.files, options, others=delivery.others, progress=done)


def refusal(delivery: Delivery, report: Report, settings: Settings, refuse_on: str = "") -> tuple[str, ...]:
    """Say why a run refuses a delivery with this report, in sentences; empty when it does not.

    It goes by `SIS_SYNC_REFUSE_ON`, or what stands for it, and by `SIS_SYNC_MAX_ERROR_ROWS`. One whose files are all
    empty it refuses in any case: Canvas would ignore each of them.
    """
    without_content = bool(delivery.files) and not any(file.size for file in delivery.files)
    is_empty = without_content or 0 < len(report.files) <= report.counts.get(EMPTY, 0)
    allowed, limit = settings.max_error_rows, RefuseOn.parse(refuse_on or settings.refuse_on)
    if not is_empty and not refuses(report, limit, allowed):
        return ()
    nothing = ["Every file of it is empty, so there is nothing to import."] if is_empty else []
    return (*nothing, f"check found {summary(report, limit)}.", *hints(delivery, report, settings))


def hints(delivery: Delivery, report: Report, settings: Settings) -> tuple[str, ...]:
    """Say how many rows Canvas would reject, when those are too many, and what files seem to be that are not UTF-8."""
    too_many = too_many_refused(report, settings.max_error_rows)
    return (*([too_many] if too_many else []), *_encodings(delivery, report))


def summary(report: Report, refuse_on: RefuseOn | None = None) -> str:
    """Say in a line what was found, and the first of it; with `refuse_on` the first of what refuses, if anything."""
    worst = refusing(report, refuse_on) if refuse_on else worst_first(report)
    places = [f"{place(finding.file, finding.row)}: {finding.message} ({finding.rule})" for finding in worst[:FIRST]]
    counted = f"{report.fatal:,} fatal, {report.error:,} errors, {report.warning:,} warnings"
    return "; ".join([counted, *places])


def place(file: str | None, row: int | None) -> str:
    """Word where a finding is."""
    where = file or "the set"
    return where if row is None else f"{where} row {row:,}"


def _encodings(delivery: Delivery, report: Report) -> list[str]:
    """Suggest what the files that are not UTF-8 seem to be."""
    bad = {finding.file for finding in report.findings if finding.rule == NOT_UTF8}
    said = []
    for file in delivery.files:
        if file.name in bad:
            encoding = guess(file)
            said.append(f"{file.name} seems to be {encoding}: SIS_SYNC_SOURCE_ENCODING={encoding} would convert it.")
    return said


def as_json(report: Report, *, refused: bool) -> dict[str, Any]:
    """Give a report as the object of `check --json` and `check.json`: at most 1,000 places a rule, all counted."""
    kept: Counter[str] = Counter()
    shown = []
    for finding in report.findings:
        kept[finding.rule] += 1
        if kept[finding.rule] <= MOST_PLACES:
            shown.append(_finding_json(finding))
    return {
        "schema": 1,
        "ok": not refused,
        "files": [{"file": each.name, "kind": each.kind, "rows": each.rows} for each in report.files],
        "findings": shown,
        "counts": dict(report.counts),
        "summary": dict(report.summary),
        "refused_rows": report.refused_rows,
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "severity": str(finding.severity),
        "file": finding.file,
        "row": finding.row,
        "column": finding.column,
        "message": finding.message,
    }
