"""Whole files and archives: what is read, what is passed over, and what makes an import fail."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from support.sandbox_client import Client, zipped

from canvas_sis_sync.sandbox.sandbox import Sandbox

GOOD = "user_id,login_id,status\nu,l,active\n"


@pytest.fixture
def account(shared: Sandbox) -> Client:
    return Client(shared, account=shared.add_account())


@pytest.mark.parametrize(
    ("files", "state", "said"),
    [
        ({"a.csv": GOOD}, "imported", []),
        ({"A.CSV": GOOD}, "imported", []),
        ({"deep/er/a.csv": "\ufeff\n" + GOOD}, "imported", []),
        ({"a.csv": b""}, "imported", []),
        ({"a.csv": "\n\n"}, "imported", []),
        ({"a.csv": "user_id,login_id,status\n"}, "imported", []),
        ({"a.csv": "user_id, login_id,status\nu,l,active\n"}, "imported_with_messages", ["login_id must not be blank"]),
        ({"a.csv": b"user_id,login_id,status\n\xff,l,active\n"}, "failed_with_messages", ["The file is not UTF-8"]),
        ({"a.csv": GOOD + '"open,x,active\n'}, "failed_with_messages", ["The CSV is malformed"]),
        ({"a.csv": GOOD + 'a "b" c,x,active\n'}, "failed_with_messages", ["The CSV is malformed"]),
        ({"a.csv": "what,is,this\n"}, "failed_with_messages", ["The header belongs to no kind of file"]),
        ({"a.csv": GOOD, "n.txt": "x"}, "imported_with_messages", ["n.txt is no CSV"]),
        ({"a.csv": GOOD, "in.zip": zipped({"b.csv": GOOD})}, "imported_with_messages", ["in.zip is no CSV"]),
        ({".hidden.csv": "x", ".d/a.csv": "x", "__MACOSX/a.csv": "x", "Desktop DB": "x"}, "imported", []),
        ({"../a.csv": "x", "/abs.csv": "x"}, "imported", []),
    ],
)
def test_files_are_judged_as_canvas_judges_them(
    account: Client, files: dict[str, str | bytes], state: str, said: list[str]
) -> None:
    done = account.run(files)
    assert done["workflow_state"] == state
    messages = [message for _, _, message in account.said(done["id"])]
    assert len(messages) == len(said)
    assert all(message.startswith(wanted) for message, wanted in zip(messages, said, strict=True))


def test_other_files_are_imported_beside_one_that_failed(account: Client) -> None:
    done = account.run({"a.csv": GOOD, "b.csv": "what\n1\n"})
    assert (done["workflow_state"], done["data"]["counts"]["users"]) == ("failed_with_messages", 1)
    assert done["processing_errors"] == [["b.csv", "The header belongs to no kind of file"]]


def test_an_import_without_any_csv_has_no_kinds(account: Client) -> None:
    done = account.run({"empty.csv": b""})
    assert "supplied_batches" not in done["data"]
    assert done["data"]["counts"] == {"error_count": 0, "warning_count": 0}
    assert done["csv_attachments"] == []


def test_a_header_without_rows_counts_as_supplied(account: Client) -> None:
    assert account.run({"a.csv": "user_id,login_id,status\n"})["data"]["supplied_batches"] == ["user"]


def raw(fill: Callable[[zipfile.ZipFile], None]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        fill(archive)
    return content.getvalue()


def send(client: Client, body: bytes) -> dict[str, Any]:
    made = client.imports("POST", params={"extension": "zip"}, data=body).json()
    client.sandbox.wait_idle()
    return client.get(made["id"])


def link(archive: zipfile.ZipFile) -> None:
    entry = zipfile.ZipInfo("link.csv")
    entry.external_attr = 0o120777 << 16
    archive.writestr(entry, "/etc/passwd")


def folder(archive: zipfile.ZipFile) -> None:
    archive.mkdir("folder")
    archive.writestr("folder/a.csv", GOOD)


def other_compression(archive: zipfile.ZipFile) -> None:
    archive.writestr("a.csv", "what\n1\n", compress_type=zipfile.ZIP_BZIP2)


@pytest.mark.parametrize(("fill", "users"), [(link, None), (folder, 1), (other_compression, None)])
def test_odd_entries_are_passed_over_in_silence(
    account: Client, fill: Callable[[zipfile.ZipFile], None], users: int | None
) -> None:
    done = send(account, raw(fill))
    assert done["workflow_state"] == "imported"
    assert done["data"]["counts"].get("users") == users


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_entries_with_one_name_the_later_survives(account: Client) -> None:
    def twice(archive: zipfile.ZipFile) -> None:
        archive.writestr("a.csv", "what\n")
        archive.writestr("a.csv", GOOD)

    assert send(account, raw(twice))["data"]["counts"]["users"] == 1


@pytest.mark.parametrize("body", [b"", b"no archive", raw(lambda archive: archive.writestr("a.csv", "a," * 500_000))])
def test_archives_that_cannot_be_used_fail_the_import(account: Client, body: bytes) -> None:
    done = send(account, body)
    assert done["workflow_state"] == "failed_with_messages"
    assert "error report" in done["processing_errors"][0][1]
    assert "supplied_batches" not in done["data"]


def test_more_than_100_000_entries_fail_the_import(account: Client) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("users.csv", GOOD)
        for number in range(100_000):
            archive.writestr(zipfile.ZipInfo(str(number)), b"")
    done = send(account, content.getvalue())
    assert done["workflow_state"] == "failed_with_messages"
    assert "too many entries" in done["processing_errors"][0][1]


def test_what_breaks_in_the_middle_ends_failed_and_the_queue_goes_on(account: Client) -> None:
    body = bytearray(zipped({"a.csv": GOOD * 200}))
    body[60] ^= 0xFF
    done = send(account, bytes(body))
    assert done["workflow_state"] == "failed"
    assert done["data"]["error_message"]
    assert done["ended_at"] is None
    assert account.run({"a.csv": GOOD})["workflow_state"] == "imported"


def test_kinds_are_imported_in_canvas_order_whatever_their_names(account: Client) -> None:
    done = account.run(
        {
            "1.csv": "section_id,user_id,role,status\nS,u,student,active\n",
            "2.csv": GOOD,
            "3.csv": "section_id,course_id,name,status\nS,C,N,active\n",
            "4.csv": "course_id,short_name,long_name,status\nC,s,l,active\n",
        }
    )
    assert done["workflow_state"] == "imported"
    assert done["data"]["completed_importers"] == ["course", "section", "user", "enrollment"]


def test_kinds_that_are_not_stored_are_checked_and_counted(account: Client) -> None:
    done = account.run({"o.csv": "observer_id,student_id,status\na,b,active\n,b,active\n"})
    assert done["data"]["counts"]["user_observers"] == 1
