"""What a delivery would change: compared row by row, by group, as Canvas would act on it, and what a person says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar

from canvas_sis_sync.canvas.records import Target


@dataclass(frozen=True, slots=True)
class LostZeros:
    """Rows that are missing and new ones that have their keys without the leading zeros of numbers."""

    MANY: ClassVar[int] = 3
    """So many are no accident, whatever other rows have."""

    count: int
    #: A number of one of the keys, as it was and as it is.
    before: str
    now: str
    #: No other key has leading zeros still; known where there are fewer than `MANY`.
    is_every: bool

    @property
    def are_systematic(self) -> bool:
        """Say whether a program took them away, not a person who left as another one came."""
        return self.count >= self.MANY or self.is_every


@dataclass(frozen=True, slots=True)
class KindChanges:
    """The rows of one kind in two deliveries, distinguished by the kind's diff key (DIFF 4)."""

    kind: str
    #: A file of the kind is there, a header alone too.
    in_before: bool = True
    in_now: bool = True
    #: Data rows, those with a repeated key too.
    rows_before: int = 0
    rows_now: int = 0
    #: Rows whose key a later row of the same delivery has too: only the last one takes part.
    duplicates_before: int = 0
    duplicates_now: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    #: Of the removed rows those that had a deleted status already.
    ended: int = 0
    #: Changed rows by column.
    changed_columns: Mapping[str, int] = field(default_factory=dict)
    #: Rows of both deliveries whose status became deleted, completed or inactive, by that word.
    turned: Mapping[str, int] = field(default_factory=dict)
    #: Rows that are new and have such a status, by that word; who had them under another key loses them.
    added_ending: Mapping[str, int] = field(default_factory=dict)
    #: All rows of the new delivery with such a status, by that word.
    ending_now: Mapping[str, int] = field(default_factory=dict)
    #: Columns that only one of the two has.
    columns_gained: tuple[str, ...] = ()
    columns_lost: tuple[str, ...] = ()
    #: None where no row has lost zeros.
    lost_zeros: LostZeros | None = None

    @property
    def differences(self) -> int:
        """Rows of a difference file made of the two (DIFF 4)."""
        return self.added + self.changed + self.removed


@dataclass(frozen=True, slots=True)
class GroupChanges:
    """What one kind loses in one term, account or course."""

    #: "term", "account" or "course".
    by: str
    #: Its SIS id; "" for courses that name none.
    name: str
    kind: str
    rows_before: int = 0
    #: Rows that are not in the new delivery.
    removed: int = 0
    #: Of these, rows that had a deleted status already.
    ended: int = 0
    #: Rows whose status became deleted, completed or inactive, and new rows that have such a status.
    turned: int = 0
    #: What is removed, without what had ended, of the kinds that batch mode deletes: by the term of the row's course,
    #: as in `Changes.removed_by_term`.
    removed_by_term: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changes:
    """A delivery against an earlier one."""

    #: In the order of `sis_csv.KINDS`: every kind that one of the two has.
    kinds: tuple[KindChanges, ...] = ()
    #: What breakers look at: of each group that loses a row, all its kinds.
    groups: tuple[GroupChanges, ...] = ()
    #: For people: where most is lost, by term, by account and by course, a few of each.
    concentrated: tuple[GroupChanges, ...] = ()
    #: SIS ids of the terms that courses name, with "" for courses that name none.
    course_terms_before: frozenset[str] = frozenset()
    course_terms_now: frozenset[str] = frozenset()
    #: End dates as in terms.csv, "" for none; the new delivery's where both have the term.
    term_ends: Mapping[str, str] = field(default_factory=dict)
    #: SIS ids by integration id, from both deliveries' terms.csv.
    term_integration_ids: Mapping[str, str] = field(default_factory=dict)
    #: Rows of the new delivery's terms.csv that Canvas would apply.
    valid_terms: int = 0
    #: SIS ids of the terms that the new delivery touches: those of the valid rows, and the old and new ids of terms
    #: that its change_sis_id.csv renames. This is the scope of multi-term batch mode (DIFF 11).
    terms_now: frozenset[str] = frozenset()
    #: Canaries that the new delivery has not, or has with a deleted status.
    missing_canaries: tuple[str, ...] = ()
    #: Rows before that hang on removed ones, by kind: sections and enrollments of removed courses, enrollments of
    #: removed sections and users. None where they were too many to be counted.
    dependants: Mapping[str, int | None] = field(default_factory=dict)
    #: Per kind (course, section, enrollment) what is removed, without what had ended, in each term: how batch mode's
    #: scope is cut out. The term is that of the row's course as the new delivery has it, else as the old one had it.
    removed_by_term: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def of(self, kind: str) -> KindChanges | None:
        """Give the changes of one kind, None when neither delivery has it."""
        return next((each for each in self.kinds if each.kind == kind), None)


