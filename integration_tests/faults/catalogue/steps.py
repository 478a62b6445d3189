"""Processes are hit between two particular steps, at the fail points of the library."""

from collections.abc import Callable, Iterator

from faults import poison
from faults.catalogue.fault import Fault, NotHereError, Strike
from integration_tests import broker
from integration_tests.fail_points import Action
from local_stack.waiting import eventually

_BACK_SECONDS = 60
_ACTIONS: tuple[Action, ...] = ("KILL", "TERM")
_OF_WRITERS = "master."


def _load_goes_on(_strike: Strike) -> None:
    """The load comes there by itself."""


def _poison_is_sent(strike: Strike) -> None:
    """So that something is parked."""
    places = strike.site.places
    strike.site.ledger.poison.append(poison.HOPELESS["no JSON"])
    broker.publish(
        places.broker_url, places.queue, poison.HOPELESS["no JSON"], headers={}, exchange=""
    )


def _rows_are_synced(strike: Strike) -> None:
    strike.site.sync()


#: By point: what makes a process come there.
_POINTS: dict[str, Callable[[Strike], None]] = {
    "master.row_written": _load_goes_on,
    "master.recorded": _load_goes_on,
    "master.committed": _load_goes_on,
    "relay.claimed": _load_goes_on,
    "relay.published": _load_goes_on,
    "relay.confirmed": _load_goes_on,
    "relay.deleting": _load_goes_on,
    "relay.deleted": _load_goes_on,
    "consumer.received": _load_goes_on,
    "consumer.applied": _load_goes_on,
    "consumer.committed": _load_goes_on,
    "consumer.acking": _load_goes_on,
    "consumer.parked": _poison_is_sent,
    "sync.chunk": _rows_are_synced,
}


def _at(point: str, action: Action) -> Callable[[Strike], None]:
    def strike_it(strike: Strike) -> None:
        fail_points = strike.site.fail_points(point)
        if fail_points is None:
            raise NotHereError("no fail points")
        fail_points.arm(point, action)
        _POINTS[point](strike)
        fail_points.wait_until_met(point)
        eventually(strike.site.start, within_seconds=_BACK_SECONDS)

    return strike_it


def step_faults() -> Iterator[Fault]:
    """All of them."""
    for point in _POINTS:
        for action in _ACTIONS:
            yield Fault(
                f"SIG{action} at {point}",
                "steps",
                _at(point, action),
                disturbs_writers=point.startswith(_OF_WRITERS),
            )
