"""The program as tests start it to kill it: by SIGKILL before or after the n-th commit of the journal, or at a moment.

    python -m support.crash_entry N before|after -- ARGUMENTS OF SIS-SYNC
    python -m support.crash_entry SECONDS moment -- ARGUMENTS OF SIS-SYNC
    python -m support.crash_entry serve

`serve` reads the same as one JSON object a line (`at`, `when`, `arguments`, `environ`, `output`) and answers with one
line each: the exit code, or the negative number of the signal. It has everything imported and forks, so that a walk
over all commits takes seconds. Sleeps pass at once, as in `support.homes.fast_clock`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NoReturn

from support.commits import Commit, watch_commits
from support.homes import fast_clock

from canvas_sis_sync import clock
from canvas_sis_sync.cli.main import main
from canvas_sis_sync.sync import release
from canvas_sis_sync.sync import run as sync

PRELOADED = (release, sync)


def kill_at_commit(number: int, when: str) -> None:
    """Make this process kill itself before or after the commit with that number, counted from 1."""
    done = 0

    def counted(_connection: object, commit: Commit) -> None:
        nonlocal done
        done += 1
        if done == number and when == "before":
            die()
        commit()
        if done == number:
            die()

    watch_commits(counted)


def kill_at_moment(seconds: float) -> None:
    """Make this process kill itself after so many seconds, wherever it then is."""
    threading.Thread(target=lambda: (time.sleep(seconds), die()), daemon=True).start()


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nothing survives SIGKILL")


def fast_unless_given(*parts: Any, made: type[clock.Clock] = clock.Clock) -> clock.Clock:
    return made(*parts) if parts else fast_clock()


def run(at: float, when: str, arguments: list[str]) -> NoReturn:
    clock.Clock = fast_unless_given  # type: ignore[assignment,misc]  # the command line makes its clock with it
    if when == "moment":
        kill_at_moment(at)
    else:
        kill_at_commit(int(at), when)
    main(arguments)


def serve() -> None:
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if not child:
            run_job(job)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def run_job(job: dict[str, Any]) -> NoReturn:
    os.environ.update(job["environ"])
    code: Any = 1
    with Path(job["output"]).open("a", encoding="utf-8", buffering=1) as output:
        try:
            with redirect_stdout(output), redirect_stderr(output):
                run(job["at"], job["when"], job["arguments"])
        except SystemExit as ended:
            code = ended.code
    os._exit(int(code or 0))


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        run(float(sys.argv[1]), sys.argv[2], sys.argv[4:])
