"""A drop that check refuses: nothing is sent, and what holds or goes on afterwards."""

from __future__ import annotations

import json
import zipfile

from support.golden import Golden
from support.homes import COURSES, USERS, Home

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

BAD = {"bad.csv": "a;b\n1;2\n"}
LATIN = "user_id,login_id,full_name,status\nu1,u1,Zoë Müller,active\n"


def test_a_refused_drop_holds_until_it_is_discarded_and_its_findings_are_kept(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop(BAD)
    told = home.run()
    assert (told.result.outcome, told.result.exit_code) == ("refused", 3)
    assert "file-headers-unrecognised" in told.message
    golden(told.message)
    batch = home.last()
    found = json.loads((home.folder_of(batch) / "check.json").read_text(encoding="utf-8"))
    assert found["ok"] is False
    assert found["counts"]["file-headers-unrecognised"] == 1
    assert batch.assessment.findings["fatal"] >= 1
    home.drop({"courses.csv": COURSES})
    assert home.run().result.exit_code == 5
    assert not sandbox.imports
    home.say("discard", batch.id, "the export was repaired")
    assert home.run().result.outcome == "imported"


def test_a_retry_is_judged_by_the_settings_of_today(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_REFUSE_ON="error")
    home.drop({"users.csv": USERS + ",u3,Cy,Example,active\n"})
    assert home.run().result.exit_code == 3
    home.say("retry", home.last().id, "try again")
    assert home.run().result.exit_code == 3
    home.configure(SIS_SYNC_REFUSE_ON="fatal")
    home.say("retry", home.last().id, "the row may be refused")
    assert home.run().result.outcome == "imported_with_messages"
    assert len(sandbox.imports) == 1


def test_continue_lets_the_next_drop_go_and_still_tells(home: Home, sandbox: Sandbox, golden: Golden) -> None:
    home.configure(SIS_SYNC_AFTER_REFUSAL="continue")
    home.drop(BAD, folder="first")
    home.drop({"courses.csv": COURSES}, folder="second")
    told = home.run()
    assert [batch.state for batch in told.result.batches] == [BatchState.REFUSED, BatchState.IMPORTED]
    assert told.result.exit_code == 3
    golden(told.message)
    home.drop({"courses.csv": COURSES, "users.csv": USERS})
    assert home.run().result.exit_code == 0
    assert len(sandbox.imports) == 2


def test_findings_below_the_limit_are_kept_and_nothing_is_refused(home: Home, sandbox: Sandbox) -> None:
    home.drop({"users.csv": USERS + ",u3,Cy,Example,active\n"})
    assert home.run().result.outcome == "imported_with_messages"
    batch = home.last()
    assert batch.assessment.findings["error"] == 1
    assert home.receipt()["batch"]["assessment"]["findings"]["error"] == 1
    assert json.loads((home.folder_of(batch) / "check.json").read_text())["ok"] is True


def test_the_roles_of_canvas_are_known_to_a_run(home: Home, sandbox: Sandbox) -> None:
    sandbox.add_role("Tutor")
    home.configure(SIS_SYNC_REFUSE_ON="warning", SIS_SYNC_CHECK_IGNORE="enrollment-dates-cleared")
    home.drop(
        {
            "users.csv": "user_id,login_id,status,authentication_provider_id\nu1,u1,active,canvas\n",
            "enrollments.csv": "course_id,user_id,role,status\nc1,u1,Tutor,active\n",
        }
    )
    told = home.run()
    assert "enrollment-role-unknown" not in told.message


def test_another_encoding_is_converted_as_configured_and_the_original_kept(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    home.drop({"users.csv": LATIN.encode("cp1252")})
    told = home.run()
    assert told.result.exit_code == 3
    golden(told.message)
    home.configure(SIS_SYNC_SOURCE_ENCODING="cp1252")
    home.say("retry", home.last().id, "with the encoding set")
    assert home.run().result.outcome == "imported"
    folder = home.folder_of(home.last())
    with zipfile.ZipFile(folder / "import.zip") as sent:
        assert sent.read("users.csv").decode() == LATIN
    with zipfile.ZipFile(folder / "original.zip") as kept:
        assert kept.read("users.csv") == LATIN.encode("cp1252")


def test_loose_files_in_another_encoding_are_kept_as_they_were(home: Home, sandbox: Sandbox) -> None:
    home.configure(SIS_SYNC_SOURCE_ENCODING="cp1252")
    home.drop({"users.csv": LATIN.encode("cp1252"), "courses.csv": COURSES})
    assert home.run().result.outcome == "imported"
    folder = home.folder_of(home.last())
    with zipfile.ZipFile(folder / "original.zip") as kept:
        assert kept.read("users.csv") == LATIN.encode("cp1252")
        assert kept.read("courses.csv").decode() == COURSES


def test_bytes_that_mean_nothing_in_the_configured_encoding_are_refused_and_kept(
    home: Home, sandbox: Sandbox, golden: Golden
) -> None:
    content = b"user_id,login_id,full_name,status\nu1,u1,Zo\x81,active\n"
    home.configure(SIS_SYNC_SOURCE_ENCODING="cp1252")
    home.drop({"users.csv": content})
    told = home.run()
    assert (told.result.outcome, told.result.exit_code) == ("refused", 3)
    golden(told.message)
    with zipfile.ZipFile(home.folder_of(home.last()) / "original.zip") as kept:
        assert kept.read("users.csv") == content
    home.configure(SIS_SYNC_SOURCE_ENCODING="iso-8859-1")
    home.say("retry", home.last().id, "it is Latin-1")
    assert home.run().result.outcome == "imported"
