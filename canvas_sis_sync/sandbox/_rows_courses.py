"""Accounts, terms, courses, sections, cross-lists and renamed ids: what a row must satisfy and does (CSV 10)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from canvas_sis_sync.sandbox._rows import NAME_LIMIT, Dates, Refused, Row, RowContext
from canvas_sis_sync.sandbox._store import Stored

_OVERRIDES = frozenset({"StudentEnrollment", "TeacherEnrollment", "TaEnrollment", "DesignerEnrollment"})


def change_sis_id(row: Row, context: RowContext) -> None:
    """Give an object new ids (CSV 10.1)."""
    row.need("type")
    row.need("old_id", "old_integration_id")
    row.need("new_id", "new_integration_id")
    kind = row.word("type").lower()
    if kind == "group_category" and (row.get("old_integration_id") or row.get("new_integration_id")):
        raise Refused("a group_category has no integration ids")
    new = {"sis_id": row.get("new_id"), "integration_id": row.get("new_integration_id")}
    wanted: dict[str, str | None] = {column: value for column, value in new.items() if value}
    for column, value in wanted.items():
        if context.ledger.find(kind, **{column: value}) is not None:
            raise Refused(f"{value!r} already belongs to another {kind}")
    if wanted.get("integration_id") == "<delete>":
        wanted["integration_id"] = None
    found = _old_object(kind, row, context)
    context.ledger.change(kind, found["id"], {**wanted, "batch": context.ledger.import_id})


def _old_object(kind: str, row: Row, context: RowContext) -> Stored:
    asked = {"sis_id": row.get("old_id"), "integration_id": row.get("old_integration_id")}
    found = [context.ledger.find(kind, **{column: value}) for column, value in asked.items() if value]
    if found[0] is None:
        raise Refused(f"there is no {kind} with the old id")
    if any(other is None or other["id"] != found[0]["id"] for other in found):
        raise Refused(f"old_id and old_integration_id do not lead to the same {kind}")
    return found[0]


def account(row: Row, context: RowContext) -> None:
    """Make, move, rename or delete an account (CSV 10.2)."""
    sis_id = row.need("account_id")
    parent = _parent(row, context)
    existing = context.find("account", sis_id)
    if existing is None:
        row.need("name")
        row.word("status")
    status = _account_status(row, existing, context)
    row.limit("name")
    if existing is not None and _leads_up_to(existing["id"], parent, context):
        raise Refused("parent_account_id would make a loop of accounts")
    values = {"parent": parent, "integration_id": row.get("integration_id")}
    if row.get("name"):
        values["name"] = row.get("name")
    context.ledger.save("account", {"sis_id": sis_id}, values, status)


def _parent(row: Row, context: RowContext) -> int:
    """Find the parent; a deleted one refuses the row, also one that deletes (changes since 2022)."""
    if row.get("parent_account_id") is None:
        return context.ledger.root
    return int(context.need_active("account", row, "parent_account_id")["id"])


def _account_status(row: Row, existing: Stored | None, context: RowContext) -> str | None:
    text = (row.get("status") or "").lower()
    context.pass_over_deletion(text)
    if "deleted" not in text:
        return "active" if "active" in text else None
    if existing is not None:
        for kind, column in (("account", "parent"), ("course", "account")):
            if _has_active(context, kind, **{column: existing["id"]}):
                raise Refused(f"an account that has an active {kind} cannot be deleted")
    return "deleted"


def _leads_up_to(account_id: int, parent: int | None, context: RowContext) -> bool:
    while parent is not None and parent != account_id:
        found = context.ledger.find("account", id=parent)
        parent = None if found is None else found["parent"]
    return parent is not None


def term(row: Row, context: RowContext) -> None:
    """Make, change or delete a term, or set its date override (CSV 10.3)."""
    start, end = context.read_dates(row)
    sis_id = row.need("term_id")
    status = "deleted" if context.status(row).startswith("deleted") else "active"
    override = row.get("date_override_enrollment_type")
    existing = context.find("term", sis_id)
    if override is not None:
        _check_override(override, existing)
        context.ledger.save("term", {"sis_id": sis_id}, {}, None)
        return
    name = row.need("name")
    if status == "deleted" and existing is not None and _has_active(context, "course", term=existing["id"]):
        raise Refused("a term that has active courses cannot be deleted")
    dates = {"start_at": _in_utc(start), "end_at": _in_utc(end)}
    values = {"name": name, "integration_id": row.get("integration_id"), **dates}
    context.ledger.save("term", {"sis_id": sis_id}, values, status)


def _in_utc(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _check_override(override: str, existing: Stored | None) -> None:
    if existing is None:
        raise Refused("date_override_enrollment_type needs a term that exists")
    if override not in _OVERRIDES:
        raise Refused(f"date_override_enrollment_type {override!r} is none of {', '.join(sorted(_OVERRIDES))}")


def _has_active(context: RowContext, kind: str, **where: Any) -> bool:
    return any(found["status"] != "deleted" for found in context.ledger.find_all(kind, **where))


def course(row: Row, context: RowContext) -> None:
    """Make, change or delete a course (CSV 10.5)."""
    dates = context.read_dates(row, apart=True)
    sis_id = row.need("course_id")
    row.need("short_name", "abstract_course_id")
    row.need("long_name", "abstract_course_id")
    status = _course_status(context.status(row))
    for column in ("course_format", "grade_passback_setting"):
        if row.get(column):
            row.word(column)
    values = _course_place(row, context)
    _check_order_of_dates(dates)
    row.limit("course_id", "short_name", "long_name")
    context.check_integration_id("course", row, "course_id")
    values |= {"name": row.get("long_name"), "short_name": row.get("short_name")}
    if row.get("integration_id"):  # a blank keeps the value of a course (changes since 2022)
        values["integration_id"] = row.get("integration_id")
    course_id = context.ledger.save("course", {"sis_id": sis_id}, values, status)
    if status == "deleted":
        context.ledger.delete_all("enrollment", course=course_id)


def _course_status(text: str) -> str | None:
    for word in ("deleted", "completed"):
        if word in text:
            return word
    return "active" if text in {"active", "published", "unpublished"} else None


def _course_place(row: Row, context: RowContext) -> dict[str, Any]:
    """Find account and term; an unknown term is not mentioned, nor is a deleted account, which does not count."""
    existing = context.find("course", row.get("course_id"))
    is_new = existing is None
    values: dict[str, Any] = {}
    found = context.find("account", row.get("account_id")) or context.find("account", row.get("fallback_account_id"))
    if found is None and row.get("account_id"):
        raise Refused(f"account_id {row.get('account_id')!r} leads to no account")
    if found is not None and found["status"] != "deleted":
        values["account"] = found["id"]
    elif existing is None:
        values["account"] = context.ledger.root
    elif context.ledger.find("account", id=existing["account"], status="deleted") is not None:
        raise Refused("the account of the course is deleted")
    term = context.find("term", row.get("term_id")) or (context.ledger.find("term", sis_id=None) if is_new else None)
    return values if term is None else {**values, "term": term["id"]}


def _check_order_of_dates(dates: Dates) -> None:
    start, end = dates
    if start and end and end < start:
        raise Refused("end_date is before start_date")


def section(row: Row, context: RowContext) -> None:
    """Make, move or delete a section (CSV 10.6)."""
    dates = context.read_dates(row)
    sis_id = row.need("section_id")
    row.need("course_id")
    if (row.get("status") or "").lower().startswith("active"):
        row.need("name")
    status = "deleted" if context.status(row).startswith("deleted") else "active"
    found = context.need("course", row, "course_id")
    existing = context.find("section", sis_id)
    if existing is None:
        row.need("name")
    _check_order_of_dates(dates)
    row.limit("section_id", "name", length=NAME_LIMIT)
    context.check_integration_id("section", row, "section_id")
    values: dict[str, Any] = {"integration_id": row.get("integration_id")}
    if existing is None or existing["original_course"] != found["id"]:
        values["course"] = found["id"]
    if row.get("name"):
        values["name"] = row.get("name")
    section_id = context.ledger.save("section", {"sis_id": sis_id}, values, status)
    _follow_section(section_id, context, deleted=status == "deleted")


def _follow_section(section_id: int, context: RowContext, *, deleted: bool) -> None:
    """Let the enrollments follow a section into its course, or out of existence."""
    section = context.ledger.find("section", id=section_id)
    for found in list(context.ledger.find_all("enrollment", section=section_id)):
        if section is not None and found["course"] != section["course"]:
            context.ledger.change("enrollment", found["id"], {"course": section["course"]})
        if deleted:
            context.ledger.set_status("enrollment", found, "deleted")


def xlist(row: Row, context: RowContext) -> None:
    """Show a section in another course, or take it back (CSV 10.7)."""
    course_id = row.need("xlist_course_id")
    row.need("section_id")
    status = context.status(row)
    found = context.need("section", row, "section_id")
    origin = found["original_course"] or found["course"]
    if status == "deleted":
        context.ledger.change("section", found["id"], {"course": origin, "original_course": None})
    else:
        place = context.find("course", course_id)
        place_id = _model_course(course_id, origin, context) if place is None else place["id"]
        context.ledger.change("section", found["id"], {"course": place_id, "original_course": origin})
    _follow_section(found["id"], context, deleted=False)


def _model_course(sis_id: str, origin: int, context: RowContext) -> int:
    """Make the unknown course of a cross-list after the section's own."""
    model = context.ledger.find("course", id=origin)
    copied = {} if model is None else {name: model[name] for name in ("account", "term", "short_name", "name")}
    return context.ledger.save("course", {"sis_id": sis_id}, copied, "active")
