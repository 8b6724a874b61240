"""Batches as a journal keeps them, plain or with every field set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from canvas_sis_sync.canvas.records import Attachment, SisImport, Target
from canvas_sis_sync.delivery.files import Entry
from canvas_sis_sync.home.batch import Batch, BatchState, Release
from canvas_sis_sync.home.drops import DropFile, DropKind
from canvas_sis_sync.home.stages import Assessed, Ending, Sending, Zip
from canvas_sis_sync.plan.values import Approval, Basis, Planned

HERE = Target("canvas.example.edu", 1)


def batch(
    batch_id: str = "20260101-000000", state: BatchState = BatchState.CLAIMED, target: Target = HERE, **more: Any
) -> Batch:
    return replace(Batch(batch_id, state, target, "night", DropKind.FOLDER, 900.0), **more)


def zipped(*entries: Entry, size: int = 0) -> Zip:
    return Zip("import.zip", size, "ab", entries)


def full() -> Batch:
    """Give a batch with every field set to something."""
    record = SisImport(
        7,
        "imported_with_messages",
        created_at=5.5,
        ended_at="2026-01-01T00:00:00Z",
        progress=100,
        user_id=3,
        supplied=("user",),
        counts={"users": 2, "error_count": 0, "warning_count": 1},
        statistics={"User": {"created": 2}},
        attachments=(Attachment("users.csv", 10), Attachment("b.csv", None)),
        has_errors_attachment=True,
        processing_errors=((None, "one"),),
        processing_warnings=(("users.csv", "two"),),
        error_message="three",
        options={"batch_mode": None, "change_threshold": 5},
        diffed_against=4,
        threshold_exceeded=True,
    )
    basis = Basis("ab", {"skip_deletes": "true"}, HERE, "20251231-000000", 4)
    return batch(
        state=BatchState.NOT_ACCEPTED,
        files=(DropFile("users.csv", 10, 20, "1:2"),),
        zip=zipped(Entry("users.csv", 10, 99, "user", 2, has_passwords=True), Entry("x.csv", 0, 0), size=5),
        mark=6,
        sending=Sending({"skip_deletes": "true"}, "direct", 3, sent_at=1.0, cut_after=2.0, lost_since=3.0),
        sis_import=record,
        reason="why",
        retry_of="20251231-000000",
        remaster_of="20251231-000000",
        assessment=Assessed({"error": 1}, basis, "digest", Planned({"user": 2}, {"Enrollment": 1})),
        approval=Approval(basis, "ada", 8.0, "it is so", (("term", "F26"),)),
        set_aside="only the newest",
        notes=("one row was refused",),
        ending=Ending(over_limit=True, errors_complete=False),
        filed=True,
        strays=(5, 6),
        releases=(Release(HERE, 7, "failed", "ada", 9.0, "known"),),
    )
