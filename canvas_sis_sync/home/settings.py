"""Settings: flag, then environment, then `<home>/.env`, then default, each remembering where it came from.

Owns the finished `Settings`. The only reader of `os.environ`. Nothing is written, and nothing in the process is changed
but the way to Canvas by `use_network`.
Idle ticks load it: what only an error or a rare value needs is imported where it is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from canvas_sis_sync.errors import HomeError, SettingsError
from canvas_sis_sync.home import _network, setting_layers
from canvas_sis_sync.home._setting_conflicts import EXCLUDES, NEEDS, contradictions
from canvas_sis_sync.home._setting_parsers import parse_token, path_of
from canvas_sis_sync.home.setting_table import SETTINGS, UNDERSTOOD, Setting, parameter_name
from canvas_sis_sync.plain_text import lines
from canvas_sis_sync.plan.breakers.limits import KINDS_WITH_LIMITS, Limit, raised

__all__ = [
    "EXCLUDES",
    "MASK",
    "NEEDS",
    "SETTINGS",
    "Limit",
    "Secret",
    "Setting",
    "Settings",
    "find_home",
    "load",
    "raised",
    "state_folder",
    "use_network",
]

MASK = "********"


class Secret:
    """A text that shows itself only when asked by name; an empty one means that there is none."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return MASK if self._text else ""


@dataclass(frozen=True)
class Settings:
    """What a home is set to. Durations are seconds. A field is called like its setting, without the prefix."""

    home: Path
    inbox: Path
    archive: Path
    logs: Path
    #: Folder of this user for what outlives a home, such as the lock of a target; it need not exist.
    state_folder: Path
    #: Scheme, host and port (if not the default one), without a slash at the end; "" when not set.
    base_url: str
    #: Host and port (if not the default one); "" when not set.
    host: str
    token: Secret
    #: The address comes from the environment.
    exported_url: bool
    #: The address that `.env` names and the environment overrides by another; "" for none.
    overridden_url: str
    #: "self" or digits.
    account_id: str
    #: True for Canvas hosted by Instructure, whose requests must end within a minute.
    hosted: bool
    settle_seconds: int
    #: Name of the file that says that a drop is complete; "" for none.
    marker: str
    lost_seconds: int
    poll_limit: int
    #: "auto", "direct" or "two-step".
    upload: str
    #: "own" or "account".
    gate: str
    max_error_rows: Limit
    remind_every: int
    #: How bad findings must be for a drop to be refused, in the words of the setting.
    refuse_on: str
    #: "hold" or "continue".
    after_refusal: str
    skip_unchanged: bool
    #: Ids of rules.
    check_ignore: tuple[str, ...]
    #: Names of custom roles.
    roles: tuple[str, ...]
    #: "" for UTF-8 only.
    source_encoding: str
    #: (kind, id) of rows without which a delivery is held.
    canaries: tuple[tuple[str, str], ...]
    #: How many rows may go without a delivery being held, by kind.
    breakers: Mapping[str, Limit]
    #: What the same limits hold for, too: "term", "account", "course", or "" for what the courses name.
    breaker_group_by: str
    #: Seconds between two remasters, 0 for never.
    remaster: int
    #: What Canvas is asked for, by Canvas's own names; only what was set.
    import_parameters: Mapping[str, str]
    #: Proxies and certificate authority.
    network: tuple[_network.NetworkSetting, ...] = field(repr=False)
    #: (name, value as shown, source) of each setting; secrets masked.
    values: tuple[tuple[str, str, str], ...] = field(repr=False)


def find_home(option: Path | None, environ: Mapping[str, str] | None = None) -> Path:
    """Give the absolute path of the home: `--home`, else `SIS_SYNC_HOME`, else the current folder.

    Raises HomeError when it is relative to a folder that is gone.
    """
    named = path_of(str(option or (os.environ if environ is None else environ).get(setting_layers.HOME_NAME) or "."))
    try:
        return named.absolute()
    except OSError as error:
        raise HomeError(
            f"The current folder cannot be found any more: {(error.strerror or str(error)).lower()}.",
            "Change to a folder that exists, or name the home with --home and its whole path.",
        ) from error


