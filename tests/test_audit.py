"""Dependencies: no lower bound has a known vulnerability, and CI says when one gets one, where it can find out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FIXED = {
    "click": (8, 3, 3),
    "filelock": (4, 2, 1),
    "python-dotenv": (1, 2, 2),
    "requests": (2, 33, 0),
    "urllib3": (2, 8, 0),
    "werkzeug": (3, 1, 6),
}
"""The first versions without a vulnerability known at the time of writing."""


def test_lower_bounds_leave_out_versions_with_published_vulnerabilities() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = [*project["dependencies"], *project["optional-dependencies"]["sandbox"]]
    bounds = {match[1]: match[2] for each in listed if (match := re.match(r"([\w-]+)>=([\d.]+)", each))}
    assert {name for name, first in FIXED.items() if tuple(map(int, bounds[name].split("."))) < first} == set()


def audited(tmp_path: Path, body: str, seconds: str = "60") -> tuple[int, str]:
    """Run the audit with a pip-audit of our own."""
    (tmp_path / "pip_audit").mkdir()
    (tmp_path / "pip_audit" / "__init__.py").touch()
    (tmp_path / "pip_audit" / "__main__.py").write_text(body)
    command = [sys.executable, str(ROOT / ".ci" / "audit"), seconds]
    environ = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def report(*vulns: object, skipped: bool = False) -> str:
    found = {"name": "requests", "version": "2.33.0", "vulns": list(vulns)}
    if skipped:
        found = {"name": "requests", "skip_reason": "not found"}
    return f"print({json.dumps(json.dumps({'dependencies': [found]}))})"


def test_a_newly_known_vulnerability_fails_ci_and_is_named(tmp_path: Path) -> None:
    problem = {"id": "CVE-2031-1", "fix_versions": ["2.99"]}
    said = "audit: requests 2.33.0 has CVE-2031-1, fixed in 2.99\n"
    assert audited(tmp_path, report(problem) + "\nraise SystemExit(1)") == (1, said)


def test_without_any_the_audit_says_so(tmp_path: Path) -> None:
    assert audited(tmp_path, report()) == (0, "audit: no known vulnerability\n")


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        ("raise SystemExit('no network')", "60"),
        (report(skipped=True), "60"),
        ("import time\ntime.sleep(50)", "1"),
    ],
    ids=["an error", "all unknown", "hanging"],
)
def test_advisories_out_of_reach_are_said_and_fail_nothing(tmp_path: Path, body: str, seconds: str) -> None:
    assert audited(tmp_path, body, seconds) == (0, "audit: skipped, the advisories cannot be reached\n")
