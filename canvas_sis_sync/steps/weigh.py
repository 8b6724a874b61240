"""Weigh: what a batch would change in Canvas, whether that is plausible, and whether somebody approved exactly that."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from canvas_sis_sync import breaker, bundle, changes, options, plan_text
from canvas_sis_sync.model import (
    Approval,
    Basis,
    Batch,
    Changes,
    DeliveryFile,
    Entry,
    KindChanges,
    Plan,
    Prediction,
    Situation,
    State,
    Tripped,
)
from canvas_sis_sync.sis_csv import KINDS
from canvas_sis_sync.steps.bases import (
    Bases,
    basis_of,
    data_set,
    find_bases,
    last_with_kind,
    newest_mtime,
    thresholds_in_a_row,
)
from canvas_sis_sync.steps.context import Context
from canvas_sis_sync.steps.parameters import parameters_of

FIRST = 3
"""Breakers that a batch's reason names; the rest is in plan.json."""
BASIS_WORDS = {
    "zip_sha256": "the zip",
    "parameters": "the import parameters",
    "target": "the target",
    "before": "the last accepted delivery",
    "base_import": "the import that Canvas will compare with",
}


@dataclass(frozen=True, slots=True)
class Load:
    """A delivery that is to be weighed."""

    #: Batch id or path.
    about: str
    files: tuple[DeliveryFile, ...]
    #: Newest mtime of its files in seconds, None where it is not known.
    newest: float | None = None
    #: Rows that check expects Canvas to refuse, by kind.
    refused: Mapping[str, int] = field(default_factory=dict)
    #: What its zip consists of; empty when there is none yet.
    entries: tuple[Entry, ...] = ()
    #: True when it would become a new base after a diffed import of the same zip.
    remaster: bool = False
    #: Folder for what does not fit into memory, None for the system's.
    scratch: Path | None = None


def weigh(context: Context, batch: Batch) -> Batch:
    """Compare a packed batch with what Canvas has accepted, and hold it when a breaker trips that nobody approved.

    Gives the batch packed with the basis of its plan, held, or unchanged. Raises CanvasError, HomeError.
    """
    if not _is_as_packed(context, batch):
        return _altered(context, batch)
    parameters = parameters_of(context.settings, batch)
    bases = find_bases(context, parameters)
    basis = basis_of(batch, parameters, bases)
    plan = make_plan(context, load_of(context, batch), bases, parameters)
    if batch.approval is not None and batch.approval.basis != basis:
        plan = replace(plan, breakers=(_void(batch.approval, basis), *plan.breakers), unchanged=False)
        batch = context.journal.amend(batch, approval=None)
    context.archive.write_plan(batch.id, plan_text.as_json(plan))
    known = {"basis": basis, "planned": plan.planned, "notes": plan.notes}
    if plan.unchanged:
        reason = f"the same as {plan.against}, which Canvas has accepted; not sent"
        return context.move(batch, State.UNCHANGED, reason, **known)
    if plan.breakers and batch.approval is None:
        return context.move(batch, State.HELD, _reason(plan), **known)
    return context.journal.amend(batch, **known)


def still_stands(context: Context, batch: Batch) -> bool:
    """Say whether the batch's plan is still made of what it would be made of now. Raises CanvasError."""
    parameters = parameters_of(context.settings, batch)
    return _is_as_packed(context, batch) and batch.basis == basis_of(batch, parameters, find_bases(context, parameters))


def _is_as_packed(context: Context, batch: Batch) -> bool:
    """Compare the zip with what the journal says of it: a disk may have changed it, or a writer that kept it open."""
    try:
        with context.archive.zip_path(batch).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == batch.zip_sha256
    except OSError:
        return False


def _altered(context: Context, batch: Batch) -> Batch:
    reason = f"{batch.zip_name} is no longer what was packed: it is missing, or its sha256 differs from the journal's"
    if batch.approval is not None:
        reason += ", so the approval is void"
    return context.move(batch, State.HELD, reason, basis=None, approval=None)


