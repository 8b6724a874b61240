"""Every rule has a sample that triggers it and one that does not, and words for people."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.examples.every import EXAMPLES
from support.golden import Golden
from support.samples import checked, found
from support.sentences import listed

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


@pytest.mark.parametrize("rule", sorted(RULES.keys() - BY_HAND))
def test_a_rule_finds_its_bad_sample_and_passes_its_good_one(rule: str) -> None:
    example = EXAMPLES[rule]
    bad = checked(example.bad, example.options)
    assert found(bad, rule)
    assert {each.severity for each in bad.findings if each.rule == rule} == {RULES[rule].severity_for(example.options)}
    good = checked(example.good, example.options if example.good_options is None else example.good_options)
    assert not found(good, rule)


def test_what_a_rule_says_of_its_bad_sample(golden: Golden) -> None:
    said = {}
    for rule in RULES.keys() - BY_HAND:
        report = checked(EXAMPLES[rule].bad, EXAMPLES[rule].options)
        said[rule] = "\n".join(
            f"{each.file} row {each.row} {each.column}: {each.message}" for each in report.findings if each.rule == rule
        )
    golden(listed(said))


def test_a_rule_is_described_by_its_columns_and_without_gaps(golden: Golden) -> None:
    golden(listed({rule: RULES[rule].description for rule in ("user-id-blank", "header-cell-padded")}))
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


def test_what_only_canvas_can_tell_is_a_warning() -> None:
    hints = (
        "account-new-name-blank",
        "user-login-id-claimed",
        "account-integration-id-duplicate",
        "account-parent-loop",
    )
    assert {RULES[rule].severity for rule in hints} == {Severity.WARNING}
