"""The log lines of the workers: the contract's texts, through the hooks of the transport."""

from typing import Any

import pytest

from dj_cqrs.dataclasses import TransportPayload
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica import log
from dj_cqrs.replica.batch import apply_batch
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.settlement import Done, RetriedLater
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.transport.base import Delivery
from dj_cqrs.transport.memory import MemoryTransport
from tests.app.replica_models import HookedItem
from tests.replica.bodies import body
from tests.replica.support import delete, save, sync

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "django-cqrs")


def work(*messages: RawMessage, applier: Any = None) -> list[Any]:
    """What a worker does with deliveries."""
    deliveries = [
        Delivery(message.body, message.routing_key, message.headers, False, tag)
        for tag, message in enumerate(messages)
    ]
    return list((applier or InboxApplier()).apply(deliveries))


SUBJECT = "pk = 1 (item), correlation_id = None"


def test_a_message_is_received_and_applied(caplog: Any) -> None:
    work(save(0, name="x"))

    assert caplog.messages == [f"CQRS is received: {SUBJECT}.", f"CQRS is applied: {SUBJECT}."]


def test_a_failure_is_told_with_what_happens_next(caplog: Any) -> None:
    work(save(0, name=None))

    received, reason, failed, delayed = caplog.messages
    assert received == f"CQRS is received: {SUBJECT}."
    assert reason.startswith("CQRS service exception: ")
    assert failed == f"CQRS is failed: {SUBJECT}, retries = 0."
    assert delayed.startswith(f"CQRS is delayed: {SUBJECT}, delay = 2 sec, eta = 20")


@pytest.mark.parametrize("applier", [InboxApplier, PlainApplier])
def test_what_fails_is_an_error_with_the_traceback_of_the_hook(applier: Any, caplog: Any) -> None:
    HookedItem.explosive.add("bomb")
    cqrs_id, name = {InboxApplier: ("hooked_item", "bomb"), PlainApplier: ("notifier", "explode")}[
        applier
    ]
    poison = [
        RawMessage(b"nonsense", "item", {}),
        RawMessage(body(instance_data=...), "item", {}),
        save(0, cqrs_id="of_tomorrow"),
        save(0, cqrs_id=cqrs_id, name=name),
    ]

    work(*poison, applier=applier())

    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.getMessage().partition(".")[0][:38] for record in errors] == [
        "CQRS couldn't be parsed: routing key '",
        "CQRS couldn't proceed, instance_data i",
        "Model for cqrs_id of_tomorrow is not f",
        "CQRS service exception: RuntimeError: ",
    ]
    assert [record.exc_info is not None for record in errors] == [False, False, False, True]
    assert "does not like" in str(errors[-1].exc_info[1])


def test_a_row_whose_parent_has_not_come_is_no_error(caplog: Any) -> None:
    work(save(0, cqrs_id="child", pk=1, parent=5, name="c"))

    assert ParkedMessage.objects.exists()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_the_last_failure_is_a_dead_letter(caplog: Any, settings: Any) -> None:
    settings.CQRS = {**settings.CQRS, "replica": {"CQRS_MAX_RETRIES": 0}}

    work(save(0, name=None))

    assert caplog.messages[-1] == f"CQRS is added to dead letter queue: {SUBJECT}."


def test_what_cannot_be_read_is_told_without_its_body(caplog: Any) -> None:
    work(RawMessage(b"a secret", "item", {}), save(0, cqrs_id="of_tomorrow"))

    assert caplog.messages[0].startswith("CQRS couldn't be parsed: routing key 'item'.")
    assert caplog.messages[1].startswith("Model for cqrs_id of_tomorrow is not found.")
    assert "secret" not in caplog.text


