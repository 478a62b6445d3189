"""What a transport is: a publisher for the relay, a consumer for the workers, and a declaration.

Nothing here knows a broker; nothing outside a transport's own package imports a broker's client.
"""

import enum
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Protocol

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.signing import messages as signing
from dj_cqrs.transport.mixins import LogHooks

#: Header of a dead letter: why it is one.
REASON_HEADER: Final = "cqrs-reason"
#: Characters of a reason that are kept; a broker bounds the size of its headers.
MAX_REASON: Final = 1000


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One encoded message on its way to the exchange.

    ``message_id`` identifies the message within one ``publish`` call and is sent along with it.
    A message that waits longer than ``expiration_seconds`` is dropped by the broker.
    """

    message_id: str
    routing_key: str
    body: bytes
    headers: Mapping[str, Any] = field(default_factory=dict)
    expiration_seconds: float | None = None


class PublishOutcome(enum.Enum):
    """What the broker said about one message."""

    #: Every queue that it was routed to has it, durably.
    CONFIRMED = "confirmed"
    #: No queue is bound for its routing key; the broker kept nothing.
    UNROUTABLE = "unroutable"
    #: Refused, or not confirmed in time; it may or may not be in a queue.
    FAILED = "failed"


class Publisher(Protocol):
    """Publishes batches with pipelined confirms. Not thread-safe: one per thread."""

    def publish(
        self, messages: Sequence[OutgoingMessage], *, timeout_seconds: float
    ) -> list[PublishOutcome]:
        """Sends all messages and waits for the broker's word on each, in the order given.

        Raises:
            BrokerUnreachableError: no connection could be made; nothing was sent.
            TransportError: the connection was lost. The outcome of every message is unknown
                then; the next call connects anew.
        """

    def wait(self, seconds: float) -> None:
        """Idles for that long while the connection's heartbeats are served."""

    def close(self) -> None:
        """Closes the connection; safe to call twice."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message from a queue, to be settled once by one of the consumer's methods."""

    body: bytes
    routing_key: str
    headers: Mapping[str, Any]
    redelivered: bool
    tag: int


def headers_of_copy(
    delivery: Delivery, headers: Mapping[str, Any], *, routing_key: str, body: bytes
) -> dict[str, Any]:
    """The headers of what is sent in a delivery's place, with a signature of its own if need be.

    Args:
        delivery: what came.
        headers: the copy's.
        routing_key: the copy's.
        body: the copy's.
    """
    came = (delivery.headers, delivery.routing_key, delivery.body)
    return signing.of_copy(headers, of=came, routing_key=routing_key, body=body)


class Consumer(Protocol):
    """Receives messages of one queue. Not thread-safe: one per worker."""

    def receive(self, *, max_messages: int, timeout_seconds: float) -> list[Delivery]:
        """Waits for the first message up to the timeout, then takes only what is already there.

        Raises:
            TransportError: the connection is gone, and with it every unsettled delivery, which
                the broker delivers again.
        """

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Settles deliveries as done; the broker forgets them."""

    def reject(self, delivery: Delivery) -> None:
        """Hands a delivery to the broker's dead letter queue, as it is."""

    def retry_later(
        self, delivery: Delivery, *, cqrs_id: str, body: bytes, delay_seconds: float
    ) -> None:
        """Sends a body in the delivery's place, which comes to this queue after the delay.

        The broker keeps it meanwhile, and only what the broker has confirmed settles the
        delivery. It comes with the delivery's headers, under the contract's routing key
        ``cqrs.<queue>.<cqrs_id>``, never early; a transport may round the delay up.

        Raises:
            TransportError: the broker did not confirm it; the delivery is not settled.
        """

    def dead_letter(
        self, delivery: Delivery, *, cqrs_id: str | None, body: bytes, reason: str
    ) -> None:
        """Sends a body in the delivery's place to the contract's dead letter queue.

        Its routing key is ``cqrs.<dead letter queue>.<cqrs_id>``, or the delivery's own where
        the body does not say whose it is. The headers are the delivery's, and ``REASON_HEADER``.
        It expires after the setting ``dead_message_ttl``. Only what the broker has confirmed
        settles the delivery.

        Raises:
            TransportError: the broker did not confirm it; the delivery is not settled.
        """

    def close(self) -> None:
        """Closes the connection; what was not settled goes back to the queue."""


