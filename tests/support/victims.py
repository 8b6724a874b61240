"""A server of processes that kill themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from support.homes import Home

TESTS = Path(__file__).parents[1]
PROGRAM = [sys.executable, "-m", "support.crash_entry", "serve"]


class Victims:
    """A server of processes that kill themselves."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(PROGRAM, cwd=TESTS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, home: Home, *arguments: str, at: float, when: str) -> int:
        """Run `sis-sync` in `home`, killed at that commit or moment; give its exit code, or minus the signal."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        output = home.folder.parent / f"{home.folder.name}.output"
        environ = {"HOME": os.environ["HOME"], **home.env}
        command = ["--home", str(home.folder), *arguments]
        job = {"at": at, "when": when, "arguments": command, "environ": environ, "output": str(output)}
        self._server.stdin.write(json.dumps(job) + "\n")
        self._server.stdin.flush()
        code = int(self._server.stdout.readline())
        home.outputs.append(output.read_text())
        return code

    def stop(self) -> None:
        self._server.communicate()
