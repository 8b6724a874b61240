"""Users, logins, enrollments and admins: what a row must satisfy and what it does (CSV 10)."""

from __future__ import annotations

import re
from typing import Any

from canvas_sis_sync.sandbox._rows import Ignored, Refused, Row, RowContext
from canvas_sis_sync.sandbox._store import Stored
from canvas_sis_sync.sis_csv.formats import PROVIDERS

_LOGIN_LIMIT = 100
_ADDRESS = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+[^\s@<>,;.]|[^\s@<>,;]+@[^\s@<>,;.]")
_ROLES = {
    "teacher": "TeacherEnrollment",
    "ta": "TaEnrollment",
    "observer": "ObserverEnrollment",
    "designer": "DesignerEnrollment",
}


def user(row: Row, context: RowContext) -> None:
    """Make, change, suspend or delete a user and the login (CSV 10.8)."""
    if any("\0" in (value or "") for value in row.values.values()):
        raise Refused("a cell holds a NUL character")
    sis_id = row.need("user_id")
    row.need("login_id")
    word = context.status(row)
    status = word if word in {"deleted", "suspended"} else "active"
    if status != "deleted":
        _check_claims(row, context)
    if row.get("declared_user_type") not in {None, "<delete>"}:
        row.word("declared_user_type")
    _check_provider(row)
    _check_login(row)
    row.limit("user_id", "full_name", "sortable_name", "short_name")
    existing = context.find("user", sis_id)
    if status == "deleted" and existing is not None and existing["status"] == "deleted":
        raise Ignored
    login_row = context.ledger.save("user", {"sis_id": sis_id}, _login_values(row), status)
    if existing is None:
        context.ledger.change("user", login_row, {"user": login_row})
    elif status == "deleted":
        _delete_person(existing["user"], context)
    _check_email(row, context)


def _login_values(row: Row) -> dict[str, Any]:
    name = row.get("full_name") or " ".join(filter(None, (row.get("first_name"), row.get("last_name"))))
    values = {
        "login_id": row.get("login_id"),
        "name": name or None,
        "email": row.get("email"),
        "integration_id": row.get("integration_id"),
    }
    return {column: value for column, value in values.items() if value is not None}


def _check_claims(row: Row, context: RowContext) -> None:
    context.check_integration_id("user", row, "user_id")
    owner = context.ledger.find_login(row.need("login_id"))
    if owner is None or owner["sis_id"] == row.get("user_id"):
        return
    taken_over = context.options["update_sis_id_if_login_claimed"] and context.find("user", row.get("user_id")) is None
    if not taken_over:
        raise Refused(f"login_id {row.get('login_id')!r} belongs to user_id {owner['sis_id']!r}")
    context.ledger.change("user", owner["id"], {"sis_id": row.get("user_id")})


def _check_provider(row: Row) -> None:
    """Refuse what is no type of authentication provider; every number and type is one that is active here."""
    provider = row.get("authentication_provider_id")
    if provider is not None and not provider.isdecimal() and provider not in PROVIDERS:
        raise Refused(f"authentication_provider_id {provider!r} is no provider of this account")


def _check_login(row: Row) -> None:
    row.limit("login_id", length=_LOGIN_LIMIT)
    if not row.need("login_id").isprintable():
        raise Refused("login_id holds a character that cannot be printed")


def _check_email(row: Row, context: RowContext) -> None:
    """Report an address that is no address: the user is kept, but the row does not count."""
    email = row.get("email")
    if email is not None and not _ADDRESS.fullmatch(email):
        context.warn(f"email {email!r} is not one plain address and was not stored")
        raise Ignored


def _delete_person(user_id: int, context: RowContext) -> None:
    """Delete what a user has, once the last login is gone."""
    if any(login_row["status"] != "deleted" for login_row in context.ledger.find_all("login", user=user_id)):
        return
    for kind in ("enrollment", "group_membership", "admin"):
        context.ledger.delete_all(kind, user=user_id)


def login(row: Row, context: RowContext) -> None:
    """Give a user another login (CSV 10.9)."""
    sis_id = row.need("user_id")
    login_id = row.need("login_id")
    row.need("existing_user_id", "existing_integration_id", "existing_canvas_user_id")
    if row.get("root_account"):
        raise Ignored
    context.check_integration_id("login", row, "user_id")
    if context.find("login", sis_id) is not None or context.ledger.find_login(login_id) is not None:
        raise Refused(f"there is a login with the user_id {sis_id!r} or the login_id {login_id!r} already")
    owner = _existing_login(row, context)
    _check_provider(row)
    _check_login(row)
    row.limit("user_id")
    context.ledger.save("login", {"sis_id": sis_id}, {**_login_values(row), "user": owner["user"]}, "active")
    _check_email(row, context)


def _existing_login(row: Row, context: RowContext) -> Stored:
    canvas_id = row.get("existing_canvas_user_id")
    asked = {
        "sis_id": row.get("existing_user_id"),
        "integration_id": row.get("existing_integration_id"),
        "user": None if canvas_id is None else int(canvas_id) if canvas_id.isdigit() else 0,
    }
    found = context.ledger.find(
        "login", status="active", **{name: value for name, value in asked.items() if value is not None}
    )
    if found is None:
        raise Refused("the existing_ columns lead to no active login")
    return found


