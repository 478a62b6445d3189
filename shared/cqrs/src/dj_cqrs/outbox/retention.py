"""What an outbox keeps no longer than it must: messages for queues that do not exist."""

import logging
from datetime import timedelta
from typing import Final

from django.utils import timezone

from dj_cqrs import conf
from dj_cqrs.outbox.models import OutboxMessage

logger = logging.getLogger("django-cqrs")

#: Between two looks.
INTERVAL_SECONDS: Final = 600.0
_MAX_REMOVED_AT_ONCE: Final = 1000


def remove_expired(using: str) -> int:
    """Removes unroutable messages that are older than ``unroutable_ttl``.

    Returns:
        How many were removed; a bounded number, so call it again another time.
    """
    ttl_seconds = conf.config().master.unroutable_ttl_seconds
    if ttl_seconds is None:
        return 0
    old = OutboxMessage.objects.using(using).filter(
        is_unroutable=True, created_at__lt=timezone.now() - timedelta(seconds=ttl_seconds)
    )
    found: dict[str, list[int]] = {}
    for pk, cqrs_id in old.order_by("pk").values_list("pk", "cqrs_id")[:_MAX_REMOVED_AT_ONCE]:
        found.setdefault(cqrs_id, []).append(pk)
    removed = 0
    for cqrs_id, pks in found.items():
        count = old.filter(pk__in=pks).delete()[0]
        removed += count
        logger.warning(
            "CQRS messages without a queue expired: %s of %s were removed after unroutable_ttl. "
            "A replica that comes later gets its rows with cqrs_sync.",
            *(count, cqrs_id),
        )
    return removed
