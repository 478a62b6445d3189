"""What is declared on the broker, beside what is there already."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pytest_django import Settings

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import Publisher
from local_stack.servers import RabbitMQServer
from tests.transport.messages import messages, receive


def listed(rabbitmq: RabbitMQServer, *arguments: str) -> list[list[str]]:
    return [line.split("\t") for line in rabbitmq.ctl(*arguments).splitlines()]


def test_everything_of_a_replica_is_created_durable_and_as_quorum_queues(
    cqrs: dict[str, Any], rabbitmq: RabbitMQServer
) -> None:
    exchange, queue = cqrs["exchange"], cqrs["queue"]

    lines = RabbitMQTransport.declare()

    assert lines == [
        f"exchange {exchange}: created",
        f"exchange dead_letter_{queue}: created",
        f"queue dead_letter_{queue}: created",
        f"queue {queue}: created",
    ]
    exchanges = listed(rabbitmq, "list_exchanges", "name", "type", "durable")
    assert [exchange, "topic", "true"] in exchanges
    assert [f"dead_letter_{queue}", "fanout", "true"] in exchanges
    queues = {
        name: (kind, durable, arguments)
        for name, kind, durable, arguments in listed(
            rabbitmq, "list_queues", "name", "type", "durable", "arguments"
        )
    }
    kind, durable, arguments = queues[queue]
    assert (kind, durable) == ("quorum", "true")
    assert "x-dead-letter-exchange" in arguments
    assert arguments.count("x-") == 2, "limits and times belong into policies"
    assert queues[f"dead_letter_{queue}"][:2] == ("quorum", "true")


def test_queues_are_bound_for_every_replica_model(
    cqrs: dict[str, Any], rabbitmq: RabbitMQServer
) -> None:
    exchange, queue = cqrs["exchange"], cqrs["queue"]

    RabbitMQTransport.declare()

    bound = listed(rabbitmq, "list_bindings", "source_name", "destination_name", "routing_key")
    assert ReplicaRegistry.models
    for cqrs_id in ReplicaRegistry.models:
        assert [exchange, queue, cqrs_id] in bound
        assert [exchange, queue, f"cqrs.{queue}.{cqrs_id}"] in bound
        dead = f"dead_letter_{queue}"
        assert [exchange, dead, f"cqrs.{dead}.{cqrs_id}"] in bound


def test_second_declaration_finds_everything(cqrs: dict[str, Any]) -> None:
    RabbitMQTransport.declare()

    assert all(line.endswith(": exists") for line in RabbitMQTransport.declare())


def test_several_processes_may_declare_at_once(cqrs: dict[str, Any]) -> None:
    with ThreadPoolExecutor(8) as pool:
        declarations = [pool.submit(RabbitMQTransport.declare) for _ in range(8)]

    assert all(len(declaration.result()) == 4 for declaration in declarations)


def test_names_of_the_settings_are_used(cqrs: dict[str, Any], settings: Settings) -> None:
    rejected = f"rejected-{cqrs['queue']}"
    settings.CQRS = {**cqrs, "replica": {"dead_letter_queue": rejected}}

    assert f"queue {rejected}: created" in RabbitMQTransport.declare()


def test_classic_queues_are_created_as_django_cqrs_does_and_keep_what_is_rejected(
    cqrs: dict[str, Any], settings: Settings, amqp: BlockingChannel
) -> None:
    settings.CQRS = {**cqrs, "replica": {"queue_type": "classic"}}
    queue = cqrs["queue"]
    RabbitMQTransport.declare()
    amqp.queue_declare(queue, durable=True)  # refused if there were arguments
    amqp.queue_declare(f"dead_letter_{queue}", durable=True)

    amqp.basic_publish("", queue, b"not even JSON")
    consumer = RabbitMQTransport.consumer()
    try:
        (delivery,) = consumer.receive(max_messages=1, timeout_seconds=10)
        consumer.reject(delivery)
    finally:
        consumer.close()

    method, _, body = amqp.basic_get(f"dead_letter_{queue}", auto_ack=True)
    assert method is not None
    assert body == b"not even JSON"


def test_another_type_of_queue_is_refused(cqrs: dict[str, Any], settings: Settings) -> None:
    settings.CQRS = {**cqrs, "replica": {"queue_type": "stream"}}

    with pytest.raises(ConfigurationError, match="must be one of: quorum, classic"):
        RabbitMQTransport.declare()


def test_queue_of_others_is_left_alone_and_named(
    cqrs: dict[str, Any], amqp: BlockingChannel
) -> None:
    amqp.queue_declare(cqrs["queue"], durable=True, arguments={"x-max-length": 5})

    *_, line = RabbitMQTransport.declare()

    assert line == f"queue {cqrs['queue']}: exists, declared with other arguments"


def test_queue_that_would_not_survive_the_broker_is_refused(
    cqrs: dict[str, Any], amqp: BlockingChannel
) -> None:
    amqp.queue_declare(cqrs["queue"], durable=False, auto_delete=True)

    with pytest.raises(ConfigurationError, match=r"not what is needed.*durable"):
        RabbitMQTransport.declare()


def test_queue_that_another_connection_owns_is_refused(
    cqrs: dict[str, Any], amqp: BlockingChannel
) -> None:
    amqp.queue_declare(cqrs["queue"], exclusive=True)

    with pytest.raises(ConfigurationError, match="not what is needed"):
        RabbitMQTransport.declare()


def test_service_without_a_queue_is_told_so(cqrs: dict[str, Any], settings: Settings) -> None:
    settings.CQRS = {**cqrs, "queue": None}

    with pytest.raises(ConfigurationError, match="CQRS queue is not set"):
        RabbitMQTransport.declare()


@pytest.fixture(scope="module")
def reader(rabbitmq: RabbitMQServer) -> str:
    """A user who may bind and read, and create nothing."""
    rabbitmq.ctl("add_user", "reader", "pw")
    rabbitmq.ctl("set_permissions", "reader", "^$", ".*", ".*")
    return "reader"


class TestUserWithFewRights:
    @pytest.fixture
    def few_rights(self, cqrs: dict[str, Any], reader: str) -> dict[str, Any]:
        """Settings with this user."""
        return {**cqrs, "url": cqrs["url"].replace("test:test@", f"{reader}:pw@")}

    def test_is_told_what_it_may_not_declare(
        self, few_rights: dict[str, Any], settings: Settings
    ) -> None:
        settings.CQRS = few_rights

        with pytest.raises(ConfigurationError, match="does not let this user declare exchange"):
            RabbitMQTransport.declare()

    def test_consumes_what_a_deploy_step_declared(
        self, few_rights: dict[str, Any], settings: Settings, publisher: Publisher
    ) -> None:
        RabbitMQTransport.declare()
        key = next(iter(ReplicaRegistry.models))
        publisher.publish(messages([1], key=key), timeout_seconds=10)
        settings.CQRS = few_rights

        consumer = RabbitMQTransport.consumer()

        (delivery,) = receive(consumer, 1)
        consumer.ack([delivery])
        consumer.close()
        again = RabbitMQTransport.consumer()
        assert again.receive(max_messages=1, timeout_seconds=0.5) == []
        again.close()

    def test_loses_nothing_that_is_rejected_from_a_queue_whose_arguments_it_may_not_see(
        self,
        few_rights: dict[str, Any],
        settings: Settings,
        publisher: Publisher,
        bodies_in: Callable[[str], list[bytes]],
        amqp: BlockingChannel,
    ) -> None:
        amqp.queue_declare(few_rights["queue"], durable=True)  # as django-cqrs does
        RabbitMQTransport.consumer(["track"]).close()
        publisher.publish(messages([1]), timeout_seconds=10)
        settings.CQRS = few_rights
        consumer = RabbitMQTransport.consumer(["track"])
        (delivery,) = receive(consumer, 1)

        consumer.reject(delivery)
        consumer.close()

        assert bodies_in(f"dead_letter_{few_rights['queue']}") == [b"1"]
