"""TLS and redirects: the token goes to the configured host only, and only when that host proves who it is."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
from support.golden import Golden
from support.homes import TOKEN, Home, Watching
from support.proxy import Proxy, Reply, Request

from canvas_sis_sync.home.batch import BatchState
from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def certified(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def canvas(authority: trustme.CA) -> Iterator[Sandbox]:
    """Serve the sandbox over TLS, certified for 127.0.0.1."""
    with Sandbox(token=TOKEN, ssl_context=certified(authority, "127.0.0.1")) as running:
        yield running


@pytest.fixture
def trusted(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Name the authority in REQUESTS_CA_BUNDLE."""
    bundle = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    return bundle


def refused(home: Home) -> str:
    """Run in vain, and give the message: nothing has left the inbox."""
    home.drop()
    told = home.run()
    assert told.result.exit_code == 13
    assert (home.inbox / "users.csv").exists()
    return told.message


def without_openssl(message: str) -> str:
    """Return the message without what OpenSSL says in it, which differs between its versions."""
    return re.sub(r"(?<=\d )\([^()]*\)", "(WHY)", message)


def test_an_unknown_authority_is_refused_with_a_sentence(
    canvas: Sandbox, new_home: Callable[..., Home], golden: Golden
) -> None:
    message = refused(new_home(canvas.url))
    golden(without_openssl(message))
    assert "REQUESTS_CA_BUNDLE" in message
    assert not canvas.requests


def test_a_certificate_for_another_name_is_refused_with_a_sentence(
    authority: trustme.CA, trusted: Path, new_home: Callable[..., Home], golden: Golden
) -> None:
    with Sandbox(token=TOKEN, ssl_context=certified(authority, "canvas.example.edu")) as canvas:
        message = refused(new_home(canvas.url))
        golden(without_openssl(message))
        assert "CANVAS_BASE_URL" in message
        assert not canvas.requests


def test_an_authority_that_is_gone_is_refused_with_a_sentence(
    canvas: Sandbox, trusted: Path, new_home: Callable[..., Home]
) -> None:
    trusted.unlink()
    assert str(trusted) in refused(new_home(canvas.url)).replace("\n", " ")
    assert not canvas.requests


@pytest.mark.parametrize("way", ["direct", "two-step"])
def test_a_named_authority_lets_a_whole_run_through(
    canvas: Sandbox, trusted: Path, new_home: Callable[..., Home], way: str
) -> None:
    home = new_home(canvas.url, SIS_SYNC_UPLOAD=way)
    home.drop()
    assert home.run().result.outcome == "imported"
    assert canvas.count("user") == 2


def test_a_process_takes_the_authority_from_its_environment(
    canvas: Sandbox, trusted: Path, new_home: Callable[..., Home]
) -> None:
    home = new_home(canvas.url)
    home.drop()
    ended = home.call("run")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert [record.workflow_state for record in canvas.imports] == ["imported"]


def test_an_upload_whose_tls_is_not_agreed_on_provably_did_not_arrive(
    canvas: Sandbox, trusted: Path, new_home: Callable[..., Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The authority is lost between the gate and the upload, which has a connection of its own."""
    home = new_home(canvas.url)
    home.drop()
    other = trusted.with_name("other.pem")
    trustme.CA().cert_pem.write_to_path(str(other))
    told = home.run(show=Watching({"uploading": lambda: monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))}))
    assert (told.result.exit_code, home.last().state) == (13, BatchState.PACKED)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    assert home.run().result.outcome == "imported"
    assert len(canvas.imports) == 1


def redirecting(elsewhere: str, which: Callable[[Request], bool]) -> Callable[[Request, Callable[[], Reply]], Reply]:
    """Answer the requests that `which` picks with a redirect to the same path at `elsewhere`."""

    def answer(asked: Request, forward: Callable[[], Reply]) -> Reply:
        return Reply(302, (("Location", elsewhere + asked.path),)) if which(asked) else forward()

    return answer


@pytest.mark.parametrize(
    ("way", "exit_code", "state"), [("direct", 0, BatchState.IMPORTED), ("two-step", 13, BatchState.PACKED)]
)
def test_an_upload_that_is_redirected_to_another_host_is_not_followed_and_may_have_run(
    sandbox: Sandbox, new_home: Callable[..., Home], way: str, exit_code: int, state: BatchState
) -> None:
    """A redirect does not prove that nothing was taken, so Canvas is asked before anything is sent again."""
    redirects = iter([True])
    with Sandbox(token=TOKEN) as elsewhere:
        answer = redirecting(elsewhere.url, lambda asked: asked.sends and next(redirects, False))
        with Proxy(sandbox.url, answer) as proxy:
            home = new_home(proxy.url, SIS_SYNC_UPLOAD=way, SIS_SYNC_LOST_SECONDS=5)
            home.drop()
            told = home.run()
            assert (told.result.exit_code, home.last().state) == (exit_code, state)
            assert elsewhere.url in told.message + (home.folder / "logs" / "sis-sync.log").read_text()
            assert home.run().result.exit_code == 0
        assert not elsewhere.requests
    assert len(sandbox.imports) == 1


def test_a_question_that_is_redirected_to_another_host_is_not_followed(
    sandbox: Sandbox, new_home: Callable[..., Home]
) -> None:
    with Sandbox(token=TOKEN) as elsewhere:
        with Proxy(sandbox.url, redirecting(elsewhere.url, lambda _: True)) as proxy:
            home = new_home(proxy.url)
            home.drop()
            told = home.run()
            assert told.result.exit_code == 10
            assert f"CANVAS_BASE_URL={elsewhere.url}" in told.message
        assert not elsewhere.requests
    assert (home.inbox / "users.csv").exists()


def test_a_page_of_a_list_at_another_host_is_not_asked_for(sandbox: Sandbox, new_home: Callable[..., Home]) -> None:
    with Sandbox(token=TOKEN) as elsewhere:

        def points_away(asked: Request, forward: Callable[[], Reply]) -> Reply:
            reply = forward()
            link = ("Link", f'<{elsewhere.url}{asked.path}>; rel="next"')
            return Reply(reply.status, (*reply.headers, link), reply.body) if "sis_imports" in asked.path else reply

        with Proxy(sandbox.url, points_away) as proxy:
            home = new_home(proxy.url)
            home.drop()
            assert home.run().result.exit_code == 10
        assert not elsewhere.requests


def test_a_confirmation_at_another_host_is_asked_for_without_the_token(
    sandbox: Sandbox, new_home: Callable[..., Home]
) -> None:
    """The storage points to another Canvas, which refuses who has no token: the state of the import decides."""
    with Sandbox(token=TOKEN) as elsewhere:

        def points_away(asked: Request, forward: Callable[[], Reply]) -> Reply:
            reply = forward()
            away = tuple(
                (name, value.replace(proxy.url, elsewhere.url) if name.lower() == "location" else value)
                for name, value in reply.headers
            )
            return Reply(reply.status, away, reply.body)

        with Proxy(sandbox.url) as proxy:
            proxy.answer = points_away
            home = new_home(proxy.url, SIS_SYNC_UPLOAD="two-step")
            home.drop()
            assert home.run().result.outcome == "imported"
        assert len(elsewhere.requests) == 1
        assert elsewhere.requests[0].header("Authorization") is None
