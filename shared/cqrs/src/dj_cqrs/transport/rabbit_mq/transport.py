"""``RabbitMQTransport``: what the settings name; puts the parts together."""

import functools
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

from dj_cqrs import conf
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.transport.base import (
    BaseTransport,
    BrokerStatus,
    Consumer,
    DeadLetterQueue,
    Publisher,
)
from dj_cqrs.transport.direct import DirectProducer
from dj_cqrs.transport.rabbit_mq.consumer import MAX_PREFETCH, QueueConsumer
from dj_cqrs.transport.rabbit_mq.dead_letter_queue import BrokerDeadLetters
from dj_cqrs.transport.rabbit_mq.dead_letters import DeadLetters
from dj_cqrs.transport.rabbit_mq.declaration import Declared, Exchange, declare, look_up, unbind
from dj_cqrs.transport.rabbit_mq.delays import (
    Delays,
    declare_return,
    delay_exchange,
    return_exchange,
)
from dj_cqrs.transport.rabbit_mq.link import Link
from dj_cqrs.transport.rabbit_mq.parameters import connection_parameters
from dj_cqrs.transport.rabbit_mq.publisher import ConfirmingPublisher
from dj_cqrs.transport.topology import CLASSIC, DelayTopology, Topology, replica_topology


class RabbitMQTransport(BaseTransport):
    """Transport class for RabbitMQ.

    Attributes:
        PRODUCER_RETRIES: attempts of ``produce`` after the first one.
    """

    PRODUCER_RETRIES: ClassVar[int] = 1

    consumers: ClassVar[dict[Any, Any]] = {}

    _producer: ClassVar[DirectProducer] = DirectProducer(lambda: _publisher("producer"))

    @classmethod
    def check_settings(cls) -> None:
        """Reads the URL, or its parts, and what there is about TLS.

        Raises:
            ConfigurationError: it cannot work; says what to change.
        """
        connection_parameters("check")

    @classmethod
    def publisher(cls) -> Publisher:
        """Returns a new publisher; it connects when it is first used."""
        return _publisher("relay")

    @classmethod
    def consumer(cls, cqrs_ids: Collection[str] | None = None) -> Consumer:
        """Returns a new, connected consumer of this service's queue.

        What is missing on the broker is created, so that services may start in any order.

        Args:
            cqrs_ids: binds the queue for these models only. All consumers share the queue, so
                that each of them still gets whatever is in it.

        Raises:
            ConfigurationError: settings are wrong, or the broker has something else of our names.
            TransportError: the broker cannot be reached.
        """
        # Twice a batch: the next one is here while this one is applied.
        return cls.consumer_with_prefetch(cqrs_ids, 2 * conf.config().replica.batch_size)

    @classmethod
    def consumer_with_prefetch(cls, cqrs_ids: Collection[str] | None, prefetch: int) -> Consumer:
        """As ``consumer``, with so many unsettled messages at most; 0 for the broker's limit."""
        topology = _topology(cqrs_ids)
        link = Link(connection_parameters("consumer"))
        try:
            *_, queue = _declare(link, topology)
            return QueueConsumer(
                link,
                topology.queue,
                prefetch=prefetch or MAX_PREFETCH,
                dead_letters=_dead_letters(topology),
                delays=_delays(topology),
                keeps_rejected=queue.state.is_ours and topology.queue_type != CLASSIC,
            )
        except BaseException:
            link.close()
            raise

    @classmethod
    def declare(cls) -> Sequence[str]:
        """Creates what is missing of this service's queues and bindings.

        Returns:
            A line for people on each thing: what it is, and whether it was created or existed.

        Raises:
            ConfigurationError: settings are wrong, or the broker has something else of our names.
            TransportError: the broker cannot be reached.
        """
        topology = _topology(None)
        link = Link(connection_parameters("declare"))
        try:
            return [str(declared) for declared in _declare(link, topology)]
        finally:
            link.close()

    @classmethod
    def unbind(cls, cqrs_ids: Collection[str]) -> Sequence[str]:
        """Makes this service's queue get no more messages of models that it had once.

        Returns:
            A line for people on each model.

        Raises:
            ConfigurationError: settings are wrong, or the broker does not let us.
            TransportError: the broker cannot be reached.
        """
        topology = _topology(cqrs_ids)
        link = Link(connection_parameters("declare"))
        try:
            unbind(link, topology)
        finally:
            link.close()
        return [f"binding {cqrs_id}: removed" for cqrs_id in topology.cqrs_ids]

    @classmethod
    def status(cls) -> BrokerStatus:
        """Connects, and asks how many messages and consumers this service's queue has.

        Raises:
            ConfigurationError: settings are wrong, or the broker does not let us look.
            TransportError: the broker cannot be reached.
        """
        link = Link(connection_parameters("status"))
        try:
            queue = conf.config().queue if ReplicaRegistry.models else None
            return BrokerStatus(link.where) if queue is None else look_up(link, queue)
        finally:
            link.close()

    @classmethod
    def dead_letters(cls) -> DeadLetterQueue:
        """Returns this service's dead letters in the broker, connected.

        Raises:
            ConfigurationError: settings are wrong.
            TransportError: the broker cannot be reached.
        """
        topology = _topology(None)
        # Back to the queue, and past the exchange of the masters: who may publish there may
        # publish to everybody.
        back = return_exchange(DelayTopology(topology.queue))
        link = Link(connection_parameters("dead letters"))
        return BrokerDeadLetters(
            link, topology, _publisher("dead letters", back), _dead_letters(topology)
        )

    @classmethod
    def consume(cls, cqrs_ids: Collection[str] | None = None) -> None:
        """Receives data from master models until told to stop.

        Args:
            cqrs_ids: see ``consumer``.
        """
        from dj_cqrs.controller import consumer

        consumer.run(cls, cqrs_ids)

    @classmethod
    def produce(cls, payload: TransportPayload) -> None:
        """Publishes one payload now, within ``CQRS['produce_timeout']`` seconds.

        A failure is logged, not raised: the change is committed already. After one that took
        long, the next payloads fail at once for a while.

        Args:
            payload: what to publish.
        """
        cls._producer.produce(payload, retries=cls.PRODUCER_RETRIES, log_produced=cls.log_produced)

    @classmethod
    def clean_connection(cls) -> None:
        """Closes the connection that ``produce`` keeps for this thread, if there is one."""
        cls._producer.close()


