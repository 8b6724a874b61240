"""The import parameters: what each one means, in words too, and whether Canvas took them.

Pure. Which combinations make sense is for the settings to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from canvas_sis_sync.canvas.records import SisImport, Taken

NOTHING_DELETED = "rows are added and changed, nothing is deleted by omission"

_TRUE = frozenset({"yes", "y", "true", "t", "on", "1"})
"""What Canvas reads as true, in any case (API 2)."""


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the parameters of an import ask for (API 3.2)."""

    #: By Canvas's own names, as they are sent; only what was set.
    parameters: Mapping[str, str] = field(default_factory=dict)

    def is_on(self, name: str) -> bool:
        """Return whether a boolean parameter is true (API 2)."""
        return self.parameters.get(name, "").lower() in _TRUE

    @property
    def data_set(self) -> str:
        """The data set that is diffed, "" for none."""
        return self.parameters.get("diffing_data_set_identifier", "")

    @property
    def remaster(self) -> bool:
        """True when the import becomes a new base of its data set, and nothing is compared."""
        return self.is_on("diffing_remaster_data_set")

    @property
    def multi_term(self) -> bool:
        """True for batch mode in every term of terms.csv."""
        return self.is_on("multi_term_batch_mode")

    @property
    def batch_mode(self) -> bool:
        """True for batch mode, in one term or in several."""
        return self.is_on("batch_mode") or self.multi_term

    @property
    def term(self) -> str:
        """The term of batch mode as it was set, "" for none."""
        return self.parameters.get("batch_mode_term_id", "")

    @property
    def skip_deletes(self) -> bool:
        """True when rows with a deleted status are ignored (CSV 9)."""
        return self.is_on("skip_deletes")

    @property
    def overrides_stickiness(self) -> bool:
        """True when what was changed by hand is overwritten."""
        return self.is_on("override_sis_stickiness")

    @property
    def takes_over_logins(self) -> bool:
        """True when a login that another SIS id has is taken over (CSV 10.8)."""
        return self.is_on("update_sis_id_if_login_claimed")

    @property
    def change_threshold(self) -> str:
        """The share in percent, "" for none (DIFF 5, 10)."""
        return self.parameters.get("change_threshold", "")


class _Form(Enum):
    TEXT = auto()
    BOOLEAN = auto()
    #: A number that means nothing unless above 0.
    POSITIVE = auto()
    #: A number, an SIS id or a word when asked, Canvas's id when answered.
    TERM = auto()


class _Role(Enum):
    NEITHER = auto()
    #: Not taking it could delete more.
    LIMITS_DELETIONS = auto()
    #: Taking it unasked deletes.
    DELETES = auto()


@dataclass(frozen=True, slots=True)
class _Option:
    """One parameter of an import (API 3.2)."""

    name: str
    form: _Form = _Form.TEXT
    role: _Role = _Role.NEITHER
    #: Its name in Canvas's answer (API 5), when that is another one.
    echo: str = ""
    #: False when answers need not have it.
    echoed: bool = True

    def normal(self, value: Any) -> str:
        """Turn a value, asked or answered, into comparable text; "" for null, false and absent."""
        text = "" if value is None or value is False else str(value)
        match self.form:
            case _Form.BOOLEAN:
                return "true" if text.lower() in _TRUE else ""
            case _Form.POSITIVE:
                return "" if text == "0" else text
            case _Form.TERM:
                return "some term" if text else ""
            case _Form.TEXT:
                return text


_OPTIONS = (
    _Option("batch_mode", _Form.BOOLEAN, _Role.DELETES),
    _Option("batch_mode_term_id", _Form.TERM),
    _Option("multi_term_batch_mode", _Form.BOOLEAN, _Role.DELETES),
    _Option("batch_mode_enrollment_drop_status", role=_Role.LIMITS_DELETIONS, echoed=False),
    _Option("skip_deletes", _Form.BOOLEAN, _Role.LIMITS_DELETIONS),
    _Option("override_sis_stickiness", _Form.BOOLEAN),
    _Option("add_sis_stickiness", _Form.BOOLEAN),
    _Option("clear_sis_stickiness", _Form.BOOLEAN),
    _Option("update_sis_id_if_login_claimed", _Form.BOOLEAN),
    _Option("diffing_data_set_identifier", role=_Role.DELETES),
    _Option("diffing_remaster_data_set", _Form.BOOLEAN, _Role.LIMITS_DELETIONS, echo="diffing_remaster"),
    _Option("diffing_drop_status", role=_Role.LIMITS_DELETIONS),
    _Option("diffing_user_remove_status", role=_Role.LIMITS_DELETIONS),
    _Option("change_threshold", role=_Role.LIMITS_DELETIONS),
    _Option("diff_row_count_threshold", _Form.POSITIVE, _Role.LIMITS_DELETIONS),
)

