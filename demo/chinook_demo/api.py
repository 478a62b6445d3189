"""One of the two REST APIs: requests, pages, and errors that say what to do."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from chinook_demo.errors import RefusedError, StackUnavailableError
from chinook_demo.rows import Row

_TIMEOUT_SECONDS = 60
#: The largest page that both services give.
_PAGE_SIZE = 1000
#: Characters of an error that are shown.
_ERROR_LENGTH = 500


class Api:
    """A client of one service."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        token: str = "",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Prepares the client; nothing is sent yet.

        Args:
            name: "master" or "replica", for messages.
            url: Where the service listens, without /api/.
            token: What its writes need.
            transport: Another way to the service, for tests.
        """
        self.name = name
        self.url = url
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # The stack is on this machine, whatever proxy the environment has for other places.
        self._http = httpx.Client(
            base_url=url,
            headers=headers,
            timeout=_TIMEOUT_SECONDS,
            transport=transport,
            trust_env=False,
        )

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def check_ready(self) -> None:
        """Asks the service whether it can work.

        Raises:
            StackUnavailableError: It does not answer, or says that it is not ready.
        """
        answer = self._send("GET", "/readyz")
        if answer.status_code != httpx.codes.OK:
            raise StackUnavailableError(
                f"the {self.name} service at {self.url} is not ready "
                f"({answer.status_code} {answer.text[:_ERROR_LENGTH]}): {self._advice}"
            )

    def count(self, resource: str, **filters: Any) -> int:
        """How many rows there are."""
        page = self.get(f"{resource}/", **filters, page_size=1)
        count: int = page["count"]
        return count

    def rows(self, resource: str, **filters: Any) -> list[Row]:
        """All rows, page by page."""
        return [row for page in self._pages(resource, filters) for row in page]

    def _pages(self, resource: str, filters: dict[str, Any]) -> Iterator[list[Row]]:
        number = 1
        while True:
            page = self.get(f"{resource}/", **filters, page=number, page_size=_PAGE_SIZE)
            yield page["results"]
            if page["next"] is None:
                return
            number += 1

    def get(self, path: str, **parameters: Any) -> Any:
        """What is at this address, below /api/."""
        return self._parsed(self._send("GET", f"/api/{path}", params=parameters))

    def find(self, resource: str, key: int) -> Row | None:
        """One row, or None where there is none."""
        answer = self._send("GET", f"/api/{resource}/{key}/")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        row: Row = self._parsed(answer)
        return row

    def create_many(self, resource: str, bodies: Sequence[Row]) -> list[Row]:
        """Creates rows, all or none, and returns them in the same order."""
        created: list[Row] = self._write("POST", f"{resource}/bulk/", bodies)
        return created

    def patch(self, path: str, body: Row) -> Any:
        """Changes what the body names."""
        return self._write("PATCH", path, body)

    def delete(self, resource: str, key: int) -> None:
        """Deletes a row and what belongs to it."""
        self._parsed(self._send("DELETE", f"/api/{resource}/{key}/"))

    def _write(self, method: str, path: str, body: Any) -> Any:
        # A Decimal goes as a string: both services take and give prices like that.
        content = json.dumps(body, default=str)
        headers = {"Content-Type": "application/json"}
        return self._parsed(self._send(method, f"/api/{path}", content=content, headers=headers))

    @property
    def _advice(self) -> str:
        return f"run make up first, or say where it is with {self.name.upper()}_URL"

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **arguments)
        except httpx.TransportError as error:
            raise StackUnavailableError(
                f"the {self.name} service does not answer at {self.url} ({error}): {self._advice}"
            ) from error

    def _parsed(self, answer: httpx.Response) -> Any:
        if answer.is_success:
            return answer.json() if answer.content else None
        hint = (
            " (is API_TOKEN the one of the running stack?)"
            if answer.status_code == httpx.codes.UNAUTHORIZED
            else ""
        )
        raise RefusedError(
            f"the {self.name} service refuses {answer.request.method} {answer.request.url}: "
            f"{answer.status_code} {answer.text[:_ERROR_LENGTH]}{hint}"
        )
