"""Which options Canvas took, which differences are dangerous, and what the parameters mean in words."""

from __future__ import annotations

from typing import Any

import pytest
from support.golden import Golden
from support.sentences import listed

from canvas_sis_sync.canvas.options import NOTHING_DELETED, ImportOptions, compare, in_words
from canvas_sis_sync.canvas.records import SisImport, Taken

UNTOUCHED: dict[str, Any] = {
    "batch_mode": None,
    "batch_mode_term_id": None,
    "multi_term_batch_mode": None,
    "override_sis_stickiness": None,
    "add_sis_stickiness": None,
    "clear_sis_stickiness": None,
    "update_sis_id_if_login_claimed": False,
    "skip_deletes": False,
    "diffing_data_set_identifier": None,
    "diffing_remaster": None,
    "diffing_drop_status": None,
    "diffing_user_remove_status": None,
    "change_threshold": None,
    "diff_row_count_threshold": None,
}
"""What Canvas echoes for an import without options (API 5)."""


def taken(asked: dict[str, str], **echoed: Any) -> Taken:
    return compare(ImportOptions(asked), SisImport(1, "created", options=UNTOUCHED | echoed))


@pytest.mark.parametrize("echo", [UNTOUCHED, {}, dict.fromkeys(UNTOUCHED, False), dict.fromkeys(UNTOUCHED)])
def test_nothing_asked_and_nothing_taken_is_no_difference(echo: dict[str, Any]) -> None:
    assert compare(ImportOptions({}), SisImport(1, "created", options=echo)) == Taken()
    assert compare(ImportOptions({"skip_deletes": "false"}), SisImport(1, "created", options=echo)) == Taken()


@pytest.mark.parametrize(
    ("asked", "echoed"),
    [
        (
            {"batch_mode": "true", "batch_mode_term_id": "sis_term_id:F26"},
            {"batch_mode": True, "batch_mode_term_id": 7},
        ),
        (
            {"multi_term_batch_mode": "true", "change_threshold": "10"},
            {"multi_term_batch_mode": True, "batch_mode": True, "change_threshold": 10},
        ),
        (
            {"multi_term_batch_mode": "true", "change_threshold": "0"},
            {"multi_term_batch_mode": True, "change_threshold": 0},
        ),
        ({"skip_deletes": "TRUE"}, {"skip_deletes": True}),
        (
            {"override_sis_stickiness": "1", "clear_sis_stickiness": "on"},
            {"override_sis_stickiness": True, "clear_sis_stickiness": True},
        ),
        (
            {"diffing_data_set_identifier": "nightly", "diffing_remaster_data_set": "true"},
            {"diffing_data_set_identifier": "nightly", "diffing_remaster": True},
        ),
        (
            {
                "diffing_data_set_identifier": "1",
                "diffing_drop_status": "inactive",
                "diffing_user_remove_status": "suspended",
            },
            {
                "diffing_data_set_identifier": "1",
                "diffing_drop_status": "inactive",
                "diffing_user_remove_status": "suspended",
            },
        ),
        ({"diff_row_count_threshold": "0"}, {"diff_row_count_threshold": None}),
        ({"diff_row_count_threshold": "500"}, {"diff_row_count_threshold": 500}),
        ({"batch_mode_enrollment_drop_status": "completed"}, {}),
        ({"batch_mode_enrollment_drop_status": "completed"}, {"batch_mode_enrollment_drop_status": "completed"}),
    ],
)  # fmt: skip  (one case a line)
def test_the_same_in_other_clothes_is_taken(asked: dict[str, str], echoed: dict[str, Any]) -> None:
    assert taken(asked, **echoed) == Taken()


@pytest.mark.parametrize(
    ("asked", "echoed", "name"),
    [
        ({"skip_deletes": "true"}, {}, "skip_deletes"),
        ({"change_threshold": "10"}, {}, "change_threshold"),
        ({"change_threshold": "0"}, {}, "change_threshold"),
        ({"change_threshold": "10"}, {"change_threshold": 50}, "change_threshold"),
        ({"diff_row_count_threshold": "5"}, {}, "diff_row_count_threshold"),
        ({"diffing_drop_status": "inactive"}, {"diffing_drop_status": "deleted"}, "diffing_drop_status"),
        ({"diffing_user_remove_status": "suspended"}, {}, "diffing_user_remove_status"),
        ({"diffing_remaster_data_set": "true"}, {"diffing_remaster": False}, "diffing_remaster_data_set"),
        (
            {"batch_mode_enrollment_drop_status": "completed"},
            {"batch_mode_enrollment_drop_status": None},
            "batch_mode_enrollment_drop_status",
        ),
        ({}, {"batch_mode": True}, "batch_mode"),
        ({}, {"multi_term_batch_mode": True}, "multi_term_batch_mode"),
        ({}, {"diffing_data_set_identifier": "nightly"}, "diffing_data_set_identifier"),
        (
            {"diffing_data_set_identifier": "nightly"},
            {"diffing_data_set_identifier": "weekly"},
            "diffing_data_set_identifier",
        ),
    ],
)
def test_what_could_delete_more_is_dangerous(asked: dict[str, str], echoed: dict[str, Any], name: str) -> None:
    found = taken(asked, **echoed)

    assert found.other == ()
    assert len(found.dangerous) == 1
    assert f" {name} " in found.dangerous[0]


