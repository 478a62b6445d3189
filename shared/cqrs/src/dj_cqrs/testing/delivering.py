"""Delivering messages to the replica models of this process, as a worker does."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dj_cqrs import conf
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import CQRSError
from dj_cqrs.registries import ReplicaRegistry
from dj_cqrs.signing import messages as signing
from dj_cqrs.testing.capturing import captured_messages
from dj_cqrs.testing.messages import Message

if TYPE_CHECKING:
    from dj_cqrs.replica.outcome import Outcome


class DeliveryError(CQRSError, AssertionError):
    """Raised when a message that was delivered could not be applied; its cause says why."""


def deliver(
    messages: Iterable[TransportPayload] | TransportPayload, *, must_apply: bool = True
) -> "list[Outcome]":
    """Applies messages as one batch of a worker: the same decisions, locks, hooks and tables.

    Args:
        messages: captured or made by ``payload``, in the order of their arrival. Any other
            ``TransportPayload`` counts as one of a master without an outbox.
        must_apply: False to let failures pass. They are parked in the inbox then.

    Returns:
        What became of each message: ``APPLIED``, ``DUPLICATE``, ``STALE``, ``IGNORED`` or
        ``FAILED``.

    Raises:
        DeliveryError: a message failed. Its cause is what its hook or the database raised.
    """
    if isinstance(messages, TransportPayload):
        messages = [messages]
    sent = [Message.of(message) for message in messages]
    results = _apply(sent)
    for message, result in zip(sent, results, strict=True):
        if must_apply and result.error is not None:
            raise DeliveryError(f"{message!r} was not applied: {result.error}") from result.error
    return [result.outcome for result in results]


@contextmanager
def replicate() -> Iterator[list[Message]]:
    """Captures the messages of a block and delivers them at its end.

    For a test that has both sides in one process. Messages for which there is no replica model
    here go nowhere, as in a broker.

    Yields:
        The messages; complete when the block ends.

    Raises:
        DeliveryError: a message could not be applied.
    """
    with captured_messages() as messages:
        yield messages
    deliver(message for message in messages if message.cqrs_id in ReplicaRegistry.models)


def _apply(messages: Sequence[Message]) -> list[Any]:
    """Results in the order of the messages."""
    from dj_cqrs.replica.message import RawMessage

    raws = []
    for each in messages:
        body, routing_key = each.body, each.routing_key
        headers = signing.signed(each.headers, routing_key=routing_key, body=body)
        raws.append(RawMessage(body, routing_key, headers))
    if conf.inbox_is_installed():
        from dj_cqrs.replica.batch import apply_batch

        by_raw = {id(result.raw): result for result in apply_batch(raws)}
        return [by_raw[id(raw)] for raw in raws]
    from dj_cqrs.replica.without_inbox import handle

    return [handle(raw) for raw in raws]
