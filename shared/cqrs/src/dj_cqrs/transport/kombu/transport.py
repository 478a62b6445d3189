"""``KombuTransport``: what the settings name; chooses by the kind of broker.

RabbitMQ has one client in this library, whatever the transport is called: see
docs/adr/0014-kombus-brokers.md.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

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
from dj_cqrs.transport.kombu.address import CONNECT_SECONDS, Kind, address, kind, prefetch_count
from dj_cqrs.transport.kombu.consumer import MailboxConsumer
from dj_cqrs.transport.kombu.dead_letter_queue import MailboxDeadLetters
from dj_cqrs.transport.kombu.mailbox import Mailbox
from dj_cqrs.transport.kombu.publisher import MailboxPublisher
from dj_cqrs.transport.topology import Topology, replica_topology

if TYPE_CHECKING:
    from dj_cqrs.transport.rabbit_mq import RabbitMQTransport


class KombuTransport(BaseTransport):
    """Transport class for Kombu.

    Attributes:
        PRODUCER_RETRIES: attempts of ``produce`` after the first one.
    """

    PRODUCER_RETRIES: ClassVar[int] = 1

    consumers: ClassVar[dict[Any, Any]] = {}

    _producer: ClassVar[DirectProducer] = DirectProducer(lambda: _publisher("producer"))

    @classmethod
    def check_settings(cls) -> None:
        """Reads the URL and how many messages a consumer may hold.

        Raises:
            ConfigurationError: it cannot work; says what to change.
        """
        prefetch_count()
        if kind() is Kind.AMQP:
            _rabbit_mq().check_settings()
            return
        address()

    @classmethod
    def publisher(cls) -> Publisher:
        """Returns a new publisher; it connects when it is first used."""
        return _publisher("relay")

    @classmethod
    def consumer(cls, cqrs_ids: Collection[str] | None = None) -> Consumer:
        """Returns a new, connected consumer of this service's queue.

        Args:
            cqrs_ids: binds the queue for these models only. All consumers share the queue.

        Raises:
            ConfigurationError: settings are wrong.
            TransportError: the broker cannot be reached.
        """
        if kind() is Kind.AMQP:
            return _rabbit_mq().consumer_with_prefetch(cqrs_ids, prefetch_count())
        topology = _topology(cqrs_ids)
        mailbox = _mailbox()
        try:
            _bind(mailbox, topology)
        except BaseException:
            mailbox.close()
            raise
        return MailboxConsumer(mailbox, topology, prefetch=prefetch_count())

    @classmethod
    def declare(cls) -> Sequence[str]:
        """Binds this service's queues, so that they keep what is sent from now on.

        Returns:
            A line for people on each queue.

        Raises:
            ConfigurationError: settings are wrong.
            TransportError: the broker cannot be reached.
        """
        if kind() is Kind.AMQP:
            return _rabbit_mq().declare()
        topology = _topology(None)
        mailbox = _mailbox()
        try:
            _bind(mailbox, topology)
        finally:
            mailbox.close()
        return [f"queue {name}: bound" for name in (topology.dead_letter_queue, topology.queue)]

    @classmethod
    def unbind(cls, cqrs_ids: Collection[str]) -> Sequence[str]:
        """Makes this service's queue get no more messages of models that it had once.

        Raises:
            ConfigurationError: settings are wrong.
            TransportError: the broker cannot be reached.
        """
        if kind() is Kind.AMQP:
            return _rabbit_mq().unbind(cqrs_ids)
        topology = _topology(cqrs_ids)
        mailbox = _mailbox()
        try:
            for one in topology.bindings_of_models:
                mailbox.unbind(one.exchange, one.queue, one.routing_key)
        finally:
            mailbox.close()
        return [f"binding {cqrs_id}: removed" for cqrs_id in topology.cqrs_ids]

    @classmethod
    def status(cls) -> BrokerStatus:
        """Connects, and asks how many messages wait; only RabbitMQ knows of consumers.

        Raises:
            ConfigurationError: settings are wrong.
            TransportError: the broker cannot be reached.
        """
        if kind() is Kind.AMQP:
            return _rabbit_mq().status()
        queue = conf.config().queue if ReplicaRegistry.models else None
        mailbox = _mailbox()
        try:
            ready = mailbox.size(queue) if queue else None
        finally:
            mailbox.close()
        return BrokerStatus(address().where, queue, ready)

    @classmethod
    def dead_letters(cls) -> DeadLetterQueue:
        """Returns this service's dead letters in the broker, connected.

        Raises:
            ConfigurationError: settings are wrong.
            TransportError: the broker cannot be reached.
        """
        if kind() is Kind.AMQP:
            return _rabbit_mq().dead_letters()
        return MailboxDeadLetters(_mailbox(), _topology(None))

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
        """Publishes one payload now. A failure is logged: the change is committed already.

        Args:
            payload: what to publish.
        """
        cls._producer.produce(payload, retries=cls.PRODUCER_RETRIES, log_produced=cls.log_produced)

    @classmethod
    def clean_connection(cls) -> None:
        """Closes the connection that ``produce`` keeps for this thread, if there is one."""
        cls._producer.close()


def _rabbit_mq() -> "type[RabbitMQTransport]":
    from dj_cqrs.transport.rabbit_mq import RabbitMQTransport

    return RabbitMQTransport


def _publisher(role: str) -> Publisher:
    if kind() is Kind.AMQP:
        from dj_cqrs.transport.rabbit_mq.transport import publisher_for

        return publisher_for(role)
    # A caller in direct mode waits while two attempts each try twice.
    seconds = conf.config().produce_timeout_seconds / 4 if role == "producer" else CONNECT_SECONDS
    return MailboxPublisher(lambda: _mailbox(seconds), conf.config().exchange)


def _mailbox(seconds: float = CONNECT_SECONDS) -> Mailbox:
    if kind() is Kind.FILESYSTEM:
        from dj_cqrs.transport.kombu.filesystem_mailbox import FilesystemMailbox

        return FilesystemMailbox(address())
    try:
        from dj_cqrs.transport.kombu.redis_mailbox import RedisMailbox
    except ImportError as error:
        raise ConfigurationError(f"CQRS url redis:// needs a client: {error}") from error
    return RedisMailbox(address(seconds=seconds))


def _bind(mailbox: Mailbox, topology: Topology) -> None:
    for one in topology.bindings_of_models:
        mailbox.bind(one.exchange, one.queue, one.routing_key)


def _topology(cqrs_ids: Collection[str] | None) -> Topology:
    config = conf.config()
    if not config.queue:
        raise ConfigurationError("CQRS queue is not set.")
    return replica_topology(
        exchange=config.exchange,
        queue=config.queue,
        dead_letter_queue=config.replica.dead_letter_queue,
        cqrs_ids=ReplicaRegistry.models if cqrs_ids is None else cqrs_ids,
    )
