"""`sis-sync run --dry-run`: what a run would send, without taking, writing or sending anything."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canvas_sis_sync import plain_text
from canvas_sis_sync.canvas import options
from canvas_sis_sync.cli._plan import looking
from canvas_sis_sync.cli._status import Status, status
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.delivery.files import Bundle
from canvas_sis_sync.delivery.transcoding import NotInEncoding
from canvas_sis_sync.errors import EXIT_DONE, EXIT_HELD, EXIT_REFUSED, BadZipError, CanvasError
from canvas_sis_sync.home.archive import wording
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.home.drops import Drop
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.plan import text as plan_text
from canvas_sis_sync.progress import Silent
from canvas_sis_sync.sync import report
from canvas_sis_sync.sync.assess import Assessment, Comparison, assess
from canvas_sis_sync.sync.baseline import baseline_as_known
from canvas_sis_sync.sync.candidate import Candidate, packed
from canvas_sis_sync.sync.checking import options_by_canvas, options_of, summary
from canvas_sis_sync.sync.decision import Verdict
from canvas_sis_sync.sync.idle import is_idle
from canvas_sis_sync.sync.pack import make_zip
from canvas_sis_sync.sync.parameters import options_for


@dataclass(frozen=True, slots=True)
class DryRun:
    """What a dry run found."""

    exit_code: int
    text: str
    as_json: dict[str, Any] = field(default_factory=dict)


def dry_run(settings: Settings, clock: Clock) -> DryRun:
    """Look at the oldest drop where it lies, ask the gate, and pack into a temporary folder.

    The exit code is what a run's would be at that point. Raises SyncError as a run does.
    """
    looked = status(settings, clock)
    drops = looked.drops.drops
    if not drops:
        return _without_drop(settings, looked)
    lines = [f"Drop: {drops[0].name}, {len(drops[0].files)} files."]
    try:
        made, assessment = _assessed(settings, drops[0], clock)
    except (BadZipError, NotInEncoding) as error:
        return _report(EXIT_REFUSED, "refused", [*lines, error.sentence, error.hint], looked)
    lines += [*_about_zip(made), f"Check: {summary(assessment.report)}."]
    plan = plan_text.as_json(assessment.plan) if assessment.plan else None
    if plan is None:
        lines += [f"Asked of Canvas: {words}" for words in options.in_words(options_for(settings))]
    else:
        lines.append(plain_text.lines(["", plan_text.table(plan), ""]))
    lines.append(f"Gate: {looked.decision.verdict}. {looked.decision.reason}")
    code, outcome, verdict = _verdict(looked, assessment)
    if assessment.state is BatchState.REFUSED:
        lines += assessment.reasons
    return _report(code, outcome, [*lines, verdict], looked, made, plan)


def _verdict(looked: Status, assessment: Assessment) -> tuple[int, str, str]:
    """Say what a run would come to first: the gate, the rules, Canvas, the breakers."""
    if looked.decision.verdict is Verdict.HOLD:
        return EXIT_HELD, *VERDICTS[Verdict.HOLD]
    if assessment.state is BatchState.REFUSED:
        return EXIT_REFUSED, "refused", "A run would refuse this; `sis-sync check` says more."
    if looked.trouble:
        return looked.trouble.exit_code, "unreachable", f"Canvas could not be asked: {looked.trouble.sentence}"
    if assessment.state is BatchState.UNCHANGED:
        return EXIT_DONE, "unchanged", "A run would not send this: it is the same as the last accepted delivery."
    if assessment.state is BatchState.HELD:
        return EXIT_HELD, "held", "A run would hold this until somebody approves it."
    return EXIT_DONE, *VERDICTS[looked.decision.verdict]


def _without_drop(settings: Settings, looked: Status) -> DryRun:
    if is_idle(settings):
        return _report(EXIT_DONE, "idle", ["Nothing to do: the inbox is empty."], looked)
    if looked.decision.verdict is Verdict.HOLD:
        return _report(EXIT_HELD, "held", [f"Gate: hold. {looked.decision.reason}", looked.decision.hint], looked)
    return _report(EXIT_DONE, "waiting", ["The inbox is empty; a run would continue what an earlier one left."], looked)


VERDICTS = {
    Verdict.GO: ("would send", "A run would send this now."),
    Verdict.WAIT: ("waiting", "A run would wait, and then send this."),
    Verdict.HOLD: ("held", "A run would send nothing until somebody acts."),
}


def _assessed(settings: Settings, drop: Drop, clock: Clock) -> tuple[Bundle, Assessment]:
    """Pack a drop in a folder that is gone again, and judge it as a run would."""
    with wording(drop.folder), tempfile.TemporaryDirectory(prefix="sis-sync-") as folder:
        names = [file.name for file in drop.files]
        made, delivery = make_zip(drop.folder, names, Path(folder), settings.source_encoding, Silent())
        return made, _judged(settings, clock, packed(drop.name, made, delivery, drop.files))


def _judged(settings: Settings, clock: Clock, candidate: Candidate) -> Assessment:
    asked = options_for(settings)
    try:
        with looking(settings, clock, Silent()) as session:
            comparison = Comparison(session, asked, baseline_as_known(session, asked))
            return assess(candidate, options_by_canvas(session), settings, session.show, comparison)
    except CanvasError:  # it has never been asked for the account, so there is nothing to compare with
        return assess(candidate, options_of(settings), settings, Silent())


def _about_zip(made: Bundle) -> list[str]:
    files = [
        f"  {entry.name}: {entry.kind or 'not recognised'}, {report.rows(entry.rows)}, {report.size(entry.size)}"
        for entry in made.entries
    ]
    total = sum(entry.size for entry in made.entries)
    return [*files, f"Zip: {report.size(made.size)} ({report.size(total)} of CSV), sha256 {made.sha256}."]


def _report(
    code: int,
    outcome: str,
    lines: list[str],
    looked: Status,
    made: Bundle | None = None,
    plan: dict[str, Any] | None = None,
) -> DryRun:
    text = plain_text.lines(line for line in lines if line)
    found = {
        "schema": report.SCHEMA,
        "outcome": outcome,
        "zip": {"bytes": made.size, "sha256": made.sha256} if made else None,
        "files": report.entries_json(made.entries) if made else [],
        "plan": plan,
        "gate": report.gate_json(looked.decision),
        "message": text,
    }
    return DryRun(code, text, found)
