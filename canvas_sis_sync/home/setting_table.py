"""The table of settings: each one's name, default, parser and explanation, in the sections of the example file.

`config.example.env`, the `.env` that `init` writes and docs/settings.md are made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from canvas_sis_sync import DOCS
from canvas_sis_sync.home import _setting_parsers as parse
from canvas_sis_sync.plan.breakers.limits import (
    DEFAULT_ERROR_ROWS,
    EVERY_KIND,
    EXCEPTIONS,
    KINDS_WITH_LIMITS,
    parse_error_rows,
    parse_limit,
)

BREAKER = "SIS_SYNC_BREAKER_"


class Setting(NamedTuple):
    """One setting. `parse` turns its text into its value and raises ValueError with what is wrong and what fits."""

    name: str
    #: As one would write it; "" for none.
    default: str
    parse: Callable[[str], Any]
    #: What it does, in sentences; words between backticks are written as they are.
    about: str
    #: A value that somebody might set, "" for none to show.
    example: str = ""
    secret: bool = False


class Section(NamedTuple):
    """Settings that belong together."""

    title: str
    about: str
    settings: tuple[Setting, ...]


def parameter_name(name: str) -> str:
    """Return Canvas's name of an import parameter, "" for other settings."""
    return name[len("SIS_IMPORT_") :].lower() if name.startswith("SIS_IMPORT_") else ""


def _exception(kind: str, default: str = "") -> Setting:
    return Setting(f"{BREAKER}{kind.upper()}", default, parse_limit, f"The limit of `{kind}`.", "5%")


def _flag(name: str, about: str) -> Setting:
    return Setting(f"SIS_IMPORT_{name}", "", parse.flag, about, "true")


_DROPPED = ("deleted", "completed", "inactive")

