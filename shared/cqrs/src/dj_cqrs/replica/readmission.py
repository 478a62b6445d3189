"""Taking a dead letter of the broker into the inbox, to be tried at once.

So nothing has to be published again, and from here on its attempts are counted.
"""

from dataclasses import replace

from django.db import transaction

from dj_cqrs.replica import parking
from dj_cqrs.replica.batch import alias_of, read_or_fail
from dj_cqrs.replica.message import RawMessage, is_trusted
from dj_cqrs.transport.base import Delivery


def readmit(delivery: Delivery, *, body: bytes) -> None:
    """Keeps the letter, with this body, beside the row that it is about; commits.

    One whose signature is wrong keeps its own body: it is judged when it is tried.

    Raises:
        Error: the inbox does not take it.
    """
    raw = RawMessage.from_delivery(delivery)
    if is_trusted(raw):
        raw = replace(raw, body=body, is_trusted=True)
    message = read_or_fail(raw)  # a failure will be a dead letter again, in the inbox
    using = alias_of(message)
    with transaction.atomic(using=using):
        parking.park_due(raw, message.row, using)
