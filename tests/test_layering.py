"""The floors of the packages, the underscores, the one importer of each library, and the house numbers of size."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import canvas_sis_sync

ROOT = Path(canvas_sis_sync.__file__).parent
PACKAGE = "canvas_sis_sync"
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
    if path != ROOT / "__init__.py"
}
ROOMS = {name.split(".")[0] for name in FILES if "." in name}

FLOORS = (
    {"errors", "clock", "file_names", "files", "plain_text", "progress", "parallel"},
    {"sis_csv"},
    {"delivery", "canvas"},
    {"check", "plan"},
    {"home"},
    {"sync"},
    {"cli"},
    {"__main__"},
)
"""From the ground up: a package imports those below it. The modules of the ground floor may import each other."""
FLOOR_OF = {name: number for number, floor in enumerate(FLOORS) for name in floor}
BASE = ("errors", "model", "record", "forked", "plain_text", "spreadsheet", "private", "handles", "file_names")
ONLY_IN = {
    "click": {"cli"},
    "requests": {"canvas"},
    "urllib3": {"canvas"},
    "tenacity": {"canvas.retry"},
    "filelock": {"home.lock"},
    "rich": {"progress"},
    "dotenv": {"home.setting_layers"},
    "werkzeug": {"sandbox"},
    "zlib_ng": {"delivery.packing"},
    "sqlite3": {"home", "sandbox"},
}
MOST_LINES = 400
LONGEST_FUNCTION = 50


@cache
def tree_of(name: str) -> ast.Module:
    return ast.parse(FILES[name].read_text(encoding="utf-8"))


@cache
def imports_of(name: str) -> frozenset[str]:
    """Return the absolute names that a module of ours imports, at any depth, but for those that only types need."""
    tree = tree_of(name)
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    return frozenset(imported for node in ast.walk(tree) if node not in for_types for imported in _imported(node))


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert not node.level, "imports are absolute"
        for alias in node.names:
            full = f"{node.module}.{alias.name}"
            yield full if full.removeprefix(f"{PACKAGE}.") in FILES else str(node.module)


def ours(name: str) -> set[str]:
    """Return the modules of ours that a module imports."""
    start = f"{PACKAGE}."
    return {imported.removeprefix(start) for imported in imports_of(name) if imported.startswith(start)}


def room(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def is_below(lower: str, upper: str) -> bool:
    """Say whether `upper` may import `lower`."""
    if "sandbox" in {lower, upper}:
        return lower == "sandbox" and upper == "cli"
    ground = FLOOR_OF[lower] == FLOOR_OF[upper] == 0
    return ground or FLOOR_OF[lower] < FLOOR_OF[upper]


def test_a_package_imports_only_those_below_it() -> None:
    wrong = {
        (name, other)
        for name in FILES
        for other in ours(name)
        if room(other) != room(name) and room(name) != "sandbox" and not is_below(room(other), room(name))
    }
    assert not wrong


def test_the_sandbox_shares_nothing_with_the_program_but_formats_and_errors() -> None:
    """A misreading of the API must not hide in both."""
    assert {room(other) for name in FILES if room(name) == "sandbox" for other in ours(name)} <= {
        "errors",
        "sandbox",
        "sis_csv",
    }


def test_no_modules_import_each_other_in_a_circle() -> None:
    left = {name: ours(name) & FILES.keys() for name in FILES}
    while free := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in free}
    assert not left


def test_an_underscore_means_that_only_its_own_package_imports_a_module() -> None:
    importers = {name: {room(other) for other in FILES if name in ours(other)} for name in FILES}
    inner = {
        name
        for name in FILES
        if "." in name and FILES[name].name != "__init__.py" and importers[name] and importers[name] == {room(name)}
    }
    marked = {name for name in FILES if "." in name and name.rpartition(".")[2].startswith("_")}
    assert marked - inner == set()
    assert inner - marked == set()


@pytest.mark.parametrize("package", sorted(ROOMS))
def test_a_package_says_what_it_owns_and_imports_nothing(package: str) -> None:
    tree = tree_of(package)
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_has_one_importer(library: str) -> None:
    importers = {name for name in FILES if library in {imported.split(".")[0] for imported in imports_of(name)}}
    assert importers
    assert all(name in ONLY_IN[library] or room(name) in ONLY_IN[library] for name in importers)


def test_a_public_class_name_exists_once() -> None:
    names = [
        node.name
        for name in FILES
        for node in tree_of(name).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    ]
    assert {name for name in names if names.count(name) > 1} == set()


def reads_environment(name: str) -> bool:
    return any(
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
        and node.attr in {"environ", "getenv", "environb", "putenv"}
        for node in ast.walk(tree_of(name))
    )


def test_only_settings_read_the_environment() -> None:
    assert {name for name in FILES if reads_environment(name)} <= {"home.settings", "home._network"}


def reaches_inside(path: Path) -> Iterator[str]:
    """Yield the places where a test takes or patches a private name of ours, or patches code in a private module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    ours = [
        node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(PACKAGE)
    ]
    modules = {alias.asname or alias.name for node in ours for alias in node.names}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in modules and is_private(attribute):
                yield f"{path.name}:{node.lineno}: {name}.{attribute}"
            case ast.Call(func=ast.Attribute(attr="setattr"), args=[ast.Constant(value=str(target)), *_]):
                if target.startswith(PACKAGE) and any(map(is_private, target.split("."))):
                    yield f"{path.name}:{node.lineno}: {target}"
            case ast.Call(
                func=ast.Attribute(attr="setattr"), args=[ast.Name(id=name), ast.Constant(value=str(patched)), *_]
            ):
                if name in modules and (is_private(patched) or (is_private(name) and not patched.isupper())):
                    yield f"{path.name}:{node.lineno}: {name}.{patched}"


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def test_tests_reach_no_private_code() -> None:
    """But for limits of a private module, which a test may lower: they are constants in capitals."""
    assert not [place for path in Path(__file__).parent.rglob("*.py") for place in reaches_inside(path)]


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