def load_of(context: Context, batch: Batch) -> Load:
    """Give a packed batch as what is to be weighed. Raises BadZipError."""
    return Load(
        batch.id,
        bundle.look_into(context.archive.zip_path(batch)).files,
        newest_mtime(context, batch),
        batch.refused_rows,
        batch.entries,
        remaster=batch.remaster_of is not None,
        scratch=context.archive.batch_folder(batch.id),
    )


def make_plan(context: Context, load: Load, bases: Bases, parameters: Mapping[str, str]) -> Plan:
    """Say what a delivery would change against `bases` under these import parameters, and which breakers trip."""
    before = bases.before
    plan = Plan(
        about=load.about,
        against=before.about if before else "",
        changes=Changes(),
        prediction=Prediction(),
        asked=options.in_words(parameters),
        notes=tuple(_notes_about_bases(bases, parameters)),
    )
    if before and _is_unchanged(context, load, bases, parameters):
        return replace(plan, changes=_no_changes(load.entries), unchanged=True)
    settings = context.settings
    total = sum(file.size for file in (*load.files, *(before.files if before else ())))
    with context.show.stage("comparing", total) as done:
        changed = changes.compare_apart(
            before.files if before else (),
            load.files,
            group_by=settings.breaker_group_by,
            canaries=settings.canaries,
            scratch=load.scratch,
            progress=done,
        )
    prediction = _prediction(load, bases, parameters, changed)
    tripped = breaker.judge(changed, prediction, _situation(context, load, bases, parameters), settings.breakers)
    return replace(
        plan,
        changes=changed,
        prediction=prediction,
        breakers=(*tripped, *_lost(bases)),
        notes=(*plan.notes, *_notes(context, load, parameters, changed, prediction)),
        planned=changes.planned(changed, prediction),
        gone=breaker.gone_groups(changed) if any(each.breaker == "gone" for each in tripped) else (),
    )


def _prediction(load: Load, bases: Bases, parameters: Mapping[str, str], changed: Changes) -> Prediction:
    if _has_batch_mode(parameters):
        return changes.predict_batch_mode(changed, parameters, changes.scope(parameters, changed))
    if not data_set(parameters):
        return changes.predict_plain(changed, parameters)
    base = bases.diff_base
    compared_with = changes.DiffBase(
        bases.diff_import.id if bases.diff_import else None,
        base.files if base else None,
        is_before=base is not None and base is bases.before,
    )
    return changes.predict_diffing(load.files, compared_with, parameters, changed, scratch=load.scratch)


def _situation(context: Context, load: Load, bases: Bases, parameters: Mapping[str, str]) -> Situation:
    return Situation(
        has_before=bases.before is not None,
        diffing=bool(data_set(parameters)) and not _has_batch_mode(parameters),
        remaster=load.remaster or parameters.get("diffing_remaster_data_set") == "true",
        batch_mode=_has_batch_mode(parameters),
        multi_term="multi_term_batch_mode" in parameters,
        skip_deletes=parameters.get("skip_deletes") == "true",
        term=parameters.get("batch_mode_term_id", ""),
        newest_before=bases.before.newest if bases.before else None,
        newest_now=load.newest,
        refused=load.refused,
        remembered=context.journal.remembered(context.target),
        thresholds_in_a_row=thresholds_in_a_row(context, parameters),
        now=context.clock.now(),
    )


def _has_batch_mode(parameters: Mapping[str, str]) -> bool:
    return parameters.get("batch_mode") == "true" or "multi_term_batch_mode" in parameters


def _is_unchanged(context: Context, load: Load, bases: Bases, parameters: Mapping[str, str]) -> bool:
    """Say whether sending the delivery would do nothing: the last import was of the same content, asked for alike.

    Batch mode and the override of stickiness also act on what was changed in Canvas, so they are always sent.
    """
    before = bases.before.batch if bases.before else None
    acts_anyway = _has_batch_mode(parameters) or parameters.get("override_sis_stickiness") == "true"
    if before is None or acts_anyway or load.remaster or dict(before.parameters) != dict(parameters):
        return False
    last = context.journal.previous_sent(context.target)
    if last is None or last.id != before.id:
        return False
    return _same_content(load, bases.before.files if bases.before else (), before.entries)


