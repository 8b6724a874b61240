from __future__ import annotations

import json
import socket
from typing import Any

import pytest
import requests
from support.sandbox_client import Client, until, zipped

from canvas_sis_sync.sandbox.sandbox import Sandbox

USERS = "user_id,login_id,status\n1,a,active\n"


@pytest.mark.parametrize(
    ("content_type", "params", "rows"),
    [
        ("application/zip", {}, 0),
        ("text/csv", {}, 1),
        ("text/plain; charset=UTF-8", {}, 1),
        ("text/xml", {}, None),
        ("application/octet-stream", {"extension": "csv"}, 1),
        ("text/csv; charset=latin-1", {"extension": "CSV"}, 1),
        ("application/x-www-form-urlencoded", {"extension": "csv"}, 1),
        ("text/csv", {"extension": "xls"}, None),
    ],
)
def test_extension_and_content_type_decide_how_a_raw_body_is_read(
    client: Client, content_type: str, params: dict[str, str], rows: int | None
) -> None:
    headers = {**client.headers, "Content-Type": content_type}
    made = client.imports("POST", headers=headers, params=params, data=USERS.encode()).json()
    client.sandbox.wait_idle()
    done = client.get(made["id"])
    if rows is None:
        assert (done["workflow_state"], "supplied_batches" in done["data"]) == ("imported", False)
        assert done["data"]["counts"] == {"error_count": 0, "warning_count": 0}
    elif rows == 0:
        assert done["workflow_state"] == "failed_with_messages"
    else:
        assert done["data"]["counts"]["users"] == rows


def test_another_charset_is_refused(client: Client) -> None:
    headers = {**client.headers, "Content-Type": "text/csv; charset=latin-1"}
    answer = client.imports("POST", headers=headers, data=b"x")
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert client.sandbox.imports == ()


def test_a_new_import_is_created_and_shows_everything_the_api_promises(client: Client) -> None:
    made = client.post({"users.csv": USERS}).json()
    assert made["workflow_state"] == "created"
    assert made["progress"] == 0
    assert made["data"] == {"import_type": "instructure_csv"}
    for name in (
        "batch_mode",
        "diffing_data_set_identifier",
        "change_threshold",
        "ended_at",
        "diffed_against_import_id",
    ):
        assert made[name] is None
    assert (made["skip_deletes"], made["update_sis_id_if_login_claimed"]) == (False, False)
    for name in ("processing_errors", "processing_warnings", "csv_attachments", "errors_attachment"):
        assert name not in made


def test_multipart_uploads_are_named_by_their_file(client: Client) -> None:
    files = {"attachment": ("Export.CSV", USERS.encode(), "text/plain")}
    answer = client.imports("POST", files=files, data={"skip_deletes": "true", "extension": "zip"})
    assert answer.json()["skip_deletes"] is True
    client.sandbox.wait_idle()
    assert client.get(answer.json()["id"])["data"]["counts"]["users"] == 1


def test_a_large_multipart_upload_arrives_whole(client: Client) -> None:
    body = "user_id,login_id,status\n" + "".join(f"{n},login-number-{n},active\r\n" for n in range(1, 30_000))
    client.sandbox.add_fault("stuck-initializing")
    client.imports("POST", files={"attachment": ("a.csv", body.encode())})
    record = client.sandbox.imports[-1]
    assert record.upload is not None
    assert record.upload.read_bytes() == body.encode()


def test_multipart_without_a_file_is_refused(client: Client) -> None:
    answer = client.imports("POST", files={"other": ("a.csv", b"x")})
    assert (answer.status_code, answer.json()["error"]) == (400, True)


def test_a_broken_form_is_refused(client: Client) -> None:
    headers = {**client.headers, "Content-Type": "multipart/form-data; boundary=xx"}
    answer = client.imports("POST", headers=headers, data=b"--xx\r\nno such thing")
    assert (answer.status_code, answer.json()["error"]) == (400, True)


def test_a_client_that_goes_away_in_the_middle_leaves_nothing(sandbox: Sandbox) -> None:
    with socket.create_connection(("127.0.0.1", sandbox.port)) as connection:
        connection.sendall(
            b"POST /api/v1/accounts/1/sis_imports HTTP/1.1\r\nHost: x\r\nUser-Agent: x\r\n"
            b"Authorization: Bearer sandbox-token\r\nContent-Length: 1000\r\n\r\nhalf"
        )
    until(lambda: sandbox.requests)
    assert sandbox.requests[0].status is None
    assert sandbox.imports == ()


def announce(client: Client, body: bytes, **params: Any) -> requests.Response:
    offer = {"name": "export.zip", "size": len(body), "content_type": "application/zip"}
    return client.imports("POST", json={"pre_attachment": offer, **params})


