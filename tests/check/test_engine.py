"""How findings are made: the first failing check of a row, row numbers, severities, comparisons across files."""

from __future__ import annotations

import pytest
from support.samples import DIFFING, checked, found

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.check._rule import Severity
from canvas_sis_sync.check.findings import RefuseOn, Report, merged, refuses
from canvas_sis_sync.check.options import MOST_PLACES, CheckOptions
from canvas_sis_sync.plan.breakers.limits import parse_error_rows

USERS = "user_id,login_id,status\n"
ENROLLMENTS = "course_id,section_id,user_id,role,status,start_date,end_date\n"
HABITS = {"user-provider-cleared", "enrollment-dates-cleared"}


def told(report: Report) -> dict[str, int]:
    """Give the counts without those of how exports are made."""
    return {rule: count for rule, count in report.counts.items() if rule not in HABITS}


def test_only_the_first_failing_check_of_a_row_is_reported() -> None:
    report = checked({"u.csv": USERS + ",,\nu1,,gone\nu2,b,gone\n,c,gone\n"})
    assert told(report) == {"user-login-id-blank": 1, "user-status-bad": 1, "user-id-blank": 1}
    assert report.refused_rows == 3
    assert report.rows == 4


def test_a_bad_date_is_reported_beside_what_refuses_the_row() -> None:
    report = checked({"e.csv": ENROLLMENTS + ",,u,ta,active,2026-13-01,2026-14-01\n"})
    assert found(report, "enrollment-date-bad") == [("e.csv", 2, "start_date"), ("e.csv", 2, "end_date")]
    assert found(report, "enrollment-context-blank") == [("e.csv", 2, "course_id")]
    assert report.refused_rows == 1


def test_a_refused_row_has_no_warnings_of_its_own() -> None:
    assert "user-email-invalid" not in checked({"u.csv": "user_id,login_id,status,email\nu,,active,x\n"}).counts


def test_rows_are_numbered_as_canvas_counts() -> None:
    text = USERS + '\n\nu1,"a\nb",active\n , ,\n,,\nu2,,active\n\nu3,c,\n'
    report = checked({"u.csv": text})
    assert [each.row for each in report.findings if each.severity is Severity.ERROR] == [2, 5, 6]
    assert report.rows == 5


def test_places_far_down_keep_their_rows() -> None:
    rows = [f"u{number},l{number},active" for number in range(20_000)]
    rows[12_345] = "u,,active"
    assert found(checked({"u.csv": USERS + "\n".join(rows)}), "user-login-id-blank") == [("u.csv", 12_347, "login_id")]


def test_a_row_with_values_beyond_the_header_only_is_judged() -> None:
    assert "user-id-blank" in checked({"u.csv": USERS + ",,,x\n"}).counts
    assert "user-id-blank" not in checked({"u.csv": USERS + ",,,\n"}).counts


def test_a_missing_required_column_fails_every_row() -> None:
    report = checked({"u.csv": "user_id, login_id,status\nu1,ann,active\nu2,bob,active\n"})
    assert found(report, "user-login-id-blank") == [("u.csv", 2, "login_id"), ("u.csv", 3, "login_id")]
    assert found(report, "header-cell-padded") == [("u.csv", None, "login_id")]


def test_rows_that_are_ignored_on_request_have_no_later_faults() -> None:
    long = "x" * 256
    text = f"section_id,course_id,name,status\ns,c,{long},deleted\n,c,N,deleted\ns2,c,{long},active\n"
    report = checked({"s.csv": text}, CheckOptions(ImportOptions({"skip_deletes": "true"})))
    assert found(report, "any-skip-deletes") == [("s.csv", 2, "status")]
    assert found(report, "section-id-blank") == [("s.csv", 3, "section_id")]
    assert found(report, "section-too-long") == [("s.csv", 4, "name")]
    assert report.refused_rows == 2


def test_an_undefined_id_is_an_error_where_the_set_is_complete() -> None:
    files = {"u.csv": USERS + "u1,ann,active\n", "e.csv": "section_id,user_id,role,status\ns1,u2,ta,active\n"}
    report = checked(files, CheckOptions(complete=True))
    assert {each.rule: each.severity for each in report.findings}["enrollment-user-unknown"] is Severity.ERROR
    assert report.refused_rows == report.error == 1
    assert checked(files).error == 0


def test_without_a_file_that_defines_ids_it_is_said_once_that_they_are_unknown() -> None:
    files = {"e.csv": "section_id,user_id,role,status\ns1,u1,ta,active\ns1,u2,ta,active\n"}
    assert found(checked(files), "enrollment-user-unknown") == [("e.csv", None, "user_id")]
    assert len(found(checked(files, CheckOptions(complete=True)), "enrollment-user-unknown")) == 2


def test_a_refused_row_defines_nothing() -> None:
    files = {"u.csv": USERS + "u1,,active\n", "e.csv": "section_id,user_id,role,status\ns1,u1,ta,active\n"}
    assert found(checked(files), "enrollment-user-unknown") == [("e.csv", 2, "user_id")]


def test_ids_may_be_defined_by_logins_cross_listings_and_changes() -> None:
    files = {
        "u.csv": USERS + "u1,ann,active\n",
        "l.csv": "user_id,login_id,existing_user_id\nu2,bob,u1\n",
        "c.csv": "old_id,new_id,type\nx,u3,user\nk,c3,course\n",
        "courses.csv": "course_id,short_name,long_name,status\nc1,C,C,active\n",
        "sections.csv": "section_id,course_id,name,status\ns1,c1,S,active\n",
        "x.csv": "xlist_course_id,section_id,status\nc2,s1,active\n",
        "e.csv": "course_id,section_id,user_id,role,status\nc1,s1,u1,ta,active\nc2,s1,u2,ta,active\nc3,,u3,ta,active\n",
    }
    report = checked(files, CheckOptions(complete=True))
    assert report.error == report.fatal == 0


