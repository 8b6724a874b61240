"""One home and two targets, as when a home moves from beta to production: both count their imports from 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from support.golden import Golden
from support.homes import COURSES, TOKEN, Home, Watching, fast_clock

from canvas_sis_sync.errors import UsageError
from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox
from canvas_sis_sync.sync import release

pytestmark = pytest.mark.slow


@pytest.fixture
def beta() -> Iterator[Sandbox]:
    with Sandbox(token=TOKEN) as running:
        yield running


@pytest.fixture
def production() -> Iterator[Sandbox]:
    with Sandbox(token=TOKEN) as running:
        yield running


@pytest.fixture
def home(beta: Sandbox, new_home: Callable[..., Home]) -> Home:
    return new_home(beta.url)


def states(sandbox: Sandbox) -> list[str]:
    return [record.workflow_state for record in sandbox.imports]


def pull_the_plug() -> None:
    raise KeyboardInterrupt


def lose(home: Home) -> None:
    """End a run right after Canvas has taken the upload."""
    home.drop()
    with pytest.raises(KeyboardInterrupt):
        home.run(show=Watching(end={"uploading": pull_the_plug}))
    assert home.last().state is BatchState.SENDING


def test_a_batch_that_holds_at_one_target_does_not_hold_at_another(
    home: Home, beta: Sandbox, production: Sandbox
) -> None:
    beta.add_fault("fail")
    home.drop()
    assert home.run().result.exit_code == 4
    home.configure(CANVAS_BASE_URL=production.url)
    home.drop()
    assert home.run().result.outcome == "imported"
    assert [record.id for record in production.imports] == [record.id for record in beta.imports]
    home.configure(CANVAS_BASE_URL=beta.url)
    home.drop()
    assert home.run().result.exit_code == 5
    assert states(beta) == ["failed"]


def test_accounts_of_one_host_are_targets_of_their_own(home: Home, beta: Sandbox) -> None:
    other = beta.add_account()
    beta.add_fault("fail")
    home.drop()
    assert home.run().result.exit_code == 4
    home.configure(CANVAS_ACCOUNT_ID=other)
    home.drop()
    assert home.run().result.outcome == "imported"
    assert [record.account_id for record in beta.imports] == [1, other]


def test_the_previous_batch_is_the_one_of_the_present_target(
    home: Home, beta: Sandbox, production: Sandbox, golden: Golden
) -> None:
    home.drop()
    assert home.run().result.outcome == "imported"
    production.add_import("restored", user_id=production.user.id)  # would hold, were import 1 ours here
    home.configure(CANVAS_BASE_URL=production.url)
    home.drop()
    assert home.run().result.outcome == "imported"
    home.configure(CANVAS_BASE_URL=beta.url)
    beta.set_state(1, "restored")
    home.drop()
    held = home.run()
    assert held.result.exit_code == 5
    golden(held.message)


def test_an_import_id_taken_at_one_target_can_be_ours_at_another(
    home: Home, beta: Sandbox, production: Sandbox
) -> None:
    home.drop()
    assert home.run().result.outcome == "imported"
    home.configure(CANVAS_BASE_URL=production.url)
    lose(home)
    assert home.run().result.outcome == "imported"
    assert home.last().import_id == 1
    assert len(production.imports) == 1


def test_a_batch_in_flight_at_another_target_is_left_alone_until_the_home_is_back(
    home: Home, beta: Sandbox, production: Sandbox, golden: Golden
) -> None:
    lose(home)
    in_flight, asked = home.last().id, len(beta.requests)
    home.configure(CANVAS_BASE_URL=production.url)
    home.drop({"courses.csv": COURSES})
    show = Watching()
    assert home.run(show=show).result.outcome == "imported"
    assert (len(beta.requests), len(production.imports)) == (asked, 1)
    assert any(in_flight in note for note in show.notes)
    golden("\n".join(show.notes))
    home.configure(CANVAS_BASE_URL=beta.url)
    assert home.run().result.outcome == "imported"
    with home.journal() as journal:
        batch = journal.batch(in_flight)
    assert batch is not None
    assert (batch.state, batch.import_id) == (BatchState.IMPORTED, 1)
    assert len(beta.imports) == 1


def test_what_was_packed_and_not_sent_goes_to_the_present_target(
    home: Home, beta: Sandbox, production: Sandbox
) -> None:
    home.drop()
    assert home.run(show=Watching({"uploading": lambda: beta.add_fault("expired-token")})).result.exit_code == 12
    assert home.last().state is BatchState.PACKED
    home.configure(CANVAS_BASE_URL=production.url)
    assert home.run().result.outcome == "imported"
    assert (len(beta.imports), states(production)) == (0, ["imported"])
    assert home.last().target.host == production.url.removeprefix("http://")


def test_records_left_behind_at_one_target_are_not_passed_over_at_another(
    home: Home, beta: Sandbox, production: Sandbox
) -> None:
    home.configure(SIS_SYNC_UPLOAD="two-step")
    beta.add_fault("lose-announcement")
    home.drop()
    assert home.run().result.exit_code == 13
    assert home.last().strays == (1,)
    production.add_import("initializing", user_id=production.user.id)
    home.configure(CANVAS_BASE_URL=production.url)
    assert home.run(patient=False).result.outcome == "waiting"
    assert len(production.imports) == 1
    production.set_state(1, "aborted")
    assert home.run().result.outcome == "imported"


def test_a_batch_in_flight_cannot_become_an_import_of_another_target(
    home: Home, beta: Sandbox, production: Sandbox
) -> None:
    lose(home)
    production.add_import("imported", user_id=production.user.id)
    home.configure(CANVAS_BASE_URL=production.url)
    with pytest.raises(UsageError) as refused:
        release.adopt(home.settings(), home.last().id, 1, "looks like it", fast_clock())
    assert f"127.0.0.1:{beta.port}" in refused.value.hint
    assert home.last().state is BatchState.SENDING


def test_a_batch_of_another_target_is_skipped_in_the_state_that_it_was_seen_in(
    home: Home, beta: Sandbox, production: Sandbox, golden: Golden
) -> None:
    beta.add_fault("fail")
    home.drop()
    assert home.run().result.exit_code == 4
    production.add_import("imported", user_id=production.user.id)
    home.configure(CANVAS_BASE_URL=production.url)
    said = release.skip(home.settings(), home.last().id, "known", fast_clock())
    golden(said)
    assert not production.requests
    home.configure(CANVAS_BASE_URL=beta.url)
    home.drop()
    assert home.run().result.outcome == "imported"
