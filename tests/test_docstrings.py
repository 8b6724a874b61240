"""Each string that stands alone documents something: a module, class, function or the assignment before it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def bare_strings(tree: ast.Module) -> Iterator[int]:
    """Yield the lines of strings that document nothing."""
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            found = getattr(node, field, None)
            block = found if isinstance(found, list) else []
            for place, statement in enumerate(block):
                first = place == 0 and field == "body" and isinstance(node, DOCUMENTED)
                named = place > 0 and isinstance(block[place - 1], ast.Assign | ast.AnnAssign)
                if _is_string(statement) and not (first or named):
                    yield statement.lineno


def _is_string(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def test_no_string_documents_nothing() -> None:
    found = [
        (str(path.relative_to(ROOT)), line)
        for folder in ("canvas_sis_sync", "tests", "benchmarks", "docs")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in bare_strings(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not found


def test_a_string_behind_an_import_documents_nothing() -> None:
    text = (
        """'module'\nimport os\n'nothing'\nNAME = 1\n'the name'\ndef f():\n    'f'\n    if NAME:\n        'nothing'\n"""
    )
    assert sorted(bare_strings(ast.parse(text))) == [3, 9]
