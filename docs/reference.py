"""Write config.example.env and the generated parts of the reference pages from the tables of the code.

Type `python docs/reference.py` after changing a setting, a rule, or a breaker. tests/test_reference.py compares.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from textwrap import fill

from canvas_sis_sync import DOCS
from canvas_sis_sync.check.registry import RULES
from canvas_sis_sync.home._setting_conflicts import EXCLUDES, NEEDS
from canvas_sis_sync.home.setting_table import SECTIONS, Setting
from canvas_sis_sync.plan.breakers.registry import BREAKERS

ROOT = Path(__file__).parents[1]
HEADER = (
    "Settings of a sis-sync home, readable by its owner only. A variable of the environment goes before a line here. A"
    " line that is commented out, or empty after the `=`, means the default, which is what it shows. `sis-sync config`"
    f" lists each setting with its value and its source; {DOCS}/settings.md says more."
)
EXAMPLE = {"CANVAS_BASE_URL": "https://canvas.example.edu", "CANVAS_API_TOKEN": ""}
"""The lines that are not commented out."""


def pages() -> dict[str, str]:
    """Return what each file is to contain, by its path in the repository."""
    parts = {
        "docs/settings.md": {"settings": _settings(), "combinations": _combinations()},
        "docs/rules.md": {"rules": _rules()},
        "docs/breakers.md": {"breakers": _breakers()},
    }
    written = {page: _filled(page, lines) for page, lines in parts.items()}
    return {"config.example.env": _joined(_example()), **written}


def _example() -> Iterator[str]:
    yield _comment(HEADER)
    for section in SECTIONS:
        yield f"\n# --- {section.title} ---"
        if section.about:
            yield f"#\n{_comment(section.about)}"
        for setting in section.settings:
            yield f"\n{_comment(setting.about)}"
            is_set = setting.name in EXAMPLE
            yield f"{setting.name}={EXAMPLE[setting.name]}" if is_set else f"#{setting.name}={setting.default}"


def _comment(text: str) -> str:
    return fill(text, 120, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False, break_long_words=False)


def _filled(page: str, parts: dict[str, Iterable[str]]) -> str:
    """Return a page with each part between its two marks. Raises ValueError for a part without marks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, lines in parts.items():
        before, begin, rest = text.partition(f"<!-- {name}: written by docs/reference.py -->\n")
        _, end, after = rest.partition(f"<!-- end of {name} -->\n")
        if not end:
            raise ValueError(f"{page} has no place for {name}")
        text = f"{before}{begin}\n{_joined(lines)}\n{end}{after}"
    return text


def _settings() -> Iterator[str]:
    for section in SECTIONS:
        yield f"## {section.title}\n"
        if section.about:
            yield section.about.replace(f"{DOCS}/breakers.md", "[breakers.md](breakers.md)") + "\n"
        yield from _table(("setting", "default", "example", "effect"), map(_row, section.settings))
        yield ""


def _row(setting: Setting) -> tuple[str, ...]:
    return f"`{setting.name}`", _code(setting.default), _code(setting.example), setting.about


def _combinations() -> Iterator[str]:
    needs = ((_code(name), ", ".join(map(_code, needed)), why) for name, needed, why in NEEDS)
    yield from _table(("parameter", "needs one of", "because"), needs)
    yield ""
    yield from _table(("parameter", "cannot go with", "because"), ((_code(a), _code(b), why) for a, b, why in EXCLUDES))


def _rules() -> Iterator[str]:
    rows = (
        (
            f"`{rule.id}`",
            f"{rule.severity}, error with `--complete`" if rule.error_if_complete else str(rule.severity),
            "all but user" if rule.id == "any-nul-character" else ", ".join(rule.kinds) or "all",
            rule.description,
            rule.why,
            rule.repair,
        )
        for rule in RULES.values()
    )
    yield from _table(("rule", "severity", "kinds", "what", "why", "repair"), rows)


def _breakers() -> Iterator[str]:
    rows = ((f"[`{each.id}`](#{each.id})", each.holds, "yes" if each.at_first else "") for each in BREAKERS)
    yield from _table(("breaker", "holds", "the first delivery too"), rows)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |".replace("|  ", "| ")


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def _joined(lines: Iterable[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"


if __name__ == "__main__":
    for path, content in pages().items():
        (ROOT / path).write_text(content, encoding="utf-8")
