"""The rules of users, logins, admins and observers, in Canvas's order (CSV 10.8, 10.9, 10.11, 10.16)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from canvas_sis_sync.check import _checks
from canvas_sis_sync.check._marks import PLACEHOLDERS
from canvas_sis_sync.check._rows import Heading, Rows
from canvas_sis_sync.check._rule import Hit, Rule, Severity
from canvas_sis_sync.check.rules import _makers as make
from canvas_sis_sync.sis_csv.formats import PROVIDERS
from canvas_sis_sync.sis_csv.kinds import EXISTING

LONGEST_LOGIN = 100

_ATOM = r"[^\s@,;:<>()\[\]\"\\\x00-\x1f\x7f]+"
_ADDRESS = re.compile(rf'(?:{_ATOM}|"[^"\\\x00-\x1f]*")@(?:(?!\.)(?!.*\.\.){_ATOM}(?<!\.)|\[[^\[\]\s]+\])')


def is_plain_address(text: str) -> bool:
    """Return whether a text is exactly one address with a domain part: no display name, no list, no trailing dot."""
    return _ADDRESS.fullmatch(text) is not None


def is_login(text: str) -> bool:
    """Return whether Canvas takes a text as a login id: printable and not longer than 100 characters."""
    return len(text) <= LONGEST_LOGIN and (text.isprintable() or all(map(_is_printing, text)))


def _is_printing(character: str) -> bool:
    """Judge as Ruby's [[:print:]]; what is not assigned yet may be so to Canvas, so only what never will be counts."""
    category = unicodedata.category(character)
    if category == "Cn":
        return not (ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF)
    return category not in {"Cc", "Cs", "Zl", "Zp"}


PROVIDER = "authentication_provider_id"
NAMES = ("full_name", "sortable_name", "short_name")


@_checks.of_columns("password")
def _password_refused(rows: Rows) -> Iterable[Hit]:
    if not rows.has("password"):
        return ()
    lengths = enumerate(map(len, rows.column("password")))
    return [(place, "password") for place, length in lengths if length and not 8 <= length <= make.LONGEST]


@_checks.of_columns(*NAMES)
def _name_too_long(rows: Rows) -> Iterable[Hit]:
    """Find names, given or put together, that are too long."""
    yield from _checks.longer(make.LONGEST, *NAMES).find(rows)
    if rows.has("first_name") and rows.has("last_name"):
        parts = zip(rows.column("full_name"), rows.column("first_name"), rows.column("last_name"), strict=True)
        for place, (full, first, last) in enumerate(parts):
            if not full and len(first) + 1 + len(last) > make.LONGEST:
                yield place, "first_name"


@_checks.of_columns("user_id")
def _deletes_importer(rows: Rows) -> Iterable[Hit]:
    """Find deleted rows about the token's own user."""
    own = rows.options.own_user_sis_id
    if not own or own not in rows.column("user_id"):
        return []
    statuses = rows.column("status")
    return [(place, "user_id") for place in rows.places("user_id", {own}) if statuses[place].lower() == "deleted"]


@_checks.of_columns("observer_id", "student_id")
def _observes_self(rows: Rows) -> Iterable[Hit]:
    pairs = enumerate(zip(rows.column("observer_id"), rows.column("student_id"), strict=True))
    return [(place, "student_id") for place, (observer, student) in pairs if observer and observer == student]


def _in_root_account(rows: Rows) -> Iterable[int]:
    return rows.blank("account_id")


def _no_login(rule: str) -> Rule:
    return Rule(
        rule,
        f"{{column}} is longer than {LONGEST_LOGIN} characters or holds one that does not print.",
        make.REFUSED,
        "Correct the login.",
        check=_checks.where(lambda text: not is_login(text), "login_id"),
        severity=Severity.ERROR,
    )


def _no_address(rule: str) -> Rule:
    return Rule(
        rule,
        "{column} is not one plain e-mail address.",
        "Canvas leaves a message and saves user and login without the address.",
        "Export exactly one address, without a name, comma or semicolon.",
        check=_checks.where(lambda text: not is_plain_address(text), "email"),
    )


def _weak_password(rule: str) -> Rule:
    return Rule(
        rule,
        f"{{column}} has fewer than 8 or more than {make.LONGEST} characters.",
        "Canvas refuses the row where it would have to store the password; an account may be stricter.",
        "Set a password that fits the account's policy.",
        check=_password_refused,
    )


def _odd_provider(rule: str) -> Rule:
    return Rule(
        rule,
        "{column} is neither a number nor a type of authentication provider that is known here.",
        "Canvas refuses the row unless the account has an active provider of that number or type.",
        f"Write the provider's number, or its type: {', '.join(sorted(PROVIDERS))}.",
        check=_checks.where(lambda text: not (text.isdecimal() or text in PROVIDERS | PLACEHOLDERS), PROVIDER),
    )


