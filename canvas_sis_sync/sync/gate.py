"""May the next batch be sent? Owns the gate's table (docs/life-of-a-batch.md) and its sentences.

Pure: what the journal knows, what Canvas shows and the policy go in, a decision comes out. Asking Canvas, waiting and
recording releases belong to others. What is not understood keeps the gate shut.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from canvas_sis_sync.canvas.records import CANVAS_FINISHED, CANVAS_UNFINISHED, Listing, SisImport
from canvas_sis_sync.errors import HeldError, NotFound
from canvas_sis_sync.home.batch import HOLDING, Batch, BatchState
from canvas_sis_sync.sync import outcome, report
from canvas_sis_sync.sync.decision import GateDecision, Verdict
from canvas_sis_sync.sync.next_steps import in_words, past_import, skip
from canvas_sis_sync.sync.session import Session, log

GONE = "404"
"""Stands for the workflow_state of an import that Canvas no longer knows, in decisions and in releases."""
LOST_AFTER_SECONDS = 30 * 60
"""A foreign import that is `initializing` for so long will never be processed (API 6)."""

_WAITS = {
    "created": "it waits in Canvas's queue",
    "importing": "Canvas is working on it",
    "cleanup_batch": "Canvas is deleting what was not in it",
    "restoring": "its changes are being undone",
    "initializing": "its upload is not complete",
}
_FAILURES = {
    "failed": "Canvas broke it off; rows may have been applied",
    "failed_with_messages": "a part of it failed; its other rows may have been applied",
    "aborted": "it was aborted; rows may have been applied",
}
_UNDONE = {
    "restored": "somebody undid it, and the next full delivery would do it again",
    "partially_restored": "somebody undid a part of it, and the next full delivery would do it again",
    "restore_failed": "somebody tried to undo it, Canvas failed, and its rows may have been undone in part",
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say about the gate."""

    #: SIS_SYNC_GATE=account: somebody else's failed import holds too.
    account_scope: bool = False
    #: The host is a test or beta one, which Instructure overwrites on a schedule.
    resets_on_schedule: bool = False


@dataclass(frozen=True, slots=True)
class AccountImports:
    """The account's imports as Canvas shows them now."""

    #: The list filtered by the unfinished states, all pages; the filter is not trusted.
    unfinished: Listing
    #: The unfiltered first page of 50.
    recent: Listing
    #: The import of our previous batch, None when Canvas answered 404 or there is no such batch.
    previous_import: SisImport | None = None


@dataclass(frozen=True, slots=True)
class JournalView:
    """What the journal knows about the present target."""

    #: Our latest batch that has an import, even when skipped or retried since.
    previous: Batch | None = None
    #: Our batch that Canvas still imports, as far as the journal knows.
    current: Batch | None = None
    #: True when it was accepted with more refused rows than allowed, and nobody has released it.
    over_limit: bool = False
    #: The imports of all batches.
    own_imports: frozenset[int] = frozenset()
    #: Imports that are no batch's: abandoned offers and records that a refused request left behind.
    strays: frozenset[int] = frozenset()
    #: Import id to the workflow_states (or GONE) in which a person has released it.
    releases: Mapping[int, frozenset[str]] = field(default_factory=dict)

    @property
    def previous_id(self) -> int | None:
        """The import of the previous batch."""
        return self.previous.import_id if self.previous else None


def decide(known: JournalView, account: AccountImports, policy: Policy) -> GateDecision:
    """Decide whether the next batch may be sent: the worst verdict wins, and of equal ones the oldest import's.

    The states in the answers count, not the list they came in; ages go by Canvas's clock, and an unknown age
    waits. A release opens the gate for that import in that very state only.
    """
    decisions = [_judge(seen, canvas_now, known, policy) for seen, canvas_now in _sightings(account)]
    if known.previous and account.previous_import is None:
        decisions.insert(0, _gone(known, known.previous, policy))
    shut = [decision for decision in decisions if decision.verdict is not Verdict.GO]
    if shut:
        return min(shut, key=_urgency)
    return _opened(decisions, known, account)


def _sightings(account: AccountImports) -> Iterator[tuple[SisImport, float | None]]:
    if account.previous_import:
        yield account.previous_import, None
    for listing in (account.unfinished, account.recent):
        for seen in listing.imports:
            yield seen, listing.canvas_now


def _urgency(decision: GateDecision) -> tuple[bool, int, str]:
    return decision.verdict is not Verdict.HOLD, decision.import_id or 0, decision.workflow_state or ""


def _opened(decisions: list[GateDecision], known: JournalView, account: AccountImports) -> GateDecision:
    nothing_sent = GateDecision(Verdict.GO, "Nothing has been sent to this account yet, and no import is unfinished.")
    ours = (decision for decision in decisions if decision.import_id == known.previous_id)
    notes = {decision.note for decision in decisions} | {_latest_failure(known, account)}
    opened = next(ours, nothing_sent) if known.previous else nothing_sent
    return replace(opened, note=" ".join(sorted(notes - {""})))


