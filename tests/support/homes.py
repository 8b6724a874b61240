"""A home to test with: real folders, a real `.env`, and both ways to start the program in it."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from canvas_sis_sync.cli import _run as run_command
from canvas_sis_sync.cli.main import main
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.home.batch import Batch
from canvas_sis_sync.home.journal import Journal
from canvas_sis_sync.home.journal_file import FILE_NAME
from canvas_sis_sync.home.settings import Settings, load
from canvas_sis_sync.progress import Show, Silent
from canvas_sis_sync.sync import release

TOKEN = "obviously~fake~token~4711"
USERS = "user_id,login_id,first_name,last_name,status\nu1,u1,Ada,Example,active\nu2,u2,Ben,Example,active\n"
COURSES = "course_id,short_name,long_name,status\nc1,C1,Course One,active\n"
ENROLLMENTS = "course_id,user_id,role,status\nc1,u1,student,active\nc1,u2,teacher,active\n"


def fast_clock(moment: float = 0.02) -> Clock:
    """Make a clock whose sleeps pass at once: it is ahead of the machine's by what was slept.

    Each sleep also waits a moment for real, so that a sandbox on the other side gets on with its work.
    """
    ahead = 0.0

    def sleep(seconds: float) -> None:
        nonlocal ahead
        time.sleep(min(seconds, moment))
        ahead += max(seconds - moment, 0.0)

    return Clock(lambda: time.time() + ahead, lambda: time.monotonic() + ahead, sleep)


def scaled_clock(times: float) -> Clock:
    """Make a clock that runs so many times as fast as the machine's, from now on."""
    now, monotonic = time.time(), time.monotonic()

    def passed() -> float:
        return (time.monotonic() - monotonic) * times

    return Clock(lambda: now + passed(), lambda: monotonic + passed(), lambda seconds: time.sleep(seconds / times))


class Watching(Silent):
    """Shows nothing, and does something when a stage of the run begins, or ends well.

    What it does may raise, which ends the run there as pulling the plug would.
    """

    def __init__(
        self,
        begin: Mapping[str, Callable[[], object]] | None = None,
        end: Mapping[str, Callable[[], object]] | None = None,
    ) -> None:
        self.notes: list[str] = []
        self._begin, self._end = begin or {}, end or {}

    @contextmanager
    def stage(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        if what in self._begin:
            self._begin[what]()
        yield lambda _done: None
        if what in self._end:
            self._end[what]()

    def note(self, text: str) -> None:
        self.notes.append(text)


@dataclass
class Home:
    """One home of a test; `env` is the environment of its processes."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    _drops: int = 0

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox"

    @property
    def archive(self) -> Path:
        return self.folder / "archive"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def configure(self, **values: Any) -> None:
        """Write `.env` anew with these settings on top of what it has."""
        path = self.folder / ".env"
        known = dict(line.split("=", 1) for line in path.read_text().splitlines()) if path.exists() else {}
        known |= {name: str(value) for name, value in values.items()}
        path.write_text("".join(f"{name}={value}\n" for name, value in known.items()))
        path.chmod(0o600)

    def drop(self, files: Mapping[str, str | bytes] | None = None, folder: str = "") -> None:
        """Put files into the inbox, or into a sub-folder of it; without files given some that are never the same."""
        self._drops += 1
        for name, content in (files or {"users.csv": USERS.replace("Ada", f"Ada{self._drops}")}).items():
            path = self.inbox / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def settings(self, **flags: str) -> Settings:
        return load(self.folder, environ=self.env, flags=flags)

    def run(
        self, *, patient: bool = True, watched: bool = True, clock: Clock | None = None, show: Show | None = None
    ) -> run_command.RunReport:
        """Run in this process, with waiting that takes no time."""
        how = run_command.RunOptions(show or Silent(), clock or fast_clock(), patient=patient)
        loaded = self.settings()
        told = run_command.run(loaded, how, watched=watched, verbosity=0)
        self.outputs.append(told.text)
        run_command.was_shown(loaded.archive, told, how.clock)
        return told

    def say(self, command: str, *what: object) -> str:
        """Say what a person says about a batch (retry, skip, skip_import, discard, adopt), in this process."""
        text = str(getattr(release, command)(self.settings(), *what, fast_clock()))
        self.outputs.append(text)
        return text

    def batches(self) -> list[Batch]:
        """Read all batches from the journal, oldest first."""
        if not (self.archive / FILE_NAME).exists():
            return []
        with self.journal() as journal:
            ids = [row[0] for row in self.query("SELECT id FROM batch ORDER BY position")]
            return [found for found in map(journal.batch, ids) if found is not None]

    def query(self, statement: str) -> list[Any]:
        """Ask the journal's database, or change it."""
        with closing(sqlite3.connect(self.archive / FILE_NAME, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()

    def folder_of(self, batch: Batch) -> Path:
        return self.archive / batch.id[:4] / batch.id[4:6] / batch.id

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start `sis-sync` as a process."""
        command = [sys.executable, "-m", "canvas_sis_sync", "--home", str(self.folder), *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
        return subprocess.Popen(command, env=os.environ | self.env, text=True, **pipes)

    def call(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run `sis-sync` as a process to its end; its output is searched for the token afterwards."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=timeout)
        self.outputs += [out, err]
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def type(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `sis-sync` in this process, which is quicker than `call`; its output is searched for the token too."""
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            try:
                main(["--home", str(self.folder), *arguments])
            except SystemExit as left:
                code = left.code
        self.outputs += [out.getvalue(), err.getvalue()]
        return subprocess.CompletedProcess(arguments, int(code or 0), out.getvalue(), err.getvalue())

    def json(self, *arguments: str) -> Any:
        """Run `sis-sync ... --json` as a process and read its object."""
        return json.loads(self.call(*arguments, "--json").stdout)

    def journal(self) -> Journal:
        return Journal.open_to_read(self.archive / FILE_NAME)

    def journal_to_write(self) -> Journal:
        return Journal.open(self.archive / FILE_NAME, time.time)

    def last(self) -> Batch:
        """Read the last batch from the journal."""
        with self.journal() as journal:
            batch = journal.last()
        assert batch is not None
        return batch

    def receipt(self, batch: Batch | None = None) -> Any:
        found = batch or self.last()
        path = self.archive / found.id[:4] / found.id[4:6] / found.id / "receipt.json"
        return json.loads(path.read_text(encoding="utf-8"))

    def leaks(self) -> list[str]:
        """Name the places that hold the token though they must not."""
        places = [f"output {number}" for number, text in enumerate(self.outputs) if TOKEN in text]
        for path in self.folder.rglob("*"):
            if path.is_file() and path.name != ".env" and TOKEN.encode() in path.read_bytes():
                places.append(str(path))
        return places
