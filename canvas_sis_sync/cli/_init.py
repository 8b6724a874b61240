"""`sis-sync init`: make a home, write what Canvas needs into its `.env`, try it, and say how cron runs it.

An existing `.env` is never written to, only tried. The token appears in no text that is given back.
"""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from canvas_sis_sync.canvas.retry import Retry
from canvas_sis_sync.cli._config import OBLIGATORY, missing
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.errors import AccessRefused, HomeError, SyncError, UsageError
from canvas_sis_sync.files import exposures, make_folder, opener
from canvas_sis_sync.home.setting_layers import ENVIRONMENT
from canvas_sis_sync.home.setting_table import SETTINGS, Setting
from canvas_sis_sync.home.settings import Settings, load
from canvas_sis_sync.plain_text import lines
from canvas_sis_sync.sync.session import open_canvas

FOLDERS = ("inbox", "archive", "logs")
OPTIONS = {
    "CANVAS_BASE_URL": "--url",
    "CANVAS_API_TOKEN": "the token",
    "CANVAS_API_TOKEN_FILE": "--token-file",
    "CANVAS_ACCOUNT_ID": "--account",
    "CANVAS_HOSTED": "--hosted",
}
"""What may be answered, and how the answer is called on the command line."""
EXAMPLE = "config.example.env"
INSTRUCTURE = ".instructure.com"


class Ask(Protocol):
    """Puts a question to a person until `parse` takes the answer without a ValueError, and gives the answer."""

    def __call__(self, question: str, parse: Callable[[str], object], *, default: str, hidden: bool) -> str:
        """Take an empty answer as `default`, which is shown unless it is empty."""


@dataclass(frozen=True, slots=True)
class Made:
    """A home that was made, or was there already."""

    #: What was done, what Canvas says, and the crontab lines.
    text: str
    #: What keeps it from working, None when nothing is known to.
    trouble: SyncError | None


def init(home: Path, answers: Mapping[str, str], ask: Ask | None) -> Made:
    """Make the home and try its settings.

    `answers` are texts by the names of `OPTIONS`; the environment completes them, and then `ask`, None without a
    terminal. Raises UsageError for an answer that does not fit, SettingsError for the environment, HomeError.
    """
    path = home / ".env"
    existed = path.exists()
    if existed:
        make_folders(home)
        done = f"{path} exists and was left as it is{'; the options were not used' if answers else ''}."
    else:
        answers = _complete(home, answers, ask)
        make_folders(home)
        write_settings(home, answers)
        done = f"Made the home {home}: {', '.join(FOLDERS)}, and its settings in .env."
    # A new home is tried as cron will find it: what the environment says has been written into it.
    found, trouble = _try(home, None if existed else {})
    return Made(lines([done, *found, *_exposed(home), "", *_crontab(home)]), trouble)


def _exposed(home: Path) -> list[str]:
    return exposures((home, home / "archive", home / "logs"))


def make_folders(home: Path) -> None:
    """Make the folders of a home that are missing, for their owner only. Raises HomeError."""
    try:
        for path in (home, *(home / name for name in FOLDERS)):
            make_folder(path)
    except OSError as error:
        raise _not_made(error) from error


def write_settings(home: Path, answers: Mapping[str, str]) -> None:
    """Write `.env` from the example, readable by its owner only. Raises HomeError, also when there is one."""
    try:
        with open(home / ".env", "x", encoding="utf-8", newline="\n", opener=opener) as file:
            file.write(settings_text(answers))
    except OSError as error:
        raise _not_made(error) from error


def _not_made(error: OSError) -> HomeError:
    return HomeError(
        f"The home could not be made: {error.filename}: {(error.strerror or str(error)).lower()}.",
        "Name a folder that you may write to: sis-sync --home FOLDER init",
    )


def settings_text(answers: Mapping[str, str]) -> str:
    """Return the text of `.env`: the example configuration with the answers filled in. Raises OSError."""
    return re.sub(r"^#?([A-Z_]+)=.*$", lambda line: _filled(line, answers), _example(), flags=re.MULTILINE)


def _example() -> str:
    """Return the text of the example configuration: a wheel has it in the package, a checkout at the top."""
    packaged = files("canvas_sis_sync") / EXAMPLE
    place = packaged if packaged.is_file() else Path(__file__).parents[2] / EXAMPLE
    return place.read_text(encoding="utf-8")


def _filled(line: re.Match[str], answers: Mapping[str, str]) -> str:
    name = line[1]
    if answers.get(name):
        return f"{name}={_quoted(answers[name])}"
    if name == "CANVAS_API_TOKEN" and "CANVAS_API_TOKEN_FILE" in answers:
        return f"#{name}="
    return f"{name}=" if name in OBLIGATORY else line[0]


