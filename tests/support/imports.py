"""What a process of the program imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from support.homes import Home

HEAVY = {
    "requests",
    "rich",
    "tenacity",
    "filelock",
    "werkzeug",
    "logging.handlers",
    "zipfile",
    "ssl",
    "canvas_sis_sync.sync.session",
    "canvas_sis_sync.sync.run",
    "canvas_sis_sync.sis_csv",
    "canvas_sis_sync.delivery.packing",
    "canvas_sis_sync.canvas",
    "canvas_sis_sync.home.batch",
    "canvas_sis_sync.home.journal",
    "canvas_sis_sync.cli._run",
}


PROGRAM = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps(sorted(sys.modules)), file=sys.stderr))
from canvas_sis_sync.cli.main import main
main(sys.argv[1:])
"""


def modules_of(home: Home, *arguments: str) -> set[str]:
    """Run the program in a fresh interpreter that loads nothing by itself, and give the modules it has loaded."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | home.env,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))
