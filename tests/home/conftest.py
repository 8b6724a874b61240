"""Loading the settings of a test's home."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from canvas_sis_sync.errors import EXIT_SETTINGS, SettingsError
from canvas_sis_sync.home import settings
from canvas_sis_sync.home.settings import Settings

CANVAS = {"CANVAS_BASE_URL": "https://canvas.example.edu", "CANVAS_API_TOKEN": "fake-token-1234567890"}

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load this test's home with address and token set, and an otherwise empty environment."""

    def run(flags: Mapping[str, str] | None = None, **environ: str) -> Settings:
        return settings.load(tmp_path, environ=CANVAS | environ, flags=flags)

    return run


@pytest.fixture
def problem(load: Load) -> Callable[..., SettingsError]:
    """Load what must be refused, and give what is said about it."""

    def run(flags: Mapping[str, str] | None = None, **environ: str) -> SettingsError:
        with pytest.raises(SettingsError) as caught:
            load(flags, **environ)
        assert caught.value.exit_code == EXIT_SETTINGS
        return caught.value

    return run
