"""Messages about tracks become notifications."""

import json
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection

from dj_cqrs.constants import SignalType
from dj_cqrs.replica.message import RawMessage, read
from notifier_service.price_drops import notifications
from notifier_service.price_drops.models import TrackPrice
from notifier_service.price_drops.sending import WebhookError
from tests.webhook import Webhook

Logged = list[dict[str, Any]]
TRACK = {
    "id": 7,
    "name": "So What",
    "artist": {"id": 2, "name": "Miles Davis"},
    "unit_price": 0.79,
    "cqrs_revision": 4,
    "cqrs_updated": "2026-11-23 12:00:00+00:00",
}


def save(previous: dict[str, Any] | None = None, **changes: Any) -> bool:
    return TrackPrice.cqrs_save({**TRACK, **changes}, previous, meta={"source": "admin"})


def test_a_lower_price_is_announced_with_the_one_before(logged: Logged) -> None:
    assert save({"unit_price": 0.99})

    assert logged == [
        {
            "id": "price_drop-track-7-4",
            "event": "price_drop",
            "track_id": 7,
            "name": "So What",
            "artist": "Miles Davis",
            "price": "0.79",
            "previous_price": "0.99",
            "source": "admin",
        }
    ]


@pytest.mark.parametrize("previous", [None, {}, {"unit_price": 0.79}, {"unit_price": 0.5}])
def test_any_other_change_is_nobodys_business(
    logged: Logged, previous: dict[str, Any] | None
) -> None:
    assert save(previous)

    assert logged == []


def test_a_track_that_is_deleted_is_passed_over(logged: Logged) -> None:
    assert TrackPrice.cqrs_delete({"id": 7, "cqrs_revision": 5}, meta={})

    assert logged == []


def test_the_same_message_twice_has_the_same_id(logged: Logged) -> None:
    save({"unit_price": 0.99})
    save({"unit_price": 0.99})

    first, second = logged
    assert first["id"] == second["id"]


def test_prices_are_compared_as_decimals() -> None:
    track = {**TRACK, "unit_price": 99999999.98}

    drop = notifications.of_change(track, {"unit_price": 99999999.99}, source="")

    assert drop is not None
    assert (drop.price, drop.previous_price) == (Decimal("99999999.98"), Decimal("99999999.99"))


def test_a_sync_that_was_asked_for_announces_the_price(logged: Logged) -> None:
    assert TrackPrice.cqrs_save(TRACK, None, sync=True, meta={})

    ((event, price),) = [(line["event"], line["price"]) for line in logged]
    assert (event, price) == ("price", "0.79")


@pytest.mark.parametrize(
    ("routing_key", "is_ignored"), [("track", True), ("cqrs.notifier.track", False)]
)
def test_only_a_sync_to_this_service_alone_is_taken(routing_key: str, is_ignored: bool) -> None:
    body = {
        "signal_type": SignalType.SYNC,
        "cqrs_id": "track",
        "instance_data": TRACK,
        "instance_pk": 7,
        "expires": None,
    }

    message = read(RawMessage(json.dumps(body).encode(), routing_key, {}))

    assert message.is_to_be_ignored is is_ignored


def test_the_webhook_is_told_with_an_id_by_which_it_knows_repetitions(
    receiver: Webhook, logged: Logged
) -> None:
    save({"unit_price": 0.99})

    assert receiver.bodies == logged
    assert receiver.ids == ["price_drop-track-7-4"]


def test_what_the_webhook_refuses_is_an_error_and_not_in_the_log(
    receiver: Webhook, logged: Logged
) -> None:
    receiver.status = 503

    with pytest.raises(WebhookError, match="refused price_drop-track-7-4: 503"):
        save({"unit_price": 0.99})

    assert logged == []


def test_a_webhook_that_is_away_is_an_error(settings: LazySettings, logged: Logged) -> None:
    settings.WEBHOOK_URL = "http://127.0.0.1:1/"

    with pytest.raises(WebhookError, match="did not take"):
        save({"unit_price": 0.99})

    assert logged == []


def test_retries_become_rarer() -> None:
    delays = [TrackPrice.get_cqrs_retry_delay(retry) for retry in range(40)]

    assert delays[:4] == [1, 2, 4, 8]
    assert delays == sorted(delays)
    assert delays[-1] == 60


def test_there_is_no_database() -> None:
    assert connection.settings_dict["ENGINE"] == "django.db.backends.dummy"
