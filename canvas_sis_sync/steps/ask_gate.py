"""Ask the gate: fetch what Canvas shows of the account and let `gate` decide (design 4, "The gate")."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from canvas_sis_sync import gate, outcome, report
from canvas_sis_sync.errors import HeldError, NotFound
from canvas_sis_sync.model import CANVAS_UNFINISHED, Batch, GateDecision, SisImport, State, Verdict
from canvas_sis_sync.steps.context import Context, log

FIRST_PAGE = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """The gate's answer, and the account as Canvas showed it for that."""

    decision: GateDecision
    #: Highest import id that Canvas has shown, 0 without any.
    highest_id: int
    #: The import that the decision is about, None when it is about none or Canvas does not know it.
    about: SisImport | None = None


def ask(context: Context, batch: Batch | None = None) -> Asked:
    """Ask once: the unfinished imports (all pages), then the newest fifty of any state.

    `batch` is the one that is about to be sent, None before the claim. Raises CanvasError.
    """
    target, journal = context.target, context.journal
    unfinished = context.canvas.list_imports(target.account_id, states=sorted(CANVAS_UNFINISHED))
    recent = context.canvas.list_imports(target.account_id, limit=FIRST_PAGE)
    seen = {found.id: found for found in (*unfinished.imports, *recent.imports)}
    previous = journal.previous_sent(target)
    lowest = min([*seen, *([previous.import_id] if previous and previous.import_id else [])], default=0)
    known = gate.Known(
        previous=previous,
        current=_current(context),
        over_limit=bool(previous and previous.over_limit),
        own_imports=journal.own_imports(target, lowest),
        strays=journal.strays(target, lowest) | _lost_announcements(context, seen, (batch, previous)),
        releases=journal.releases(target, lowest),
    )
    shown = gate.Account(unfinished, recent, _record_of(context, previous, seen))
    decision = gate.decide(known, shown, _policy(context))
    log.info("gate: %s, %s", decision.verdict, decision.reason)
    known_ids = [*seen, *([shown.previous_import.id] if shown.previous_import else [])]
    return Asked(decision, max(known_ids, default=0), _about(decision, shown, seen))


def wait_for_go(context: Context, batch: Batch | None = None) -> Asked:
    """Ask until the gate is open. Raises HeldError when somebody must act, TimeRanOut, CanvasError."""
    for _ in context.waits("another import was unfinished in Canvas; nothing was sent onto it"):
        asked = ask(context, batch)
        if asked.decision.verdict is Verdict.HOLD:
            raise _held(context, asked)
        if asked.decision.verdict is Verdict.GO:
            if asked.decision.note:
                context.show.note(asked.decision.note)
            return asked
        context.show.note(asked.decision.reason)
    raise AssertionError("waiting never ends by itself")


def _held(context: Context, asked: Asked) -> HeldError:
    page = report.import_page(context.target, context.settings.base_url)
    details = [f"Nothing was sent. The account's imports: {page}"]
    if asked.about is not None:
        details += report.import_lines(asked.about, outcome.first_messages)
    return HeldError(asked.decision.reason, f"Next: {asked.decision.hint}", details=details)


def _current(context: Context) -> Batch | None:
    """Return the batch that Canvas still imports, as far as the journal knows."""
    open_ids = (
        waiting.id
        for waiting in context.journal.waiting()
        if waiting.state is State.IMPORTING and waiting.target == context.target
    )
    return next((context.journal.batch(batch_id) for batch_id in open_ids), None)


def _lost_announcements(
    context: Context, seen: Mapping[int, SisImport], batches: Iterable[Batch | None]
) -> frozenset[int]:
    """Return the records of announcements of ours whose answer was lost, which may appear late; they never get data."""
    found = {
        record.id
        for batch in batches
        if batch is not None and batch.announced_above is not None
        for record in seen.values()
        if record.workflow_state == "initializing"
        and batch.announced_above < record.id < (batch.import_id or sys.maxsize)
        and record.user_id in (None, batch.user_id)
    }
    return frozenset(found) - context.account_record.taken_by_others()


def _about(decision: GateDecision, shown: gate.Account, seen: dict[int, SisImport]) -> SisImport | None:
    known = {shown.previous_import.id: shown.previous_import} if shown.previous_import else {}
    return (seen | known).get(decision.import_id or 0)


def _record_of(context: Context, previous: Batch | None, seen: dict[int, SisImport]) -> SisImport | None:
    if previous is None or previous.import_id is None:
        return None
    if previous.import_id in seen:
        return seen[previous.import_id]
    try:
        return context.canvas.get_import(context.target.account_id, previous.import_id)
    except NotFound:
        return None


def _policy(context: Context) -> gate.Policy:
    host = context.target.host
    return gate.Policy(
        account_scope=context.settings.gate == "account",
        resets_on_schedule=resets_on_schedule(host),
    )


def resets_on_schedule(host: str) -> bool:
    """Say whether a host is a test or beta one, which Instructure overwrites: its import ids come again."""
    return any(part in ("test", "beta") for part in host.split(".")[1:])
