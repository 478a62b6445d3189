"""The outbox in the admin: looked at, pushed, never edited."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dj_cqrs.outbox.models import OutboxMessage

pytestmark = pytest.mark.django_db


@pytest.fixture
def message() -> OutboxMessage:
    return OutboxMessage.objects.create(
        cqrs_id="author",
        routing_key="author",
        body=b"{}",
        due_at=timezone.now(),
        is_unroutable=True,
        last_error="No queue is bound for this routing key.",
    )


def test_a_message_shows_why_it_waits(admin_client: Client, message: OutboxMessage) -> None:
    url = reverse("admin:cqrs_outbox_outboxmessage_change", args=[message.pk])
    assert "No queue is bound" in admin_client.get(url).content.decode()


def test_a_delayed_message_can_be_made_due(admin_client: Client, message: OutboxMessage) -> None:
    url = reverse("admin:cqrs_outbox_outboxmessage_changelist")
    admin_client.post(url, {"action": "retry_now", "_selected_action": [message.pk]})

    message.refresh_from_db()
    assert message.due_at is None


@pytest.mark.parametrize("page", ["add", "delete"])
def test_nobody_adds_or_deletes_messages(
    admin_client: Client, message: OutboxMessage, page: str
) -> None:
    arguments = [] if page == "add" else [message.pk]
    url = reverse(f"admin:cqrs_outbox_outboxmessage_{page}", args=arguments)

    assert admin_client.post(url, {"post": "yes"}).status_code == 403
    assert OutboxMessage.objects.count() == 1
