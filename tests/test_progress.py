"""How a run shows itself: bars for a person, nothing for cron."""

from __future__ import annotations

import pytest

from canvas_sis_sync.progress import Bars, Silent, showing


def test_a_watched_run_shows_its_stages_and_notes_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with showing(watched=True) as show:
        assert isinstance(show, Bars)
        with show.stage("zipping", 200) as done:
            done(50)
            done(200)
        for text in ("waiting", "waiting", "[red]no markup[/red] 12"):
            show.note(text)
    out, err = capsys.readouterr()
    assert out == ""
    assert "Zipping" in err
    assert "100%" in err
    assert "[red]no markup[/red] 12" in err
    assert err.count("waiting") == 1


def test_an_unwatched_run_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with showing(watched=False) as show:
        assert isinstance(show, Silent)
        with show.stage("zipping", 200) as done:
            done(50)
        show.note("unheard")
    assert capsys.readouterr() == ("", "")
