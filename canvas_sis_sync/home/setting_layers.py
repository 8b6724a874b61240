"""The layers that texts of settings come from, and what may stand in them.

Owns reading `.env` and token files, unknown names, and the words for where a text came from. The only importer of
dotenv. What a text means is the matter of `table`.
"""

from __future__ import annotations

import logging
import os
import re
import stat
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from dotenv import dotenv_values

from canvas_sis_sync.errors import SettingsError
from canvas_sis_sync.home.setting_table import UNDERSTOOD, parameter_name

HOME_NAME = "SIS_SYNC_HOME"
"""Names the home in the environment; it cannot stand in `.env`, which lies in the home."""
FLAG, ENVIRONMENT, DOTENV, DEFAULT = "--param", "environment", ".env", "default"
PREFIXES = ("CANVAS_", "SIS_SYNC_", "SIS_IMPORT_")

logging.getLogger("dotenv").addHandler(logging.NullHandler())  # what it cannot read is reported here

LARGEST_BYTES = 1 << 20
"""No `.env` and no token is longer."""


class GivenSetting(NamedTuple):
    """The text that a layer gives to a setting; "" when its default stands."""

    name: str
    text: str
    source: str

    @property
    def label(self) -> str:
        """The setting and its source, as a person would write them."""
        if self.source == FLAG:
            return f"--param {parameter_name(self.name)}"
        return f"{self.name} ({self.source})"


def read(
    home: Path,
    dotenv: Mapping[str, str],
    environ: Mapping[str, str],
    flags: Mapping[str, str],
    problems: list[SettingsError],
) -> dict[str, GivenSetting]:
    """Lay the layers over each other, lowest first; an empty text takes a setting back to its default."""
    given = {setting.name: GivenSetting(setting.name, "", DEFAULT) for setting in UNDERSTOOD}
    above = {
        DOTENV: dotenv,
        ENVIRONMENT: environ,
        FLAG: {f"SIS_IMPORT_{name.upper()}": text for name, text in flags.items()},
    }
    for source, texts in above.items():
        for name, text in texts.items():
            entry = GivenSetting(name, text.strip(), source)
            if name in given:
                given[name] = entry if entry.text else GivenSetting(name, "", DEFAULT)
            elif name.upper().startswith(PREFIXES) and (name, source) != (HOME_NAME, ENVIRONMENT):
                problems.append(_unknown(home, entry))
    return given


def _without_waiting(path: str, flags: int) -> int:
    """Open without waiting for the writer of a pipe, which Windows has not."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_private(path: Path, problems: list[SettingsError]) -> str | None:
    """Read a text that only its owner, who must be this user or root, may read; None when it cannot be read.

    Each thing that is wrong becomes one of the `problems`.
    """
    try:
        with open(path, encoding="utf-8-sig", opener=_without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > LARGEST_BYTES:
                problems.append(SettingsError(f"{path} is no file of settings or of a token.", f"Look at {path}."))
                return None
            text = file.read()
    except ValueError:
        problems.append(SettingsError(f"{path} is not text in UTF-8.", f"Save {path} as UTF-8."))
        return None
    except OSError as error:
        problems.append(SettingsError(f"{path} cannot be read: {error.strerror}.", f"Look at {path}."))
        return None
    if os.name == "posix":
        problems += _open_to_others(path, found)
    return text


def _open_to_others(path: Path, found: os.stat_result) -> Iterator[SettingsError]:
    """Yield what lets another user read the file or change it; root may anyway, and so may we."""
    if found.st_mode & 0o077:
        yield SettingsError(f"{path} is open to other users of this machine.", f"Type: chmod 600 {_quoted(path)}")
    if found.st_uid not in {0, os.geteuid()}:
        owner, me = _user(found.st_uid), _user(os.geteuid())
        yield SettingsError(
            f"{path} belongs to the user {owner}, who can change where the token and your data are sent, and sis-sync"
            f" runs as {me}.",
            f"Run sis-sync as {owner}, or type: chown {me} {_quoted(path)}",
        )


def _quoted(path: Path) -> str:
    from shlex import quote

    return quote(str(path))


def _user(uid: int) -> str:
    """Name a user, by number where there is no name."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def how_to_fix(home: Path, entry: GivenSetting) -> str:
    """Say where to mend an entry."""
    if entry.source == FLAG:
        return f"Mend {entry.label} on the command line."
    if entry.source == ENVIRONMENT:
        return f"Mend the environment variable {entry.name}."
    return f"Mend {home / '.env'}, then type: sis-sync config"


def read_dotenv(home: Path, problems: list[SettingsError]) -> dict[str, str]:
    """Read lines of NAME=value, without dotenv's interpolation: `$` is a character like others.

    Each line is parsed alone, since dotenv passes over what it cannot read and only logs where. A value has one line.
    """
    path = home / ".env"
    texts: dict[str, str] = {}
    content = (_is_there(path) and read_private(path, problems)) or ""
    for number, line in enumerate(re.split(r"\r\n|\n|\r", content), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = dotenv_values(stream=StringIO(line), interpolate=False)
        named = {name: text for name, text in found.items() if text is not None}
        if not named:
            sentence = f"Line {number} of {path} is not NAME=value."
            problems.append(SettingsError(sentence, how_to_fix(home, GivenSetting("", "", DOTENV))))
        texts |= named
    return texts


def _is_there(path: Path) -> bool:
    """Say whether a file may be there: also when that cannot be seen, which reading it reports."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _unknown(home: Path, entry: GivenSetting) -> SettingsError:
    from difflib import get_close_matches

    if entry.name.upper() == HOME_NAME:
        sentence = f"{entry.label} names the home, which only the environment or --home can do."
        return SettingsError(sentence, how_to_fix(home, entry))
    names = [setting.name for setting in UNDERSTOOD if entry.source != FLAG or parameter_name(setting.name)]
    nearest = get_close_matches(entry.name.upper(), names, 1, cutoff=0)[0]
    meant = parameter_name(nearest) if entry.source == FLAG else nearest
    return SettingsError(f"{entry.label} is no setting; the nearest is {meant}.", how_to_fix(home, entry))
