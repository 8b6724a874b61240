"""What a person can do next about a batch: the one answer of messages, `status`, `plan`, `approve` and the gate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from canvas_sis_sync.home.batch import HOLDING, OPEN, TRANSITIONS, Batch, BatchState


@dataclass(frozen=True, slots=True)
class NextStep:
    """One command that a person can run, and what it does."""

    command: str
    effect: str

    def __str__(self) -> str:
        return f"`{self.command}` {self.effect}"


def next_steps(batch: Batch, *, gone: bool = False, is_plan_shown: bool = False) -> tuple[NextStep, ...]:
    """Return what a person can do about a batch as it is, best first; for one that holds nothing, what a run does.

    `gone` says that terms, accounts or courses vanish whole in it, `is_plan_shown` that its plan has just been shown.
    """
    if batch.state is BatchState.HELD and batch.basis is not None:
        plan = NextStep(f"sis-sync plan {batch.id}", "shows what it would change")
        return (*(() if is_plan_shown else (plan,)), _approve(batch, gone=gone), discard(batch))
    if batch.state is BatchState.HELD:
        return (discard(batch, "closes the batch; then export again"),)
    if batch.state is BatchState.REFUSED:
        return (discard(batch, "closes the batch; then put the fixed export into the inbox"),)
    if batch.state is BatchState.REJECTED:
        return (retry(batch, "sends it again once what Canvas objects to is fixed"), discard(batch))
    if batch.state is BatchState.SENDING and batch.sending and batch.sending.choices:
        return which_import(batch, batch.sending.choices)
    if batch.state in HOLDING or batch.over_limit:
        return past_import(batch)
    return (NextStep("sis-sync run", f"continues with {'it' if batch.state in OPEN else 'the next drop'}"),)


def past_import(batch: Batch) -> tuple[NextStep, ...]:
    """Return what a person can do about a batch whose import holds the next one, whatever state the batch is in."""
    continues = "continues with the next drop"
    if batch.over_limit:
        folder = f"archive/{batch.id[:4]}/{batch.id[4:6]}/{batch.id}"
        continues += f"; {folder}/errors.csv lists what Canvas rejected"
    again = (retry(batch, "sends the same files again"),) if BatchState.RETRIED in TRANSITIONS[batch.state] else ()
    return (*again, skip(batch, continues))


def which_import(batch: Batch, choices: Iterable[int]) -> tuple[NextStep, ...]:
    """Return how a person says which of these imports a batch became, or that it is none of them."""
    adopt = (
        NextStep(f"sis-sync adopt {batch.id} {choice} --reason TEXT", f"links it to import {choice}")
        for choice in choices
    )
    return (*adopt, retry(batch, "sends it again, if none of these imports has its files"))


def retry(batch: Batch, effect: str) -> NextStep:
    """Return the step that sends the batch's zip as a new batch."""
    return NextStep(f"sis-sync retry {batch.id} --reason TEXT", effect)


def skip(batch: Batch, effect: str) -> NextStep:
    """Return the step that acknowledges what became of a batch that was sent."""
    return NextStep(f"sis-sync skip {batch.id} --reason TEXT", effect)


def discard(batch: Batch, effect: str = "closes the batch without sending it") -> NextStep:
    """Return the step that closes a batch that will not be sent."""
    return NextStep(f"sis-sync discard {batch.id} --reason TEXT", effect)


def _approve(batch: Batch, *, gone: bool) -> NextStep:
    remember = " (add --remember if what is missing as a whole will not be exported again)" if gone else ""
    return NextStep(f"sis-sync approve {batch.id} --reason TEXT", f"sends exactly these files{remember}")


def in_words(steps: Iterable[NextStep]) -> str:
    """Return steps as one sentence."""
    return f"{'; '.join(map(str, steps))}."
