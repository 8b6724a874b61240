from __future__ import annotations

import email.utils
import re
import socket
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from support.sandbox_client import Client, until, zipped

from canvas_sis_sync.errors import UsageError
from canvas_sis_sync.sandbox._faults import FAULTS
from canvas_sis_sync.sandbox.sandbox import Sandbox

USERS: dict[str, str | bytes] = {
    "users.csv": "user_id,login_id,status\n" + "".join(f"u{n},l{n},active\n" for n in range(20))
}
PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"


def states(sandbox: Sandbox) -> list[str]:
    sandbox.wait_idle()
    return [record.workflow_state for record in sandbox.imports]


def test_the_page_has_a_row_for_every_fault_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)(?:[=\[][^`]*)?` \|(.*)\|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.M)
    assert [name for name, _, _ in rows] == list(FAULTS)
    for name, kind, meaning in rows:
        assert kind.strip() == ("standing" if FAULTS[name].standing else "one-shot")
        assert meaning.strip() == FAULTS[name].meaning


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("explode", "no fault called explode"),
        ("throtle", "Did you mean throttle?"),
        ("ignore-option", "needs a value"),
        ("refuse=200", "does not take the value '200'"),
        ("late-answer=soon", "does not take the value 'soon'"),
    ],
)
def test_a_fault_that_does_not_exist_is_refused_in_a_sentence(text: str, part: str) -> None:
    with pytest.raises(UsageError, match=re.escape(part)) as caught:
        Sandbox(faults=[text])
    assert caught.value.hint


def test_an_unknown_fault_lists_all_names(sandbox: Sandbox) -> None:
    with pytest.raises(UsageError) as caught:
        sandbox.add_fault("explode")
    assert all(name in caught.value.hint for name in FAULTS)


@pytest.mark.parametrize(("fault", "status"), [("refuse", 400), ("refuse=404", 404), ("refuse=422", 422)])
def test_refuse_answers_once_and_keeps_nothing(client: Client, fault: str, status: int) -> None:
    client.sandbox.add_fault(fault)
    assert client.post(USERS).status_code == status
    assert client.sandbox.imports == ()
    assert client.post(USERS).status_code == 200


def test_refuse_can_leave_a_record(client: Client) -> None:
    client.sandbox.add_fault("refuse=record")
    assert client.post(USERS).status_code == 400
    assert states(client.sandbox) == ["initializing"]


@pytest.mark.parametrize(
    ("fault", "status", "kind", "kept"),
    [
        ("error-500", 500, "application/json", []),
        ("error-500=accepted", 500, "application/json", ["imported"]),
        ("html-502", 502, "text/html", []),
        ("html-502=accepted", 502, "text/html", ["imported"]),
    ],
)
def test_server_errors_may_hide_an_accepted_import(
    client: Client, fault: str, status: int, kind: str, kept: list[str]
) -> None:
    client.sandbox.add_fault(fault)
    answer = client.post(USERS)
    assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (status, kind)
    assert states(client.sandbox) == kept


@pytest.mark.parametrize(("fault", "kept"), [("cut-before-accept", []), ("cut-after-accept", ["imported"])])
def test_a_cut_resets_the_connection_once(client: Client, fault: str, kept: list[str]) -> None:
    client.sandbox.add_fault(fault)
    with pytest.raises(requests.ConnectionError):
        client.post(USERS)
    assert client.sandbox.requests[-1].status is None
    assert states(client.sandbox) == kept
    assert client.post(USERS).status_code == 200


def test_a_cut_is_a_reset_and_no_orderly_end(sandbox: Sandbox) -> None:
    sandbox.add_fault("cut-before-accept")
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=5) as connection:
        connection.sendall(
            b"POST /api/v1/accounts/1/sis_imports HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n"
            b"Authorization: Bearer sandbox-token\r\nContent-Length: 1\r\n\r\nx"
        )
        with pytest.raises(ConnectionResetError):
            connection.recv(100)


def test_a_fault_given_twice_acts_twice(client: Client) -> None:
    for _ in range(2):
        client.sandbox.add_fault("cut-after-accept")
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            client.post(USERS)
    assert states(client.sandbox) == ["imported", "imported"]