def load(
    home: Path,
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, str] | None = None,
    need_canvas: bool = True,
) -> Settings:
    """Read the settings of a home.

    `flags` are the `--param`s, by Canvas's names; `environ` is the process's own unless given. An empty text means
    the default. Without `need_canvas`, address and token may be missing.

    Raises SettingsError, with all problems together.
    """
    environ = os.environ if environ is None else environ
    problems: list[SettingsError] = []
    dotenv = setting_layers.read_dotenv(home, problems)
    given = setting_layers.read(home, dotenv, environ, flags or {}, problems)
    way = _network.read(home, dotenv, environ, problems)
    values = _values(home, given, problems)
    values["CANVAS_API_TOKEN"] = _token(home, given, values, problems)
    if need_canvas:
        problems += _missing(home, given)
    parameters = {parameter_name(name): value for name, value in values.items() if value and parameter_name(name)}
    if all(values[name] or not entry.text for name, entry in given.items() if parameter_name(name)):
        problems += contradictions(parameters, lambda parameter: given[f"SIS_IMPORT_{parameter.upper()}"].label)
        problems += _without_a_base(given["SIS_SYNC_REMASTER"], values["SIS_SYNC_REMASTER"], parameters)
    if problems:
        raise _together(problems)
    listed = [each for each in UNDERSTOOD if each in SETTINGS or given[each.name].text]
    shown = tuple((each.name, _shown(each, given, values), given[each.name].source) for each in listed)
    exported = given["CANVAS_BASE_URL"].source == setting_layers.ENVIRONMENT
    return Settings(
        home=home,
        inbox=home / "inbox",
        archive=home / "archive",
        logs=home / "logs",
        state_folder=state_folder(environ),
        base_url=values["CANVAS_BASE_URL"],
        host=values["CANVAS_BASE_URL"].partition("://")[2],
        token=Secret(values["CANVAS_API_TOKEN"]),
        exported_url=exported,
        overridden_url=_overridden(dotenv, values["CANVAS_BASE_URL"]) if exported else "",
        account_id=values["CANVAS_ACCOUNT_ID"],
        hosted=values["CANVAS_HOSTED"],
        import_parameters=MappingProxyType(_effective(parameters)),
        network=way,
        values=(*shown, *((each.name, each.shown, each.source) for each in way)),
        **_own(values),
    )


def use_network(settings: Settings) -> None:
    """Make this process reach Canvas in the way that `.env` says, where the environment says nothing."""
    _network.use(settings.network)


