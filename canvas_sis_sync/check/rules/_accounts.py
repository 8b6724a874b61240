"""The rules of change_sis_id, accounts and terms, in Canvas's order (CSV 10.1 to 10.3)."""

from __future__ import annotations

from collections.abc import Iterable

from canvas_sis_sync.check import _checks
from canvas_sis_sync.check._rows import Rows
from canvas_sis_sync.check._rule import Hit, Rule, Severity
from canvas_sis_sync.check.rules import _makers as make

INTEGRATION_COLUMNS = ("old_integration_id", "new_integration_id")


@_checks.of_columns(*INTEGRATION_COLUMNS)
def _integration_of_group_category(rows: Rows) -> Iterable[Hit]:
    types = rows.column("type")
    hits = _checks.filled(*INTEGRATION_COLUMNS).find(rows)
    return [(place, name) for place, name in hits if types[place].lower() == "group_category"]


def _ordinary_terms(rows: Rows) -> Iterable[int]:
    """Return the places of rows that are not about a date override."""
    return rows.blank("date_override_enrollment_type")


CHANGE_SIS_ID = make.rules_for(
    "change_sis_id",
    make.required("change-type-blank"),
    make.must_fill("change-old-blank", "old_id", "old_integration_id"),
    make.must_fill("change-new-blank", "new_id", "new_integration_id"),
    make.must_be_word("change-type-unknown", "type"),
    Rule(
        "change-group-category-integration",
        "{column} is filled in a row about a group category, which has no integration id.",
        make.REFUSED,
        "Leave both integration columns blank for group categories.",
        check=_integration_of_group_category,
        severity=Severity.ERROR,
    ),
    make.claimed_twice("change-new-id-taken", "an id"),
    make.claimed_twice("change-new-integration-id-taken"),
    make.not_repeatable(
        "change-not-idempotent",
        "After the first time the old ids are unknown and the new ones taken: each row leaves a message.",
        "Export a change once only.",
    ),
    Rule(
        "change-runs-first",
        "{column} holds an id that this delivery changes; this file is read after the change.",
        "Changes of ids come before everything else, so the old id is unknown by then.",
        "Use the new id in all other files.",
    ),
    make.not_diffable(
        "change-no-status",
        "Changes of ids",
        "They have no status: a row missing from the next delivery is sent again, and fails or renames another object.",
        "Send changes of ids in an import of their own, without diffing.",
    ),
)

ACCOUNT = make.rules_for(
    "account",
    make.required("account-id-blank"),
    make.not_longer("account-name-too-long", "name"),
    make.not_longer("account-id-too-long", "account_id", "integration_id", severity=Severity.FATAL),
    Rule(
        "account-parent-unknown",
        "{column} names no account of an earlier row; Canvas has to know it already.",
        "Accounts are read strictly in order; if Canvas does not know the parent either, the row is refused.",
        "Put parents before their children, and export all of them.",
        error_if_complete=True,
        columns=("parent_account_id",),
    ),
    Rule(
        "account-parent-deleted",
        "{column} names an account that an earlier row deletes.",
        "Canvas deletes no account that has active sub-accounts, and newer versions refuse rows below a deleted one:"
        " one of the two rows is refused.",
        "Move or delete the sub-accounts first, in rows before that of their parent.",
        columns=("parent_account_id",),
    ),
    Rule(
        "account-new-name-blank",
        "{column} is blank, which only an account that exists already may have.",
        "Canvas refuses the row if it does not know the account yet.",
        "Export the name.",
        check=_checks.blank("name"),
    ),
    Rule(
        "account-new-status-bad",
        "{column} is neither active nor deleted, which only an account that exists already may have.",
        "Canvas refuses the row if it does not know the account yet.",
        "Write active or deleted.",
        check=_checks.not_allowed("status"),
    ),
    Rule(
        "account-parent-loop",
        "{column} makes the account its own ancestor.",
        "Canvas refuses the row, unless somebody has fixed the parent by hand.",
        "Correct the parent.",
        columns=("parent_account_id",),
    ),
    make.claimed_twice("account-integration-id-duplicate", why=make.DATABASE),
    Rule(
        "account-blank-parent-moves",
        "{column} is blank: the account goes directly under the root account.",
        "An account that exists elsewhere is moved, without a message.",
        "Export the parent; ignore the rule if the account belongs there.",
        check=_checks.blank("parent_account_id"),
    ),
    Rule(
        "account-status-substring",
        "{column} is neither active nor deleted.",
        "Whatever contains active activates an existing account (inactive too), whatever contains deleted deletes it.",
        "Write active or deleted.",
        check=_checks.not_bare_word("status"),
    ),
    make.cleared("account-integration-id-cleared", "integration_id"),
)

TERM = make.rules_for(
    "term",
    make.dates_possible("term-date-bad"),
    make.required("term-id-blank"),
    make.must_be_word("term-status-bad"),
    make.must_be_word("term-override-type-bad", "date_override_enrollment_type"),
    make.must_fill("term-name-blank", "name", "date_override_enrollment_type", basic=False),
    make.not_longer(
        "term-too-long", "term_id", "name", "integration_id", severity=Severity.FATAL, among=_ordinary_terms
    ),
    make.undefined("term-override-on-new-term", "earlier term", "term_id"),
    make.claimed_twice("term-integration-id-duplicate", why=make.DATABASE),
    make.cleared("term-dates-cleared", *make.DATES, among=_ordinary_terms),
    make.cleared("term-integration-id-cleared", "integration_id", among=_ordinary_terms),
    Rule(
        "term-no-date-order-check",
        "{column} is before start_date.",
        "Canvas takes it without a message.",
        "Correct the dates.",
        check=_checks.dates_reversed,
    ),
)