def test_a_late_record_appears_after_the_cut(client: Client) -> None:
    client.sandbox.add_fault("late-record=0.3")
    began = time.time()
    with pytest.raises(requests.ConnectionError):
        client.post(USERS)
    assert client.sandbox.imports == ()
    record = until(lambda: client.sandbox.imports)[0]
    assert record.created_at - began >= 0.3
    assert states(client.sandbox) == ["imported"]


def test_a_late_record_of_a_refused_request_never_appears(client: Client) -> None:
    client.sandbox.add_fault("late-record=0")
    with pytest.raises(requests.ConnectionError):
        client.post(USERS, batch_mode="1")
    time.sleep(0.1)
    assert client.sandbox.imports == ()


def test_a_late_answer_comes_for_an_import_that_is_there(client: Client) -> None:
    client.sandbox.add_fault("late-answer=0.3")
    began = time.monotonic()
    answers: list[requests.Response] = []
    thread = threading.Thread(target=lambda: answers.append(client.post(USERS)))
    thread.start()
    until(lambda: client.sandbox.imports)
    assert not answers
    thread.join()
    assert time.monotonic() - began >= 0.3
    assert answers[0].json()["workflow_state"] == "created"


def test_an_option_can_be_ignored(client: Client) -> None:
    client.sandbox.add_fault("ignore-option=skip_deletes")
    assert client.post(USERS, skip_deletes="1").json()["skip_deletes"] is False
    assert client.post(USERS, skip_deletes="1").json()["skip_deletes"] is True


def test_an_import_can_stay_initializing(client: Client) -> None:
    client.sandbox.add_fault("stuck-initializing")
    assert client.post(USERS).json()["workflow_state"] == "initializing"
    client.post(USERS)
    assert states(client.sandbox) == ["initializing", "imported"]


def test_an_import_can_fail(client: Client) -> None:
    client.sandbox.add_fault("fail")
    done = client.run(USERS)
    assert done["workflow_state"] == "failed"
    assert done["data"]["error_message"]
    assert "counts" not in done["data"]
    assert client.run(USERS)["workflow_state"] == "imported"


def test_an_import_can_abort_itself_half_way(client: Client) -> None:
    client.sandbox.rows_per_second = 400
    client.sandbox.add_fault("abort")
    done = client.run({"users.csv": "user_id,login_id,status\n" + "".join(f"u{n},l{n},active\n" for n in range(100))})
    assert done["workflow_state"] == "aborted"
    assert 0 < done["data"]["counts"]["users"] < 100


@pytest.mark.parametrize(("fault", "state"), [("unknown-state", "reconciled"), ("unknown-state=odd", "odd")])
def test_an_import_can_end_in_a_state_that_nobody_knows(client: Client, fault: str, state: str) -> None:
    client.sandbox.add_fault(fault)
    client.start(USERS)
    until(lambda: client.sandbox.imports[0].workflow_state == state)