ECHOES = tuple(option.echo or option.name for option in _OPTIONS)
"""The fields of an import that echo its parameters (API 5)."""


def compare(asked: ImportOptions, answered: SisImport) -> Taken:
    """Compare the parameters asked for (API 3.2) with those that Canvas echoes (API 5).

    Null, false and absent are the same, and so are all terms: Canvas answers with its own id. Dangerous is an option
    that limits deletions and was not taken as asked, and one that deletes and was taken otherwise than asked.
    """
    dangerous: list[str] = []
    other: list[str] = []
    for option in _OPTIONS:
        wanted, got = _both(option, asked, answered.options)
        if wanted != got:
            (dangerous if _is_dangerous(option, wanted, got) else other).append(_difference(option, wanted, got))
    return Taken(tuple(dangerous), tuple(other))


def _both(option: _Option, asked: ImportOptions, answered: Mapping[str, Any]) -> tuple[str, str]:
    wanted = option.normal(asked.parameters.get(option.name))
    got = option.normal(answered.get(option.echo or option.name))
    silent = not option.echoed and option.name not in answered
    implied = option.name == "batch_mode" and asked.multi_term
    return ("", "") if silent or implied else (wanted, got)


def _is_dangerous(option: _Option, wanted: str, got: str) -> bool:
    return bool((option.role is _Role.LIMITS_DELETIONS and wanted) or (option.role is _Role.DELETES and got))


def _difference(option: _Option, wanted: str, got: str) -> str:
    if not got:
        return f"Canvas did not take {option.name} ({wanted} was asked for)."
    if not wanted:
        return f"Canvas took {option.name} as {got}, which was not asked for."
    return f"Canvas took {option.name} as {got}, but {wanted} was asked for."


def in_words(options: ImportOptions) -> tuple[str, ...]:
    """Describe what the parameters do, deletions first, as clauses without a full stop."""
    return (*_deletions(options), *(words for name, words in _PLAIN_WORDS.items() if options.is_on(name)))


def _deletions(options: ImportOptions) -> tuple[str, ...]:
    if options.is_on("batch_mode") and options.term:
        return _batch_mode(options, f"batch mode for {_term_in_words(options.term)}")
    if options.multi_term:
        return _batch_mode(options, "batch mode for every term in terms.csv")
    if options.data_set:
        return _diffing(options)
    return (NOTHING_DELETED,)


def _batch_mode(options: ImportOptions, mode: str) -> tuple[str, str]:
    status = options.parameters.get("batch_mode_enrollment_drop_status", "deleted")
    if status == "deleted":
        omitted = "courses, sections and enrollments not in this file will be deleted"
    else:
        omitted = f"courses and sections not in this file will be deleted, enrollments not in it set to {status}"
    threshold = options.change_threshold
    limit = f"unless that is more than {threshold}% of a kind" if threshold else "however many they are"
    return f"{mode}: {omitted}", f"this happens {limit}"


def _diffing(options: ImportOptions) -> tuple[str, ...]:
    data_set = f"data set {options.data_set}"
    if options.remaster:
        return (f"everything is imported and becomes the new base of {data_set}, nothing is deleted by omission",)
    return (
        f"only what differs from the last upload of {data_set} is imported; rows missing from this one are deleted",
        *(
            words.format(options.parameters[name])
            for name, words in _DIFFING_WORDS.items()
            if options.parameters.get(name)
        ),
    )


_DIFFING_WORDS = {
    "diffing_drop_status": "missing enrollments are set to {} instead of deleted",
    "diffing_user_remove_status": "missing users are set to {} instead of deleted",
    "change_threshold": "when the size differs by more than {}%, everything is imported and nothing is deleted",
    "diff_row_count_threshold": "when more than {} rows differ, everything is imported and nothing is deleted",
}
_PLAIN_WORDS = {
    "skip_deletes": "rows with a deleted status are ignored",
    "override_sis_stickiness": "changes made in Canvas by hand are overwritten",
    "add_sis_stickiness": "what is overwritten counts as changed by hand afterwards",
    "clear_sis_stickiness": "what is overwritten no longer counts as changed by hand",
    "update_sis_id_if_login_claimed": "a user whose login exists under another SIS id gets the new SIS id",
}


def _term_in_words(term: str) -> str:
    """Read the forms in which a term can be named (API 2)."""
    for prefix in ("sis_term_id:", "sis_integration_id:"):
        if term.startswith(prefix):
            return f"term {term.removeprefix(prefix)}"
    return f"the {term} term" if term in {"default", "current"} else f"term {term} (Canvas's id)"
