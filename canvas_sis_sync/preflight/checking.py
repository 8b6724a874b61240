"""One file under all rules that can be told from it and from what was read before it."""

from __future__ import annotations

from canvas_sis_sync.errors import SyncError
from canvas_sis_sync.model import DeliveryFile
from canvas_sis_sync.preflight.context import Aim
from canvas_sis_sync.preflight.findings import CheckedFile
from canvas_sis_sync.preflight.judging import Judge
from canvas_sis_sync.preflight.known import Known, Result
from canvas_sis_sync.preflight.reading import Progress, Watched
from canvas_sis_sync.preflight.rows import Heading, Rows
from canvas_sis_sync.preflight.rules import rules_of
from canvas_sis_sync.preflight.tally import Tally
from canvas_sis_sync.sis_csv import CsvFile, Malformed, NotUtf8, open_csv

DELETED_BY_BATCH_MODE = frozenset({"course", "section", "enrollment"})
"""Kinds of which batch mode deletes what is missing (DIFF 9)."""


def kind_of(file: DeliveryFile) -> str:
    """Tell the kind of a file by its header, "" where it is not recognised or cannot be read."""
    try:
        with file.open() as stream:
            kind = open_csv(stream).kind
    except (OSError, SyncError, NotUtf8, Malformed):
        return ""
    return kind.name if kind else ""


def check_file(file: DeliveryFile, aim: Aim, known: Known, progress: Progress) -> Result:
    """Read a file once and ask all rules. Faults of the file are findings; nothing is raised for them."""
    try:
        with file.open() as stream:
            watched = Watched(stream, progress)
            result = _check(file.name, watched, aim, known)
    except NotUtf8 as fault:
        return dropped(file.name, "file-not-utf8", str(fault))
    except Malformed as fault:
        return dropped(file.name, "file-malformed-csv", str(fault))
    except SyncError as fault:
        return dropped(file.name, "file-unreadable", fault.sentence)
    except OSError as fault:
        return dropped(file.name, "file-unreadable", f"The file cannot be read: {(fault.strerror or '').lower()}.")
    if watched.bytes_read != file.size:
        result.tally.add("file-changed")
    return result


def dropped(name: str, rule_id: str, message: str = "") -> Result:
    """Give the result of a file that Canvas ignores as a whole: nothing else is said of it."""
    result = Result(CheckedFile(name, None, None), Tally(name))
    result.tally.add(rule_id)
    if message:
        result.tally.say(rule_id, message)
    return result


def _check(name: str, watched: Watched, aim: Aim, known: Known) -> Result:
    csv = open_csv(watched.as_stream)
    if not csv.header:
        return dropped(name, "file-empty")
    if csv.kind is None:
        _pass_over(csv)
        return dropped(name, "file-headers-unrecognised")
    result = Result(CheckedFile(name, csv.kind.name, 0), Tally(name))
    heading = Heading(csv.header, csv.kind)
    rows_read = _judge(csv, heading, watched, Judge(csv.kind.name, aim, known, result), aim)
    result.file = CheckedFile(name, csv.kind.name, rows_read)
    _conclude(heading, aim, result)
    return result


def _pass_over(csv: CsvFile) -> None:
    """Read to the end, because the encoding is looked at first; of a file that is not recognised nothing else is."""
    try:
        for _ in csv.blocks:
            pass
    except Malformed:
        pass


def _judge(csv: CsvFile, heading: Heading, watched: Watched, judge: Judge, aim: Aim) -> int:
    """Judge all blocks and count the rows, as Canvas does."""
    rows_read = 0
    for block in csv.blocks:
        judge.judge(Rows(heading, block, aim, may_hold_nul=watched.has_nul))
        rows_read += len(block)
    return rows_read


def _conclude(heading: Heading, aim: Aim, result: Result) -> None:
    """Ask the rules about the header and about the file as a whole."""
    tally = result.tally
    for rule in rules_of(heading.kind.name):
        if rule.heading_check:
            for column in rule.heading_check(heading, aim):
                tally.once(rule.id, column)
        if rule.habitual and tally.counts[rule.id] > 1 and tally.counts[rule.id] == result.judged - result.refused:
            tally.make_one(rule.id)
    if not result.file.rows:
        tally.add("file-header-only")
    if result.refused and aim.deletes_what_is_missing and heading.kind.name in DELETED_BY_BATCH_MODE:
        tally.add("set-refused-rows-deleted")
