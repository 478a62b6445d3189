"""Names on the broker: exchange, queues, routing keys and bindings.

Pure: knows neither Django nor a broker's client. The names are the wire contract.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from dj_cqrs.exceptions import ConfigurationError
from dj_cqrs.transport.delay_steps import LONGEST_SECONDS

#: First word of the routing key of a message that is meant for one queue.
DIRECT_PREFIX: Final = "cqrs."
#: What a queue's own dead letter exchange is called, before the queue's name.
DEAD_LETTER_PREFIX: Final = "dead_letter_"
#: What a queue's delay exchange and delay queues are called, before the queue's name.
DELAY_PREFIX: Final = "delay_"
#: What the exchange is called through which delayed messages come back.
RETURN_PREFIX: Final = "retry_"
#: Types of queues. ``classic`` is for a service that must be able to go back to django-cqrs: its
#: queues then have no arguments, since django-cqrs declares them so at each start, and fails
#: where they have any.
QUORUM: Final = "quorum"
CLASSIC: Final = "classic"
QUEUE_TYPES: Final = (QUORUM, CLASSIC)
#: AMQP holds names and routing keys in short strings (octets of UTF-8).
MAX_NAME_OCTETS: Final = 255

_WILDCARDS = frozenset("*#")


@dataclass(frozen=True, slots=True)
class RoutingKey:
    """Where a message goes: to every queue bound for the model, or to one queue."""

    cqrs_id: str
    queue: str | None = None

    @classmethod
    def parse(cls, text: str) -> "RoutingKey":
        """Reads a routing key. Queue names may hold dots, a ``CQRS_ID`` may not."""
        if text.startswith(DIRECT_PREFIX):
            queue, dot, cqrs_id = text.removeprefix(DIRECT_PREFIX).rpartition(".")
            if dot:
                return cls(cqrs_id, queue)
        return cls(text)

    def __str__(self) -> str:
        return self.cqrs_id if self.queue is None else f"cqrs.{self.queue}.{self.cqrs_id}"


@dataclass(frozen=True, slots=True)
class Binding:
    """A queue gets what is published to an exchange with this routing key."""

    queue: str
    exchange: str
    routing_key: str


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything that a replica needs on the broker.

    Attributes:
        exchange: topic exchange that masters publish to.
        queue: the replica's queue.
        dead_letter_queue: where the broker puts what the replica rejects.
        cqrs_ids: models whose messages the queue gets.
        queue_type: what the queues are created as where they are missing.

    Raises:
        ConfigurationError: a name that the broker would refuse or misunderstand.
    """

    exchange: str
    queue: str
    dead_letter_queue: str
    cqrs_ids: tuple[str, ...]
    queue_type: str = QUORUM

    def __post_init__(self) -> None:
        if self.queue_type not in QUEUE_TYPES:
            raise ConfigurationError(
                f"CQRS replica queue_type is {self.queue_type!r}; it must be one of: "
                f"{', '.join(QUEUE_TYPES)}."
            )
        check_name("exchange", self.exchange)
        check_name("queue", self.queue)
        check_name("dead letter queue", self.dead_letter_queue)
        check_name("dead letter exchange", self.dead_letter_exchange)
        if self.queue == self.dead_letter_queue:
            raise ConfigurationError(f"CQRS queue {self.queue!r} cannot be its own dead letters.")
        for binding in self.bindings:
            _check_length("routing key", binding.routing_key)

    @property
    def dead_letter_exchange(self) -> str:
        """Fanout exchange from the queue to its dead letter queue, and to nothing else."""
        return f"{DEAD_LETTER_PREFIX}{self.queue}"

    @property
    def bindings(self) -> tuple[Binding, ...]:
        """All bindings, in the order in which they are made: dead letters first."""
        dead = Binding(self.dead_letter_queue, self.dead_letter_exchange, "")
        return (dead, *self.bindings_of_models)

    @property
    def bindings_of_models(self) -> tuple[Binding, ...]:
        """Those that there are because of ``cqrs_ids``."""
        dead, alive = self.dead_letter_queue, self.queue
        return (
            *(self._binding(dead, RoutingKey(cqrs_id, dead)) for cqrs_id in self.cqrs_ids),
            *(self._binding(alive, RoutingKey(cqrs_id)) for cqrs_id in self.cqrs_ids),
            *(self._binding(alive, RoutingKey(cqrs_id, alive)) for cqrs_id in self.cqrs_ids),
        )

    def _binding(self, queue: str, routing_key: RoutingKey) -> Binding:
        return Binding(queue, self.exchange, str(routing_key))


@dataclass(frozen=True, slots=True)
class DelayTopology:
    """What a service's delayed retries need on a broker, besides its queue.

    Attributes:
        queue: the service's queue, where delayed messages come back.

    Raises:
        ConfigurationError: a name that the broker would refuse.
    """

    queue: str

    def __post_init__(self) -> None:
        check_name("delay queue", self.delay_queue(LONGEST_SECONDS * 1000))
        check_name("return exchange", self.return_exchange)

    @property
    def delay_exchange(self) -> str:
        """Headers exchange to the delay queues; a header, not the routing key, selects one."""
        return f"{DELAY_PREFIX}{self.queue}"

    @property
    def return_exchange(self) -> str:
        """Fanout exchange from the delay queues to the service's queue, and to nothing else."""
        return f"{RETURN_PREFIX}{self.queue}"

    def delay_queue(self, delay_ms: int) -> str:
        """The queue for one length of delay. Its name tells apart what its arguments freeze."""
        return f"{DELAY_PREFIX}{self.queue}_{delay_ms}ms"


def replica_topology(
    *,
    exchange: str,
    queue: str,
    dead_letter_queue: str,
    cqrs_ids: Collection[str],
    queue_type: str = QUORUM,
) -> Topology:
    """Builds the topology of a replica with these models, in a stable order."""
    return Topology(exchange, queue, dead_letter_queue, tuple(sorted(cqrs_ids)), queue_type)


def check_name(kind: str, name: str) -> None:
    """Refuses a name that the broker would refuse, or that would act as a wildcard in a key.

    Raises:
        ConfigurationError: says what is wrong with the name.
    """
    if not name:
        raise ConfigurationError(f"CQRS {kind} must have a name.")
    _check_length(kind, name)
    if name.startswith("amq."):
        raise ConfigurationError(
            f"CQRS {kind} {name!r}: names that begin with 'amq.' belong to the broker."
        )
    if _WILDCARDS & set(name) or not name.isprintable():
        raise ConfigurationError(
            f"CQRS {kind} {name!r} must not hold control characters or the wildcards * and #: "
            "it is a part of routing keys."
        )


def _check_length(kind: str, name: str) -> None:
    octets = len(name.encode("utf-8", "surrogatepass"))
    if octets > MAX_NAME_OCTETS:
        raise ConfigurationError(
            f"CQRS {kind} {name[:40]!r}... is {octets} bytes long; "
            f"the broker takes at most {MAX_NAME_OCTETS}."
        )
