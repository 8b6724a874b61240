"""What proves that a request did not run: Canvas's own words and its throttle, and nothing else after a change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.golden import Golden
from support.scripted_server import CHANGES, canvas_at, questions, reply, reply_json, serving, sha256
from support.sentences import in_full

from canvas_sis_sync import errors
from canvas_sis_sync.canvas.answers import Offer

HTML = "<html><body>403 Forbidden (Rate Limit Exceeded)</body></html>"
THROTTLE = "403 Forbidden (Rate Limit Exceeded)\n"
UNAUTHORIZED = {"status": "unauthorized", "errors": [{"message": "user not authorized"}]}
NO_TOKEN = {"errors": [{"message": "Invalid access token."}]}


@pytest.fixture
def zip_path(tmp_path: Path) -> Path:
    path = tmp_path / "a.zip"
    path.write_bytes(b"PK" * 1000)
    return path


def throttled(status: int, left: str = "0.0", content_type: str = "text/plain; charset=utf-8") -> bytes:
    return reply(status, THROTTLE, content_type, X_Rate_Limit_Remaining=left)


def failure_of(question: str, answer: bytes, zip_path: Path) -> errors.CanvasError:
    with serving(answer) as server, canvas_at(server.url) as canvas:
        with pytest.raises(errors.CanvasError) as caught:
            questions(server.url, zip_path)[question](canvas)
        assert len(server.asked) == 1
    assert "Forbidden" not in caught.value.sentence
    return caught.value


PROOFS = [
    (throttled(403), errors.Throttled),
    (throttled(429), errors.Throttled),
    (throttled(403, "0"), errors.Throttled),
    (throttled(403, "-12.5"), errors.Throttled),
    (reply_json({"errors": ["not a root account"]}, 400), errors.RequestRejected),
    (reply_json({"error": "wrong charset"}, 400), errors.RequestRejected),
    (reply_json({"message": "threshold missing"}, 400), errors.RequestRejected),
    (reply_json({"error": True, "error_message": "no file"}, 400), errors.RequestRejected),
    (reply_json({"errors": [{"field": "identifier", "message": "long"}]}, 422), errors.RequestRejected),
    (reply_json({"errors": [{"message": "The specified resource does not exist."}]}, 404), errors.NotFound),
    (reply_json(NO_TOKEN, 401), errors.AccessRefused),
    (reply_json({"status": "unauthenticated", "errors": [{"message": "log in"}]}, 401), errors.AccessRefused),
    (reply_json({"status": "unauthorized"}, 401), errors.AccessRefused),
    (reply_json(UNAUTHORIZED, 403), errors.AccessRefused),
    (reply_json({"errors": ["SIS imports are not enabled"]}, 403), errors.AccessRefused),
    (reply(400, json.dumps({"message": "x"}), "application/json; charset=utf-8"), errors.RequestRejected),
]

NO_PROOFS = [
    *(reply(status, HTML, "text/html") for status in (400, 401, 403, 404, 405, 409, 413, 422, 429)),
    *(reply(status, "") for status in (400, 401, 403, 404, 429)),
    *(reply(status, "no", "text/plain") for status in (400, 401, 403, 404, 429)),
    *(reply_json(shape, status) for status in (400, 401, 403, 404, 422, 429) for shape in ({}, [], "no", 5, None)),
    *(reply_json({"errors": nothing}, 400) for nothing in (None, [], {}, "")),
    *(reply_json({"reason": "blocked"}, status) for status in (400, 403, 404)),
    reply_json({"status": "error"}, 403),
    reply_json([{"message": "x"}], 400),
    reply(400, json.dumps({"message": "x"}), "text/html"),
    reply(403, json.dumps(UNAUTHORIZED), "text/plain"),
    reply(404, '{"errors": [{"message": "cut', "application/json"),
    *(throttled(status, left) for status in (403, 429) for left in ("12.5", "", "none", "nan", "600")),
    *(reply(status, THROTTLE, "text/plain") for status in (403, 429)),
    *(throttled(status, content_type="text/html") for status in (403, 429)),
    throttled(400),
    throttled(404),
    reply_json({"reason": "Rate Limit Exceeded"}, 403, X_Rate_Limit_Remaining="0.0"),
    *(reply(status, Location="https://other.example/x?y=1") for status in (301, 302, 303, 307, 308)),
    *(reply(status) for status in (300, 302, 304, 399)),
    *(reply(status, "<html>", "text/html") for status in (408, 500, 502, 503, 504, 599)),
    reply_json({"errors": [{"message": "x"}]}, 408),
]


@pytest.mark.parametrize(("answer", "kind"), PROOFS)
@pytest.mark.parametrize("question", CHANGES)
def test_canvas_own_words_prove_that_a_change_did_not_run(
    question: str, answer: bytes, kind: type[errors.CanvasError], zip_path: Path
) -> None:
    assert type(failure_of(question, answer, zip_path)) is kind


@pytest.mark.parametrize("answer", NO_PROOFS, ids=lambda answer: answer[9:12].decode())
@pytest.mark.parametrize("question", CHANGES)
def test_everything_else_after_a_change_is_a_lost_answer(question: str, answer: bytes, zip_path: Path) -> None:
    """A proxy that answers in Canvas's place does not know what Canvas did: a drop was sent twice."""
    error = failure_of(question, answer, zip_path)
    assert type(error) is errors.AnswerLost
    status = answer[9:12].decode()
    assert status in error.sentence, "the sentence says what was answered"
    assert error.status == int(status)
    assert error.hint
    assert "y=1" not in error.sentence


def test_the_sentence_says_what_answered(zip_path: Path, golden: Golden) -> None:
    page = failure_of("create", reply(403, HTML, "text/html"), zip_path)
    golden(in_full(page))
    redirect = failure_of("create", reply(302, Location="https://other.example/x"), zip_path)
    golden(in_full(redirect), "2")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(403, HTML, "text/html"), errors.Throttled),
        (reply(403, THROTTLE, "text/plain"), errors.Throttled),
        (reply(429, HTML, "text/html"), errors.Throttled),
        (reply(401, "<html>", "text/html"), errors.AccessRefused),
        (reply(403, "<html>", "text/html"), errors.AccessRefused),
        (reply(404, "<html>", "text/html"), errors.NotFound),
        (reply(400, "no", "text/plain"), errors.RequestRejected),
        (reply(302, Location="https://other.example/x"), errors.RedirectRefused),
    ],
)
def test_a_question_that_only_asks_keeps_its_sentences(
    answer: bytes, kind: type[errors.CanvasError], zip_path: Path
) -> None:
    assert type(failure_of("get", answer, zip_path)) is kind


@pytest.mark.parametrize("status", [400, 403, 404, 405, 411, 412, 413])
def test_a_storage_refuses_in_its_own_words(status: int, zip_path: Path) -> None:
    """The storage is not Canvas; what it refuses it has not taken."""
    answer = reply(status, "<Error><Code>AccessDenied</Code></Error>", "application/xml")
    assert isinstance(failure_of("upload", answer, zip_path), errors.RequestRejected)


@pytest.mark.parametrize("status", [300, 304, 305, 399])
def test_a_storage_that_redirects_oddly_has_perhaps_taken_the_data(status: int, zip_path: Path) -> None:
    with serving(reply(status)) as server, canvas_at("http://127.0.0.1:1") as canvas, pytest.raises(errors.AnswerLost):
        canvas.upload_to_offer(Offer(f"{server.url}/up", ()), zip_path, sha256=sha256(zip_path))
