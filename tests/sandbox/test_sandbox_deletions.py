"""What is derived from missing rows: batch mode and diffing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from support.sandbox_client import Client

from canvas_sis_sync.sandbox.sandbox import Sandbox

TERMS = "term_id,name,status\nT,Autumn,active\nT2,Spring,active\n"
COURSES = "course_id,short_name,long_name,term_id,status\n"
SECTIONS = "section_id,course_id,name,status\n"
USERS = "user_id,login_id,status\n"
ENROLLED = "section_id,user_id,role,status\n"
BASE = {
    "terms.csv": TERMS,
    "courses.csv": COURSES + "C1,s,l,T,active\nC2,s,l,T,active\nC3,s,l,T2,active\n",
    "sections.csv": SECTIONS + "S1,C1,n,active\nS2,C2,n,active\nS3,C3,n,active\n",
    "users.csv": USERS + "".join(f"U{n},l{n},active\n" for n in range(4)),
    "enrollments.csv": ENROLLED
    + "".join(f"S{s},U{u},student,active\n" for s in (1, 2) for u in range(4))
    + "S3,U1,student,active\n",
}


def batch(client: Client, files: dict[str, str | bytes], **params: Any) -> dict[str, Any]:
    return client.run(files, batch_mode="1", batch_mode_term_id="sis_term_id:T", **params)


def left(client: Client, kind: str) -> int:
    return client.sandbox.count(kind)


@pytest.fixture
def filled(client: Client) -> Client:
    client.run(BASE)
    return client


def test_batch_mode_deletes_what_is_missing_in_the_term(filled: Client) -> None:
    done = batch(filled, {"e.csv": ENROLLED + "S1,U0,student,active\n"})
    assert done["workflow_state"] == "imported"
    assert done["data"]["counts"]["batch_enrollments_deleted"] == 7
    assert "batch_courses_deleted" not in done["data"]["counts"]
    assert (left(filled, "enrollment"), left(filled, "course")) == (2, 3)


def test_batch_mode_deletes_courses_with_all_that_is_in_them(filled: Client) -> None:
    done = batch(filled, {"c.csv": COURSES + "C1,s,l,T,active\n", "s.csv": SECTIONS + "S1,C1,n,active\n"})
    counts = done["data"]["counts"]
    assert (counts["batch_courses_deleted"], counts["batch_sections_deleted"]) == (1, 1)
    assert (left(filled, "course"), left(filled, "section"), left(filled, "enrollment")) == (2, 2, 5)


def test_a_cross_listed_section_is_judged_by_its_own_course_and_its_enrollments_by_the_other(filled: Client) -> None:
    filled.run({"x.csv": "xlist_course_id,section_id,status\nC3,S1,active\n"})
    done = batch(filled, {"s.csv": SECTIONS + "S2,C2,n,active\n"})
    assert done["data"]["counts"]["batch_sections_deleted"] == 1
    assert left(filled, "section") == 2
    filled.run({"x.csv": "xlist_course_id,section_id,status\nC3,S2,active\n"})
    assert batch(filled, {"e.csv": ENROLLED})["data"]["counts"]["batch_enrollments_deleted"] == 0


def test_batch_mode_takes_a_header_alone_for_everything_gone(filled: Client) -> None:
    batch(filled, {"e.csv": ENROLLED})
    assert left(filled, "enrollment") == 1


def test_batch_mode_leaves_kinds_that_were_not_supplied(filled: Client) -> None:
    done = batch(filled, {"u.csv": USERS})
    assert "batch_enrollments_deleted" not in done["data"]["counts"]
    assert left(filled, "enrollment") == 9


def test_a_refused_row_does_not_save_its_object(filled: Client) -> None:
    done = batch(filled, {"e.csv": ENROLLED + "S1,U0,wizard,active\nS1,U1,student,active\n"})
    assert done["workflow_state"] == "imported_with_messages"
    assert left(filled, "enrollment") == 2


def test_batch_mode_can_conclude_instead(filled: Client) -> None:
    done = batch(filled, {"e.csv": ENROLLED}, batch_mode_enrollment_drop_status="completed")
    assert done["data"]["statistics"]["Enrollment"]["concluded"] == 8
    again = batch(filled, {"e.csv": ENROLLED}, batch_mode_enrollment_drop_status="completed")
    assert again["data"]["counts"]["batch_enrollments_deleted"] == 0
    assert left(filled, "enrollment") == 9


def test_the_drop_status_that_breaks_the_clean_up_breaks_it(filled: Client) -> None:
    done = batch(filled, {"e.csv": ENROLLED}, batch_mode_enrollment_drop_status="deleted_last_completed")
    assert done["workflow_state"] == "failed"


def test_above_the_threshold_batch_mode_aborts_and_keeps_the_rows(filled: Client) -> None:
    text = ENROLLED + "S1,U0,teacher,active\n"
    done = batch(filled, {"e.csv": text}, change_threshold="50")
    assert (done["workflow_state"], done["progress"]) == ("aborted", 100)
    assert done["ended_at"]
    assert "8 enrollments would be deleted" in done["processing_warnings"][0][1]
    assert left(filled, "enrollment") == 10


def test_exactly_the_threshold_still_deletes(filled: Client) -> None:
    text = ENROLLED + "".join(f"S1,U{u},student,active\n" for u in range(4))
    assert batch(filled, {"e.csv": text}, change_threshold="50")["workflow_state"] == "imported"
    assert left(filled, "enrollment") == 5


def test_multi_term_mode_covers_the_terms_of_the_import(filled: Client) -> None:
    done = filled.run(
        {"t.csv": TERMS, "e.csv": ENROLLED + "S3,U1,student,active\n"},
        multi_term_batch_mode="1",
        change_threshold="100",
    )
    assert done["batch_mode"] is True
    assert left(filled, "enrollment") == 1


def test_multi_term_mode_without_terms_aborts(filled: Client) -> None:
    done = filled.run({"e.csv": ENROLLED}, multi_term_batch_mode="1", change_threshold="100")
    assert done["workflow_state"] == "aborted"
    assert left(filled, "enrollment") == 9


def test_a_false_multi_term_mode_cleans_nothing_up(filled: Client) -> None:
    done = filled.run({"e.csv": ENROLLED}, multi_term_batch_mode="false", change_threshold="100")
    assert (done["workflow_state"], done["multi_term_batch_mode"]) == ("imported", False)
    assert left(filled, "enrollment") == 9


def test_what_the_clean_up_deleted_can_be_put_back(filled: Client) -> None:
    done = batch(filled, {"e.csv": ENROLLED})
    filled.imports("PUT", f"/{done['id']}/restore_states", data={"batch_mode": "1"})
    filled.sandbox.wait_idle()
    assert left(filled, "enrollment") == 9


def diff(client: Client, text: str | dict[str, str | bytes], name: str = "set", **params: Any) -> dict[str, Any]:
    files = {"users.csv": USERS + text} if isinstance(text, str) else text
    return client.run(files, diffing_data_set_identifier=name, **params)


def sent(client: Client, done: dict[str, Any]) -> str:
    [file] = done["diffed_csv_attachments"]
    return client.download(file["url"]).text.removeprefix(USERS)


@pytest.fixture
def account(shared: Sandbox) -> Client:
    return Client(shared, account=shared.add_account())


def test_the_first_import_of_a_set_is_whole_and_becomes_the_base(account: Client) -> None:
    first = diff(account, "a,a,active\n")
    assert "diffed_csv_attachments" not in first
    assert first["diffing_threshold_exceeded"] is False
    second = diff(account, "a,a,active\nb,b,active\n")
    assert second["data"]["diffed_against_sis_batch_id"] == first["id"]
    assert second["diffed_against_import_id"] is None


def test_only_differences_are_imported_removals_last(account: Client) -> None:
    diff(account, "gone,x,active\nsame,y,active\nnew-name,z,active\n")
    done = diff(account, "same,y,active\nnew-name,zz,active\nadded,w,active\n")
    assert sent(account, done) == "new-name,zz,active\nadded,w,active\ngone,x,deleted\n"
    assert done["data"]["counts"]["users"] == 3


def test_no_difference_is_a_header_alone(account: Client) -> None:
    diff(account, "a,a,active\n")
    done = diff(account, "a,a,active\n")
    assert (done["workflow_state"], sent(account, done), done["data"]["counts"]["users"]) == ("imported", "", 0)


def test_the_newest_diffed_import_or_remaster_is_the_base(account: Client) -> None:
    diff(account, "a,a,active\n")
    second = diff(account, "a,a,active\nb,b,active\n")["id"]
    third = diff(account, "a,a,active\n")
    assert third["data"]["diffed_against_sis_batch_id"] == second
    remaster = diff(account, "a,a,active\n", diffing_remaster_data_set="1")
    assert (remaster["diffing_remaster"], "diffed_csv_attachments" in remaster) == (True, False)
    assert diff(account, "a,a,active\n")["data"]["diffed_against_sis_batch_id"] == remaster["id"]


def test_other_sets_failed_and_undone_imports_are_no_base(account: Client) -> None:
    diff(account, "a,a,active\n", name="other")
    account.run({"users.csv": USERS + "a,a,active\n"})
    broken = diff(account, {"users.csv": USERS + "a,a,active\n", "bad.csv": "what\n"})
    assert broken["workflow_state"] == "failed_with_messages"
    assert "diffed_against_sis_batch_id" not in diff(account, "a,a,active\n")["data"]


def test_a_change_of_size_above_the_threshold_imports_whole(account: Client) -> None:
    first = diff(account, "a,a,active\n" + "".join(f"b{n},b{n},active\n" for n in range(9)))
    refused = diff(account, "a,a,active\n", change_threshold="20")
    assert refused["diffing_threshold_exceeded"] is True
    assert refused["workflow_state"] == "imported_with_messages"
    assert "diffed_csv_attachments" not in refused
    assert diff(account, "a,a,active\n")["data"]["diffed_against_sis_batch_id"] == first["id"]


def test_too_many_differing_rows_import_whole(account: Client) -> None:
    diff(account, "a,a,active\nb,b,active\n")
    refused = diff(account, "c,c,active\n", diff_row_count_threshold="2")
    assert (refused["diffing_threshold_exceeded"], refused["data"]["counts"]["users"]) == (True, 1)
    allowed = diff(account, "c,c,active\n", diff_row_count_threshold="3")
    assert allowed["diffing_threshold_exceeded"] is False


def test_an_empty_base_refuses_whenever_a_threshold_is_set(account: Client) -> None:
    diff(account, {"users.csv": b""})
    assert diff(account, "a,a,active\n", change_threshold="99")["diffing_threshold_exceeded"] is True
    assert diff(account, {"users.csv": b""}, change_threshold="0")["diffing_threshold_exceeded"] is False


def test_removed_users_can_be_suspended(account: Client) -> None:
    diff(account, "a,a,active\nb,b,active\n")
    assert sent(account, diff(account, "a,a,active\n", diffing_user_remove_status="suspended")) == "b,b,suspended\n"


def test_other_columns_cannot_be_compared(account: Client) -> None:
    diff(account, "a,a,active\n")
    done = diff(account, {"users.csv": "user_id,login_id,status,email\nb,b,active,\n"})
    assert done["workflow_state"] == "imported_with_messages"
    assert done["diffed_csv_attachments"] == []
    assert done["data"]["counts"]["users"] == 1


def test_several_files_are_paired_by_name_or_not_at_all(account: Client) -> None:
    diff(account, {"1.csv": USERS + "a,a,active\n", "2.csv": USERS + "b,b,active\n"})
    paired = diff(account, {"1.csv": USERS, "2.csv": USERS + "b,b,active\n"})
    assert [file["size"] > len(USERS) for file in paired["diffed_csv_attachments"]] == [True, False]
    unpaired = diff(account, {"1.csv": USERS, "3.csv": USERS + "b,b,active\n"})
    assert "cannot be paired" in unpaired["processing_warnings"][0][1]


def test_a_kind_on_one_side_only_is_left_alone(account: Client) -> None:
    diff(account, {"u.csv": USERS + "a,a,active\n"})
    done = diff(account, {"t.csv": TERMS})
    assert (done["workflow_state"], done["data"]["counts"]["terms"]) == ("imported", 2)


def test_renamings_are_sent_again_when_removed(account: Client) -> None:
    renamed = "old_id,new_id,type\n"
    account.run({"t.csv": TERMS})
    diff(account, {"r.csv": renamed + "T,TX,term\n"})
    done = diff(account, {"r.csv": renamed})
    assert done["processing_warnings"] == [["r.csv", "'TX' already belongs to another term"]]


def test_a_kind_without_a_key_fails_the_import(account: Client) -> None:
    files: dict[str, str | bytes] = {"g.csv": "enrollment_id,grade_publishing_status\n1,published\n"}
    diff(account, files)
    assert diff(account, files)["workflow_state"] == "failed"


def test_a_broken_archive_fails_a_diffed_import_outright(account: Client) -> None:
    """One that is not compared ends as it does without diffing (CSV 5)."""

    def send_broken() -> str:
        asked = {"diffing_data_set_identifier": "x", "extension": "zip"}
        made = account.imports("POST", params=asked, data=b"x").json()
        account.sandbox.wait_idle()
        return account.get(made["id"])["workflow_state"]

    assert send_broken() == "failed_with_messages"
    diff(account, "a,a,active\n", name="x")
    assert send_broken() == "failed"


def test_batch_mode_switches_diffing_off(filled: Client) -> None:
    done = batch(filled, {"e.csv": ENROLLED}, diffing_data_set_identifier="x")
    assert done["diffing_data_set_identifier"] is None
    assert "diffing_threshold_exceeded" not in done


def test_the_drop_status_spares_no_course(filled: Client) -> None:
    filled.run({"c.csv": COURSES + "C2,s,l,T,completed\n"})
    text = COURSES + "C1,s,l,T,active\n"
    done = batch(filled, {"c.csv": text}, batch_mode_enrollment_drop_status="completed")
    assert done["data"]["counts"]["batch_courses_deleted"] == 1


def test_what_no_import_brought_is_safe_from_batch_mode(filled: Client) -> None:
    with closing(sqlite3.connect(filled.sandbox.database)) as connection, connection:
        for kind in ("course", "section", "enrollment"):
            connection.execute(f"UPDATE {kind} SET batch = NULL WHERE id = (SELECT min(id) FROM {kind})")
    files: dict[str, str | bytes] = {"c.csv": COURSES, "s.csv": SECTIONS, "e.csv": ENROLLED}
    counts = batch(filled, files)["data"]["counts"]
    assert [counts[f"batch_{kind}_deleted"] for kind in ("courses", "sections", "enrollments")] == [1, 1, 7]


def test_strays_of_the_base_are_reported_again(account: Client) -> None:
    """One in both uploads gives two warnings, and one in the base alone keeps the import from being imported."""
    stray = {"readme.txt": "x"}
    diff(account, {"u.csv": USERS + "a,a,active\n", **stray})
    both = diff(account, {"u.csv": USERS + "a,a,active\n", **stray})
    assert len(both["processing_warnings"]) == 2
    again = diff(account, "a,a,active\n")
    assert (again["workflow_state"], len(again["processing_warnings"])) == ("imported_with_messages", 1)
    assert diff(account, "a,a,active\n")["workflow_state"] == "imported"


def test_the_last_row_of_a_key_takes_part_in_its_own_place(account: Client) -> None:
    diff(account, "a,a,active\n")
    done = diff(account, "b,first,active\nc,c,active\nb,last,active\na,a,active\n")
    assert sent(account, done) == "c,c,active\nb,last,active\n"


def test_line_ends_inside_a_value_survive_the_difference_file(account: Client) -> None:
    diff(account, "a,a,active\n")
    done = diff(account, 'a,a,active\n"b\r1",b,active\n"c\n1",c,active\n')
    assert (done["data"]["counts"]["users"], done["workflow_state"]) == (2, "imported")


@pytest.mark.parametrize(
    "text",
    [
        "account_id,parent_account_id,name,status\nA,,n,deleted\n",
        "observer_id,student_id,status\nU1,U2,Deleted\n",
        "user_id,login_id,status\nU1,l1,deleted\n",
    ],
)
def test_skip_deletes_passes_over_rows_of_every_kind(account: Client, text: str) -> None:
    account.run({"a.csv": text.replace("Deleted", "active").replace("deleted", "active")})
    done = account.run({"a.csv": text}, skip_deletes="1")
    assert (done["workflow_state"], done["data"]["statistics"]["total_state_changes"]) == ("imported", 0)
    assert all(count == 0 for count in done["data"]["counts"].values())


def test_counting_only_cleans_nothing_up() -> None:
    """What is not stored touches no term, which would abort every import in multi-term mode."""
    with Sandbox(count_only=True) as sandbox:
        done = Client(sandbox).run({"t.csv": TERMS, "e.csv": ENROLLED}, multi_term_batch_mode="1", change_threshold="9")
    assert done["workflow_state"] == "imported"