def send(made: dict[str, Any], body: bytes, headers: dict[str, str] | None = None, **changes: str) -> requests.Response:
    offer = made["pre_attachment"]
    fields = [(name, (None, value)) for name, value in {**offer["upload_params"], **changes}.items()]
    url = offer["upload_url"]
    parts = [*fields, (offer["file_param"], ("export.zip", body))]
    return requests.post(url, files=parts, headers=headers, timeout=10, allow_redirects=False)


def test_two_steps_make_one_import(client: Client) -> None:
    body = zipped({"users.csv": USERS})
    made = announce(client, body, skip_deletes=True).json()
    assert (made["workflow_state"], made["skip_deletes"]) == ("initializing", True)
    answer = send(made, body)
    assert answer.status_code == 201
    client.sandbox.wait_idle()
    assert client.get(made["id"])["data"]["counts"]["users"] == 1
    described = client.ask("GET", answer.headers["Location"]).json()
    assert described["filename"] == "export.zip"
    assert len(client.sandbox.imports) == 1


def test_an_offer_may_be_asked_for_in_the_query(client: Client) -> None:
    made = client.imports("POST", params={"pre_attachment[name]": "a.zip", "batch_mode": "no"})
    assert made.json()["pre_attachment"]["upload_url"]


def test_after_a_redirect_the_import_waits_for_the_confirmation(client: Client) -> None:
    client.sandbox.add_fault("upload-redirect")
    body = zipped({"users.csv": USERS})
    made = announce(client, body).json()
    answer = send(made, body)
    assert answer.status_code == 303
    assert client.get(made["id"])["workflow_state"] == "initializing"
    assert client.ask("GET", answer.headers["Location"], headers={"User-Agent": "x"}).status_code == 401
    assert client.ask("GET", answer.headers["Location"]).status_code == 200
    client.sandbox.wait_idle()
    assert client.get(made["id"])["workflow_state"] == "imported"


@pytest.mark.parametrize("name", ["export.csv", "export"])
def test_only_zips_can_be_announced(client: Client, name: str) -> None:
    answer = client.imports("POST", json={"pre_attachment": {"name": name}})
    assert answer.status_code == 400
    assert client.sandbox.imports == ()


def test_a_storage_service_refuses_tokens(client: Client) -> None:
    body = zipped({"users.csv": USERS})
    made = announce(client, body).json()
    assert send(made, body, headers=client.headers).status_code == 400
    assert send(made, body).status_code == 201


def test_signed_parameters_must_come_unchanged(client: Client) -> None:
    body = zipped({"users.csv": USERS})
    made = announce(client, body).json()
    assert send(made, body, signature="forged").status_code == 400
    assert send(made, body + b"more").status_code == 400
    assert client.get(made["id"])["workflow_state"] == "initializing"


def test_the_file_must_come_last(client: Client) -> None:
    made = announce(client, b"x").json()
    offer = made["pre_attachment"]
    parts = [("file", ("a.zip", b"x")), *((name, (None, value)) for name, value in offer["upload_params"].items())]
    assert requests.post(offer["upload_url"], files=parts, timeout=5).status_code == 400


def test_an_offer_takes_data_once(client: Client) -> None:
    body = zipped({"users.csv": USERS})
    made = announce(client, body).json()
    assert send(made, body).status_code == 201
    assert send(made, body).status_code == 404


def test_an_unknown_or_unused_offer_cannot_be_confirmed(client: Client) -> None:
    made = announce(client, b"x").json()
    code = made["pre_attachment"]["upload_url"].rpartition("/")[2]
    assert client.ask("GET", f"files/uploaded/{code}").status_code == 404
    assert client.ask("GET", "files/uploaded/unknown").status_code == 404


def test_an_offer_expires(client: Client) -> None:
    made = announce(client, b"x").json()
    client.sandbox.add_fault("clock-skew=1801")
    assert send(made, b"x").status_code == 403


def test_data_for_an_aborted_announcement_are_not_imported(client: Client) -> None:
    body = zipped({"users.csv": USERS})
    made = announce(client, body).json()
    client.imports("PUT", f"/{made['id']}/abort")
    assert send(made, body).status_code == 201
    client.sandbox.wait_idle()
    assert client.get(made["id"])["workflow_state"] == "aborted"


def test_a_canvas_of_before_two_steps_takes_an_announcement_for_a_broken_zip(client: Client) -> None:
    client.sandbox.add_fault("no-pre-attachment")
    made = announce(client, b"x").json()
    assert "pre_attachment" not in made
    client.sandbox.wait_idle()
    assert client.get(made["id"])["workflow_state"] == "failed_with_messages"


def test_json_that_cannot_be_read_is_refused(client: Client) -> None:
    headers = {**client.headers, "Content-Type": "application/json"}
    assert client.imports("POST", headers=headers, data=b"{not json").status_code == 400
    plain = client.imports("POST", headers=headers, data=json.dumps({"skip_deletes": True, "extension": "csv"}))
    assert plain.json()["skip_deletes"] is True
