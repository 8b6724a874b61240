"""POST of a new import in its three ways, and the second step of the two-step way (API 3, 10).

Owns transport and the faults that hit it. The parameters are judged in `parameters`, the rows in the importer.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response

from canvas_sis_sync.sandbox import _parameters
from canvas_sis_sync.sandbox._call import Call
from canvas_sis_sync.sandbox._faults import Faults
from canvas_sis_sync.sandbox._records import Import, StoredOffer
from canvas_sis_sync.sandbox._replies import ErrorReply, not_found, server_error, show_import, wrong_parameter
from canvas_sis_sync.sandbox._state import State
from canvas_sis_sync.sandbox._wire import CutOff, read_form, read_part_of_body, save_body

_OFFER_SECONDS = 30 * 60
_JSON_LIMIT = 1 << 20
_HTML_502 = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Upload:
    """What a POST brought: parameters, and the file unless it is announced only."""

    params: dict[str, str]
    path: Path | None
    name: str


def create(call: Call, account: str) -> dict[str, Any]:
    """Answer a POST of a new import: https://canvas.instructure.com/doc/api/sis_imports.html.

    Raises ErrorReply as API 3.2 and 7 say, CutOff by the faults that lose answers.
    """
    account_id = call.root_account_id(account)
    upload = _receive(call)
    _apply_faults_before(call.state, account_id, call.user.id)
    option = call.state.faults.take("ignore-option")
    upload.params.pop(option or "", None)
    lateness = call.state.faults.take("late-record")
    if lateness is not None:
        call.state.later(float(lateness), lambda: _accept_unheard(call, account_id, upload))
        raise CutOff
    answer = _accept(call, account_id, upload)
    _apply_faults_after(call.state, announced="pre_attachment" in answer)
    return answer


def _receive(call: Call) -> Upload:
    request, params = call.request, call.params()
    if request.mimetype == "multipart/form-data":
        form = read_form(request, call.state.new_path)
        params |= form.fields
        if "attachment" not in form.files:
            raise ErrorReply(400, {"error": True, "error_message": "The form has no file called attachment."})
        name, path = form.files["attachment"]
        return Upload(params, path, name)
    if call.state.faults.standing("no-pre-attachment") is None:
        params |= _json_params(request)
        if "pre_attachment[name]" in params:
            return Upload(params, None, _announced_name(params))
    extension = _parameters.extension_of(params, request.mimetype, request.mimetype_params.get("charset"))
    path = call.state.new_path()
    save_body(request, path)
    return Upload(params, path, f"sis_import.{extension}")


def _json_params(request: HttpRequest) -> dict[str, str]:
    """Read parameters from a JSON body, nested ones as `outer[inner]`."""
    if request.mimetype != "application/json" or (request.content_length or 0) > _JSON_LIMIT:
        return {}
    try:
        body = json.loads(request.get_data() or b"{}")
    except ValueError as error:
        raise wrong_parameter("The JSON body cannot be read.") from error
    params: dict[str, str] = {}
    for name, value in body.items():
        nested = {f"{name}[{key}]": item for key, item in value.items()} if isinstance(value, dict) else {name: value}
        params |= {key: str(item) for key, item in nested.items() if item is not None}
    return params


def _announced_name(params: Mapping[str, str]) -> str:
    name = params["pre_attachment[name]"]
    if not name.lower().endswith(".zip"):
        raise wrong_parameter("pre_attachment[name] must end in .zip.")
    return name


def _accept(call: Call, account_id: int, upload: Upload) -> dict[str, Any]:
    """Make the import and show it as it is at that moment."""
    state = call.state
    term_id = _parameters.check_before_record(upload.params, _term_finder(state, account_id))
    options = _parameters.read_options(upload.params, term_id)
    with state.changed:
        record = state.add_import(account_id, call.user.id, options)
        _parameters.check_after_record(options)
        if upload.path is not None:
            state.queue(record, upload.path, upload.name)
        shown = show_import(record, call.user, base_url=call.base_url, now=state.now())
        if upload.path is None:
            shown["pre_attachment"] = _show_offer(_offer(state, record, upload), call.base_url)
    return shown


def _accept_unheard(call: Call, account_id: int, upload: Upload) -> None:
    with contextlib.suppress(ErrorReply):
        _accept(call, account_id, upload)


def _term_finder(state: State, account_id: int) -> Callable[[str], int]:
    def find(text: str) -> int:
        terms = [term for term in state.store.terms(account_id) if term["status"] != "deleted"]
        prefix, _, sis_id = text.partition(":")
        column = {"sis_term_id": "sis_id", "sis_integration_id": "integration_id"}.get(prefix)
        if text == "default":
            return int(terms[0]["id"])
        for term in terms:
            if (column and term[column] == sis_id) or str(term["id"]) == text:
                return int(term["id"])
        raise not_found()

    return find


def _apply_faults_before(state: State, account_id: int, user_id: int) -> None:
    """Let the faults act that keep the import from coming into being."""
    faults = state.faults
    if faults.take("cut-before-accept") is not None:
        raise CutOff
    _answer_with_error(faults, "")
    status = faults.take("refuse")
    if status == "record":
        state.add_import(account_id, user_id, _parameters.read_options({}, None))
        raise wrong_parameter("The sandbox refuses this import and leaves its record behind.")
    if status == "404":
        raise not_found()
    if status is not None:
        raise ErrorReply(int(status), {"message": "The sandbox refuses this import."})


def _apply_faults_after(state: State, *, announced: bool) -> None:
    """Let the faults act that lose or delay the answer of an accepted import."""
    faults = state.faults
    if faults.take("cut-after-accept") is not None or (announced and faults.take("lose-announcement") is not None):
        raise CutOff
    _answer_with_error(faults, "accepted")
    delay = faults.take("late-answer")
    if delay is not None:
        state.pause(float(delay))


def _answer_with_error(faults: Faults, value: str) -> None:
    """Let the faults act that answer with an error of the server, where they are armed with this value."""
    if faults.take_value("error-500", value):
        raise server_error()
    if faults.take_value("html-502", value):
        raise ErrorReply(502, _HTML_502)


def _offer(state: State, record: Import, upload: Upload) -> StoredOffer:
    size = upload.params.get("pre_attachment[size]", "")
    signed = {
        "filename": upload.name,
        "content_type": upload.params.get("pre_attachment[content_type]", "application/zip"),
        "policy": secrets.token_urlsafe(24),
        "signature": secrets.token_urlsafe(24),
    }
    offer = StoredOffer(
        record.id,
        secrets.token_hex(12),
        upload.name,
        int(size) if size.isdigit() else None,
        signed,
        state.now() + _OFFER_SECONDS,
    )
    state.offers[offer.code] = offer
    return offer


def _show_offer(offer: StoredOffer, base_url: str) -> dict[str, Any]:
    return {
        "upload_url": f"{base_url}/uploads/{offer.code}",
        "upload_params": offer.params,
        "file_param": "file",
        "progress": None,
    }


def upload(state: State, request: HttpRequest, code: str) -> Response:
    """Take the data of an announced import; like a storage service, it knows no tokens (API 10).

    Answers 201 with the Location that describes the file, or a redirect to the Location that completes the import.
    """
    offer = _open_offer(state, request, code)
    if state.faults.take("cut-upload") is not None:
        read_part_of_body(request)
        raise CutOff
    form = read_form(request, state.new_path)
    if form.order[-1:] != ["file"] or "file" not in form.files or form.fields != offer.params:
        raise ErrorReply(400, "The signed parameters must come unchanged, the part called file after them.")
    path = form.files["file"][1]
    if offer.size is not None and path.stat().st_size != offer.size:
        raise ErrorReply(400, "The file does not have the announced size.")
    offer.uploaded = path
    location = f"{request.scheme}://{request.host}/api/v1/files/uploaded/{code}"
    if state.faults.standing("upload-redirect") is not None:
        return Response(status=303, headers={"location": location})
    _complete(state, offer)
    return Response(status=201, headers={"location": location})


def _open_offer(state: State, request: HttpRequest, code: str) -> StoredOffer:
    offer = state.offers.get(code)
    if "Authorization" in request.headers:
        raise ErrorReply(400, "Only one way of authorisation is allowed: send the signed parameters and no token.")
    if offer is None or offer.uploaded is not None:
        raise ErrorReply(404, "There is no such upload.")
    if state.now() > offer.expires_at:
        raise ErrorReply(403, "The policy has expired.")
    return offer


def _complete(state: State, offer: StoredOffer) -> None:
    record = state.imports[offer.import_id]
    if offer.uploaded is not None and record.upload is None:
        state.queue(record, offer.uploaded, offer.name)


def confirm(call: Call, code: str) -> dict[str, Any]:
    """Complete an upload that was answered by a redirect, and describe its file."""
    offer = call.state.offers.get(code)
    if offer is None or offer.uploaded is None:
        raise not_found()
    _complete(call.state, offer)
    if call.state.faults.take("lose-confirmation") is not None:
        raise CutOff
    return {"id": offer.import_id, "display_name": offer.name, "filename": offer.name, "size": offer.size}