def _latest_failure(known: JournalView, account: AccountImports) -> str:
    candidates = [seen for seen in account.recent.imports if seen.id not in known.strays]
    latest = max(candidates, key=lambda seen: seen.id, default=None)
    if known.previous or latest is None or latest.workflow_state not in _FAILURES:
        return ""
    return f"The latest import of the account, {latest.id}, is {latest.workflow_state}."


def _judge(seen: SisImport, canvas_now: float | None, known: JournalView, policy: Policy) -> GateDecision:
    state = seen.workflow_state
    if state in known.releases.get(seen.id, ()):
        return _decision(Verdict.GO, seen, known, "a person released it")
    if state not in CANVAS_FINISHED | CANVAS_UNFINISHED:
        return _decision(Verdict.HOLD, seen, known, "this version does not know that state")
    if state == "initializing" and seen.id != known.previous_id:
        return _upload_of_others(seen, canvas_now, known)
    if state in CANVAS_UNFINISHED:
        return _decision(Verdict.WAIT, seen, known, _WAITS[state])
    if known.previous and seen.id == known.previous_id:
        return _end_of_ours(seen, known, known.previous)
    return _end_of_others(seen, known, policy)


def _upload_of_others(seen: SisImport, canvas_now: float | None, known: JournalView) -> GateDecision:
    """Wait for an upload to complete, unless it is one of ours that was given up or will never be complete."""
    if seen.id in known.strays:
        return _decision(Verdict.GO, seen, known, "it was given up")
    waits = _decision(Verdict.WAIT, seen, known, _WAITS["initializing"])
    if canvas_now is None or seen.created_at is None or canvas_now - seen.created_at < LOST_AFTER_SECONDS:
        return waits
    note = f"Import {seen.id} is initializing for more than 30 minutes: Canvas will never process it."
    return replace(waits, verdict=Verdict.GO, note=note)


def _end_of_ours(seen: SisImport, known: JournalView, batch: Batch) -> GateDecision:
    state = seen.workflow_state
    if state == "aborted":
        return _decision(Verdict.HOLD, seen, known, str(seen.abort_kind))
    if meaning := _FAILURES.get(state) or _UNDONE.get(state):
        return _decision(Verdict.HOLD, seen, known, meaning)
    if known.over_limit:
        return _decision(Verdict.HOLD, seen, known, "more rows were refused than SIS_SYNC_MAX_ERROR_ROWS allows")
    if batch.state in HOLDING:
        return _decision(Verdict.HOLD, seen, known, f"the batch is {batch.state}, and nobody has released it")
    return _decision(Verdict.GO, seen, known, "nothing is unfinished")


def _end_of_others(seen: SisImport, known: JournalView, policy: Policy) -> GateDecision:
    """Let others' ends pass; account-wide, a failure since our previous import holds.

    What failed before our previous import was judged when that one was sent.
    """
    since_ours = known.previous_id is not None and seen.id > known.previous_id
    ours = seen.id in known.own_imports | known.strays
    if policy.account_scope and since_ours and not ours and seen.workflow_state in _FAILURES:
        aborted = seen.workflow_state == "aborted"
        meaning = str(seen.abort_kind) if aborted else _FAILURES[seen.workflow_state]
        return _decision(Verdict.HOLD, seen, known, meaning)
    return _decision(Verdict.GO, seen, known, "it is over")


def _gone(known: JournalView, batch: Batch, policy: Policy) -> GateDecision:
    missing = SisImport(id=batch.import_id or 0, workflow_state=GONE)
    what = f"Canvas no longer knows import {batch.import_id} of batch {batch.id} ({GONE})"
    if GONE in known.releases.get(missing.id, ()):
        return replace(_decision(Verdict.GO, missing, known, ""), reason=f"{what}; a person released it.")
    if policy.resets_on_schedule:
        note = f"{what}; test and beta hosts are overwritten on a schedule."
        return replace(_decision(Verdict.GO, missing, known, ""), reason=note, note=note)
    reason = f"{what}, so what became of its rows cannot be determined."
    return replace(_decision(Verdict.HOLD, missing, known, ""), reason=reason)


def _decision(verdict: Verdict, seen: SisImport, known: JournalView, meaning: str) -> GateDecision:
    return GateDecision(
        verdict,
        reason=f"{_name(seen, known)} is {seen.workflow_state or 'without a state'}: {meaning}.",
        hint=_hint(seen, known) if verdict is Verdict.HOLD else "",
        import_id=seen.id,
        workflow_state=seen.workflow_state,
    )


def _name(seen: SisImport, known: JournalView) -> str:
    if known.previous and seen.id == known.previous_id:
        return f"Import {seen.id} of batch {known.previous.id}"
    if seen.id in known.own_imports | known.strays:
        return f"Import {seen.id}, an earlier one of ours,"
    return f"Import {seen.id}, which is somebody else's,"