# the messages of one batch; what the log says of the last one, received and applied left out
ORDER = {
    "a gap": (
        [save(0, name="x"), save(4, name="x")],
        ["Lost or filtered out 3 CQRS packages: pk = 1, cqrs_revision = 4 (item)"],
    ),
    "too late": (
        [save(4, name="x"), save(1, name="x")],
        ["Wrong CQRS sync order: pk = 1, cqrs_revision = new 1 / existing 4 (item)."],
    ),
    "twice": (
        [save(4, name="x"), save(4, name="x")],
        ["Received duplicate CQRS data: pk = 1, cqrs_revision = 4 (item)."],
    ),
    "created twice": (
        [save(0, name="x"), save(0, name="x")],
        [
            "Received duplicate CQRS data: pk = 1, cqrs_revision = 0 (item).",
            "CQRS potential creation race condition: pk = 1 (item).",
        ],
    ),
    "a late sync": ([save(4, name="x"), sync(1, name="x")], [f"CQRS is stale: {SUBJECT}."]),
    "after its delete": ([delete(4), save(1, name="x")], [f"CQRS is stale: {SUBJECT}."]),
    "in order": ([save(0, name="x"), save(1, name="x")], []),
    "a sync after a gap": ([save(0, name="x"), sync(4, name="x")], []),
}


@pytest.mark.parametrize("name", ORDER)
def test_what_is_not_the_next_revision_is_told(name: str, caplog: Any) -> None:
    messages, expected = ORDER[name]

    work(*messages)

    lines = caplog.messages
    assert [line for line in lines if "received" not in line and "applied" not in line] == expected
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


class Talkative(MemoryTransport):
    """A transport with log lines of its own."""

    said: list[tuple[str, Any, int]] = []

    @staticmethod
    def log_consumed(payload: TransportPayload) -> None:
        Talkative.said.append(("received", payload.pk, payload.retries))

    @staticmethod
    def log_consumed_accepted(payload: TransportPayload) -> None:
        raise RuntimeError("a mistake in the user's hook")

    @staticmethod
    def log_consumed_failed(payload: TransportPayload) -> None:
        Talkative.said.append(("failed", payload.pk, payload.retries))


@pytest.fixture
def talkative(settings: Any) -> type[Talkative]:
    settings.CQRS = {**settings.CQRS, "transport": "tests.replica.test_log.Talkative"}
    Talkative.said.clear()
    return Talkative


def test_a_transport_may_say_it_in_its_own_words(talkative: type[Talkative], caplog: Any) -> None:
    caplog.set_level("ERROR", "django-cqrs")

    work(save(0, name="x"), save(0, pk=2, name=None))

    assert sorted(talkative.said) == [("failed", 2, 0), ("received", 1, 0), ("received", 2, 0)]


def test_a_hook_that_fails_hurts_nobody(talkative: type[Talkative], caplog: Any) -> None:
    (settlement,) = work(save(0, name="x"), save(0, pk=2, name="y"))

    assert isinstance(settlement, Done)
    assert "The log hook" in caplog.text


def test_an_attempt_knows_how_many_there_were_before(caplog: Any) -> None:
    HookedItem.explosive.add("bomb")
    apply_batch([save(0, cqrs_id="hooked_item", name="bomb")])
    from tests.replica.parked import retry

    caplog.clear()
    retry()

    assert "correlation_id = None, retries = 1." in caplog.text


def test_without_an_inbox_the_broker_is_told(caplog: Any) -> None:
    (settlement,) = work(save(0, cqrs_id="notifier", name="explode"), applier=PlainApplier())

    assert isinstance(settlement, RetriedLater)
    assert [line.partition(":")[0] for line in caplog.messages] == [
        "CQRS is received",
        "CQRS service exception",
        "CQRS is failed",
        "CQRS is delayed",
        "CQRS is requeued",
    ]


def test_hooks_are_found_without_a_transport(settings: Any, caplog: Any) -> None:
    settings.CQRS = {**settings.CQRS, "transport": ""}

    log.received([])
    apply_batch([save(0, name="x")])

    assert f"CQRS is received: {SUBJECT}." in caplog.messages
