"""A sandbox for the tests of a module, and an account of its own in it for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.predictions import Client

from canvas_sis_sync.sandbox.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """Serve a Canvas."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    """Give somebody who imports into an account of this test alone."""
    return Client(sandbox, account=sandbox.add_account())
