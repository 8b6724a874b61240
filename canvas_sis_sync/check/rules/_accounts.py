"""The rules of change_sis_id, accounts and terms, in Canvas's order (CSV 10.1 to 10.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from canvas_sis_sync.check import _checks
from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.check._rule import Hit, Rule, Severity
from canvas_sis_sync.check.rules._families import (
    DATABASE,
    LONGEST,
    REFUSED,
    claimed_twice,
    cleared,
    dates_possible,
    must_be_word,
    must_fill,
    not_longer,
    of,
    of_files,
    required,
    trap,
    undefined,
)

INTEGRATION_COLUMNS = ("old_integration_id", "new_integration_id")


def _integration_of_group_category(rows: Rows) -> Iterable[Hit]:
    types = rows.column("type")
    hits = _checks.filled(*INTEGRATION_COLUMNS)(rows)
    return [(place, name) for place, name in hits if types[place].lower() == "group_category"]


def _ordinary_terms(rows: Rows) -> Iterable[int]:
    """Give the places of rows that are not about a date override."""
    return rows.blank("date_override_enrollment_type")


def _odd_account_status(rows: Rows) -> Iterable[Hit]:
    return _checks.where(lambda status: status.lower() not in {"active", "deleted"}, "status")(rows)


CHANGE_SIS_ID = of(
    "change_sis_id",
    required("change-type-blank"),
    must_fill("change-old-blank", "old_id", "old_integration_id"),
    must_fill("change-new-blank", "new_id", "new_integration_id"),
    must_be_word("change-type-unknown", "type"),
    Rule(
        "change-group-category-integration",
        Severity.ERROR,
        "{column} is filled in a row about a group category, which has no integration id.",
        REFUSED,
        "Leave both integration columns blank for group categories.",
        check=_integration_of_group_category,
        columns=(
            "old_integration_id",
            "new_integration_id",
        ),
    ),
    claimed_twice("change-new-id-taken", "an id", "new_id"),
    claimed_twice("change-new-integration-id-taken", "an integration id", "new_integration_id"),
    of_files(
        "change-not-idempotent",
        "Sent a second time, these rows are refused.",
        "After the first time the old ids are unknown and the new ones taken: each row leaves a message.",
        "Export a change once only.",
        lambda _heading, _options: [""],
    ),
    trap(
        "change-runs-first",
        "{column} holds an id that this delivery changes; this file is read after the change.",
        "Changes of ids come before everything else, so the old id is unknown by then.",
        "Use the new id in all other files.",
    ),
    of_files(
        "change-no-status",
        "Changes of ids are part of a diffed data set.",
        "They have no status: a row missing from the next delivery is sent again, and fails or renames another object.",
        "Send changes of ids in an import of their own, without diffing.",
        lambda _heading, options: [""] if options.diffing else [],
    ),
)

ACCOUNT = of(
    "account",
    required("account-id-blank"),
    not_longer("account-name-too-long", "name"),
    not_longer("account-id-too-long", "account_id", "integration_id", severity=Severity.FATAL),
    Rule(
        "account-parent-unknown",
        Severity.WARNING,
        "{column} names no account of an earlier row; Canvas has to know it already.",
        "Accounts are read strictly in order; if Canvas does not know the parent either, the row is refused.",
        "Put parents before their children, and export all of them.",
        error_if_complete=True,
        columns=("parent_account_id",),
    ),
    trap(
        "account-parent-deleted",
        "{column} names an account that an earlier row deletes.",
        "Canvas deletes no account that has active sub-accounts, and newer versions refuse rows below a deleted one:"
        " one of the two rows is refused.",
        "Move or delete the sub-accounts first, in rows before that of their parent.",
        None,
        "parent_account_id",
    ),
    trap(
        "account-new-name-blank",
        "{column} is blank, which only an account that exists already may have.",
        "Canvas refuses the row if it does not know the account yet.",
        "Export the name.",
        _checks.blank("name"),
        "name",
    ),
    trap(
        "account-new-status-bad",
        "{column} is neither active nor deleted, which only an account that exists already may have.",
        "Canvas refuses the row if it does not know the account yet.",
        "Write active or deleted.",
        _checks.not_allowed("status"),
        "status",
    ),
    Rule(
        "account-parent-loop",
        Severity.WARNING,
        "{column} makes the account its own ancestor.",
        "Canvas refuses the row, unless somebody has fixed the parent by hand.",
        "Correct the parent.",
        columns=("parent_account_id",),
    ),
    claimed_twice("account-integration-id-duplicate", "an integration id", "integration_id", why=DATABASE),
    trap(
        "account-blank-parent-moves",
        "{column} is blank: the account goes directly under the root account.",
        "An account that exists elsewhere is moved, without a message.",
        "Export the parent; ignore the rule if the account belongs there.",
        _checks.blank("parent_account_id"),
        "parent_account_id",
    ),
    trap(
        "account-status-substring",
        "{column} is neither active nor deleted.",
        "Whatever contains active activates an existing account (inactive too), whatever contains deleted deletes it.",
        "Write active or deleted.",
        _odd_account_status,
        "status",
    ),
    cleared("account-integration-id-cleared", "integration_id"),
)

TERM = of(
    "term",
    dates_possible("term-date-bad"),
    required("term-id-blank"),
    must_be_word("term-status-bad"),
    must_be_word("term-override-type-bad", "date_override_enrollment_type"),
    must_fill("term-name-blank", "name", "date_override_enrollment_type", basic=False),
    replace(
        not_longer("term-too-long", "term_id", "name", "integration_id", severity=Severity.FATAL),
        check=_checks.among(_checks.longer(LONGEST, "term_id", "name", "integration_id"), _ordinary_terms),
    ),
    undefined("term-override-on-new-term", "earlier term", "term_id"),
    claimed_twice("term-integration-id-duplicate", "an integration id", "integration_id", why=DATABASE),
    cleared(
        "term-dates-cleared",
        "start_date",
        "end_date",
        of_rows=_checks.among(_checks.blank_cell("start_date", "end_date"), _ordinary_terms),
    ),
    cleared(
        "term-integration-id-cleared",
        "integration_id",
        of_rows=_checks.among(_checks.blank_cell("integration_id"), _ordinary_terms),
    ),
    trap(
        "term-no-date-order-check",
        "{column} is before start_date.",
        "Canvas takes it without a message.",
        "Correct the dates.",
        _checks.dates_reversed,
        "end_date",
    ),
)