def _same_content(load: Load, files: tuple[DeliveryFile, ...], entries: tuple[Entry, ...]) -> bool:
    """Compare the files of two zips byte by byte, whatever their names, once their sizes and check sums are equal."""
    now, then = _sums(load.entries), _sums(entries)
    if not now or Counter(now.values()) != Counter(then.values()):
        return False
    mine = sorted((now[file.name], file.name, file) for file in load.files if file.name in now)
    theirs = sorted((then[file.name], file.name, file) for file in files if file.name in then)
    return len(mine) == len(theirs) and all(_same_bytes(a[2], b[2]) for a, b in zip(mine, theirs, strict=True))


def _sums(entries: tuple[Entry, ...]) -> dict[str, tuple[int, int]]:
    return {entry.name: (entry.size, entry.crc32) for entry in entries if entry.size}


def _same_bytes(one: DeliveryFile, other: DeliveryFile) -> bool:
    with one.open() as left, other.open() as right:
        while piece := left.read(1 << 20):
            if piece != right.read(1 << 20):
                return False
        return not right.read(1)


def _no_changes(entries: tuple[Entry, ...]) -> Changes:
    rows: Counter[str] = Counter()
    for entry in entries:
        if entry.kind:
            rows[entry.kind] += entry.rows or 0
    return Changes(
        tuple(KindChanges(kind, rows_before=rows[kind], rows_now=rows[kind]) for kind in KINDS if kind in rows)
    )


def _lost(bases: Bases) -> Iterator[Tripped]:
    if bases.lost is not None:
        yield Tripped(
            "before-lost",
            f"The zip of batch {bases.lost.id}, the last accepted delivery, cannot be read any more, so there is"
            " nothing to compare with; put it back into the archive, or approve this one.",
        )


def _notes_about_bases(bases: Bases, parameters: Mapping[str, str]) -> Iterator[str]:
    if bases.trouble:
        yield bases.trouble
    if bases.before is None and bases.lost is None:
        what = f"of data set {data_set(parameters)}" if data_set(parameters) else "of this home to this Canvas"
        yield f"This is the first delivery {what}: there is nothing to compare with."
    elif bases.diff_base is not None and bases.diff_base is not bases.before:
        yield f"Canvas will compare with {bases.diff_base.about}, which is not the last accepted delivery."


def _notes(
    context: Context, load: Load, parameters: Mapping[str, str], changed: Changes, prediction: Prediction
) -> Iterator[str]:
    if prediction.refused:
        yield prediction.refused
    if data_set(parameters):
        yield from _returning_kinds(context, load, parameters, changed)


def _returning_kinds(context: Context, load: Load, parameters: Mapping[str, str], changed: Changes) -> Iterator[str]:
    """Find what vanished while its kind was left out: diffing compares with the base only, which has not got it."""
    present = changes.recognised(load.files)
    for each in changed.kinds:
        if each.in_before or not each.in_now:
            continue
        had = last_with_kind(context, parameters, each.kind)
        if had is None:
            continue
        found = changes.compare_kind(
            KINDS[each.kind], changes.recognised(had.files).get(each.kind, ()), present[each.kind], scratch=load.scratch
        )
        if found.removed - found.ended:
            yield (
                f"{each.kind}: {found.removed - found.ended:,} rows of {had.about}, the last delivery that had this"
                " kind, are missing now; Canvas will not remove these."
            )


def _reason(plan: Plan) -> str:
    said = [tripped.message for tripped in plan.breakers[:FIRST]]
    more = len(plan.breakers) - FIRST
    return " ".join([*said, f"{more} more in plan.json."] if more > 0 else said)


def _void(approval: Approval, now: Basis) -> Tripped:
    changed = [words for name, words in BASIS_WORDS.items() if getattr(approval.basis, name) != getattr(now, name)]
    return Tripped("approval", f"The approval is void: {' and '.join(changed)} changed since it was given.")
