"""The receiver of messages about tracks. No table: Django imports this module at start."""

from typing import Any

from dj_cqrs.metas import ReplicaMeta
from dj_cqrs.mixins import RawReplicaMixin
from notifier_service.price_drops import notifications
from notifier_service.price_drops.sending import send

_LONGEST_RETRY_DELAY_SECONDS = 60


class TrackPrice(RawReplicaMixin):
    """Sends a notification for each message that says that a track became cheaper.

    Nothing is remembered between two messages: what a price was before is in the message itself,
    since the master tracks ``unit_price``. A message can come twice, and so can a notification;
    its id is the same then.
    """

    CQRS_ID = "track"
    CQRS_NO_DB_OPERATIONS = True
    CQRS_META = True
    # A sync of all tracks for everybody's repair must not notify anybody. One that is sent to this
    # service's own queue is a request to announce the current prices.
    CQRS_ONLY_DIRECT_SYNCS = True

    @classmethod
    def cqrs_save(
        cls,
        master_data: dict[str, Any],
        previous_data: dict[str, Any] | None = None,
        sync: bool = False,
        meta: dict[str, Any] | None = None,
    ) -> bool:
        """Notifies of a lower price, or of the current one where it was asked for.

        Raises:
            WebhookError: the notification could not be posted; the message is tried again.
        """
        source = (meta or {}).get("source", "")
        notification = (
            notifications.of_price(master_data, source=source)
            if sync
            else notifications.of_change(master_data, previous_data or {}, source=source)
        )
        if notification is not None:
            send(notification)
        return True

    @classmethod
    def cqrs_delete(cls, master_data: dict[str, Any], meta: dict[str, Any] | None = None) -> bool:
        """Nothing to say of a track that is gone."""
        return True

    @staticmethod
    def get_cqrs_retry_delay(current_retry: int) -> int:
        """Seconds: longer and longer, for a receiver that is down."""
        return int(min(2 ** min(current_retry, 10), _LONGEST_RETRY_DELAY_SECONDS))


ReplicaMeta.register(TrackPrice)