def state_folder(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Return the folder of this user for what outlives a home, by its one real path; it need not exist.

    Locks are in it, so that it must be the same for all of a user's runs: relative paths are passed over, which XDG
    requires, and links resolved. Raises SettingsError for a user without a home folder.
    """
    name, below = {
        "win32": ("LOCALAPPDATA", "AppData/Local"),
        "darwin": ("", "Library/Application Support"),
    }.get(platform, ("XDG_STATE_HOME", ".local/state"))
    named = Path(environ.get(name, ""))
    folder = named if named.is_absolute() else _user_folder(environ) / below
    return Path(os.path.realpath(folder / "sis-sync"))


def _user_folder(environ: Mapping[str, str]) -> Path:
    """Return the home folder of the user: HOME, or what the system knows where that is missing or relative."""
    named = Path(environ.get("HOME", ""))
    if named.is_absolute():
        return named
    if os.name == "nt":
        known = path_of("~")
    else:
        import pwd

        try:
            known = Path(pwd.getpwuid(os.getuid()).pw_dir)
        except KeyError:
            known = Path()
    if not known.is_absolute():
        raise SettingsError(
            "The user who runs sis-sync has no home folder, where it keeps one sender at a time.",
            "Set HOME, or on Linux XDG_STATE_HOME, to the whole path of a folder that this user can write to.",
        )
    return known


def _values(
    home: Path, given: Mapping[str, setting_layers.GivenSetting], problems: list[SettingsError]
) -> dict[str, Any]:
    """Turn texts into values. A refused text is not repeated: it may be a token on the wrong line."""
    values: dict[str, Any] = {}
    for setting in UNDERSTOOD:
        entry = given[setting.name]
        text = entry.text or setting.default
        try:
            values[setting.name] = setting.parse(text) if text else ""
        except ValueError as error:
            values[setting.name] = ""
            problems.append(SettingsError(f"{entry.label} {error}.", setting_layers.how_to_fix(home, entry)))
    return values


def _token(
    home: Path,
    given: Mapping[str, setting_layers.GivenSetting],
    values: Mapping[str, Any],
    problems: list[SettingsError],
) -> str:
    """Take the token from the higher of the layers that hold it, directly or as a file's name."""
    direct, named = given["CANVAS_API_TOKEN"], given["CANVAS_API_TOKEN_FILE"]
    if not named.text or (
        direct.text and (direct.source, named.source) == (setting_layers.ENVIRONMENT, setting_layers.DOTENV)
    ):
        return str(values["CANVAS_API_TOKEN"])
    if direct.text and direct.source == named.source:
        problems.append(SettingsError(f"{direct.label} and {named.label} are both set.", "Remove one of the two."))
    path = home / path_of(named.text)
    text = setting_layers.read_private(path, problems)
    try:
        return "" if text is None else parse_token(text.strip())
    except ValueError as error:
        problems.append(SettingsError(f"The content of {path} {error}.", f"Put the token into {path}."))
        return ""


def _missing(home: Path, given: Mapping[str, setting_layers.GivenSetting]) -> Iterator[SettingsError]:
    for name, instead in (("CANVAS_BASE_URL", "CANVAS_BASE_URL"), ("CANVAS_API_TOKEN", "CANVAS_API_TOKEN_FILE")):
        if not given[name].text and not given[instead].text:
            from shlex import quote

            sentence = f"{name} is set neither in the environment nor in {home / '.env'}."
            yield SettingsError(sentence, f"Type: sis-sync --home {quote(str(home))} init")


def _without_a_base(
    entry: setting_layers.GivenSetting, remaster: int, parameters: Mapping[str, str]
) -> Iterator[SettingsError]:
    if remaster and "diffing_data_set_identifier" not in parameters:
        needed = "SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER"
        sentence = f"{entry.label} needs {needed}: only a data set that is diffed has a base."
        yield SettingsError(sentence, f"Set {needed}, or remove {entry.name}.")


def _own(values: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields that our own settings fill, those of breakers together."""
    own = {name.removeprefix("SIS_SYNC_").lower(): value for name, value in values.items() if "SIS_SYNC_" in name}
    every = own.pop("breaker")
    breakers = {kind: own.pop(f"breaker_{kind}") or every for kind in KINDS_WITH_LIMITS}
    return own | {"breakers": MappingProxyType(breakers), "canaries": own["canaries"] or ()}


def _overridden(dotenv: Mapping[str, str], base_url: str) -> str:
    """Give the address in `.env` when it is another than `base_url`."""
    setting = next(setting for setting in SETTINGS if setting.name == "CANVAS_BASE_URL")
    try:
        written = str(setting.parse(dotenv.get(setting.name, "").strip()))
    except ValueError:
        return ""
    return written if written != base_url else ""


def _together(problems: list[SettingsError]) -> SettingsError:
    """Make one error of all, each with its sentence, and each different hint once."""
    if len(problems) == 1:
        return problems[0]
    sentences = (f"- {problem.sentence}" for problem in problems)
    hints = dict.fromkeys(problem.hint for problem in problems)
    return SettingsError(lines([f"There are {len(problems)} problems with the settings:", *sentences]), lines(hints))


def _effective(parameters: dict[str, str]) -> dict[str, str]:
    """Leave out a false multi_term_batch_mode: its presence alone acts (API 3.2)."""
    return {name: value for name, value in parameters.items() if (name, value) != ("multi_term_batch_mode", "false")}


def _shown(setting: Setting, given: Mapping[str, setting_layers.GivenSetting], values: Mapping[str, Any]) -> str:
    text, value = given[setting.name].text or setting.default, values[setting.name]
    if setting.secret:
        return MASK if text else ""
    return value if isinstance(value, str) else text
