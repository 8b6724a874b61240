"""The end of an import: how many messages are too many, what is filed, and what is fetched later."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from support.golden import Golden
from support.homes import COURSES, USERS, Home, fast_clock

from canvas_sis_sync.clock import Clock
from canvas_sis_sync.errors import UsageError
from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.home.batch import Batch, BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

HEADER = "user_id,login_id,first_name,last_name,password,status\n"
SECRET = "very~secret~password"


@pytest.fixture(autouse=True)
def errors_at_once(sandbox: Sandbox) -> None:
    """Have the errors attachment without waiting for it, unless a test says otherwise."""
    sandbox.add_fault("late-attachment=0")


def users(good: int, bad: int) -> str:
    """Give rows that Canvas takes, then rows that it refuses for a login that the check cannot be sure about."""
    taken = [f"u{number},u{number},Ada,Example,{SECRET}{number},active\n" for number in range(good)]
    refused = [f"w{number},u9{number}\u200b,Ada,Example,{SECRET}{number},active\n" for number in range(bad)]
    return HEADER + "".join(taken + refused)


def errors_of(home: Home, batch: Batch | None = None) -> list[list[str]]:
    path = home.folder_of(batch or home.last()) / "errors.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize(
    ("limit", "good", "bad", "code"),
    [
        ("10%, at least 20 rows", 10, 20, 0),
        ("10%, at least 20 rows", 10, 21, 4),
        ("10%", 90, 10, 0),
        ("10%", 89, 11, 4),
        ("2", 10, 2, 0),
        ("2", 10, 3, 4),
        ("off", 1, 30, 0),
    ],
)
def test_messages_are_silent_up_to_the_limit_and_hold_above_it(
    home: Home, sandbox: Sandbox, limit: str, good: int, bad: int, code: int, golden: Golden
) -> None:
    home.configure(SIS_SYNC_MAX_ERROR_ROWS=limit)
    home.drop({"users.csv": users(good, bad)})
    told = home.run(watched=False)
    assert (told.result.outcome, told.result.exit_code) == ("imported_with_messages", code)
    assert told.notify is bool(code)
    golden(told.message)
    assert len(errors_of(home)) == bad + 1


def test_above_the_limit_it_holds_until_somebody_skips_it(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.configure(SIS_SYNC_MAX_ERROR_ROWS="2")
    home.drop({"users.csv": users(10, 5)})
    first = home.run()
    batch = home.last()
    assert batch.over_limit
    golden(first.message)
    home.drop({"users.csv": users(10, 0), "courses.csv": COURSES})
    assert [home.run().result.exit_code for _ in range(2)] == [5, 5]
    with pytest.raises(UsageError):
        home.say("retry", batch.id, "again")
    home.say("skip", batch.id, "known teachers without ids")
    assert home.receipt(batch)["batch"]["ending"]["over_limit"] is False
    assert home.receipt(batch)["batch"]["steps"][-1]["reason"] == "known teachers without ids"
    assert home.run().result.outcome == "imported"


def test_errors_csv_has_canvass_messages_in_order_and_no_row_contents(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": users(2, 3)})
    home.run()
    header, *rows = errors_of(home)
    assert header == ["sis_import_id", "file", "message", "row"]
    assert [(row[0], row[1], row[3]) for row in rows] == [("1", "users.csv", str(number)) for number in (4, 5, 6)]
    for path in home.folder.rglob("*"):
        if path.is_file() and path.suffix != ".zip":
            assert SECRET.encode() not in path.read_bytes(), path


def test_the_errors_attachment_is_waited_for(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("late-attachment=0.5")
    home.drop({"users.csv": users(2, 1)})
    home.run()
    assert home.last().filed
    assert home.last().sis_import is not None
    assert home.last().sis_import.has_errors_attachment


def test_an_errors_attachment_that_never_comes_is_not_waited_for_for_ever(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("late-attachment=never")
    home.drop({"users.csv": users(2, 1)})
    fast = fast_clock()
    home.run(clock=Clock(fast.now, fast.monotonic, lambda seconds: fast.sleep(seconds * 20)))
    assert home.last().filed
    assert len(errors_of(home)) == 2


@pytest.mark.parametrize("ends", ["well", "badly"])
def test_messages_that_cannot_be_had_are_fetched_by_the_next_run(home: Home, sandbox: Sandbox, ends: str) -> None:
    sandbox.add_fault("errors-endpoint-fails")
    home.configure(SIS_SYNC_MAX_ERROR_ROWS="off" if ends == "well" else "0")
    home.drop({"users.csv": users(2, 3)})
    code = 0 if ends == "well" else 4
    assert home.run().result.exit_code == code
    batch = home.last()
    assert not batch.filed
    assert home.receipt()["batch"]["ending"]["errors_complete"] is False
    assert not (home.folder_of(batch) / "errors.csv").exists()
    assert home.run().result.exit_code == (0 if ends == "well" else 5)
    sandbox.clear_faults()
    assert home.run().result.exit_code == (0 if ends == "well" else 5)
    assert home.receipt()["batch"]["ending"]["errors_complete"] is True
    assert len(errors_of(home)) == 4
    assert home.last().filed


def test_messages_that_cannot_be_had_keep_no_later_drop_waiting(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("errors-endpoint-fails")
    home.drop({"users.csv": users(2, 1)}, folder="a")
    home.drop({"users.csv": users(2, 0), "courses.csv": COURSES}, folder="b")
    told = home.run()
    assert [batch.state for batch in told.result.batches] == [BatchState.IMPORTED_WITH_MESSAGES, BatchState.IMPORTED]


def test_after_thirty_days_messages_are_given_up_and_what_was_fetched_is_kept(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_fault("errors-endpoint-fails")
    home.drop({"users.csv": users(2, 3)})
    home.run()
    (home.folder_of(home.last()) / "errors.csv").write_text("kept\n")
    sandbox.clear_faults()
    sandbox.imports[0].messages.clear()
    fast = fast_clock()
    late = Clock(lambda: fast.now() + 31 * 86_400, fast.monotonic, fast.sleep)
    assert home.run(clock=late).result.exit_code == 0
    assert home.last().filed
    assert home.receipt()["batch"]["ending"]["errors_complete"] is False
    assert errors_of(home) == [["kept"]]


def test_a_delivery_of_which_no_row_was_processed_is_not_accepted(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.configure(SIS_SYNC_MAX_ERROR_ROWS="off")
    home.drop({"users.csv": users(0, 3)})
    told = home.run()
    assert (told.result.outcome, told.result.exit_code) == ("not_accepted", 4)
    golden(told.message)


def test_options_not_taken_are_not_accepted_and_those_that_delete_are_aborted(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_IMPORT_SKIP_DELETES="true")
    sandbox.add_fault("ignore-option=skip_deletes")
    sandbox.add_fault("slow=100")
    home.drop({"users.csv": users(60, 0)})
    told = home.run()
    assert told.result.exit_code == 4
    assert told.result.outcome in {"aborted", "not_accepted"}
    assert "skip_deletes" in told.message
    assert any(request.path.endswith("/abort") for request in sandbox.requests)


def test_a_diffed_import_without_changes_is_accepted(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER="nightly")
    header, *rows = USERS.splitlines(keepends=True)
    for order in (rows, rows[::-1]):
        home.drop({"users.csv": header + "".join(order)})
        told = home.run()
        assert told.result.exit_code == 0, told.message
    assert not sandbox.imports[1].data["counts"].get("users")


def test_the_receipt_says_what_was_sent_and_what_canvas_said(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": users(3, 1)})
    home.run()
    receipt = home.receipt()
    assert receipt["schema"] == 2
    batch = receipt["batch"]
    assert batch["state"] == "imported_with_messages"
    assert batch["filed"] is True
    assert batch["files"][0]["name"] == "users.csv"
    (entry,) = batch["zip"]["entries"]
    assert (entry["kind"], entry["rows"], entry["has_passwords"]) == ("user", 4, True)
    assert batch["sis_import"]["counts"]["users"] == 3
    assert batch["sis_import"]["counts"]["warning_count"] == 1
    assert [step["state"] for step in batch["steps"]] == [
        "claimed",
        "packed",
        "sending",
        "importing",
        "imported_with_messages",
    ]


def test_the_journal_has_the_final_state_before_the_receipt_is_written(
    home: Home, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that dies in between is made good by the next one."""
    real = Archive.write_receipt

    def write(self: Archive, batch: Batch, *extra: object) -> None:
        if batch.state is BatchState.IMPORTED:
            raise KeyboardInterrupt
        real(self, batch)

    home.drop()
    monkeypatch.setattr(Archive, "write_receipt", write)
    with pytest.raises(KeyboardInterrupt):
        home.run()
    assert home.last().state is BatchState.IMPORTED
    assert home.receipt()["batch"]["state"] == "importing"
    monkeypatch.undo()
    assert home.run().result.exit_code == 0
    assert home.receipt()["batch"]["state"] == "imported"
    assert home.last().filed


def test_the_log_tells_the_steps_and_no_row(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": users(3, 1)})
    home.run()
    text = Path(home.folder / "logs" / "sis-sync.log").read_text()
    batch = home.last()
    for step in ("claimed", "packed", "sending", "importing", "imported_with_messages"):
        assert f"{batch.id} {step}: " in text
    assert "Example" not in text
