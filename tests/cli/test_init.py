"""Making a home: what is written, what is asked, what Canvas says about it, and the crontab line."""

from __future__ import annotations

import io
import os
import re
import shlex
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from support.golden import Golden
from support.sentences import in_full

from canvas_sis_sync.canvas.client import Canvas
from canvas_sis_sync.cli import _init as command
from canvas_sis_sync.cli.home import ask
from canvas_sis_sync.cli.main import main
from canvas_sis_sync.errors import (
    EXIT_DONE,
    EXIT_HELD,
    EXIT_SETTINGS,
    EXIT_TOKEN,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    HomeError,
    UsageError,
)
from canvas_sis_sync.home.setting_table import SETTINGS
from canvas_sis_sync.home.settings import Settings, load
from canvas_sis_sync.sandbox.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
TOKEN = "fake-token-of-nobody"
UNUSED = "http://127.0.0.1:9"

Init = Callable[..., tuple[int, str, str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(token=TOKEN) as running:
        yield running


@pytest.fixture
def sis_init(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Init:
    """Run `sis-sync init` without a terminal: its exit code, stdout and stderr."""

    def run(*options: str, **environ: str) -> tuple[int, str, str]:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            main(["--home", str(home), "init", *options])
        out, err = capsys.readouterr()
        assert TOKEN not in out + err
        return int(ended.value.code or 0), out, err

    return run


def written(home: Path) -> Settings:
    return load(home, environ={}, need_canvas=False)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def asker(**answers: str) -> command.Ask:
    """Answer the questions by a word in them; what is not known gets the default."""

    def ask(question: str, parse: Callable[[str], object], *, default: str, hidden: bool) -> str:
        assert hidden == ("token" in question)
        return next((text for word, text in answers.items() if word in question), default)

    return ask


# --- what is made ---


@pytest.mark.skipif(os.name == "nt", reason="file modes say nothing there")
def test_a_home_and_what_is_in_it_are_for_their_owner_only(sis_init: Init, home: Path) -> None:
    before = os.umask(0)
    try:
        sis_init()
    finally:
        os.umask(before)
    assert {path.name: mode(path) for path in [home, *home.iterdir()]} == {
        "home": 0o700,
        "inbox": 0o700,
        "archive": 0o700,
        "logs": 0o700,
        ".env": 0o600,
    }


def test_the_answers_are_written_and_tried(sis_init: Init, home: Path, sandbox: Sandbox, golden: Golden) -> None:
    code, out, err = sis_init("--url", f"{sandbox.url}/login", "--account", "1", CANVAS_API_TOKEN=TOKEN)
    assert (code, err) == (EXIT_DONE, "")
    golden(out)
    assert sandbox.url in out
    loaded = written(home)
    assert (loaded.base_url, loaded.token.reveal(), loaded.account_id) == (sandbox.url, TOKEN, "1")
    assert [request.method for request in sandbox.requests] == ["GET"] * 3


def test_without_answers_it_says_what_to_fill_in(sis_init: Init, home: Path, golden: Golden) -> None:
    code, out, err = sis_init()
    assert (code, err) == (EXIT_DONE, "")
    golden(out)
    lines = (home / ".env").read_text(encoding="utf-8").splitlines()
    assert {"CANVAS_BASE_URL=", "CANVAS_API_TOKEN=", "#CANVAS_ACCOUNT_ID=self"} <= set(lines)


def test_a_new_file_is_the_example_with_its_comments(sis_init: Init, home: Path) -> None:
    sis_init()
    example = (ROOT / "config.example.env").read_text(encoding="utf-8")
    made = (home / ".env").read_text(encoding="utf-8")
    assert made == re.sub("^CANVAS_BASE_URL=.*$", "CANVAS_BASE_URL=", example, flags=re.MULTILINE)


def test_answers_change_only_their_own_lines(sis_init: Init, home: Path) -> None:
    sis_init("--url", UNUSED, "--account", "7", "--hosted")
    example = (ROOT / "config.example.env").read_text(encoding="utf-8").splitlines()
    made = (home / ".env").read_text(encoding="utf-8").splitlines()
    assert {new for old, new in zip(example, made, strict=True) if new != old} == {
        f"CANVAS_BASE_URL={UNUSED}",
        "CANVAS_ACCOUNT_ID=7",
        "CANVAS_HOSTED=true",
    }


@pytest.mark.parametrize("token", ["7~aB9", "#hash", "'quoted'", 'a"b', "a\\b\\'c", "$HOME${x}", "a=b#c"])
def test_every_token_is_read_back_as_it_was(home: Path, token: str) -> None:
    command.make_folders(home)
    command.write_settings(home, {"CANVAS_API_TOKEN": token})
    assert written(home).token.reveal() == token


def test_a_token_file_is_named_and_not_copied(
    sis_init: Init, home: Path, tmp_path: Path, sandbox: Sandbox, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "the office's #token"
    file.write_text(TOKEN, encoding="utf-8")
    file.chmod(0o600)
    code, _, err = sis_init("--url", sandbox.url, "--token-file", file.name, CANVAS_API_TOKEN="fake-other")
    assert (code, err) == (EXIT_DONE, "")
    assert written(home).token.reveal() == TOKEN
    text = (home / ".env").read_text(encoding="utf-8")
    assert TOKEN not in text
    assert "fake-other" not in text
    golden("\n".join(line for line in text.splitlines() if line.startswith(("CANVAS_", "#CANVAS_"))))


def test_the_environment_completes_the_options(sis_init: Init, home: Path) -> None:
    sis_init(
        "--url", UNUSED, CANVAS_BASE_URL="https://other.example.edu", CANVAS_ACCOUNT_ID="7", SIS_SYNC_GATE="account"
    )
    loaded = written(home)
    assert (loaded.base_url, loaded.account_id, loaded.gate) == (UNUSED, "7", "own")


@pytest.mark.parametrize(
    ("url", "options", "hosted"),
    [
        ("https://college.instructure.com", (), True),
        ("https://college.instructure.com", ("--no-hosted",), False),
        ("https://notinstructure.com", (), False),
        ("https://canvas.example.edu", ("--hosted",), True),
    ],
)
def test_hosted_is_preset_by_the_address(
    sis_init: Init, home: Path, url: str, options: tuple[str], hosted: bool
) -> None:
    sis_init("--url", url, *options)
    assert written(home).hosted is hosted


def test_an_existing_file_is_tried_and_never_written_to(
    sis_init: Init, home: Path, sandbox: Sandbox, golden: Golden
) -> None:
    command.make_folders(home)
    (home / "logs").rmdir()
    content = f"CANVAS_BASE_URL={sandbox.url}\nCANVAS_API_TOKEN={TOKEN}\n"
    (home / ".env").write_text(content, encoding="utf-8")
    (home / ".env").chmod(0o600)
    code, out, _ = sis_init("--url", UNUSED)
    assert code == EXIT_DONE
    golden(out)
    assert (home / ".env").read_text(encoding="utf-8") == content
    assert (home / "logs").is_dir()
    with pytest.raises(HomeError):
        command.write_settings(home, {})


# --- what is wrong ---


def test_a_user_who_may_not_import_is_warned_of(sis_init: Init, home: Path, sandbox: Sandbox, golden: Golden) -> None:
    sandbox.add_user("fake-token-of-an-intern", "Ilka Intern", may_import=False)
    code, out, err = sis_init("--url", sandbox.url, CANVAS_API_TOKEN="fake-token-of-an-intern")
    assert code == EXIT_TOKEN
    golden(err)
    golden(out, "2")


def test_a_permission_that_cannot_be_told_is_said_to_be_so(
    sis_init: Init, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    monkeypatch.setattr(Canvas, "may_import", lambda *_: None)
    code, out, _ = sis_init("--url", sandbox.url, CANVAS_API_TOKEN=TOKEN)
    assert code == EXIT_DONE
    golden(out)


def test_an_unknown_token_is_told_after_the_home_is_made(sis_init: Init, home: Path, sandbox: Sandbox) -> None:
    code, _, err = sis_init("--url", sandbox.url, CANVAS_API_TOKEN="fake-unknown-token")
    assert code == EXIT_TOKEN
    assert err.startswith("Error: ")
    assert "fake-unknown-token" not in err
    assert (home / ".env").exists()


def test_an_unreachable_canvas_is_told_at_once_and_the_home_is_made(sis_init: Init, home: Path, golden: Golden) -> None:
    began = time.monotonic()
    code, out, err = sis_init("--url", UNUSED, CANVAS_API_TOKEN=TOKEN)
    assert code == EXIT_UNREACHABLE
    assert "127.0.0.1:9" in err
    golden(out)
    assert written(home).token.reveal() == TOKEN
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("options", "name"),
    [(("--url", "canvas fake-secret"), "--url"), (("--account", "fake-secret"), "--account")],
)
def test_an_option_that_does_not_fit_makes_nothing(
    sis_init: Init, home: Path, options: tuple[str, ...], name: str, golden: Golden
) -> None:
    code, _, err = sis_init(*options)
    assert code == EXIT_USAGE
    golden(err)
    assert "fake-secret" not in err
    assert not home.exists()


def test_a_bad_environment_makes_nothing(sis_init: Init, home: Path) -> None:
    assert sis_init(CANVAS_API_TOKEN="two words")[0] == EXIT_SETTINGS
    assert not home.exists()


def test_a_home_that_cannot_be_made_is_a_sentence(sis_init: Init, home: Path, golden: Golden) -> None:
    home.write_text("", encoding="utf-8")
    code, _, err = sis_init()
    assert code == EXIT_HELD
    golden(err)


# --- what is asked ---


def test_a_person_is_asked_only_what_is_not_known_yet(home: Path, sandbox: Sandbox) -> None:
    made = command.init(home, {"CANVAS_BASE_URL": sandbox.url}, asker(token=TOKEN, Address="https://not.asked.example"))
    assert made.trouble is None
    loaded = written(home)
    assert (loaded.base_url, loaded.token.reveal(), loaded.account_id) == (sandbox.url, TOKEN, "self")


def test_a_person_may_leave_the_token_for_later(home: Path, golden: Golden) -> None:
    made = command.init(home, {}, asker(Address="https://college.instructure.com/"))
    golden(made.text)
    assert written(home).hosted is True


def test_a_person_is_not_asked_for_the_token_of_a_file(home: Path, tmp_path: Path, golden: Golden) -> None:
    made = command.init(home, {"CANVAS_API_TOKEN_FILE": str(tmp_path / "none")}, asker(Address=UNUSED, token=TOKEN))
    assert made.trouble is not None
    golden(in_full(made.trouble))
    assert TOKEN not in (home / ".env").read_text(encoding="utf-8")


def test_an_answer_that_does_not_fit_is_not_repeated(home: Path) -> None:
    with pytest.raises(UsageError) as caught:
        command.init(home, {}, asker(Address=UNUSED, token="two words"))
    assert "two words" not in caught.value.sentence


@pytest.mark.parametrize(
    ("typed", "default", "hidden", "answer"),
    [
        ("\n", "self", False, "self"),
        ("sub account\n 7 \n", "self", False, "7"),
        ("\n7\n", "", False, "7"),
        ("\n", "", True, ""),
        ("sub account\n7\n", "", True, "7"),
    ],
)
def test_a_question_takes_only_what_fits(typed: str, default: str, hidden: bool, answer: str) -> None:
    account = next(setting for setting in SETTINGS if setting.name == "CANVAS_ACCOUNT_ID")
    with CliRunner().isolation(typed) as streams:
        assert ask("Which account", account.parse, default=default, hidden=hidden) == answer
        assert b"sub account" not in streams[0].getvalue() or not hidden


def test_at_a_terminal_the_token_is_asked_for_unseen_and_a_bad_address_again(
    home: Path, sandbox: Sandbox, golden: Golden
) -> None:
    pty = pytest.importorskip("pty", reason="no pseudo-terminals on this system")
    terminal, side = pty.openpty()
    arguments = [sys.executable, "-m", "canvas_sis_sync", "--home", str(home), "init"]
    child = subprocess.Popen(arguments, stdin=side, stdout=side, stderr=side, start_new_session=True)
    os.close(side)
    seen = ""
    for prompt, answer in [
        ("canvas.example.edu: ", "canvas without a scheme"),
        ("canvas.example.edu: ", sandbox.url),
        ("for later): ", TOKEN),
        ("[self]: ", ""),
        ("[no]: ", ""),
    ]:
        seen += read_until(terminal, prompt)
        os.write(terminal, f"{answer}\n".encode())
    seen += read_until(terminal, None)
    os.close(terminal)
    assert child.wait(timeout=10) == EXIT_DONE
    golden(seen.replace("\r\n", "\n"))
    assert TOKEN not in seen
    assert written(home).token.reveal() == TOKEN


def read_until(terminal: int, prompt: str | None) -> str:
    """Read what a terminal shows up to a prompt, or to the end."""
    seen = b""
    while prompt is None or not seen.endswith(prompt.encode()):
        try:
            block = os.read(terminal, 1000)
        except OSError:  # how Linux says that the other end is closed
            break
        if not block:
            break
        seen += block
    return seen.decode()


# --- the crontab ---


def crontab(out: str) -> list[str]:
    mail, line = out.splitlines()[-2:]
    assert re.fullmatch(r"MAILTO=\S+@\S+", mail)
    when, _, rest = line.partition("* * * * ")
    assert when == "*/15 "
    return shlex.split(rest.replace(r"\%", "%"))


def test_the_crontab_line_starts_this_program_from_anywhere(sis_init: Init, home: Path) -> None:
    *program, option, named, run = crontab(sis_init()[1])
    assert (option, named, run) == ("--home", str(home), "run")
    assert Path(program[0]).is_absolute()
    assert os.access(program[0], os.X_OK)


def test_spaces_and_percent_signs_survive_the_crontab(tmp_path: Path, golden: Golden) -> None:
    home = tmp_path / "my 100% home"
    made = command.init(home, {}, None)
    assert crontab(made.text)[-2] == str(home)
    golden(made.text)


def test_without_a_script_the_module_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.program() == [str(tmp_path / "python"), "-m", "canvas_sis_sync"]
