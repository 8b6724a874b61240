"""`sis-sync demo`: five nights of a small college, with a real home, a real run and a sandbox for Canvas.

Everything stays in a temporary folder, which is kept for looking at. Nothing but this machine is spoken to.
"""

from __future__ import annotations

import shlex
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from canvas_sis_sync.cli._init import make_folders, program, write_settings
from canvas_sis_sync.cli._plan import plan
from canvas_sis_sync.cli._run import RunOptions, run
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.home.archive import ERRORS, Archive
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.settings import Settings, load
from canvas_sis_sync.plain_text import lines
from canvas_sis_sync.progress import Silent
from canvas_sis_sync.sandbox import demo_data
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync import approve, release

TOKEN = "demo-token"  # noqa: S105 - an invented one
STUDENTS = 320
SHOWN_LINES = 4
LONGEST_PAUSE = 0.2
"""Seconds; the sandbox is done at once, so a run need not wait as it does for Canvas."""
CLOCK = Clock(sleep=lambda seconds: time.sleep(min(seconds, LONGEST_PAUSE)))


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the nights are played."""

    settings: Settings
    sandbox: Sandbox
    say: Callable[[str], object]

    @property
    def command(self) -> str:
        """The beginning of each command line, as it can be typed here."""
        name = ["sis-sync"] if shutil.which("sis-sync") else program()
        return shlex.join([*name, "--home", str(self.settings.home)])

    def heading(self, text: str) -> None:
        """Say what comes next, between blank lines."""
        self.paragraph("", f"== {text} ==", "")

    def paragraph(self, *parts: str) -> None:
        """Say several lines at once."""
        self.say(lines(parts))


def demo(say: Callable[[str], object]) -> None:
    """Play the five nights; `say` takes each piece of text as it happens. Raises UsageError without Werkzeug."""
    with Sandbox(token=TOKEN) as sandbox:
        stage = _set_up(sandbox, say)
        say(f"A small college, its home {stage.settings.home}, and a sandbox instead of Canvas at {sandbox.url}.")
        _clean_night(stage)
        _night_with_messages(stage)
        _night_that_fails(stage)
        _truncated_night(stage)
        _end_of_term(stage)
        _where_everything_lies(stage)


def _set_up(sandbox: Sandbox, say: Callable[[str], object]) -> Stage:
    home = Path(tempfile.mkdtemp(prefix="sis-sync-demo-")).resolve()
    make_folders(home)
    answers = {
        "CANVAS_BASE_URL": sandbox.url,
        "CANVAS_API_TOKEN": TOKEN,
        "SIS_SYNC_SETTLE_SECONDS": "0",
        "SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER": "college",
    }
    write_settings(home, answers)
    loaded = load(home, environ={})
    return Stage(replace(loaded, state_folder=home / "state"), sandbox, say)


def _clean_night(stage: Stage) -> None:
    stage.heading("Monday night: all is well")
    _export(stage, "monday", demo_data.export(STUDENTS))
    _run(stage)
    users, enrollments = (stage.sandbox.count(kind) for kind in ("user", "enrollment"))
    stage.say(
        f"Canvas now has {users:,} users and {enrollments:,} enrollments. Under cron the run says nothing at all."
    )


def _night_with_messages(stage: Stage) -> None:
    stage.heading("Tuesday night: some rows are wrong")
    _export(stage, "tuesday", demo_data.with_slips(demo_data.export(STUDENTS + 3)))
    batch = _run(stage)
    stage.say("Canvas took everything but the rows that it left a message about. They are few, so nothing is held;")
    stage.paragraph("above SIS_SYNC_MAX_ERROR_ROWS the next night would be. Every message is kept:", "")
    path = Archive(stage.settings.archive).batch_folder(batch.id) / ERRORS
    stage.say(f"$ head -n {SHOWN_LINES} {shlex.quote(str(path))}")
    with path.open(encoding="utf-8") as file:
        stage.paragraph(*(line.removesuffix("\n") for line in islice(file, SHOWN_LINES)))


def _night_that_fails(stage: Stage) -> None:
    stage.heading("Wednesday night: the import fails")
    stage.sandbox.add_fault("fail")
    _export(stage, "wednesday", demo_data.export(STUDENTS + 5))
    failed = _run(stage)
    stage.paragraph("", "Under cron that is one mail. The next night nothing is sent onto the failed import:", "")
    _export(stage, "thursday", demo_data.export(STUDENTS + 6))
    _run(stage)
    stage.paragraph("", "Thursday's export is whole and waits in the inbox, so Wednesday's can be given up:", "")
    reason = "the next export has it all"
    stage.say(f"$ {stage.command} skip {failed.id} --reason {shlex.quote(reason)}")
    stage.paragraph(release.skip(stage.settings, failed.id, reason, CLOCK), "")
    _run(stage)
    stage.say("The messages are about Tuesday's wrong rows, which diffing removes now and which Canvas never had.")


def _truncated_night(stage: Stage) -> None:
    stage.heading("Friday night: half of the export is missing")
    _export(stage, "friday", demo_data.truncated(demo_data.export(STUDENTS + 6)))
    before = stage.sandbox.count("enrollment")
    held = _run(stage)
    stage.paragraph(
        "", "Nothing was sent. Sent as it is, it would have dropped every student whose rows are missing:", ""
    )
    stage.say(f"$ {stage.command} plan")
    stage.say(plan(stage.settings, CLOCK).text)
    stage.paragraph("", "That is a broken export, so it is passed over:", "")
    reason = "the SIS wrote half of it"
    stage.say(f"$ {stage.command} discard {held.id} --reason {shlex.quote(reason)}")
    stage.say(release.discard(stage.settings, held.id, reason, CLOCK))
    stage.say(f"Canvas still has {stage.sandbox.count('enrollment'):,} enrollments, as before ({before:,}).")


def _end_of_term(stage: Stage) -> None:
    stage.heading("January: the fall term is no longer exported")
    _export(stage, "january", demo_data.export(STUDENTS + 6, demo_data.NEXT_TERM))
    held = _run(stage)
    stage.paragraph("", "This time it is meant. What is approved is exactly this zip, and nothing else:", "")
    reason = "the fall term is over"
    stage.say(f"$ {stage.command} approve {held.id} --yes --reason {shlex.quote(reason)}")
    stage.paragraph(approve.approve(stage.settings, held.id, reason, CLOCK), "")
    _run(stage)
    stage.say(f"Canvas has {stage.sandbox.count('enrollment'):,} enrollments now, those of the spring term.")


def _export(stage: Stage, name: str, tables: dict[str, demo_data.Table]) -> None:
    """Let the SIS drop an export into the inbox."""
    demo_data.write(tables, stage.settings.inbox / name)
    rows = sum(len(table) - 1 for table in tables.values())
    stage.say(f"The SIS drops its export into inbox/{name}/: {', '.join(tables)}, {rows:,} rows.")


def _run(stage: Stage) -> Batch:
    """Run as cron would, show what a person would see, and give the batch that it was about."""
    stage.say(f"$ {stage.command} run")
    done = run(stage.settings, RunOptions(Silent(), CLOCK), watched=True, verbosity=0)
    stage.say(done.message)
    stage.say(f"(exit code {done.result.exit_code})")
    return done.result.about or done.result.batches[-1]


def _where_everything_lies(stage: Stage) -> None:
    home = stage.settings.home
    stage.heading("Where everything lies")
    stage.say(f"{home / 'archive'}: a folder a batch with import.zip, receipt.json and errors.csv, and the journal")
    stage.say(f"{home / 'logs' / 'sis-sync.log'}: a line a step")
    stage.say(f"{home / '.env'}: the settings")
    stage.paragraph("The sandbox is gone now, so status tells what the journal knows. To look around:", "")
    stage.say(f"$ {stage.command} status --offline")
    stage.say(f"$ rm -r {shlex.quote(str(home))}    (when you have seen enough)")
