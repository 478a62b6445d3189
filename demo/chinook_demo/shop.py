"""Both services side by side."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpx

from chinook_demo.api import Api
from chinook_demo.following import Followed, follow
from chinook_demo.rows import REPLICATED, WITH_DRAFTS, Row
from chinook_demo.settings import Settings

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shop:
    """The back office, which takes the writes, and the storefront, which follows.

    Attributes:
        master: Client of the back office.
        replica: Client of the storefront.
        notifier_log: What the notifier has logged; None for a stack that is not here.
        patience_seconds: With a replica that does not move; one change takes it milliseconds.
    """

    master: Api
    replica: Api
    notifier_log: Callable[[], str] | None = None
    patience_seconds: float = 60.0

    def follow(self, look: Callable[[], T]) -> Followed[T]:
        """Looks until the replica has followed; see `following.follow`."""
        return follow(look, within_seconds=self.patience_seconds)

    def lag(self) -> int:
        """How many rows the replica has too few, or too many."""
        return sum(
            abs(self._replicated(resource) - self.replica.count(name))
            for resource, name in REPLICATED.items()
        )

    def _replicated(self, resource: str) -> int:
        drafts = self.master.count(resource, status="draft") if resource in WITH_DRAFTS else 0
        return self.master.count(resource) - drafts


def all_rows(api: Api, resources: Iterable[str]) -> dict[str, list[Row]]:
    """Every row that one side shows of these resources."""
    return {resource: api.rows(resource) for resource in resources}


@contextmanager
def open_shop(
    settings: Settings,
    transport: httpx.BaseTransport | None = None,
    notifier_log: Callable[[], str] | None = None,
) -> Iterator[Shop]:
    """Connects to both services, and closes the connections at the end.

    Raises:
        StackUnavailableError: One of them is not there.
    """
    master = Api("master", settings.master_url, token=settings.api_token, transport=transport)
    replica = Api("replica", settings.replica_url, transport=transport)
    try:
        master.check_ready()
        replica.check_ready()
        yield Shop(master, replica, notifier_log)
    finally:
        master.close()
        replica.close()
