"""Combinations of import parameters that Canvas would refuse, ignore or break on (API 3.2, DIFF 9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from canvas_sis_sync.errors import SettingsError

_DIFFING = ("diffing_data_set_identifier",)
NEEDS = (
    ("batch_mode", ("batch_mode_term_id", "multi_term_batch_mode"), "Canvas refuses batch mode without a term"),
    ("batch_mode", ("change_threshold",), "nothing else limits what Canvas deletes (100 is no limit)"),
    ("batch_mode_term_id", ("batch_mode",), "Canvas ignores it otherwise"),
    ("multi_term_batch_mode", ("change_threshold",), "Canvas refuses it otherwise"),
    ("batch_mode_enrollment_drop_status", ("batch_mode", "multi_term_batch_mode"), "Canvas ignores it otherwise"),
    ("add_sis_stickiness", ("override_sis_stickiness",), "Canvas ignores it otherwise"),
    ("clear_sis_stickiness", ("override_sis_stickiness",), "Canvas ignores it otherwise"),
    ("diffing_remaster_data_set", _DIFFING, "Canvas ignores it otherwise"),
    ("diffing_drop_status", _DIFFING, "Canvas ignores it otherwise"),
    ("diffing_user_remove_status", _DIFFING, "Canvas ignores it otherwise"),
    ("diff_row_count_threshold", _DIFFING, "Canvas ignores it otherwise"),
    ("change_threshold", ("batch_mode", "multi_term_batch_mode", *_DIFFING), "Canvas ignores it otherwise"),
)
"""(parameter, what it needs one of, why): API 3.2, and DIFF 10 for batch mode without a threshold."""
EXCLUDES = (
    ("skip_deletes", "batch_mode", "what its skipped rows name is deleted by batch mode after all"),
    ("skip_deletes", "multi_term_batch_mode", "what its skipped rows name is deleted by batch mode after all"),
    ("diffing_data_set_identifier", "batch_mode", "Canvas would ignore the identifier"),
    ("diffing_data_set_identifier", "multi_term_batch_mode", "Canvas would ignore the identifier"),
    ("multi_term_batch_mode", "batch_mode_term_id", "Canvas would ignore one of them"),
    ("multi_term_batch_mode", "batch_mode=false", "it switches batch mode on all the same"),
    ("add_sis_stickiness", "clear_sis_stickiness", "Canvas would only clear"),
)
"""(parameter, what it cannot go with, why): API 3.2, DIFF 9."""


def contradictions(asked: Mapping[str, str], label: Callable[[str], str]) -> Iterator[SettingsError]:
    """Name each combination of the import parameters `asked` that does not work.

    `label` tells how the person wrote a parameter. A false boolean asks for nothing.
    """
    active = {f"{name}=false" if value == "false" else name for name, value in asked.items()}
    for name, needed, why in NEEDS:
        if name in active and not active.intersection(needed):
            choice = " or ".join(map(_setting, needed))
            yield SettingsError(f"{label(name)} needs {choice}: {why}.", f"Set {choice}, or remove {_setting(name)}.")
    for name, other, why in EXCLUDES:
        if name in active and other in active:
            yield SettingsError(
                f"{label(name)} cannot go with {_setting(other)}: {why}.",
                f"Remove {_setting(name)} or {_setting(other)}.",
            )


def _setting(parameter: str) -> str:
    name, equals, value = parameter.partition("=")
    return f"SIS_IMPORT_{name.upper()}{equals}{value}"
