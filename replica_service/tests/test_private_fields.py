"""What is known of a customer is in the customer's row, and in no log or page for operators."""

import pytest
from django.core.checks import run_checks
from django.test import Client
from django.urls import reverse

from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.testing import deliver, payload

pytestmark = pytest.mark.django_db


def test_a_dead_letter_about_a_customer_shows_no_country(
    admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    deliver(payload("customer", {"id": "no number", "country": "Absurdistan"}), must_apply=False)

    letter = ParkedMessage.objects.get()
    assert b"Absurdistan" in bytes(letter.body)
    url = reverse("admin:cqrs_inbox_parkedmessage_change", args=[letter.pk])
    page = admin_client.get(url).content.decode()
    assert "no number" in page
    assert "Absurdistan" not in page
    assert "Absurdistan" not in caplog.text


def test_the_private_fields_of_all_models_are_spelt_right() -> None:
    assert not [each for each in run_checks() if each.id == "dj_cqrs.W011"]
