"""Whatever stands in the environment or in `.env`, settings are read, or a SettingsError says what is wrong."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from canvas_sis_sync.errors import SettingsError
from canvas_sis_sync.home.setting_table import UNDERSTOOD
from canvas_sis_sync.home.settings import load

TEXTS = st.text(st.characters(exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["-1", "1e9", "9" * 400, "5%,x", "inf", "nan", "0x1", "6h", "true", "https://[", "http://a:b@c", "https://a:99999",
     "٣", "user:1,", "term=", "\udcff", "self", "~" * 30, "/dev/null", "a" * 300]
)  # fmt: skip
VALUES = st.dictionaries(st.sampled_from([each.name for each in UNDERSTOOD]), TEXTS, max_size=4)
FEW = hypothesis_settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # fmt: skip


def only_settings_errors(home: Path, environ: dict[str, str]) -> None:
    with suppress(SettingsError):
        load(home, environ={"HOME": "/home/a"} | environ)


@given(environ=VALUES)
@example(environ={"CANVAS_API_TOKEN_FILE": "a" * 300})
@example(environ={"SIS_SYNC_POLL_LIMIT": "9" * 5000})
@FEW
def test_any_values_are_settings_or_a_settings_error(tmp_path: Path, environ: dict[str, str]) -> None:
    only_settings_errors(tmp_path, environ)


@given(content=st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="replace")))
@FEW
def test_any_dot_env_is_settings_or_a_settings_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".env").write_bytes(content)
    (tmp_path / ".env").chmod(0o600)
    only_settings_errors(tmp_path, {})


@pytest.mark.slow
@given(environ=VALUES)
@hypothesis_settings(FEW, max_examples=5_000)
def test_very_many_values_are_settings_or_a_settings_error(tmp_path: Path, environ: dict[str, str]) -> None:
    only_settings_errors(tmp_path, environ)
