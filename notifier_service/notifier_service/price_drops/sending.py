"""Sends a notification: to the webhook, if there is one, and then as a line of the log."""

import json
import logging

import httpx
from django.conf import settings

from notifier_service.price_drops.notifications import Notification

logger = logging.getLogger("notifications")


class WebhookError(Exception):
    """Raised when the webhook did not take a notification; it is to be sent again later."""


def send(notification: Notification) -> None:
    """Posts a notification and logs it. The log only knows what the webhook has taken.

    Raises:
        WebhookError: the webhook did not answer, or not with a success.
    """
    body = notification.as_json()
    if settings.WEBHOOK_URL:
        _post(notification.id, body)
    logger.info("%s", json.dumps(body, ensure_ascii=False))


def _post(notification_id: str, body: dict[str, object]) -> None:
    try:
        answer = httpx.post(
            settings.WEBHOOK_URL,
            json=body,
            # A receiver that has seen this id has seen this notification.
            headers={"Idempotency-Key": notification_id},
            timeout=settings.WEBHOOK_TIMEOUT_SECONDS,
        )
    except httpx.TransportError as error:
        raise WebhookError(f"The webhook did not take {notification_id}: {error}") from error
    if not answer.is_success:
        raise WebhookError(f"The webhook refused {notification_id}: {answer.status_code}")
