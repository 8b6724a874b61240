from __future__ import annotations

from typing import Any

import pytest
from support.sandbox_client import Client

from canvas_sis_sync.sandbox._parameters import is_true
from canvas_sis_sync.sandbox.sandbox import Sandbox

FILES: dict[str, str | bytes] = {"t.csv": "term_id,name,status,integration_id\nT,Autumn,active,TI\nGONE,x,deleted,\n"}


@pytest.fixture(scope="module")
def account(shared: Sandbox) -> Client:
    client = Client(shared, account=shared.add_account())
    client.run(FILES)
    return client


@pytest.mark.parametrize(
    ("text", "truth"),
    [("yes", True), ("Y", True), ("TRUE", True), ("t", True), ("on", True), ("1", True), ("7", True), ("-1", True),
     ("no", False), ("n", False), ("false", False), ("off", False), ("0", False), ("maybe", False), ("", False),
     (None, False)],
)  # fmt: skip
def test_booleans_are_read_as_canvas_reads_them(text: str | None, truth: bool) -> None:
    assert is_true(text) is truth


@pytest.mark.parametrize(
    ("params", "echo"),
    [
        ({}, {"batch_mode": None, "skip_deletes": False, "override_sis_stickiness": None}),
        ({"skip_deletes": "on"}, {"skip_deletes": True}),
        ({"add_sis_stickiness": "1"}, {"add_sis_stickiness": None, "override_sis_stickiness": None}),
        ({"add_sis_stickiness": "1", "override_sis_stickiness": "1"}, {"add_sis_stickiness": True}),
        ({"clear_sis_stickiness": "1", "override_sis_stickiness": "1"}, {"clear_sis_stickiness": True}),
        ({"update_sis_id_if_login_claimed": "yes"}, {"update_sis_id_if_login_claimed": True}),
        ({"batch_mode_term_id": "sis_term_id:T"}, {"batch_mode": None, "batch_mode_term_id": None}),
        ({"batch_mode": "0", "batch_mode_term_id": "none"}, {"batch_mode": None}),
        ({"multi_term_batch_mode": "1", "change_threshold": "9"}, {"batch_mode": True, "multi_term_batch_mode": True}),
        ({"multi_term_batch_mode": "", "change_threshold": "9"}, {"batch_mode": True, "multi_term_batch_mode": False}),
        ({"change_threshold": "10%"}, {"change_threshold": 10}),
        ({"change_threshold": "many"}, {"change_threshold": 0}),
        ({"change_threshold": "-5"}, {"change_threshold": -5}),
        ({"change_threshold": " "}, {"change_threshold": None}),
        ({"diff_row_count_threshold": "0"}, {"diff_row_count_threshold": None}),
        ({"diff_row_count_threshold": "7"}, {"diff_row_count_threshold": 7}),
        ({"diffing_remaster_data_set": "1"}, {"diffing_remaster": None, "diffing_data_set_identifier": None}),
        (
            {"diffing_data_set_identifier": "x" * 128, "diffing_remaster_data_set": "1"},
            {"diffing_data_set_identifier": "x" * 128, "diffing_remaster": True},
        ),
        (
            {"diffing_data_set_identifier": "x", "multi_term_batch_mode": "0", "change_threshold": "1"},
            {"diffing_data_set_identifier": None},
        ),
        ({"diffing_drop_status": "deleted_last_completed"}, {"diffing_drop_status": "deleted_last_completed"}),
    ],
)
def test_parameters_are_echoed_by_what_they_did(account: Client, params: dict[str, str], echo: dict[str, Any]) -> None:
    made = account.post({}, **params).json()
    assert {name: made[name] for name in echo} == echo


@pytest.mark.parametrize("term", ["sis_term_id:T", "sis_integration_id:TI", "default", "number"])
def test_a_batch_mode_term_can_be_named_in_several_ways(account: Client, term: str) -> None:
    terms = account.ask("GET", f"accounts/{account.account}/terms").json()["enrollment_terms"]
    ids = {"default": terms[0]["id"]}
    wanted = ids.get(term, terms[1]["id"])
    name = str(wanted) if term == "number" else term
    made = account.post({}, batch_mode="1", batch_mode_term_id=name, multi_term_batch_mode="1").json()
    assert (made["batch_mode"], made["batch_mode_term_id"], made["multi_term_batch_mode"]) == (True, wanted, None)


@pytest.mark.parametrize(
    ("params", "status", "key", "leaves_a_record"),
    [
        ({"import_type": "other"}, 500, "errors", False),
        ({"batch_mode": "1"}, 400, "message", False),
        ({"batch_mode": "1", "batch_mode_term_id": ""}, 400, "message", False),
        ({"batch_mode": "1", "batch_mode_term_id": "sis_term_id:NONE"}, 404, "errors", False),
        ({"batch_mode": "1", "batch_mode_term_id": "sis_term_id:GONE"}, 404, "errors", False),
        ({"multi_term_batch_mode": "1"}, 400, "message", True),
        ({"multi_term_batch_mode": "false"}, 400, "message", True),
        ({"batch_mode_enrollment_drop_status": "Deleted"}, 400, "message", True),
        ({"diffing_drop_status": "gone"}, 400, "message", True),
        ({"diffing_user_remove_status": "inactive"}, 400, "message", True),
        ({"diffing_data_set_identifier": "x" * 129}, 400, "errors", True),
    ],
)
def test_wrong_parameters_are_refused_some_leaving_a_record(
    account: Client, params: dict[str, str], status: int, key: str, leaves_a_record: bool
) -> None:
    before = newest(account)
    answer = account.post(FILES, **params)
    assert (answer.status_code, key in answer.json()) == (status, True)
    assert newest(account) - before == leaves_a_record
    if leaves_a_record:
        account.sandbox.wait_idle()
        assert account.get(before + 1)["workflow_state"] == "initializing"
        assert account.imports("PUT", f"/{before + 1}/abort").json()["workflow_state"] == "aborted"


def newest(account: Client) -> int:
    return int(account.imports().json()["sis_imports"][0]["id"])


def test_the_right_import_type_may_be_named(account: Client) -> None:
    assert account.post({}, import_type="instructure_csv").status_code == 200
