"""Payloads that no replica would read: refused before the commit, or kept with the reason."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import modify_settings
from pytest_django import Settings

from dj_cqrs.exceptions import ContractError
from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.outbox.relay import Relay
from dj_cqrs.transport.memory import MemoryTransport, broker
from tests.app.master_models import Author, EveryKind
from tests.replica.conftest import memory_broker

__all__ = ["memory_broker"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("memory_broker"),
]

_LIMIT = 2000


@pytest.fixture(autouse=True)
def _limit(settings: Settings) -> None:
    settings.CQRS = {**settings.CQRS, "max_body_bytes": _LIMIT}


def _relay() -> Relay:
    return Relay(MemoryTransport.publisher(), using="default", batch_size=10)


def test_a_change_that_is_too_large_to_be_sent_is_not_committed() -> None:
    Author.objects.create(name="before")
    with pytest.raises(ContractError, match=rf"\(every_field\) has \d+ bytes.*is {_LIMIT}"):
        EveryKind.objects.create(text="x" * _LIMIT)
    with pytest.raises(ContractError, match="raise the limit here"), transaction.atomic():
        Author.objects.create(name="with it")
        EveryKind.objects.create(text="x" * _LIMIT)

    assert not EveryKind.objects.exists()
    assert [author.name for author in Author.objects.all()] == ["before"]
    assert OutboxMessage.objects.count() == 1


def test_nor_is_it_in_direct_mode() -> None:
    with (
        modify_settings(INSTALLED_APPS={"remove": ["dj_cqrs.outbox"]}),
        pytest.raises(ContractError, match="bytes"),
    ):
        EveryKind.objects.create(text="x" * _LIMIT)
    assert not EveryKind.objects.exists()


def test_a_sync_names_the_row_and_sends_the_others() -> None:
    EveryKind.objects.bulk_create(
        [EveryKind(text="small"), EveryKind(text="x" * _LIMIT)]
    )  # nothing is sent
    pk = EveryKind.objects.get(text__startswith="x").pk

    errors = StringIO()
    with pytest.raises(CommandError, match="1 instance"):
        call_command("cqrs_sync", cqrs_id="every_field", filter="{}", stdout=errors, stderr=errors)

    assert f"Sync record failed for pk={pk}: ContractError: The message of pk" in errors.getvalue()
    assert OutboxMessage.objects.count() == 1


def test_the_relay_keeps_what_is_too_large_by_now_and_sends_the_others() -> None:
    broker.bind("replica", "author")
    Author.objects.create(name="small")
    Author.objects.create(name="large")
    Author.objects.create(name="small")
    large = OutboxMessage.objects.order_by("pk")[1]
    large.body = bytes(large.body) + b" " * _LIMIT
    large.save()

    assert _relay().relay_batch() == 3

    kept = OutboxMessage.objects.get()
    assert (kept.pk, kept.attempts, kept.is_unroutable) == (large.pk, 1, False)
    assert (
        kept.last_error
        == f"The body has {len(large.body)} bytes; CQRS['max_body_bytes'] is {_LIMIT}."
    )
    assert len(broker.messages("replica")) == 2


def test_it_is_sent_when_the_limit_was_raised(settings: Settings) -> None:
    broker.bind("replica", "author")
    Author.objects.create(name="large")
    OutboxMessage.objects.update(body=b" " * (_LIMIT + 1))
    _relay().relay_batch()
    settings.CQRS = {**settings.CQRS, "max_body_bytes": 2 * _LIMIT}
    OutboxMessage.objects.update(due_at=None)

    _relay().relay_batch()

    assert not OutboxMessage.objects.exists()
