"""A batch: its states, which may follow which, its steps, and what people and runs have said about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.canvas.records import SisImport, Target
from canvas_sis_sync.delivery.files import Bundle, Entry
from canvas_sis_sync.home.drops import DropFile, DropKind
from canvas_sis_sync.home.stages import Assessed, Ending, Sending, Zip, reached
from canvas_sis_sync.plan.values import Approval, Basis, Planned


class BatchState(StrEnum):
    """Where a batch stands. The words are kept for good: journal, receipts and `--json` carry them."""

    CLAIMED = "claimed"
    PACKED = "packed"
    SENDING = "sending"
    IMPORTING = "importing"
    REFUSED = "refused"
    HELD = "held"
    REJECTED = "rejected"
    IMPORTED = "imported"
    IMPORTED_WITH_MESSAGES = "imported_with_messages"
    NOT_ACCEPTED = "not_accepted"
    FAILED = "failed"
    FAILED_WITH_MESSAGES = "failed_with_messages"
    ABORTED = "aborted"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    DISCARDED = "discarded"
    RETRIED = "retried"


UNSENT = frozenset({BatchState.CLAIMED, BatchState.PACKED})
"""Under way, nothing sent."""


IN_FLIGHT = frozenset({BatchState.SENDING, BatchState.IMPORTING})
"""Canvas may have it, or has it."""


OPEN = UNSENT | IN_FLIGHT
"""A later run continues with these."""


HOLDING = frozenset(
    {
        BatchState.REFUSED,
        BatchState.HELD,
        BatchState.REJECTED,
        BatchState.NOT_ACCEPTED,
        BatchState.FAILED,
        BatchState.FAILED_WITH_MESSAGES,
        BatchState.ABORTED,
    }
)
"""Nothing is sent until somebody acts."""


ACCEPTED = frozenset({BatchState.IMPORTED, BatchState.IMPORTED_WITH_MESSAGES})
"""Canvas has applied it."""


TRANSITIONS: Mapping[BatchState, frozenset[BatchState]] = {
    BatchState.CLAIMED: frozenset({BatchState.PACKED, BatchState.HELD, BatchState.REFUSED, BatchState.DISCARDED}),
    BatchState.PACKED: frozenset(
        {BatchState.SENDING, BatchState.HELD, BatchState.REFUSED, BatchState.UNCHANGED, BatchState.DISCARDED}
    ),
    BatchState.SENDING: frozenset({BatchState.IMPORTING, BatchState.PACKED, BatchState.REJECTED, BatchState.RETRIED}),
    BatchState.IMPORTING: ACCEPTED
    | {BatchState.NOT_ACCEPTED, BatchState.FAILED, BatchState.FAILED_WITH_MESSAGES, BatchState.ABORTED},
    BatchState.REFUSED: frozenset({BatchState.SKIPPED, BatchState.DISCARDED, BatchState.RETRIED}),
    BatchState.HELD: frozenset({BatchState.CLAIMED, BatchState.PACKED, BatchState.DISCARDED}),
    BatchState.REJECTED: frozenset({BatchState.RETRIED, BatchState.DISCARDED}),
    BatchState.IMPORTED: frozenset(),
    BatchState.IMPORTED_WITH_MESSAGES: frozenset(),
    BatchState.NOT_ACCEPTED: frozenset({BatchState.SKIPPED, BatchState.RETRIED}),
    BatchState.FAILED: frozenset({BatchState.SKIPPED, BatchState.RETRIED}),
    BatchState.FAILED_WITH_MESSAGES: frozenset({BatchState.SKIPPED, BatchState.RETRIED}),
    BatchState.ABORTED: frozenset({BatchState.SKIPPED, BatchState.RETRIED}),
    BatchState.UNCHANGED: frozenset(),
    BatchState.SKIPPED: frozenset(),
    BatchState.DISCARDED: frozenset(),
    BatchState.RETRIED: frozenset(),
}
"""Which state may follow which (docs/life-of-a-batch.md)."""


@dataclass(frozen=True, slots=True)
class Release:
    """What a person recorded so that an import in a certain state no longer closes the gate."""

    target: Target
    import_id: int
    workflow_state: str
    who: str
    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    """One transition of a batch, as journalled."""

    at: float
    state: BatchState
    #: Login name of the person, or "run".
    who: str
    reason: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A drop that has been claimed, as the journal has it."""

    id: str
    state: BatchState
    target: Target
    drop_name: str
    drop_kind: DropKind
    claimed_at: float
    #: What the drop consisted of, before the first rename.
    files: tuple[DropFile, ...] = ()
    #: True once one of these may have left the inbox.
    moving: bool = False
    zip: Zip | None = None
    #: Name of the zip in the batch's folder that keeps what no zip for Canvas could be made of, "" for none.
    kept_zip: str = ""
    #: Highest import id of the account before the claim, and from sending on before the POST.
    mark: int | None = None
    sending: Sending | None = None
    #: Canvas's record at the last look.
    sis_import: SisImport | None = None
    #: Why it is where it is: one sentence.
    reason: str = ""
    #: The batch that this one repeats.
    retry_of: str | None = None
    #: The diffed batch after which this one sends the same zip as a new base of the data set.
    remaster_of: str | None = None
    #: Why it will not be sent, as a person gave it before it was claimed; "" if it will be.
    set_aside: str = ""
    assessment: Assessed | None = None
    #: A person's approval to send it although breakers tripped.
    approval: Approval | None = None
    #: What was noticed and asks nobody to act: sentences.
    notes: tuple[str, ...] = ()
    ending: Ending | None = None
    #: True once receipt.json and errors.csv are on disk in their final form.
    filed: bool = False
    #: Import records in Canvas that this batch left behind and that are not its import.
    strays: tuple[int, ...] = ()
    #: What people said about its import.
    releases: tuple[Release, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def import_id(self) -> int | None:
        """The id of the batch's import, None for a batch that has none."""
        return self.sis_import.id if self.sis_import else None

    @property
    def sent_as(self) -> int:
        """The id of the batch's import; raises ValueError for a batch that has none."""
        return reached(self.sis_import).id

    @property
    def fingerprint(self) -> str:
        """What tells the batch from those of other homes, which may have claimed in the same second."""
        return f"{self.id} {self.claimed_at!r}"

    @property
    def rows(self) -> int:
        """Data rows in all recognised files of the zip."""
        return sum(entry.rows or 0 for entry in self.entries if entry.kind)

    @property
    def basis(self) -> Basis | None:
        """What its last plan was made of, None before it was planned."""
        return self.assessment.basis if self.assessment else None

    @property
    def planned(self) -> Planned | None:
        """What Canvas can report of it at most, by its last plan."""
        return self.assessment.planned if self.assessment else None

    @property
    def over_limit(self) -> bool:
        """True when it was accepted, but with more refused rows than allowed, and nobody has released it."""
        return self.ending is not None and self.ending.over_limit

    @property
    def holds(self) -> bool:
        """True when the next batch has to wait until a person acts."""
        return self.over_limit or (self.state in HOLDING and not (self.ending and self.ending.lets_pass))

    @property
    def errors_complete(self) -> bool:
        """False while Canvas's messages have not been fetched in full."""
        return self.ending is None or self.ending.errors_complete

    @property
    def parameters(self) -> Mapping[str, str]:
        """The import parameters of the last sending, none before the first."""
        return self.sending.parameters if self.sending else {}

    @property
    def options(self) -> ImportOptions:
        """What the last sending asked for, nothing before the first."""
        return ImportOptions(self.parameters)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What the zip consists of, nothing before it was packed."""
        return self.zip.entries if self.zip else ()

    # --- moves: each returns the batch in its next state; ValueError where TRANSITIONS has no such move ---------------

    def _to(self, state: BatchState, reason: str) -> Batch:
        if state not in TRANSITIONS[self.state]:
            raise ValueError(f"a batch cannot go from {self.state} to {state}")
        ending = None if state in OPEN | {BatchState.HELD} else self.ending or Ending()
        return replace(self, state=state, reason=reason, ending=ending, filed=False)

    def reopened(self, reason: str) -> Batch:
        """Claim again what was held for its files, which are back."""
        return self._to(BatchState.CLAIMED, reason)

    def packed(self, made: Bundle, reason: str) -> Batch:
        """Get the zip that was made of the claimed files."""
        return self._to(BatchState.PACKED, reason).with_zip(made)

    def released(self, reason: str) -> Batch:
        """Go from held back to packed, to be assessed again."""
        return self._to(BatchState.PACKED, reason)

    def approved(self, approval: Approval) -> Batch:
        """Go although breakers tripped, as a person says."""
        return replace(self._to(BatchState.PACKED, approval.reason), approval=approval)

    def held(self, reason: str) -> Batch:
        """Wait for a person; an approval is void."""
        return replace(self._to(BatchState.HELD, reason), approval=None)

    def refused(self, reason: str, *, lets_pass: bool) -> Batch:
        """Never be sent as it is; with `lets_pass` the next batch need not wait for a person."""
        return replace(self._to(BatchState.REFUSED, reason), ending=Ending(lets_pass=lets_pass))

    def unchanged(self, reason: str) -> Batch:
        """Not be sent, since Canvas has the same."""
        return self._to(BatchState.UNCHANGED, reason)

    def about_to_send(
        self,
        target: Target,
        now: float,
        *,
        mark: int,
        user_id: int,
        parameters: Mapping[str, str],
        upload: str,
        reason: str,
    ) -> Batch:
        """From here on Canvas may have it."""
        sent = self._sent_to(target, mark, user_id, reason)
        sending = replace(
            reached(sent.sending), parameters=parameters, upload=upload, sent_at=now, cut_after=None, perhaps_sent=False
        )
        return replace(sent, sending=sending)

    def perhaps_sent_before(self, target: Target, *, mark: int | None, user_id: int, reason: str) -> Batch:
        """Be looked for in Canvas as if it had been sent just now, since it may have been, in another past."""
        sent = self._sent_to(target, mark, user_id, reason)
        return replace(sent, sending=replace(reached(sent.sending), perhaps_sent=True))

    def _sent_to(self, target: Target, mark: int | None, user_id: int, reason: str) -> Batch:
        sending = replace(self.sending or Sending(), user_id=user_id, lost_since=None, lost_since_here=None)
        return replace(self._to(BatchState.SENDING, reason).not_its_import(), target=target, mark=mark, sending=sending)

    def not_sent(self, reason: str) -> Batch:
        """Go back to packed: Canvas certainly has no import of it."""
        sending = replace(self.sending or Sending(), sent_at=None, perhaps_sent=False)
        return replace(self._to(BatchState.PACKED, reason), sending=sending)

    def not_announced(self, reason: str) -> Batch:
        """Go back to packed: no data have left, and the record that Canvas may have made is nobody's."""
        packed = self.not_sent(reason)
        sending = reached(packed.sending)
        above = self.mark if sending.announced_above is None else sending.announced_above
        return replace(packed, sending=replace(sending, announced_above=above))

    def rejected(self, reason: str) -> Batch:
        """Be rejected by Canvas instead of imported."""
        return self._to(BatchState.REJECTED, reason)

    def importing(self, found: SisImport, reason: str) -> Batch:
        """Become an import."""
        return self._to(BatchState.IMPORTING, reason).seen(found)

    def ended(
        self, state: BatchState, final: SisImport, reason: str, *, over_limit: bool, notes: Sequence[str]
    ) -> Batch:
        """Be over, by Canvas's record in a final state."""
        return replace(self._to(state, reason).seen(final).noted(*notes), ending=Ending(over_limit=over_limit))

    def not_accepted(self, reason: str) -> Batch:
        """Be given up while Canvas has shown no end of it."""
        return self._to(BatchState.NOT_ACCEPTED, reason)

    def skipped(self, reason: str) -> Batch:
        """Be closed by a person who has taken note of what became of it."""
        return self._to(BatchState.SKIPPED, reason).acknowledged()

    def discarded(self, reason: str) -> Batch:
        """Be closed without being sent; an approval is void."""
        return replace(self._to(BatchState.DISCARDED, reason), approval=None)

    def retried(self, reason: str) -> Batch:
        """Be closed for another batch that sends the same again."""
        return self._to(BatchState.RETRIED, reason).acknowledged()

    # --- what is noted of a batch that stays in its state -------------------------------------------------------------

    def noted(self, *notes: str) -> Batch:
        """Add sentences to its notes, each once."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))

    def assessed(self, findings: Mapping[str, int]) -> Batch:
        """Note what check found."""
        return replace(self, assessment=replace(self.assessment or Assessed(), findings=findings))

    def planned_on(self, basis: Basis | None, limits: str, plan: Planned, notes: tuple[str, ...]) -> Batch:
        """Note what its plan was made of, and what it says."""
        assessment = replace(self.assessment or Assessed(), basis=basis, limits=limits, planned=plan)
        return replace(self, assessment=assessment, notes=notes)

    def not_planned(self) -> Batch:
        """Forget what its plan was made of, so that it is assessed again."""
        return replace(self, assessment=replace(self.assessment, basis=None) if self.assessment else None)

    def acknowledged(self) -> Batch:
        """Note that a person has released its import, whatever Canvas refused of it."""
        return replace(self, ending=replace(self.ending or Ending(), over_limit=False), filed=False)

    def with_zip(self, made: Bundle) -> Batch:
        """Note the zip that was made of its files."""
        return replace(self, zip=Zip(made.path.name, made.size, made.sha256, made.entries))

    def kept_as(self, zip_name: str) -> Batch:
        """Note the zip that holds files as they came that no zip for Canvas can be made of, "" for none."""
        return replace(self, kept_zip=zip_name)

    def moved_to(self, target: Target) -> Batch:
        """Be for another target; what an unsent batch left behind at the one before stays there."""
        sending = replace(self.sending, announced_above=None) if self.sending else None
        return replace(self, target=target, mark=None, sending=sending, strays=())

    def seen(self, found: SisImport, reason: str = "") -> Batch:
        """Have an import, as Canvas shows it now."""
        return replace(self, sis_import=found, reason=reason or self.reason)

    def not_its_import(self) -> Batch:
        """Have no import."""
        return replace(self, sis_import=None)

    def left_behind(self, *strays: int) -> Batch:
        """Note records in Canvas that are of this batch and not its import."""
        return replace(self, strays=(*self.strays, *strays))

    def lost(self, reason: str, seconds: float) -> Batch:
        """Note that the answer to a direct upload was lost after so long."""
        sending = reached(self.sending)
        sending = replace(sending, cut_after=seconds, lost_uploads=sending.lost_uploads + 1)
        return replace(self, reason=reason, sending=sending)

    def looked_for(self, canvas_now: float, now: float) -> Batch:
        """Note when Canvas's import of it was first looked for, by Canvas's clock and by ours."""
        return replace(self, sending=replace(reached(self.sending), lost_since=canvas_now, lost_since_here=now))

    def undecided(self, choices: tuple[int, ...]) -> Batch:
        """Note the imports that a person is asked to choose from."""
        return replace(self, sending=replace(reached(self.sending), choices=choices))

    def reported(self, final: SisImport | None, *, complete: bool) -> Batch:
        """Note Canvas's record after its messages were fetched, and whether all were there."""
        ending = replace(self.ending, errors_complete=complete) if self.ending else None
        return replace(self, sis_import=final, ending=ending)
