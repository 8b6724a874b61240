"""The table of a plan: what it shows, what it is made from, and that it stays narrow whatever the data are called."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from support.golden import Golden
from support.sentences import listed

from canvas_sis_sync.plan import text as plan_text
from canvas_sis_sync.plan.values import Changes, Effect, GroupChanges, KindChanges, Mode, Plan, Prediction, Tripped
from canvas_sis_sync.sis_csv.kinds import KINDS

ENROLLMENTS = KindChanges(
    "enrollment",
    rows_before=98_000,
    rows_now=93_880,
    added=12,
    changed=31,
    removed=4_132,
    ended=12,
    changed_columns={"status": 30, "role": 4, "notify": 2, "start_date": 1},
    turned={"completed": 25, "inactive": 0, "deleted": 3},
    added_ending={"deleted": 2},
    duplicates_now=2,
)
USERS = KindChanges("user", rows_before=20_000, rows_now=20_000, columns_gained=("email",), columns_lost=("fax", "tel"))
SECTIONS = KindChanges("section", rows_before=900, removed=900, in_now=False)
PLAN = Plan(
    about="Batch 20310102-030405 (loose files)",
    against="batch 20310101-030405",
    changes=Changes(
        kinds=(USERS, SECTIONS, ENROLLMENTS),
        concentrated=(
            GroupChanges("term", "F26", "course", rows_before=80),
            GroupChanges("term", "F26", "enrollment", rows_before=9_000, removed=4_132, ended=12, turned=30),
            GroupChanges("account", "", "enrollment", rows_before=98_000, turned=5),
            GroupChanges("course", "C1", "enrollment", rows_before=98_000, removed=2, ended=2),
        ),
        dependants={"section": 0, "enrollment": 77},
    ),
    prediction=Prediction(
        effects=(
            Effect("user", Mode.WHOLE, "its columns changed: email is new", rows=20_000),
            Effect("enrollment", Mode.DIFFED, "one file on both sides", removed=4_132, rows=4_175),
        ),
        base_import=41,
        refused="Canvas would not compare: the size changes by 63 %.",
    ),
    breakers=(
        Tripped("removals", "enrollment: 4,150 of 98,000 rows (4.2 %) would be removed.", "enrollment", "term", "F26"),
        Tripped("gone", "Term S26 is gone.", by="term", group="S26"),
    ),
    asked=("rows that are missing from the file are deleted",),
    notes=("12 rows wait.", "12 rows wait."),
    gone=(("term", "S26"),),
)


def shown(plan: Plan) -> list[str]:
    return plan_text.table(json.loads(json.dumps(plan_text.as_json(plan)))).splitlines()


def test_the_table_shows_each_kind_and_what_canvas_does_with_it(golden: Golden) -> None:
    lines = shown(PLAN)
    golden(lines[0])
    assert lines[2].split() == ["before", "now", "added", "changed", "missing", "ended", "in", "Canvas"]
    assert lines[3].split() == ["user", "20,000", "20,000", "0", "0", "0", "0", "all", "rows"]
    assert lines[4].split() == ["section", "900", "0", "0", "0", "900", "0", "nothing"]
    assert lines[5].split()[:7] == ["enrollment", "98,000", "93,880", "12", "31", "4,132", "30"]
    golden(lines[5], "2")
    assert len({line.index(word) for line, word in zip(lines[2:5], ("in Canvas", "all", "nothing"), strict=True)}) == 1


def test_below_the_table_stands_what_it_has_no_room_for(golden: Golden) -> None:
    text = "\n".join(shown(PLAN))
    golden(text)
    assert (
        "enrollment: 25 become completed, 3 become deleted, 2 new ones are deleted; changed in status 30, role 4,"
        " notify 2 and 1 more; repeated keys, of which the last row counts: 0 before, 2 now."
    ) in text.replace("\n  ", " ")
    assert "one file" not in text


def test_what_hangs_on_missing_rows_is_told_only_where_it_stays(golden: Golden) -> None:
    def lines(hanging: int | None) -> list[str]:
        changes = replace(PLAN.changes, dependants={"section": 900, "enrollment": hanging})
        return shown(replace(PLAN, changes=changes))

    added = [line for line in lines(4_170) if line not in lines(None)]
    assert " 50 rows" in added[0]
    golden("\n".join(added))
    assert lines(4_120) == lines(None)


def test_an_approval_is_told_beside_the_verdict(golden: Golden) -> None:
    approval = {"who": "ada", "at": "2031-01-03T07:12:00Z", "reason": "the term is over"}
    found = plan_text.as_json(PLAN, approval)
    assert (found["approval"], found["verdict"]) == (approval, "hold")
    last = plan_text.table(found).splitlines()[-1]
    golden(last)
    assert plan_text.as_json(PLAN)["approval"] is None


def test_rows_that_were_deleted_already_have_a_key_of_their_own() -> None:
    found = plan_text.as_json(PLAN)
    assert [kind["already_deleted"] for kind in found["kinds"]] == [0, 0, 12]
    assert [group["already_deleted"] for group in found["groups"]] == [0, 12, 0, 2]
    assert not any("ended" in each for each in (*found["kinds"], *found["groups"]))


def test_it_says_where_most_is_lost_without_what_had_ended_before() -> None:
    lines = shown(PLAN)
    at = lines.index("Most of it:")
    assert lines[at + 1 : at + 4] == [
        "  term F26: 4,150 of 9,000 enrollment rows",
        "  account (none): 5 of 98,000 enrollment rows",
        "",
    ]


def test_what_holds_comes_last(golden: Golden) -> None:
    lines = shown(PLAN)
    at = lines.index("Breakers:")
    assert lines[at + 1] == "  removals: enrollment: 4,150 of 98,000 rows (4.2 %) would be removed."
    assert lines[at + 2] == "  gone: Term S26 is gone."
    golden(lines[-1])
    text = "\n".join(lines)
    golden(text, "2")


def test_a_plan_that_holds_nothing_says_so_in_few_lines(golden: Golden) -> None:
    first = Plan("users.csv", "", Changes(kinds=(replace(USERS, columns_gained=(), columns_lost=()),)), Prediction())
    lines = shown(first)
    golden(lines[0])
    assert lines[-1] == "Verdict: go."
    assert len(lines) == 8
    verdicts = {
        "goes": shown(replace(first, unchanged=True))[-1],
        "is held": shown(replace(PLAN, unchanged=True))[-1],
    }
    golden(listed(verdicts), "unchanged")


def test_the_json_has_the_keys_that_are_promised() -> None:
    found = plan_text.as_json(PLAN)
    assert {"schema", "against", "kinds", "groups", "breakers", "verdict"} <= set(found)
    assert (found["schema"], found["verdict"], found["against"]) == (1, "hold", "batch 20310101-030405")
    promised = {"kind", "rows_before", "rows_now", "added", "changed", "removed", "mode", "reason"}
    assert all(promised <= set(kind) for kind in found["kinds"])
    assert [kind["mode"] for kind in found["kinds"]] == ["whole", "absent", "diffed"]
    assert found["breakers"][0] == {
        "breaker": "removals",
        "kind": "enrollment",
        "by": "term",
        "group": "F26",
        "message": "enrollment: 4,150 of 98,000 rows (4.2 %) would be removed.",
    }
    assert found["gone"] == [{"by": "term", "group": "S26"}]
    assert found["diff_base"] == {"import": 41, "known": True}


def test_what_does_not_fit_beside_the_numbers_stands_below_them(golden: Golden) -> None:
    many = 10_000_000
    wide = KindChanges("differentiation_tag_membership", True, True, many, many, many, turned={"deleted": many})
    effect = Effect(wide.kind, Mode.DIFFED, "", removed=many)
    lines = shown(Plan("a", "b", Changes(kinds=(wide,)), Prediction(effects=(effect,))))
    golden(lines[3])
    golden(lines[4], "2")


counts = st.integers(0, 99_999_999)
words = st.text("ab c-\u00e4\u4e2d\x00\x07\n\r\t\x1b\x7f\x85\u2028\u202e\ufeff\U0001f600", max_size=300)


@given(
    kinds=st.lists(st.tuples(st.sampled_from(sorted(KINDS)), counts, counts, counts), max_size=4),
    name=words,
    message=words,
)
def test_no_line_is_wider_than_100_signs_and_none_can_steer_a_terminal(
    kinds: list[tuple[str, int, int, int]], name: str, message: str
) -> None:
    changes = Changes(
        kinds=tuple(
            KindChanges(kind, rows_before=one, rows_now=two, added=one, changed=two, removed=three)
            for kind, one, two, three in kinds
        ),
        concentrated=(GroupChanges("course", name, "enrollment", rows_before=9, removed=9),),
    )
    plan = Plan(name, message, changes, Prediction(), (Tripped("gone", message, group=name),), (name,), (message,))
    lines = plan_text.table(plan_text.as_json(plan)).split("\n")
    assert all(len(line) <= 100 and (line.isprintable() or not line) for line in lines)
