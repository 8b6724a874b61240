from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from support.sandbox_client import Client, until

from canvas_sis_sync.errors import UsageError
from canvas_sis_sync.sandbox.sandbox import Sandbox

HEADER = "user_id,login_id,status\n"


def users(count: int, status: str = "active") -> dict[str, str | bytes]:
    return {"users.csv": HEADER + "".join(f"u{n},l{n},{status}\n" for n in range(count))}


def test_imports_wait_for_each_other_oldest_first(sandbox: Sandbox, client: Client) -> None:
    sandbox.rows_per_second = 100
    ids = [client.start(users(10)) for _ in range(3)]
    seen = set()
    while any(client.get(i)["workflow_state"] in {"created", "importing"} for i in ids):
        listed = client.imports(params={"workflow_state[]": "importing"}).json()["sis_imports"]
        assert len(listed) <= 1
        seen |= {record["id"] for record in listed}
    starts = [record.started_at for record in sandbox.imports]
    assert starts == sorted(start for start in starts if start is not None)
    assert seen


def test_importing_lists_what_runs_and_not_what_waits(sandbox: Sandbox, client: Client) -> None:
    sandbox.add_import("created")
    assert client.imports(path="/importing").json() == {"sis_imports": []}
    sandbox.add_import("cleanup_batch")
    assert [record["id"] for record in client.imports(path="/importing").json()["sis_imports"]] == [2]


def test_an_import_of_somebody_else_keeps_the_queue_waiting(sandbox: Sandbox, client: Client) -> None:
    planted = sandbox.add_import("importing", user_id=77, attachments=[("users.csv", 123)])
    own = client.start(users(1))
    time.sleep(0.05)
    assert client.get(own)["workflow_state"] == "created"
    shown = client.get(planted)
    assert "user" not in shown
    assert [(f["filename"], f["size"]) for f in shown["csv_attachments"]] == [("users.csv", 123)]
    assert client.ask("GET", shown["csv_attachments"][0]["url"]).status_code == 404
    sandbox.set_state(planted, "imported")
    sandbox.wait_idle()
    assert client.get(own)["workflow_state"] == "imported"


def test_initializing_imports_block_nothing(sandbox: Sandbox, client: Client) -> None:
    sandbox.add_import("initializing")
    assert client.run(users(1))["workflow_state"] == "imported"


def test_accounts_do_not_wait_for_each_other(sandbox: Sandbox, client: Client) -> None:
    sandbox.add_import("importing")
    other = Client(sandbox, account=sandbox.add_account())
    assert other.run(users(1))["workflow_state"] == "imported"


def test_waiting_for_an_idle_queue_has_an_end(sandbox: Sandbox, client: Client) -> None:
    sandbox.rows_per_second = 1
    client.start(users(5))
    with pytest.raises(TimeoutError, match=r"after 0\.05 s"):
        sandbox.wait_idle(0.05)


def test_progress_rises_below_100_and_ends_there(sandbox: Sandbox, client: Client) -> None:
    sandbox.rows_per_second = 400
    import_id = client.start(users(100))
    seen = []
    while (shown := client.get(import_id))["workflow_state"] in {"created", "importing"}:
        seen.append(shown["progress"])
        assert "counts" not in shown["data"] or "error_count" not in shown["data"]["counts"]
    assert seen == sorted(seen)
    assert len(set(seen)) > 2
    assert seen[-1] < 100
    assert (shown["progress"], shown["workflow_state"]) == (100, "imported")


def test_an_import_tells_its_counts_and_kinds(client: Client) -> None:
    done = client.run({**users(3), "courses.csv": "course_id,short_name,long_name,status\nc,s,l,active\n"})
    data = done["data"]
    assert data["supplied_batches"] == ["course", "user"]
    assert data["completed_importers"] == ["course", "user"]
    assert (data["counts"]["users"], data["counts"]["courses"], data["counts"]["terms"]) == (3, 1, 0)
    assert data["running_immediately"] is True
    assert data["statistics"]["Pseudonym"] == {"created": 3, "restored": 0, "deleted": 0}
    assert done["ended_at"] >= done["started_at"] >= done["created_at"]