_CANVAS = (
    Setting(
        "CANVAS_BASE_URL",
        "",
        parse.url,
        "Address of your Canvas. Everything after host and port is dropped. `http://` is accepted for addresses of"
        " this machine only. Required.",
        "https://canvas.example.edu",
    ),
    Setting(
        "CANVAS_API_TOKEN",
        "",
        parse.parse_token,
        "Access token of a user who may import SIS data (Canvas: Account, Settings, New Access Token). Required here"
        " or in a file of its own.",
        secret=True,
    ),
    Setting(
        "CANVAS_API_TOKEN_FILE",
        "",
        str,
        "File that holds the token and nothing else, readable by its owner only. A relative path starts at the home."
        " If token and file are both set, the one in the higher layer counts; both in one layer are refused.",
        "token",
    ),
    Setting(
        "CANVAS_ACCOUNT_ID",
        "self",
        parse.account,
        "Root account that is imported into: `self` or its number.",
        "1",
    ),
    Setting(
        "CANVAS_HOSTED",
        "false",
        parse.boolean,
        "Whether Instructure hosts your Canvas (*.instructure.com). Its requests must end within about a minute, so"
        " large zips are uploaded in two steps.",
        "true",
    ),
)
_INBOX = (
    Setting(
        "SIS_SYNC_SETTLE_SECONDS",
        "60",
        parse.duration,
        "How long a drop must stay unchanged before it is taken. `0` takes it at first sight.",
        "5m",
    ),
    Setting(
        "SIS_SYNC_MARKER",
        "",
        parse.file_name,
        "Name of a file that your export writes last. A drop with it is taken without waiting. Not a path, and not"
        " `.csv` or `.zip`.",
        "done",
    ),
    Setting(
        "SIS_SYNC_SOURCE_ENCODING",
        "",
        parse.encoding,
        "What the SIS writes if it is not UTF-8. Files that are UTF-8 are left as they are; the originals of others"
        " are kept as `original.zip`.",
        "cp1252",
    ),
)
_CHECK = (
    Setting(
        "SIS_SYNC_REFUSE_ON",
        "fatal",
        parse.refuse_on,
        "How bad findings of `sis-sync check` must be for a drop to be refused instead of sent: `fatal` (Canvas would"
        " fail the file or the import), `fatal,5%` (or refuse more than that share of the rows), `error` (or refuse"
        " any row), `warning` or `never`.",
        "fatal,5%",
    ),
    Setting(
        "SIS_SYNC_AFTER_REFUSAL",
        "hold",
        parse.one_of("hold", "continue"),
        "Whether a refused drop holds the next one. `continue` suits feeds whose every export is complete.",
        "continue",
    ),
    Setting(
        "SIS_SYNC_CHECK_IGNORE",
        "",
        parse.names,
        "Rules of `sis-sync check` that are not reported, between commas. `sis-sync rules` lists them.",
        "term-dates-cleared",
    ),
    Setting(
        "SIS_SYNC_ROLES",
        "",
        parse.names,
        "Names of the account's custom roles, between commas, for where Canvas is not asked for them.",
        "Tutor,Grader",
    ),
)
_SENDING = (
    Setting(
        "SIS_SYNC_UPLOAD",
        "auto",
        parse.one_of("auto", "direct", "two-step"),
        "How the zip is uploaded. `direct`: one request. `two-step`: announce, then upload. `auto`: two-step above 20"
        " MB when `CANVAS_HOSTED` is true.",
        "two-step",
    ),
    Setting(
        "SIS_SYNC_LOST_SECONDS",
        "120",
        parse.duration,
        "How long to look in Canvas for an import whose answer was lost before it counts as never made and is sent"
        " again.",
        "10m",
    ),
    Setting(
        "SIS_SYNC_POLL_LIMIT",
        "6h",
        parse.duration,
        "How long one run waits in total, for drops to settle and for imports to end. The rest is left for the next"
        " run (exit code 6).",
        "90m",
    ),
    Setting(
        "SIS_SYNC_GATE",
        "own",
        parse.one_of("own", "account"),
        "Whose failed imports hold the next one: `own`, or `account` for those that others made in the account too.",
        "account",
    ),
    Setting(
        "SIS_SYNC_MAX_ERROR_ROWS",
        DEFAULT_ERROR_ROWS,
        parse_error_rows,
        "How many rows Canvas may refuse before an import holds the next one: `10%` of the rows, `5000` rows, the"
        " stricter of both as `10%,5000`, or `off`. Only the default has a lower bound. A delivery that is known to"
        " exceed it is refused before it is sent.",
        "2%,500",
    ),
    Setting(
        "SIS_SYNC_REMIND_EVERY",
        "24h",
        parse.duration,
        "How often a problem that lasts is reported again under cron.",
        "7d",
    ),
    Setting(
        "SIS_SYNC_SKIP_UNCHANGED",
        "false",
        parse.boolean,
        "Whether a delivery without diffing is skipped when Canvas has accepted exactly the same before, with every"
        " row.",
        "true",
    ),
    Setting(
        "SIS_SYNC_REMASTER",
        "never",
        parse.remaster,
        "How often a diffed data set is sent once more as a whole after a delivery, so that Canvas receives rows again"
        " that it refused and that have not changed since: `never`, or `every:7d`. Needs"
        " `SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER`.",
        "every:7d",
    ),
)
_REMOVALS = (
    Setting("SIS_SYNC_BREAKER", EVERY_KIND, parse_limit, "The limit of every kind without an exception.", "5%,2000"),
    *(_exception(kind, default) for kind, default in EXCEPTIONS.items()),
    Setting(
        "SIS_SYNC_BREAKER_GROUP_BY",
        "",
        parse.one_of("term", "account", "course"),
        "What the limits hold for separately, too: `term`, `account` or `course`. By default terms if courses name"
        " any, else accounts.",
        "account",
    ),
    Setting(
        "SIS_SYNC_CANARIES",
        "",
        parse.canaries,
        "Rows without which a delivery is held, between commas, each as kind:id: missing, or with the status deleted."
        " Of the kinds whose rows one column names.",
        "user:U001,course:C1",
    ),
)
_PARAMETERS = (
    _flag("OVERRIDE_SIS_STICKINESS", "Overwrites changes made by hand in Canvas."),
    _flag("ADD_SIS_STICKINESS", "Marks what is imported as if it had been changed by hand."),
    _flag("CLEAR_SIS_STICKINESS", "Forgets that it was changed by hand."),
    _flag("UPDATE_SIS_ID_IF_LOGIN_CLAIMED", "Takes over a login that belongs to a user with another SIS id."),
    _flag("SKIP_DELETES", "Ignores rows whose status is deleted. Not with batch mode."),
    Setting(
        "SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER",
        "",
        parse.identifier,
        "Diffing: the name of a data set, one line of at most 128 bytes. Canvas compares each delivery with the"
        " previous one of this name, imports the differences, and deletes what is missing. Not with batch mode.",
        "nightly",
    ),
    _flag("DIFFING_REMASTER_DATA_SET", "Imports whole and makes that the new base. Better as `--param` of one run."),
    Setting(
        "SIS_IMPORT_DIFFING_DROP_STATUS",
        "",
        parse.one_of(*_DROPPED, "deleted_last_completed"),
        "What missing enrollments become: `deleted` (Canvas's default), `completed`, `inactive` or"
        " `deleted_last_completed`.",
        "inactive",
    ),
    Setting(
        "SIS_IMPORT_DIFFING_USER_REMOVE_STATUS",
        "",
        parse.one_of("deleted", "suspended"),
        "What missing users become: `deleted` (Canvas's default) or `suspended`.",
        "suspended",
    ),
    Setting(
        "SIS_IMPORT_DIFF_ROW_COUNT_THRESHOLD",
        "",
        parse.fitting("0*[1-9][0-9]*", "a whole number from 1 on"),
        "Above this number of differing rows, from 1 on, Canvas imports whole and deletes nothing.",
        "2000",
    ),
    Setting(
        "SIS_IMPORT_CHANGE_THRESHOLD",
        "",
        parse.fitting("[0-9]{1,2}|100", "a whole number from 0 to 100"),
        "Percentage, 0 to 100. Diffing: above this difference in size Canvas imports whole and deletes nothing. Batch"
        " mode: above this share of courses, sections or enrollments it deletes nothing and ends `aborted`; `100`"
        " means no limit.",
        "10",
    ),
    _flag(
        "BATCH_MODE",
        "Batch mode: deletes what the import does not contain, in one term. The object of a refused row is deleted"
        " too. Needs the change threshold.",
    ),
    Setting(
        "SIS_IMPORT_BATCH_MODE_TERM_ID",
        "",
        parse.term,
        "The term of batch mode: its number, `sis_term_id:X`, `sis_integration_id:X`, `default` or `current`.",
        "sis_term_id:2031F",
    ),
    _flag(
        "MULTI_TERM_BATCH_MODE",
        "Instead of the two above: batch mode for all terms in the import's terms.csv. `false` is left out, since"
        " Canvas acts on its presence. Needs the change threshold.",
    ),
    Setting(
        "SIS_IMPORT_BATCH_MODE_ENROLLMENT_DROP_STATUS",
        "",
        parse.one_of(*_DROPPED),
        "What missing enrollments become: `deleted` (Canvas's default), `completed` or `inactive`."
        " `deleted_last_completed` is refused: it breaks Canvas's clean-up.",
        "completed",
    ),
)

