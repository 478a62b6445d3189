"""Signs of life as relays and workers would have left them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone

from dj_cqrs.heartbeats.signs import Seen, Sign, Store
from dj_cqrs.inbox.models import WorkerHeartbeat
from dj_cqrs.outbox.models import RelayHeartbeat


def seen(
    name: str = "worker 1 on a", *, age: float = 1000, silent: float = 0, **sign: Any
) -> Seen:
    return Seen(Sign(name, "a", 1, **sign), age, silent)


def leave(model: Any, name: str, *, silent: float = 0, age: float = 1000, **values: Any) -> None:
    """A row of a process that was seen last so many seconds ago."""
    now = timezone.now()
    model.objects.create(
        name=name,
        host=values.pop("host", "elsewhere"),
        pid=1,
        started_at=now - timedelta(seconds=age),
        beat_at=now - timedelta(seconds=silent),
        **values,
    )


def all_is_well() -> None:
    leave(RelayHeartbeat, "relay 1 on elsewhere")
    leave(WorkerHeartbeat, "worker 1 on elsewhere")


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class ListStore:
    """A ``Store`` that keeps every sign that was ever written."""

    def __init__(self, fail: Callable[[], None] = lambda: None) -> None:
        self.signs: list[Sign] = []
        self.removed: list[str] = []
        self.others: list[Seen] = []
        self._fail = fail

    def write(self, sign: Sign, *, is_first: bool) -> None:
        self._fail()
        assert is_first is (not self.signs)
        self.signs.append(sign)

    def read(self) -> list[Seen]:
        return self.others

    def remove(self, names: list[str]) -> None:
        self._fail()
        self.removed += names


def names(store: Store) -> list[str]:
    return [one.sign.name for one in store.read()]
