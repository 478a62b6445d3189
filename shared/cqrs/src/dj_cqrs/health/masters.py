"""What the outbox says: whether relays live, and how long the oldest message has waited."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from dj_cqrs import conf
from dj_cqrs.health.counting import bounded_count, shown
from dj_cqrs.health.databases import named
from dj_cqrs.health.processes import judge, on_host
from dj_cqrs.health.report import Check, words
from dj_cqrs.heartbeats import stores


def check_relays(using: str, host: str | None = None) -> Check:
    """Looks at the relays of one outbox; at those of one host only where it is named."""
    limits = conf.config().health
    processes = on_host(stores.of_relays(using).read(), host)
    wanted = limits.relays if host is None else min(limits.relays, 1)
    return judge(named("relay", using), "relay", processes, wanted=wanted, limits=limits)


def check_outbox(using: str) -> Check:
    """Looks how long the oldest message has waited that could have been published.

    What no queue is bound for waits for a replica to come: it is told, and no failure.
    """
    from dj_cqrs.outbox.models import OutboxMessage

    rows = OutboxMessage.objects.using(using)
    due = rows.filter(due_at__isnull=True)
    refused = rows.filter(due_at__isnull=False, is_unroutable=False)
    oldest_seconds = max(_age_seconds(due), _age_seconds(refused))
    waiting, postponed = bounded_count(due), bounded_count(refused)
    figures = {
        "waiting": waiting,
        "refused": postponed,
        "unroutable": bounded_count(rows.filter(due_at__isnull=False, is_unroutable=True)),
        "oldest_seconds": round(oldest_seconds, 1),
    }
    detail = (
        f"{shown(waiting + postponed)} message(s) wait, the oldest for {words(oldest_seconds)}."
    )
    limit = conf.config().health.backlog_seconds
    is_ok = limit is None or oldest_seconds <= limit
    if not is_ok:
        reason = refused.order_by("pk").values_list("last_error", flat=True).first()
        detail += f" {reason}" if reason else " Are relay and broker well?"
    return Check(named("outbox", using), is_ok, detail, figures)


def _age_seconds(rows: "QuerySet[Any]") -> float:
    created_at = rows.order_by("pk").values_list("created_at", flat=True).first()
    if created_at is None:
        return 0.0
    return max(float((timezone.now() - created_at).total_seconds()), 0.0)
