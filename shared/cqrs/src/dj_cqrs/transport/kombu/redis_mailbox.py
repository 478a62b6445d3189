"""Redis: Kombu's queues and bindings; what is taken stays there under a lease.

Kombu itself pops a message before it notes that it has it, restores what a dead consumer held
after an hour, and then to every queue that is bound for its key. So taking is done here, in one
step, and the lease is short and renewed.
"""

import contextlib
import threading
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from kombu.transport import redis as kombu_redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dj_cqrs.transport.kombu import redis_scripts as scripts
from dj_cqrs.transport.kombu.address import Address
from dj_cqrs.transport.kombu.connection import close_quietly, connect, errors_of
from dj_cqrs.transport.kombu.mailbox import Held

#: Seconds after which what a consumer holds goes back, unless it is alive and says so.
LEASE_SECONDS: Final = 10.0


class _Channel(kombu_redis.Channel):  # type: ignore[misc]
    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """Without the client's own retries, which would hold up a caller in direct mode."""
        parameters: dict[str, Any] = super()._connparams(asynchronous)
        return {**parameters, "retry": Retry(NoBackoff(), 0)}


class _Transport(kombu_redis.Transport):  # type: ignore[misc]
    Channel = _Channel


class RedisMailbox:
    """A ``Mailbox``."""

    def __init__(self, address: Address) -> None:
        """Connects.

        Raises:
            BrokerUnreachableError: the server cannot be reached.
            ConfigurationError: the URL makes no sense.
        """
        self._address = address
        self._lease_seconds = float(address.options.get("visibility_timeout", LEASE_SECONDS))
        self._connection = connect(address, _Transport)
        with self._errors():
            self._channel = self._connection.channel()
            self._client = self._channel._create_client()
        self._scripts = {
            text: self._client.register_script(text)
            for text in (
                scripts.TAKE,
                scripts.REMOVE,
                scripts.GIVE_BACK,
                scripts.RENEW,
                scripts.PUT_LATER,
            )
        }
        self._held: dict[str, str] = {}  # queue by token
        self._lock = threading.Lock()
        self._is_closed = threading.Event()
        self._renewer: threading.Thread | None = None

    def bind(self, exchange: str, queue: str, routing_key: str) -> None:
        """Notes it where Kombu does."""
        with self._errors():
            self._channel.exchange_declare(exchange, type="topic", durable=True)
            self._channel.queue_declare(queue, durable=True)
            self._channel.queue_bind(queue, exchange, routing_key)

    def unbind(self, exchange: str, queue: str, routing_key: str) -> None:
        """Removes it from where Kombu notes it."""
        sep, prefix = self._channel.sep, self._channel.keyprefix_queue
        with self._errors():
            members = self._client.smembers(prefix % exchange)
            for member in members:
                key, _, bound = member.decode().split(sep)
                if (key, bound) == (routing_key, queue):
                    self._client.srem(prefix % exchange, member)
                    self._client.srem(self._channel.keyprefix_binding_permanent % exchange, member)

    def routes(self, exchange: str, routing_keys: Collection[str]) -> Mapping[str, Sequence[str]]:
        """Reads the bindings once."""
        with self._errors():
            table = self._channel.get_table(exchange)
        topic = self._channel.exchange_types["topic"]
        return {key: sorted(topic.lookup(table, exchange, key, None)) for key in set(routing_keys)}

    def put(self, envelopes: Sequence[tuple[str, bytes]]) -> None:
        """Pushes all in one transaction."""
        with self._errors(), self._client.pipeline() as pipe:
            for queue, raw in envelopes:
                pipe.lpush(queue, raw)
            pipe.execute()

    def put_later(self, queue: str, raw: bytes, delay_seconds: float) -> None:
        """Keeps it sorted by due time; whoever takes next looks there first."""
        self._run(scripts.PUT_LATER, queue, delay_seconds, raw)

    def take(self, queue: str, max_messages: int) -> list[Held]:
        """Takes and leases in one step."""
        prefix = f"{uuid.uuid4().hex}:"
        answer = self._run(scripts.TAKE, queue, max_messages, self._lease_seconds, prefix)
        taken = []
        for token, redeliveries, raw in zip(*(iter(answer),) * 3, strict=True):
            count = int(redeliveries)
            taken.append(Held(token.decode(), raw, None if count < 0 else count))
        if taken:
            with self._lock:
                self._held.update((held.token, queue) for held in taken)
            self._start_renewing()
        return taken

    def remove(self, queue: str, tokens: Sequence[str]) -> None:
        """Ends leases and forgets the messages."""
        self._run(scripts.REMOVE, queue, *tokens)
        self._forget(tokens)

    def give_back(self, queue: str, tokens: Sequence[str]) -> None:
        """Ends leases and puts the messages where they were."""
        if tokens:
            self._run(scripts.GIVE_BACK, queue, *reversed(tokens))
        self._forget(tokens)

    def size(self, queue: str) -> int:
        """Length of the list."""
        with self._errors():
            return int(self._client.llen(queue))

    def close(self) -> None:
        """Closes the connection; leases that are left run out."""
        self._is_closed.set()
        if self._renewer is not None:
            self._renewer.join(timeout=1)
        with contextlib.suppress(Exception):
            self._client.close()
        close_quietly(self._connection)

    def _run(self, script: str, queue: str, *arguments: Any) -> Any:
        beside = (f"cqrs:{queue}:{name}" for name in ("delayed", "held", "leases", "redelivered"))
        with self._errors():
            return self._scripts[script](keys=[queue, *beside], args=arguments)

    def _errors(self) -> contextlib.AbstractContextManager[None]:
        return errors_of(self._address, self._connection)

    def _forget(self, tokens: Sequence[str]) -> None:
        with self._lock:
            for token in tokens:
                self._held.pop(token, None)

    def _start_renewing(self) -> None:
        if self._renewer is None:
            self._renewer = threading.Thread(
                target=self._renew_until_closed, name="cqrs-leases", daemon=True
            )
            self._renewer.start()

    def _renew_until_closed(self) -> None:
        """A batch may take longer than a lease; only the death of its process ends that."""
        while not self._is_closed.wait(self._lease_seconds / 3):
            # What could not be renewed comes again; the worker hears of a lost connection itself.
            with contextlib.suppress(Exception):
                for queue, tokens in self._held_by_queue():
                    self._run(scripts.RENEW, queue, self._lease_seconds, *tokens)

    def _held_by_queue(self) -> Iterator[tuple[str, list[str]]]:
        with self._lock:
            held = dict(self._held)
        for queue in set(held.values()):
            yield queue, [token for token, its_queue in held.items() if its_queue == queue]
