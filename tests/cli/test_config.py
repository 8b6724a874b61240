"""`config`: every setting with its value and source, without secrets, also while something is missing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.golden import Golden

from canvas_sis_sync.cli.main import main
from canvas_sis_sync.errors import EXIT_DONE, EXIT_SETTINGS
from canvas_sis_sync.home.setting_table import SETTINGS

TOKEN = "fake-token-of-nobody"

Config = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Config:
    def run(*options: str, env: str = "") -> tuple[int, str, str]:
        (tmp_path / ".env").write_text(env, encoding="utf-8")
        (tmp_path / ".env").chmod(0o600)
        with pytest.raises(SystemExit) as ended:
            main(["--home", str(tmp_path), "config", *options])
        out, err = capsys.readouterr()
        assert TOKEN not in out + err
        return int(ended.value.code or 0), out, err

    return run


def test_each_setting_has_a_line_with_value_and_source(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIS_SYNC_GATE", "account")
    code, out, err = config(env=f"CANVAS_BASE_URL=https://canvas.example.edu/x\nCANVAS_API_TOKEN={TOKEN}\n")
    assert (code, err) == (EXIT_DONE, "")
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()[1:]}
    assert list(rows) == [setting.name for setting in SETTINGS]
    assert rows["CANVAS_BASE_URL"] == ["https://canvas.example.edu", ".env"]
    assert rows["CANVAS_API_TOKEN"] == ["********", ".env"]
    assert rows["SIS_SYNC_GATE"] == ["account", "environment"]
    assert rows["SIS_SYNC_MARKER"] == ["-", "default"]


def test_it_works_before_address_and_token_are_known_and_says_so(
    config: Config, tmp_path: Path, golden: Golden
) -> None:
    code, out, _ = config()
    assert code == EXIT_DONE
    golden(out)


def test_json_has_the_same(config: Config, tmp_path: Path) -> None:
    code, out, _ = config("--json", env=f"CANVAS_API_TOKEN={TOKEN}\nSIS_SYNC_POLL_LIMIT=90m\n")
    answer = json.loads(out)
    assert (code, answer["schema"], answer["home"]) == (EXIT_DONE, 1, str(tmp_path))
    assert [row["name"] for row in answer["settings"]] == [setting.name for setting in SETTINGS]
    assert {"name": "SIS_SYNC_POLL_LIMIT", "value": "90m", "source": ".env"} in answer["settings"]
    assert {"name": "CANVAS_API_TOKEN", "value": "********", "source": ".env"} in answer["settings"]


def test_problems_are_told_together(config: Config, golden: Golden) -> None:
    code, out, err = config(env="SIS_SYNC_GATE=x\nSIS_SYNC_UPLOAD=y\n")
    assert (code, out) == (EXIT_SETTINGS, "")
    golden(err)
