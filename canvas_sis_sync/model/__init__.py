"""The value types and the states of a batch: frozen, slotted, standard library only.

Owns the words of the design and nothing that reads or writes. Times are seconds since the epoch (UTC) unless the
name says otherwise, sizes are bytes.
"""

from canvas_sis_sync.model.batches import Batch, Episode, Release, Step
from canvas_sis_sync.model.drops import Bundle, DeliveryFile, Drop, DropFile, DropKind, Entry, Inbox
from canvas_sis_sync.model.imports import (
    CANVAS_FINISHED,
    CANVAS_UNFINISHED,
    UNDONE,
    AbortKind,
    Attachment,
    GateDecision,
    ImportMessage,
    Listing,
    SisImport,
    Taken,
    Target,
    Verdict,
)
from canvas_sis_sync.model.plans import (
    Approval,
    Basis,
    Changes,
    Effect,
    GroupChanges,
    KindChanges,
    Mode,
    Plan,
    Planned,
    Prediction,
    Situation,
    Tripped,
)
from canvas_sis_sync.model.states import ACCEPTED, HOLDING, IN_FLIGHT, OPEN, TRANSITIONS, UNSENT, State

__all__ = [
    "ACCEPTED",
    "CANVAS_FINISHED",
    "CANVAS_UNFINISHED",
    "HOLDING",
    "IN_FLIGHT",
    "OPEN",
    "TRANSITIONS",
    "UNDONE",
    "UNSENT",
    "AbortKind",
    "Approval",
    "Attachment",
    "Basis",
    "Batch",
    "Bundle",
    "Changes",
    "DeliveryFile",
    "Drop",
    "DropFile",
    "DropKind",
    "Effect",
    "Entry",
    "Episode",
    "GateDecision",
    "GroupChanges",
    "ImportMessage",
    "Inbox",
    "KindChanges",
    "Listing",
    "Mode",
    "Plan",
    "Planned",
    "Prediction",
    "Release",
    "SisImport",
    "Situation",
    "State",
    "Step",
    "Taken",
    "Target",
    "Tripped",
    "Verdict",
]
