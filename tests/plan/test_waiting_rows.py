"""Rows that Canvas refused and that diffing never sends again: found by row number, and followed until they change."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvas_sis_sync.delivery.files import DeliveryFile
from canvas_sis_sync.home.archive import Archive
from canvas_sis_sync.plan import waiting_rows
from canvas_sis_sync.plan.values import KindChanges
from canvas_sis_sync.plan.waiting_rows import Sent, Stock, Told, Waiting, WaitingRow, after_import, with_definitions
from canvas_sis_sync.sis_csv.formats import Kind
from canvas_sis_sync.sis_csv.kinds import KINDS

USER, ENROLLMENT = KINDS["user"], KINDS["enrollment"]
HEADER = "user_id,login_id,status,password"
NOTHING_TOLD = Told({})
MENTIONS = (("user", "user_id"), ("course", "course_id"))
DEFINES = {"user": (("user", "user_id"),), "course": (("course", "course_id"),), "abstract_course": ()}


def file(text: str, name: str = "users.csv") -> DeliveryFile:
    content = text.encode()
    return DeliveryFile(name, len(content), lambda: io.BytesIO(content))


def users(*ids: str, name: str = "users.csv", **logins: str) -> DeliveryFile:
    """Give a users file; a login is the id unless given otherwise."""
    rows = [f"{user},{logins.get(user, user)},active,obviously~fake" for user in ids]
    return file("\n".join([HEADER, *rows]) + "\n", name)


def table(each: DeliveryFile, kind: Kind) -> tuple[set[str], dict[tuple[str, ...], dict[str, str]]]:
    with each.open() as stream:
        reader = csv.DictReader(io.TextIOWrapper(stream, "utf-8", newline=""))
        rows = {tuple(row.get(name) or "" for name in kind.key): dict(row) for row in reader}
    return set(reader.fieldnames or ()), rows


def compare(kind: Kind, before: Sequence[DeliveryFile], now: Sequence[DeliveryFile], sink: Sent) -> KindChanges:
    """Compare a pair of files in the plainest way, and hand the rows over in no order of the file."""
    (old_columns, old), (columns, new) = table(before[0], kind), table(now[0], kind)
    differing = {
        "added": [row for key, row in new.items() if key not in old],
        "changed": [row for key, row in new.items() if key in old and old[key] != row],
        "removed": [row for key, row in old.items() if key not in new],
    }
    for what, rows in differing.items():
        names = sorted(columns if what != "removed" else old_columns)
        sink.add(kind, what, names, [[row[name] for name in names] for row in reversed(rows)])
    return KindChanges(
        kind.name,
        added=len(differing["added"]),
        changed=len(differing["changed"]),
        removed=len(differing["removed"]),
        ending_now={"deleted": sum(row["status"] == "deleted" for row in new.values())},
        columns_gained=tuple(columns - old_columns),
        columns_lost=tuple(old_columns - columns),
    )


def told(*numbers: int, processed: int = 0, name: str = "users.csv", may_skip: bool = False) -> Told:
    return Told({name: frozenset(numbers)}, processed, may_skip=may_skip)


def user(name: str, **values: object) -> WaitingRow:
    return WaitingRow("user", (name,), **values)  # type: ignore[arg-type]


def stock(
    now: DeliveryFile | Sequence[DeliveryFile],
    base: DeliveryFile | Sequence[DeliveryFile] = (),
    said: Told = NOTHING_TOLD,
    earlier: Sequence[WaitingRow] = (),
) -> Stock:
    sides = [(side,) if isinstance(side, DeliveryFile) else tuple(side) for side in (base, now)]
    return after_import(USER, *sides, said, earlier=earlier, compare=compare)


def keys(rows: Sequence[WaitingRow]) -> list[str]:
    return [row.key[0] for row in rows]


def test_of_a_file_taken_whole_the_number_counts_its_rows() -> None:
    found = stock(users("u1", "u2", "u3"), said=told(3, processed=2))

    assert (found.fresh, found.kept, found.unknown) == ((user("u2"),), (), "")


def test_of_a_diffed_file_the_number_counts_added_and_changed_rows_in_the_order_of_the_file() -> None:
    base = users("u1", "u2", "u3", "gone")
    now = users("new1", "u1", "u2", "u3", "new2", u2="other")
    # The difference file: new1 (row 2), u2 (3), new2 (4), gone (5).
    found = stock(now, base, told(3, 4, processed=2))

    assert keys(found.fresh) == ["u2", "new2"]
    assert stock(now, base, told(5, processed=3)) == Stock()


@given(
    before=st.dictionaries(st.integers(0, 30), st.integers(0, 2), max_size=20),
    now=st.dictionaries(st.integers(0, 30), st.integers(0, 2), max_size=20),
    refused=st.sets(st.integers(0, 30)),
    waited=st.sets(st.integers(0, 30)),
)
def test_what_waits_is_what_was_refused_and_what_waited_and_was_not_sent(
    before: Mapping[int, int], now: Mapping[int, int], refused: set[int], waited: set[int]
) -> None:
    sides = [users(*(f"u{n}" for n in side), **{f"u{n}": f"l{v}" for n, v in side.items()}) for side in (before, now)]
    sent = [f"u{n}" for n, value in now.items() if before.get(n) != value]
    numbers = [2 + place for place, name in enumerate(sent) if int(name[1:]) in refused]
    removed = len(before.keys() - now.keys())
    found = stock(
        sides[1],
        sides[0],
        told(*numbers, processed=len(sent) + removed - len(numbers)),
        [user(f"u{n}") for n in sorted(waited)],
    )

    assert keys(found.fresh) == [sent[number - 2] for number in numbers]
    assert set(keys(found.kept)) == {f"u{n}" for n in waited & now.keys()} - set(sent)


def test_what_was_taken_whole_starts_anew() -> None:
    assert stock(users("u1", "u2"), said=told(processed=2), earlier=[user("u1")]) == Stock()
    more_columns = file("user_id,login_id,status,email\nu1,u1,active,a@example.org\nu2,u2,active,b@example.org\n")
    found = stock(more_columns, users("u1", "u2"), told(3, processed=1), [user("u1")])
    assert (found.fresh, found.kept, found.unknown) == ((user("u2"),), (), "")


@pytest.mark.parametrize(
    ("processed", "numbers", "known"),
    [(3, (), True), (2, (2,), True), (3, (2,), True), (4, (), False), (2, (), False), (1, (2,), False)],
)
def test_where_canvas_read_another_number_of_rows_nothing_is_believed(
    processed: int, numbers: tuple[int, ...], *, known: bool
) -> None:
    found = stock(users("u1", "new1", "new2"), users("u1", "gone"), told(*numbers, processed=processed), [user("u1")])

    assert (found.unknown == "") is known
    assert keys(found.kept) == ["u1"]
    assert keys(found.fresh) == (["new1"] if numbers and known else [])
    if not known:
        assert "by our count 3 rows differ" in found.unknown


def test_rows_passed_over_in_silence_are_not_missed() -> None:
    base, now = users("u1", "gone"), users("u1", "new1")

    assert stock(now, base, told(processed=1)).unknown
    assert not stock(now, base, told(processed=1, may_skip=True)).unknown
    assert stock(now, base, told(processed=0, may_skip=True)).unknown


def test_a_row_number_beyond_the_difference_is_not_believed() -> None:
    found = stock(users("u1", "new1"), users("u1"), told(3, processed=1))

    assert (found.fresh, "beyond the 1 that differ" in found.unknown) == ((), True)


def test_where_a_repeated_key_differs_the_order_is_not_known() -> None:
    base, now = users("u1"), users("new1", "u1", "new1", "new2")

    assert "repeated" in stock(now, base, told(2, processed=1)).unknown
    assert stock(now, base, told(processed=2)) == Stock()
    assert stock(users("u1", "u1", "new1"), base, told(2, processed=0)).fresh == (user("new1"),)


def test_too_many_differences_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_rows, "MOST_DIFFERENCES", 3)
    base = users("u1")

    assert keys(stock(users("u1", "a", "b", "c"), base, told(2, processed=2)).fresh) == ["a"]
    found = stock(users("u1", "a", "b", "c", "d"), base, told(2, processed=3), [user("u1")])
    assert "more than 3 rows differ" in found.unknown
    assert (keys(found.kept), found.fresh) == (["u1"], ())


def test_several_files_are_paired_by_their_names() -> None:
    base = [users("u1", name="a.csv"), users("u2", name="b.csv")]
    now = [users("u2", "new2", name="b.csv"), users("u1", "new1", name="a.csv")]
    refused = Told({"a.csv": frozenset({2}), "b.csv": frozenset()}, 1)

    assert keys(stock(now, base, refused, [user("u2")]).fresh) == ["new1"]
    assert keys(stock(now, base, refused, [user("u2")]).kept) == ["u2"]
    # Without a partner for each all are taken whole: row 2 is then the first of the file.
    assert keys(stock(now, base[:1], refused, [user("u2")]).fresh) == ["u1"]
    assert stock(now, base[:1], refused, [user("u2")]).kept == ()


def test_one_file_is_paired_with_one_whatever_their_names() -> None:
    found = stock(users("u1", "new1"), users("u1", name="other.csv"), told(2, processed=0))

    assert keys(found.fresh) == ["new1"]


def test_of_a_kind_that_canvas_cannot_compare_nothing_waits() -> None:
    categories = file("group_category_id,category_name,status\ng1,Teams,active\n", "categories.csv")
    refused = told(2, name="categories.csv")

    assert after_import(KINDS["group_category"], (), [categories], refused, earlier=(), compare=compare) == Stock()


def test_what_a_refused_row_mentions_is_kept_with_it() -> None:
    enrollments = file("course_id,user_id,role,status\nc1,u1,student,active\n,u2,student,active\n", "enrollments.csv")
    found = after_import(
        ENROLLMENT,
        (),
        [enrollments],
        told(2, 3, name="enrollments.csv"),
        earlier=(),
        compare=compare,
        mentions=(*MENTIONS, ("section", "section_id")),
    )

    assert [row.missing for row in found.fresh] == [(("user", "u1"), ("course", "c1")), (("user", "u2"),)]
    assert found.fresh[0].key == ("c1", "", "u1", "", "student", "", "", "")


def test_a_fresh_row_lacks_what_the_delivery_does_not_define() -> None:
    lacks = (("user", "u1"), ("user", "u2"), ("user", "u3"), ("course", "c1"))
    deleted = file("user_id,login_id,status\nu1,u1,active\nu2,u2,Deleted\n")
    (row,) = with_definitions([Stock(fresh=(user("e", missing=lacks),))], {"user": [deleted]}, DEFINES)

    assert (row.missing, row.ready) == ((("user", "u2"), ("user", "u3"), ("course", "c1")), False)


def test_a_kept_row_is_ready_once_something_it_lacked_is_defined_and_stays_so() -> None:
    kept = user("e", missing=(("user", "u1"), ("course", "c1")))

    (row,) = with_definitions([Stock(kept=(kept,))], {"user": [users("u2")]}, DEFINES)
    assert not row.ready
    (row,) = with_definitions([Stock(kept=(kept,))], {"user": [users("u1")]}, DEFINES)
    assert row.ready
    (row,) = with_definitions([Stock(kept=(row,))], {}, DEFINES)
    assert row.ready


def test_what_waits_itself_defines_nothing() -> None:
    kept = WaitingRow("enrollment", ("c1", "", "u1", "", "student", "", "", ""), (("user", "u1"),))

    for row in (Stock(fresh=(user("u1"),)), Stock(kept=(user("u1"),))):
        found = with_definitions([Stock(kept=(kept,)), row], {"user": [users("u1")]}, DEFINES)
        assert [each.ready for each in found] == [False, False]


def test_a_file_without_the_columns_defines_nothing() -> None:
    kept = user("e", missing=(("user", "u1"),))
    by_integration = file("integration_id,login_id\nu1,u1\n")
    keyless = {"abstract_course": [by_integration], "user": [by_integration, file("user_id,login_id\nu1,u1\n")]}

    (row,) = with_definitions(
        [Stock(kept=(kept,))], keyless, {**DEFINES, "abstract_course": (("user", "integration_id"),)}
    )
    assert row.ready


def test_the_file_holds_keys_and_never_a_password(tmp_path: Path) -> None:
    rows = (
        user("u1", missing=(("account", "a1"),)),
        WaitingRow("enrollment", ("c1", "", "u1", "", "student", "", "", ""), ready=True),
    )
    waiting = Waiting(rows, ("A sentence.",))
    archive = Archive(tmp_path)
    archive.make_batch_folder("20310102-030405")
    archive.write_waiting("20310102-030405", waiting_rows.as_json(waiting))
    path = archive.batch_folder("20310102-030405") / "waiting.json"

    assert json.loads(path.read_text())["rows"][1]["key"] == {"course_id": "c1", "user_id": "u1", "role": "student"}
    assert path.stat().st_mode & 0o777 == 0o600
    found = archive.read_waiting("20310102-030405")
    assert found is not None
    assert waiting_rows.from_json(found) == waiting
    assert waiting.ready == 1
    assert not any(set(kind.password_columns) & set(kind.key) for kind in KINDS.values())
