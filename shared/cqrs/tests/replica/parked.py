"""What is parked in the inbox, and the time that passes until it is tried again."""

from datetime import datetime, timedelta

from django.utils import timezone

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.with_inbox import InboxApplier

Status = ParkedMessage.Status


def make_due() -> None:
    """Lets the time pass until all parked messages are due."""
    now = timezone.now()
    ParkedMessage.objects.exclude(due_at=None).update(due_at=now - timedelta(seconds=1))


def retry() -> None:
    """What a worker does about once a second, when everything is due."""
    make_due()
    applier = InboxApplier()
    while applier.do_chores():
        pass


def due_at() -> datetime:
    moment = parked().due_at
    assert moment is not None
    return moment


def parked() -> ParkedMessage:
    return ParkedMessage.objects.get()