def test_a_malformed_users_file_does_not_make_every_user_unknown() -> None:
    files = {"u.csv": USERS + 'u1,"a"x,active\n', "e.csv": "section_id,user_id,role,status\ns1,u1,ta,active\n"}
    assert found(checked(files), "enrollment-user-unknown") == [("e.csv", None, "user_id")]


def test_rows_of_one_key_are_compared_across_files() -> None:
    report = checked(
        {"a.csv": USERS + "u1,ann,active\nu2,bob,active\n", "b.csv": USERS + "u3,cy,active\nu1,dee,active\n"}
    )
    assert found(report, "set-files-contradict") == [("b.csv", 3, None)]
    assert "set-duplicate-rows" not in report.counts
    assert found(report, "set-several-files") == [("a.csv", None, None), ("b.csv", None, None)]


def test_a_deleted_user_keeps_the_integration_id_but_not_the_login() -> None:
    text = "user_id,login_id,status,integration_id\nu1,ann,deleted,i\nu2,ann,active,i\nu3,bob,deleted,i\n"
    report = checked({"u.csv": text})
    assert found(report, "user-integration-id-claimed") == [("u.csv", 3, "integration_id")]
    assert "user-login-id-claimed" not in report.counts


def test_columns_in_another_order_or_missing_make_no_difference() -> None:
    report = checked({"a.csv": USERS + "u1,ann,active\n", "b.csv": "status,login_id,user_id,email\nactive,ann,u1,\n"})
    assert "set-duplicate-rows" not in report.counts


def test_when_diffing_the_last_row_of_a_diff_key_is_all_that_counts() -> None:
    text = "term_id,name,status,date_override_enrollment_type\nt,T,active,\nt,,active,TaEnrollment\n"
    assert found(
        checked({"t.csv": text}, DIFFING),
        "set-duplicate-rows",
    ) == [("t.csv", 3, None)]
    assert "set-duplicate-rows" not in checked({"t.csv": text}).counts


def test_a_habit_of_the_whole_file_is_said_once() -> None:
    header = "section_id,user_id,role,status,start_date,end_date\n"
    always = header + "s,u1,ta,active,,\ns,u2,ta,active,,2026-01-01\n"
    assert found(checked({"e.csv": always}), "enrollment-dates-cleared") == [("e.csv", None, "start_date")]
    once = always + "s,u3,ta,active,2026-01-01,2026-02-01\n"
    assert [row for _, row, _ in found(checked({"e.csv": once}), "enrollment-dates-cleared")] == [2, 3]


def test_of_a_rule_so_many_places_are_kept_and_all_counted() -> None:
    report = checked({"u.csv": USERS + "u,,active\n" * 700, "v.csv": USERS + "u,,active\n" * 700})
    assert report.counts["user-login-id-blank"] == report.error == 1_400
    assert len(found(report, "user-login-id-blank")) == MOST_PLACES


def test_loops_of_accounts_are_found_whatever_their_length() -> None:
    header = "account_id,parent_account_id,name,status\n"
    chain = "".join(f"a{number},a{number - 1},N,active\n" for number in range(1, 50))
    report = checked({"a.csv": f"{header}a0,,N,active\n{chain}a0,a49,N,active\nb,b,N,active\n"})
    assert [row for _, row, _ in found(report, "account-parent-loop")] == [52, 53]
    assert "account-parent-unknown" not in report.counts


def test_no_value_of_a_row_is_in_a_message() -> None:
    secret = "Xyzzy"
    text = f"user_id,login_id,status,email,password,full_name\n{secret},{secret},{secret},{secret},{secret},{secret}\n"
    report = checked({"u.csv": text * 2 + f"{secret},,{secret}-active\n"})
    assert report.findings
    assert not [each for each in report.findings if secret in str(each)]


@pytest.mark.parametrize(
    ("text", "counts", "refused"),
    [
        ("fatal", {"fatal": 1}, True),
        ("fatal", {"error": 50}, False),
        ("error", {"error": 1}, True),
        ("error", {"warning": 1}, False),
        ("warning", {"warning": 1}, True),
        ("warning", {}, False),
        ("never", {"fatal": 1}, False),
        ("fatal, 5%", {"refused": {"user": 6}}, True),
        ("fatal,5%", {"refused": {"user": 5}}, False),
        ("fatal,5%", {"fatal": 1}, True),
    ],
)
def test_a_delivery_is_refused_by_the_severity_or_the_share_that_is_set(text, counts, refused) -> None:
    rows = checked({"u.csv": USERS + "u1,ann,active\n" * 100}).files
    assert refuses(Report(files=rows, **counts), RefuseOn.parse(text), parse_error_rows("off")) is refused


@pytest.mark.parametrize("text", ["", "fatal,", "fatal,5", "fatal,101%", "error,5%", "never,5%", "sometimes"])
def test_what_cannot_be_meant_as_a_limit_is_refused_with_what_fits(text: str) -> None:
    with pytest.raises(ValueError, match="must be fatal, error, warning, never"):
        RefuseOn.parse(text)


def test_reports_of_several_sets_are_one() -> None:
    one = checked({"u.csv": USERS + "u,,active\n"})
    whole = merged([one, one])
    assert whole.error == whole.refused_rows == whole.counts["user-login-id-blank"] == 2
    assert len(whole.files) == 2