def test_files_of_50_rows_are_named_without_their_folder(client: Client) -> None:
    few = client.run({"folder/a.csv": HEADER + ",x,active\n"})
    many = client.run({"folder/a.csv": HEADER + ",x,active\n" * 50})
    assert (few["data"]["running_immediately"], many["data"]["running_immediately"]) == (True, False)
    assert client.said(few["id"])[0][0] == "folder/a.csv"
    assert client.said(many["id"])[0][0] == "a.csv"


def test_messages_are_shown_in_part_and_listed_in_full(client: Client) -> None:
    done = client.run({"a.csv": HEADER + ",x,active\n" * 30})
    shown = done["processing_warnings"]
    assert len(shown) == 25
    assert shown[-1][0] is None
    assert done["data"]["counts"]["warning_count"] == 30
    newest = client.imports(path=f"/{done['id']}/errors").json()["sis_import_errors"][0]
    assert newest == {
        "sis_import_id": done["id"],
        "file": "a.csv",
        "message": "user_id must not be blank",
        "row": 31,
        "row_info": ",x,active,31",
    }
    assert len(client.said(done["id"])) == 30


def test_row_info_holds_the_passwords_that_clients_must_not_log(client: Client) -> None:
    done = client.run({"a.csv": "user_id,login_id,password,status\n,x,hunter2222,active\n"})
    listed = client.imports(path=f"/{done['id']}/errors").json()["sis_import_errors"]
    assert "hunter2222" in listed[0]["row_info"]


def test_errors_are_filtered_and_gathered_over_imports(client: Client) -> None:
    client.run({"a.csv": HEADER + ",x,active\n"})
    client.run({"b.csv": "what,is,this\n1,2,3\n"})
    everything = client.ask("GET", "accounts/1/sis_import_errors").json()["sis_import_errors"]
    failures = client.ask("GET", "accounts/1/sis_import_errors?failure=true").json()["sis_import_errors"]
    assert [entry["file"] for entry in everything] == ["b.csv", "a.csv"]
    assert [(entry["file"], entry["row"]) for entry in failures] == [("b.csv", None)]


def test_the_errors_attachment_comes_after_the_end(client: Client) -> None:
    done = client.run({"a.csv": HEADER + ",x,active\n"})
    assert "errors_attachment" not in done
    file = until(lambda: client.get(done["id"]).get("errors_attachment"))
    answer = client.download(file["url"])
    assert answer.text.splitlines() == [
        "sis_import_id,file,message,row",
        f"{done['id']},a.csv,user_id must not be blank,2",
    ]
    assert (file["filename"], file["size"]) == (f"sis_errors_{done['id']}.csv", len(answer.content))


def test_csv_attachments_have_no_passwords(client: Client) -> None:
    text = "user_id,login_id,Password,ssha_password,status\nu,l,hunter2222,{SSHA}x,active\n"
    done = client.run({"sub/users.csv": text, "t.csv": "term_id,name,status\nT,T,active\n"})
    files = {file["filename"]: file for file in done["csv_attachments"]}
    kept = client.download(files["users.csv"]["url"]).text
    assert kept == "user_id,login_id,status\nu,l,active\n"
    assert files["users.csv"]["size"] == len(kept) < len(text)
    assert client.download(files["t.csv"]["url"]).text == "term_id,name,status\nT,T,active\n"


def test_an_attachment_wants_the_token_at_canvas_and_none_at_the_storage(sandbox: Sandbox, client: Client) -> None:
    file = client.run({"t.csv": "term_id,name,status\nT,T,active\n"})["csv_attachments"][0]
    assert file.keys() >= {"id", "filename", "size", "url"}
    assert client.ask("GET", file["url"], headers={"User-Agent": "x"}).status_code == 401
    sent_on = client.ask("GET", file["url"])
    storage = sent_on.headers["location"]
    assert sent_on.status_code == 302
    assert client.ask("GET", f"{storage}x", headers={"User-Agent": "x"}).status_code == 404
    assert sandbox.tokens_astray == ()
    assert client.ask("GET", storage).status_code == 400
    assert [each.path for each in sandbox.tokens_astray] == [f"/storage/{storage.rpartition('/')[2]}"]
    sandbox.add_fault("attachments-unreadable")
    assert client.ask("GET", file["url"]).status_code == 404


