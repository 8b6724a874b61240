"""Canvas's JSON is read without trusting it: every field may be missing, null, or of another type."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scripted_server import TOKEN, parse_json

from canvas_sis_sync.canvas import _bodies, answers
from canvas_sis_sync.canvas._bodies import Unreadable
from canvas_sis_sync.canvas.records import Attachment, ImportMessage

FULL: dict[str, Any] = {
    "id": 12,
    "created_at": "2026-01-02T03:04:05Z",
    "ended_at": "2026-01-02T04:04:05Z",
    "progress": 100,
    "workflow_state": "imported_with_messages",
    "batch_mode": None,
    "skip_deletes": True,
    "diffing_data_set_identifier": "district",
    "diffed_against_import_id": None,
    "user": {"id": 7, "name": "Robin"},
    "csv_attachments": [{"id": 1, "display_name": "users.csv", "filename": "users%20.csv", "size": 20}],
    "errors_attachment": {"id": 2},
    "processing_errors": [[None, "whole"], ["users.csv", "bad"]],
    "processing_warnings": [["a.csv", "row"]],
    "data": {
        "import_type": "instructure_csv",
        "supplied_batches": ["user", "course"],
        "counts": {"users": 3, "error_count": 1, "warning_count": 2, "brand_new_kind": 4},
        "statistics": {"total_state_changes": 5},
        "diffed_against_sis_batch_id": 9,
        "error_message": "it broke",
    },
}


def test_a_full_record_is_read_field_by_field() -> None:
    found = answers.parse_import(FULL)
    assert (found.id, found.workflow_state, found.progress, found.user_id) == (12, "imported_with_messages", 100, 7)
    assert found.created_at == 1767323045
    assert found.ended_at == "2026-01-02T04:04:05Z"
    assert found.supplied == ("user", "course")
    assert found.counts == {"users": 3, "error_count": 1, "warning_count": 2, "brand_new_kind": 4}
    assert found.statistics == {"total_state_changes": 5}
    assert found.attachments == (Attachment("users.csv", 20),)
    assert found.has_errors_attachment
    assert found.processing_errors == ((None, "whole"), ("users.csv", "bad"))
    assert found.processing_warnings == (("a.csv", "row"),)
    assert found.error_message == "it broke"
    assert found.options == {"batch_mode": None, "skip_deletes": True, "diffing_data_set_identifier": "district"}
    assert found.diffed_against == 9


def test_only_the_id_is_indispensable() -> None:
    found = answers.parse_import({"id": 1, "data": None})
    assert (found.workflow_state, found.created_at, found.user_id) == ("unknown", None, None)
    assert (found.supplied, found.attachments, found.counts, found.options) == (None, None, {}, {})
    assert not found.has_errors_attachment
    assert not found.finished


def test_numbers_may_come_as_text() -> None:
    found = answers.parse_import(
        {"id": "12", "progress": "50", "user": {"id": "7"}, "data": {"counts": {"users": "3", "odd": "x", "no": True}}}
    )
    assert (found.id, found.progress, found.user_id, found.counts) == (12, 50, 7, {"users": 3})


@pytest.mark.parametrize(
    "answer", [[], None, "text", 3, {}, {"id": None}, {"id": "x"}, {"id": True}, {"id": float("inf")}]
)
def test_a_record_without_an_id_is_unreadable(answer: Any) -> None:
    with pytest.raises(Unreadable):
        answers.parse_import(answer)


def test_the_import_compared_with_may_stand_in_either_place() -> None:
    assert answers.parse_import({"id": 1, "diffed_against_import_id": 5}).diffed_against == 5


@pytest.mark.parametrize("value", [None, "text", {}, 5])
def test_supplied_batches_are_none_when_they_are_no_list(value: Any) -> None:
    assert answers.parse_import({"id": 1, "data": {"supplied_batches": value}}).supplied is None


@pytest.mark.parametrize("value", [None, "text", 5, [None], [{"size": 3}], [{"filename": "a.csv"}, {}]])
def test_attachments_are_unknown_when_any_of_them_has_no_name(value: Any) -> None:
    """Half a list would look like somebody else's import, and ours would be sent twice."""
    assert answers.parse_import({"id": 1, "csv_attachments": value}).attachments is None


def test_an_attachment_may_come_alone_and_without_a_size() -> None:
    found = answers.parse_import({"id": 1, "csv_attachments": {"filename": "a.csv"}})
    assert found.attachments == (Attachment("a.csv", None),)
    assert answers.parse_import({"id": 1, "csv_attachments": []}).attachments == ()


@pytest.mark.parametrize(
    ("value", "pairs"),
    [
        (None, ()),
        ("text", ()),
        (["alone"], ((None, "alone"),)),
        ([["a.csv", None]], (("a.csv", "None"),)),
        ([["a", "b", "c"], {"k": 1}], ((None, '["a", "b", "c"]'), (None, '{"k": 1}'))),
    ],
)
def test_messages_of_any_shape_become_pairs(value: Any, pairs: Any) -> None:
    assert answers.parse_import({"id": 1, "processing_errors": value}).processing_errors == pairs


@pytest.mark.parametrize("moment", [None, "", "yesterday", 5, "2026-13-01T00:00:00Z"])
def test_an_unreadable_time_is_none(moment: Any) -> None:
    assert answers.parse_import({"id": 1, "created_at": moment}).created_at is None


def test_times_without_an_offset_are_utc_and_offsets_count() -> None:
    assert answers.parse_import({"id": 1, "created_at": "1970-01-01T00:01:00"}).created_at == 60
    assert answers.parse_import({"id": 1, "created_at": "1970-01-01T01:00:00+01:00"}).created_at == 0


