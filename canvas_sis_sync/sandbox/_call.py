"""One authorized request on its way to an endpoint, and what endpoints have in common.

Owns base URL, pagination (API 4) and the look-up of accounts. Authorization happened before, in `_server`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

from werkzeug.wrappers import Request as HttpRequest

from canvas_sis_sync.sandbox._records import SandboxUser
from canvas_sis_sync.sandbox._replies import ErrorReply, not_found
from canvas_sis_sync.sandbox._state import State
from canvas_sis_sync.sandbox._store import Stored

Item = TypeVar("Item")
_PAGE = 10
_PAGE_LIMIT = 50
_ID_DIGITS = 19
"""With fewer a number fits into the database."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, who asks, and what the sandbox knows."""

    state: State
    request: HttpRequest
    user: SandboxUser

    @property
    def base_url(self) -> str:
        """Scheme and host as the client wrote them."""
        return f"{self.request.scheme}://{self.request.host}"

    def params(self) -> dict[str, str]:
        """Return the query parameters, the last of equal names."""
        return {name: values[-1] for name, values in self.request.args.lists()}

    def account_id(self, text: str) -> int:
        """Return the account's id for a number or `self`; raises ErrorReply 404 for an unknown one."""
        return int(self.account(text)["id"])

    def account(self, text: str) -> Stored:
        """Return the account for a number or `self`; raises ErrorReply 404 for an unknown one."""
        if text != "self" and not (text.isdecimal() and len(text) < _ID_DIGITS):
            raise not_found()
        account = self.state.store.account(None if text == "self" else int(text))
        if account is None:
            raise not_found()
        return account

    def root_account_id(self, text: str) -> int:
        """Return the id of a root account where SIS data may be handled (API 1).

        Raises ErrorReply: 404 for an unknown account, 400 for a sub-account, then 403 without permission.
        """
        account = self.account(text)
        account_id: int = account["id"]
        if account["root"] != account_id:
            raise ErrorReply(400, {"errors": ["SIS data belong to a root account, and this is not one."]})
        if not self.user.may_import:
            message = "The user of this token has no permission for that."
            raise ErrorReply(403, {"status": "unauthorized", "errors": [{"message": message}]})
        return account_id

    def page(self, items: Sequence[Item]) -> tuple[Sequence[Item], dict[str, str]]:
        """Cut out the page that was asked for; the headers link to its neighbors."""
        size = min(max(_whole(self.request.args.get("per_page"), _PAGE), 1), _PAGE_LIMIT)
        number = max(_whole(self.request.args.get("page"), 1), 1)
        links = {"current": number}
        if number * size < len(items):
            links["next"] = number + 1
        if number > 1:
            links["prev"] = number - 1
        links["first"] = 1
        link = ",".join(f'<{self._page_url(page, size)}>; rel="{name}"' for name, page in links.items())
        return items[(number - 1) * size : number * size], {"link": link}

    def _page_url(self, page: int, size: int) -> str:
        kept = [
            (name, value)
            for name, value in self.request.args.items(multi=True)
            if name not in {"access_token", "page", "per_page"}
        ]
        query: list[tuple[str, Any]] = [*kept, ("page", page), ("per_page", size)]
        return f"{self.base_url}{self.request.path}?{urlencode(query)}"


def _whole(text: str | None, default: int) -> int:
    try:
        return int(text or "")
    except ValueError:
        return default
