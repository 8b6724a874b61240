"""Several deliveries as one: each row once, as the last delivery had it, and none is gone."""

from __future__ import annotations

from support.tables import delivered, delivery

from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.plan.changes.comparing import compare
from canvas_sis_sync.plan.changes.merging import each_once, together
from canvas_sis_sync.plan.values import Changes

HEADER = "course_id,user_id,role,status\n"
NIGHT = HEADER + "c1,u1,student,active\nc1,u2,student,active\n"
KINDS = {"enrollment"}


def against(now: str, *before: list[DeliveryFile]) -> Changes:
    """Compare a night's enrollments with several deliveries, oldest first."""
    with together(before, KINDS) as files:
        return each_once(compare(files, delivery(enrollments=now)))


def counts(found: Changes) -> tuple[int, int, int, int, int]:
    (each,) = found.kinds
    return each.rows_before, each.added, each.changed, each.removed, each.ended


def test_rows_that_a_small_file_adds_are_missing_from_the_next_night() -> None:
    by_hand = delivery(enrollments=HEADER + "c1,u3,ta,active\n")
    assert counts(against(NIGHT, delivery(enrollments=NIGHT), by_hand)) == (3, 0, 0, 1, 0)


def test_what_is_sent_again_counts_once() -> None:
    nights = [delivery(enrollments=NIGHT)] * 5
    assert counts(against(HEADER + "c1,u1,student,active\n", *nights)) == (2, 0, 0, 1, 0)


def test_the_last_delivery_says_what_a_row_is() -> None:
    ended = delivery(enrollments=HEADER + "c1,u2,student,deleted\n")
    night = delivery(enrollments=NIGHT)
    one = HEADER + "c1,u1,student,active\n"
    assert counts(against(one, night, ended)) == (2, 0, 0, 1, 1)
    assert counts(against(one, night, ended, night)) == (2, 0, 0, 1, 0)


def test_the_order_is_that_of_the_deliveries_whatever_their_files_are_called() -> None:
    first = [delivered("z/late.csv", NIGHT)]
    second = [delivered("a.csv", HEADER + "c1,u2,student,deleted\n")]
    assert counts(against(HEADER, first, second)) == (2, 0, 0, 2, 1)
    assert counts(against(HEADER, second, first)) == (2, 0, 0, 2, 0)


def test_a_kind_that_only_a_later_delivery_has_is_taken_from_there() -> None:
    users = delivery(users="user_id,login_id,full_name,status\nu1,u1,Ada,active\n")
    assert counts(against(NIGHT, users, delivery(enrollments=NIGHT))) == (2, 0, 0, 0, 0)


def test_kinds_that_nobody_asks_for_are_left_out() -> None:
    xlists = delivery(xlists="xlist_course_id,section_id,status\nc1,s1,active\n")
    with together([delivery(enrollments=NIGHT), xlists], KINDS) as files:
        assert [file.name for file in files] == ["0000/enrollments.csv"]


def test_cells_stay_what_they_are() -> None:
    odd = '"c ""1"", x","two\nlines",ta,active\n"bare\rreturn",u9,\u00e9\U0001f393,\n'
    later = delivery(enrollments=HEADER + odd)
    assert counts(against(NIGHT + odd, delivery(enrollments=NIGHT), later)) == (4, 0, 0, 0, 0)


def test_other_columns_are_no_other_rows() -> None:
    later = delivery(enrollments="status,notify,user_id,role,course_id\nactive,true,u3,student,c1\n")
    night = NIGHT + "c1,u3,student,active\n"
    assert counts(against(night, delivery(enrollments=NIGHT), later)) == (3, 0, 0, 0, 0)


def test_passwords_are_kept_nowhere() -> None:
    head = "user_id,login_id,password,full_name,status\n"
    first = delivery(users=f"{head}u1,u1,first~secret,Ada,active\n")
    later = delivery(users=f"{head}u2,u2,very~secret,Ben,active\n")
    with together([first, later], {"user"}) as files, files[1].open() as stream:
        text = stream.read()
    assert b'"u2"' in text
    assert b"secret" not in text
