"""Taking a dead letter of the broker into the inbox, to be tried at once.

So nothing has to be published again, and from here on its attempts are counted.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from dj_cqrs import conf
from dj_cqrs.exceptions import PermanentError
from dj_cqrs.replica import ledger, mapping, parking
from dj_cqrs.replica.batch import alias_of, read_or_fail
from dj_cqrs.replica.message import Message, RawMessage, is_trusted
from dj_cqrs.replica.outcome import Result
from dj_cqrs.transport.base import Delivery

#: Of ``tombstone_ttl``: the age is told by the master's clock, which may be ahead of this one.
_SAFE_SHARE: Final = 0.9


class ForgottenError(PermanentError):
    """Raised when a letter is so old that the deletion of its row may be forgotten by now."""


def readmit(delivery: Delivery, *, body: bytes) -> None:
    """Keeps the letter, with this body, beside the row that it is about; commits.

    One whose signature is wrong keeps its own body: it is judged when it is tried.

    Raises:
        Error: the inbox does not take it.
        ForgottenError: nobody can tell any more whether its row still exists.
    """
    raw = RawMessage.from_delivery(delivery)
    if is_trusted(raw):
        raw = replace(raw, body=body, is_trusted=True)
    message = read_or_fail(raw)  # a failure will be a dead letter again, in the inbox
    using = alias_of(message)
    with transaction.atomic(using=using):
        if _may_be_forgotten(message, using):
            raise ForgottenError(
                "it is older than what is remembered of deleted rows (tombstone_ttl), and nothing "
                "is known of its row: purge it, and send the row with cqrs_sync if it exists"
            )
        parking.park_due(raw, message.row, using)


def _may_be_forgotten(message: Message | Result, using: str) -> bool:
    """Whether it would bring a row that is unknown here, in a state from before all tombstones."""
    if isinstance(message, Result) or message.model.CQRS_NO_DB_OPERATIONS or message.is_delete:
        return False
    try:
        updated_at = message.incoming().master_updated_at
    except mapping.MappingError:
        return False  # it cannot be applied at all
    safe_seconds = conf.config().replica.tombstone_ttl_seconds * _SAFE_SHARE
    if updated_at > timezone.now() - timedelta(seconds=safe_seconds):
        return False
    return ledger.lock(message.model, [message.row_pk], using)[message.row_pk] is None
