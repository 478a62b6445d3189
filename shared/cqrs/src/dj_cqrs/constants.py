"""Names and defaults that both sides of the wire agree on."""

from enum import StrEnum
from typing import Final

#: ``CQRS_FIELDS`` / ``CQRS_TRACKED_FIELDS``: every concrete field of the model.
ALL_BASIC_FIELDS: Final = "__all__"
FIELDS_TRACKER_FIELD_NAME: Final = "__fields_tracker"
TRACKED_FIELDS_ATTR_NAME: Final = "__tracked_fields"


class SignalType(StrEnum):
    """What happened to the row that a message is about.

    Attributes:
        SAVE: it was created or changed.
        DELETE: it was deleted.
        SYNC: nothing; this is its state, which somebody asked for.
    """

    SAVE = "SAVE"
    DELETE = "DELETE"
    SYNC = "SYNC"


#: What command pipelines print where no single queue is meant.
NO_QUEUE: Final = "None"

#: Seconds for which a dead letter is kept (ten days), in the inbox and in the broker's queue.
DEFAULT_DEAD_MESSAGE_TTL: Final = 864_000
DEFAULT_MASTER_AUTO_UPDATE_FIELDS: Final = False
#: Seconds until a message of a master without an outbox expires (one day).
DEFAULT_MASTER_MESSAGE_TTL: Final = 86_400
#: Attempts after the first one.
DEFAULT_REPLICA_MAX_RETRIES: Final = 30
#: Seconds between two attempts.
DEFAULT_REPLICA_RETRY_DELAY: Final = 2
DEFAULT_REPLICA_DELAY_QUEUE_MAX_SIZE: Final = 1000
#: What missing queues are created as; "classic" for those that django-cqrs must declare too.
DEFAULT_REPLICA_QUEUE_TYPE: Final = "quorum"
#: Messages that one transaction of a worker applies at most.
DEFAULT_REPLICA_BATCH_SIZE: Final = 500
#: The same for a service without an inbox, whose messages are handled one by one.
DEFAULT_REPLICA_FETCH_SIZE: Final = 10
#: Seconds for which a replica remembers a delete (90 days): longer than anything is replayed.
#: While one about that row is parked in the inbox, which may be for ever, it is remembered anyway.
DEFAULT_REPLICA_TOMBSTONE_TTL: Final = 90 * 86_400
#: Seconds for which direct mode may hold up the caller, whose change is committed already.
DEFAULT_PRODUCE_TIMEOUT: Final = 3.0
#: Messages that the relay claims at once.
DEFAULT_RELAY_BATCH_SIZE: Final = 500
#: Seconds for which a message waits in the outbox for a queue that does not exist (90 days).
DEFAULT_UNROUTABLE_TTL: Final = 90 * 86_400
#: Of the bodies that a relay has in memory at once.
DEFAULT_RELAY_BATCH_BYTES: Final = 16 * 1024 * 1024

DB_VENDOR_PG: Final = "postgresql"
DB_VENDOR_MYSQL: Final = "mysql"
SUPPORTED_TIMEOUT_DB_VENDORS: Final = frozenset({DB_VENDOR_PG, DB_VENDOR_MYSQL})
PG_TIMEOUT_FLAG: Final = "statement timeout"
MYSQL_TIMEOUT_ERROR_CODE: Final = 3024

#: AMQP header of every message that comes from an outbox. Its revisions never restart, not even
#: when a primary key is used again, so a replica may judge by revision alone.
REVISIONS_HEADER: Final = "cqrs-revisions"
REVISIONS_MONOTONIC: Final = "monotonic"

#: AMQP header of a signed message: ``<key id>:<hex>``, see ``dj_cqrs.signing.signature``.
SIGNATURE_HEADER: Final = "cqrs-signature"
#: Largest body that is sent or read, in bytes; RabbitMQ 4 takes no larger message either.
DEFAULT_MAX_BODY_BYTES: Final = 16 * 1024 * 1024
