"""The token in what a server says, in whatever spelling, and values that break who keeps them."""

from __future__ import annotations

import io
import json
import sqlite3
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from support.scripted_server import CHANGES, QUESTIONS, canvas_at, parse_json, questions, reply, serving

from canvas_sis_sync import errors
from canvas_sis_sync.canvas import _bodies, answers
from canvas_sis_sync.canvas._bodies import Unreadable
from canvas_sis_sync.canvas.client import Canvas
from canvas_sis_sync.canvas.records import SisImport
from canvas_sis_sync.home import _record

TOKEN = "7301~q4Zr8sLmKx2VwN9cTb6YhJ3fGdPa5eUi"
"""Of the form that Canvas gives."""
SECRET = TOKEN.partition("~")[2]


@pytest.fixture
def zip_path(tmp_path: Path) -> Path:
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK" * 1000)
    return path


def escaped(text: str) -> str:
    return "".join(f"\\u{ord(sign):04x}" for sign in text)


SPELLINGS: dict[str, str] = {
    "as it is": TOKEN,
    "tilde escaped": TOKEN.replace("~", "\\u007e"),
    "tilde escaped in upper case": TOKEN.replace("~", "\\u007E"),
    "all escaped": escaped(TOKEN),
    "every other escaped": "".join(escaped(sign) if place % 2 else sign for place, sign in enumerate(TOKEN)),
    "in a header": f"Bearer {TOKEN}",
    "in an address": f"https://canvas.example/x?access_token={quote(TOKEN)}",
    "percent": TOKEN.replace("~", "%7E"),
    "percent in lower case": TOKEN.replace("~", "%7e"),
    "of HTML": TOKEN.replace("~", "&#126;"),
    "twice escaped": TOKEN.replace("~", "\\\\u007e"),
    "without its shard": SECRET,
    "twice": f"{TOKEN} {TOKEN}",
}


def whole_text(error: errors.SyncError) -> str:
    return " ".join([error.sentence, error.hint, *traceback.format_exception(error)])


def canvas_with_token(url: str) -> Canvas:
    return Canvas(url, TOKEN, retry=lambda ask: ask(), user_agent="x")


ERRORS: list[str] = [
    '{"message": "%s"}',
    '{"errors": [{"message": "bad %s token"}]}',
    '{"errors": {"%s": [{"attribute": "%s", "message": "x"}]}}',
    '{"errors": [{"field": "%s", "message": "%s"}]}',
    '{"error": "%s"}',
    '["%s"]',
]


