"""Settings: layers and their sources, secrets, and what is told about problems."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support.golden import Golden
from support.sentences import in_full, listed

from canvas_sis_sync.errors import HomeError, SettingsError
from canvas_sis_sync.home import settings
from canvas_sis_sync.home.settings import MASK, Secret, Settings, find_home, state_folder
from canvas_sis_sync.plan.breakers.limits import Limit

TOKEN = "fake-token-1234567890"
CANVAS = {"CANVAS_BASE_URL": "https://canvas.example.edu", "CANVAS_API_TOKEN": TOKEN}

Load = Callable[..., Settings]


@pytest.fixture
def write_env(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str, mode: int = 0o600) -> Path:
        path = tmp_path / ".env"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        path.chmod(mode)
        return path

    return write


def source(loaded: Settings, name: str) -> tuple[str, str]:
    return {each: (shown, where) for each, shown, where in loaded.values}[name]


# --- layers ---


def test_a_flag_goes_before_the_environment_before_the_file_before_the_default(load: Load, write_env) -> None:
    name = "SIS_IMPORT_CHANGE_THRESHOLD"
    diffing = {"diffing_data_set_identifier": "nightly"}
    assert source(load(), name) == ("", "default")
    write_env(f"{name}=1")
    assert source(load(diffing), name) == ("1", ".env")
    assert source(load(diffing, **{name: "2"}), name) == ("2", "environment")
    loaded = load(diffing | {"change_threshold": "3"}, **{name: "2"})
    assert source(loaded, name) == ("3", "--param")
    assert loaded.import_parameters == {"diffing_data_set_identifier": "nightly", "change_threshold": "3"}


def test_an_empty_text_takes_a_setting_back_to_its_default(load: Load, write_env) -> None:
    write_env("SIS_SYNC_GATE=account", "SIS_IMPORT_SKIP_DELETES=true")
    loaded = load({"skip_deletes": ""}, SIS_SYNC_GATE=" ")
    assert loaded.gate == "own"
    assert source(loaded, "SIS_SYNC_GATE") == ("own", "default")
    assert loaded.import_parameters == {}


def test_defaults(load: Load, tmp_path: Path) -> None:
    loaded = load()
    assert (loaded.home, loaded.inbox) == (tmp_path, tmp_path / "inbox")
    assert (loaded.archive, loaded.logs) == (tmp_path / "archive", tmp_path / "logs")
    assert (loaded.base_url, loaded.host) == ("https://canvas.example.edu", "canvas.example.edu")
    assert (loaded.account_id, loaded.hosted, loaded.marker) == ("self", False, "")
    assert (loaded.settle_seconds, loaded.lost_seconds) == (60, 120)
    assert (loaded.poll_limit, loaded.remind_every) == (6 * 3600, 24 * 3600)
    assert (loaded.upload, loaded.gate) == ("auto", "own")
    assert loaded.max_error_rows == Limit(percent=10, floor=20)
    assert loaded.import_parameters == {}


def test_nothing_of_the_process_is_read_when_an_environment_is_given(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIS_SYNC_GATE", "account")
    assert load().gate == "own"


def test_the_environment_of_the_process_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("CANVAS_", "SIS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SIS_SYNC_GATE", "account")
    assert settings.load(tmp_path, need_canvas=False).gate == "account"


def test_loading_changes_nothing(load: Load, write_env, tmp_path: Path) -> None:
    write_env("SIS_SYNC_GATE=account")
    before = dict(os.environ)
    load()
    assert dict(os.environ) == before
    assert [path.name for path in tmp_path.iterdir()] == [".env"]


# --- .env ---


@pytest.mark.parametrize(
    ("line", "token"),
    [
        ("CANVAS_API_TOKEN=1~a$b${HOME}", "1~a$b${HOME}"),
        ("export CANVAS_API_TOKEN='quoted'  # why", "quoted"),
        ("\ufeffCANVAS_API_TOKEN=after-a-byte-order-mark\r", "after-a-byte-order-mark"),
    ],
)
def test_env_lines_are_taken_as_they_are(tmp_path: Path, write_env, line: str, token: str) -> None:
    write_env(line)
    loaded = settings.load(tmp_path, environ={"CANVAS_BASE_URL": CANVAS["CANVAS_BASE_URL"], "HOME": "/root"})
    assert loaded.token.reveal() == token


def test_a_malformed_line_is_named_by_its_number_and_not_repeated(problem, write_env, golden: Golden) -> None:
    found = {}
    for line in ("SIS_SYNC_GATE", "this is not a setting", "SIS_SYNC_GATE='account"):
        write_env("# first", "", line)
        found[line] = in_full(problem())
        assert line not in found[line]
    golden(listed(found))


def test_a_value_has_one_line(problem, write_env, golden: Golden) -> None:
    write_env("OTHER='begins here", "and ends here'", "SIS_SYNC_GATE=own")
    golden(in_full(problem()))


def test_what_cannot_be_read_is_not_logged_by_the_parser(write_env, tmp_path: Path, golden: Golden) -> None:
    write_env("SIS_SYNC_GATE='account")
    done = subprocess.run(
        [sys.executable, "-m", "canvas_sis_sync", "--home", str(tmp_path), "config"],
        capture_output=True,
        text=True,
        check=False,
    )
    golden(done.stderr)


def test_other_programs_names_are_none_of_our_business(load: Load, write_env) -> None:
    write_env("MAILTO=office@example.edu", "HTTPS_PROXY=")
    assert load(PATH="/usr/bin", SIS="x").gate == "own"


posix = pytest.mark.skipif(os.name != "posix", reason="file modes say nothing on Windows")


@posix
def test_an_env_file_open_to_others_is_refused_with_the_command(problem, write_env, golden: Golden) -> None:
    found = {}
    for mode in (0o640, 0o604, 0o620, 0o601):
        write_env("SIS_SYNC_GATE=own", mode=mode)
        found[f"{mode:o}"] = in_full(problem())
    golden(listed(found))


@posix
def test_the_command_quotes_a_path_with_spaces(tmp_path: Path, golden: Golden) -> None:
    home = tmp_path / "our school"
    home.mkdir()
    (home / ".env").touch(0o644)
    with pytest.raises(SettingsError) as caught:
        settings.load(home, environ=CANVAS)
    golden(in_full(caught.value))


def test_an_env_file_in_another_encoding_is_a_sentence(problem, tmp_path: Path, golden: Golden) -> None:
    path = tmp_path / ".env"
    path.write_bytes("SIS_SYNC_MARKER=für".encode("utf-16"))
    golden(in_full(problem()))


def test_an_env_file_that_is_a_folder_is_a_sentence(problem, tmp_path: Path, golden: Golden) -> None:
    (tmp_path / ".env").mkdir()
    golden(in_full(problem()))


# --- the token ---


@pytest.fixture
def token_file(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, mode: int = 0o600) -> Path:
        path = tmp_path / "token"
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    return write


@pytest.fixture
def load_token(tmp_path: Path) -> Callable[..., str]:
    def run(**environ: str) -> str:
        return settings.load(tmp_path, environ={"CANVAS_BASE_URL": CANVAS["CANVAS_BASE_URL"]} | environ).token.reveal()

    return run


def test_a_token_file_is_relative_to_the_home(load_token, token_file) -> None:
    path = token_file(f"{TOKEN}\n")
    assert load_token(CANVAS_API_TOKEN_FILE="token") == TOKEN
    assert load_token(CANVAS_API_TOKEN_FILE=str(path)) == TOKEN
    token_file(f"\ufeff{TOKEN}\r\n")
    assert load_token(CANVAS_API_TOKEN_FILE="token") == TOKEN


def test_the_token_of_the_higher_layer_counts(load_token, token_file, write_env) -> None:
    token_file("from-file")
    write_env("CANVAS_API_TOKEN=direct")
    assert load_token() == "direct"
    assert load_token(CANVAS_API_TOKEN_FILE="token") == "from-file"
    write_env("CANVAS_API_TOKEN_FILE=token")
    assert load_token() == "from-file"
    assert load_token(CANVAS_API_TOKEN="direct") == "direct"


def test_two_tokens_in_one_layer_are_refused(problem, token_file, golden: Golden) -> None:
    token_file(TOKEN)
    golden(in_full(problem(CANVAS_API_TOKEN_FILE="token")))


@posix
def test_a_token_file_open_to_others_is_refused_with_the_command(load_token, token_file, golden: Golden) -> None:
    token_file(TOKEN, mode=0o644)
    with pytest.raises(SettingsError) as caught:
        load_token(CANVAS_API_TOKEN_FILE="token")
    golden(in_full(caught.value))


def test_a_token_file_with_anything_else_in_it_is_refused(load_token, token_file, golden: Golden) -> None:
    found = {}
    for text in ("", "two words", "two\nlines", "tökén"):
        token_file(text)
        with pytest.raises(SettingsError) as caught:
            load_token(CANVAS_API_TOKEN_FILE="token")
        found[repr(text)] = in_full(caught.value)
        assert not text or text not in found[repr(text)]
    golden(listed(found))


def test_a_token_file_that_does_not_exist_is_one_problem(load_token, golden: Golden) -> None:
    with pytest.raises(SettingsError) as caught:
        load_token(CANVAS_API_TOKEN_FILE="nowhere")
    golden(in_full(caught.value))


def test_the_token_is_shown_nowhere_unless_asked_for(load: Load) -> None:
    loaded = load()
    assert loaded.token.reveal() == TOKEN
    for shown in (repr(loaded), str(loaded.token), f"{loaded.token}", repr(loaded.values)):
        assert TOKEN not in shown
    assert source(loaded, "CANVAS_API_TOKEN") == (MASK, "environment")
    assert not Secret("")
    assert repr(Secret("")) == ""


def test_a_refused_text_is_not_repeated(problem, golden: Golden) -> None:
    found = problem(CANVAS_API_TOKEN=f"{TOKEN} x", CANVAS_ACCOUNT_ID=TOKEN, CANVAS_BASE_URL=f"https://a:{TOKEN}@b.edu")
    assert TOKEN not in found.sentence + found.hint
    golden(in_full(found))


# --- unknown, missing, together ---


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("CANVAS_URL", "CANVAS_BASE_URL"),
        ("SIS_SYNC_GAET", "SIS_SYNC_GATE"),
        ("SIS_IMPORT_BATCHMODE", "SIS_IMPORT_BATCH_MODE"),
        ("sis_sync_gate", "SIS_SYNC_GATE"),
    ],
)
def test_an_unknown_name_suggests_the_nearest(problem, write_env, name: str, nearest: str, golden: Golden) -> None:
    of_environment = in_full(problem(**{name: "x"}))
    write_env(f"{name}=x")
    of_file = in_full(problem())
    assert nearest in of_environment
    assert nearest in of_file
    golden(f"{of_environment}\n{of_file}")


def test_an_unknown_parameter_suggests_a_parameter(problem, golden: Golden) -> None:
    found = {name: in_full(problem({name: "x"})) for name in ("batchmode", "attachment", "gate")}
    assert " batch_mode." in found["batchmode"]
    golden(listed(found))


def test_the_home_can_be_named_in_the_environment_but_not_in_the_file(
    load: Load, problem, write_env, golden: Golden
) -> None:
    assert load(SIS_SYNC_HOME="/elsewhere").gate == "own"
    write_env("SIS_SYNC_HOME=/elsewhere")
    golden(in_full(problem()))


def test_what_canvas_needs_is_asked_for_with_the_command(tmp_path: Path, golden: Golden) -> None:
    with pytest.raises(SettingsError) as caught:
        settings.load(tmp_path, environ={})
    golden(in_full(caught.value))


def test_without_canvas_nothing_is_obligatory(tmp_path: Path) -> None:
    loaded = settings.load(tmp_path, environ={}, need_canvas=False)
    assert (loaded.base_url, loaded.host, bool(loaded.token)) == ("", "", False)
    assert source(loaded, "CANVAS_API_TOKEN") == ("", "default")


def test_all_problems_are_told_together_and_each_hint_once(tmp_path: Path, write_env, golden: Golden) -> None:
    write_env("SIS_SYNC_GATE=x", "SIS_SYNC_UPLOAD=x", "SIS_SYNC_FOO=x", "SIS_IMPORT_ADD_SIS_STICKINESS=1")
    with pytest.raises(SettingsError) as caught:
        settings.load(tmp_path, environ={"SIS_SYNC_POLL_LIMIT": "x"})
    _, *rest = caught.value.sentence.splitlines()
    assert [line.split()[1] for line in rest] == [
        "SIS_SYNC_FOO",
        "SIS_SYNC_UPLOAD",
        "SIS_SYNC_POLL_LIMIT",
        "SIS_SYNC_GATE",
        "CANVAS_BASE_URL",
        "CANVAS_API_TOKEN",
        "SIS_IMPORT_ADD_SIS_STICKINESS",
    ]
    hints = caught.value.hint.splitlines()
    assert len(hints) == len(set(hints))
    golden(in_full(caught.value))


# --- folders ---


def test_the_home_is_the_option_then_the_variable_then_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIS_SYNC_HOME", "/of/the/process")
    environ = {"SIS_SYNC_HOME": "/srv/feed"}
    assert find_home(Path("mine"), environ) == tmp_path / "mine"
    assert find_home(None, environ) == Path("/srv/feed").absolute()
    assert find_home(None, {}) == tmp_path
    assert find_home(None) == Path("/of/the/process").absolute()


def test_a_tilde_is_the_users_folder_where_no_shell_replaces_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/office")
    monkeypatch.setenv("USERPROFILE", "/home/office")
    assert find_home(None, {"SIS_SYNC_HOME": "~/sis"}) == Path("/home/office/sis").absolute()


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        ("linux", {"HOME": "/home/a"}, "/home/a/.local/state/sis-sync"),
        ("linux", {"HOME": "/home/a", "XDG_STATE_HOME": "/state"}, "/state/sis-sync"),
        ("linux", {"HOME": "/home/a", "XDG_STATE_HOME": "relative"}, "/home/a/.local/state/sis-sync"),
        ("darwin", {"HOME": "/Users/a"}, "/Users/a/Library/Application Support/sis-sync"),
        ("win32", {"LOCALAPPDATA": "/Local"}, "/Local/sis-sync"),
        ("win32", {"HOME": "/Users/a"}, "/Users/a/AppData/Local/sis-sync"),
    ],
)
def test_the_state_folder_is_where_the_system_keeps_state(platform: str, environ: dict[str, str], folder: str) -> None:
    assert state_folder(environ, platform) == Path(folder)


def test_the_state_folder_is_the_same_whatever_relative_home_a_run_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of a target lies in it, and two folders would be two locks."""
    known = Path(pwd.getpwuid(os.getuid()).pw_dir).resolve() / ".local/state/sis-sync"
    for environ in ({}, {"HOME": ""}, {"HOME": "."}, {"HOME": "home/a"}, {"HOME": "~"}, {"XDG_STATE_HOME": "state"}):
        assert state_folder(environ, "linux") == known


