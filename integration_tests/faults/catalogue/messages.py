"""What comes out of the queue: twice, late, in any order, or not fit to be applied at all."""

from collections.abc import Callable, Iterator, Sequence

from faults import poison
from faults.catalogue.fault import Fault, Strike
from integration_tests import broker
from integration_tests.broker import Published
from local_stack.waiting import eventually

_WRITES = 15


def _again(strike: Strike, order: Callable[[list[Published]], Sequence[Published]]) -> None:
    """Taps what is published for a while, and sends it once more to the same queue."""
    places = strike.site.places
    with broker.tap(places.broker_url, exchange=places.exchange) as tap:
        strike.load.wait_for_writes(_WRITES)
        eventually(lambda: _check_tapped(tap))
        messages = list(tap.published)
    for message in order(messages):
        broker.publish(
            places.broker_url,
            places.queue,
            message.body,
            headers=message.headers,
            exchange="",
        )


def _check_tapped(tap: broker.Tap) -> None:
    assert tap.read(), "nothing was published"


def _duplicated(strike: Strike) -> None:
    _again(strike, lambda messages: messages)


def _reordered(strike: Strike) -> None:
    def shuffled(messages: list[Published]) -> Sequence[Published]:
        return strike.rng.sample(messages, len(messages))

    _again(strike, shuffled)


def _backwards(strike: Strike) -> None:
    _again(strike, lambda messages: [message for message in reversed(messages) for _ in range(2)])


def _poisoned(strike: Strike) -> None:
    """One body of each kind, between good ones."""
    places = strike.site.places
    bodies = strike.rng.sample(list(poison.HOPELESS.values()), len(poison.HOPELESS))
    strike.site.ledger.poison += bodies
    broker.publish(places.broker_url, places.queue, *bodies, headers={}, exchange="")


def _oversized(strike: Strike) -> None:
    places = strike.site.places
    body = poison.oversized()
    strike.site.ledger.poison.append(body)
    broker.publish(places.broker_url, places.queue, body, headers={}, exchange="")


def message_faults() -> Iterator[Fault]:
    """All of them."""
    yield Fault("messages duplicated", "messages", _duplicated)
    yield Fault("messages reordered", "messages", _reordered)
    yield Fault("messages backwards and twice", "messages", _backwards)
    yield Fault("poison", "messages", _poisoned)
    yield Fault("oversized message", "messages", _oversized)
