from __future__ import annotations

import email.utils
import http.client
import ssl
import time
from pathlib import Path

import pytest
import requests
import trustme
from support.sandbox_client import Client

from canvas_sis_sync.sandbox.sandbox import Sandbox


def test_a_request_without_a_token_is_unauthenticated(sandbox: Sandbox) -> None:
    answer = requests.get(f"{sandbox.url}/api/v1/users/self", timeout=5)
    assert (answer.status_code, answer.json()["status"]) == (401, "unauthenticated")


def test_a_wrong_token_is_challenged(sandbox: Sandbox, client: Client) -> None:
    answer = client.ask("GET", "users/self", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "status" not in answer.json()


def test_a_token_is_known_by_its_first_characters_and_refused_once_it_has_ended(
    sandbox: Sandbox, client: Client
) -> None:
    path = f"users/self/tokens/{sandbox.token[:5]}"
    record = client.ask("GET", path).json()
    assert (record["expires_at"], record["visible_token"]) == (None, f"{sandbox.token[:5]}...")
    assert [client.ask("GET", f"users/self/tokens/{hint}").status_code for hint in ("sand", "other")] == [404, 404]
    sandbox.add_fault("token-ends=3600")
    assert client.ask("GET", path).json()["expires_at"].endswith("Z")
    sandbox.add_fault("token-ends=0")
    answer = client.ask("GET", path)
    assert (answer.status_code, answer.json()) == (401, {"errors": [{"message": "Expired access token."}]})


def test_a_token_in_the_query_works_and_is_not_repeated_in_links(sandbox: Sandbox, client: Client) -> None:
    answer = client.imports(params={"access_token": sandbox.token}, headers={})
    assert answer.status_code == 200
    assert sandbox.token not in answer.headers["Link"]


def test_a_request_without_user_agent_is_forbidden(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    connection.request("GET", "/api/v1/users/self", headers={"Authorization": f"Bearer {sandbox.token}"})
    assert connection.getresponse().status == 403
    connection.close()


def test_answers_carry_throttling_headers_in_lower_case_and_one_date(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    headers = {"Authorization": f"Bearer {sandbox.token}", "User-Agent": "x"}
    connection.request("GET", "/api/v1/users/self", headers=headers)
    answer = connection.getresponse()
    names = [name for name, _ in answer.getheaders()]
    assert {"x-rate-limit-remaining", "x-request-cost"} <= set(names)
    assert names.count("date") == 1
    date = email.utils.parsedate_to_datetime(answer.getheader("date") or "")
    assert abs(date.timestamp() - time.time()) < 3
    connection.close()


def test_ids_come_as_strings_when_asked_for(client: Client) -> None:
    import_id = client.start({"readme.txt": "x"})
    wanted = {**client.headers, "Accept": "application/json+canvas-string-ids"}
    shown = client.imports(path=f"/{import_id}", headers=wanted).json()
    assert shown["id"] == str(import_id)
    assert shown["user"]["id"] == "1"
    assert shown["batch_mode_term_id"] is None
    assert shown["progress"] in range(101)


def test_string_ids_reach_lists_of_ids(client: Client) -> None:
    done = client.run({"users.csv": "user_id,login_id,status\n1,a,active\n"})
    wanted = {**client.headers, "Accept": "application/json+canvas-string-ids"}
    listed = client.imports(headers=wanted).json()["sis_imports"][0]
    assert listed["data"]["downloadable_attachment_ids"] == [
        str(i) for i in done["data"]["downloadable_attachment_ids"]
    ]


def test_the_json_suffix_is_accepted(client: Client) -> None:
    assert client.ask("GET", "users/self.json").json() == client.ask("GET", "users/self").json()
    assert client.ask("GET", "accounts/1/sis_imports.json").status_code == 200


@pytest.mark.parametrize("path", ["nothing", "accounts/99", "accounts/x/sis_imports", "accounts/1/sis_imports/99"])
def test_what_does_not_exist_is_a_404_in_json(client: Client, path: str) -> None:
    answer = client.ask("GET", path)
    assert answer.status_code == 404
    assert answer.json()["errors"][0]["message"]


def test_a_method_that_no_endpoint_has_is_refused(client: Client) -> None:
    assert client.imports("DELETE").status_code == 405


def test_a_sub_account_is_refused_even_without_permission(sandbox: Sandbox, client: Client) -> None:
    client.run({"accounts.csv": "account_id,parent_account_id,name,status\nA,,Arts,active\n"})
    account_id = 2
    assert client.ask("GET", f"accounts/{account_id}").json()["root_account_id"] == 1
    sandbox.add_user("weak-token", "Weak", may_import=False)
    for token in (sandbox.token, "weak-token"):
        headers = {**client.headers, "Authorization": f"Bearer {token}"}
        answer = client.ask("GET", f"accounts/{account_id}/sis_imports", headers=headers)
        assert answer.status_code == 400
        assert isinstance(answer.json()["errors"][0], str)


def test_a_user_without_the_right_is_unauthorized(sandbox: Sandbox, client: Client) -> None:
    user_id = sandbox.add_user("weak-token", "Weak", may_import=False)
    headers = {**client.headers, "Authorization": "Bearer weak-token"}
    answer = client.imports("POST", headers=headers, data=b"x")
    assert (answer.status_code, answer.json()["status"]) == (403, "unauthorized")
    assert client.ask("GET", "users/self", headers=headers).json()["id"] == user_id
    assert sandbox.imports == ()


def test_the_user_of_an_import_is_the_one_with_the_token(sandbox: Sandbox, client: Client) -> None:
    user_id = sandbox.add_user("second-token", "Second")
    headers = {**client.headers, "Authorization": "Bearer second-token"}
    made = client.imports("POST", headers=headers, params={"extension": "zip"}, data=b"x").json()
    assert made["user"] == {"id": user_id, "name": "Second", "short_name": "Second", "sortable_name": "Second"}


def test_lists_are_cut_into_pages_that_link_to_each_other(sandbox: Sandbox, client: Client) -> None:
    for _ in range(23):
        sandbox.add_import()
    seen: list[int] = []
    url: str | None = f"{sandbox.url}/api/v1/accounts/1/sis_imports?workflow_state[]=imported"
    pages = 0
    while url:
        answer = client.ask("GET", url)
        seen += [record["id"] for record in answer.json()["sis_imports"]]
        links = answer.links
        assert {"current", "first"} <= set(links)
        assert ("prev" in links) == (pages > 0)
        url, pages = links.get("next", {}).get("url"), pages + 1
    assert seen == list(range(23, 0, -1))
    assert pages == 3


@pytest.mark.parametrize(("per_page", "shown"), [("0", 1), ("-3", 1), ("5", 5), ("999", 50), ("many", 10)])
def test_the_size_of_a_page_has_limits(sandbox: Sandbox, client: Client, per_page: str, shown: int) -> None:
    for _ in range(51):
        sandbox.add_import()
    assert len(client.imports(params={"per_page": per_page}).json()["sis_imports"]) == shown


def test_a_page_beyond_the_end_is_empty(client: Client) -> None:
    assert client.imports(params={"page": 7}).json() == {"sis_imports": []}


def test_lists_are_filtered_by_known_states_only(sandbox: Sandbox, client: Client) -> None:
    for state in ("imported", "failed", "aborted"):
        sandbox.add_import(state)

    def listed(*states: str) -> list[int]:
        answer = client.imports(params=[("workflow_state[]", state) for state in states])
        return [record["id"] for record in answer.json()["sis_imports"]]

    assert listed("failed") == [2]
    assert listed("failed", "imported") == [2, 1]
    assert listed("failed", "nonsense") == [2]
    assert listed("nonsense") == [3, 2, 1]
    assert [r["id"] for r in client.imports(params={"workflow_state": "aborted"}).json()["sis_imports"]] == [3]


def test_lists_are_filtered_by_creation_time(sandbox: Sandbox, client: Client) -> None:
    for created_at in (1000.0, 2000.0, 3000.0):
        sandbox.add_import(created_at=created_at)

    def listed(**params: str) -> list[int]:
        return [record["id"] for record in client.imports(params=params).json()["sis_imports"]]

    assert listed(created_since="1970-01-01T00:33:20Z") == [3]
    assert listed(created_before="1970-01-01T00:33:20Z") == [1]
    assert listed(created_since="1970-01-01T00:16:41", created_before="1970-01-01T00:50:00+00:00") == [2]
    assert listed(created_since="yesterday") == [3, 2, 1]


def test_accounts_terms_and_roles_are_shown(sandbox: Sandbox, client: Client) -> None:
    client.run({"terms.csv": "term_id,name,status,start_date\nT1,Autumn,active,2026-09-01\n"})
    role_id = sandbox.add_role("Auditor")
    account = client.ask("GET", "accounts/self").json()
    assert (account["id"], account["root_account_id"], account["parent_account_id"]) == (1, None, None)
    terms = client.ask("GET", "accounts/1/terms").json()["enrollment_terms"]
    assert [(t["name"], t["sis_term_id"], t["start_at"]) for t in terms] == [
        ("Default Term", None, None),
        ("Autumn", "T1", "2026-09-01T00:00:00Z"),
    ]
    roles = client.ask("GET", "accounts/1/roles").json()
    assert {"id": role_id, "role": "Auditor", "base_role_type": "StudentEnrollment"}.items() <= roles[-1].items()


def test_accounts_have_their_own_imports(sandbox: Sandbox, client: Client) -> None:
    other = sandbox.add_account("Other")
    sandbox.add_import(account_id=other)
    assert client.imports().json()["sis_imports"] == []
    assert client.ask("GET", f"accounts/{other}/sis_imports/1").status_code == 200
    assert client.imports(path="/1").status_code == 404


def test_requests_are_remembered(sandbox: Sandbox, client: Client) -> None:
    client.imports("POST", params=[("extension", "zip"), ("skip_deletes", "1")], data=b"12345")
    client.ask("GET", "nothing")
    post, missing = sandbox.requests
    assert (post.method, post.path, post.status, post.content_length) == (
        "POST",
        "/api/v1/accounts/self/sis_imports",
        200,
        5,
    )
    assert post.query == (("extension", "zip"), ("skip_deletes", "1"))
    assert post.header("authorization") == f"Bearer {sandbox.token}"
    assert missing.status == 404
    assert missing.header("content-type") is None


def test_it_answers_over_tls_under_another_name(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    with Sandbox(ssl_context=context, host_name="localhost") as sandbox:
        headers = {"Authorization": f"Bearer {sandbox.token}"}
        url = f"{sandbox.url}/api/v1/users/self"
        assert url.startswith("https://localhost:")
        assert requests.get(url, headers=headers, verify=str(tmp_path / "ca.pem"), timeout=5).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url, headers=headers, timeout=5)
        sandbox.add_fault("get-cut")
        with pytest.raises(requests.ConnectionError):
            requests.get(url, headers=headers, verify=str(tmp_path / "ca.pem"), timeout=5)
        listed = requests.get(
            f"{sandbox.url}/api/v1/accounts/1/sis_imports", headers=headers, verify=str(tmp_path / "ca.pem"), timeout=5
        )
        assert listed.links["first"]["url"].startswith("https://localhost:")
