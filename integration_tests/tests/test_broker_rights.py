"""What each user of the stack's broker may do: its work, and nothing else."""

from collections.abc import Callable, Iterator

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, ProbableAuthenticationError

from integration_tests import broker
from integration_tests.guarded import GuardedBroker, guarded_broker
from local_stack.rabbitmq_node import find_scripts

ACCESS_REFUSED = 403
#: The queues of the two services that read.
QUEUES = ("storefront", "dead_letter_storefront", "notifier", "dead_letter_notifier")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedBroker]:
    if find_scripts() is None:
        pytest.skip("a broker with users of its own is a private node; RabbitMQ is not installed")
    with guarded_broker(tmp_path_factory.mktemp("guarded")) as running:
        with broker.channel(running.url("admin")) as channel:
            for queue in QUEUES:
                channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
                channel.queue_bind(queue, "cqrs", f"cqrs.{queue}.artist")
        yield running


Attempt = Callable[[BlockingChannel], object]


def publish(exchange: str, key: str) -> Attempt:
    return lambda channel: channel.basic_publish(exchange, key, b"forged")


def bind(queue: str, key: str) -> Attempt:
    return lambda channel: channel.queue_bind(queue, "cqrs", key)


def get(queue: str) -> Attempt:
    return lambda channel: channel.basic_get(queue)


def declare(queue: str, **arguments: str) -> Attempt:
    kind = {"x-queue-type": "quorum", **{k.replace("_", "-"): v for k, v in arguments.items()}}
    return lambda channel: channel.queue_declare(queue, durable=True, arguments=kind)


def attempts(reader: str, queue: str, others: str) -> dict[str, tuple[str, Attempt]]:
    """What a service that reads must not do, beside what concerns it alone."""
    refused: dict[str, Attempt] = {
        "publishes a model": publish("cqrs", "artist"),
        "publishes to another queue": publish("cqrs", f"cqrs.{others}.artist"),
        "publishes to its own queue past its exchanges": publish("", queue),
        "publishes to another queue past the exchange": publish("", others),
        "publishes to an exchange of the broker": publish("amq.topic", "artist"),
        "reads another queue": get(others),
        "reads other dead letters": get(f"dead_letter_{others}"),
        "consumes another queue": lambda c: c.basic_consume(others, lambda *_: None),
        "empties another queue": lambda c: c.queue_purge(others),
        "deletes another queue": lambda c: c.queue_delete(others),
        "declares another queue": declare("another"),
        "declares a queue that is called nearly so": declare(f"{queue}_2"),
        "declares a queue of the broker's naming": lambda c: c.queue_declare("", exclusive=True),
        "deletes the exchange": lambda c: c.exchange_delete("cqrs"),
        "declares another exchange": lambda c: c.exchange_declare("another"),
        "binds everything": bind(queue, "#"),
        "binds every model": bind(queue, "*"),
        "binds what is for another queue": bind(queue, f"cqrs.{others}.artist"),
        "binds what is for any queue": bind(queue, "cqrs.*.artist"),
        "binds another queue": bind(others, "artist"),
        "unbinds another queue": lambda c: c.queue_unbind(others, "cqrs", "artist"),
        "leads its dead letters to the masters' exchange": lambda c: c.exchange_bind(
            "cqrs", f"dead_letter_{queue}"
        ),
    }
    return {f"the {reader} {what}": (reader, attempt) for what, attempt in refused.items()}


REFUSED: dict[str, tuple[str, Attempt]] = {
    **attempts("replica", "storefront", "notifier"),
    **attempts("notifier", "notifier", "storefront"),
    # The broker does not ask for topic rights when a queue's dead letters come to an exchange.
    "the notifier has a queue whose dead letters go to the exchange": (
        "notifier",
        declare("delay_notifier_7ms", x_dead_letter_exchange="cqrs"),
    ),
    "the notifier has a queue whose dead letters go to another queue": (
        "notifier",
        declare("delay_notifier_7ms", x_dead_letter_exchange=""),
    ),
    "the notifier delays for a service that is called nearly so": (
        "notifier",
        declare("delay_notifier_eu_7ms"),
    ),
    "the master reads a queue": ("master", get("storefront")),
    "the master consumes a queue": (
        "master",
        lambda c: c.basic_consume("storefront", lambda *_: None),
    ),
    "the master declares a queue": ("master", declare("another")),
    "the master declares a queue of the broker's naming": (
        "master",
        lambda c: c.queue_declare("", exclusive=True),
    ),
    "the master binds a queue": ("master", bind("storefront", "artist")),
    "the master empties a queue": ("master", lambda c: c.queue_purge("storefront")),
    "the master deletes a queue": ("master", lambda c: c.queue_delete("storefront")),
    "the master publishes past its exchange": ("master", publish("", "storefront")),
    "the master publishes to dead letters": ("master", publish("dead_letter_storefront", "")),
    "the master declares another exchange": ("master", lambda c: c.exchange_declare("another")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_a_services_work_is_refused(guarded: GuardedBroker, what: str) -> None:
    user, attempt = REFUSED[what]
    with broker.channel(guarded.url("admin")) as channel:
        for exchange in ("dead_letter_storefront", "dead_letter_notifier"):
            channel.exchange_declare(exchange, "fanout", durable=True)

    with broker.channel(guarded.url(user)) as channel:
        channel.confirm_delivery()
        with pytest.raises(ChannelClosedByBroker) as caught:
            attempt(channel)

    assert caught.value.reply_code == ACCESS_REFUSED, caught.value.reply_text


@pytest.mark.parametrize("key", ["artist", "cqrs.storefront.artist"])
def test_the_master_publishes_and_each_reader_binds_its_own(
    guarded: GuardedBroker, key: str
) -> None:
    with broker.channel(guarded.url("replica")) as replica:
        bind("storefront", key)(replica)
        with broker.channel(guarded.url("master")) as master:
            master.confirm_delivery()
            master.basic_publish("cqrs", key, b"a change", mandatory=True)

        *_, body = replica.basic_get("storefront", auto_ack=True)

    assert body == b"a change"


@pytest.mark.parametrize(("user", "password"), [("guest", "guest"), ("master", "guest")])
def test_nobody_comes_in_who_is_not_known(
    guarded: GuardedBroker, user: str, password: str
) -> None:
    with pytest.raises(ProbableAuthenticationError):
        pika.BlockingConnection(pika.URLParameters(guarded.node.url_of(user, password)))
