"""The table of settings: each one's name, default and meaning, and how its text becomes a value.

Owns what texts mean. Where texts come from is the package's own matter, what goes together that of `refusals`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from canvas_sis_sync.plan.breakers.limits import (
    DEFAULT_ERROR_ROWS,
    EVERY_KIND,
    EXCEPTIONS,
    KINDS_WITH_LIMITS,
    parse_error_rows,
    parse_limit,
)

BREAKER = "SIS_SYNC_BREAKER_"
_NAMED = (
    *("account", "term", "course", "section", "xlist", "user", "login", "group"),
    *("differentiation_tag_set", "differentiation_tag", "institutional_tag_category", "institutional_tag"),
)
"""Kinds whose rows are named by one column (DIFF 4)."""


class Setting(NamedTuple):
    """One setting. `parse` turns its text into its value and raises ValueError with what is wrong and what fits."""

    name: str
    #: As one would write it; "" for none.
    default: str
    parse: Callable[[str], Any]
    about: str
    secret: bool = False


def parameter_name(name: str) -> str:
    """Give Canvas's name of an import parameter, "" for other settings."""
    return name[len("SIS_IMPORT_") :].lower() if name.startswith("SIS_IMPORT_") else ""


def _fitting(pattern: str, wanted: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {wanted}")
        return text

    return parse


def _one_of(*words: str) -> Callable[[str], str]:
    return _fitting("|".join(words), " or ".join((", ".join(words[:-1]), words[-1])) if words[1:] else words[0])


def _boolean(text: str) -> bool:
    """Read Canvas's words for true and false (API 2), without its guesses about other texts."""
    if not re.fullmatch("yes|y|true|t|on|1|no|n|false|f|off|0", text.lower()):
        raise ValueError("must be true or false")
    return text.lower() in {"yes", "y", "true", "t", "on", "1"}


def _flag(text: str) -> str:
    return str(_boolean(text)).lower()


def _duration(text: str) -> int:
    if not (found := re.fullmatch("([0-9]{1,9})([smhd]?)", text)):
        raise ValueError("must be a duration such as 90s, 10m, 6h, 7d or plain seconds")
    return int(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[2]]


def _url(text: str) -> str:
    """Cut an address down to scheme, host and port. What is refused is not repeated: it may hold a password."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("must be an address such as https://canvas.example.edu") from None
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password: write https:// and the host only")
    if parts.scheme not in {"https", "http"} or not re.fullmatch("[a-z0-9._:-]+", host):
        raise ValueError("must be an address such as https://canvas.example.edu")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("must start with https:// (http:// is for this machine's own addresses only)")
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (
        f":{port}" if port not in {None, 443 if parts.scheme == "https" else 80} else ""
    )


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _identifier(text: str) -> str:
    if not text.isprintable() or len(text.encode()) > 128:
        raise ValueError("must be text on one line of at most 128 bytes")
    return text


def _names(text: str) -> tuple[str, ...]:
    """Read names between commas; blanks around them do not count."""
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _canaries(text: str) -> tuple[tuple[str, str], ...]:
    """Read `kind:id` between commas."""
    found = tuple((kind.strip(), name.strip()) for kind, _, name in (each.partition(":") for each in _names(text)))
    if not all(kind in _NAMED and name for kind, name in found):
        raise ValueError(f"must be rows such as user:U001,course:C1, each of one of the kinds {', '.join(_NAMED)}")
    return found


def _remaster(text: str) -> int:
    """Read the seconds between two remasters, 0 for never."""
    if text == "never":
        return 0
    word, colon, interval = text.partition(":")
    if (word, colon) != ("every", ":") or not (seconds := _duration(interval)):
        raise ValueError("must be never, or an interval such as every:7d")
    return seconds


def _encoding(text: str) -> str:
    try:
        "".encode(text)
    except LookupError:
        raise ValueError("must be an encoding that Python knows, such as cp1252 or utf-16") from None
    return text


parse_token = _fitting("[!-~]+", "the token alone, without spaces or line breaks: paste it again")
_ACCOUNT = _fitting("self|[0-9]+", "self or the number of a root account")
_FILE_NAME = _fitting(r"(?i)(?!\.{1,2}$)[^/\\]+(?<!\.csv)(?<!\.zip)", "a file name, not a path, and no .csv or .zip")
_TERM = _fitting(
    "[0-9]+|default|current|sis_(term|integration)_id:.+",
    "a term's number, sis_term_id:X, sis_integration_id:X, default or current",
)
_REFUSE_ON = _fitting(
    r"fatal(, ?(100|[0-9]{1,2}(\.[0-9]+)?) ?%)?|error|warning|never",
    "fatal, fatal with a share of rows such as fatal,5%, error, warning or never",
)
_DROPPED = ("deleted", "completed", "inactive")


def _exception(kind: str, default: str = "") -> Setting:
    return Setting(f"{BREAKER}{kind.upper()}", default, parse_limit, f"The same for rows of {kind}.")


SETTINGS = (
    Setting("CANVAS_BASE_URL", "", _url, "Address of your Canvas."),
    Setting("CANVAS_API_TOKEN", "", parse_token, "Access token of a user who may import SIS data.", secret=True),
    Setting("CANVAS_API_TOKEN_FILE", "", str, "File that holds the token, instead of CANVAS_API_TOKEN."),
    Setting("CANVAS_ACCOUNT_ID", "self", _ACCOUNT, "Root account: self or its number."),
    Setting("CANVAS_HOSTED", "false", _boolean, "Whether Instructure hosts your Canvas."),
    Setting("SIS_SYNC_SETTLE_SECONDS", "60", _duration, "How long a drop must lie unchanged to be taken."),
    Setting("SIS_SYNC_MARKER", "", _FILE_NAME, "Name of the file that says that a drop is complete."),
    Setting("SIS_SYNC_LOST_SECONDS", "120", _duration, "How long to look for an import whose answer was lost."),
    Setting("SIS_SYNC_POLL_LIMIT", "6h", _duration, "How long one run waits altogether."),
    Setting("SIS_SYNC_UPLOAD", "auto", _one_of("auto", "direct", "two-step"), "How the zip is uploaded."),
    Setting("SIS_SYNC_GATE", "own", _one_of("own", "account"), "Whose failed imports hold the next one."),
    Setting("SIS_SYNC_MAX_ERROR_ROWS", DEFAULT_ERROR_ROWS, parse_error_rows, "How many rows Canvas may refuse."),
    Setting("SIS_SYNC_REMIND_EVERY", "24h", _duration, "How often a trouble that lasts is told again."),
    Setting("SIS_SYNC_REFUSE_ON", "fatal", _REFUSE_ON, "How bad what check finds must be for a drop to be refused."),
    Setting("SIS_SYNC_AFTER_REFUSAL", "hold", _one_of("hold", "continue"), "Whether a refused drop holds the next."),
    Setting("SIS_SYNC_SKIP_UNCHANGED", "false", _boolean, "Whether a delivery that Canvas has as it is is not sent."),
    Setting("SIS_SYNC_CHECK_IGNORE", "", _names, "Rules of check that nobody wants to hear of."),
    Setting("SIS_SYNC_ROLES", "", _names, "Custom roles, for check where Canvas is not asked."),
    Setting("SIS_SYNC_SOURCE_ENCODING", "", _encoding, "What the SIS writes where it does not write UTF-8."),
    Setting("SIS_SYNC_CANARIES", "", _canaries, "Rows without which a delivery is held, such as user:U001."),
    Setting("SIS_SYNC_BREAKER", EVERY_KIND, parse_limit, "How many rows of a kind may go without being held."),
    *(_exception(kind, default) for kind, default in EXCEPTIONS.items()),
    Setting("SIS_SYNC_BREAKER_GROUP_BY", "", _one_of("term", "account", "course"), "What limits hold for, too."),
    Setting("SIS_SYNC_REMASTER", "never", _remaster, "When a diffed data set is sent once more as a whole."),
    Setting("SIS_IMPORT_BATCH_MODE", "", _flag, "Delete what the import does not contain, in one term."),
    Setting("SIS_IMPORT_BATCH_MODE_TERM_ID", "", _TERM, "The term of batch mode."),
    Setting("SIS_IMPORT_MULTI_TERM_BATCH_MODE", "", _flag, "Batch mode for all terms in the import."),
    Setting("SIS_IMPORT_BATCH_MODE_ENROLLMENT_DROP_STATUS", "", _one_of(*_DROPPED), "What they become."),
    Setting("SIS_IMPORT_SKIP_DELETES", "", _flag, "Ignore rows whose status is deleted."),
    Setting("SIS_IMPORT_OVERRIDE_SIS_STICKINESS", "", _flag, "Overwrite changes made by hand in Canvas."),
    Setting("SIS_IMPORT_ADD_SIS_STICKINESS", "", _flag, "Mark what is imported as changed by hand."),
    Setting("SIS_IMPORT_CLEAR_SIS_STICKINESS", "", _flag, "Forget that it was changed by hand."),
    Setting("SIS_IMPORT_UPDATE_SIS_ID_IF_LOGIN_CLAIMED", "", _flag, "Take over a login of another SIS id."),
    Setting("SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER", "", _identifier, "Name of the data set to compare with."),
    Setting("SIS_IMPORT_DIFFING_REMASTER_DATA_SET", "", _flag, "Import whole, as the data set's new base."),
    Setting("SIS_IMPORT_DIFFING_DROP_STATUS", "", _one_of(*_DROPPED, "deleted_last_completed"), "For enrollments."),
    Setting("SIS_IMPORT_DIFFING_USER_REMOVE_STATUS", "", _one_of("deleted", "suspended"), "For users."),
    Setting("SIS_IMPORT_CHANGE_THRESHOLD", "", _fitting("[0-9]{1,2}|100", "a whole number from 0 to 100"), "Percent."),
    Setting("SIS_IMPORT_DIFF_ROW_COUNT_THRESHOLD", "", _fitting("0*[1-9][0-9]*", "a whole number from 1 on"), "Rows."),
)
"""Every setting of which files and pages show a default (docs/settings.md)."""
UNDERSTOOD = (*SETTINGS, *(_exception(kind) for kind in KINDS_WITH_LIMITS if kind not in EXCEPTIONS))
"""Every setting that may stand in `.env` or in the environment: any kind may have a limit of its own."""