SECTIONS = (
    Section("Canvas", "", _CANVAS),
    Section("Exports in the inbox", "", _INBOX),
    Section("The check", "", _CHECK),
    Section("Sending and waiting", "", _SENDING),
    Section(
        "What a delivery may remove",
        "Breakers: how many of the last accepted delivery's rows may go (missing under diffing or batch mode, or with"
        " a status that ends them) before a delivery is held. `10%`, `5000` rows, or both as `10%,5000`: either one"
        " holds. `0` allows none, `off` switches the limit off. Percentages count from 100 rows on, so that the two"
        " students of a small course are no 20 %. The same limits hold for each term, account or course separately."
        " For one run: `sis-sync run --breaker enrollment=30%`. `SIS_SYNC_BREAKER_<KIND>` is an exception for any"
        " kind, such as `SIS_SYNC_BREAKER_ENROLLMENT=2%,3000`; the two that are shown stay when `SIS_SYNC_BREAKER` is"
        f" set. {DOCS}/breakers.md says more.",
        _REMOVALS,
    ),
    Section(
        "Canvas's import parameters",
        "Canvas's own, one for one, sent as they are and only when set. For one run: `sis-sync run --param"
        " name=value`, by Canvas's name in lower case. What Canvas would refuse or ignore is refused here. Canvas"
        " distinguishes upper and lower case in words such as `deleted`.",
        _PARAMETERS,
    ),
)
SETTINGS = tuple(setting for section in SECTIONS for setting in section.settings)
"""Every setting of which files and pages show a default (docs/settings.md)."""
UNDERSTOOD = (*SETTINGS, *(_exception(kind) for kind in KINDS_WITH_LIMITS if kind not in EXCEPTIONS))
"""Every setting that may stand in `.env` or in the environment: any kind may have a limit of its own."""