def _hint(seen: SisImport, known: JournalView) -> str:
    """Return the commands that open the gate."""
    if known.current and seen.id == known.current.import_id:
        return in_words([skip(known.current, "continues with the next drop")])
    if known.previous and seen.id == known.previous_id:
        return in_words(past_import(known.previous))
    return f"`sis-sync skip --import {seen.id} --reason TEXT` continues with the next drop."


FIRST_PAGE = 50


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """The gate's answer, and the account as Canvas showed it for that."""

    decision: GateDecision
    #: Highest import id that Canvas has shown, 0 without any.
    highest_id: int
    #: The import that the decision is about, None when it is about none or Canvas does not know it.
    about: SisImport | None = None


def ask(session: Session, batch: Batch | None = None) -> GateAnswer:
    """Ask once: the unfinished imports (all pages), then the newest fifty of any state.

    `batch` is the one that is about to be sent, None before the claim. Raises CanvasError.
    """
    target, journal = session.target, session.journal
    unfinished = session.canvas.list_imports(target.account_id, states=sorted(CANVAS_UNFINISHED))
    recent = session.canvas.list_imports(target.account_id, limit=FIRST_PAGE)
    seen = {found.id: found for found in (*unfinished.imports, *recent.imports)}
    previous = journal.previous_sent(target)
    lowest = min([*seen, *([previous.import_id] if previous and previous.import_id else [])], default=0)
    known = JournalView(
        previous=previous,
        current=_current(session),
        over_limit=bool(previous and previous.over_limit),
        own_imports=journal.own_imports(target, lowest),
        strays=journal.strays(target, lowest) | _lost_announcements(session, seen, (batch, previous)),
        releases=journal.releases(target, lowest),
    )
    shown = AccountImports(unfinished, recent, _record_of(session, previous, seen))
    decision = decide(known, shown, _policy(session))
    log.info("gate: %s, %s", decision.verdict, decision.reason)
    known_ids = [*seen, *([shown.previous_import.id] if shown.previous_import else [])]
    return GateAnswer(decision, max(known_ids, default=0), _about(decision, shown, seen))


def wait_for_go(session: Session, batch: Batch | None = None) -> GateAnswer:
    """Ask until the gate is open. Raises HeldError when somebody must act, TimeRanOut, CanvasError."""
    for _ in session.waits("another import was unfinished in Canvas; nothing was sent onto it"):
        asked = ask(session, batch)
        if asked.decision.verdict is Verdict.HOLD:
            raise _held(session, asked)
        if asked.decision.verdict is Verdict.GO:
            if asked.decision.note:
                session.show.note(asked.decision.note)
            return asked
        session.show.note(asked.decision.reason)
    raise AssertionError("waiting never ends by itself")


def _held(session: Session, asked: GateAnswer) -> HeldError:
    page = report.import_page(session.target, session.settings.base_url)
    details = [f"Nothing was sent. The account's imports: {page}"]
    if asked.about is not None:
        details += report.import_lines(asked.about, outcome.first_messages)
    return HeldError(asked.decision.reason, f"Next: {asked.decision.hint}", details=details)


def _current(session: Session) -> Batch | None:
    """Return the batch that Canvas still imports, as far as the journal knows."""
    open_ids = (
        waiting.id
        for waiting in session.journal.waiting()
        if waiting.state is BatchState.IMPORTING and waiting.target == session.target
    )
    return next((session.journal.batch(batch_id) for batch_id in open_ids), None)


def _lost_announcements(
    session: Session, seen: Mapping[int, SisImport], batches: Iterable[Batch | None]
) -> frozenset[int]:
    """Return the records of announcements of ours whose answer was lost, which may appear late; they never get data."""
    found = {
        record.id
        for batch in batches
        if batch is not None and batch.sending is not None and batch.sending.announced_above is not None
        for record in seen.values()
        if record.workflow_state == "initializing"
        and batch.sending.announced_above < record.id < (batch.import_id or sys.maxsize)
        and record.user_id in (None, batch.sending.user_id)
    }
    return frozenset(found) - session.account_record.taken_by_others()


def _about(decision: GateDecision, shown: AccountImports, seen: dict[int, SisImport]) -> SisImport | None:
    known = {shown.previous_import.id: shown.previous_import} if shown.previous_import else {}
    return (seen | known).get(decision.import_id or 0)


def _record_of(session: Session, previous: Batch | None, seen: dict[int, SisImport]) -> SisImport | None:
    if previous is None or previous.import_id is None:
        return None
    if previous.import_id in seen:
        return seen[previous.import_id]
    try:
        return session.canvas.get_import(session.target.account_id, previous.import_id)
    except NotFound:
        return None


def _policy(session: Session) -> Policy:
    host = session.target.host
    return Policy(
        account_scope=session.settings.gate == "account",
        resets_on_schedule=resets_on_schedule(host),
    )


def resets_on_schedule(host: str) -> bool:
    """Say whether a host is a test or beta one, which Instructure overwrites: its import ids come again."""
    return any(part in ("test", "beta") for part in host.split(".")[1:])