def test_a_listing_may_be_an_object_a_list_or_a_single_record() -> None:
    for answer in ({"sis_imports": [{"id": 1}]}, [{"id": 1}], {"sis_imports": {"id": 1}}):
        assert [found.id for found in answers.parse_imports(answer)] == [1]


@pytest.mark.parametrize("answer", [{}, None, "text", {"sis_imports": None}, {"errors": []}, {"sis_imports": [{}]}])
def test_a_listing_that_is_none_or_has_an_unreadable_record_is_unreadable(answer: Any) -> None:
    """A listing read as shorter than it is would prove that an import does not exist."""
    with pytest.raises(Unreadable):
        answers.parse_imports(answer)


def test_messages_are_read_without_row_info() -> None:
    record = {"file": "users.csv", "message": "bad", "row": "3", "row_info": "u1,secret-password"}
    (message,) = answers.parse_messages({"sis_import_errors": [record]})
    assert message == ImportMessage("users.csv", "bad", 3)
    assert "secret-password" not in repr(message)
    assert answers.parse_messages([{"file": None, "row": None}, "odd"]) == [ImportMessage(None, "", None)] * 2


def test_an_offer_keeps_the_order_and_the_text_of_its_fields() -> None:
    offered = {"upload_url": "https://store.example/up", "upload_params": {"z": "1", "a": None, "n": 5, "t": True}}
    announced, offer = answers.parse_announced({"id": 4, "pre_attachment": offered})
    assert announced.id == 4
    assert offer is not None
    assert (offer.url, offer.file_field) == ("https://store.example/up", "file")
    assert offer.fields == (("z", "1"), ("a", ""), ("n", "5"), ("t", "true"))
    assert "store.example" not in repr(offer)


def test_an_offer_may_name_the_file_part() -> None:
    _, offer = answers.parse_announced({"id": 4, "pre_attachment": {"upload_url": "u", "file_param": "blob"}})
    assert offer is not None
    assert offer.file_field == "blob"


@pytest.mark.parametrize("offered", [None, {}, [], {"upload_url": None}, {"upload_url": 5}])
def test_no_upload_address_is_no_offer(offered: Any) -> None:
    assert answers.parse_announced({"id": 4, "pre_attachment": offered})[1] is None


def test_users_and_accounts_are_read() -> None:
    assert answers.parse_user({"id": "7", "name": None}) == answers.User(7, "")
    assert answers.parse_account({"id": 1, "name": "Root"}) == answers.Account(1, "Root", None)
    assert answers.parse_account({"id": 2, "name": "Sub", "root_account_id": "1"}).root == 1
    for parse in (answers.parse_user, answers.parse_account):
        with pytest.raises(Unreadable):
            parse({"name": "no id"})


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Thu, 01 Jan 1970 00:01:00 GMT", 60),
        ("Thu, 01 Jan 1970 00:01:00 -0000", 60),
        ("Thu, 01 Jan 1970 01:01:00 +0100", 60),
        (None, None),
        ("", None),
        ("soon", None),
    ],
)
def test_the_date_header_becomes_seconds(header: str | None, seconds: float | None) -> None:
    assert answers.parse_date(header) == seconds


@pytest.mark.parametrize(
    ("body", "words"),
    [(b"<!DOCTYPE html>", "web page"), (b"", "not JSON"), (b"\xff\xfe\x00", "not JSON"), (b"[" * 100_000, "not JSON")],
)
def test_what_is_not_json_is_named(body: bytes, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        parse_json(body)


def words(body: bytes, content_type: str) -> str:
    """Find Canvas's own words in an error answer as it came."""
    try:
        answer = parse_json(body)
    except Unreadable:
        answer = None
    return _bodies.error_text(answer, body, content_type, _bodies.secrets_of(TOKEN))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"errors": ["not a root account"]}, "not a root account"),
        ({"error": "wrong charset"}, "wrong charset"),
        ({"message": "term is blank"}, "term is blank"),
        ({"error": True, "error_message": "no file"}, "no file"),
        ({"errors": [{"message": "no such term"}]}, "no such term"),
        ({"errors": [{"field": "identifier", "message": "too long", "error_code": "x"}]}, "identifier: too long"),
        ({"errors": {"base": [{"attribute": "name", "message": "odd"}]}}, "name: odd"),
        ({"errors": [{"message": "same"}, {"message": "same"}, "other"]}, "same; other"),
        ({"errors": None}, ""),
        ([], ""),
        (5, ""),
        ("just text", "just text"),
        ({"message": "two\r\nlines\x1b[31m and\tmore"}, "two lines [31m and more"),
    ],
)
def test_canvas_own_words_are_found_in_every_shape(body: Any, text: str) -> None:
    assert words(json.dumps(body).encode(), "application/json") == text


def test_canvas_own_words_are_cut_at_300_signs() -> None:
    text = words(json.dumps({"message": "x" * 5000}).encode(), "")
    assert len(text) == 300
    assert text.endswith("…")


def test_bare_text_is_told_and_a_web_page_is_not() -> None:
    assert words(b"both options\n\xff", "text/plain; charset=utf-8") == "both options \ufffd"
    assert words(b"<html>secret</html>", "text/html") == ""


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text('a1<{"\n\u00e4\U0001f600', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*FULL, *FULL["data"], "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=25, deadline=None)
@given(JSON, st.dictionaries(st.sampled_from([*FULL, "x"]), JSON, max_size=8))
def test_no_json_at_all_gives_anything_but_a_value_or_unreadable(answer: Any, fields: dict[str, Any]) -> None:
    for parse in (answers.parse_imports, answers.parse_messages, answers.parse_announced, answers.parse_user):
        for value in (answer, {**fields, "id": 1}):
            with contextlib.suppress(Unreadable):
                parse(value)
    assert isinstance(words(json.dumps(answer).encode(), "application/json"), str)
