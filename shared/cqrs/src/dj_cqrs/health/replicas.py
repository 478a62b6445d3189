"""What workers say, and what the inbox holds."""

from datetime import timedelta

from django.utils import timezone

from dj_cqrs import conf
from dj_cqrs.health.counting import bounded_count, shown
from dj_cqrs.health.databases import named
from dj_cqrs.health.processes import judge, on_host
from dj_cqrs.health.report import Check, words
from dj_cqrs.heartbeats.signs import Store


def check_workers(store: Store, host: str | None = None) -> Check:
    """Looks at the workers of this service; at those of one host only where it is named."""
    limits = conf.config().health
    processes = on_host(store.read(), host)
    wanted = limits.workers if host is None else min(limits.workers, 1)
    return judge("workers", "worker", processes, wanted=wanted, limits=limits)


def check_parked(using: str) -> Check:
    """Looks whether what is due is tried again, and how many dead letters there are."""
    from dj_cqrs.inbox.models import ParkedMessage

    rows = ParkedMessage.objects.using(using)
    limits = conf.config().health
    now = timezone.now()
    oldest = rows.filter(due_at__isnull=False).order_by("due_at").values_list("due_at", flat=True)
    overdue_seconds = max((now - (oldest.first() or now)) / timedelta(seconds=1), 0.0)
    dead = bounded_count(rows.filter(status=ParkedMessage.Status.DEAD))
    parked = bounded_count(rows.filter(due_at__isnull=False))
    problems = []
    if limits.backlog_seconds is not None and overdue_seconds > limits.backlog_seconds:
        problems.append(f"A message has been due for {words(overdue_seconds)}; do workers run?")
    if limits.dead_letters is not None and dead > limits.dead_letters:
        problems.append(f"{shown(dead)} dead letter(s); see `cqrs_dead_letters dump`.")
    detail = f"{shown(parked)} message(s) wait for a retry, {shown(dead)} dead letter(s)."
    figures = {
        "parked": parked,
        "dead_letters": dead,
        "overdue_seconds": round(overdue_seconds, 1),
    }
    return Check(named("parked", using), not problems, " ".join(problems) or detail, figures)
