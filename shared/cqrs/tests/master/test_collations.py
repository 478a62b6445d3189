"""Databases that take one text for another: a row is found by a key that it does not have."""

import pytest
from django.db import transaction

from tests.app.master_models import Station
from tests.master.outbox_reader import summary, take

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.caseless]


@pytest.fixture
def station() -> Station:
    station = Station.objects.create(code="PL", name="Platz")
    take()
    return station


def test_a_row_saved_under_another_form_of_its_key_is_sent(station: Station) -> None:
    Station(code="pl", name="changed").save()

    (message,) = take()
    assert summary([message]) == [("SAVE", "station", "PL", 1)]
    assert message["instance_data"]["name"] == "changed"


def test_a_row_deleted_under_another_form_of_its_key_is_sent(station: Station) -> None:
    with transaction.atomic():
        Station.objects.create(code="other", name="other")
        Station(code="pl").delete()

    assert summary(take()) == [("SAVE", "station", "other", 0), ("DELETE", "station", "PL", 1)]


def test_a_key_in_two_forms_in_one_transaction_is_one_row(station: Station) -> None:
    with transaction.atomic():
        station.save()
        Station(code="pl", name="changed").save()

    (message,) = take()
    assert message["instance_data"]["name"] == "changed"
