"""The rules of users, logins, admins and observers, in Canvas's order (CSV 10.8, 10.9, 10.11, 10.16)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from canvas_sis_sync.check import _checks
from canvas_sis_sync.check._marks import PLACEHOLDERS
from canvas_sis_sync.check._rows import Heading, Rows
from canvas_sis_sync.check._rule import Check, Hit, Rule, Severity
from canvas_sis_sync.check.rules._families import (
    LONGEST,
    REFUSED,
    claimed_twice,
    cleared,
    must_be_word,
    must_fill,
    not_longer,
    of,
    of_files,
    required,
    trap,
    unknown,
)
from canvas_sis_sync.sis_csv.formats import PROVIDERS

LONGEST_LOGIN = 100

_ATOM = r"[^\s@,;:<>()\[\]\"\\\x00-\x1f\x7f]+"
_ADDRESS = re.compile(rf'(?:{_ATOM}|"[^"\\\x00-\x1f]*")@(?:(?!\.)(?!.*\.\.){_ATOM}(?<!\.)|\[[^\[\]\s]+\])')


def is_plain_address(text: str) -> bool:
    """Say whether a text is exactly one address with a domain part: no display name, no list, no trailing dot."""
    return _ADDRESS.fullmatch(text) is not None


def is_login(text: str) -> bool:
    """Say whether Canvas takes a text as a login id: printable and not longer than 100 characters."""
    return len(text) <= LONGEST_LOGIN and (text.isprintable() or all(map(_is_printing, text)))


def _is_printing(sign: str) -> bool:
    """Judge as Ruby's [[:print:]]; what is not assigned yet may be so to Canvas, so only what never will be counts."""
    category = unicodedata.category(sign)
    if category == "Cn":
        return not (ord(sign) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(sign) <= 0xFDEF)
    return category not in {"Cc", "Cs", "Zl", "Zp"}


PROVIDER = "authentication_provider_id"
EXISTING = ("existing_user_id", "existing_integration_id", "existing_canvas_user_id")


def _password_refused(rows: Rows) -> Iterable[Hit]:
    if not rows.has("password"):
        return ()
    lengths = enumerate(map(len, rows.column("password")))
    return [(place, "password") for place, length in lengths if length and not 8 <= length <= LONGEST]


def _name_too_long(rows: Rows) -> Iterable[Hit]:
    """Find names, given or put together, that are too long."""
    yield from _checks.longer(LONGEST, "full_name", "sortable_name", "short_name")(rows)
    if rows.has("first_name") and rows.has("last_name"):
        parts = zip(rows.column("full_name"), rows.column("first_name"), rows.column("last_name"), strict=True)
        for place, (full, first, last) in enumerate(parts):
            if not full and len(first) + 1 + len(last) > LONGEST:
                yield place, "first_name"


def _of_oneself(column: str) -> Callable[[Rows], Iterable[Hit]]:
    """Find deleted rows about the token's own user."""

    def check(rows: Rows) -> Iterable[Hit]:
        own = rows.options.own_user_sis_id
        if not own or own not in rows.column(column):
            return []
        statuses = rows.column("status")
        return [(place, column) for place in rows.places(column, {own}) if statuses[place].lower() == "deleted"]

    return check


def _same(first: str, second: str) -> Check:
    """Find rows in which two columns hold the same."""

    def check(rows: Rows) -> Iterable[Hit]:
        pairs = enumerate(zip(rows.column(first), rows.column(second), strict=True))
        return [(place, second) for place, (one, other) in pairs if one and one == other]

    return check


def _in_root_account(rows: Rows) -> Iterable[int]:
    return rows.blank("account_id")


def _no_login(rule: str) -> Rule:
    return Rule(
        rule,
        Severity.ERROR,
        f"{{column}} is longer than {LONGEST_LOGIN} characters or holds one that does not print.",
        REFUSED,
        "Correct the login.",
        columns=("login_id",),
        check=_checks.where(lambda text: not is_login(text), "login_id"),
    )


def _no_address(rule: str) -> Rule:
    return Rule(
        rule,
        Severity.WARNING,
        "{column} is not one plain e-mail address.",
        "Canvas leaves a message and saves user and login without the address.",
        "Export exactly one address, without a name, comma or semicolon.",
        columns=("email",),
        check=_checks.where(lambda text: not is_plain_address(text), "email"),
    )


def _weak_password(rule: str) -> Rule:
    return trap(
        rule,
        f"{{column}} has fewer than 8 or more than {LONGEST} characters.",
        "Canvas refuses the row where it would have to store the password; an account may be stricter.",
        "Set a password that fits the account's policy.",
        _password_refused,
        "password",
    )


def _odd_provider(rule: str) -> Rule:
    return trap(
        rule,
        "{column} is neither a number nor a type of authentication provider that is known here.",
        "Canvas refuses the row unless the account has an active provider of that number or type.",
        f"Write the provider's number, or its type: {', '.join(sorted(PROVIDERS))}.",
        _checks.where(lambda text: not (text.isdecimal() or text in PROVIDERS | PLACEHOLDERS), PROVIDER),
        PROVIDER,
    )


