"""Settings of breakers, canaries and remaster: what their texts mean, and how limits are raised for one run."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.golden import Golden
from support.sentences import in_full, listed

from canvas_sis_sync.errors import EXIT_USAGE, UsageError
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.plan.breakers.limits import Limit, raised
from canvas_sis_sync.sis_csv.kinds import KINDS

Load = Callable[..., Settings]


def test_every_kind_with_a_key_has_a_breaker_in_the_order_of_imports(load: Load) -> None:
    assert list(load().breakers) == [kind.name for kind in KINDS.values() if kind.key]


def test_users_are_limited_more_tightly_and_changes_of_ids_not_at_all(load: Load) -> None:
    breakers = dict(load().breakers)
    assert breakers.pop("user") == Limit(percent=2)
    assert breakers.pop("change_sis_id") == Limit()
    assert set(breakers.values()) == {Limit(percent=10, count=5000)}


def test_a_breaker_is_set_by_its_kind(load: Load) -> None:
    loaded = load(SIS_SYNC_BREAKER_ENROLLMENT="2.5%", SIS_SYNC_BREAKER_COURSE="0", SIS_SYNC_BREAKER_USER="off")
    assert [loaded.breakers[kind] for kind in ("enrollment", "course", "user")] == [
        Limit(percent=2.5),
        Limit(count=0),
        Limit(),
    ]


def test_one_setting_is_for_every_kind_without_an_exception(load: Load) -> None:
    breakers = dict(load(SIS_SYNC_BREAKER="5%", SIS_SYNC_BREAKER_COURSE="7").breakers)
    exceptions = {kind: str(breakers.pop(kind)) for kind in ("user", "change_sis_id", "course")}
    assert exceptions == {"user": "2%", "change_sis_id": "off", "course": "7"}
    assert set(map(str, breakers.values())) == {"5%"}
    assert str(load(SIS_SYNC_BREAKER="5%", SIS_SYNC_BREAKER_COURSE="").breakers["course"]) == "5%"


def test_an_exception_that_is_set_is_shown_and_one_that_is_not_is_not(load: Load) -> None:
    shown = {name: value for name, value, _ in load(SIS_SYNC_BREAKER_TERM="0").values if "BREAKER_" in name}
    assert shown.pop("SIS_SYNC_BREAKER_TERM") == "0"
    assert list(shown) == ["SIS_SYNC_BREAKER_USER", "SIS_SYNC_BREAKER_CHANGE_SIS_ID", "SIS_SYNC_BREAKER_GROUP_BY"]


def test_a_breaker_of_no_kind_is_refused_with_the_nearest(problem, golden: Golden) -> None:
    found = problem(SIS_SYNC_BREAKER_ENROLMENT="5%")
    golden(in_full(found))


def test_the_lower_bound_of_refused_rows_is_no_limit_of_a_breaker(problem, golden: Golden) -> None:
    golden(in_full(problem(SIS_SYNC_BREAKER_USER="10%, at least 20 rows")))


def test_what_the_limits_hold_for_is_left_to_the_courses_unless_set(load: Load, problem, golden: Golden) -> None:
    assert load().breaker_group_by == ""
    assert load(SIS_SYNC_BREAKER_GROUP_BY="account").breaker_group_by == "account"
    golden(in_full(problem(SIS_SYNC_BREAKER_GROUP_BY="school")))


def test_canaries_are_kinds_and_ids(load: Load) -> None:
    assert load().canaries == ()
    found = load(SIS_SYNC_CANARIES="user:U001, course : a:b ,user:U001").canaries
    assert found == (("user", "U001"), ("course", "a:b"))


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_a_canary_is_of_a_kind_whose_rows_one_column_names(load: Load, problem, kind) -> None:
    text = f"{kind.name}:X"
    if len(kind.key) == 1 and kind.key[0] in kind.columns:
        assert load(SIS_SYNC_CANARIES=text).canaries == ((kind.name, "X"),)
    else:
        assert "must be rows such as user:U001,course:C1, each of one of" in problem(SIS_SYNC_CANARIES=text).sentence


NO_CANARIES = ["U001", "user:", ":U001", "users:U001", "user:U001,course"]


def test_what_is_no_canary_is_refused(problem, golden: Golden) -> None:
    golden(listed({text: in_full(problem(SIS_SYNC_CANARIES=text)) for text in NO_CANARIES}))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("never", 0),
        ("every:7d", 7 * 86400),
    ],
)
def test_remaster(load: Load, text: str, seconds: int) -> None:
    loaded = load({"diffing_data_set_identifier": "nightly"}, SIS_SYNC_REMASTER=text)
    assert loaded.remaster == seconds


NO_REMASTERS = ["always", "every", "every:", "every:0", "auto:7d"]


def test_what_says_nothing_about_remaster_is_refused(problem, golden: Golden) -> None:
    diffing = {"diffing_data_set_identifier": "nightly"}
    golden(listed({text: in_full(problem(diffing, SIS_SYNC_REMASTER=text)) for text in NO_REMASTERS}))


def test_remaster_without_diffing_is_refused(load: Load, problem, golden: Golden) -> None:
    found = problem(SIS_SYNC_REMASTER="every:7d")
    golden(in_full(found))
    assert load(SIS_SYNC_REMASTER="never").remaster == 0


# --- raised for one run ---

BREAKERS = {"user": Limit(percent=2), "enrollment": Limit(percent=10, count=5000), "course": Limit()}


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("enrollment=30%", Limit(percent=30, count=5000)),
        ("enrollment=20000", Limit(percent=10, count=20000)),
        ("enrollment=30%,20000", Limit(percent=30, count=20000)),
        ("enrollment=10%", Limit(percent=10, count=5000)),
        ("user=100%", Limit(percent=100)),
    ],
)
def test_a_raised_limit_keeps_the_part_that_is_not_named(text: str, limit: Limit) -> None:
    kind = text.partition("=")[0]
    assert raised(BREAKERS, [text]) == BREAKERS | {kind: limit}


def test_several_limits_are_raised_together() -> None:
    limits = raised(BREAKERS, ["enrollment=30%", "user=3%", "enrollment=6000"])
    assert limits == BREAKERS | {"enrollment": Limit(percent=30, count=6000), "user": Limit(percent=3)}
    assert raised(BREAKERS, []) == BREAKERS


RAISES_NOTHING = [
    "enrolment=30%",
    "30%",
    "enrollment=off",
    "enrollment=",
    "enrollment",
    "enrollment=much",
    "enrollment=9%",
    "enrollment=30%,4999",
    "enrollment=0",
    "user=5000",
    "course=100%",
]


def test_what_raises_no_limit_is_refused(golden: Golden) -> None:
    found = {}
    for text in RAISES_NOTHING:
        with pytest.raises(UsageError) as caught:
            raised(BREAKERS, [text])
        assert caught.value.exit_code == EXIT_USAGE
        found[text] = in_full(caught.value)
    golden(listed(found))
