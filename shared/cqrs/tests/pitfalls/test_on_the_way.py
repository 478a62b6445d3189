"""From the commit over the broker to the replica: W4 to W6 of the list of pitfalls."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection, transaction

from dj_cqrs.controller import producer
from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.outbox.relay import Relay
from dj_cqrs.transport.memory import MemoryPublisher
from dj_cqrs.transport.memory_broker import MemoryBroker
from tests.app.master_models import Author
from tests.master.outbox_reader import summary, take
from tests.rollback import OopsError

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "second"])

ROOT = Path(__file__).resolve().parents[2]


# W4: between the commit and the broker


_DIES_AFTER_ITS_COMMIT = """
import json, os, signal
import django
from django.conf import settings
settings.DATABASES["default"].update(json.loads(os.environ["DATABASE"]))
django.setup()
from django.db import transaction
from tests.app.master_models import Author
with transaction.atomic():
    transaction.on_commit(lambda: os.kill(os.getpid(), signal.SIGKILL))
    Author.objects.create(name="Lem")
"""


def test_w4_a_process_killed_right_after_its_commit_has_lost_nothing() -> None:
    keys = ("NAME", "HOST", "PORT", "USER", "PASSWORD")
    database = {key: connection.settings_dict[key] for key in keys}
    process = subprocess.run(
        [sys.executable, "-c", _DIES_AFTER_ITS_COMMIT],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE": json.dumps(database),
        },
        check=False,
    )

    assert process.returncode == -signal.SIGKILL
    assert summary(take()) == [("SAVE", "author", Author.objects.get().pk, 0)]


def test_w4_a_save_while_the_broker_is_away_arrives_when_it_is_back() -> None:
    author = Author.objects.create(name="Lem")
    broker = MemoryBroker()
    broker.bind("q", "author")
    broker.set_reachable(False)
    relay = Relay(MemoryPublisher(broker), using="default", batch_size=10)
    relay.relay_batch()
    assert OutboxMessage.objects.exists()

    broker.set_reachable(True)
    OutboxMessage.objects.update(due_at=None)
    relay.relay_batch()

    (message,) = broker.take("q", 10, 0)
    assert json.loads(message.body)["instance_pk"] == author.pk
    assert not OutboxMessage.objects.exists()


# W5: published is not the same as received


def test_w5_what_was_sent_before_the_replicas_first_start_arrives_after_it(
    author: Author,
) -> None:
    author.save()
    broker = MemoryBroker()
    relay = Relay(MemoryPublisher(broker), using="default", batch_size=10)
    relay.relay_batch()
    assert OutboxMessage.objects.get().is_unroutable

    broker.bind("q", "author")
    OutboxMessage.objects.update(due_at=None)
    relay.relay_batch()

    assert len(broker.take("q", 10, 0)) == 1
    assert not OutboxMessage.objects.exists()


# W6: errors that escape into the user's save()


def test_w6_a_producer_that_raises_stops_neither_the_caller_nor_the_others(
    produced: list[TransportPayload],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail_at_the_second(payload: TransportPayload) -> None:
        if payload.instance_data["name"] == "2":
            raise OSError("Name or service not known")
        produced.append(payload)

    monkeypatch.setattr(producer, "produce", fail_at_the_second)
    with transaction.atomic():
        rows = [Author.objects.create(name=str(number)) for number in (1, 2, 3)]

    assert [payload.instance_data["name"] for payload in produced] == ["1", "3"]
    assert f"CQRS couldn't be published: pk = {rows[1].pk} (author)." in caplog.text


def test_w6_somebody_elses_hook_that_raises_does_not_stop_ours(
    produced: list[TransportPayload],
) -> None:
    def raise_oops() -> None:
        raise OopsError

    with pytest.raises(OopsError), transaction.atomic():
        transaction.on_commit(raise_oops)
        for number in range(3):
            Author.objects.create(name=str(number))

    assert len(produced) == Author.objects.count() == 3


def test_w6_what_cannot_be_sent_is_refused_before_the_commit_in_direct_mode_too(
    produced: list[TransportPayload], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Author, "get_cqrs_meta", lambda *_, **__: {"bad": object()})
    with pytest.raises(Exception, match="cannot be sent"):
        Author.objects.create(name="Lem")

    assert not Author.objects.exists()
    assert produced == []
