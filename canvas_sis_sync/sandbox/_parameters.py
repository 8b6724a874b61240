"""The parameters of a new import: what they switch on, what they exclude, and what is refused (API 3.2).

Owns the echo of the parameters in a SisImport object; what they do to rows is the importer's part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from canvas_sis_sync.sandbox._replies import ErrorReply, server_error, wrong_parameter

Params = Mapping[str, str]

_TRUE = frozenset({"yes", "y", "true", "t", "on", "1"})
_DROPS = frozenset({"deleted", "completed", "inactive", "deleted_last_completed"})
_REMOVALS = frozenset({"deleted", "suspended"})
_EXTENSIONS = {"application/zip": "zip", "text/csv": "csv", "text/plain": "csv", "text/xml": "xml"}


def is_true(text: str | None) -> bool:
    """Read a boolean as Canvas does (API 2): the true words in any case, or any number but 0."""
    word = (text or "").strip().lower()
    return word in _TRUE or (word.lstrip("+-").isdigit() and int(word) != 0)


def extension_of(params: Params, content_type: str, charset: str | None) -> str:
    """Choose the extension of a raw body (API 3.1); raises ErrorReply 400 for a charset other than UTF-8."""
    if params.get("extension"):
        return params["extension"].lstrip(".")
    if charset and charset.lower() != "utf-8":
        raise ErrorReply(400, {"error": f"A body in {charset} cannot be read, send UTF-8."})
    return _EXTENSIONS.get(content_type, "zip")


def check_before_record(params: Params, find_term: Callable[[str], int]) -> int | None:
    """Judge what Canvas judges before a record exists, and return the id of the batch mode term, if any.

    `find_term` returns a term's id or raises ErrorReply 404. Raises ErrorReply 500 for an unknown import_type, 400 for
    batch mode without a term.
    """
    if params.get("import_type", "instructure_csv") != "instructure_csv":
        raise server_error("That import_type has no importer.")
    if not is_true(params.get("batch_mode")):
        return None
    if params.get("batch_mode_term_id"):
        return find_term(params["batch_mode_term_id"])
    if "multi_term_batch_mode" not in params:
        raise wrong_parameter("Batch mode needs a term, and batch_mode_term_id names none.")
    return None


def read_options(params: Params, term_id: int | None) -> dict[str, Any]:
    """Turn the parameters into the fields that echo them (API 5); None where nothing was asked for."""
    overrides = is_true(params.get("override_sis_stickiness")) or None
    multi_term = term_id is None and "multi_term_batch_mode" in params
    options: dict[str, Any] = {
        "batch_mode": True if term_id is not None or multi_term else None,
        "batch_mode_term_id": term_id,
        "multi_term_batch_mode": is_true(params["multi_term_batch_mode"]) if multi_term else None,
        "batch_mode_enrollment_drop_status": params.get("batch_mode_enrollment_drop_status") or None,
        "override_sis_stickiness": overrides,
        "add_sis_stickiness": (overrides and is_true(params.get("add_sis_stickiness"))) or None,
        "clear_sis_stickiness": (overrides and is_true(params.get("clear_sis_stickiness"))) or None,
        "update_sis_id_if_login_claimed": is_true(params.get("update_sis_id_if_login_claimed")),
        "skip_deletes": is_true(params.get("skip_deletes")),
        "change_threshold": _number(params.get("change_threshold")),
    }
    return options | _read_diffing(params, batch_mode=bool(options["batch_mode"]))


def _read_diffing(params: Params, *, batch_mode: bool) -> dict[str, Any]:
    identifier = None if batch_mode else params.get("diffing_data_set_identifier") or None
    rows = _number(params.get("diff_row_count_threshold"))
    return {
        "diffing_data_set_identifier": identifier,
        "diffing_remaster": is_true(params.get("diffing_remaster_data_set")) if identifier else None,
        "diffing_drop_status": params.get("diffing_drop_status") or None,
        "diffing_user_remove_status": params.get("diffing_user_remove_status") or None,
        "diff_row_count_threshold": rows if rows and rows > 0 else None,
    }


def check_after_record(options: Mapping[str, Any]) -> None:
    """Judge what Canvas judges when the record already exists, which then stays `initializing` for ever.

    Raises ErrorReply 400.
    """
    if options["multi_term_batch_mode"] is not None and options["change_threshold"] is None:
        raise wrong_parameter("Multi-term batch mode needs change_threshold.")
    for name, allowed in (
        ("batch_mode_enrollment_drop_status", _DROPS),
        ("diffing_drop_status", _DROPS),
        ("diffing_user_remove_status", _REMOVALS),
    ):
        if options[name] is not None and options[name] not in allowed:
            raise wrong_parameter(f"{name} does not know the status {options[name]!r}.")
    if len(options["diffing_data_set_identifier"] or "") > 128:
        field = "diffing_data_set_identifier"
        text = "is longer than 128 characters"
        raise ErrorReply(400, {"errors": [{"field": field, "message": text, "error_code": "too_long"}]})


def _number(text: str | None) -> int | None:
    if text is None or not text.strip():
        return None
    digits = text.strip()
    sign = -1 if digits.startswith("-") else 1
    digits = digits.lstrip("+-")
    end = next((index for index, character in enumerate(digits) if not character.isdigit()), len(digits))
    return sign * int(digits[:end] or "0")
