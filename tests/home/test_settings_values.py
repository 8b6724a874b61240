"""Settings: what texts mean, which are no values, and which import parameters cannot go together."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.golden import Golden
from support.sentences import in_full, listed

from canvas_sis_sync.home._setting_conflicts import EXCLUDES, NEEDS
from canvas_sis_sync.home.settings import Settings
from canvas_sis_sync.plan.breakers.limits import Limit

Load = Callable[..., Settings]


def source(loaded: Settings, name: str) -> tuple[str, str]:
    return {each: (shown, where) for each, shown, where in loaded.values}[name]


# --- address ---


@pytest.mark.parametrize(
    ("text", "base_url", "host"),
    [
        ("https://Canvas.Example.edu/", "https://canvas.example.edu", "canvas.example.edu"),
        ("HTTPS://canvas.example.edu:443/login?next=1#top", "https://canvas.example.edu", "canvas.example.edu"),
        ("https://canvas.example.edu:8443/api/v1", "https://canvas.example.edu:8443", "canvas.example.edu:8443"),
        ("http://127.0.0.1:3000", "http://127.0.0.1:3000", "127.0.0.1:3000"),
        ("http://127.8.9.1:80", "http://127.8.9.1", "127.8.9.1"),
        ("http://localhost:443", "http://localhost:443", "localhost:443"),
        ("http://[::1]:3000/", "http://[::1]:3000", "[::1]:3000"),
    ],
)
def test_an_address_is_cut_down_to_scheme_host_and_port(load: Load, text: str, base_url: str, host: str) -> None:
    loaded = load(CANVAS_BASE_URL=text)
    assert (loaded.base_url, loaded.host) == (base_url, host)
    assert ("CANVAS_BASE_URL", base_url, "environment") in loaded.values


NO_ADDRESSES = [
    "http://canvas.example.edu",
    "http://localhost.example.edu",
    "http://127.0.0.1.example.edu",
    "http://10.0.0.1",
    "https://user@canvas.example.edu",
    "https://canvas.example.edu\\@evil.example",
    "canvas.example.edu",
    "canvas.example.edu:443",
    "ftp://canvas.example.edu",
    "https://",
    "https://canvas example.edu",
    "https://schüle.example",
    "https://canvas.example.edu:https",
    "https://canvas.example.edu:99999",
    "https://[::1",
]


def test_an_address_that_is_unsafe_or_none_is_refused(problem, golden: Golden) -> None:
    golden(listed({text: in_full(problem(CANVAS_BASE_URL=text)) for text in NO_ADDRESSES}))


# --- values ---


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90", 90), ("90s", 90), ("10m", 600), ("6h", 21600), ("7d", 604800)]
)
def test_durations(load: Load, text: str, seconds: int) -> None:
    assert load(SIS_SYNC_POLL_LIMIT=text).poll_limit == seconds


NO_DURATIONS = ["h", "-5", "1.5h", "6 h", "6H", "1h30m", "٣", "9999999999"]


def test_what_is_no_duration_is_refused(problem, golden: Golden) -> None:
    golden(listed({text: in_full(problem(SIS_SYNC_POLL_LIMIT=text)) for text in NO_DURATIONS}))


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("10%", Limit(percent=10)),
        ("2.5 %", Limit(percent=2.5)),
        ("5000", Limit(count=5000)),
        ("0", Limit(count=0)),
        ("10%,5000", Limit(percent=10, count=5000)),
        ("10%, 5000", Limit(percent=10, count=5000)),
        ("off", Limit()),
        ("10%, at least 20 rows", Limit(percent=10, floor=20)),
    ],
)
def test_limits(load: Load, text: str, limit: Limit) -> None:
    assert load(SIS_SYNC_MAX_ERROR_ROWS=text).max_error_rows == limit


NO_LIMITS = ["101%", "%", "10%5000", "10%,", ",5000", "5000,10%", "-1", "1,2", "none", "10%,20%"]


def test_what_is_no_limit_is_refused(problem, golden: Golden) -> None:
    golden(listed({text: in_full(problem(SIS_SYNC_MAX_ERROR_ROWS=text)) for text in NO_LIMITS}))


@pytest.mark.parametrize(
    ("limit", "count", "rows", "exceeded"),
    [
        (Limit(percent=10), 10, 100, False),
        (Limit(percent=10), 11, 100, True),
        (Limit(percent=10), 1, 0, True),
        (Limit(count=5), 5, 6, False),
        (Limit(count=5), 6, 1000, True),
        (Limit(percent=10, count=5), 6, 1000, True),
        (Limit(percent=10, count=5), 3, 10, True),
        (Limit(percent=10, floor=20), 20, 20, False),
        (Limit(percent=10, floor=20), 21, 20, True),
        (Limit(percent=10, floor=20), 21, 1000, False),
        (Limit(percent=2.3), 23, 1000, False),
        (Limit(), 10**9, 1, False),
    ],
)
def test_a_limit_is_exceeded_by_more_than_it_says(limit: Limit, count: int, rows: int, exceeded: bool) -> None:
    assert limit.exceeded(count, rows) is exceeded


@pytest.mark.parametrize("text", ["yes", "Y", "true", "T", "on", "1"])
def test_true_words(load: Load, text: str) -> None:
    loaded = load(CANVAS_HOSTED=text, SIS_IMPORT_SKIP_DELETES=text)
    assert loaded.hosted is True
    assert loaded.import_parameters == {"skip_deletes": "true"}


@pytest.mark.parametrize("text", ["no", "N", "false", "F", "off", "0"])
def test_false_words(load: Load, text: str) -> None:
    loaded = load(CANVAS_HOSTED=text, SIS_IMPORT_SKIP_DELETES=text)
    assert loaded.hosted is False
    assert loaded.import_parameters == {"skip_deletes": "false"}


def test_a_false_multi_term_batch_mode_is_left_out_because_its_presence_acts(load: Load) -> None:
    assert load(SIS_IMPORT_MULTI_TERM_BATCH_MODE="false").import_parameters == {}


@pytest.mark.parametrize("text", ["self", "1", "10000000000001"])
def test_accounts(load: Load, text: str) -> None:
    assert load(CANVAS_ACCOUNT_ID=text).account_id == text


@pytest.mark.parametrize("text", ["7", "sis_term_id:2031 F", "sis_integration_id:x", "default", "current"])
def test_terms(load: Load, text: str) -> None:
    loaded = load({"batch_mode": "1", "change_threshold": "5"}, SIS_IMPORT_BATCH_MODE_TERM_ID=text)
    assert loaded.import_parameters["batch_mode_term_id"] == text


def test_an_identifier_may_have_128_bytes(load: Load) -> None:
    text = "ü" * 64
    assert load({"diffing_data_set_identifier": text}).import_parameters == {"diffing_data_set_identifier": text}


NO_VALUES = [
    ("CANVAS_HOSTED", "2"),
    ("CANVAS_ACCOUNT_ID", "sis_account_id:x"),
    ("SIS_SYNC_MARKER", "ready/done"),
    ("SIS_SYNC_MARKER", ".."),
    ("SIS_SYNC_MARKER", "done.CSV"),
    ("SIS_SYNC_UPLOAD", "2-step"),
    ("SIS_SYNC_GATE", "Own"),
    ("SIS_IMPORT_BATCH_MODE", "maybe"),
    ("SIS_IMPORT_BATCH_MODE_TERM_ID", "Fall 2031"),
    ("SIS_IMPORT_BATCH_MODE_TERM_ID", "sis_term_id:"),
    ("SIS_IMPORT_BATCH_MODE_ENROLLMENT_DROP_STATUS", "Deleted"),
    ("SIS_IMPORT_BATCH_MODE_ENROLLMENT_DROP_STATUS", "deleted_last_completed"),
    ("SIS_IMPORT_DIFFING_DROP_STATUS", "COMPLETED"),
    ("SIS_IMPORT_DIFFING_USER_REMOVE_STATUS", "inactive"),
    ("SIS_IMPORT_CHANGE_THRESHOLD", "101"),
    ("SIS_IMPORT_CHANGE_THRESHOLD", "-1"),
    ("SIS_IMPORT_CHANGE_THRESHOLD", "10%"),
    ("SIS_IMPORT_DIFF_ROW_COUNT_THRESHOLD", "0"),
    ("SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER", "x" * 129),
    ("SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER", "ü" * 65),
    ("SIS_IMPORT_DIFFING_DATA_SET_IDENTIFIER", "a\nb"),
]


def test_a_text_that_is_no_value_is_refused_by_name_and_source(problem, golden: Golden) -> None:
    found = {f"{name}={text!r}": in_full(problem(**{name: text})) for name, text in NO_VALUES}
    assert all(said.startswith(f"{case.partition('=')[0]} (environment) ") for case, said in found.items())
    golden(listed(found))


# --- combinations ---

COMBINATIONS = [
    ("batch_mode", {"batch_mode": "true", "change_threshold": "5"}),
    ("batch_mode", {"batch_mode": "true", "batch_mode_term_id": "1"}),
    ("batch_mode_term_id", {"batch_mode_term_id": "1"}),
    ("batch_mode_term_id", {"batch_mode_term_id": "1", "batch_mode": "false"}),
    ("multi_term_batch_mode", {"multi_term_batch_mode": "true"}),
    ("batch_mode_enrollment_drop_status", {"batch_mode_enrollment_drop_status": "completed"}),
    ("add_sis_stickiness", {"add_sis_stickiness": "true"}),
    ("add_sis_stickiness", {"add_sis_stickiness": "true", "override_sis_stickiness": "false"}),
    ("clear_sis_stickiness", {"clear_sis_stickiness": "true"}),
    ("diffing_remaster_data_set", {"diffing_remaster_data_set": "true"}),
    ("diffing_drop_status", {"diffing_drop_status": "completed"}),
    ("diffing_user_remove_status", {"diffing_user_remove_status": "suspended"}),
    ("diff_row_count_threshold", {"diff_row_count_threshold": "5"}),
    ("change_threshold", {"change_threshold": "5"}),
    (
        "skip_deletes",
        {"skip_deletes": "true", "batch_mode": "true", "batch_mode_term_id": "1", "change_threshold": "5"},
    ),
    ("skip_deletes", {"skip_deletes": "true", "multi_term_batch_mode": "true", "change_threshold": "5"}),
    (
        "diffing_data_set_identifier",
        {"diffing_data_set_identifier": "x", "batch_mode": "1", "batch_mode_term_id": "1", "change_threshold": "5"},
    ),
    (
        "diffing_data_set_identifier",
        {"diffing_data_set_identifier": "x", "multi_term_batch_mode": "1", "change_threshold": "5"},
    ),
    (
        "multi_term_batch_mode",
        {"multi_term_batch_mode": "1", "change_threshold": "5", "batch_mode": "1", "batch_mode_term_id": "1"},
    ),
    ("multi_term_batch_mode", {"multi_term_batch_mode": "1", "change_threshold": "5", "batch_mode": "0"}),
    (
        "add_sis_stickiness",
        {"add_sis_stickiness": "1", "clear_sis_stickiness": "1", "override_sis_stickiness": "1"},
    ),
]


def test_a_combination_that_canvas_refuses_ignores_or_breaks_on_is_refused(problem, golden: Golden) -> None:
    found = {}
    for parameter, asked in COMBINATIONS:
        said = problem(asked)
        assert said.sentence.startswith(f"--param {parameter} ")
        assert f"SIS_IMPORT_{parameter.upper()}" in said.hint
        found[" ".join(f"{name}={value}" for name, value in asked.items())] = in_full(said)
    golden(listed(found))


def test_every_refusal_has_an_example(problem) -> None:
    told = "\n".join(problem(asked).sentence for _, asked in COMBINATIONS)
    for rule in (*NEEDS, *EXCLUDES):
        assert rule[2] in told
    assert len(COMBINATIONS) >= len(NEEDS) + len(EXCLUDES)


@pytest.mark.parametrize(
    "asked",
    [
        {"batch_mode": "true", "batch_mode_term_id": "1", "change_threshold": "0"},
        {"batch_mode": "true", "multi_term_batch_mode": "true", "change_threshold": "100"},
        {"multi_term_batch_mode": "true", "change_threshold": "5", "batch_mode_enrollment_drop_status": "inactive"},
        {"override_sis_stickiness": "true", "add_sis_stickiness": "true"},
        {"override_sis_stickiness": "true", "clear_sis_stickiness": "true"},
        {"skip_deletes": "true", "diffing_data_set_identifier": "nightly"},
        {"diffing_data_set_identifier": "nightly", "diffing_remaster_data_set": "true", "change_threshold": "5"},
        {"diffing_data_set_identifier": "n", "diffing_drop_status": "deleted_last_completed"},
        {"diffing_data_set_identifier": "n", "diffing_user_remove_status": "suspended"},
        {"diffing_data_set_identifier": "n", "diff_row_count_threshold": "1000"},
        {"diffing_remaster_data_set": "false", "add_sis_stickiness": "false", "batch_mode": "false"},
        {"update_sis_id_if_login_claimed": "true"},
    ],
)
def test_a_combination_that_works_is_passed_on(load: Load, asked: dict[str, str]) -> None:
    assert load(asked).import_parameters == asked


def test_the_import_type_is_no_setting_since_every_upload_names_it(problem, golden: Golden) -> None:
    golden(in_full(problem({"import_type": "instructure_csv"})))


def test_a_combination_across_layers_is_refused_naming_the_source(problem, golden: Golden) -> None:
    threshold = {"SIS_IMPORT_CHANGE_THRESHOLD": "5"}
    terms = {"SIS_IMPORT_BATCH_MODE": "true", "SIS_IMPORT_BATCH_MODE_TERM_ID": "1"}
    found = problem({"batch_mode_term_id": ""}, **threshold, **terms)
    golden(in_full(found))


def test_a_bad_parameter_is_not_followed_by_guesses_about_combinations(problem, golden: Golden) -> None:
    found = problem({"batch_mode": "true", "batch_mode_term_id": "Fall"})
    golden(in_full(found))
