"""Who may ask what, and which endpoint answers: routing, authorization, throttling and common headers (API 1, 2, 8).

Owns the WSGI application. Sockets are in `_wire`, endpoints in `_endpoints` and `_uploading`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response

from canvas_sis_sync.sandbox import _endpoints, _uploading
from canvas_sis_sync.sandbox._call import Call
from canvas_sis_sync.sandbox._records import SandboxUser, SeenRequest
from canvas_sis_sync.sandbox._replies import ErrorReply, not_found, server_error, with_string_ids
from canvas_sis_sync.sandbox._state import State
from canvas_sis_sync.sandbox._wire import CutOff

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_ACCOUNT = "/api/v1/accounts/<account>"
_IMPORTS = f"{_ACCOUNT}/sis_imports"
_ROUTES: dict[tuple[str, str], Callable[..., Any]] = {
    ("POST", _IMPORTS): _uploading.create,
    ("GET", _IMPORTS): _endpoints.list_imports,
    ("GET", f"{_IMPORTS}/importing"): _endpoints.list_importing,
    ("PUT", f"{_IMPORTS}/abort_all_pending"): _endpoints.abort_all_pending,
    ("GET", f"{_IMPORTS}/<int:import_id>"): _endpoints.get_import,
    ("PUT", f"{_IMPORTS}/<int:import_id>/abort"): _endpoints.abort_import,
    ("PUT", f"{_IMPORTS}/<int:import_id>/restore_states"): _endpoints.restore_states,
    ("GET", f"{_IMPORTS}/<int:import_id>/errors"): _endpoints.import_errors,
    ("GET", f"{_ACCOUNT}/sis_import_errors"): _endpoints.account_errors,
    ("GET", _ACCOUNT): _endpoints.get_account,
    ("GET", f"{_ACCOUNT}/terms"): _endpoints.list_terms,
    ("GET", f"{_ACCOUNT}/roles"): _endpoints.list_roles,
    ("GET", "/api/v1/users/self"): _endpoints.current_user,
    ("GET", "/api/v1/users/self/tokens/<hint>"): _endpoints.get_token,
    ("GET", "/api/v1/progress/<int:job_id>"): _endpoints.get_progress,
    ("GET", "/api/v1/files/uploaded/<code>"): _uploading.confirm,
    ("GET", "/files/<int:file_id>/download"): _endpoints.download,
    ("GET", f"{_endpoints.STORAGE}<verifier>"): _endpoints.stored,
    ("POST", "/uploads/<code>"): _uploading.upload,
}
_OPEN = frozenset({_uploading.upload, _endpoints.stored})
"""Open to whoever has their URL."""
_THROTTLED = {"throttle": 403, "throttle-429": 429}
"""The statuses of throttled requests, by fault; these have no X-Request-Cost (API 8)."""
_QUOTA = {"x-request-cost": "0.0625", "x-rate-limit-remaining": "599.9375"}
"""The throttling headers of a client that asks one thing at a time (API 8)."""
_MAP = Map(
    [Rule(path, methods=[method], endpoint=function) for (method, path), function in _ROUTES.items()],
    strict_slashes=False,
)


class Application:
    """The sandbox as a WSGI application; `log` gets every request once it is over."""

    def __init__(self, state: State, log: Callable[[SeenRequest], None]) -> None:
        self._state = state
        self._log = log

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request; raises CutOff when it gets no answer."""
        request = HttpRequest(environ)
        status = None
        try:
            response = self._answer(request)
            status = response.status_code
        finally:
            self._log(_logged(request, status))
        response.headers["date"] = formatdate(self._state.now(), usegmt=True)
        response.headers["x-sis-sync-sandbox"] = "1"

        def start(line: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(line, [(name.lower(), value) for name, value in headers], *rest)

        return response(environ, start)

    def _answer(self, request: HttpRequest) -> Response:
        try:
            return self._respond(request)
        except ErrorReply as refusal:
            return _write(request, refusal.body, refusal.status, refusal.headers)
        except HTTPException as error:
            return _write(request, not_found().body, error.code or 404, {})

    def _respond(self, request: HttpRequest) -> Response:
        for fault, status in _THROTTLED.items():
            if self._state.faults.count_down(fault):
                raise ErrorReply(
                    status, f"{status} Forbidden (Rate Limit Exceeded)\n", {"x-rate-limit-remaining": "0.0"}
                )
        if not request.headers.get("User-Agent"):
            raise ErrorReply(403, "Requests must name their User-Agent.")
        path = re.sub(r"\.json$", "", request.path)
        function, arguments = _MAP.bind("", "/").match(path, request.method)
        if function in _OPEN:
            answer = function(self._state, request, **arguments)
        else:
            call = Call(self._state, request, self._user(request))
            self._apply_faults_of_reading(request)
            answer = function(call, **arguments)
        if isinstance(answer, Response):
            return answer
        body, headers = answer if isinstance(answer, tuple) else (answer, {})
        return _write(request, body, 200, _QUOTA | headers)

    def _apply_faults_of_reading(self, request: HttpRequest) -> None:
        if request.method != "GET":
            return
        if self._state.faults.count_down("get-500"):
            raise server_error()
        if self._state.faults.count_down("get-cut"):
            raise CutOff

    def _user(self, request: HttpRequest) -> SandboxUser:
        """Return who asks; raises ErrorReply 401 (API 7)."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else request.args.get("access_token", "")
        if not token:
            message = "A token is needed."
            raise ErrorReply(401, {"status": "unauthenticated", "errors": [{"message": message}]})
        user = self._state.users.get(token)
        if user is None or self._has_expired():
            challenge = {"www-authenticate": 'Bearer realm="canvas-lms"'}
            message = "Invalid access token." if user is None else "Expired access token."
            raise ErrorReply(401, {"errors": [{"message": message}]}, challenge)
        return user

    def _has_expired(self) -> bool:
        end = self._state.token_end()
        return self._state.faults.standing("expired-token") is not None or (
            end is not None and end <= self._state.now()
        )


def _write(request: HttpRequest, body: Any, status: int, headers: dict[str, str]) -> Response:
    if isinstance(body, str):
        kind = "text/html" if body.startswith("<") else "text/plain"
        return Response(body, status, headers, content_type=f"{kind}; charset=utf-8")
    if "json+canvas-string-ids" in request.headers.get("Accept", ""):
        body = with_string_ids(body)
    return Response(json.dumps(body), status, headers, content_type="application/json; charset=utf-8")


def _logged(request: HttpRequest, status: int | None) -> SeenRequest:
    return SeenRequest(
        method=request.method,
        path=request.path,
        query=tuple(request.args.items(multi=True)),
        headers=tuple(request.headers.items()),
        status=status,
        content_length=request.content_length or 0,
    )
