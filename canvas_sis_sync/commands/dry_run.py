"""`sis-sync run --dry-run`: what a run would send, without taking, writing or sending anything."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canvas_sis_sync import options, report
from canvas_sis_sync.archive import wording
from canvas_sis_sync.commands.status import Status, status
from canvas_sis_sync.errors import EXIT_DONE, EXIT_HELD, EXIT_REFUSED, BadZipError
from canvas_sis_sync.model import Bundle, Drop, Verdict
from canvas_sis_sync.polling import Clock
from canvas_sis_sync.preflight import Report
from canvas_sis_sync.progress import Silent
from canvas_sis_sync.settings import Settings
from canvas_sis_sync.steps.delivery import deliver_from
from canvas_sis_sync.steps.judge import aim_of, is_refused, judge, summary
from canvas_sis_sync.steps.pack import write_zip
from canvas_sis_sync.tick import is_idle
from canvas_sis_sync.transcoding import NotInEncoding


@dataclass(frozen=True, slots=True)
class Looked:
    """What a dry run found."""

    exit_code: int
    text: str
    as_json: dict[str, Any] = field(default_factory=dict)


def dry_run(settings: Settings, clock: Clock) -> Looked:
    """Look at the oldest drop where it lies, ask the gate, and pack into a temporary folder.

    The exit code is what a run's would be at that point. Raises SyncError as a run does.
    """
    looked = status(settings, clock)
    drops = looked.drops.drops
    if not drops:
        return _without_drop(settings, looked)
    lines = [f"Drop: {drops[0].name}, {len(drops[0].files)} files."]
    try:
        made, found = _packed(settings, drops[0])
    except (BadZipError, NotInEncoding) as error:
        return _told(EXIT_REFUSED, "refused", [*lines, error.sentence, error.hint], looked)
    lines += _about_zip(made)
    lines.append(f"Check: {summary(found)}.")
    lines += [f"Asked of Canvas: {words}" for words in options.in_words(settings.import_parameters)]
    lines.append(f"Gate: {looked.decision.verdict}. {looked.decision.reason}")
    outcome, words = VERDICTS[looked.decision.verdict]
    lines.append(words)
    code = EXIT_HELD if looked.decision.verdict is Verdict.HOLD else EXIT_DONE
    if is_refused(found, settings.refuse_on) and not code:
        outcome, code = "refused", EXIT_REFUSED
        lines[-1] = "A run would refuse this; `sis-sync check` says more."
    elif looked.trouble and not code:
        outcome, code = "unreachable", looked.trouble.exit_code
        lines[-1] = f"Canvas could not be asked: {looked.trouble.sentence}"
    return _told(code, outcome, lines, looked, made)


def _without_drop(settings: Settings, looked: Status) -> Looked:
    if is_idle(settings):
        return _told(EXIT_DONE, "idle", ["Nothing to do: the inbox is empty."], looked)
    if looked.decision.verdict is Verdict.HOLD:
        return _told(EXIT_HELD, "held", [f"Gate: hold. {looked.decision.reason}", looked.decision.hint], looked)
    return _told(EXIT_DONE, "waiting", ["The inbox is empty; a run would go on with what an earlier one left."], looked)


VERDICTS = {
    Verdict.GO: ("would send", "A run would send this now."),
    Verdict.WAIT: ("waiting", "A run would wait, and then send this."),
    Verdict.HOLD: ("held", "A run would send nothing until somebody acts."),
}


def _packed(settings: Settings, drop: Drop) -> tuple[Bundle, Report]:
    with wording(drop.folder), tempfile.TemporaryDirectory(prefix="sis-sync-") as folder:
        delivery = deliver_from(drop.folder, [file.name for file in drop.files], settings.source_encoding)
        made = write_zip(delivery, Path(folder), Silent())
        return made, judge(delivery, aim_of(settings), Silent())


def _about_zip(made: Bundle) -> list[str]:
    files = [
        f"  {entry.name}: {entry.kind or 'not recognised'}, {report.rows(entry.rows)}, {report.size(entry.size)}"
        for entry in made.entries
    ]
    total = sum(entry.size for entry in made.entries)
    return [*files, f"Zip: {report.size(made.size)} ({report.size(total)} of CSV), sha256 {made.sha256}."]


def _told(code: int, outcome: str, lines: list[str], looked: Status, made: Bundle | None = None) -> Looked:
    text = "\n".join(line for line in lines if line)
    found = {
        "schema": report.SCHEMA,
        "outcome": outcome,
        "zip": {"bytes": made.size, "sha256": made.sha256} if made else None,
        "files": report.entries_json(made.entries) if made else [],
        "gate": report.gate_json(looked.decision),
        "message": text,
    }
    return Looked(code, text, found)
