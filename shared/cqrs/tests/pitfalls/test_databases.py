"""Masters on several databases: W9 of the list of pitfalls."""

import json

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from dj_cqrs.outbox.relay import Relay
from dj_cqrs.transport.memory import MemoryPublisher
from dj_cqrs.transport.memory_broker import MemoryBroker
from tests.app.master_models import Author
from tests.master.outbox_reader import take
from tests.rollback import OopsError

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])


# W9: other databases than the default one


@pytest.mark.parametrize("mode", ["outbox", "direct"])
def test_w9_a_rollback_on_another_database_sends_nothing(
    mode: str, request: pytest.FixtureRequest
) -> None:
    there = Author.objects.using("second").create(name="kept")
    take("second")
    produced = request.getfixturevalue("produced") if mode == "direct" else []
    with transaction.atomic():
        Author.objects.create(name="here")
        with pytest.raises(OopsError), transaction.atomic(using="second"):
            Author.objects.using("second").create(name="never")
            there.delete()
            raise OopsError

    assert take("second") == []
    if mode == "direct":
        assert [payload.instance_data["name"] for payload in produced] == ["here"]
    else:
        assert [m["instance_data"]["name"] for m in take()] == ["here"]


def test_w9_bulk_updates_lock_and_read_on_the_database_that_is_meant() -> None:
    Author.objects.create(pk=1, name="here")
    Author.objects.using("second").create(pk=1, name="there")
    take()
    take("second")
    with CaptureQueriesContext(connection) as queries_here:
        Author.cqrs.bulk_update(Author.objects.using("second").all(), name="bulk")

    assert [m["instance_data"]["name"] for m in take("second")] == ["bulk"]
    assert len(queries_here) == 0
    assert take() == []


def test_w9_each_database_has_a_relay_that_publishes_its_own_rows() -> None:
    Author.objects.create(name="here")
    there = Author.objects.using("second").create(pk=7, name="there")
    broker = MemoryBroker()
    broker.bind("q", "author")

    Relay(MemoryPublisher(broker), using="second", batch_size=10).relay_batch()

    assert [json.loads(message.body)["instance_pk"] for message in broker.take("q", 10, 0)] == [
        there.pk
    ]
    assert take("second") == []
    assert len(take()) == 1