def test_two_spellings_of_a_folder_are_one_state_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    spellings = [tmp_path / "real", tmp_path / "link", f"{tmp_path}/link/../real/", f"{tmp_path}//real/."]
    for name in ("HOME", "XDG_STATE_HOME"):
        found = {state_folder({"HOME": "/", name: str(spelling)}, "linux") for spelling in spellings}
        assert len(found) == 1
        assert found.pop().is_relative_to((tmp_path / "real").resolve())


def test_a_user_without_a_home_folder_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch, golden: Golden) -> None:
    def unknown(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(SettingsError) as caught:
        state_folder({}, "linux")
    golden(in_full(caught.value))


def test_a_dot_env_that_cannot_be_seen_is_named_and_never_taken_for_none(tmp_path: Path, golden: Golden) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(SettingsError) as caught:
        settings.load(tmp_path / "loop", environ={}, need_canvas=False)
    golden(in_full(caught.value))


def test_a_current_folder_that_is_gone_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Golden
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(HomeError) as caught:
        find_home(None, {})
    golden(in_full(caught.value))
    assert find_home(tmp_path, {}) == tmp_path


# --- start-up ---


def test_loading_good_settings_imports_nothing_that_only_an_error_needs(tmp_path: Path, write_env) -> None:
    """A failure means that something heavy moved to the top of a settings module: every idle tick would pay for it."""
    write_env(*(f"{name}={text}" for name, text in CANVAS.items()))
    code = (
        "import sys; from pathlib import Path; from canvas_sis_sync.home import settings;"
        f"settings.load(Path({str(tmp_path)!r}), environ={{}});"
        "print(*({'difflib', 'shlex', 'logging.handlers', 'requests', 'click'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_a_pipe_in_the_place_of_the_settings_is_refused_and_not_waited_for(tmp_path: Path, golden: Golden) -> None:
    os.mkfifo(tmp_path / ".env", 0o600)
    with pytest.raises(SettingsError) as caught:
        settings.load(tmp_path, environ={})
    golden(in_full(caught.value))