def enrollment(row: Row, context: RowContext) -> None:
    """Put somebody into a section, or take them out (CSV 10.10)."""
    context.read_dates(row)
    row.need("course_id", "section_id")
    row.need("user_id", "user_integration_id")
    status = _enrollment_status(context.status(row))
    if row.get("root_account"):
        raise Ignored
    person = _person(row, context)
    course, section = _place(row, context)
    role = _role(row, context)
    observed = _observed(row, role, person, context)
    if "deleted" in {course["status"], section["status"]} and status != "deleted":
        raise Refused("the course or section is deleted")
    if person["status"] == "deleted" and status == "active":
        context.warn("the user is deleted, so the enrollment is stored as deleted")
        status = "deleted"
    key = {"user": person["user"], "section": section["id"], "role": role, "associated_user": observed}
    if person["status"] == "deleted":
        _check_is_not_gone(context.ledger.find("enrollment", status="deleted", **key), context)
    context.ledger.save("enrollment", key, {"course": course["id"]}, status)


def _check_is_not_gone(found: Stored | None, context: RowContext) -> None:
    """Refuse a row about a deleted user's enrollment that an earlier import has deleted (changes since 2022).

    What this import deleted with its user passes: whether Canvas refuses that too is not known.
    """
    if found is not None and not context.ledger.has_changed("enrollment", found["id"]):
        raise Refused("the user and the enrollment are deleted already")


def _enrollment_status(text: str) -> str:
    return next(word for word in ("active", "completed", "inactive", "deleted") if text.startswith(word))


def _person(row: Row, context: RowContext) -> Stored:
    integration_id = row.get("user_integration_id")
    if integration_id is None:
        return context.need("user", row, "user_id")
    found = context.ledger.find("user", integration_id=integration_id)
    if found is None:
        raise Refused(f"user_integration_id {integration_id!r} leads to no user")
    return found


def _place(row: Row, context: RowContext) -> tuple[Stored, Stored]:
    """Find course and section; raises Refused when one is unknown or they do not belong together."""
    course = context.find("course", row.get("course_id"))
    section = context.find("section", row.get("section_id"))
    if row.get("section_id") and section is None:
        raise Refused(f"section_id {row.get('section_id')!r} leads to no section")
    if row.get("course_id") and course is None:
        raise Refused(f"course_id {row.get('course_id')!r} leads to no course")
    if section is None and course is not None:
        return course, _default_section(course, context)
    if section is not None and course is not None and course["id"] in {section["course"], section["original_course"]}:
        return course if section["original_course"] is None else _course_of(section, context), section
    if section is not None and course is None:
        return _course_of(section, context), section
    raise Refused("section_id is no section of that course_id")


def _course_of(section: Stored, context: RowContext) -> Stored:
    return next(context.ledger.find_all("course", id=section["course"]))


def _default_section(course: Stored, context: RowContext) -> Stored:
    key = {"course": course["id"], "sis_id": None}
    if context.ledger.find("section", **key) is None:
        context.ledger.save("section", key, {"name": course["name"]}, "active")
    return next(context.ledger.find_all("section", **key))


def _role(row: Row, context: RowContext) -> str:
    """Return the role's own name (CSV 10.10, column role)."""
    row.need("role", "role_id")
    by_id = next((role.name for role in context.roles if str(role.id) == row.get("role_id")), None)
    text = row.get("role")
    if by_id is not None or text is None:
        return by_id or _no_role("role_id", row)
    if text.lower() in _ROLES:
        return _ROLES[text.lower()]
    if any(role.name == text for role in context.roles):
        return text
    return "StudentEnrollment" if text.lower().startswith("student") else _no_role("role", row)


def _no_role(column: str, row: Row) -> str:
    raise Refused(f"{column} {row.get(column)!r} is no role of this account")


def _observed(row: Row, role: str, person: Stored, context: RowContext) -> int | None:
    if role != "ObserverEnrollment" or row.get("associated_user_id") is None:
        return None
    observed = context.need("user", row, "associated_user_id")
    if observed["user"] == person["user"]:
        raise Refused("nobody can observe themselves")
    return int(observed["user"])


def admin(row: Row, context: RowContext) -> None:
    """Give somebody an account role, or take it (CSV 10.11)."""
    row.need("user_id")
    row.need("status")
    row.need("role", "role_id")
    status = context.status(row)
    account_id = context.ledger.root
    if row.get("account_id"):
        account_id = context.need_active("account", row, "account_id")["id"]
    role = next(
        (role for role in context.roles if role.name == row.get("role") or str(role.id) == row.get("role_id")), None
    )
    if role is None or role.base != "AccountMembership":
        raise Refused(f"role {row.get('role') or row.get('role_id')!r} is no account role")
    if row.get("root_account"):
        raise Refused(f"root_account {row.get('root_account')!r} is unknown")
    person = context.need_active("user", row, "user_id")
    key = {"user": person["user"], "account": account_id, "role": role.name}
    if status == "active" or context.ledger.find("admin", **key) is not None:
        context.ledger.save("admin", key, {}, status)
