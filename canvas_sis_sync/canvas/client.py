"""Canvas as the rest of the program sees it: one method a question.

Owns the endpoints, their parameters, and paging. Questions that only ask are retried by the policy that is passed in;
those that change something are sent once, and the caller finds out what became of them. Every method raises what
`Wire.ask` raises, with `AnswerLost` also for an answer that cannot be read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self, TypeVar
from urllib.parse import quote

from canvas_sis_sync.canvas import _refusals, answers
from canvas_sis_sync.canvas._bodies import Unreadable
from canvas_sis_sync.canvas._upload import FileBody, FormBody, Progress
from canvas_sis_sync.canvas._wire import READ_SECONDS, Answer, BodySink, HttpRequest, Wire
from canvas_sis_sync.canvas.answers import Account, Offer, User
from canvas_sis_sync.canvas.records import ImportMessage, Listing, SisImport
from canvas_sis_sync.errors import AccessRefused, AnswerLost, CanvasError, NotFound, RedirectRefused, RequestRejected

T = TypeVar("T")

PER_PAGE = 50
CREATE_SECONDS = 300
ATTACHMENT_SECONDS = 300
TOKEN_SECONDS = 10
TOKEN_HINT = 5
"""Characters of a token by which Canvas knows it (changes-since-2022, Throttling)."""
SLOWEST_BYTES = 200_000
"""How many bytes of an attachment have to come in a second, after ATTACHMENT_SECONDS."""
MOST_REDIRECTS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
LISTING_PAGES = 5_000
LISTING_RECORDS = 250_000
LISTING_BYTES = 256 * 1024 * 1024
LISTING_SECONDS = 900
"""What one listing may take in all. Canvas gives 50 records a page, and several pages a second."""
ZIP = "application/zip"


class Retrying(Protocol):
    """Calls a question, again when that can help, and returns its answer or raises its last error."""

    def __call__(self, ask: Callable[[], T]) -> T:
        """Call `ask` at least once."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the storage said after it took the data (API 10)."""

    #: To be handed to `Canvas.confirm`; None when the storage names none.
    location: str | None
    #: True when the upload is complete already and `confirm` would only describe it.
    complete: bool


