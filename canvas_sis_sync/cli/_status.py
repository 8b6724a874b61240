"""`sis-sync status`: the last batch, its import as Canvas shows it, the gate, and what waits in the inbox."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from canvas_sis_sync import plain_text
from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.canvas.retry import Retry
from canvas_sis_sync.cli._config import exposed
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.errors import CanvasError, NotFound
from canvas_sis_sync.home import inbox
from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.home.batch import HOLDING, OPEN, Batch, BatchState
from canvas_sis_sync.home.drops import Inbox
from canvas_sis_sync.home.journal import Journal
from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.progress import Silent
from canvas_sis_sync.sync import outcome, report
from canvas_sis_sync.sync.decision import GateDecision, Verdict
from canvas_sis_sync.sync.gate import GONE, ask
from canvas_sis_sync.sync.idle import not_a_home
from canvas_sis_sync.sync.next_steps import in_words, next_steps
from canvas_sis_sync.sync.run import require_whole_journal
from canvas_sis_sync.sync.session import Session, assemble, open_canvas, require_journal
from canvas_sis_sync.sync.token_end import near_end

FEW_ATTEMPTS = 2
"""A person waits for the answer: Canvas is asked once more, not for five minutes."""


@dataclass(frozen=True, slots=True)
class Status:
    """What `status` tells."""

    batch: Batch | None
    #: Canvas's record now, or the journal's when Canvas was not asked or could not be.
    sis_import: SisImport | None
    #: False when `sis_import` is the journal's.
    live: bool
    decision: GateDecision
    drops: Inbox
    #: Seconds since the oldest waiting drop was last written to, None without one.
    waiting_seconds: float | None
    #: Why Canvas could not be asked, None when it was.
    trouble: CanvasError | None
    base_url: str
    #: What other users of the machine can read or write, in sentences.
    exposed: tuple[str, ...] = ()
    #: When the token ends, seconds since the epoch; None when it does not, or Canvas did not say.
    token_end: float | None = None
    #: That this is near, in a sentence, else "".
    token_end_near: str = ""


def status(settings: Settings, clock: Clock, *, ask_canvas: bool = True) -> Status:
    """Look at home and Canvas without changing anything. Raises HomeError, JournalError."""
    try:
        drops = inbox.scan(settings.inbox, settings.marker)
    except OSError as error:
        raise not_a_home(settings, error) from error
    require_journal(settings)
    with Journal.open_to_read(settings.archive / FILE_NAME) as journal:
        require_whole_journal(journal, Archive(settings.archive))
        batch = journal.last()
        looked = Status(
            batch,
            batch.sis_import if batch else None,
            live=False,
            decision=_by_journal(journal, journal.target(settings.base_url, settings.account_id)),
            drops=drops,
            waiting_seconds=_oldest(drops, clock.now()),
            trouble=None,
            base_url=settings.base_url,
            exposed=tuple(exposed(settings)),
        )
        return _asked(settings, clock, journal, looked) if ask_canvas and settings.base_url else looked


def as_json(looked: Status) -> dict[str, Any]:
    """Give the status as the object of `status --json`."""
    return {
        "schema": report.SCHEMA,
        "batch": report.batch_json(looked.batch),
        "import": report.import_json(looked.sis_import),
        "live": looked.live,
        "gate": report.gate_json(looked.decision),
        "inbox": {
            "drops": len(looked.drops.drops),
            "files": looked.drops.file_count,
            "oldest_seconds": looked.waiting_seconds,
            "others": list(looked.drops.others),
        },
        "exposed": list(looked.exposed),
        "token_expires_at": report.moment(looked.token_end),
    }


def as_text(looked: Status) -> str:
    """Give the status in a few lines."""
    token = [looked.token_end_near] if looked.token_end_near else []
    return plain_text.lines(
        [*_batch_lines(looked), *_gate_lines(looked), *_inbox_lines(looked), *token, *looked.exposed]
    )


def _asked(settings: Settings, clock: Clock, journal: Journal, looked: Status) -> Status:
    """Complete the status with what Canvas shows now."""
    try:
        with open_canvas(settings, Retry(clock, attempts=FEW_ATTEMPTS)) as canvas:
            session = assemble(settings, journal, canvas, clock, show=Silent(), patient=False)
            if looked.decision.verdict is not Verdict.HOLD:
                looked = replace(looked, decision=_worst(looked.decision, ask(session).decision))
            looked = replace(looked, sis_import=_live(session, looked), live=True)
            end = canvas.token_end()
            return replace(looked, token_end=end, token_end_near=near_end(end, clock.now()))
    except CanvasError as error:
        return replace(looked, trouble=error)


def _worst(journalled: GateDecision, asked: GateDecision) -> GateDecision:
    return asked if asked.verdict is not Verdict.GO or journalled.verdict is Verdict.GO else journalled


def _live(session: Session, looked: Status) -> SisImport | None:
    batch = looked.batch
    if batch is None or batch.import_id is None or batch.target != session.target:
        return looked.sis_import
    try:
        return session.canvas.get_import(session.target.account_id, batch.import_id)
    except NotFound:
        return SisImport(batch.import_id, GONE)


def _by_journal(journal: Journal, target: Target | None) -> GateDecision:
    """Say what the journal alone knows about sending the next batch to the present target (None: nothing yet)."""
    ours = [waiting for waiting in journal.waiting() if waiting.target == target]
    for waiting in ours:
        if waiting.holds:
            batch = journal.batch(waiting.id)
            reason = f"Batch {waiting.id} is {waiting.state}" + (f": {batch.reason}" if batch else "")
            return GateDecision(Verdict.HOLD, reason, in_words(next_steps(batch)) if batch else "")
    for waiting in ours:
        if waiting.is_open:
            return _under_way(journal.batch(waiting.id), f"Batch {waiting.id} is {waiting.state}")
    return GateDecision(Verdict.GO, "The journal knows of nothing that is unfinished.")


def _under_way(batch: Batch | None, what: str) -> GateDecision:
    """Say what a batch waits for that is under way: a run, or somebody who says which import it became."""
    if batch is None or batch.state is not BatchState.SENDING:
        return GateDecision(Verdict.WAIT, f"{what}.")
    undecided = batch.sending.choices if batch.sending else ()
    if not undecided:
        return GateDecision(Verdict.WAIT, f"{what}.", "`sis-sync run` finds out whether Canvas has it.")
    choices = ", ".join(map(str, undecided))
    reason = f"{what}, and it cannot be determined from here which import it became: {choices}."
    return GateDecision(Verdict.HOLD, reason, in_words(next_steps(batch)))


def _oldest(drops: Inbox, now: float) -> float | None:
    if not drops.drops:
        return None
    return max(0.0, now - max(file.mtime_ns for file in drops.drops[0].files) / 1e9)


def _batch_lines(looked: Status) -> list[str]:
    batch = looked.batch
    if batch is None:
        return ["Last batch: none yet."]
    lines = [f"Last batch: {batch.id} ({batch.drop_name}), {batch.state}, claimed {report.moment(batch.claimed_at)}"]
    if batch.reason:
        lines.append(f"  {batch.reason}")
    lines += [
        f"  {entry.name}: {entry.kind or 'not recognised'}, {report.rows(entry.rows)}, {report.size(entry.size)}"
        for entry in batch.entries
    ]
    if batch.import_id is not None and looked.sis_import is not None:
        source = "now" if looked.live else "at the last look"
        shown = looked.sis_import
        progress = "" if shown.progress is None else f", {shown.progress} %"
        lines.append(f"  Import {shown.id}: {shown.workflow_state}{progress} ({source})")
        lines.append(f"  {report.import_page(batch.target, looked.base_url)}")
        if batch.state in HOLDING | OPEN or batch.over_limit:
            lines += [f"  Canvas: {text}" for text in outcome.first_messages(shown)]
    return lines


def _gate_lines(looked: Status) -> list[str]:
    lines = [f"Gate: {looked.decision.verdict}. {looked.decision.reason}"]
    if looked.decision.hint:
        lines.append(f"  Next: {looked.decision.hint}")
    if looked.trouble:
        lines.append(f"  Canvas was not asked: {looked.trouble.sentence}")
    return lines


def _inbox_lines(looked: Status) -> list[str]:
    waiting = looked.drops.drops
    if not waiting:
        lines = ["Inbox: empty."]
    else:
        since = report.age(looked.waiting_seconds or 0)
        lines = [
            f"Inbox: {len(waiting)} drops, {looked.drops.file_count} files; the oldest, {waiting[0].name}, {since} old."
        ]
    if looked.drops.others:
        lines.append(f"  Left lying, neither CSV nor zip: {', '.join(looked.drops.others[:5])}")
    return lines
