"""What tests of a service need: its messages, their delivery, and a comparison of both sides.

No broker, no relay and no worker: all of it happens in the test's own process and transaction.
"""

from dj_cqrs.testing.capturing import captured_messages
from dj_cqrs.testing.comparing import assert_in_sync
from dj_cqrs.testing.delivering import DeliveryError, deliver, replicate
from dj_cqrs.testing.messages import Message, payload

__all__ = [
    "DeliveryError",
    "Message",
    "assert_in_sync",
    "captured_messages",
    "deliver",
    "payload",
    "replicate",
]
