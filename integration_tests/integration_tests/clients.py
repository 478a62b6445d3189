"""Clients of the two APIs; an answer that is not a success is an error with its body."""

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import httpx

from integration_tests.services import API_TOKEN

Item = dict[str, Any]

_TIMEOUT_SECONDS = 60


class _Client:
    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self._http = httpx.Client(base_url=base_url, headers=headers, timeout=_TIMEOUT_SECONDS)

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send a request and return the answer, whatever it is."""
        return self._http.request(method, f"/api/{path}", **arguments)

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.request(method, path, **arguments)
        if answer.is_error:
            raise httpx.HTTPStatusError(
                f"{method} {path}: {answer.status_code} {answer.text[:500]}",
                request=answer.request,
                response=answer,
            )
        return answer.json() if answer.content else None

    def get(self, resource: str, pk: int) -> Item | None:
        """One row, or None if there is none."""
        answer = self.request("GET", f"{resource}/{pk}/")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        row: Item = answer.raise_for_status().json()
        return row

    def find(self, resource: str, **filters: Any) -> list[Item]:
        """Rows of the first page of a list."""
        page: Item = self._json("GET", f"{resource}/", params=filters)
        found: list[Item] = page["results"]
        return found

    def figures(self, of: str) -> list[Item]:
        """All sales figures of tracks, artists or countries."""
        found = self._json("GET", f"figures/{of}/", params={"page_size": 1000})
        rows: list[Item] = found if isinstance(found, list) else found["results"]
        return rows

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class ReplicaClient(_Client):
    """Reads of the replica's API."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url, {})


class MasterClient(_Client):
    """Reads and writes of the master's API. Not to be shared by threads."""

    def __init__(self, base_url: str) -> None:
        super().__init__(base_url, {"Authorization": f"Bearer {API_TOKEN}"})

    def create(self, resource: str, **fields: Any) -> Item:
        """Create a row."""
        row: Item = self._json("POST", f"{resource}/", json=fields)
        return row

    def update(self, resource: str, pk: int, **fields: Any) -> Item:
        """Change some fields of a row."""
        row: Item = self._json("PATCH", f"{resource}/{pk}/", json=fields)
        return row

    def delete(self, resource: str, pk: int, **parameters: str) -> None:
        """Delete a row."""
        self._json("DELETE", f"{resource}/{pk}/", params=parameters)

    def bulk_create(self, resource: str, items: Sequence[Mapping[str, Any]]) -> list[Item]:
        """Create many rows with one request."""
        rows: list[Item] = self._json("POST", f"{resource}/bulk/", json=list(items))
        return rows

    def reprice(self, ids: Sequence[int], unit_price: str) -> None:
        """Give many tracks one price."""
        self._json("PATCH", "tracks/bulk/", json={"ids": list(ids), "unit_price": unit_price})

    def settle(self, action: str, *ids: int) -> None:
        """Pay or cancel invoices."""
        self._json("POST", f"invoices/{action}/", json={"ids": list(ids)})