def test_every_answer_says_that_this_is_a_sandbox(sandbox: Sandbox, client: Client) -> None:
    sandbox.add_fault("throttle")
    answers = [client.ask("GET", "users/self"), client.ask("GET", "nowhere"), client.ask("GET", "users/self")]
    assert [answer.headers["X-Sis-Sync-Sandbox"] for answer in answers] == ["1"] * 3
    assert answers[2].json()["sandbox"] is True


def test_a_waiting_import_has_no_attachments(sandbox: Sandbox, client: Client) -> None:
    sandbox.add_import("importing")
    import_id = client.start(users(1))
    assert "csv_attachments" not in client.get(import_id)


def test_an_import_can_be_aborted_while_it_waits(sandbox: Sandbox, client: Client) -> None:
    planted = sandbox.add_import("importing")
    import_id = client.start(users(1))
    assert client.imports("PUT", f"/{import_id}/abort").json()["workflow_state"] == "aborted"
    assert client.imports("PUT", f"/{import_id}/abort").status_code == 404
    sandbox.set_state(planted, "imported")
    assert client.run(users(1))["workflow_state"] == "imported"
    assert client.get(import_id)["workflow_state"] == "aborted"


def test_an_import_can_be_aborted_while_it_runs(sandbox: Sandbox, client: Client) -> None:
    sandbox.rows_per_second = 100
    import_id = client.start(users(500))
    until(lambda: client.get(import_id)["progress"] > 0)
    aborted = client.imports("PUT", f"/{import_id}/abort").json()
    assert (aborted["workflow_state"], aborted["ended_at"]) == ("aborted", None)
    assert 0 < aborted["progress"] < 100
    sandbox.rows_per_second = None
    assert client.run(users(1))["workflow_state"] == "imported"
    assert client.get(import_id)["workflow_state"] == "aborted"
    assert sandbox.count("user") < 500


def test_a_finished_import_cannot_be_aborted(client: Client) -> None:
    done = client.run(users(1))
    assert client.imports("PUT", f"/{done['id']}/abort").status_code == 404


def test_aborting_what_is_pending_leaves_what_runs(sandbox: Sandbox, client: Client) -> None:
    running = sandbox.add_import("importing")
    waiting, stray = sandbox.add_import("created"), sandbox.add_import("initializing")
    elsewhere = sandbox.add_import("created", account_id=sandbox.add_account())
    assert client.imports("PUT", "/abort_all_pending").json() == {"aborted": True}
    assert client.get(running)["workflow_state"] == "importing"
    assert [(client.get(i)["workflow_state"], client.get(i)["progress"]) for i in (waiting, stray)] == [
        ("aborted", 100)
    ] * 2
    assert sandbox.imports[elsewhere - 1].workflow_state == "created"
    assert client.imports("PUT", "/abort_all_pending").json() == {"aborted": True}


def restored(client: Client, import_id: int, **options: str) -> dict[str, Any]:
    job = client.imports("PUT", f"/{import_id}/restore_states", data=options).json()
    assert (job["tag"], job["workflow_state"]) == ("sis_batch_state_restore", "queued")
    assert "results" not in job
    assert client.get(import_id)["workflow_state"] == "restoring"
    done = until(lambda: _finished(client.ask("GET", job["url"]).json()))
    assert done["completion"] == 100
    until(lambda: client.get(import_id)["workflow_state"] != "restoring")
    return client.get(import_id)


def _finished(job: dict[str, Any]) -> dict[str, Any] | None:
    return job if job["workflow_state"] == "completed" and "results" in job else None


def test_an_import_can_be_undone(sandbox: Sandbox, client: Client) -> None:
    client.run(users(3))
    second = client.run(users(2, "deleted"))
    assert sandbox.count("user") == 1
    assert restored(client, second["id"])["workflow_state"] == "restored"
    assert sandbox.count("user") == 3


