"""The gate's table, row by row, and what holds for every mixture of imports."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.golden import Golden
from support.sentences import listed

from canvas_sis_sync.canvas.records import CANVAS_FINISHED, CANVAS_UNFINISHED, AbortKind, Listing, SisImport, Target
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.drops import DropKind
from canvas_sis_sync.sync.decision import GateDecision, Verdict
from canvas_sis_sync.sync.gate import GONE, AccountImports, JournalView, Policy, decide

GO, WAIT, HOLD = Verdict.GO, Verdict.WAIT, Verdict.HOLD
NOW = 1_700_000_000.0
OURS = 50
OWN_SCOPE, ACCOUNT_SCOPE = Policy(), Policy(account_scope=True)
RUNNING = sorted(CANVAS_UNFINISHED - {"initializing"})
FAILED = ["failed", "failed_with_messages", "aborted"]
SKIP = "`sis-sync skip 2026-night --reason TEXT`"
RETRY = "`sis-sync retry 2026-night --reason TEXT`"


def batch(state: BatchState = BatchState.IMPORTED) -> Batch:
    target = Target("canvas.example.edu", 1)
    return Batch(
        "2026-night", state, target, "loose files", DropKind.LOOSE, NOW, sis_import=SisImport(OURS, "imported")
    )


def seen(import_id: int, state: str, age: float = 0.0) -> SisImport:
    return SisImport(import_id, state, created_at=NOW - age)


def listing(*imports: SisImport, now: float | None = NOW) -> Listing:
    return Listing(imports, now)


def known(state: BatchState = BatchState.IMPORTED, **changes: Any) -> JournalView:
    return replace(JournalView(batch(state), own_imports=frozenset({OURS})), **changes)


def ask(
    *others: SisImport, ours: str | None = "imported", knowing: JournalView | None = None, policy: Policy = OWN_SCOPE
) -> GateDecision:
    previous = None if ours is None else seen(OURS, ours)
    return decide(knowing or known(), AccountImports(listing(), listing(*others), previous), policy)


def commands(decision: GateDecision) -> list[str]:
    return re.findall("`.+?`", decision.hint)


def test_the_gate_is_open_to_the_first_batch_of_an_empty_account(golden: Golden) -> None:
    decision = decide(JournalView(), AccountImports(listing(), listing()), OWN_SCOPE)

    assert (decision.verdict, decision.hint, decision.note, decision.import_id) == (GO, "", "", None)
    golden(decision.reason)


@pytest.mark.parametrize(
    ("state", "verdict"),
    [(state, WAIT) for state in [*RUNNING, "initializing"]]
    + [("imported", GO), ("imported_with_messages", GO)]
    + [(state, HOLD) for state in [*FAILED, "restored", "partially_restored", "restore_failed", "paused", ""]],
)
def test_our_previous_import_decides_by_its_state(state: str, verdict: Verdict) -> None:
    decision = ask(ours=state)

    assert decision.verdict is verdict
    assert (decision.import_id, decision.workflow_state) == (OURS, state)
    assert (str(OURS) in decision.reason, "2026-night" in decision.reason) == (True, True)
    assert commands(decision) == ([SKIP] if verdict is HOLD else [])


@pytest.mark.parametrize("where", ["unfinished", "recent"])
@pytest.mark.parametrize("policy", [OWN_SCOPE, ACCOUNT_SCOPE])
@pytest.mark.parametrize(
    ("state", "own_scope", "account_scope"),
    [(state, WAIT, WAIT) for state in [*RUNNING, "initializing"]]
    + [
        (state, GO, GO)
        for state in ["imported", "imported_with_messages", "restored", "partially_restored", "restore_failed"]
    ]
    + [(state, GO, HOLD) for state in FAILED]
    + [("paused", HOLD, HOLD), ("", HOLD, HOLD)],
)
def test_somebody_elses_import_decides_by_its_state(
    state: str, own_scope: Verdict, account_scope: Verdict, policy: Policy, where: str
) -> None:
    lists = {"unfinished": listing(), "recent": listing()} | {where: listing(seen(60, state))}
    decision = decide(known(), AccountImports(**lists, previous_import=seen(OURS, "imported")), policy)

    verdict = account_scope if policy.account_scope else own_scope
    assert decision.verdict is verdict
    if verdict is GO:
        assert (decision.import_id, decision.note) == (OURS, "")
    else:
        assert " 60" in decision.reason
        assert (decision.import_id, decision.workflow_state) == (60, state)
        assert commands(decision) == (["`sis-sync skip --import 60 --reason TEXT`"] if verdict is HOLD else [])


@pytest.mark.parametrize("import_id", [OURS - 1, OURS + 1])
@pytest.mark.parametrize("state", FAILED)
def test_account_wide_only_failures_since_our_previous_import_hold(import_id: int, state: str) -> None:
    decision = ask(seen(import_id, state), policy=ACCOUNT_SCOPE)

    assert decision.verdict is (HOLD if import_id > OURS else GO)


@pytest.mark.parametrize(
    ("age", "now", "verdict"),
    [
        (0, NOW, WAIT),
        (1799, NOW, WAIT),
        (1800, NOW, GO),
        (9999, None, WAIT),
        (-3600, NOW, WAIT),
    ],
)
def test_a_foreign_upload_is_waited_for_until_30_minutes_by_canvas_clock(
    age: float, now: float | None, verdict: Verdict, golden: Golden
) -> None:
    lists = AccountImports(listing(seen(60, "initializing", age), now=now), listing(now=NOW), seen(OURS, "imported"))
    decision = decide(known(), lists, OWN_SCOPE)

    assert decision.verdict is verdict
    assert bool(decision.note) == (verdict is GO)
    if decision.note:
        assert "60" in decision.note
        golden(decision.note)


def test_a_foreign_upload_of_unknown_age_is_waited_for() -> None:
    assert ask(SisImport(60, "initializing")).verdict is WAIT


def test_our_own_upload_is_waited_for_however_old() -> None:
    ours = seen(OURS, "initializing", age=9999)

    assert decide(known(), AccountImports(listing(ours), listing(ours), ours), OWN_SCOPE).verdict is WAIT
    forgetful = Policy(resets_on_schedule=True)
    assert decide(known(), AccountImports(listing(ours), listing()), forgetful).verdict is WAIT


def test_too_many_refused_rows_hold(golden: Golden) -> None:
    decision = ask(ours="imported_with_messages", knowing=known(BatchState.IMPORTED_WITH_MESSAGES, over_limit=True))

    assert (decision.verdict, commands(decision)) == (HOLD, [SKIP])
    golden(f"{decision.reason}\n{decision.hint}")


def test_a_batch_that_is_not_accepted_holds_although_canvas_is_content(golden: Golden) -> None:
    decision = ask(ours="imported", knowing=known(BatchState.NOT_ACCEPTED))

    assert (decision.verdict, commands(decision)) == (HOLD, [RETRY, SKIP])
    golden(f"{decision.reason}\n{decision.hint}")
    assert ask(ours="imported", knowing=known(BatchState.SKIPPED)).verdict is GO


@pytest.mark.parametrize("state", [BatchState.FAILED, BatchState.FAILED_WITH_MESSAGES, BatchState.ABORTED])
def test_retry_is_offered_where_the_batch_allows_it(state: BatchState) -> None:
    assert commands(ask(ours=state.value, knowing=known(state))) == [RETRY, SKIP]
    assert commands(ask(ours=state.value, knowing=known(BatchState.IMPORTED))) == [SKIP]


ABORTS = {
    "while it waited": SisImport(OURS, "aborted", progress=100),
    "while it ran": SisImport(OURS, "aborted", progress=40, supplied=("user",)),
    "change_threshold": SisImport(
        OURS,
        "aborted",
        progress=100,
        ended_at="2026-11-02T02:00:00Z",
        processing_warnings=((None, "too many"),),
        options={"batch_mode": True, "batch_mode_term_id": 7},
    ),
    "no term": SisImport(
        OURS,
        "aborted",
        progress=100,
        ended_at="2026-11-02T02:00:00Z",
        processing_warnings=((None, "no terms"),),
        options={"batch_mode": True, "multi_term_batch_mode": True},
    ),
}


@pytest.mark.parametrize("kind", ABORTS)
def test_the_kinds_of_aborted_are_told_apart_with_what_became_of_the_rows(kind: str, golden: Golden) -> None:
    decision = decide(known(), AccountImports(listing(), listing(), ABORTS[kind]), OWN_SCOPE)

    assert decision.verdict is HOLD
    foreign = ask(replace(ABORTS[kind], id=60), policy=ACCOUNT_SCOPE)
    golden(listed({"ours": decision.reason, "somebody else's": foreign.reason}))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"counts": {"terms": 2}}, AbortKind.THRESHOLD),
        ({"options": {"multi_term_batch_mode": True, "batch_mode_term_id": 7}}, AbortKind.THRESHOLD),
        ({"options": {}, "supplied": ("user",)}, AbortKind.RUNNING),
        ({"ended_at": None, "supplied": ("user",)}, AbortKind.RUNNING),
        ({"ended_at": None, "progress": None}, AbortKind.RUNNING),
        ({"ended_at": None, "attachments": ()}, AbortKind.WAITING),
        ({"ended_at": None, "counts": {"users": 3}}, AbortKind.RUNNING),
        ({"ended_at": None, "counts": {"users": 0}, "progress": 0}, AbortKind.WAITING),
        ({"processing_warnings": (), "progress": 99}, AbortKind.RUNNING),
    ],
)
def test_an_abort_is_judged_by_evidence_only(changes: dict[str, Any], kind: AbortKind) -> None:
    assert replace(ABORTS["no term"], **changes).abort_kind is kind


def test_each_state_has_a_sentence_for_our_import_and_one_for_somebody_elses(golden: Golden) -> None:
    states = [*sorted(CANVAS_UNFINISHED | CANVAS_FINISHED), "paused", ""]
    ours = {f"ours, {state}": ask(ours=state) for state in states}
    foreign = {f"somebody else's, {state}": ask(seen(60, state), policy=ACCOUNT_SCOPE) for state in states}
    aborts = {
        f"aborted, {words}": decide(known(), AccountImports(listing(), listing(), found), OWN_SCOPE)
        for words, found in ABORTS.items()
    }
    decided = ours | foreign | aborts
    golden(listed({case: f"{each.verdict}: {each.reason}\n{each.hint}".rstrip() for case, each in decided.items()}))


def test_restored_says_what_the_next_delivery_would_do(golden: Golden) -> None:
    golden(ask(ours="restored").reason)


def test_an_import_that_canvas_forgot_holds(golden: Golden) -> None:
    decision = ask(ours=None)

    assert (decision.verdict, decision.import_id, decision.workflow_state) == (HOLD, OURS, GONE)
    golden(f"{decision.reason}\n{decision.hint}")
    assert commands(decision) == [SKIP]


def test_a_host_that_is_overwritten_on_a_schedule_may_forget(golden: Golden) -> None:
    decision = ask(ours=None, policy=Policy(resets_on_schedule=True))

    assert (decision.verdict, decision.import_id) == (GO, OURS)
    golden(decision.note)


def test_a_forgotten_import_can_be_released(golden: Golden) -> None:
    released = known(releases={OURS: frozenset({GONE})})

    decision = ask(ours=None, knowing=released)
    assert (decision.verdict, decision.note) == (GO, "")
    golden(decision.reason)
    assert ask(ours="failed", knowing=released).verdict is HOLD


@pytest.mark.parametrize("state", [*FAILED, "restored", "paused", "importing"])
def test_a_release_counts_in_that_state_only(state: str) -> None:
    ours, foreign = known(releases={OURS: frozenset({state})}), known(releases={60: frozenset({state})})

    assert ask(ours=state, knowing=ours).verdict is GO
    assert ask(ours="partially_restored", knowing=ours).verdict is HOLD
    assert ask(seen(60, state), knowing=foreign, policy=ACCOUNT_SCOPE).verdict is GO
    assert ask(seen(60, "melted"), knowing=foreign, policy=ACCOUNT_SCOPE).verdict is HOLD


@pytest.mark.parametrize("state", FAILED)
def test_a_failed_latest_import_is_mentioned_to_the_first_batch(state: str, golden: Golden) -> None:
    older, latest = seen(7, "imported"), seen(8, state)

    for policy in (OWN_SCOPE, ACCOUNT_SCOPE):
        decision = decide(JournalView(), AccountImports(listing(), listing(latest, older)), policy)
        assert decision.verdict is GO
        golden(decision.note)
    stray = decide(JournalView(strays=frozenset({8})), AccountImports(listing(), listing(latest, older)), OWN_SCOPE)
    assert stray.note == ""
    assert decide(JournalView(), AccountImports(listing(), listing(seen(9, "imported"), latest)), OWN_SCOPE).note == ""
    assert ask(latest).note == ""


@pytest.mark.parametrize(("state", "verdict"), [("created", WAIT), ("initializing", WAIT), ("paused", HOLD)])
def test_the_first_batch_too_waits_and_holds(state: str, verdict: Verdict) -> None:
    assert decide(JournalView(), AccountImports(listing(), listing(seen(8, state))), OWN_SCOPE).verdict is verdict


def test_a_stray_is_passed_over() -> None:
    strays = known(strays=frozenset({60}))

    for state in ["initializing", *sorted(CANVAS_FINISHED)]:
        decision = ask(seen(60, state), knowing=strays, policy=ACCOUNT_SCOPE)
        assert (decision.verdict, decision.note) == (GO, "")


@pytest.mark.parametrize(("state", "verdict"), [*((state, WAIT) for state in RUNNING), ("paused", HOLD)])
def test_a_stray_that_runs_after_all_is_not(state: str, verdict: Verdict, golden: Golden) -> None:
    decision = ask(seen(60, state), knowing=known(strays=frozenset({60})))

    assert decision.verdict is verdict
    golden(decision.reason)


def test_an_earlier_failure_of_ours_does_not_hold_again() -> None:
    settled = known(own_imports=frozenset({OURS, 60}))

    assert ask(seen(60, "failed"), knowing=settled, policy=ACCOUNT_SCOPE).verdict is GO
    assert ask(seen(60, "importing"), knowing=settled).verdict is WAIT


def test_the_decision_names_the_oldest_import_of_the_worst_verdict() -> None:
    wait, hold, later = seen(58, "created"), seen(61, "paused"), seen(62, "paused")

    assert ask(later, hold, wait).import_id == 61
    assert ask(seen(59, "created"), wait).import_id == 58


def test_every_note_is_told_once(golden: Golden) -> None:
    old = [seen(60, "initializing", 9999), seen(61, "initializing", 9999)]

    decision = decide(known(), AccountImports(listing(*old), listing(*old), seen(OURS, "imported")), OWN_SCOPE)
    assert decision.note.count("60") == decision.note.count("61") == 1
    golden(decision.note)


def test_the_worse_of_two_answers_about_one_import_counts() -> None:
    lists = AccountImports(listing(seen(OURS, "importing")), listing(seen(OURS, "imported")), seen(OURS, "imported"))

    assert decide(known(), lists, OWN_SCOPE).verdict is WAIT


states = st.sampled_from([*sorted(CANVAS_FINISHED | CANVAS_UNFINISHED), "paused"])
policies = st.builds(Policy, account_scope=st.booleans(), resets_on_schedule=st.booleans())
imports = st.builds(
    SisImport,
    id=st.integers(45, 65),
    workflow_state=states,
    created_at=st.one_of(st.none(), st.floats(NOW - 4000, NOW)),
)
mixtures = st.lists(imports, max_size=6)
knowledge = st.builds(
    JournalView,
    previous=st.sampled_from([None, batch(), batch(BatchState.FAILED)]),
    over_limit=st.booleans(),
    own_imports=st.frozensets(st.integers(45, 65), max_size=4),
    strays=st.frozensets(st.integers(66, 70), max_size=2),
)


@settings(max_examples=40, deadline=None)
@given(knowledge, mixtures, mixtures, policies, st.randoms())
def test_neither_order_nor_list_matters(
    knowing: JournalView, first: list, second: list, policy: Policy, random
) -> None:
    together = [*first, *second]
    random.shuffle(together)

    one = decide(knowing, AccountImports(listing(*first), listing(*second), seen(OURS, "imported")), policy)
    two = decide(knowing, AccountImports(listing(*together), listing(), seen(OURS, "imported")), policy)
    assert (one.verdict, one.import_id, one.reason) == (two.verdict, two.import_id, two.reason)


@settings(max_examples=40, deadline=None)
@given(knowledge, mixtures, mixtures, policies)
def test_never_go_onto_something_unfinished_or_unknown(
    knowing: JournalView, first: list, second: list, policy: Policy
) -> None:
    decision = decide(knowing, AccountImports(listing(*first), listing(*second), seen(OURS, "imported")), policy)

    running = [*RUNNING, "paused"]
    if any(found.workflow_state in running for found in [*first, *second]):
        assert decision.verdict is not GO
    if decision.verdict is HOLD:
        assert "`sis-sync skip " in decision.hint


@settings(max_examples=40, deadline=None)
@given(knowledge, mixtures, imports, policies)
def test_one_more_import_never_opens_the_gate(
    knowing: JournalView, before: list, more: SisImport, policy: Policy
) -> None:
    rank = [GO, WAIT, HOLD].index
    ours = seen(OURS, "imported")
    without = decide(knowing, AccountImports(listing(), listing(*before), ours), policy)
    with_it = decide(knowing, AccountImports(listing(), listing(*before, more), ours), policy)

    assert rank(with_it.verdict) >= rank(without.verdict)
