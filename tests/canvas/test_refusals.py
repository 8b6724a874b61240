"""Every odd answer becomes the error the design names for it, with a sentence, a hint, and no token in either."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from support.golden import Golden
from support.scripted_server import TOKEN, Reply, canvas_at, reply, reply_json, reset, serving, sha256
from support.sentences import in_full, listed

from canvas_sis_sync import errors
from canvas_sis_sync.canvas.answers import Offer
from canvas_sis_sync.canvas.client import Canvas

UNAUTHORIZED = {"status": "unauthorized", "errors": [{"message": "user not authorized"}]}

T = TypeVar("T")


def whole_text(error: errors.SyncError) -> str:
    return " ".join([error.sentence, error.hint, *traceback.format_exception(error)])


def refusal_of(answer: Reply) -> errors.CanvasError:
    """Ask for an import, get this answer, give the error, having looked for the token in all of it."""
    with serving(answer) as server, canvas_at(server.url) as canvas:
        with pytest.raises(errors.CanvasError) as caught:
            canvas.get_import(1, 5)
        assert len(server.asked) == 1
        assert caught.value.sentence.endswith(".")
        assert "\n" not in caught.value.sentence
        assert server.host in caught.value.sentence
        assert "SIS import 5" in caught.value.sentence
        assert TOKEN not in whole_text(caught.value)
        return caught.value


ANSWERS: dict[str, tuple[bytes, type[errors.CanvasError], str]] = {
    "401, a wrong token": (
        reply_json({"errors": [{"message": "Invalid access token."}]}, 401, WWW_Authenticate="Bearer realm=x"),
        errors.AccessRefused,
        "CANVAS_API_TOKEN",
    ),
    "401, an expired token": (
        reply_json({"errors": [{"message": "Expired access token."}]}, 401),
        errors.AccessRefused,
        "CANVAS_API_TOKEN",
    ),
    "401, a revoked token": (
        reply_json({"errors": [{"message": "Revoked access token."}]}, 401),
        errors.AccessRefused,
        "CANVAS_API_TOKEN",
    ),
    "401, a page": (reply(401, "<html>", "text/html"), errors.AccessRefused, "CANVAS_API_TOKEN"),
    "401, unauthenticated": (
        reply_json({"status": "unauthenticated", "errors": [{"message": "log in"}]}, 401),
        errors.AccessRefused,
        "CANVAS_API_TOKEN",
    ),
    "401, unauthorized": (reply_json(UNAUTHORIZED, 401), errors.AccessRefused, "Import SIS data"),
    "403, unauthorized": (reply_json(UNAUTHORIZED, 403), errors.AccessRefused, "Import SIS data"),
    "403, imports not enabled": (
        reply_json({"errors": ["SIS imports are not enabled"]}, 403),
        errors.AccessRefused,
        "",
    ),
    "403, a page": (reply(403, "<html>no</html>", "text/html"), errors.AccessRefused, "User-Agent"),
    "403, a list": (reply_json([], 403), errors.AccessRefused, "User-Agent"),
    "403, nested too deep": (reply(403, "[" * 20_000), errors.AccessRefused, "User-Agent"),
    "403, the throttle": (reply(403, "403 Forbidden (Rate Limit Exceeded)\n", "text/plain"), errors.Throttled, "token"),
    "429": (reply(429, "slow down", "text/plain"), errors.Throttled, "token"),
    "404": (reply_json({"errors": [{"message": "not here"}]}, 404), errors.NotFound, "CANVAS_ACCOUNT_ID"),
    "400": (reply_json({"message": "no term"}, 400), errors.RequestRejected, "SIS_IMPORT_"),
    "422": (
        reply_json({"errors": [{"field": "identifier", "message": "long"}]}, 422),
        errors.RequestRejected,
        "SIS_IMPORT_",
    ),
    "413": (reply(413, "<html>", "text/html"), errors.RequestRejected, ""),
    "500": (
        reply_json({"errors": [{"message": "internal"}], "error_report_id": 1}, 500),
        errors.AnswerLost,
        "",
    ),
    "502": (reply(502, "<html><b>Bad gateway</b>", "text/html"), errors.AnswerLost, ""),
    "408": (reply(408), errors.AnswerLost, ""),
    "200, a page": (reply(200, "<html>maintenance</html>", "text/html"), errors.AnswerLost, ""),
    "200, text": (reply(200, "OK"), errors.AnswerLost, ""),
    "204": (reply(204), errors.AnswerLost, ""),
    "200, without an id": (reply_json({"sis_imports": []}), errors.AnswerLost, ""),
    "302, to another host": (
        reply(302, Location="https://user:pw@other.example/x?y=1"),
        errors.RedirectRefused,
        "CANVAS_BASE_URL=https://other.example ",
    ),
    "302, to a page": (reply(302, Location="/login"), errors.RedirectRefused, "CANVAS_BASE_URL"),
    "302, to nowhere": (reply(302), errors.RedirectRefused, "CANVAS_BASE_URL"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_becomes_its_error(name: str) -> None:
    answer, kind, setting = ANSWERS[name]
    error = refusal_of(answer)
    assert type(error) is kind
    assert setting in error.hint
    if kind is not errors.AnswerLost and not isinstance(error, errors.RedirectRefused):
        assert error.status == int(answer.split()[1])


def test_each_answer_has_its_sentence_and_its_way_out(golden: Golden) -> None:
    golden(listed({name: in_full(refusal_of(answer)) for name, (answer, *_) in ANSWERS.items()}))


@pytest.mark.parametrize("text", ["<html>", "user:pw", "y=1", "maintenance", "Bad gateway"])
def test_bodies_and_secrets_of_addresses_stay_out_of_the_sentence(text: str) -> None:
    for answer in (
        reply(502, "<html><b>Bad gateway</b>", "text/html"),
        reply(400, "<html>maintenance</html>", "text/html"),
        reply(302, Location="https://user:pw@other.example/x?y=1"),
    ):
        assert text not in whole_text(refusal_of(answer))


def test_an_answer_that_echoes_the_token_does_not_bring_it_to_the_screen(golden: Golden) -> None:
    error = refusal_of(reply_json({"message": f"bad header Bearer {TOKEN}"}, 400))
    golden(in_full(error))


def test_a_throttle_told_as_json_is_none() -> None:
    """Only the text counts (API 7): a course may well be called so."""
    assert type(refusal_of(reply_json({"message": "Rate Limit Exceeded"}, 403))) is errors.AccessRefused


CUTS: dict[str, Reply] = {
    "reset": reset,
    "closed": lambda connection: connection.close(),
    "in the body": lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{"),
    "no HTTP": lambda connection: connection.sendall(b"nonsense\r\n\r\n"),
    "no gzip": reply(200, b"not gzip", content_encoding="gzip"),
}


@pytest.mark.parametrize("name", CUTS)
def test_a_cut_answer_is_lost_and_says_for_how_long_it_was_waited(name: str, golden: Golden) -> None:
    error = refusal_of(CUTS[name])
    assert isinstance(error, errors.AnswerLost)
    golden(in_full(error))
    assert 0 <= error.seconds < 5


def test_each_look_is_handed_to_the_retry_policy_with_its_reading() -> None:
    """A web page in place of data is worth another try, so the policy must see it as an error."""
    asked_twice: list[int] = []

    def twice(ask: Any) -> Any:
        try:
            return ask()
        except errors.AnswerLost:
            asked_twice.append(1)
            return ask()

    user = reply_json({"id": 3, "name": "Robin"})
    page = reply(200, "<html>", "text/html")
    listing = reply_json({"sis_imports": []})
    with (
        serving(page, user, page, listing) as server,
        Canvas(server.url, TOKEN, retry=twice, user_agent="x") as canvas,
    ):
        assert canvas.current_user().name == "Robin"
        assert canvas.list_imports(1).imports == ()
    assert len(asked_twice) == 2


@pytest.mark.parametrize("question", ["create", "announce", "abort", "upload", "confirm", "may"])
def test_what_changes_something_is_never_repeated(question: str, tmp_path: Any) -> None:
    def never(ask: Callable[[], T]) -> T:
        raise AssertionError("handed to the retry policy")

    zip_path = tmp_path / "a.zip"
    zip_path.write_bytes(b"PK")
    with serving(reply(500)) as server, Canvas(server.url, TOKEN, retry=never, user_agent="x") as canvas:
        ask = {
            "create": lambda: canvas.create_import(1, zip_path, {}, sha256=sha256(zip_path)),
            "announce": lambda: canvas.announce_import(1, "a.zip", 2, {}),
            "abort": lambda: canvas.abort_import(1, 5),
            "upload": lambda: canvas.upload_to_offer(Offer(server.url, ()), zip_path, sha256=sha256(zip_path)),
            "confirm": lambda: canvas.confirm(f"{server.url}/x"),
        }
        if question == "may":
            assert canvas.may_import(1) is None
        else:
            with pytest.raises(errors.AnswerLost):
                ask[question]()
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "may"),
    [(reply_json({"sis_imports": []}), True), (reply_json(UNAUTHORIZED, 401), False), (reply(500), None)],
)
def test_the_right_to_import_is_told_or_unknown(answer: bytes, may: bool | None) -> None:
    with serving(answer) as server, canvas_at(server.url) as canvas:
        assert canvas.may_import(1) is may
        assert server.asked[0].target == "/api/v1/accounts/1/sis_imports?per_page=1"


@pytest.mark.parametrize("url", ["", "canvas.example", "https://", "ftp://canvas.example", "https://x:99999"])
def test_a_base_url_that_is_none_is_a_settings_error(url: str, golden: Golden) -> None:
    with pytest.raises(errors.SettingsError) as caught:
        canvas_at(url)
    golden(in_full(caught.value))
    assert "CANVAS_BASE_URL" in caught.value.sentence


@pytest.mark.parametrize("token", ["", " ", "two\nlines", "naïve"])
def test_a_token_that_cannot_stand_in_a_header_is_a_settings_error(token: str, golden: Golden) -> None:
    with pytest.raises(errors.SettingsError) as caught:
        Canvas("https://canvas.example", token, retry=lambda ask: ask(), user_agent="x")
    golden(in_full(caught.value))


def test_a_sub_account_is_rejected_with_the_root_account_to_set(golden: Golden) -> None:
    with serving(reply_json({"id": 8, "name": "Sub", "root_account_id": 1})) as server, canvas_at(server.url) as canvas:
        with pytest.raises(errors.RequestRejected) as caught:
            canvas.root_account("8")
        assert server.asked[0].target == "/api/v1/accounts/8"
    golden(in_full(caught.value))


def page(*ids: int, following: str) -> bytes:
    listed = {"sis_imports": [{"id": each} for each in ids]}
    return reply_json(
        listed, link=f'<{following}>; rel="next", </last>; rel="last"', date="Thu, 01 Jan 1970 00:01:00 GMT"
    )


def test_pages_that_overlap_give_each_import_once() -> None:
    """Newer imports push the older ones onto the next page while the pages are being read."""
    with serving(page(3, 2, following="/api/v1/p?page=2"), reply_json([{"id": 2}, {"id": 1}])) as server:
        with canvas_at(server.url) as canvas:
            listing = canvas.list_imports(1)
        assert server.asked[1].target == "/api/v1/p?page=2"
    assert [found.id for found in listing.imports] == [3, 2, 1]
    assert listing.canvas_now == 60


def test_a_later_page_that_fails_gives_no_listing_at_all() -> None:
    """A listing that is cut short would prove that an import does not exist."""
    for ask in (lambda canvas: canvas.list_imports(1), lambda canvas: canvas.imports_above(1, 0)):
        with serving(page(3, following="/p"), reply(500)) as server, canvas_at(server.url) as canvas:
            with pytest.raises(errors.AnswerLost):
                ask(canvas)
            assert len(server.asked) == 2


def test_a_list_that_is_not_newest_first_is_read_until_a_whole_page_is_at_or_below_the_mark() -> None:
    """One id at or below the mark proves nothing about the next page: an import above it was overlooked."""
    pages = [
        page(9, 3, following="/2"),
        page(8, 4, following="/3"),
        page(5, 2, following="/4"),
        page(7, following="/5"),
    ]
    with serving(*pages) as server, canvas_at(server.url) as canvas:
        assert sorted(found.id for found in canvas.imports_above(1, 5).imports) == [8, 9]
        assert len(server.asked) == 3


def test_an_empty_page_is_not_the_end_of_a_list() -> None:
    with serving(page(following="/2"), page(9, following="/3"), page(5, following="/4")) as server:
        with canvas_at(server.url) as canvas:
            assert [found.id for found in canvas.imports_above(1, 5).imports] == [9]
        assert len(server.asked) == 3


def test_pages_in_a_circle_come_to_an_end(golden: Golden) -> None:
    with serving(*[page(3, following="/p")] * 9) as server, canvas_at(server.url) as canvas:
        with pytest.raises(errors.AnswerLost) as caught:
            canvas.list_imports(1)
        golden(in_full(caught.value))
        assert len(server.asked) == 2
