"""Every setting is documented, and what the documents show is what the program does."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

from canvas_sis_sync.home._setting_conflicts import EXCLUDES, NEEDS
from canvas_sis_sync.home.setting_table import SETTINGS
from canvas_sis_sync.home.settings import Settings, load

ROOT = Path(__file__).parents[2]


def test_the_example_names_every_setting_and_shows_its_default() -> None:
    text = (ROOT / "config.example.env").read_text(encoding="utf-8")
    lines = re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE)
    defaults = {setting.name: setting.default for setting in SETTINGS}
    assert dict(lines) == defaults | {"CANVAS_BASE_URL": "https://canvas.example.edu"}
    assert len(lines) == len(defaults)


def test_each_setting_in_the_example_follows_its_explanation() -> None:
    lines = (ROOT / "config.example.env").read_text(encoding="utf-8").splitlines()
    for before, line in pairwise(lines):
        if re.match("#?[A-Z_]+=", line):
            assert before.startswith("# "), line


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


def documented(section: str) -> list[list[str]]:
    text = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    rows = [line for line in text.partition(section)[2].splitlines() if line.startswith("| `")]
    return [[cell.strip().replace("`", "") for cell in row.strip("|").split("|")] for row in rows]


def test_the_page_has_a_row_for_every_setting_with_its_default() -> None:
    rows = {row[0]: row[1] for row in documented("# Settings") if row[0].isupper()}
    assert rows.pop("SIS_SYNC_HOME") == "the current folder"
    assert rows == {setting.name: setting.default for setting in SETTINGS}


def test_the_examples_on_the_page_are_values() -> None:
    table = {setting.name: setting for setting in SETTINGS}
    for name, _, example, _ in (row for row in documented("# Settings") if row[0] in table):
        assert not example or table[name].parse(example) is not None


def test_the_page_has_a_row_for_every_refused_combination() -> None:
    rows = documented("### Refused combinations")
    assert [(row[0], tuple(row[1].split(", "))) for row in rows if len(row) == 2] == [
        (parameter, needed) for parameter, needed, _ in NEEDS
    ]
    assert [(row[0], row[1]) for row in rows if len(row) == 3] == [rule[:2] for rule in EXCLUDES]


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
