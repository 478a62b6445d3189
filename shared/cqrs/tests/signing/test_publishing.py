"""Where messages are signed: by the relay, in direct mode, in tests, and in copies of a worker."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError
from django.test import modify_settings
from pytest_django import Settings

from dj_cqrs import wire
from dj_cqrs.constants import REVISIONS_HEADER, SIGNATURE_HEADER
from dj_cqrs.controller import producer
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.outbox.models import OutboxMessage
from dj_cqrs.outbox.relay import Relay
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.without_inbox import PlainApplier
from dj_cqrs.replica.worker import Worker
from dj_cqrs.signing import messages as signing_messages
from dj_cqrs.testing import deliver, payload
from dj_cqrs.transport.base import Delivery, OutgoingMessage, headers_of_copy
from dj_cqrs.transport.memory import MemoryTransport, broker
from local_stack.waiting import eventually
from tests.app.master_models import Author
from tests.app.replica_models import Item, Notifier
from tests.pitfalls.consuming import letters, names, note, publish
from tests.signing.conftest import Run, Sign
from tests.signing.keys import FORGED, NEW, OLD, signed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("memory_broker"),
]


def _relayed() -> list[OutgoingMessage]:
    """What a relay hands to the broker."""
    sent: list[OutgoingMessage] = []

    class Recording:
        def publish(self, messages: Any, *, timeout_seconds: float) -> Any:
            sent.extend(messages)
            return MemoryTransport.publisher().publish(messages, timeout_seconds=timeout_seconds)

        def wait(self, seconds: float) -> None: ...

        def close(self) -> None: ...

    Relay(Recording(), using="default", batch_size=10).relay_batch()
    return sent


def _is_ours(message: Any, key: str, key_id: str) -> bool:
    raw = RawMessage(message.body, message.routing_key, message.headers)
    return bool(
        raw.headers[SIGNATURE_HEADER] == signed(raw, key, key_id).headers[SIGNATURE_HEADER]
    )


def test_the_relay_signs_what_it_publishes(signing: Sign) -> None:
    signing()
    author = Author.objects.create(name="Lem")
    author.cqrs_sync(queue="other")

    broadcast, direct = _relayed()

    assert (direct.routing_key, direct.headers[REVISIONS_HEADER]) == (
        "cqrs.other.author",
        "monotonic",
    )
    assert _is_ours(broadcast, OLD, "old")
    assert _is_ours(direct, OLD, "old")
    assert all(SIGNATURE_HEADER not in row.headers for row in OutboxMessage.objects.all())


def test_rows_of_the_outbox_survive_a_change_of_keys(signing: Sign) -> None:
    signing({"old": OLD})
    Author.objects.create(name="Lem")
    signing({"old": OLD, "new": NEW}, key="new")
    (message,) = _relayed()
    assert _is_ours(message, NEW, "new")


def test_without_keys_nothing_is_signed() -> None:
    Author.objects.create(name="Lem")
    assert _relayed()[0].headers == {REVISIONS_HEADER: "monotonic"}


def test_direct_mode_signs_at_once(signing: Sign) -> None:
    signing()
    broker.bind("replica", "author")
    with modify_settings(INSTALLED_APPS={"remove": ["dj_cqrs.outbox"]}):
        Author.objects.create(name="Lem")
    (message,) = broker.messages("replica")
    assert _is_ours(message, OLD, "old")


def test_a_payload_of_a_program_of_ones_own_is_signed_too(signing: Sign) -> None:
    signing()
    producer.produce(payload("item", {"id": 1, "name": "x"}))
    assert _is_ours(broker.messages("replica")[0], OLD, "old")


def test_messages_of_users_tests_are_signed(signing: Sign) -> None:
    signing(required=True)
    deliver(payload("item", {"id": 1, "name": "x"}))
    assert Item.objects.exists()
    assert not ParkedMessage.objects.exists()


# Copies


def _copy(came: RawMessage, *, routing_key: str = "cqrs.replica.item") -> RawMessage:
    delivery = Delivery(came.body, came.routing_key, came.headers, redelivered=False, tag=1)
    body = wire.with_values(came.body, retries=1)
    headers = headers_of_copy(delivery, came.headers, routing_key=routing_key, body=body)
    return RawMessage(body, routing_key, headers)


def test_a_copy_is_signed_anew_with_the_key_that_signs_now(signing: Sign) -> None:
    signing({"old": OLD, "new": NEW}, key="new")
    copy = _copy(signed(note("x")))
    assert _is_ours(copy, NEW, "new")


def test_a_copy_of_a_forged_message_gets_no_signature_of_ours(signing: Sign) -> None:
    signing()
    forged = signed(note("x"), FORGED)
    copy = _copy(forged)
    assert copy.headers == forged.headers
    with pytest.raises(signing_messages.SignatureError):
        signing_messages.check(copy.headers, routing_key=copy.routing_key, body=copy.body)


def test_a_copy_of_an_unsigned_message_gets_none(signing: Sign) -> None:
    signing()
    assert SIGNATURE_HEADER not in _copy(note("x")).headers


def test_who_has_no_keys_passes_no_wrong_signature_on() -> None:
    came = signed(note("x"))
    assert SIGNATURE_HEADER not in _copy(came).headers
    delivery = Delivery(came.body, came.routing_key, came.headers, redelivered=False, tag=1)
    same = headers_of_copy(delivery, came.headers, routing_key=came.routing_key, body=came.body)
    assert same == came.headers


@pytest.fixture
def few_retries(settings: Settings) -> None:
    changes: dict[str, Any] = {"CQRS_MAX_RETRIES": 2, "CQRS_RETRY_DELAY": 0}
    settings.CQRS = {**settings.CQRS, "replica": {**settings.CQRS["replica"], **changes}}


@pytest.mark.usefixtures("without_inbox")  # before settings are changed, so taken back last
def test_retries_and_dead_letters_without_an_inbox_are_signed_and_can_be_retried(
    signing: Sign,
    few_retries: None,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    run_worker: Callable[..., Worker],
) -> None:
    signing({"old": OLD}, required=True)
    attempts = []

    def fail(*_: Any, **__: Any) -> bool:
        attempts.append(1)
        raise ValueError("not now")

    with monkeypatch.context() as patch:
        patch.setattr(Notifier, "cqrs_save", fail)
        run_worker(PlainApplier())
        publish(signed(note("x")))
        eventually(lambda: _assert_count(letters(), 1), within_seconds=20)
        assert len(attempts) == 3
        assert _is_ours(letters()[0], OLD, "old")

    run("cqrs_dead_letters", "retry")
    eventually(lambda: _assert_count(names(), 1))


def test_a_forged_message_without_an_inbox_stays_a_dead_letter(
    signing: Sign,
    run_worker: Callable[..., Worker],
) -> None:
    signing({"old": OLD}, required=True)
    run_worker(PlainApplier())
    forged = signed(note("x"), NEW, "new")

    publish(forged, signed(note("neighbour")))

    eventually(lambda: _assert_count(letters(), 1))
    eventually(lambda: _assert_count(names(), 1))
    letter = letters()[0]
    assert (letter.body, letter.routing_key) == (forged.body, forged.routing_key)
    assert "which is none of those here" in letter.headers["cqrs-reason"]


def _assert_count(found: Any, count: int) -> None:
    assert len(found) == count


@pytest.mark.usefixtures("without_inbox")  # before settings are changed, so taken back last
def test_a_refused_letter_of_the_broker_is_retried_after_its_key_was_added(
    signing: Sign, run: Run
) -> None:
    signing({"old": OLD}, required=True)
    letter = signed(note("x"), NEW, "new")
    broker.put("dead_letter_replica", OutgoingMessage("", "notifier", letter.body, letter.headers))

    with pytest.raises(CommandError, match="1 of 1 dead letters could not be retried"):
        run("cqrs_dead_letters", "retry")
    assert len(letters()) == 1
    signing({"old": OLD, "new": NEW}, key="old", required=True)
    run("cqrs_dead_letters", "retry")

    assert not letters()
    assert _is_ours(broker.messages("replica")[0], OLD, "old")