USER = make.rules_for(
    "user",
    Rule(
        "user-nul-character",
        "{column} holds a NUL character.",
        make.REFUSED,
        "Remove the character.",
        check=_checks.holds_nul(known_columns_only=False),
        severity=Severity.ERROR,
        basic=True,
    ),
    make.required("user-id-blank", "user-login-id-blank", "user-status-blank"),
    make.must_be_word("user-status-bad"),
    Rule(
        "user-deletes-importer",
        "{column} is the user whose token runs the import.",
        "Canvas refuses to delete the user who imports.",
        "Take the row out, or import with another user's token.",
        check=_deletes_importer,
        severity=Severity.ERROR,
    ),
    make.must_be_word("user-declared-type-bad", "declared_user_type"),
    Rule(
        "user-name-too-long",
        f"{{column}} gives a name of more than {make.LONGEST} characters.",
        make.REFUSED,
        "Shorten it.",
        check=_name_too_long,
        severity=Severity.ERROR,
    ),
    _no_login("user-login-id-invalid"),
    make.not_longer("user-user-id-too-long", "user_id"),
    make.claimed_twice("user-integration-id-claimed"),
    make.claimed_twice("user-login-id-claimed", "a login"),
    _weak_password("user-password-refused"),
    _no_address("user-email-invalid"),
    Rule(
        "user-status-prefix",
        "{column} begins with an allowed word, but is none.",
        "Canvas takes the user for active, also where the value begins with deleted or suspended.",
        "Write active, suspended or deleted.",
        check=_checks.not_bare_word("status"),
    ),
    make.cleared("user-provider-cleared", PROVIDER),
    _odd_provider("user-auth-provider-unknown"),
    Rule(
        "user-login-takeover",
        "{column} holds a login that an earlier row gives to another user.",
        "With update_sis_id_if_login_claimed the other login gets this row's id instead of an error.",
        "Correct one of the rows, or leave the parameter out.",
        columns=("login_id",),
    ),
)


def _has_status(heading: Heading, _options: object) -> Iterable[str]:
    return ["status"] if heading.has("status") else []


LOGIN = make.rules_for(
    "login",
    make.required("login-user-id-blank", "login-login-id-blank"),
    make.must_fill("login-existing-blank", *EXISTING),
    _no_login("login-login-id-invalid"),
    make.not_longer("login-user-id-too-long", "user_id"),
    make.claimed_twice("login-integration-id-claimed"),
    Rule(
        "login-already-exists",
        "{column} is that of a login which an earlier row of this delivery makes.",
        make.REFUSED,
        "Take one of the rows out.",
        columns=("user_id", "login_id"),
    ),
    make.unknown("login-existing-not-found", "user"),
    _weak_password("login-password-refused"),
    _no_address("login-email-invalid"),
    _odd_provider("login-auth-provider-unknown"),
    make.not_repeatable(
        "login-not-idempotent",
        "A login that exists is not changed: each row leaves a message from the second time on.",
        "Export new logins only.",
    ),
    Rule(
        "login-no-status",
        "{column} is ignored: every row counts as active.",
        "Logins cannot be removed by this file.",
        "Remove logins by deleted rows in a users file.",
        heading_check=_has_status,
    ),
    make.not_diffable(
        "login-not-diffable",
        "Logins",
        "They have no status: a row missing from the next delivery is sent again and refused, none is ever removed.",
        "Remove logins by deleted rows in a users file, or send them in an import of their own, without diffing.",
    ),
    Rule(
        "login-nul",
        "{column} holds a NUL character, which is not checked for logins.",
        "The row is not refused by itself: the import breaks on it.",
        "Remove the character.",
        check=_checks.holds_nul(known_columns_only=True),
        additional=True,
    ),
)

ADMIN = make.rules_for(
    "admin",
    make.required("admin-user-id-blank", "admin-status-blank"),
    make.must_fill("admin-role-missing", "role", "role_id"),
    make.must_be_word("admin-status-bad"),
    make.unknown("admin-account-unknown", "account"),
    make.unknown("admin-user-unknown", "user"),
    Rule(
        "admin-root-account-unknown",
        "{column} is filled.",
        "Canvas refuses the row where it does not know of trusted accounts.",
        "Leave it blank unless the account belongs to a consortium.",
        check=_checks.filled("root_account"),
    ),
    Rule(
        "admin-deletes-importer",
        "{column} is the user whose token runs the import.",
        "Canvas refuses to take a role in the root account from the user who imports.",
        "Take the row out, or import with another user's token.",
        check=_checks.among(_deletes_importer, _in_root_account),
    ),
    Rule(
        "admin-key-without-role",
        "An earlier row gives this user something else in the same account.",
        "Diffing compares by user and account only: of several roles the last row counts, the others vanish.",
        "Send such admins in an import of their own, without diffing.",
    ),
)

USER_OBSERVER = make.rules_for(
    "user_observer",
    make.required("observer-id-blank", "observer-student-id-blank"),
    Rule(
        "observer-self",
        "observer_id and student_id are the same.",
        make.REFUSED,
        "Correct one of them.",
        check=_observes_self,
        severity=Severity.ERROR,
        basic=True,
    ),
    make.must_be_word("observer-status-bad"),
    make.unknown("observer-unknown"),
    make.unknown("observer-student-unknown"),
    Rule(
        "observer-delete-not-idempotent",
        "Sent a second time, a deleted row is refused.",
        "A link that does not exist cannot be deleted: Canvas leaves a message each time.",
        "Export a deletion once only.",
        check=_checks.where(lambda status: status.lower() == "deleted", "status"),
    ),
)