def _quoted(text: str) -> str:
    """Put a text between single quotes unless `.env` takes it as it is."""
    if re.fullmatch(r"[\w@%+=:,./~-]*", text):
        return text
    return "'" + re.sub(r"([\\'])", r"\\\1", text) + "'"


def _complete(home: Path, answers: Mapping[str, str], ask: Ask | None) -> dict[str, str]:
    """Add to the answers what the environment and a person say."""
    known = {name: _checked(name, text) for name, text in answers.items()}
    for name, text in _from_environment(home).items():
        if not (name.startswith("CANVAS_API_TOKEN") and "CANVAS_API_TOKEN_FILE" in known):
            known.setdefault(name, text)
    if ask is not None:
        _ask_for_the_rest(known, ask)
    elif "CANVAS_HOSTED" not in known and _is_instructures(known):
        known["CANVAS_HOSTED"] = "true"
    return known


def _from_environment(home: Path) -> dict[str, str]:
    loaded = load(home, need_canvas=False)
    found = {name: value for name, value, source in loaded.values if source == ENVIRONMENT and name in OPTIONS}
    if "CANVAS_API_TOKEN" in found:
        found["CANVAS_API_TOKEN"] = loaded.token.reveal()
    return found


def _ask_for_the_rest(known: dict[str, str], ask: Ask) -> None:
    def put(name: str, question: str, default: str = "") -> None:
        if name not in known:
            hidden = name == "CANVAS_API_TOKEN"
            known[name] = _checked(name, ask(question, _setting(name).parse, default=default, hidden=hidden))

    put("CANVAS_BASE_URL", "Address of your Canvas, such as https://canvas.example.edu")
    if "CANVAS_API_TOKEN_FILE" not in known:
        put("CANVAS_API_TOKEN", "Access token (is not shown; Enter alone leaves it for later)")
    put("CANVAS_ACCOUNT_ID", "Root account, `self` or its number", _setting("CANVAS_ACCOUNT_ID").default)
    put("CANVAS_HOSTED", "Is it hosted by Instructure (yes or no)", "yes" if _is_instructures(known) else "no")


def _is_instructures(known: Mapping[str, str]) -> bool:
    return (urlsplit(known.get("CANVAS_BASE_URL", "")).hostname or "").endswith(INSTRUCTURE)


def _setting(name: str) -> Setting:
    return next(setting for setting in SETTINGS if setting.name == name)


def _checked(name: str, text: str) -> str:
    """Give an answer as it is written in `.env`. Raises UsageError, which does not repeat it."""
    try:
        value = _setting(name).parse(text) if text else ""
    except ValueError as error:
        raise UsageError(f"{OPTIONS[name]} {error}.", "Nothing was made.") from None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _try(home: Path, environ: Mapping[str, str] | None) -> tuple[list[str], SyncError | None]:
    """Try the settings as a run with that environment would find them: what Canvas says, and what is wrong."""
    try:
        loaded = load(home, environ=environ, need_canvas=False)
        lacking = missing(loaded)
        if not lacking:
            return _ask_canvas(loaded)
    except SyncError as error:
        return [], error
    again = f"sis-sync --home {shlex.quote(str(home))} init"
    return [f"Fill in {' and '.join(lacking)} in {home / '.env'}, then type `{again}` again: it tries them."], None


def _ask_canvas(loaded: Settings) -> tuple[list[str], SyncError | None]:
    with open_canvas(loaded, Retry(Clock(), attempts=1)) as canvas:
        user = canvas.current_user()
        account = canvas.root_account(loaded.account_id)
        may_import = canvas.may_import(account.id)
    found = [f"{loaded.base_url} answers: the token is {user.name}'s, the account is {account.name} ({account.id})."]
    if may_import is False:
        return found, AccessRefused(
            f"{user.name} may not import SIS data into {account.name}.",
            "Give that user an account role with the permission 'Import SIS data' in the root account, or use the"
            " token of a user who has it.",
        )
    found.append(
        "That user may import SIS data."
        if may_import
        else "Whether that user may import SIS data could not be determined."
    )
    return found, None


def _crontab(home: Path) -> list[str]:
    return [
        "To have it run every quarter of an hour, type `crontab -e` and add these lines, with your own address:",
        "",
        "MAILTO=sis-admin@example.edu",
        f"*/15 * * * * {_for_cron([*program(), '--home', str(home), 'run'])}",
    ]


def _for_cron(words: list[str]) -> str:
    """Write a command for a crontab, where an unescaped % ends it."""
    return shlex.join(words).replace("%", r"\%")


def program() -> list[str]:
    """Give the command that starts this program from anywhere."""
    beside = shutil.which("sis-sync", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("sis-sync")
    return [str(Path(found).absolute())] if found else [sys.executable, "-m", "canvas_sis_sync"]
