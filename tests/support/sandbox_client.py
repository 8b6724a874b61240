from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import requests

from canvas_sis_sync.sandbox.sandbox import Sandbox


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


class Client:
    """Talks to a sandbox as plainly as can be; names of files are keyword arguments without `.csv`."""

    def __init__(self, sandbox: Sandbox, token: str | None = None, account: int | str = "self") -> None:
        self.sandbox = sandbox
        self.headers = {"Authorization": f"Bearer {token or sandbox.token}", "User-Agent": "sandbox-tests"}
        self.account = account
        self.session = requests.Session()
        self.session.trust_env = False

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        url = path if path.startswith("http") else f"{self.sandbox.url}/api/v1/{path}"
        options.setdefault("headers", self.headers)
        return self.session.request(method, url, timeout=20, allow_redirects=False, **options)

    def download(self, url: str) -> requests.Response:
        """Fetch a file as a client must: the token to Canvas, none to the storage behind its redirect."""
        sent_on = self.ask("GET", url)
        assert sent_on.status_code == 302, sent_on.text
        return self.ask("GET", sent_on.headers["location"], headers={"User-Agent": "sandbox-tests"})

    def imports(self, method: str = "GET", path: str = "", **options: Any) -> requests.Response:
        return self.ask(method, f"accounts/{self.account}/sis_imports{path}", **options)

    def get(self, import_id: int) -> dict[str, Any]:
        answer = self.imports(path=f"/{import_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, files: Mapping[str, str | bytes], **params: Any) -> requests.Response:
        return self.imports("POST", params={"extension": "zip", **params}, data=zipped(files))

    def start(self, files: Mapping[str, str | bytes], **params: Any) -> int:
        answer = self.post(files, **params)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["id"])

    def run(self, files: Mapping[str, str | bytes], **params: Any) -> dict[str, Any]:
        """Import files and return the import as it is at the end."""
        import_id = self.start(files, **params)
        self.sandbox.wait_idle()
        return self.get(import_id)

    def said(self, import_id: int) -> list[tuple[str | None, int | None, str]]:
        """Return file, row and message of everything that was said, in order."""
        found: list[dict[str, Any]] = []
        answer = self.imports(path=f"/{import_id}/errors", params={"per_page": 50})
        found += answer.json()["sis_import_errors"]
        while "next" in answer.links:
            answer = self.ask("GET", answer.links["next"]["url"])
            found += answer.json()["sis_import_errors"]
        return [(e["file"], e["row"], e["message"]) for e in reversed(found)]


def until(condition: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Wait for something to come true and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("it never came true")