@pytest.mark.parametrize(
    ("asked", "echoed", "name"),
    [
        ({"batch_mode": "true"}, {}, "batch_mode"),
        ({"batch_mode_term_id": "17"}, {}, "batch_mode_term_id"),
        ({"multi_term_batch_mode": "true"}, {}, "multi_term_batch_mode"),
        ({"diffing_data_set_identifier": "nightly"}, {}, "diffing_data_set_identifier"),
        ({"override_sis_stickiness": "true"}, {}, "override_sis_stickiness"),
        ({}, {"override_sis_stickiness": True}, "override_sis_stickiness"),
        ({}, {"skip_deletes": True}, "skip_deletes"),
        ({}, {"change_threshold": 5}, "change_threshold"),
        ({"update_sis_id_if_login_claimed": "true"}, {}, "update_sis_id_if_login_claimed"),
    ],
)
def test_other_differences_are_told(asked: dict[str, str], echoed: dict[str, Any], name: str) -> None:
    found = taken(asked, **echoed)

    assert found.dangerous == ()
    assert len(found.other) == 1
    assert f" {name} " in found.other[0]


def test_an_answer_without_the_options_has_taken_none(golden: Golden) -> None:
    found = compare(ImportOptions({"skip_deletes": "true", "add_sis_stickiness": "true"}), SisImport(1, "created"))

    (dangerous,), (other,) = found.dangerous, found.other
    assert "skip_deletes" in dangerous
    assert "add_sis_stickiness" in other
    golden(f"{dangerous}\n{other}")


def test_the_sentence_says_what_was_asked_and_what_was_taken(golden: Golden) -> None:
    (other_value,) = taken({"change_threshold": "10"}, change_threshold=50).dangerous
    (unasked,) = taken({}, batch_mode=True).dangerous
    (term,) = taken({"batch_mode_term_id": "17"}).other

    assert "50" in other_value
    assert "10" in other_value
    golden(listed({"another value": other_value, "a term": term, "not asked for": unasked}))


@pytest.mark.parametrize("parameters", [{}, {"batch_mode": "false"}])
def test_nothing_asked_deletes_nothing(parameters: dict[str, str]) -> None:
    assert in_words(ImportOptions(parameters)) == (NOTHING_DELETED,)


@pytest.mark.parametrize(
    ("term", "named"),
    [("sis_term_id:F26", "F26"), ("sis_integration_id:x-1", "x-1"), ("17", "17"), ("current", "current")],
)
def test_batch_mode_says_what_it_deletes(term: str, named: str, golden: Golden) -> None:
    first, limit = in_words(
        ImportOptions({"batch_mode": "true", "batch_mode_term_id": term, "diffing_data_set_identifier": "x"})
    )

    golden(f"{first}\n{limit}")
    assert named in first


def test_batch_mode_needs_a_term_or_all_of_them(golden: Golden) -> None:
    assert in_words(ImportOptions({"batch_mode_term_id": "17"})) == (NOTHING_DELETED,)
    assert in_words(ImportOptions({"batch_mode": "true"})) == (NOTHING_DELETED,)
    several = {"batch_mode": "true", "multi_term_batch_mode": "true"}
    every, one = in_words(ImportOptions(several)), in_words(ImportOptions(several | {"batch_mode_term_id": "17"}))
    assert ("terms.csv" in every[0], "terms.csv" in one[0]) == (True, False)
    golden(listed({"all": "\n".join(every), "one": "\n".join(one)}))


def test_batch_mode_says_how_it_is_limited(golden: Golden) -> None:
    parameters = {"multi_term_batch_mode": "true", "change_threshold": "10"}
    status = {"batch_mode_enrollment_drop_status": "completed"}

    mode, limit = in_words(ImportOptions(parameters))
    completing, _ = in_words(ImportOptions(parameters | status))
    assert "10%" in limit
    assert ("completed" in mode, "completed" in completing) == (False, True)
    golden(listed({"deleted": f"{mode}\n{limit}", "completed": completing}))


def test_diffing_says_what_it_deletes_and_when_not(golden: Golden) -> None:
    diffing = {"diffing_data_set_identifier": "nightly"}
    limits = {
        "diffing_drop_status": "inactive",
        "diffing_user_remove_status": "suspended",
        "change_threshold": "10",
        "diff_row_count_threshold": "500",
    }

    first, *rest = in_words(ImportOptions(diffing | limits))
    golden("\n".join([first, *rest]))
    assert len(rest) == 4
    assert all(value in words for value, words in zip(limits.values(), rest, strict=True))
    assert in_words(ImportOptions(diffing)) == (first,)
    (remaster,) = in_words(ImportOptions(diffing | {"diffing_remaster_data_set": "true"} | limits))
    assert "nightly" in remaster
    golden(remaster, "remaster")


@pytest.mark.parametrize(
    "name",
    [
        "skip_deletes",
        "override_sis_stickiness",
        "add_sis_stickiness",
        "clear_sis_stickiness",
        "update_sis_id_if_login_claimed",
    ],
)
def test_the_other_options_are_said_too(name: str, golden: Golden) -> None:
    words = in_words(ImportOptions({name: "true"}))
    assert len(words) == 2
    golden("\n".join(words))
    assert in_words(ImportOptions({name: "false"})) == (NOTHING_DELETED,)
