"""``TransportPayload``: from a body and back, and what is refused."""

import datetime as dt
import uuid
from typing import Any

import pytest
from django.test import override_settings

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.exceptions import ContractError

_BODY: dict[str, Any] = {
    "signal_type": "SAVE",
    "cqrs_id": "author",
    "instance_data": {"id": 1, "cqrs_revision": 0},
    "previous_data": None,
    "instance_pk": 1,
    "correlation_id": "c",
    "retries": 0,
    "expires": "2026-11-23T19:44:37+00:00",
    "meta": None,
}


def test_a_body_survives_the_round_trip_with_its_nine_keys_in_order() -> None:
    again = TransportPayload.from_message(_BODY).to_dict()

    assert again == _BODY
    assert list(again) == list(_BODY)


@pytest.mark.parametrize("key", ["signal_type", "cqrs_id", "instance_data", "instance_pk"])
def test_a_body_without_a_required_key_is_refused_by_its_name(key: str) -> None:
    body = {name: value for name, value in _BODY.items() if name != key}
    with pytest.raises(ContractError, match=key):
        TransportPayload.from_message(body)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("signal_type", 1),
        ("cqrs_id", ["author"]),
        ("instance_data", "text"),
        ("instance_pk", None),
        ("instance_pk", {}),
        ("retries", "many"),
        ("retries", -1),
        ("retries", True),
        ("expires", "garbage"),
        ("expires", 5),
        ("previous_data", []),
        ("meta", 1),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_by_its_key(key: str, value: Any) -> None:
    with pytest.raises(ContractError, match=key):
        TransportPayload.from_message({**_BODY, key: value})


@pytest.mark.parametrize("body", [1, None, [], "text", True])
def test_a_body_that_is_no_object_is_refused(body: Any) -> None:
    with pytest.raises(ContractError, match="not an object"):
        TransportPayload.from_message(body)


def test_a_naive_expiry_is_utc() -> None:
    payload = TransportPayload.from_message({**_BODY, "expires": "2020-01-01 00:00:00"})

    assert payload.expires == dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    assert payload.is_expired()


@pytest.mark.parametrize("body", [{**_BODY, "expires": None}])
def test_no_expiry_is_never(body: dict[str, Any]) -> None:
    assert not TransportPayload.from_message(body).is_expired()


def test_a_body_without_expiry_gets_the_masters_time_to_live() -> None:
    body = {name: value for name, value in _BODY.items() if name != "expires"}
    with override_settings(CQRS={"master": {"CQRS_MESSAGE_TTL": 60}}):
        expires = TransportPayload.from_message(body).expires

    assert expires is not None
    assert 50 < (expires - dt.datetime.now(dt.UTC)).total_seconds() <= 60


def test_what_a_payload_says_cannot_be_changed_but_for_its_retries() -> None:
    payload = TransportPayload("SAVE", "author", {}, 1, "q", {}, "c", None, 3, {})

    for name in {*_BODY, "pk", "queue"} - {"retries", "instance_pk"}:
        with pytest.raises(AttributeError):
            setattr(payload, name, None)
    payload.retries += 1
    assert payload.retries == 4


def test_a_missing_key_is_a_key_error_too() -> None:
    with pytest.raises(KeyError) as caught:
        TransportPayload.from_message({"signal_type": "SAVE", "cqrs_id": "x", "instance_pk": 1})

    assert str(caught.value) == "The body has no 'instance_data'."


def test_attempts_cannot_be_negative() -> None:
    with pytest.raises(AssertionError, match="retries field should be 0 or positive integer"):
        TransportPayload("SAVE", "author", {}, 1, retries=-1)
    payload = TransportPayload("SAVE", "author", {}, 1)
    with pytest.raises(AssertionError):
        payload.retries = -1


def test_dates_and_uuids_of_the_envelope_become_text() -> None:
    key = uuid.uuid4()
    payload = TransportPayload("SAVE", "author", {}, key, correlation_id=key)

    body = payload.to_dict()
    assert payload.pk is key
    assert (body["instance_pk"], body["correlation_id"]) == (str(key), str(key))


def test_the_expiry_has_no_microseconds_on_the_wire() -> None:
    moment = dt.datetime(2026, 11, 23, 19, 44, 37, 955405, dt.UTC)
    payload = TransportPayload("SAVE", "author", {}, 1, expires=moment)

    assert payload.expires == moment
    assert payload.to_dict()["expires"] == "2026-11-23T19:44:37+00:00"


def test_a_transport_may_note_what_it_does_with_a_payload() -> None:
    payload = TransportPayload("SAVE", "author", {}, 1)
    assert (payload.is_dead_letter, payload.is_requeue) == (False, False)
    payload.is_dead_letter = payload.is_requeue = True
    assert (payload.is_dead_letter, payload.is_requeue) == (True, True)


def test_a_replica_without_master_settings_lets_messages_live_for_a_day(settings: Any) -> None:
    settings.INSTALLED_APPS = [app for app in settings.INSTALLED_APPS if app != "dj_cqrs.outbox"]
    settings.CQRS = {key: value for key, value in settings.CQRS.items() if key != "master"}
    body = {name: value for name, value in _BODY.items() if name != "expires"}

    expires = TransportPayload.from_message(body).expires

    assert expires is not None
    assert 86_390 < (expires - dt.datetime.now(dt.UTC)).total_seconds() <= 86_400


def test_the_correlation_function_names_the_process() -> None:
    settings = {"master": {"correlation_function": lambda *args: list(args)}}
    with override_settings(CQRS=settings):
        payload = TransportPayload("SAVE", "author", {}, 7, queue="q")

    assert payload.correlation_id == ["SAVE", "author", 7, "q"]
