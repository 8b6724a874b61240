"""An independent client finds in the sandbox what it expects of Canvas."""

from __future__ import annotations

from pathlib import Path

import canvasapi
import pytest
from canvasapi.account import Account
from canvasapi.canvas_object import CanvasObject
from canvasapi.exceptions import Forbidden, InvalidAccessToken, ResourceDoesNotExist
from canvasapi.paginated_list import PaginatedList
from support.sandbox_client import Client, until, zipped

from canvas_sis_sync.sandbox.sandbox import Sandbox

FILES: dict[str, str | bytes] = {"users.csv": "user_id,login_id,status\nu1,l1,active\n,l2,active\n"}

pytestmark = pytest.mark.filterwarnings("ignore:Canvas may respond unexpectedly when making requests to HTTP URLs")


@pytest.fixture
def account(sandbox: Sandbox) -> Account:
    return canvasapi.Canvas(sandbox.url, sandbox.token).get_account(1)


@pytest.fixture
def export(tmp_path: Path) -> str:
    path = tmp_path / "export.zip"
    path.write_bytes(zipped(FILES))
    return str(path)


def test_it_creates_and_polls_an_import(sandbox: Sandbox, account: Account, export: str) -> None:
    made = account.create_sis_import(export, extension="zip", skip_deletes=True)
    assert (made.workflow_state, made.skip_deletes, made.user["name"]) == ("created", True, "Sandbox Admin")
    sandbox.wait_idle()
    done = account.get_sis_import(made.id)
    assert done.workflow_state == "imported_with_messages"
    assert done.data["counts"]["users"] == 1
    assert done.processing_warnings == [["users.csv", "user_id must not be blank"]]


def test_it_lists_imports_over_pages(sandbox: Sandbox, account: Account) -> None:
    for _ in range(25):
        sandbox.add_import()
    assert [found.id for found in account.get_sis_imports()] == list(range(25, 0, -1))
    assert [found.id for found in account.get_sis_imports(workflow_state=["failed"])] == []


def test_it_follows_the_pages_of_errors(sandbox: Sandbox, account: Account, tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("user_id,login_id,status\n" + ",x,active\n" * 15, encoding="utf-8")
    made = account.create_sis_import(str(path))
    sandbox.wait_idle()
    url = f"accounts/1/sis_imports/{made.id}/errors"
    errors = PaginatedList(CanvasObject, account._requester, "GET", url, _root="sis_import_errors")
    assert [(error.file, error.row) for error in errors] == [("users.csv", row) for row in range(16, 1, -1)]


def test_it_aborts_imports(sandbox: Sandbox, account: Account, export: str) -> None:
    sandbox.add_import("importing")
    made = [account.create_sis_import(export) for _ in range(2)]
    assert made[0].abort().workflow_state == "aborted"
    assert account.abort_sis_imports_pending() is True
    assert account.get_sis_import(made[1].id).workflow_state == "aborted"
    with pytest.raises(ResourceDoesNotExist):
        made[0].abort()


def test_it_restores_states(sandbox: Sandbox, account: Account, export: str) -> None:
    made = account.create_sis_import(export)
    sandbox.wait_idle()
    job = account.get_sis_import(made.id).restore_states()
    until(lambda: job.query().workflow_state == "completed")
    sandbox.wait_idle()
    assert account.get_sis_import(made.id).workflow_state == "restored"
    assert sandbox.count("user") == 0


def test_it_tells_wrong_tokens_from_throttling(sandbox: Sandbox, account: Account) -> None:
    with pytest.raises(InvalidAccessToken):
        canvasapi.Canvas(sandbox.url, "wrong").get_account(1)
    sandbox.add_fault("throttle")
    with pytest.raises(Forbidden):
        account.get_sis_import(1)


def test_it_knows_the_current_user_and_roles(sandbox: Sandbox, account: Account) -> None:
    assert canvasapi.Canvas(sandbox.url, sandbox.token).get_current_user().name == "Sandbox Admin"
    assert "AccountAdmin" in [role.role for role in account.get_roles()]
    assert [term.name for term in account.get_enrollment_terms()] == ["Default Term"]
    assert Client(sandbox).ask("GET", "accounts/1").json()["name"] == account.name