@pytest.mark.parametrize(("fault", "status"), [("throttle", 403), ("throttle-429", 429)])
def test_requests_can_be_throttled(client: Client, fault: str, status: int) -> None:
    client.sandbox.add_fault(f"{fault}=2")
    answers = [client.ask("GET", "users/self") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert answers[0].headers["Content-Type"].startswith("text/plain")
    assert "Rate Limit Exceeded" in answers[0].text
    assert float(answers[0].headers["X-Rate-Limit-Remaining"]) == 0
    assert "X-Request-Cost" not in answers[0].headers


def test_reading_can_fail_for_a_while(client: Client) -> None:
    client.sandbox.add_fault("get-500=2")
    assert client.post(USERS).status_code == 200
    assert [client.imports().status_code for _ in range(3)] == [500, 500, 200]
    client.sandbox.add_fault("get-cut")
    with pytest.raises(requests.ConnectionError):
        client.imports()
    assert client.imports().status_code == 200


def announce(client: Client, body: bytes) -> dict[str, Any]:
    return client.imports("POST", json={"pre_attachment": {"name": "a.zip", "size": len(body)}}).json()


def upload(made: dict[str, Any], body: bytes) -> requests.Response:
    offer = made["pre_attachment"]
    parts = [*((name, (None, value)) for name, value in offer["upload_params"].items()), ("file", ("a.zip", body))]
    return requests.post(offer["upload_url"], files=parts, timeout=5, allow_redirects=False)


def test_the_answer_to_an_announcement_can_be_lost(client: Client) -> None:
    client.sandbox.add_fault("lose-announcement")
    client.post(USERS)
    with pytest.raises(requests.ConnectionError):
        announce(client, b"x")
    assert states(client.sandbox) == ["imported", "initializing"]


def test_an_upload_can_be_cut_on_its_way(client: Client) -> None:
    body = zipped(USERS)
    made = announce(client, body)
    client.sandbox.add_fault("cut-upload")
    with pytest.raises(requests.ConnectionError):
        upload(made, body)
    assert states(client.sandbox) == ["initializing"]
    assert upload(made, body).status_code == 201
    assert states(client.sandbox) == ["imported"]


def test_an_upload_can_be_taken_without_effect(client: Client) -> None:
    client.sandbox.add_fault("stuck-initializing")
    body = zipped(USERS)
    assert upload(announce(client, body), body).status_code == 201
    assert states(client.sandbox) == ["initializing"]


@pytest.mark.parametrize("redirect", [False, True])
def test_the_answer_to_a_confirmation_can_be_lost(client: Client, redirect: bool) -> None:
    if redirect:
        client.sandbox.add_fault("upload-redirect")
    client.sandbox.add_fault("lose-confirmation")
    body = zipped(USERS)
    answer = upload(announce(client, body), body)
    with pytest.raises(requests.ConnectionError):
        client.ask("GET", answer.headers["Location"])
    assert states(client.sandbox) == ["imported"]
    assert client.ask("GET", answer.headers["Location"]).status_code == 200


def test_rows_can_be_slow(client: Client) -> None:
    client.sandbox.add_fault("slow=100")
    began = time.monotonic()
    client.run(USERS)
    assert time.monotonic() - began >= 0.2
    client.sandbox.clear_faults()
    assert FAULTS["slow"].default == "50"


def test_the_errors_attachment_can_be_late_or_missing(client: Client) -> None:
    bad: dict[str, str | bytes] = {"u.csv": "user_id,login_id,status\n,x,active\n"}
    client.sandbox.add_fault("late-attachment=0.5")
    late = client.run(bad)
    client.sandbox.add_fault("late-attachment=never")
    missing = client.run(bad)
    time.sleep(0.3)
    assert "errors_attachment" not in client.get(late["id"])
    until(lambda: "errors_attachment" in client.get(late["id"]))
    assert "errors_attachment" not in client.get(missing["id"])


def test_the_token_can_expire_and_be_mended(client: Client) -> None:
    client.sandbox.add_fault("expired-token")
    assert [client.ask("GET", "users/self").status_code for _ in range(2)] == [401, 401]
    client.sandbox.clear_faults()
    assert client.ask("GET", "users/self").status_code == 200


@pytest.mark.parametrize(("fault", "known"), [("forget", []), ("forget=1", [2])])
def test_imports_can_be_forgotten(client: Client, fault: str, known: list[int]) -> None:
    for _ in range(2):
        client.run(USERS)
    client.sandbox.add_fault(fault)
    assert [record["id"] for record in client.imports().json()["sis_imports"]] == known
    assert client.imports(path="/1").status_code == 404


@pytest.mark.parametrize("skew", [3600, -3600])
def test_all_times_can_be_skewed(client: Client, skew: int) -> None:
    client.sandbox.add_fault(f"clock-skew={skew}")
    done = client.run(USERS)
    answer = client.imports()
    dates = [email.utils.parsedate_to_datetime(answer.headers["Date"])]
    dates += [datetime.fromisoformat(done[name]) for name in ("created_at", "started_at", "ended_at", "updated_at")]
    assert all(abs(date.timestamp() - time.time() - skew) < 5 for date in dates)


def test_the_errors_endpoints_can_fail(client: Client) -> None:
    done = client.run(USERS)
    client.sandbox.add_fault("errors-endpoint-fails")
    assert client.imports(path=f"/{done['id']}/errors").status_code == 500
    assert client.ask("GET", "accounts/1/sis_import_errors").status_code == 500
    assert client.get(done["id"])["workflow_state"] == "imported"
