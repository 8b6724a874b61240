"""Text from outside as it is shown, written as JSON, and put into cells of a spreadsheet."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.progress import Progress, TextColumn
from support.nasty import NASTY, faults

from canvas_sis_sync.file_names import storable
from canvas_sis_sync.plain_text import as_json, lines, visible
from canvas_sis_sync.progress import Bars, showing

TEXTS = st.text(st.characters(), max_size=12) | st.sampled_from(NASTY)


@given(TEXTS)
def test_a_text_becomes_one_line_without_anything_hidden(text: str) -> None:
    shown = visible(text)
    assert faults(shown) == []
    assert len(shown.splitlines()) <= 1
    assert visible(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\U000e0041", r"\U000e0041"),
        ("\udcff.csv", r"\xff.csv"),
        (storable("\udcff.csv"), r"\xff.csv"),
        ("\ud800", r"\ud800"),
        ("C:\\new\\table", "C:\\new\\table"),
    ],
)
def test_what_is_hidden_is_shown_by_its_code(text: str, shown: str) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "Ünïcödé",
        "Zoë Müller",
        "n\u0303",
        "Łódź",
        "山田\u3000太郎",
        "हिन्दी",
        "עברית",
        "العربية",
        "🎓",
        "«\u00a0Nom\u202f»",
        "",
    ],
)
def test_letters_marks_and_spaces_of_all_languages_stay(text: str) -> None:
    assert visible(text) == text


def test_only_lines_have_several_lines() -> None:
    said = lines(["a\nb", lines(["c", "d"]), ""])
    assert said == "a\\nb\nc\nd\n"
    assert visible(said) is said
    assert visible(f"{said}") == r"a\nb\nc\nd\n"


@given(st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=5))
def test_json_holds_the_same_and_nothing_hidden(value: object) -> None:
    for indent in (None, 1):
        written = as_json(value, indent)
        assert [fault for fault in faults(written) if fault.startswith("U+")] == []
        assert json.loads(written) == value


def test_json_keeps_letters_readable() -> None:
    assert as_json({"name": "Zoë 🎓\u202e"}) == '{"name": "Zoë 🎓\\u202e"}'


def test_a_progress_display_neither_interprets_nor_obeys_what_it_shows() -> None:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system="standard", width=200, legacy_windows=False)
    column = TextColumn("{task.description}", markup=False)
    with Progress(column, console=console, auto_refresh=False) as progress:
        bars = Bars(progress)
        bars.note("[red]a :warning:\x1b]0;title\x07\nFORGED")
        with bars.stage("[blink]b\x1b[2J", 1) as done:
            done(1)
    assert "[red]a :warning:\\x1b]0;title\\x07\\nFORGED" in stream.getvalue()
    assert "[blink]b\\x1b[2j" in stream.getvalue()
    assert "\x1b]" not in stream.getvalue()
    assert "\x1b[2J" not in stream.getvalue()


def test_the_bars_of_a_run_interpret_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    with showing(watched=True) as show, show.stage("[red]x", 1) as done:
        done(1)
    assert "[red]x" in capsys.readouterr().err
