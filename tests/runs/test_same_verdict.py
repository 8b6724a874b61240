"""What a dry run says of a drop is what the run that follows does with it: one judge, on every kind of drop."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.homes import COURSES, ENROLLMENTS, USERS, Home

from canvas_sis_sync.sandbox.sandbox import Sandbox

HEADER = "user_id,login_id,first_name,last_name,status\n"


def users(count: int, name: str = "Ada") -> str:
    return HEADER + "".join(f"u{number},u{number},{name},Example,active\n" for number in range(count))


def numbered(numbers: Iterable[str]) -> str:
    return HEADER + "".join(f"{number},l{number},Ada,Example,active\n" for number in numbers)


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


@dataclass(frozen=True)
class Example:
    """A drop, the settings of its home, what was sent before it, and what becomes of it."""

    files: Mapping[str, str | bytes]
    outcome: str = "imported"
    exit_code: int = 0
    settings: Mapping[str, object] = field(default_factory=dict)
    before: Mapping[str, str | bytes] | None = None


WHOLE = {"users.csv": USERS, "courses.csv": COURSES, "enrollments.csv": ENROLLMENTS}
DIFFING = {"SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER": "nightly"}
EXAMPLES = {
    "clean": Example(WHOLE),
    "clean, the second night": Example({"users.csv": users(3, "Eva")}, before={"users.csv": users(3)}),
    "a warning": Example({"users.csv": USERS.replace("status", "status,sectionid").replace("active", "active,x")}),
    "a warning that refuses": Example(
        {"users.csv": USERS.replace("status", "status,sectionid").replace("active", "active,x")},
        "refused",
        3,
        {"SIS_SYNC_REFUSE_ON": "warning"},
    ),
    "a fatal finding": Example({"users.csv": USERS.replace("Ada", '"Ada')}, "refused", 3),
    "an error that refuses": Example(
        {"users.csv": USERS.replace("u1,u1", ",u1")}, "refused", 3, {"SIS_SYNC_REFUSE_ON": "error"}
    ),
    "more bad rows than allowed": Example(
        {"users.csv": users(50).replace("u1", ",u1")}, "refused", 3, {"SIS_SYNC_MAX_ERROR_ROWS": "1"}
    ),
    "a misspelt role": Example(
        {**WHOLE, "enrollments.csv": ENROLLMENTS.replace("student", "studnet")}, "imported_with_messages"
    ),
    "a misspelt role where errors refuse": Example(
        {**WHOLE, "enrollments.csv": ENROLLMENTS.replace("student", "studnet")},
        "imported_with_messages",
        settings={"SIS_SYNC_REFUSE_ON": "error"},
    ),
    "a custom role": Example({**WHOLE, "enrollments.csv": ENROLLMENTS.replace("student", "Grader")}),
    "empty files only": Example({"users.csv": ""}, "refused", 3),
    "empty files only, and the rule for them ignored": Example(
        {"users.csv": ""}, "refused", 3, {"SIS_SYNC_CHECK_IGNORE": "file-empty"}
    ),
    "no header that Canvas knows": Example({"users.csv": "a,b\n1,2\n"}, "refused", 3),
    "Latin-1": Example({"users.csv": USERS.replace("Ada", "Zoë").encode("latin-1")}, "refused", 3),
    "Latin-1, and the setting for it": Example(
        {"users.csv": USERS.replace("Ada", "Zoë").encode("latin-1")}, settings={"SIS_SYNC_SOURCE_ENCODING": "latin-1"}
    ),
    "not in the encoding of the setting": Example(
        {"users.csv": USERS.replace("Ada", "Zo\xff").encode("latin-1")},
        "refused",
        3,
        {"SIS_SYNC_SOURCE_ENCODING": "ascii"},
    ),
    "a ready-made zip": Example({"export.zip": zipped(WHOLE)}),
    "a ready-made zip with other things": Example({"export.zip": zipped({**WHOLE, "readme.txt": "hello"})}),
    "a ready-made zip with a folder": Example(
        {"export.zip": zipped({f"night/{name}": text for name, text in WHOLE.items()})}
    ),
    "half a zip": Example({"export.zip": zipped(WHOLE)[:100]}, "refused", 3),
    "the same again": Example(WHOLE, before=WHOLE),
    "the same again, diffed": Example(WHOLE, "unchanged", 0, DIFFING, WHOLE),
    "a truncated night": Example({"users.csv": users(40)}, "held", 5, DIFFING, {"users.csv": users(400)}),
    "a truncated night whose breaker is off": Example(
        {"users.csv": users(40)}, settings={**DIFFING, "SIS_SYNC_BREAKER_USER": "off"}, before={"users.csv": users(400)}
    ),
    "the first night in batch mode": Example(
        WHOLE,
        "held",
        5,
        {
            "SIS_IMPORT_BATCH_MODE": "true",
            "SIS_IMPORT_BATCH_MODE_TERM_ID": "sis_term_id:F26",
            "SIS_IMPORT_CHANGE_THRESHOLD": "10",
        },
        WHOLE,
    ),
    "a canary that is missing": Example(WHOLE, "held", 5, {"SIS_SYNC_CANARIES": "user:principal"}, WHOLE),
    "saved by a spreadsheet program": Example(
        {"users.csv": numbered(map(str, range(100, 161)))},
        "held",
        5,
        before={"users.csv": numbered(f"{number:06}" for number in range(100, 161))},
    ),
    "one of several ids without its zeros": Example(
        {"users.csv": numbered(["7", "008"])}, before={"users.csv": numbered(["007", "008"])}
    ),
    "files that contradict each other": Example(
        {"users1.csv": USERS, "users2.csv": USERS.replace("Ada", "Eva")}, "held", 5, before=WHOLE
    ),
}


@pytest.fixture
def roles(sandbox: Sandbox) -> Sandbox:
    sandbox.add_role("Grader", "StudentEnrollment")
    return sandbox


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_dry_run_says_what_the_run_does(home: Home, roles: Sandbox, name: str) -> None:
    example = EXAMPLES[name]
    home.configure(**{key: str(value) for key, value in example.settings.items() if "DIFFING" in key})
    if example.before:
        home.drop(example.before)
        assert home.run().result.exit_code == 0
    home.configure(**{key: str(value) for key, value in example.settings.items()})
    home.drop(example.files)
    foreseen = home.type("run", "--dry-run", "--json")
    said: dict[str, Any] = json.loads(foreseen.stdout)
    done = home.run().result
    assert (done.outcome, done.exit_code) == (example.outcome, example.exit_code)
    assert foreseen.returncode == example.exit_code
    would = {"would send": {"imported", "imported_with_messages"}}
    assert done.outcome in would.get(said["outcome"], {said["outcome"]})