def _declare(link: Link, topology: Topology) -> list[Declared]:
    """The queue comes last. Only without an inbox does the broker hold what is to be retried."""
    declared = declare(link, topology)
    if conf.inbox_is_installed():
        return declared
    return [declare_return(link, DelayTopology(topology.queue)), *declared]


def publisher_for(role: str) -> ConfirmingPublisher:
    """A new publisher to the exchange of the settings; ``role`` is shown by the broker."""
    return _publisher(role)


def _publisher(role: str, exchange: Exchange | None = None) -> ConfirmingPublisher:
    return ConfirmingPublisher(
        functools.partial(connection_parameters, role),
        exchange or Exchange(conf.config().exchange),
    )


def _dead_letters(topology: Topology) -> DeadLetters:
    exchange = Exchange(topology.dead_letter_exchange, kind="fanout")
    return DeadLetters(topology.dead_letter_queue, _publisher("dead letters", exchange))


def _delays(topology: Topology) -> Delays:
    delays = DelayTopology(topology.queue)
    return Delays(delays, _publisher("delays", delay_exchange(delays)))


def _topology(cqrs_ids: Collection[str] | None) -> Topology:
    config = conf.config()
    if not config.queue:
        raise ConfigurationError("CQRS queue is not set.")
    return replica_topology(
        exchange=config.exchange,
        queue=config.queue,
        dead_letter_queue=config.replica.dead_letter_queue,
        cqrs_ids=ReplicaRegistry.models if cqrs_ids is None else cqrs_ids,
        queue_type=config.replica.queue_type,
    )
