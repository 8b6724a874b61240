"""The ordinary ways, asked of the sandbox: an independent reading of the same API."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.golden import Golden
from support.scripted_server import sha256
from support.sentences import in_full

from canvas_sis_sync import errors
from canvas_sis_sync.canvas.client import Canvas
from canvas_sis_sync.canvas.records import SisImport
from canvas_sis_sync.canvas.retry import Retry
from canvas_sis_sync.clock import Clock
from canvas_sis_sync.sandbox.sandbox import Sandbox

TOKEN = "sandbox-token"
USERS = "user_id,login_id,password,full_name,status\nu1,robin,invented-secret,Robin,active\n"
ENROLLMENTS = "course_id,user_id,role,section_id,status\n" + "".join(
    f"nowhere-{number},u1,student,,active\n" for number in range(60)
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(token=TOKEN) as running:
        yield running


def canvas_at(url: str, token: str = TOKEN) -> Canvas:
    retry = Retry(Clock(sleep=lambda _seconds: None))
    return Canvas(url, token, retry=retry.call, user_agent="canvas_sis_sync/test")


@pytest.fixture
def canvas(sandbox: Sandbox) -> Iterator[Canvas]:
    with canvas_at(sandbox.url) as each:
        yield each


@pytest.fixture
def zip_path(tmp_path: Path) -> Path:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("users.csv", USERS)
        archive.writestr("enrollments.csv", ENROLLMENTS)
    path = tmp_path / "import.zip"
    path.write_bytes(made.getvalue())
    return path


def finished(canvas: Canvas, import_id: int) -> SisImport:
    for _ in range(500):
        found = canvas.get_import(1, import_id)
        if found.finished:
            return found
        time.sleep(0.01)
    raise AssertionError(f"still {found.workflow_state}")


def test_user_and_root_account_are_found_by_self_and_by_number(canvas: Canvas, sandbox: Sandbox) -> None:
    assert canvas.current_user().id == sandbox.user.id
    assert canvas.root_account("self") == canvas.root_account("1")
    assert canvas.root_account("self").root is None
    with pytest.raises(errors.NotFound):
        canvas.root_account("sis_account_id:a/b")


def test_a_direct_upload_is_imported_and_its_record_and_messages_are_read(canvas: Canvas, zip_path: Path) -> None:
    made = canvas.create_import(1, zip_path, {"override_sis_stickiness": "true"}, sha256=sha256(zip_path))
    assert made.options["override_sis_stickiness"] is True
    found = finished(canvas, made.id)
    assert found.workflow_state == "imported_with_messages"
    assert set(found.supplied or ()) == {"user", "enrollment"}
    assert (found.counts["users"], found.warning_count) == (1, 60)
    assert {attachment.name for attachment in found.attachments or ()} == {"users.csv", "enrollments.csv"}
    messages = list(canvas.import_errors(1, made.id))
    assert [message.row for message in messages] == sorted(message.row or 0 for message in messages)
    assert len(messages) == 60
    assert {message.file for message in messages} == {"enrollments.csv"}
    assert "invented-secret" not in repr(messages) + repr(found)


def test_a_two_step_upload_is_imported(canvas: Canvas, zip_path: Path, sandbox: Sandbox) -> None:
    made, offer = canvas.announce_import(1, "import.zip", zip_path.stat().st_size, {"skip_deletes": "true"})
    assert made.workflow_state == "initializing"
    assert offer is not None
    confirmation = canvas.upload_to_offer(offer, zip_path, sha256=sha256(zip_path))
    assert confirmation.location is not None
    canvas.confirm(confirmation.location)
    assert finished(canvas, made.id).options["skip_deletes"] is True
    sandbox.add_fault("no-pre-attachment")
    assert canvas.announce_import(1, "import.zip", 5, {})[1] is None


def test_all_pages_are_listed_newest_first_and_the_first_only_on_request(canvas: Canvas, sandbox: Sandbox) -> None:
    planted = [sandbox.add_import("imported") for _ in range(120)]
    waiting = sandbox.add_import("restoring")
    listing = canvas.list_imports(1)
    assert [found.id for found in listing.imports] == [waiting, *reversed(planted)]
    assert listing.canvas_now == pytest.approx(time.time(), abs=5)
    assert [found.id for found in canvas.list_imports(1, limit=50).imports] == [waiting, *reversed(planted[-49:])]
    assert [found.id for found in canvas.list_imports(1, {"created", "restoring"}).imports] == [waiting]


def test_imports_above_a_mark_are_read_down_to_it_and_no_further(canvas: Canvas, sandbox: Sandbox) -> None:
    planted = [sandbox.add_import("imported") for _ in range(180)]
    before = len(sandbox.requests)
    above = canvas.imports_above(1, planted[79])
    assert [found.id for found in above.imports] == list(reversed(planted[80:]))
    assert len(sandbox.requests) - before == 3
    assert canvas.imports_above(1, planted[-1]).imports == ()
    assert len(canvas.imports_above(1, 0).imports) == 180
    assert above.canvas_now is not None


def test_a_page_that_fails_for_good_gives_no_shorter_listing(canvas: Canvas, sandbox: Sandbox) -> None:
    """A listing that is cut short would prove that an import does not exist."""
    for _ in range(60):
        sandbox.add_import("imported")
    sandbox.add_fault("throttle=3")
    assert len(canvas.list_imports(1).imports) == 60
    sandbox.add_fault("throttle=100")
    with pytest.raises(errors.Throttled):
        canvas.list_imports(1)


def test_an_import_is_aborted_once(canvas: Canvas, sandbox: Sandbox) -> None:
    running = sandbox.add_import("importing")
    assert canvas.abort_import(1, running).workflow_state == "aborted"
    with pytest.raises(errors.NotFound):
        canvas.abort_import(1, running)
    with pytest.raises(errors.NotFound):
        canvas.get_import(1, 4711)


def test_tokens_without_rights_are_told_apart_from_wrong_ones(sandbox: Sandbox, golden: Golden) -> None:
    sandbox.add_user("other-token", "Guest", may_import=False)
    with canvas_at(sandbox.url, "other-token") as guest:
        assert guest.may_import(1) is False
        with pytest.raises(errors.AccessRefused) as caught:
            guest.list_imports(1)
        golden(in_full(caught.value))
    with canvas_at(sandbox.url, "nobody") as nobody, pytest.raises(errors.AccessRefused) as caught:
        nobody.current_user()
    golden(in_full(caught.value), "2")
    with canvas_at(sandbox.url) as admin:
        assert admin.may_import(1) is True


@pytest.mark.parametrize(
    ("fault", "kind", "kept"),
    [
        ("cut-before-accept", errors.AnswerLost, 0),
        ("cut-after-accept", errors.AnswerLost, 1),
        ("error-500", errors.AnswerLost, 0),
        ("html-502", errors.AnswerLost, 0),
        ("refuse", errors.RequestRejected, 0),
        ("refuse=404", errors.NotFound, 0),
        ("throttle", errors.Throttled, 0),
        ("expired-token", errors.AccessRefused, 0),
    ],
)
def test_a_create_that_fails_is_sent_exactly_once(
    fault: str, kind: type[errors.CanvasError], kept: int, canvas: Canvas, sandbox: Sandbox, zip_path: Path
) -> None:
    sandbox.add_fault(fault)
    before = len(sandbox.requests)
    with pytest.raises(errors.CanvasError) as caught:
        canvas.create_import(1, zip_path, {}, sha256=sha256(zip_path))
    assert type(caught.value) is kind
    assert len(sandbox.imports) == kept
    assert len(sandbox.requests) - before <= 1
