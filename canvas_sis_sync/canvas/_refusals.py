"""What went wrong in words: a failed connection or a status becomes an error of `errors` (API 7 and 8).

Owns the sentences and hints of everything that can happen on the wire. They name the host and what was asked for,
never the token, and of a body only Canvas's own error text.
"""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from canvas_sis_sync.canvas import _addresses
from canvas_sis_sync.errors import (
    AccessRefused,
    AnswerLost,
    CanvasError,
    NotFound,
    NothingArrived,
    RedirectRefused,
    RequestRejected,
    Throttled,
)

PERMISSION = "Import SIS data"

_THROTTLED = "rate limit exceeded"
_ENDED = re.compile(r"(expired|revoked)\b", re.IGNORECASE)
"""How Canvas's words about a token begin that it knows and no longer takes."""

_HINT_HOST = "Check CANVAS_BASE_URL, and that this machine has a network and a name server."
_HINT_ADDRESS = "Check that CANVAS_BASE_URL is the address of Canvas itself, without a path."
_HINT_REACH = "Check that the host is up and that no firewall or proxy (HTTPS_PROXY) is in between."
_HINT_TLS = (
    "If your network or Canvas uses a certificate authority of its own, name its PEM file in REQUESTS_CA_BUNDLE; "
    "if the host name is wrong, correct CANVAS_BASE_URL."
)
_HINT_LATER = "Nothing need be done if this passes by itself; otherwise look at Canvas's status page."
_HINT_401 = "Make a new access token in Canvas (Account, Settings) and put it into CANVAS_API_TOKEN."
_HINT_PERMISSION = (
    f"Give the token's user an account role with the permission '{PERMISSION}' in the root account, "
    "or use the token of a user who has it."
)
_HINT_DISABLED = "Have SIS imports switched on in the settings of the root account."
_HINT_REFUSED = (
    "Ask whoever runs that Canvas, or the proxy before it, why it refuses this machine or the User-Agent header."
)
_HINT_ODD = "Ask whoever runs that Canvas, and its storage, why it names an address of this form."
_HINT_NOT_CANVAS = (
    "Nothing need be done if this passes. If it does not, a proxy or firewall before Canvas may be what answers: ask "
    "whoever runs it."
)
_HINT_REJECTED = "Check the SIS_IMPORT_* settings against what Canvas says."
_HINT_NOT_FOUND = "Check CANVAS_BASE_URL, CANVAS_ACCOUNT_ID and, if one was given, the term or import id."


@dataclass(frozen=True, slots=True)
class Asking:
    """What an answer is an answer to."""

    #: The host, with its port if that is not the usual one.
    host: str
    #: In words, as in "could not ...".
    what: str
    #: The token goes along, so it is Canvas that is asked.
    with_token: bool
    #: It is a POST or PUT: an answer that is not Canvas's own does not prove that nothing came of it.
    changes: bool = False


@dataclass(frozen=True, slots=True)
class RefusedAnswer:
    """An answer that is not what was asked for."""

    status: int
    headers: Mapping[str, str]
    #: What the body holds as JSON, None when it is none.
    answer: Any
    #: The first part of the body as text, in lower case.
    start: str
    #: Canvas's own words, "" if it has none.
    text: str

    @property
    def json(self) -> Mapping[str, object]:
        """The body, if it is a JSON object; else an empty one."""
        return self.answer if isinstance(self.answer, dict) else {}

    @property
    def media(self) -> str:
        """What the body is said to be, such as "text/html"."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def throttles(self) -> bool:
        """True for Canvas's own throttle, of older and newer kind (API 8): the request did not run."""
        if self.status not in {403, 429} or self.media not in {"text/plain", ""} or _THROTTLED not in self.start:
            return False
        try:
            return float(self.headers.get("X-Rate-Limit-Remaining", "")) <= 0
        except ValueError:
            return False

    @property
    def is_canvas_own(self) -> bool:
        """True for an error in one of Canvas's own forms (API 7), which a proxy before it does not have."""
        if self.media != "application/json" and not self.media.endswith("+json"):
            return False
        return bool(self.json and self.text) or self.json.get("status") in {"unauthorized", "unauthenticated"}


def not_connected(asked: Asking, problem: BaseException, proxy: str | None) -> NothingArrived:
    """Build the error for a connection that did not come about, through `proxy` if there is one."""
    reason, hint = _why_not_connected(problem, proxy or asked.host)
    return NothingArrived(f"Could not {asked.what}: {reason}. Nothing was sent.", hint)


def not_plain(asked: Asking) -> NothingArrived:
    """Build the error for an address that Canvas named and no request is made to."""
    sentence = f"Could not {asked.what}: the address for it is not a plain web address. Nothing was sent."
    return NothingArrived(sentence, _HINT_ODD)


def without_tls(asked: Asking) -> NothingArrived:
    """Build the error for a request that would be sent in clear."""
    sentence = f"Could not {asked.what}: {asked.host} would be spoken to without TLS. Nothing was sent."
    return NothingArrived(sentence, "Set CANVAS_BASE_URL to an address that begins with https://.")


def lost(
    asked: Asking, reason: str, seconds: float, status: int | None = None, *, hint: str = _HINT_LATER
) -> AnswerLost:
    """Build the error for a request that may have been carried out."""
    sentence = f"Tried to {asked.what}, but {asked.host} {reason} (after {seconds:.0f} s)."
    return AnswerLost(sentence, hint, status=status, seconds=seconds)