def test_an_import_can_be_undone_in_part(sandbox: Sandbox, client: Client) -> None:
    first = client.run(users(3))
    assert restored(client, first["id"], undelete_only="true")["workflow_state"] == "partially_restored"
    assert sandbox.count("user") == 3
    second = client.run(users(2, "deleted"))
    assert restored(client, second["id"], unconclude_only="1")["workflow_state"] == "partially_restored"
    assert sandbox.count("user") == 1
    assert restored(client, second["id"], batch_mode="1")["workflow_state"] == "partially_restored"
    assert sandbox.count("user") == 1


def test_undo_options_exclude_each_other(client: Client) -> None:
    done = client.run(users(1))
    answer = client.imports("PUT", f"/{done['id']}/restore_states?undelete_only=1&unconclude_only=1")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_an_unfinished_import_cannot_be_undone(sandbox: Sandbox, client: Client) -> None:
    import_id = sandbox.add_import("created")
    assert client.imports("PUT", f"/{import_id}/restore_states").status_code == 404
    assert client.ask("GET", "progress/1").status_code == 404


def test_a_folder_of_its_own_is_remembered(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path / "kept") as sandbox:
        client = Client(sandbox)
        done = client.run({**users(2), "x.txt": "x"}, diffing_data_set_identifier="set")
        until(lambda: "errors_attachment" in client.get(done["id"]))
        before = client.get(done["id"])
        user = client.ask("GET", "users/self").json()
        sandbox.add_import("importing")
        waiting = client.start(users(1))
    with Sandbox(data=tmp_path / "kept", port=sandbox.port) as again:
        client = Client(again)
        assert client.get(done["id"]) == before
        assert client.ask("GET", "users/self").json() == user
        assert client.get(2)["workflow_state"] == "failed"
        again.wait_idle()
        assert client.get(waiting)["workflow_state"] == "imported"
        assert again.count("user") == 2
        assert client.download(before["errors_attachment"]["url"]).text.startswith("sis_import_id")
        assert client.start(users(1)) == 4
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o700


def test_a_temporary_folder_is_gone_at_the_end() -> None:
    with Sandbox() as sandbox:
        folder = sandbox.database.parent
        assert folder.is_dir()
    assert not folder.exists()


def test_a_port_in_use_is_said_in_a_sentence(sandbox: Sandbox) -> None:
    other = Sandbox(port=sandbox.port)
    with pytest.raises(UsageError, match=f"cannot listen on port {sandbox.port}"):
        other.start()
    assert not other.database.parent.exists()


def test_without_werkzeug_the_sandbox_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError) as caught:
        Sandbox()
    assert "canvas-sis-sync[sandbox]" in caught.value.hint


def test_a_mistake_of_the_sandbox_is_not_hidden() -> None:
    def provoke() -> None:
        with Sandbox() as sandbox:
            with closing(sqlite3.connect(sandbox.database)) as connection:
                connection.execute("DROP TABLE account")
            assert Client(sandbox).ask("GET", "accounts/1").status_code == 500

    with pytest.raises(RuntimeError, match="no such table: account"):
        provoke()


def test_stopping_does_not_wait_for_what_is_under_way() -> None:
    with Sandbox(rows_per_second=1) as sandbox:
        Client(sandbox).start(users(1000))
        until(lambda: sandbox.imports[0].workflow_state == "importing")
        began = time.monotonic()
    assert time.monotonic() - began < 2


def test_counting_only_stores_and_checks_nothing() -> None:
    with Sandbox(count_only=True) as sandbox:
        client = Client(sandbox)
        text = HEADER + 'u1,"a\nb",nonsense\n,,\n,x,y\n'
        done = client.run({"users.csv": text, "x.csv": "what\n1\n", "bad.csv": HEADER.encode() + b"\xff\xfe\n"})
        assert done["data"]["counts"]["users"] >= 2
        assert sandbox.count("user") == 0
        assert done["workflow_state"] == "failed_with_messages"
        assert [file["size"] for file in done["csv_attachments"]][-1] == len(text)
