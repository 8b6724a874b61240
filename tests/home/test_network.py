"""Proxies and certificate authorities in `.env`: they count as in the environment, or are refused by name."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from support.golden import Golden
from support.homes import TOKEN, Home
from support.scripted_server import reply, serving

from canvas_sis_sync.sandbox.sandbox import Sandbox

pytestmark = pytest.mark.slow

HOST = "canvas.school.test"
PROXIES = ["HTTPS_PROXY", *(pytest.param(name, marks=pytest.mark.slow) for name in ("https_proxy", "ALL_PROXY"))]


def call(home: Home, *arguments: str, **env: str) -> tuple[int, str]:
    home.env |= env
    done = home.call(*arguments)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    "name", ["HTTPS_PROXY", *(pytest.param(name, marks=pytest.mark.slow) for name in ("https_proxy", "ALL_PROXY"))]
)
def test_a_proxy_in_env_is_used_for_canvas(new_home: Callable[..., Home], name: str) -> None:
    with serving(*[reply(502, "no way")] * 4) as proxy:
        home = new_home(f"https://{HOST}", **{name: f"http://user:hunter2222@{proxy.host}"})
        home.call("status")
        assert (proxy.asked[0].method, proxy.asked[0].target) == ("CONNECT", f"{HOST}:443")
        shown = call(home, "config")[1]
    assert f"http://********@{proxy.host}" in shown
    assert "hunter2222" not in "".join(home.outputs)


@pytest.mark.slow
def test_the_environment_goes_before_env(new_home: Callable[..., Home]) -> None:
    with serving(*[reply(502, "no way")] * 4) as proxy, serving() as other:
        home = new_home(f"https://{HOST}", HTTPS_PROXY=other.url)
        call(home, "status", https_proxy=proxy.url)
        assert proxy.asked
        assert not other.asked
        assert f"{proxy.url}  " in call(home, "config")[1]


@pytest.mark.slow
def test_hosts_of_no_proxy_are_asked_directly(new_home: Callable[..., Home], golden: Golden) -> None:
    with serving() as proxy:
        home = new_home(f"https://{HOST}", HTTPS_PROXY=proxy.url, NO_PROXY=HOST)
        shown = call(home, "status")[1]
        assert HOST in shown
        golden(shown)
        assert not proxy.asked


def test_an_authority_in_env_is_trusted(new_home: Callable[..., Home]) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with Sandbox(token=TOKEN, ssl_context=context) as sandbox:
        home = new_home(sandbox.url, REQUESTS_CA_BUNDLE="school.pem")
        authority.cert_pem.write_to_path(str(home.folder / "school.pem"))
        home.drop()
        assert call(home, "run") == (0, "")
        assert sandbox.count("user") == 2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "ftp://p"),
        ("http_proxy", "http://p:x"),
        ("REQUESTS_CA_BUNDLE", "/no/such.pem"),
        ("SSL_CERT_FILE", "/etc/ca.pem"),
        ("CURL_CA_BUNDLE", "/etc/ca.pem"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(home: Home, name: str, value: str, golden: Golden) -> None:
    home.configure(**{name: value})
    home.drop()
    code, shown = call(home, "run")
    assert code == 10
    assert f"{name.upper()} (.env)" in shown
    golden(shown)
    assert "ftp://p" not in shown


def test_the_way_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        assert f"`{name}`" in page