class DeadLetterQueue(Protocol):
    """The dead letters that the broker keeps for this service. Not thread-safe.

    All methods raise TransportError when the connection is lost; no letter is lost with it.
    """

    def count(self) -> int:
        """How many letters wait now."""

    def browse(self) -> Iterator[Delivery]:
        """Yields each letter that is there now, once; all of them stay. Never waits for more."""

    def take(self, handle: Callable[[Delivery], bool]) -> Iterator[Delivery]:
        """Offers each letter that is there now to ``handle``, once.

        Letters for which it returns True are removed after that, and yielded; the others stay.
        """

    def republish(self, delivery: Delivery, *, cqrs_id: str, body: bytes) -> None:
        """Sends a letter, with this body, to this service's queue; to be called in ``handle``.

        The headers that say how its revisions are to be judged are kept.

        Raises:
            TransportError: the broker did not confirm that the queue has it.
        """

    def purge(self) -> int:
        """Removes all letters; returns how many."""

    def close(self) -> None:
        """Closes the connection; safe to call twice."""


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """What a broker says about itself and this service's queue.

    Attributes:
        where: the broker, for people; shows no password.
        queue: name of the queue; None for a service that has none.
        ready: messages that wait in it; None where there is no such queue.
        consumers: who consumes it; None where the broker does not say.
    """

    where: str
    queue: str | None = None
    ready: int | None = None
    consumers: int | None = None


class BaseTransport(LogHooks):
    """Base of every transport; ``CQRS['transport']`` names a subclass."""

    #: Seconds to which the pauses grow while a consumer waits for a broker that is away.
    CONSUMER_RETRY_TIMEOUT: ClassVar[float] = 5

    consumers: ClassVar[dict[Any, Any]] = {}

    @classmethod
    def check_settings(cls) -> None:
        """Looks at what ``settings.CQRS`` says about the broker; called when the service starts.

        Raises:
            ConfigurationError: it cannot work; says what to change.
        """

    @classmethod
    def produce(cls, payload: TransportPayload) -> None:
        """Publishes one payload now (direct mode, without an outbox)."""
        raise NotImplementedError

    @classmethod
    def consume(cls, cqrs_ids: Collection[str] | None = None) -> None:
        """Consumes until told to stop; only the given ``CQRS_ID``s where any are named."""
        raise NotImplementedError

    @classmethod
    def clean_connection(cls) -> None:
        """Closes the connection that ``produce`` keeps, if there is one."""
        raise NotImplementedError

    @classmethod
    def publisher(cls) -> Publisher:
        """Returns a new publisher; it connects when it is first used."""
        raise NotImplementedError

    @classmethod
    def consumer(cls, cqrs_ids: Collection[str] | None = None) -> Consumer:
        """Returns a new, connected consumer of this service's queue.

        Raises:
            TransportError: the broker cannot be reached.
        """
        raise NotImplementedError

    @classmethod
    def unbind(cls, cqrs_ids: Collection[str]) -> Sequence[str]:
        """Makes this service's queue get no more messages of models that it had once.

        No broker tells its clients what is bound, so that somebody has to name them. What is in
        the queue already stays there.

        Returns:
            A line for people on each model.

        Raises:
            TransportError: the broker cannot be reached.
        """
        raise NotImplementedError

    @classmethod
    def declare(cls) -> Sequence[str]:
        """Creates what is missing of this service's queues and bindings (a replica's deploy step).

        Returns:
            A line for people on each thing: what it is, and whether it was created or existed.

        Raises:
            TransportError: the broker cannot be reached.
        """
        raise NotImplementedError

    @classmethod
    def status(cls) -> BrokerStatus:
        """Asks the broker how it is, and how many messages wait for this service.

        Raises:
            TransportError: the broker cannot be reached.
            NotImplementedError: this transport cannot say.
        """
        raise NotImplementedError

    @classmethod
    def dead_letters(cls) -> DeadLetterQueue:
        """Returns this service's dead letters in the broker, connected.

        Raises:
            TransportError: the broker cannot be reached.
            NotImplementedError: this transport keeps none.
        """
        raise NotImplementedError
