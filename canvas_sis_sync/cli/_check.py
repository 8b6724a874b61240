"""`sis-sync check` and `rules`: what Canvas would say about CSVs, before Canvas says it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from canvas_sis_sync.check.engine import failed
from canvas_sis_sync.check.findings import Finding, Report, merged
from canvas_sis_sync.check.options import MOST_PLACES, CheckOptions
from canvas_sis_sync.check.registry import RULES, explain
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.delivery.opening import Delivery, deliver_from
from canvas_sis_sync.delivery.transcoding import NotInEncoding
from canvas_sis_sync.errors import EXIT_DONE, EXIT_REFUSED, BadZipError, UsageError
from canvas_sis_sync.files import opener
from canvas_sis_sync.home import inbox
from canvas_sis_sync.home.archive import wording
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.plain_text import Writer, lines
from canvas_sis_sync.progress import Show
from canvas_sis_sync.sync.assess import assess
from canvas_sis_sync.sync.candidate import Candidate
from canvas_sis_sync.sync.checking import NOT_UTF8, as_json, hints, options_of, refusal
from canvas_sis_sync.sync.session import open_canvas, patient_retry

PLACES_SHOWN = 3
ORDER = ("fatal", "error", "warning")


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """What a person wants of a check."""

    #: CSVs, folders and zips that are one set; empty for what lies in the inbox.
    paths: tuple[Path, ...] = ()
    #: In place of SIS_SYNC_REFUSE_ON; "" for that.
    refuse_on: str = ""
    #: The set is meant to define all that it refers to.
    complete: bool = False
    #: Ask Canvas for the account's roles and for whose token it is.
    online: bool = False
    #: Keep every place, for `write_csv`; memory grows with them.
    every_place: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found out."""

    report: Report
    refused: bool
    text: str

    @property
    def exit_code(self) -> int:
        """3 exactly when a run would refuse."""
        return EXIT_REFUSED if self.refused else EXIT_DONE

    @property
    def as_json(self) -> dict[str, object]:
        """The object of `check --json`."""
        return as_json(self.report, refused=self.refused)


def check(settings: Settings, asked: CheckRequest, show: Show, clock: Clock) -> Checked:
    """Check the paths as one set, or each drop of the inbox as one.

    Raises UsageError for a path that does not exist, CanvasError when Canvas shall be asked and cannot be.
    """
    options = _options(settings, asked, clock)
    if asked.every_place:
        options = replace(options, most_places=sys.maxsize)
    reports: list[Report] = []
    said: list[str] = []
    held: list[str] = []
    refused = False
    for found in _deliveries(settings, asked.paths):
        delivery = found if isinstance(found, Delivery) else Delivery(())
        if isinstance(found, Report):
            report, is_refused = found, bool(refusal(delivery, found, settings, asked.refuse_on))
        else:
            assessment = assess(Candidate("", delivery), options, settings, show, refuse_on=asked.refuse_on)
            report, is_refused = assessment.report, assessment.state is BatchState.REFUSED
            held += assessment.reasons if assessment.state is BatchState.HELD else ()
        reports.append(report)
        said += hints(delivery, report, settings)
        refused = refused or is_refused
    whole = merged(reports)
    return Checked(whole, refused, lines([*_lines(whole), *said, _verdict(whole, held, refused=refused)]))


def write_csv(report: Report, path: Path) -> None:
    """Write the findings as a CSV that a spreadsheet opens. Raises HomeError when the disk does not take it."""
    with wording(path), open(path, "w", encoding="utf-8-sig", newline="", opener=opener) as file:
        writer = Writer(file)
        writer.add(("severity", "rule", "file", "row", "column", "message"))
        for found in report.findings:
            writer.add((found.severity, found.rule, found.file, found.row, found.column, found.message))


def rules() -> str:
    """List all rules, a line each."""
    widest = max(map(len, RULES))
    return lines(f"{rule.id:<{widest}}  {rule.severity:<7}  {rule.description}" for rule in RULES.values())


def rule(name: str) -> str:
    """Explain one rule. Raises UsageError for one that does not exist."""
    if name not in RULES:
        raise UsageError(f"There is no rule {name}.", "`sis-sync rules` lists them.")
    return lines(explain(name).split("\n"))