class Canvas:
    """One Canvas and one token. A context manager.

    `base_url` is scheme, host and port. `retry` is used for questions that only ask.
    """

    def __init__(self, base_url: str, token: str, *, retry: Retrying, user_agent: str) -> None:
        self._wire = Wire(base_url, token, user_agent=user_agent)
        self._token_hint = token[:TOKEN_HINT]
        self._retry = retry

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    def current_user(self) -> User:
        """Ask whose token it is (GET users/self)."""
        return self._look("/users/self", "ask whose token this is", answers.parse_user)

    def token_end(self) -> float | None:
        """Ask once when the token ends, in seconds since the epoch; None when it does not, or Canvas does not say.

        Canvas answers that since late 2025, and not to everybody.
        """
        where = f"/users/self/tokens/{quote(self._token_hint, safe='')}"
        request = HttpRequest("GET", where, "ask when the token ends", answer_seconds=TOKEN_SECONDS)
        try:
            return self._ask(request, answers.parse_token_end)
        except CanvasError:
            return None

    def root_account(self, account: str) -> Account:
        """Resolve `self` or a number to the root account. Raises `RequestRejected` for a sub-account (API 1)."""
        found = self._look(f"/accounts/{quote(account, safe='')}", f"find account {account}", answers.parse_account)
        if found.root is not None:
            raise RequestRejected(
                f"Account {account} ({found.name}) is a sub-account; SIS imports belong to root account {found.root}.",
                f"Set CANVAS_ACCOUNT_ID={found.root}.",
            )
        return found

    def role_names(self, account_id: int) -> frozenset[str]:
        """List the names of the account's roles, custom ones too (GET accounts/:id/roles)."""
        question = _question(f"/accounts/{account_id}/roles", "list the roles", [("per_page", str(PER_PAGE))])
        return frozenset(name for page, _ in self._pages(question, answers.parse_role_names) for name in page)

    def may_import(self, account_id: int) -> bool | None:
        """Return whether the token's user may see imports, which who may import can; None if that is not known."""
        question = _question(_imports(account_id), "list the SIS imports", [("per_page", "1")])
        try:
            self._ask(question, answers.parse_imports)
        except AccessRefused:
            return False
        except CanvasError:
            return None
        return True

    def list_imports(self, account_id: int, states: Collection[str] = (), *, limit: int | None = None) -> Listing:
        """List imports as Canvas gives them, newest first: all pages, or until there are `limit` (API 4).

        `states` asks Canvas to filter; whether it did, the states in the answer say.
        """
        return self._listing(account_id, states, lambda _page, found: limit is not None and len(found) >= limit)

    def imports_until(
        self, account_id: int, states: Collection[str], enough: Callable[[SisImport], bool]
    ) -> tuple[SisImport, ...]:
        """List imports in these states, newest first, up to one that is `enough`; all pages when none is.

        Canvas's filter is not trusted: only imports that say that they are in one of the states are given.
        """
        found: dict[int, SisImport] = {}
        for page, _ in self._import_pages(account_id, states):
            for sis_import in page:
                if sis_import.workflow_state in states:
                    found.setdefault(sis_import.id, sis_import)
                    if enough(sis_import):
                        return tuple(found.values())
        return tuple(found.values())

    def imports_above(self, account_id: int, mark: int) -> Listing:
        """List the imports with an id above `mark`: pages are read until a whole one is at or below it.

        Canvas lists the newest first, but a single one at or below the mark does not prove it.
        """
        listing = self._listing(
            account_id, (), lambda page, _found: bool(page) and all(each.id <= mark for each in page)
        )
        return replace(listing, imports=tuple(each for each in listing.imports if each.id > mark))

    def get_import(self, account_id: int, import_id: int) -> SisImport:
        """Ask for one import (API 5). Raises `NotFound` when Canvas has none of that id."""
        where = f"{_imports(account_id)}/{import_id}"
        return self._look(where, f"ask for SIS import {import_id}", answers.parse_import)

    def import_errors(self, account_id: int, import_id: int) -> Iterator[ImportMessage]:
        """Return all messages of an import in the order they arose: Canvas lists the newest first (API 4)."""
        question = _question(
            f"{_imports(account_id)}/{import_id}/errors",
            f"list the messages of SIS import {import_id}",
            [("per_page", str(PER_PAGE))],
        )
        pages = [message for page, _ in self._pages(question, answers.parse_messages) for message in page]
        return reversed(pages)

    def abort_import(self, account_id: int, import_id: int) -> SisImport:
        """Abort an import, once (API 6). Raises `NotFound` when it is finished already."""
        where = f"{_imports(account_id)}/{import_id}/abort"
        return self._ask(HttpRequest("PUT", where, f"abort SIS import {import_id}"), answers.parse_import)

    def create_import(
        self,
        account_id: int,
        zip_path: Path,
        parameters: Mapping[str, str],
        *,
        sha256: str,
        progress: Progress | None = None,
    ) -> SisImport:
        """Send a zip as the raw body of one POST, parameters in the query (API 3.1). Never repeated automatically.

        `sha256` is what the zip must be, in hexadecimal; `progress` gets the bytes sent. `NothingArrived` proves that
        Canvas has not seen the request, and `ZipAltered` that it has not got all of it; after `AnswerLost` the import
        may exist.
        """
        request = HttpRequest(
            "POST",
            _imports(account_id),
            "send the zip",
            params=[*parameters.items(), ("import_type", "instructure_csv"), ("extension", "zip")],
            headers={"Content-Type": ZIP},
            body=FileBody(zip_path, progress, sha256=sha256),
            answer_seconds=CREATE_SECONDS,
            fresh=True,
        )
        return self._ask(request, answers.parse_import)

    def announce_import(
        self, account_id: int, name: str, size: int, parameters: Mapping[str, str]
    ) -> tuple[SisImport, Offer | None]:
        """Announce a zip of `size` bytes, once: the import, and where its data go (API 10, step 1).

        The offer is None when this Canvas does not know the two-step way.
        """
        file = {"name": name, "size": str(size), "content_type": ZIP}
        request = HttpRequest(
            "POST",
            _imports(account_id),
            "announce the zip",
            params=[
                *parameters.items(),
                ("import_type", "instructure_csv"),
                *((f"pre_attachment[{key}]", value) for key, value in file.items()),
            ],
            answer_seconds=CREATE_SECONDS,
            fresh=True,
        )
        return self._ask(request, answers.parse_announced)

    def upload_to_offer(
        self, offer: Offer, zip_path: Path, progress: Progress | None = None, *, sha256: str
    ) -> Confirmation:
        """Send a zip's data to where the offer says, once and without the token (API 10, step 2).

        `sha256` and `ZipAltered` are as for `create_import`.
        """
        body = FormBody(zip_path, progress, sha256=sha256, fields=offer.fields, file_field=offer.file_field)
        request = HttpRequest(
            "POST",
            offer.url,
            "upload the zip's data",
            headers={"Content-Type": body.content_type},
            body=body,
            answer_seconds=CREATE_SECONDS,
            given=True,
            with_token=False,
            fresh=True,
            welcome=REDIRECTS,
        )
        answer = self._wire.ask(request)
        if answer.status < 300:
            return Confirmation(_location_if_any(answer), complete=True)
        return Confirmation(_location(answer), complete=False)

    def confirm(self, location: str) -> None:
        """Follow the storage's Location, once; the token goes along only on the Canvas host (API 10, step 3)."""
        at_home = self._wire.is_home(location)
        self._wire.ask(HttpRequest("GET", location, "confirm the upload", given=True, with_token=at_home, fresh=True))

    def fetch_attachment(self, url: str, into: BinaryIO, *, most_bytes: int) -> None:
        """Write a file that Canvas keeps with an import to `into`, once; after an error `into` holds a part of it.

        Redirects are followed. The token goes to `url` if that is on the Canvas host, and to no redirect: that carries
        an authorization of its own (changes-since-2022, Imports). Raises `NotFound`, `AccessRefused`,
        `Throttled` and `NothingArrived`; `AnswerLost` for everything else, also for more than `most_bytes`. HomeError
        when `into` cannot be written.
        """
        sink = BodySink(into, most_bytes, time.monotonic() + ATTACHMENT_SECONDS + most_bytes / SLOWEST_BYTES)
        with_token = self._wire.is_home(url)
        for _ in range(MOST_REDIRECTS + 1):
            answer = self._fetch(url, sink, with_token=with_token)
            if answer.status < 300:
                return
            url, with_token = _location(answer), False
        raise _refusals.lost(answer.asked, "redirects again and again", answer.seconds, answer.status)

    def _fetch(self, url: str, sink: BodySink, *, with_token: bool) -> Answer:
        request = HttpRequest(
            "GET",
            url,
            "fetch a file of an import",
            headers={"Accept": "*/*", "Accept-Encoding": "identity"},
            answer_seconds=max(0.001, min(READ_SECONDS, sink.ends - time.monotonic())),
            given=True,
            with_token=with_token,
            fresh=True,
            welcome=REDIRECTS,
            into=sink,
        )
        try:
            return self._wire.ask(request)
        except NotFound:
            raise
        except (
            RequestRejected,
            RedirectRefused,
        ) as error:  # by a storage, mostly: its address is good for a few minutes only
            raise AnswerLost(error.sentence, error.hint, status=error.status) from error

    def _look(self, where: str, what: str, parse: Callable[[Any], T]) -> T:
        return self._retry(lambda: self._ask(_question(where, what), parse))

    def _ask(self, request: HttpRequest, parse: Callable[[Any], T]) -> T:
        return self._read(self._wire.ask(request), parse)

    def _read(self, answer: Answer, parse: Callable[[Any], T]) -> T:
        try:
            return parse(self._wire.data(answer))
        except Unreadable as problem:
            raise _refusals.lost(answer.asked, f"answered with {problem}", answer.seconds, answer.status) from problem

    def _listing(
        self, account_id: int, states: Collection[str], is_enough: Callable[[list[SisImport], Collection[int]], bool]
    ) -> Listing:
        """List imports up to a page that, with the ids found so far, `is_enough`; of two of an id the first counts."""
        found: dict[int, SisImport] = {}
        canvas_now = None
        for page, date in self._import_pages(account_id, states):
            canvas_now = date if canvas_now is None else canvas_now
            for sis_import in page:
                found.setdefault(sis_import.id, sis_import)
            if is_enough(page, found):
                break
        return Listing(tuple(found.values()), canvas_now)

    def _import_pages(
        self, account_id: int, states: Collection[str] = ()
    ) -> Iterator[tuple[list[SisImport], float | None]]:
        filters = [("workflow_state[]", state) for state in sorted(states)]
        params = [("per_page", str(PER_PAGE)), *filters]
        return self._pages(_question(_imports(account_id), "list the SIS imports", params), answers.parse_imports)

    def _pages(self, question: HttpRequest, parse: Callable[[Any], list[T]]) -> Iterator[tuple[list[T], float | None]]:
        """Yield each page and its Date, following Link headers; each page is retried for itself (API 4).

        Raises `AnswerLost` when the pages are without end.
        """
        seen: set[str] = set()
        ends, records, size = time.monotonic() + LISTING_SECONDS, 0, 0
        following: str | None = question.where
        while following is not None:
            asking = question if not seen else HttpRequest("GET", following, question.what, given=True)
            page, answer = self._retry(self._page_of(asking, parse))
            yield page, answers.parse_date(answer.headers.get("Date"))
            seen.add(following)
            records, size = records + len(page), size + len(answer.body)
            following = answer.next_page
            if following in seen:
                raise _refusals.lost(answer.asked, "lists its pages in a circle", answer.seconds)
            endless = len(seen) >= LISTING_PAGES or records >= LISTING_RECORDS or size >= LISTING_BYTES
            if following and (endless or time.monotonic() > ends):
                raise _refusals.lost(answer.asked, f"lists pages without an end ({len(seen):,} so far)", answer.seconds)

    def _page_of(self, request: HttpRequest, parse: Callable[[Any], T]) -> Callable[[], tuple[T, Answer]]:
        def page() -> tuple[T, Answer]:
            answer = self._wire.ask(request)
            return self._read(answer, parse), answer

        return page


def _imports(account_id: int) -> str:
    return f"/accounts/{account_id}/sis_imports"


def _question(where: str, what: str, params: Sequence[tuple[str, str]] = ()) -> HttpRequest:
    return HttpRequest("GET", where, what, params)


def _location(answer: Answer) -> str:
    if answer.location is None:
        raise _refusals.lost(answer.asked, "redirects to nowhere", answer.seconds, answer.status)
    return answer.location


def _location_if_any(answer: Answer) -> str | None:
    """Return where a complete upload is described, None also when that is an address that is not followed."""
    try:
        return answer.location
    except AnswerLost:
        return None
