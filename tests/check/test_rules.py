"""Every rule has a sample that triggers it and one that does not, words for people, and a line in the documentation."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.examples.every import EXAMPLES
from support.samples import checked, found

from canvas_sis_sync.check._rule import Severity
from canvas_sis_sync.check.registry import RULES, explain
from canvas_sis_sync.sis_csv.kinds import KINDS

BY_HAND = {
    "file-unreadable",
    "file-changed",
    "zip-unreadable",
    "zip-too-big",
    "zip-too-many-entries",
    "zip-entry-duplicate",
}
"""Rules that need more than file contents; `test_checking` has their samples."""
DOCUMENT = Path(__file__).parents[2] / "docs" / "rules.md"


@pytest.mark.parametrize("rule", sorted(RULES.keys() - BY_HAND))
def test_a_rule_finds_its_bad_sample_and_passes_its_good_one(rule: str) -> None:
    example = EXAMPLES[rule]
    bad = checked(example.bad, example.options)
    assert found(bad, rule)
    assert {each.severity for each in bad.findings if each.rule == rule} == {RULES[rule].severity_for(example.options)}
    good = checked(example.good, example.options if example.good_aim is None else example.good_aim)
    assert not found(good, rule)


def test_a_rule_is_described_by_its_columns_and_without_gaps() -> None:
    assert RULES["user-id-blank"].description == "user_id is blank."
    assert RULES["header-cell-padded"].description == "The header cell of a column is padded."
    texts = {rule: explain(rule) for rule in RULES}
    assert not [rule for rule, text in texts.items() if "{" in text or "The column " in text]


def test_samples_are_of_rules_that_exist() -> None:
    assert EXAMPLES.keys() <= RULES.keys()
    assert RULES.keys() >= BY_HAND


@pytest.mark.slow
def test_a_rule_can_be_ignored() -> None:
    for rule, example in EXAMPLES.items():
        report = checked(example.bad, replace(example.options, ignore=frozenset({rule})))
        assert rule not in report.counts
        assert not found(report, rule)


def test_a_rule_says_what_why_and_how_to_repair() -> None:
    for rule in RULES.values():
        assert all(text.endswith(".") for text in (rule.message("login_id"), rule.why, rule.repair)), rule.id
        assert set(rule.kinds) <= KINDS.keys()
        assert all(text in explain(rule.id) for text in (rule.id, rule.severity, rule.why, rule.repair))


INTRODUCTION = (
    "fatal: Canvas fails the file or the whole import. error: Canvas refuses the row. warning: Canvas says nothing and",
    "probably does not do what was meant, applies the row in part, or only Canvas can tell because it depends on what",
    "it has already. `SIS_SYNC_CHECK_IGNORE` takes ids of rules that nobody wants to hear of. Of a row the first",
    "failing check is reported, as Canvas does it; bad dates come in addition.",
    "",
    "A delivery is refused when `SIS_SYNC_REFUSE_ON` says so, and also when more of its rows would be rejected than",
    "`SIS_SYNC_MAX_ERROR_ROWS` allows afterwards, or all of them. Of a diffed delivery Canvas imports only some rows,",
    "so there only the latter counts. `SIS_SYNC_REFUSE_ON=never` switches off both.",
    "",
    "Row numbers are those of the file as it is. Newer versions of Canvas are said to remove exact duplicate lines",
    "from files of 100 lines or more before they number the rest.",
)


def documented() -> str:
    """Write the page that lists all rules."""
    lines = ["# The rules of `sis-sync check`", "", *INTRODUCTION, ""]
    lines += ["| rule | severity | kinds | what | why | repair |", "|---|---|---|---|---|---|"]
    for rule in RULES.values():
        severity = f"{rule.severity}, error with `--complete`" if rule.error_if_complete else str(rule.severity)
        kinds = "all but user" if rule.id == "any-nul-character" else ", ".join(rule.kinds) or "all"
        lines.append(f"| `{rule.id}` | {severity} | {kinds} | {rule.description} | {rule.why} | {rule.repair} |")
    return "\n".join([*lines, ""])


def test_the_documentation_lists_every_rule() -> None:
    """Write it anew, in `tests`: python -c "from check.test_rules import *; DOCUMENT.write_text(documented())"."""
    assert DOCUMENT.read_text(encoding="utf-8") == documented()


def test_what_only_canvas_can_tell_is_a_warning() -> None:
    hints = (
        "account-new-name-blank",
        "user-login-id-claimed",
        "account-integration-id-duplicate",
        "account-parent-loop",
    )
    assert {RULES[rule].severity for rule in hints} == {Severity.WARNING}