USER = of(
    "user",
    Rule(
        "user-nul-character",
        Severity.ERROR,
        "{column} holds a NUL character.",
        REFUSED,
        "Remove the character.",
        check=_checks.holds_nul(known_columns_only=False),
        basic=True,
    ),
    required("user-id-blank", "user-login-id-blank", "user-status-blank"),
    must_be_word("user-status-bad"),
    Rule(
        "user-deletes-importer",
        Severity.ERROR,
        "{column} is the user whose token runs the import.",
        "Canvas refuses to delete the user who imports.",
        "Take the row out, or import with another user's token.",
        check=_of_oneself("user_id"),
        columns=("user_id",),
    ),
    must_be_word("user-declared-type-bad", "declared_user_type"),
    Rule(
        "user-name-too-long",
        Severity.ERROR,
        f"{{column}} gives a name of more than {LONGEST} characters.",
        REFUSED,
        "Shorten it.",
        check=_name_too_long,
        columns=(
            "full_name",
            "sortable_name",
            "short_name",
        ),
    ),
    _no_login("user-login-id-invalid"),
    not_longer("user-user-id-too-long", "user_id"),
    claimed_twice("user-integration-id-claimed", "an integration id", "integration_id"),
    claimed_twice("user-login-id-claimed", "a login", "login_id"),
    _weak_password("user-password-refused"),
    _no_address("user-email-invalid"),
    trap(
        "user-status-prefix",
        "{column} begins with an allowed word, but is none.",
        "Canvas takes the user for active, also where the value begins with deleted or suspended.",
        "Write active, suspended or deleted.",
        _checks.where(lambda status: status.lower() not in {"active", "suspended", "deleted"}, "status"),
        "status",
    ),
    cleared("user-provider-cleared", PROVIDER),
    _odd_provider("user-auth-provider-unknown"),
    Rule(
        "user-login-takeover",
        Severity.WARNING,
        "{column} holds a login that an earlier row gives to another user.",
        "With update_sis_id_if_login_claimed the other login gets this row's id instead of an error.",
        "Correct one of the rows, or leave the parameter out.",
        columns=("login_id",),
    ),
)


def _has_status(heading: Heading, _options: object) -> Iterable[str]:
    return ["status"] if heading.has("status") else []


LOGIN = of(
    "login",
    required("login-user-id-blank", "login-login-id-blank"),
    must_fill("login-existing-blank", *EXISTING),
    _no_login("login-login-id-invalid"),
    not_longer("login-user-id-too-long", "user_id"),
    claimed_twice("login-integration-id-claimed", "an integration id", "integration_id"),
    Rule(
        "login-already-exists",
        Severity.WARNING,
        "{column} is that of a login which an earlier row of this delivery makes.",
        REFUSED,
        "Take one of the rows out.",
        columns=(
            "user_id",
            "login_id",
        ),
    ),
    unknown("login-existing-not-found", "user"),
    _weak_password("login-password-refused"),
    _no_address("login-email-invalid"),
    _odd_provider("login-auth-provider-unknown"),
    of_files(
        "login-not-idempotent",
        "Sent a second time, these rows are refused.",
        "A login that exists is not changed: each row leaves a message from the second time on.",
        "Export new logins only.",
        lambda _heading, _options: [""],
    ),
    of_files(
        "login-no-status",
        "{column} is ignored: every row counts as active.",
        "Logins cannot be removed by this file.",
        "Remove logins by deleted rows in a users file.",
        _has_status,
    ),
    of_files(
        "login-not-diffable",
        "Logins are part of a diffed data set.",
        "They have no status: a row missing from the next delivery is sent again and refused, none is ever removed.",
        "Remove logins by deleted rows in a users file, or send them in an import of their own, without diffing.",
        lambda _heading, options: [""] if options.diffing else [],
    ),
    Rule(
        "login-nul",
        Severity.WARNING,
        "{column} holds a NUL character, which is not checked for logins.",
        "The row is not refused by itself: the import breaks on it.",
        "Remove the character.",
        check=_checks.holds_nul(known_columns_only=True),
        additional=True,
    ),
)

ADMIN = of(
    "admin",
    required("admin-user-id-blank", "admin-status-blank"),
    must_fill("admin-role-missing", "role", "role_id"),
    must_be_word("admin-status-bad"),
    unknown("admin-account-unknown", "account"),
    unknown("admin-user-unknown", "user"),
    trap(
        "admin-root-account-unknown",
        "{column} is filled.",
        "Canvas refuses the row where it does not know of trusted accounts.",
        "Leave it blank unless the account belongs to a consortium.",
        _checks.filled("root_account"),
        "root_account",
    ),
    trap(
        "admin-deletes-importer",
        "{column} is the user whose token runs the import.",
        "Canvas refuses to take a role in the root account from the user who imports.",
        "Take the row out, or import with another user's token.",
        _checks.among(_of_oneself("user_id"), _in_root_account),
        "user_id",
    ),
    Rule(
        "admin-key-without-role",
        Severity.WARNING,
        "An earlier row gives this user something else in the same account.",
        "Diffing compares by user and account only: of several roles the last row counts, the others vanish.",
        "Send such admins in an import of their own, without diffing.",
    ),
)

USER_OBSERVER = of(
    "user_observer",
    required("observer-id-blank", "observer-student-id-blank"),
    Rule(
        "observer-self",
        Severity.ERROR,
        "observer_id and student_id are the same.",
        REFUSED,
        "Correct one of them.",
        check=_same("observer_id", "student_id"),
        basic=True,
    ),
    must_be_word("observer-status-bad"),
    unknown("observer-unknown"),
    unknown("observer-student-unknown"),
    trap(
        "observer-delete-not-idempotent",
        "Sent a second time, a deleted row is refused.",
        "A link that does not exist cannot be deleted: Canvas leaves a message each time.",
        "Export a deletion once only.",
        _checks.where(lambda status: status.lower() == "deleted", "status"),
    ),
)
