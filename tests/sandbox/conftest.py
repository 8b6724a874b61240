from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.sandbox_client import Client

from canvas_sis_sync.sandbox.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox)


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """A sandbox for all tests of a module that do not care what others left in it."""
    with Sandbox() as running:
        yield running