def lost_way(asked: Asking, problem: _addresses.NotPlain, seconds: float, status: int) -> AnswerLost:
    """Build the error for an answer that points to an address that is not followed."""
    return lost(asked, f"points to {problem}, which is not followed", seconds, status, hint=_HINT_ODD)


def astray(asked: Asking, address: str) -> RedirectRefused:
    """Build the error for a redirect to `address`, where the token does not go. Only its scheme and host are named."""
    place = _addresses.shown(address)
    if place:
        sentence = f"Could not {asked.what}: {asked.host} points to {place}, where the token is not sent."
        return RedirectRefused(sentence, f"If that is your Canvas too, set CANVAS_BASE_URL={place} and run again.")
    where = "an address that is not a plain web address" if "//" in address else "a page of its own"
    return RedirectRefused(f"Could not {asked.what}: {asked.host} sent the request on to {where}.", _HINT_ADDRESS)


def refused(asked: Asking, refusal: RefusedAnswer, seconds: float) -> CanvasError:
    """Turn an answer that is not a success into the error that says so.

    After a request that changes something, only Canvas's own words and its throttle prove that it did not run.
    """
    status = refusal.status
    if status >= 500 or status < 200 or status == 408:
        return lost(asked, f"answered with an error of its own ({status}){_quoted(refusal)}", seconds, status)
    if 300 <= status < 400:
        return _redirected(asked, refusal, seconds)
    if asked.changes and asked.with_token and not (refusal.throttles or refusal.is_canvas_own):
        what = "a web page" if refusal.start.lstrip()[:1] == "<" else "something"
        reason = f"answered with {what} that is not Canvas's own ({status})"
        return lost(asked, reason, seconds, status, hint=_HINT_NOT_CANVAS)
    if status == 429 or refusal.throttles or (status == 403 and not refusal.json and _THROTTLED in refusal.start):
        sentence = f"{asked.host} answered that it is asked too often, when trying to {asked.what} ({status})."
        return Throttled(sentence, "Do not share the access token with other programs.", status=status)
    if status in {401, 403} and asked.with_token:
        return _access_refused(asked, refusal)
    kind = NotFound if status == 404 else RequestRejected
    sentence = f"{asked.host} refused to {asked.what} ({status}){_quoted(refusal)}."
    return kind(sentence, _HINT_NOT_FOUND if status == 404 else _HINT_REJECTED, status=status)


def _redirected(asked: Asking, refusal: RefusedAnswer, seconds: float) -> CanvasError:
    there = refusal.headers.get("Location", "")
    if not asked.changes:
        return astray(asked, there)
    place = _addresses.shown(there)
    reason = f"answered with a redirect{f' to {place}' if place else ''} ({refusal.status})"
    return lost(asked, reason, seconds, refusal.status, hint=_HINT_NOT_CANVAS)


def _access_refused(asked: Asking, refusal: RefusedAnswer) -> AccessRefused:
    sentence, hint = _why_refused(refusal)
    whole = f"{asked.host} refused to {asked.what} ({refusal.status}): {sentence}{_quoted(refusal)}."
    return AccessRefused(whole, hint, status=refusal.status)


def _why_refused(refusal: RefusedAnswer) -> tuple[str, str]:
    """Distinguish the kinds of 401 and 403 (API 7)."""
    errors = refusal.json.get("errors")
    if refusal.json.get("status") == "unauthorized":
        return f"the token's user lacks the permission '{PERMISSION}'", _HINT_PERMISSION
    if refusal.status == 401 and (ended := _ENDED.match(refusal.text)):
        return f"the access token {'has' if ended[1].lower() == 'expired' else 'was'} {ended[1].lower()}", _HINT_401
    if refusal.status == 401:
        return "the access token is wrong, has expired, was revoked, or lacks the scope", _HINT_401
    if isinstance(errors, list) and errors and all(isinstance(error, str) for error in errors):
        return "SIS imports are switched off for this account", _HINT_DISABLED
    return "neither token nor permission is named as the reason", _HINT_REFUSED


def _quoted(refusal: RefusedAnswer) -> str:
    return f". It says: {refusal.text.rstrip('.')}" if refusal.text else ""


def _why_not_connected(problem: BaseException, host: str) -> tuple[str, str]:
    found = causes(problem)
    for cause in found:
        if isinstance(cause, socket.gaierror | UnicodeError):
            return f"the name {host} could not be resolved", _HINT_HOST
        if isinstance(cause, ssl.SSLError | ssl.CertificateError):
            why = getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or "unknown reason"
            return f"TLS could not be agreed on with {host} ({why})", _HINT_TLS
        if isinstance(cause, ConnectionRefusedError):
            return f"{host} refused the connection", _HINT_REACH
        if isinstance(cause, TimeoutError):
            return f"{host} did not take the connection in time", _HINT_REACH
    return f"no connection to {host} ({_plainest(found)})", _HINT_REACH


def causes(problem: BaseException | None) -> list[BaseException]:
    """List an exception and all that led to it, the latest first."""
    found: list[BaseException] = []
    while problem is not None and problem not in found:
        found.append(problem)
        problem = problem.__cause__ or problem.__context__
    return found


def _plainest(found: list[BaseException]) -> str:
    """Return the operating system's words, if it has any; messages of libraries may quote headers."""
    words = (cause.strerror or str(cause) for cause in found if type(cause) is OSError)
    return next(words, type(found[-1]).__name__)
