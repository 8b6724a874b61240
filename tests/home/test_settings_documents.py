"""What the documents show of settings is what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from canvas_sis_sync.home.setting_table import SETTINGS, UNDERSTOOD
from canvas_sis_sync.home.settings import Settings, load

ROOT = Path(__file__).parents[2]


def test_the_example_with_its_comment_signs_removed_gives_the_defaults(tmp_path: Path) -> None:
    text = (ROOT / "config.example.env").read_text(encoding="utf-8")
    path = tmp_path / ".env"
    path.touch(0o600)
    path.write_text(re.sub(r"^#([A-Z_]+=)", r"\1", text, flags=re.MULTILINE), encoding="utf-8")
    written = load(tmp_path, environ={}, need_canvas=False)
    default = load(tmp_path.parent, environ={}, need_canvas=False)
    fields = {name for name in Settings.__dataclass_fields__ if name not in {"home", "values"}}
    fields -= {"inbox", "archive", "logs", "base_url", "host", "token", "import_parameters"}
    assert {name: getattr(written, name) for name in fields} == {name: getattr(default, name) for name in fields}
    assert written.import_parameters == {}


def test_the_examples_are_values() -> None:
    for setting in UNDERSTOOD:
        assert not setting.example or setting.parse(setting.example) is not None


def test_each_setting_is_explained_in_sentences() -> None:
    for setting in SETTINGS:
        assert setting.about.endswith(".")
        assert "|" not in setting.about


API_PARAMETERS = {
    "batch_mode",
    "batch_mode_term_id",
    "multi_term_batch_mode",
    "batch_mode_enrollment_drop_status",
    "skip_deletes",
    "override_sis_stickiness",
    "add_sis_stickiness",
    "clear_sis_stickiness",
    "update_sis_id_if_login_claimed",
    "diffing_data_set_identifier",
    "diffing_remaster_data_set",
    "diffing_drop_status",
    "diffing_user_remove_status",
    "change_threshold",
    "diff_row_count_threshold",
}


def test_every_parameter_of_the_api_but_the_import_type_is_a_setting() -> None:
    names = {s.name.removeprefix("SIS_IMPORT_").lower() for s in SETTINGS if s.name.startswith("SIS_IMPORT_")}
    assert names == API_PARAMETERS