class Mode(StrEnum):
    """How Canvas takes the files of a kind."""

    DIFFED = "diffed"
    WHOLE = "whole"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Effect:
    """What Canvas would do with one kind."""

    kind: str
    mode: Mode
    #: Why it is taken so: a clause.
    reason: str
    #: Rows or objects that Canvas removes because they are missing from the delivery.
    removed: int = 0
    #: Rows that Canvas reads: the difference, or the whole files.
    rows: int = 0
    #: At most so many of these rows delete, conclude or deactivate what they name, removed ones included.
    ending: int = 0
    #: Rows of the kind that are missing would be removed, if its columns or files were those of the base.
    uncompared: bool = False


@dataclass(frozen=True, slots=True)
class Prediction:
    """What Canvas would do with a delivery (DIFF 1 to 11)."""

    effects: tuple[Effect, ...] = ()
    #: The import that diffing would compare with, None for none.
    base_import: int | None = None
    #: False when that import is none of ours, so that its content is unknown.
    base_known: bool = True
    #: Why Canvas would not diff at all (a threshold), a sentence; "" otherwise.
    refused: str = ""
    #: SIS ids of the terms that batch mode deletes in, "" for the default term; None where they cannot be determined
    #: and without batch mode.
    scope: frozenset[str] | None = None

    def of(self, kind: str) -> Effect | None:
        """Give what happens to one kind, None when the delivery has nothing to do with it."""
        return next((each for each in self.effects if each.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Tripped:
    """One breaker that holds the batch."""

    #: Its id, as in docs/breakers.md.
    breaker: str
    #: What is wrong and where: a sentence.
    message: str
    kind: str = ""
    #: What the group is by, and its SIS id.
    by: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """Upper bounds of what Canvas can report of the import."""

    #: Rows processed, by kind.
    rows: Mapping[str, int] = field(default_factory=dict)
    #: Objects deleted, concluded or deactivated, by Canvas's word in `data.statistics`; a word without a bound is
    #: left out.
    removals: Mapping[str, int] = field(default_factory=dict)
    #: A threshold will keep Canvas from diffing; None when that cannot be determined.
    threshold: bool | None = None


@dataclass(frozen=True, slots=True)
class Basis:
    """Exactly what a plan was made of, and so what an approval is for."""

    zip_sha256: str
    parameters: Mapping[str, str]
    target: Target
    #: Id of the batch that the last accepted delivery was, "" for none; in batch mode of the last one in batch mode.
    before: str = ""
    #: The import that diffing would compare with, None for none.
    base_import: int | None = None
    #: Ids of the batches sent after `before` that are compared with too, oldest first.
    since: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's approval to send a held batch."""

    basis: Basis
    who: str
    at: float
    reason: str
    #: Groups, (by, SIS id), that may be missing from then on.
    remembered: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What a delivery would change, which breakers trip, and the verdict."""

    #: Batch id, or path, of what was looked at.
    about: str
    #: What it was compared with, in words; "" for nothing.
    against: str
    changes: Changes
    prediction: Prediction
    breakers: tuple[Tripped, ...] = ()
    #: What Canvas is asked for, in words.
    asked: tuple[str, ...] = ()
    #: What is worth knowing and holds nothing: sentences.
    notes: tuple[str, ...] = ()
    planned: Planned = field(default_factory=Planned)
    #: True when the delivery is the same as the last accepted one and need not be sent.
    unchanged: bool = False
    #: Groups, (by, SIS id), that vanish whole and that `approve --remember` may remember.
    gone: tuple[tuple[str, str], ...] = ()

    @property
    def verdict(self) -> str:
        """Give "hold" when a breaker tripped, else "go"."""
        return "hold" if self.breakers else "go"
