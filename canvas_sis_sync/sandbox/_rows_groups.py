"""Group categories, groups and memberships: what a row must satisfy and what it does (CSV 10)."""

from __future__ import annotations

from typing import Any

from canvas_sis_sync.sandbox._rows import Refused, Row, RowContext
from canvas_sis_sync.sandbox._store import Stored


def _place(row: Row, context: RowContext) -> dict[str, Any]:
    """Find the account or course a row names; raises Refused for both, or for what is unknown."""
    if row.get("account_id") and row.get("course_id"):
        raise Refused("account_id and course_id exclude each other")
    if row.get("course_id"):
        return {"account": None, "course": context.need_active("course", row, "course_id")["id"]}
    if row.get("account_id"):
        return {"account": context.need_active("account", row, "account_id")["id"], "course": None}
    return {}


def group_category(row: Row, context: RowContext) -> None:
    """Make, rename or delete a group category (CSV 10.12)."""
    sis_id = row.need("group_category_id")
    name = row.need("category_name")
    status = "deleted" if context.status(row).startswith("deleted") else "active"
    place = _place(row, context) or {"account": context.ledger.root, "course": None}
    existing = context.find("group_category", sis_id)
    moves = existing is not None and any(existing[column] != place[column] for column in place)
    if moves and existing is not None and context.ledger.find("group", category=existing["id"], status="active"):
        raise Refused("a category that has active groups cannot be moved")
    row.limit("category_name")
    other = context.ledger.find("group_category", name=name, status="active", **place)
    if other is not None and other["sis_id"] != sis_id:
        raise Refused(f"another category there has the name {name!r}")
    context.ledger.save("group_category", {"sis_id": sis_id}, {**place, "name": name}, status)


def group(row: Row, context: RowContext) -> None:
    """Make, rename or delete a group (CSV 10.13)."""
    sis_id = row.need("group_id")
    row.need("name")
    context.status(row)
    status = "deleted" if row.get("status") == "deleted" else "active"
    place = _place(row, context)
    category = _category(row, place, context)
    if category is not None:
        place = {"account": category["account"], "course": category["course"], "category": category["id"]}
    row.limit("name")
    place = place or {"account": context.ledger.root, "course": None}
    context.ledger.save("group", {"sis_id": sis_id}, {**place, "name": row.get("name")}, status)


def _category(row: Row, place: dict[str, Any], context: RowContext) -> Stored | None:
    if row.get("group_category_id") is None:
        return None
    found = context.need("group_category", row, "group_category_id")
    if any(found[column] != value for column, value in place.items()):
        raise Refused("group_category_id is no category of that account or course")
    return found


def group_membership(row: Row, context: RowContext) -> None:
    """Put a user into a group, or take them out (CSV 10.14)."""
    row.need("group_id")
    row.need("user_id")
    status = "deleted" if context.status(row).startswith("deleted") else "accepted"
    person = context.need("user", row, "user_id")
    found = context.need("group", row, "group_id")
    if found["course"] is not None and not context.ledger.find(
        "enrollment", user=person["user"], course=found["course"], status="active"
    ):
        raise Refused("the user is not enrolled in the group's course")
    if status == "accepted" and found["category"] is not None:
        _leave_others(found, person, context)
    context.ledger.save("group_membership", {"group_": found["id"], "user": person["user"]}, {}, status)


def _leave_others(found: Stored, person: Stored, context: RowContext) -> None:
    """Take the user out of the category's other groups."""
    for other in list(context.ledger.find_all("group", category=found["category"])):
        if other["id"] != found["id"]:
            context.ledger.delete_all("group_membership", group_=other["id"], user=person["user"])
