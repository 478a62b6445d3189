"""Receives messages of one queue, while a thread of its own serves the connection.

Applying a batch may take longer than a heartbeat; the thread keeps the connection alive
meanwhile, and hands over what arrives.
"""

import logging
import queue
import threading
from collections.abc import Sequence
from typing import Any, Final

from pika.exceptions import ChannelClosed

from dj_cqrs.exceptions import TransportError
from dj_cqrs.fail_points import reach
from dj_cqrs.transport.base import Delivery
from dj_cqrs.transport.rabbit_mq.channel import LinkChannel
from dj_cqrs.transport.rabbit_mq.dead_letters import DeadLetters
from dj_cqrs.transport.rabbit_mq.delays import Delays
from dj_cqrs.transport.rabbit_mq.errors import lost
from dj_cqrs.transport.rabbit_mq.link import CLOSE_SECONDS, Link
from dj_cqrs.transport.settlement import Unsettled

logger = logging.getLogger("django-cqrs")

#: Quorum queues take no higher prefetch than this.
MAX_PREFETCH: Final = 2000


class QueueConsumer:
    """A ``Consumer`` of one queue; takes the link over. One per worker."""

    def __init__(
        self,
        link: Link,
        queue_name: str,
        *,
        prefetch: int,
        dead_letters: DeadLetters,
        delays: Delays,
        keeps_rejected: bool,
    ) -> None:
        """Starts to consume.

        Args:
            link: an open connection, which the consumer closes in the end.
            queue_name: an existing queue.
            prefetch: unsettled deliveries that the broker sends at most.
            dead_letters: keeps what is given up.
            delays: keeps what is tried again later.
            keeps_rejected: whether the queue itself keeps what is rejected.

        Raises:
            TransportError: the connection is gone, or the queue is.
        """
        self._link = link
        self._queue_name = queue_name
        self._dead_letters = dead_letters
        self._delays = delays
        self._keeps_rejected = keeps_rejected
        self._arrived: queue.SimpleQueue[Delivery | None] = queue.SimpleQueue()
        self._unsettled = Unsettled()
        self._failure: TransportError | None = None
        self._is_closing = False  # for the connection's thread: time to end
        self._is_closed = False  # for the worker's thread: close() was called
        self._channel = LinkChannel(link)
        self._amqp = self._channel.amqp
        self._amqp.add_on_cancel_callback(self._on_cancel)
        self._consumer_tag = self._start_consuming(min(prefetch, MAX_PREFETCH))
        self._thread = threading.Thread(
            target=self._serve, name=f"cqrs-consumer-{queue_name}", daemon=True
        )
        self._thread.start()

    def _start_consuming(self, prefetch: int) -> str:
        try:
            self._channel.call(self._amqp.basic_qos, prefetch_count=prefetch)
            answer = self._channel.call(
                self._amqp.basic_consume,
                queue=self._queue_name,
                on_message_callback=self._on_message,
            )
        except ChannelClosed as error:
            raise lost(self._link.where, error) from error
        return str(answer.method.consumer_tag)

    # What the worker's thread calls.

    def receive(self, *, max_messages: int, timeout_seconds: float) -> list[Delivery]:
        """Waits for the first message up to the timeout, then takes only what is already there.

        Raises:
            TransportError: the connection is gone, or the broker ended the consumer (its queue
                was deleted); every unsettled delivery goes back to the queue.
        """
        self._check()
        self._dead_letters.keep_alive()
        self._delays.keep_alive()
        deliveries: list[Delivery] = []
        timeout = max(0.0, timeout_seconds)
        while len(deliveries) < max_messages:
            try:
                delivery = self._arrived.get(timeout=timeout)
            except queue.Empty:
                break
            if delivery is None:
                # What was taken before could not be settled any more, and will come again.
                self._check()
                break
            deliveries.append(delivery)
            timeout = 0.0
        for delivery in deliveries:
            self._unsettled.add(delivery.tag)
        return deliveries

    def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Settles deliveries as done.

        Raises:
            TransportError: the connection is gone; the deliveries will come again.
            ValueError: one of them was settled before.
        """
        self._check()
        acks = self._unsettled.settle(delivery.tag for delivery in deliveries)

        def send() -> None:
            for ack in acks:
                self._amqp.basic_ack(ack.tag, multiple=ack.multiple)
                # pika only buffers: neither this ack nor the next one has left the process.
                reach("consumer.acking")

        self._link.call_soon_threadsafe(send)

    def reject(self, delivery: Delivery) -> None:
        """Hands a delivery to the dead letter queue.

        Raises:
            TransportError: the connection is gone; the delivery will come again.
            ValueError: it was settled before.
        """
        self._check()
        self._unsettled.check(delivery.tag)
        if not self._keeps_rejected:
            self._dead_letters.put(delivery)
            reach("consumer.copied")
        self._unsettled.settle([delivery.tag])
        self._link.call_soon_threadsafe(
            lambda: self._amqp.basic_reject(delivery.tag, requeue=False)
        )

    def retry_later(
        self, delivery: Delivery, *, cqrs_id: str, body: bytes, delay_seconds: float
    ) -> None:
        """Sends a body in the delivery's place, which comes to this queue after the delay.

        Raises:
            TransportError: the broker did not confirm it, or the connection is gone; the
                delivery will come again.
            ValueError: it was settled before.
        """
        self._check()
        self._unsettled.check(delivery.tag)
        self._delays.put(delivery, cqrs_id=cqrs_id, body=body, delay_seconds=delay_seconds)
        reach("consumer.copied")
        self.ack([delivery])

    def dead_letter(
        self, delivery: Delivery, *, cqrs_id: str | None, body: bytes, reason: str
    ) -> None:
        """Sends a body in the delivery's place to the dead letter queue.

        Raises:
            TransportError: the broker did not confirm it, or the connection is gone; the
                delivery will come again.
            ValueError: it was settled before.
        """
        self._check()
        self._unsettled.check(delivery.tag)
        self._dead_letters.put_with_reason(delivery, cqrs_id=cqrs_id, body=body, reason=reason)
        reach("consumer.copied")
        self.ack([delivery])

    def close(self) -> None:
        """Closes the connection; what was not settled goes back to the queue."""
        if self._is_closed:
            return
        self._is_closed = True
        self._link.call_soon_threadsafe(self._stop)
        # A broker that hangs takes part in nothing; the thread then ends when that is noticed.
        self._thread.join(timeout=4 * CLOSE_SECONDS)
        self._dead_letters.close()
        self._delays.close()
        if self._failure is None:
            self._failure = TransportError("The consumer was closed.")

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    # What the connection's thread calls.

    def _serve(self) -> None:
        try:
            self._link.run(self._is_over, timeout_seconds=None)
            self._channel.check()
            self._give_back()
        except BaseException as error:  # noqa: BLE001 (the worker's thread must hear of it)
            self._fail(error)
        finally:
            self._link.close()

    def _is_over(self) -> bool:
        return self._is_closing or self._channel.is_closed

    def _on_message(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        self._arrived.put(
            Delivery(
                body=body,
                routing_key=_text(method.routing_key),
                headers=properties.headers or {},
                redelivered=method.redelivered,
                tag=method.delivery_tag,
            )
        )

    def _on_cancel(self, _frame: Any) -> None:
        """The broker ends a consumer when its queue is deleted or moves, or an ack is overdue."""
        self._fail(TransportError(f"The broker ended the consumer of {self._queue_name!r}."))
        self._is_closing = True

    def _stop(self) -> None:
        self._is_closing = True

    def _give_back(self) -> None:
        """Returns what was not settled by hand.

        Losing a connection counts as a failed delivery since RabbitMQ 4.3, and the broker puts
        messages that fail too often away; a worker that is restarted must not add to that.
        """
        if self._failure is not None:
            return
        cancelled: list[Any] = []
        self._amqp.basic_cancel(self._consumer_tag, callback=cancelled.append)
        self._link.run(lambda: bool(cancelled), timeout_seconds=CLOSE_SECONDS)
        self._amqp.basic_nack(delivery_tag=0, multiple=True, requeue=True)

    def _fail(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = (
                error if isinstance(error, TransportError) else lost(self._link.where, error)
            )
        self._arrived.put(None)


def _text(routing_key: str | bytes) -> str:
    """What is not UTF-8 comes as bytes; such a key is a stranger's."""
    return routing_key if isinstance(routing_key, str) else routing_key.decode("utf-8", "replace")