@pytest.mark.parametrize("shape", ERRORS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_error_in_any_shape_and_spelling_is_without_the_token(spelling: str, shape: str, zip_path: Path) -> None:
    body = shape.replace("%s", SPELLINGS[spelling])
    json.loads(body)
    for status, question in ((400, "get"), (401, "create"), (500, "abort")):
        with serving(reply(status, body)) as server, canvas_with_token(server.url) as canvas:
            with pytest.raises(errors.CanvasError) as caught:
                questions(server.url, zip_path)[question](canvas)
            assert SECRET not in whole_text(caught.value)


@pytest.mark.parametrize("spelling", ["as it is", "percent", "without its shard"])
def test_an_error_in_text_is_without_the_token(spelling: str) -> None:
    for padding in (0, 1990):
        answer = reply(400, "x" * padding + SPELLINGS[spelling], "text/plain")
        with serving(answer) as server, canvas_with_token(server.url) as canvas:
            with pytest.raises(errors.RequestRejected) as caught:
                canvas.get_import(1, 5)
            assert SECRET[:8] not in whole_text(caught.value)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_success_is_without_the_token_too(spelling: str) -> None:
    """What Canvas says goes into the journal, the receipt, the log and mails."""
    template = json.dumps(
        {
            "id": 1,
            "name": "%s",
            "workflow_state": "failed",
            "processing_errors": [["%s", "%s"]],
            "csv_attachments": [{"display_name": "%s", "size": 1}],
            "data": {"error_message": "%s", "statistics": {"%s": {"%s": 1}}, "counts": {"%s": 3}},
            "diffing_data_set_identifier": "%s",
            "message": "%s",
            "file": "%s",
            "role": "%s",
        }
    )
    one = reply(200, template.replace("%s", SPELLINGS[spelling]))
    many = reply(200, f"[{template}]".replace("%s", SPELLINGS[spelling]))
    with serving(one, one, one, many, many, many) as server, canvas_with_token(server.url) as canvas:
        given = [
            canvas.current_user(),
            canvas.get_import(1, 1),
            canvas.abort_import(1, 1),
            canvas.list_imports(1),
            list(canvas.import_errors(1, 1)),
            canvas.role_names(1),
        ]
    assert SECRET not in repr(given)
    assert repr(given).count("(token)") > 10


@pytest.mark.parametrize("name", ["Location", "Link", "X-Request-Context", "Content-Type"])
@pytest.mark.parametrize("question", ["get", "list", "create", "upload"])
def test_a_header_brings_no_token_into_a_message(question: str, name: str, zip_path: Path) -> None:
    value = f'<https://{SECRET}.example/x>; rel="next"' if name == "Link" else f"https://{SECRET}.example/{TOKEN}"
    for status in (200, 302, 303, 400, 500):
        answer = reply(status, "{}", **({} if name == "Content-Type" else {name.replace("-", "_"): value}))
        if name == "Content-Type":
            answer = reply(status, "{}", value)
        with serving(answer) as server, canvas_with_token(server.url) as canvas:
            failure = failure_of(lambda: questions(server.url, zip_path)[question](canvas))
            assert failure is None or SECRET.lower() not in (failure.sentence + failure.hint).lower()


def test_an_address_that_holds_the_token_is_not_told(zip_path: Path) -> None:
    with canvas_with_token("https://canvas.example") as canvas:
        for ask in (
            lambda: canvas.confirm(f"http://{SECRET}.example/x"),
            lambda: canvas.fetch_attachment(f"http://{SECRET}.example/x", io.BytesIO(), most_bytes=5),
        ):
            with pytest.raises(errors.CanvasError) as caught:
                ask()
            assert SECRET.lower() not in (caught.value.sentence + caught.value.hint).lower()


def test_a_token_of_another_form_is_found_as_a_whole() -> None:
    secrets = _bodies.secrets_of("short~one")
    assert _bodies.parse_json(b'["short\\u007eone", "short"]', secrets) == ["(token)", "short"]


SURROGATES = ['"\\ud800"', '"a\\udfffb"', '"\\udc00\\ud800"', '"\\ud83d\\ud83d\\ude00"']


@pytest.mark.parametrize("text", SURROGATES)
def test_lone_surrogates_are_replaced_where_they_enter(text: str, tmp_path: Path) -> None:
    body = (
        f'{{"id": 1, "workflow_state": {text}, "data": {{"statistics": {{{text}: 1}}}}, "processing_errors": [{text}]}}'
    )
    found = answers.parse_import(parse_json(body.encode()))
    kept = json.dumps(_record.to_record(found), ensure_ascii=False)
    assert "\ufffd" in found.workflow_state
    with sqlite3.connect(tmp_path / "x.sqlite3") as database:
        assert database.execute("SELECT ?", (kept,)).fetchone() == (kept,)
    database.close()
    assert kept.encode()
    assert parse_json(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_bytes_that_are_no_utf8_are_no_json() -> None:
    for body in (b'"\xed\xa0\x80"', b'"\xff"', '"x"'.encode("utf-16")):
        with pytest.raises(Unreadable):
            parse_json(body)
    assert parse_json(b"\xef\xbb\xbf[1]") == [1]


IDS = [
    *("0", "-1", "-0", "1.0", "1.5", "1e3", "1E400", "-1e400", "NaN", "Infinity", "-Infinity", "true", "null", "[1]"),
    *(str(1 << 63), str(1 << 64), "9" * 30, "9" * 5000, "-" + "9" * 30),
    *(f'"{text}"' for text in ("", " 1", "1 ", "+1", "1_0", "0x1", "1.0", "-5", "\u0661\u0662", "\uff11", "\u00b2")),
    *(f'"{digits}"' for digits in (str(1 << 63), "9" * 30, "9" * 5000)),
]


@pytest.mark.parametrize("written", IDS)
@pytest.mark.parametrize("parse", [answers.parse_import, answers.parse_user, answers.parse_account])
def test_an_id_that_is_none_makes_the_record_unreadable(written: str, parse: Callable[[Any], Any]) -> None:
    with pytest.raises(Unreadable):
        parse(parse_json(f'{{"id": {written}}}'.encode()))


@pytest.mark.parametrize("written", [each for each in IDS if each != "null"])
def test_a_root_account_that_cannot_be_read_is_not_taken_for_none(written: str) -> None:
    with pytest.raises(Unreadable):
        answers.parse_account(parse_json(f'{{"id": 1, "root_account_id": {written}}}'.encode()))


@pytest.mark.parametrize(("written", "number"), [("1", 1), ("12", 12), (str((1 << 63) - 1), (1 << 63) - 1)])
def test_every_id_of_canvas_is_read(written: str, number: int) -> None:
    for form in (written, f'"{written}"'):
        assert answers.parse_import(parse_json(f'{{"id": {form}}}'.encode())).id == number


@pytest.mark.parametrize("written", [each for each in IDS if each not in {"0", "-1", "-0", '"-5"'}])
def test_a_number_that_is_none_is_left_out(written: str, tmp_path: Path) -> None:
    body = f"""{{"id": 1, "progress": {written}, "user": {{"id": {written}}}, "diffed_against_import_id": {written},
        "csv_attachments": [{{"display_name": "a.csv", "size": {written}}}], "change_threshold": {written},
        "data": {{"counts": {{"users": {written}}}, "statistics": {{"x": {written}}}}}}}"""
    found = answers.parse_import(parse_json(body.encode()))
    assert (found.progress, found.user_id, found.diffed_against, found.counts) == (None, None, None, {})
    assert [attachment.size for attachment in found.attachments or ()] == [None]
    kept = json.dumps(_record.to_record(found), allow_nan=False)
    assert _record.read(SisImport, json.loads(kept)) == found
    with sqlite3.connect(tmp_path / "x.sqlite3") as database:
        database.execute("SELECT json_extract(?, '$.statistics.x')", (kept,)).fetchone()
    database.close()


@pytest.mark.parametrize("deep", [200, 900, 5_000, 100_000])
def test_nesting_without_an_end_is_unreadable(deep: int) -> None:
    for opening, closing in (("[", "]"), ('{"message": ', "}"), ('{"errors": [', "]}")):
        body = (opening * deep + "1" + closing * deep).encode()
        with pytest.raises(Unreadable):
            parse_json(body)
        refusal = reply(400, body)
        with serving(refusal) as server, canvas_at(server.url) as canvas, pytest.raises(errors.RequestRejected):
            canvas.get_import(1, 5)


DATES = ["Thu, 01 Jan 99999999999999999999 00:00:00 GMT", "Thu, 01 Jan 2026 00:00:00 +99999999999999", "x" * 1000, "1"]


@pytest.mark.parametrize("date", DATES)
def test_an_odd_date_is_none(date: str) -> None:
    assert answers.parse_date(date) is None


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00"])
def test_times_at_the_ends_of_the_calendar_are_no_traceback(moment: str) -> None:
    assert isinstance(answers.parse_import({"id": 1, "created_at": moment}).created_at, float)


GARBAGE = [
    b"", b"null", b"[]", b"{}", b"0", b'""', b'{"id": null}', b"\x00", b"[" * 5000, b'{"sis_imports": 5}',
    b"[[]]", b"[null]", b'{"id": 1, "pre_attachment": []}', b'{"id": 1, "pre_attachment": {"upload_url": []}}',
]  # fmt: skip


@pytest.mark.parametrize("body", GARBAGE)
@pytest.mark.parametrize("question", [each for each in QUESTIONS if each not in {"upload", "confirm", "fetch"}])
def test_no_body_at_all_ends_a_question_with_a_traceback(question: str, body: bytes, zip_path: Path) -> None:
    for status in (200, 400, 500):
        with serving(*[reply(status, body)] * 2) as server, canvas_at(server.url) as canvas:
            failure = failure_of(lambda: questions(server.url, zip_path)[question](canvas))
        assert failure is None or failure.sentence.endswith(".")
        if question in CHANGES and b'"id": 1' not in body:
            assert isinstance(failure, errors.AnswerLost)


def failure_of(ask: Callable[[], Any]) -> errors.CanvasError | None:
    try:
        ask()
    except errors.CanvasError as error:
        return error
    return None
