"""The direction of the imports, the one importer of each library, and the house numbers of size."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import canvas_sis_sync

ROOT = Path(canvas_sis_sync.__file__).parent
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
    if path != ROOT / "__init__.py"
}
PACKAGE = "canvas_sis_sync"

BASE = ("errors", "model", "record", "forked", "plain_text", "spreadsheet", "private", "handles")
TOP = ("steps", "sync", "tick", "commands", "cli", "__main__")
WORKING = sorted({name.split(".")[0] for name in FILES} - {*BASE, *TOP, "sis_csv", "sandbox"})
LAYERS = {
    **dict.fromkeys(BASE, 0),
    "sis_csv": 1,
    **dict.fromkeys(WORKING, 2),
    "sandbox": 2,
    **{name: number for number, name in enumerate(TOP, start=3)},
}
ONLY_IN = {
    "click": {"cli"},
    "requests": {"canvas"},
    "urllib3": {"canvas"},
    "tenacity": {"polling"},
    "filelock": {"lock"},
    "rich": {"progress"},
    "dotenv": {"settings"},
    "werkzeug": {"sandbox"},
    "zlib_ng": {"bundle"},
    "sqlite3": {"account_record", "journal", "sandbox"},
}
MOST_LINES = 400
LONGEST_FUNCTION = 50


@cache
def tree_of(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_text(encoding="utf-8"))


@cache
def imports_of(name: str) -> frozenset[str]:
    """Give the absolute names that a module of ours imports, at any depth, but for those that only types need."""
    return frozenset(_imports(tree_of(name), name))


def _imports(tree: ast.Module, name: str) -> Iterator[str]:
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(name, node)


def _from(name: str, node: ast.ImportFrom) -> Iterator[str]:
    parts = [PACKAGE, *name.split(".")]
    if FILES[name].name != "__init__.py":
        parts.pop()
    base = [] if not node.level else parts[: len(parts) - node.level + 1]
    module = ".".join([*base, *([node.module] if node.module else [])])
    for alias in node.names:
        yield f"{module}.{alias.name}" if f"{module}.{alias.name}".removeprefix(f"{PACKAGE}.") in FILES else module


def ours(name: str) -> set[str]:
    """Give the top-level modules of ours that a module imports, its own package left out."""
    found = {imported.split(".")[1] for imported in imports_of(name) if imported.startswith(f"{PACKAGE}.")}
    return found - {name.split(".", maxsplit=1)[0]}


def top(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def forbidden(name: str) -> set[str]:
    """Give what a module imports although it does not lie below it."""
    found = ours(name)
    wrong = {other for other in found if LAYERS[other] > LAYERS[top(name)]}
    return wrong | (found & {*WORKING, "sandbox"} if top(name) in WORKING else set())


def test_a_module_imports_only_what_lies_below_it() -> None:
    wrong = {name: forbidden(name) for name in FILES}
    assert not {name: found for name, found in wrong.items() if found}


def test_the_base_knows_nothing_but_itself() -> None:
    assert ours("errors") == set()
    assert {other for name in FILES if top(name) == "model" for other in ours(name)} <= {"errors"}


def test_the_sandbox_shares_nothing_with_the_program_but_formats_and_errors() -> None:
    """A misreading of the API must not hide in both."""
    assert {other for name in FILES if top(name) == "sandbox" for other in ours(name)} <= {"errors", "model", "sis_csv"}


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_has_one_importer(library: str) -> None:
    importers = {top(name) for name in FILES if library in {imported.split(".")[0] for imported in imports_of(name)}}
    assert importers <= ONLY_IN[library]


def reads_environment(name: str) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and node.attr in {"environ", "getenv", "environb", "putenv"}
        for node in ast.walk(tree_of(name))
    )


def test_only_settings_read_the_environment() -> None:
    assert {top(name) for name in FILES if reads_environment(name)} == {"settings"}


def test_files_stay_short() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in FILES.items()}
    assert not {name: length for name, length in lengths.items() if length > MOST_LINES}


def test_functions_stay_short() -> None:
    lengths = {
        f"{name}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for name in FILES
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION}


def test_every_module_says_what_it_owns() -> None:
    assert {name for name in FILES if not ast.get_docstring(tree_of(name))} <= {"__main__"}
