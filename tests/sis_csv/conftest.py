"""The option that says how many cases are compared with Ruby's CSV."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--ruby-cases",
        type=int,
        default=2000,
        metavar="N",
        help="cases compared with Ruby's CSV (pytest -m slow tests/sis_csv --ruby-cases 100000)",
    )