def _options(settings: Settings, asked: CheckRequest, clock: Clock) -> CheckOptions:
    if not asked.online:
        return options_of(settings, complete=asked.complete)
    with open_canvas(settings, patient_retry(clock)) as canvas:
        roles = canvas.role_names(canvas.root_account(settings.account_id).id)
        own_user = canvas.current_user().sis_user_id
    return options_of(settings, roles=roles, own_user=own_user, complete=asked.complete)


def _deliveries(settings: Settings, paths: Sequence[Path]) -> Iterator[Delivery | Report]:
    """Give the paths as one delivery, or each drop of the inbox; a report for what cannot be one."""
    encoding = settings.source_encoding
    if paths:
        yield _joined([_by_path(path, encoding) for path in paths])
        return
    with wording(settings.inbox):
        drops = inbox.scan(settings.inbox, settings.marker).drops
    for drop in drops:
        yield _delivery(drop.folder, [file.name for file in drop.files], encoding)


def _by_path(path: Path, encoding: str) -> Delivery | Report:
    with wording(path):
        found = inbox.named(path)
    if found is None:
        raise UsageError(f"There is no {path}.", "Name CSV files, folders or zips, or nothing for the inbox.")
    return _delivery(*found, encoding)


def _delivery(folder: Path, names: Sequence[str], encoding: str) -> Delivery | Report:
    try:
        return deliver_from(folder, names, encoding)
    except (BadZipError, NotInEncoding) as error:
        rule = "zip-unreadable" if isinstance(error, BadZipError) else NOT_UTF8
        return failed(rule, names[0], error.sentence)
    except OSError as error:
        return failed("file-unreadable", names[0], f"It cannot be read: {(error.strerror or '').lower()}.")


def _joined(found: Sequence[Delivery | Report]) -> Delivery | Report:
    failures = [each for each in found if isinstance(each, Report)]
    if failures:
        return merged(failures)
    deliveries = [each for each in found if isinstance(each, Delivery)]
    files = tuple(file for each in deliveries for file in each.files)
    return Delivery(files, tuple(name for each in deliveries for name in each.others))


def _lines(report: Report) -> Iterator[str]:
    """Show files, and their findings by rule: the first places and the count of the rest."""
    for checked in report.files:
        rows = "not read" if checked.rows is None else f"{checked.rows:,} rows"
        yield f"{checked.name}: {checked.kind or 'not recognised'}, {rows}"
    for (file, severity, rule_id), group in groupby(sorted(report.findings, key=_by_rule), key=_group):
        places = list(group)
        yield ""
        yield f"{file or 'The set'}: {severity} {rule_id}, {_places(len(places), report.counts[rule_id])}"
        for found in places[:PLACES_SHOWN]:
            yield f"  {'whole file' if found.row is None else f'row {found.row:,}'}: {found.message}"
    if report.findings:
        yield ""


def _by_rule(found: Finding) -> tuple[str, int, str]:
    return found.file or "", ORDER.index(found.severity), found.rule


def _group(found: Finding) -> tuple[str | None, str, str]:
    return found.file, found.severity, found.rule


def _places(kept: int, counted: int) -> str:
    """Count places; when not all of a rule were kept the number of a file is a lower bound."""
    more = " or more" if MOST_PLACES <= kept < counted else ""
    return f"{kept:,}{more} place{'' if kept == 1 else 's'}"


def _verdict(report: Report, held: Sequence[str], *, refused: bool) -> str:
    """Say what a run would do, as far as the files alone show; `held` is why it would hold them."""
    rows = f"Canvas would refuse {report.refused_rows:,} of {report.rows:,} rows"
    if report.lost_rows:
        rows += f", {report.lost_rows:,} of them because it drops their file"
    counted = f"{report.fatal:,} fatal, {report.error:,} errors, {report.warning:,} warnings"
    if held and not refused:
        return f"run would hold this until somebody approves it: {' '.join(held)} {rows} ({counted})."
    does = "run would refuse this" if refused else "run would send this"
    return f"{does}; {rows} ({counted})."
