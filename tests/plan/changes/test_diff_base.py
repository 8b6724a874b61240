"""Which earlier import Canvas compares with: DIFF 2 row by row, against the sandbox's list; and what has no base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.golden import Golden
from support.predictions import DIFFED, SET, WHOLE, Files, delivery, outline
from support.sandbox_client import Client, zipped

from canvas_sis_sync.canvas.answers import parse_imports
from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.canvas.records import SisImport
from canvas_sis_sync.plan.changes.bounds import planned
from canvas_sis_sync.plan.changes.canvas_diffing import DiffBase, choose_base, is_certain, predict_diffing
from canvas_sis_sync.plan.changes.comparing import compare
from canvas_sis_sync.plan.values import Mode, Planned

USERS = "user_id,login_id,status\n"
ONE: Files = {"u.csv": f"{USERS}a,a,active\n"}
TWO: Files = {"u.csv": f"{USERS}a,a,active\nb,b,active\n"}
REFUSED_ROW: Files = {"u.csv": f"{USERS}a,a,active\nb,b,nonsense\n"}
BROKEN: Files = {"u.csv": f"{USERS}a,a,active\n", "x.csv": "what\n"}
REMASTER = {"diffing_remaster_data_set": "true"}


@dataclass(frozen=True)
class Step:
    """One import, or what is done to an earlier one, and which of them (by number) is the base."""

    files: Files = field(default_factory=lambda: ONE)
    asked: Mapping[str, str] = field(default_factory=dict)
    base: int | None = None
    undo: int | None = None
    state: tuple[int, str] | None = None


THRESHOLD = {"change_threshold": "0"}
ROWS = {
    "first import: imported whole, it is the base for the second": [Step(), Step(base=0)],
    "the newest candidate that was itself diffed": [Step(), Step(TWO, base=0), Step(base=1), Step(TWO, base=2)],
    "the newest candidate that was a remaster": [
        Step(),
        Step(TWO, base=0),
        Step(asked=REMASTER),
        Step(TWO, base=2),
        Step(base=3),
    ],
    "if there is none: the oldest candidate": [Step(), Step(TWO, THRESHOLD), Step(TWO, THRESHOLD), Step(base=0)],
    "refused by a threshold: not a base": [Step(), Step(TWO, base=0), Step(ONE, THRESHOLD), Step(TWO, base=1)],
    "refused by diff_row_count_threshold: not a base": [
        Step(),
        Step(TWO, base=0),
        Step({"u.csv": f"{USERS}c,c,active\n"}, {"diff_row_count_threshold": "1"}),
        Step(TWO, base=1),
    ],
    "failed import: never a base": [Step(BROKEN), Step(), Step(BROKEN, base=1), Step(TWO, base=1)],
    "aborted import: never a base": [Step(), Step(TWO, base=0), Step(state=(1, "aborted")), Step(ONE, base=0)],
    "undone with restore_states: no longer a base": [Step(), Step(TWO, base=0), Step(undo=1), Step(TWO, base=0)],
    "the first one undone: the next is the first": [Step(), Step(undo=0), Step(TWO), Step(base=1)],
    "base ended imported_with_messages": [Step(REFUSED_ROW), Step(base=0)],
    "the same identifier, exactly": [
        Step(asked={"diffing_data_set_identifier": "Set"}),
        Step(),
        Step(asked={"diffing_data_set_identifier": "set "}),
        Step(TWO, base=1),
    ],
    "an import without an identifier is none": [Step(asked={"diffing_data_set_identifier": ""}), Step(), Step(base=1)],
}


def listed(client: Client) -> list[SisImport]:
    return parse_imports(client.imports(params={"per_page": 50}).json())


def act(client: Client, step: Step, sent: list[int]) -> bool:
    """Undo an import or change its state, if that is the step."""
    if step.undo is not None:
        client.imports("PUT", f"/{sent[step.undo]}/restore_states")
        client.sandbox.wait_idle()
    elif step.state is not None:
        client.sandbox.set_state(sent[step.state[0]], step.state[1])
    else:
        return False
    return True


@pytest.mark.parametrize("steps", ROWS.values(), ids=ROWS)
def test_the_base_is_the_one_that_canvas_takes(client: Client, steps: list[Step]) -> None:
    sent: list[int] = []
    for step in steps:
        if act(client, step, sent):
            continue
        asked = {**SET, **step.asked}
        expected = None if step.base is None else sent[step.base]
        chosen = choose_base(listed(client), "set")
        done = client.run(dict(step.files), **asked)
        sent.append(done["id"])
        against = done["data"].get("diffed_against_sis_batch_id")
        assert against == expected
        if asked == SET and not done.get("processing_errors"):
            assert (chosen.id if chosen else None) == expected
            assert choose_base(listed(client), "set", below=done["id"]) == chosen


def test_imports_queued_at_once_are_compared_one_after_the_other(client: Client) -> None:
    """DIFF 2: the base is chosen when an import starts processing."""
    blocker = client.sandbox.add_import("importing", account_id=int(client.account))
    ids = [client.start(dict(files), **SET) for files in (ONE, TWO, ONE)]
    client.sandbox.set_state(blocker, "imported")
    client.sandbox.wait_idle()
    assert [client.get(number)["data"].get("diffed_against_sis_batch_id") for number in ids] == [None, *ids[:2]]


def test_the_uploaded_file_of_the_base_is_compared_not_its_difference_file(client: Client) -> None:
    for files in (ONE, TWO):
        client.run(dict(files), **SET)
    done = client.run(dict(TWO), **SET)
    assert done["data"]["counts"]["users"] == 0


def record(number: int, **more: Any) -> SisImport:
    options = {"diffing_data_set_identifier": "set", "diffing_remaster": more.pop("remaster", None)}
    return SisImport(number, more.pop("state", "imported"), options=options, **more)


def test_the_list_is_read_no_further_than_needed() -> None:
    def pages() -> Iterator[SisImport]:
        yield record(3)
        yield record(2, diffed_against=1)
        raise AssertionError("nothing older matters")

    assert choose_base(pages(), "set") == record(2, diffed_against=1)


@pytest.mark.parametrize(
    ("found", "certain"),
    [
        (record(1, diffed_against=7), True),
        (record(1, remaster=True), True),
        (record(1, remaster=False), False),
        (record(1), False),
        (record(1, diffed_against=7, state="restored"), False),
        (record(1, remaster=True, state="failed"), False),
    ],
)
def test_a_diffed_or_remastered_candidate_settles_it(found: SisImport, certain: bool) -> None:
    assert is_certain(found, "set") is certain
    assert is_certain(found, "another") is False


def test_without_candidates_there_is_no_base() -> None:
    assert choose_base([], "set") is None
    assert choose_base([record(1, state="importing"), record(2, state="aborted")], "set") is None
    assert choose_base([record(5), record(4)], "set", below=4) is None


def test_the_first_of_a_data_set_is_imported_whole(golden: Golden) -> None:
    changes = compare((), delivery(TWO))
    prediction = predict_diffing(delivery(TWO), DiffBase(), ImportOptions(SET), changes)
    assert outline(prediction) == {"user": (WHOLE, 2, 0)}
    golden(prediction.of("user").reason)
    assert (prediction.base_import, prediction.base_known) == (None, True)


def test_a_base_of_somebody_else_is_unknown_and_bounds_nothing() -> None:
    changes = compare(delivery({**TWO, "t.csv": "term_id,name,status\n"}), delivery(ONE))
    prediction = predict_diffing(delivery(ONE), DiffBase(9), ImportOptions({**SET, "change_threshold": "0"}), changes)
    assert {effect.kind: effect.mode for effect in prediction.effects} == {"user": DIFFED, "term": Mode.ABSENT}
    assert (prediction.base_import, prediction.base_known, prediction.refused) == (9, False, "")
    assert planned(changes, prediction) == Planned()


@pytest.mark.parametrize(
    ("now", "asked", "sentence"),
    [
        (ONE, {"change_threshold": "10"}, "the size changes by 23.91 % and change_threshold is 10"),
        (TWO, {"diff_row_count_threshold": "1"}, "2 rows differ and diff_row_count_threshold is 1"),
        (ONE, {"change_threshold": "ten"}, "the size changes by 23.91 % and change_threshold is 0"),
        (ONE, {"change_threshold": " "}, ""),
    ],
)
def test_a_refusal_is_a_sentence(now: Files, asked: Mapping[str, str], sentence: str) -> None:
    base = {"u.csv": f"{USERS}c,c,active\n"} if now is TWO else TWO
    rows = {"u.csv": f"{USERS}a,a,active\nc,c,x\n"} if now is TWO else now
    changes = compare(delivery(base), delivery(rows))
    prediction = predict_diffing(
        delivery(rows), DiffBase(1, delivery(base), True), ImportOptions({**SET, **asked}), changes
    )
    whole = f"Canvas would not compare: {sentence}, so it would import everything and remove nothing."
    assert prediction.refused == (whole if sentence else "")


def test_an_empty_base_is_said_to_be_empty() -> None:
    base, now = delivery({"u.csv": ""}), delivery(ONE)
    asked = {**SET, "change_threshold": "50"}
    assert (
        "the base is empty and"
        in predict_diffing(now, DiffBase(1, base), ImportOptions(asked), compare(base, now)).refused
    )


@pytest.mark.parametrize(
    ("base", "now", "reason"),
    [
        (ONE, TWO, "compared with import 7"),
        ({"t.csv": "term_id,name\n"}, ONE, "not in the upload it is compared with"),
        (ONE, {"1.csv": USERS, "2.csv": USERS}, "2 of its files here, 1 in the upload it is compared with"),
        (
            {"1.csv": USERS, "2.csv": USERS},
            {"1.csv": USERS, "3.csv": USERS},
            "3.csv has no partner of that name in the upload it is compared with",
        ),
        (ONE, {"u.csv": "user_id,login_id,email\n"}, "its columns changed: email is new, status is gone"),
        (ONE, {"u.csv": "user_id,login_id,status,\n"}, "compared with import 7"),
        ({"u.csv": "user_id,,login_id,status, \n"}, ONE, "compared with import 7"),
        (
            {"1.csv": USERS, "2.csv": USERS},
            {"1.csv": USERS, "2.csv": "user_id,login_id\n"},
            "1 of 2 files imported whole: its columns changed: status is gone",
        ),
    ],
)
def test_each_kind_says_why(base: Files, now: Files, reason: str) -> None:
    changes = compare(delivery(base), delivery(now))
    prediction = predict_diffing(delivery(now), DiffBase(7, delivery(base), True), ImportOptions(SET), changes)
    assert prediction.of("user").reason == reason


def test_a_group_category_says_that_it_has_no_key(golden: Golden) -> None:
    files = delivery({"g.csv": "group_category_id,category_name,status\n"})
    prediction = predict_diffing(files, DiffBase(7, files, True), ImportOptions(SET), compare(files, files))
    golden(prediction.of("group_category").reason)


def test_a_broken_archive_is_no_base(client: Client) -> None:
    client.imports("POST", params={**SET, "extension": "zip"}, data=b"PK")
    client.sandbox.wait_idle()
    assert choose_base(listed(client), "set") is None
    client.imports("POST", params={**SET, "extension": "zip"}, data=zipped(dict(ONE)))
    client.sandbox.wait_idle()
    assert choose_base(listed(client), "set") is not None


def test_an_empty_header_cell_is_no_column_to_the_plan_nor_to_canvas(client: Client) -> None:
    before = {"u.csv": f"{USERS}a,a,active\nb,b,active\nc,c,active\n"}
    now = {"u.csv": "user_id,login_id,status,\na,a,active,\nb,b,active,\nd,d,active,\n"}
    client.run(before, **SET)
    done = client.run(now, **SET)
    assert done["data"]["counts"]["users"] == 2
    changes = compare(delivery(before), delivery(now))
    prediction = predict_diffing(delivery(now), DiffBase(1, delivery(before), True), ImportOptions(SET), changes)
    assert outline(prediction) == {"user": (DIFFED, 2, 1)}
