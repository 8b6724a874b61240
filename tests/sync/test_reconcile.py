"""Whose import is it, after the answer was lost: each sentence of the rule, and its doubtful cases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.batches import zipped

from canvas_sis_sync.canvas.records import CANVAS_FINISHED, CANVAS_UNFINISHED, Attachment, Listing, SisImport, Target
from canvas_sis_sync.delivery.files import Entry
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.home.drops import DropKind
from canvas_sis_sync.home.stages import Sending
from canvas_sis_sync.sync._reconcile import Evidence, Found, candidates, judge

TARGET = Target("canvas.example.edu", 1)
COURSES = Entry("night/courses.csv", 500, 0, kind="course", rows=10)
USERS = Entry("night/users.csv", 900, 0, kind="user", rows=20, has_passwords=True)
STRAY = Entry("night/notes.csv", 30, 0)


def batch(
    *entries: Entry, mark: int | None = 100, user_id: int | None = None, parameters: Mapping[str, str] | None = None
) -> Batch:
    made = Batch("2026-night", BatchState.SENDING, TARGET, "night", DropKind.FOLDER, 0.0)
    return replace(made, zip=zipped(*entries), mark=mark, sending=Sending(parameters or {}, user_id=user_id))


def copy(entry: Entry, size: int | None = None) -> Attachment:
    return Attachment(entry.name.rsplit("/", 1)[-1], entry.size if size is None else size)


def seen(*attachments: Attachment, state: str = "importing", import_id: int = 101, **fields: Any) -> SisImport:
    return SisImport(import_id, state, attachments=attachments or None, **fields)


def verdict(ours: Batch, *found: SisImport) -> tuple[Found, list[int]]:
    resolution = judge(ours, found)
    return resolution.found, [each.id for each in resolution.imports]


def picked(ours: Batch, *found: SisImport, taken: tuple[int, ...] = ()) -> list[int]:
    return [each.id for each in candidates(ours, Listing(found, None), taken)]


def test_candidates_lie_above_the_mark() -> None:
    assert picked(batch(), seen(import_id=102), seen(import_id=101), seen(import_id=100)) == [101, 102]
    assert picked(batch(mark=None), seen(import_id=1)) == [1]


def test_candidates_are_by_our_user_or_by_nobody_known() -> None:
    found = [seen(import_id=101, user_id=7), seen(import_id=102, user_id=8), seen(import_id=103)]

    assert picked(batch(user_id=7), *found) == [101, 103]
    assert picked(batch(user_id=None), *found) == [101, 102, 103]


def test_candidates_are_not_already_somebodys() -> None:
    assert picked(batch(), seen(import_id=101), seen(import_id=102), taken=(101,)) == [102]


def test_a_candidate_listed_on_two_pages_counts_once() -> None:
    assert picked(batch(), seen(import_id=101), seen(import_id=101)) == [101]


def test_options_do_not_exclude_a_candidate() -> None:
    assert picked(batch(parameters={"skip_deletes": "true"}), seen(options={"skip_deletes": False})) == [101]


def test_nothing_found_is_none() -> None:
    assert verdict(batch(COURSES)) == (Found.NONE, [])


@pytest.mark.parametrize("state", [*sorted(CANVAS_FINISHED | CANVAS_UNFINISHED), "paused"])
def test_an_import_with_exactly_our_files_is_ours_in_any_state(state: str) -> None:
    ours = batch(COURSES, USERS)

    assert verdict(ours, seen(copy(USERS), copy(COURSES), state=state)) == (Found.OURS, [101])


@pytest.mark.parametrize("state", sorted(CANVAS_FINISHED | CANVAS_UNFINISHED))
@pytest.mark.parametrize("foreign", [Attachment("courses.csv", 501), Attachment("terms.csv", 500)])
def test_an_attachment_that_is_none_of_ours_makes_it_somebody_elses(foreign: Attachment, state: str) -> None:
    assert verdict(batch(COURSES, USERS), seen(copy(USERS), foreign, state=state)) == (Found.NONE, [])


def test_a_password_file_may_be_smaller_but_not_larger() -> None:
    assert verdict(batch(USERS), seen(copy(USERS, 700)))[0] is Found.OURS
    assert verdict(batch(USERS), seen(copy(USERS, 901)))[0] is Found.NONE
    assert verdict(batch(COURSES), seen(copy(COURSES, 499)))[0] is Found.NONE


def test_a_size_that_canvas_does_not_tell_fits() -> None:
    assert verdict(batch(COURSES), seen(Attachment("courses.csv", None)))[0] is Found.OURS
    assert verdict(batch(COURSES), seen(Attachment("terms.csv", None)))[0] is Found.NONE

    one, two = replace(COURSES, name="a/x.csv", size=1), replace(COURSES, name="b/x.csv", size=2)
    for known in (1, 2):
        copies = Attachment("x.csv", None), Attachment("x.csv", known)
        assert verdict(batch(one, two), seen(*copies))[0] is Found.OURS


def test_names_are_compared_as_a_file_store_may_write_them() -> None:
    entry = replace(COURSES, name="fall/Kurse f\u00fcr alle.csv")

    for name in ("Kurse+fu\u0308r+alle.csv", "kurse%20f%C3%BCr%20alle.csv", "upload/Kurse f\u00fcr alle.csv"):
        assert verdict(batch(entry), seen(Attachment(name, 500)))[0] is Found.OURS


@pytest.mark.parametrize("state", [*sorted(CANVAS_UNFINISHED), "paused"])
def test_absent_or_incomplete_while_unfinished_is_looked_at_again(state: str) -> None:
    ours = batch(COURSES, USERS)

    assert verdict(ours, seen(state=state)) == (Found.LOOK_AGAIN, [101])
    assert verdict(ours, seen(copy(COURSES), state=state)) == (Found.LOOK_AGAIN, [101])


@pytest.mark.parametrize("state", sorted(CANVAS_FINISHED))
def test_final_with_some_missing_is_not_ours(state: str) -> None:
    assert verdict(batch(COURSES, USERS), seen(copy(COURSES), state=state)) == (Found.NONE, [])


@pytest.mark.parametrize(
    "doubtful",
    [
        STRAY,
        replace(STRAY, rows=5),
        replace(STRAY, size=0),
        replace(COURSES, name="x.csv", size=0),
        replace(COURSES, name="x.csv", rows=None),
    ],
    ids=["unrecognised", "unrecognised but counted", "empty", "empty with a kind", "uncounted"],
)
def test_what_canvas_need_not_recognise_may_be_missing_or_there(doubtful: Entry) -> None:
    ours = batch(COURSES, doubtful)

    for state in ("importing", "imported_with_messages"):
        assert verdict(ours, seen(copy(COURSES), state=state))[0] is Found.OURS
        assert verdict(ours, seen(copy(COURSES), copy(doubtful), state=state))[0] is Found.OURS


def test_a_file_without_rows_must_be_there() -> None:
    header_only = replace(USERS, rows=0)

    assert verdict(batch(COURSES, header_only), seen(copy(COURSES), state="imported"))[0] is Found.NONE


def test_two_files_of_one_name_and_size_need_two_attachments() -> None:
    twins = batch(replace(COURSES, name="a/courses.csv"), replace(COURSES, name="b/courses.csv"))

    assert verdict(twins, seen(copy(COURSES)))[0] is Found.LOOK_AGAIN
    assert verdict(twins, seen(copy(COURSES), state="imported"))[0] is Found.NONE
    assert verdict(twins, seen(copy(COURSES), copy(COURSES)))[0] is Found.OURS
    assert verdict(twins, seen(copy(COURSES), copy(COURSES), copy(COURSES)))[0] is Found.NONE


def test_each_attachment_takes_the_entry_that_fits_it_most_closely() -> None:
    small, large = replace(USERS, name="a/users.csv", size=300), replace(USERS, name="b/users.csv", size=900)
    plain = replace(COURSES, name="c/users.csv", size=250)
    ours = batch(large, plain, small)

    assert verdict(ours, seen(*(Attachment("users.csv", size) for size in (800, 250, 290))))[0] is Found.OURS
    assert verdict(ours, seen(*(Attachment("users.csv", size) for size in (800, 250, 310))))[0] is Found.NONE
    assert verdict(ours, seen(*(Attachment("users.csv", size) for size in (None, 250, 290))))[0] is Found.OURS
    uncounted = replace(COURSES, name="d/courses.csv", rows=None)
    assert verdict(batch(uncounted, COURSES), seen(copy(COURSES), state="imported"))[0] is Found.OURS


FINAL: dict[str, Any] = {"state": "imported_with_messages"}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"supplied": ("course", "user"), "counts": {"courses": 10, "users": 20}}, Found.OURS),
        ({"supplied": ("course", "user"), "counts": {"courses": 0, "warning_count": 99}}, Found.OURS),
        ({"supplied": ("user", "course"), "counts": {}}, Found.OURS),
        ({"supplied": ("course", "user"), "counts": {"courses": 11}}, Found.NONE),
        ({"supplied": ("course",), "counts": {"courses": 10}}, Found.NONE),
        ({"supplied": ("course", "user", "term"), "counts": {}}, Found.NONE),
        ({"supplied": None}, Found.NONE),
        ({"supplied": ()}, Found.NONE),
    ],
)
def test_final_without_attachments_has_to_fit_kinds_and_counts(fields: dict[str, Any], found: Found) -> None:
    for seen_import in (seen(**FINAL, **fields), replace(seen(**FINAL, **fields), attachments=())):
        assert verdict(batch(COURSES, USERS), seen_import)[0] is found


@pytest.mark.parametrize("state", ["aborted", "failed", "failed_with_messages", "restored"])
def test_an_end_before_canvas_looked_at_the_files_says_nothing(state: str) -> None:
    assert verdict(batch(COURSES), seen(state=state)) == (Found.UNDECIDABLE, [101])


def test_a_delivery_that_canvas_does_not_recognise_cannot_be_told() -> None:
    assert verdict(batch(STRAY), seen(state="imported"))[0] is Found.UNDECIDABLE


def test_unrecognised_and_uncounted_files_leave_kinds_and_counts_open() -> None:
    newer = seen(**FINAL, supplied=("course", "badge"), counts={"courses": 10, "badges": 5})
    assert verdict(batch(COURSES, STRAY), newer)[0] is Found.OURS
    assert verdict(batch(COURSES, replace(STRAY, size=0)), newer)[0] is Found.NONE

    uncounted = replace(USERS, rows=None)
    more = seen(**FINAL, supplied=("course", "user"), counts={"courses": 10, "users": 999_999})
    assert verdict(batch(COURSES, uncounted), more)[0] is Found.OURS
    assert verdict(batch(COURSES, USERS), more)[0] is Found.NONE


@pytest.mark.parametrize(
    ("kind", "plural"),
    [
        ("grade_publishing_results", "grade_publishing_results"),
        ("group_category", "group_categories"),
        ("xlist", "xlists"),
    ],
)
def test_counts_carry_the_plural_of_the_kind(kind: str, plural: str) -> None:
    ours = batch(replace(COURSES, kind=kind))

    assert verdict(ours, seen(**FINAL, supplied=(kind,), counts={plural: 10}))[0] is Found.OURS
    assert verdict(ours, seen(**FINAL, supplied=(kind,), counts={plural: 11}))[0] is Found.NONE


def test_rows_of_several_files_of_a_kind_are_added_up() -> None:
    ours = batch(COURSES, replace(COURSES, name="more.csv", rows=5))

    assert verdict(ours, seen(**FINAL, supplied=("course",), counts={"courses": 15}))[0] is Found.OURS
    assert verdict(ours, seen(**FINAL, supplied=("course",), counts={"courses": 16}))[0] is Found.NONE


def test_a_diffed_import_may_process_more_rows_than_we_sent() -> None:
    diffed = batch(COURSES, parameters={"diffing_data_set_identifier": "nightly"})

    assert verdict(diffed, seen(**FINAL, supplied=("course",), counts={"courses": 900}))[0] is Found.OURS


OUR_COPY = seen(copy(COURSES), state="imported")
FOREIGN = seen(Attachment("terms.csv", 1), import_id=102)
QUEUED = seen(state="created", import_id=103)
UNKNOWABLE = seen(state="aborted", import_id=104)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([FOREIGN], (Found.NONE, [])),
        ([FOREIGN, OUR_COPY], (Found.OURS, [101])),
        ([replace(OUR_COPY, id=99), OUR_COPY], (Found.UNDECIDABLE, [99, 101])),
        ([OUR_COPY, UNKNOWABLE, FOREIGN], (Found.UNDECIDABLE, [101, 104])),
        ([OUR_COPY, QUEUED, UNKNOWABLE], (Found.LOOK_AGAIN, [103])),
        ([FOREIGN, QUEUED], (Found.LOOK_AGAIN, [103])),
    ],
)
def test_several_candidates(found: list[SisImport], expected: tuple[Found, list[int]]) -> None:
    assert verdict(batch(COURSES), *found) == expected
    if expected[0] is not Found.LOOK_AGAIN:
        assert verdict(batch(COURSES), *reversed(found)) == expected


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        (Evidence({101: False}), (Found.NONE, [])),
        (Evidence({101: True}, frozenset({101})), (Found.OURS, [101])),
        (Evidence({}, frozenset({101})), (Found.UNDECIDABLE, [101])),
        (Evidence({}, frozenset({999})), (Found.OURS, [101])),
    ],
    ids=["other content", "our content", "perhaps another home's", "another one is perhaps another home's"],
)
def test_content_decides_and_without_it_another_home_makes_it_undecidable(
    evidence: Evidence, expected: tuple[Found, list[int]]
) -> None:
    resolution = judge(batch(COURSES), [OUR_COPY], evidence)
    assert (resolution.found, [each.id for each in resolution.imports]) == expected


def test_content_chooses_between_two_with_our_names_and_sizes() -> None:
    resolution = judge(batch(COURSES), [replace(OUR_COPY, id=99), OUR_COPY], Evidence({99: False, 101: True}))
    assert [each.id for each in resolution.imports] == [101]


def test_a_file_from_which_canvas_took_duplicate_lines_is_still_ours() -> None:
    short = Attachment("courses_deduplicated.csv", COURSES.size - 40)
    assert verdict(batch(COURSES), seen(short)) == (Found.OURS, [101])
    assert verdict(batch(COURSES), seen(replace(short, size=COURSES.size + 1))) == (Found.NONE, [])


sizes = st.integers(1, 4)
entries = st.lists(
    st.builds(
        lambda folder, size, passwords: Entry(f"{folder}/users.csv", size, 0, "user", 1, passwords),
        st.text("ab", max_size=2),
        sizes,
        st.booleans(),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=40, deadline=None)
@given(entries, st.data())
def test_canvas_copies_of_our_files_are_always_recognised(ours: list[Entry], data: st.DataObject) -> None:
    copies = [copy(e, data.draw(st.integers(0, e.size)) if e.has_passwords else e.size) for e in ours]
    shuffled = data.draw(st.permutations(copies))

    assert verdict(batch(*ours), seen(*shuffled, state="imported"))[0] is Found.OURS
    assert verdict(batch(*ours), seen(*shuffled, Attachment("users.csv", 1)))[0] is Found.NONE
    if len(ours) > 1:
        assert verdict(batch(*ours), seen(*shuffled[1:], state="imported"))[0] is Found.NONE
