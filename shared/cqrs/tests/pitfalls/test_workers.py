"""How workers end, share and batch their work: W27 to W29 and W31 of the list of pitfalls."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from dj_cqrs import logger
from dj_cqrs.inbox.models import ParkedMessage
from dj_cqrs.replica.message import RawMessage
from dj_cqrs.replica.settlement import Done
from dj_cqrs.replica.with_inbox import InboxApplier
from dj_cqrs.replica.worker import Worker
from dj_cqrs.transport import RabbitMQTransport
from dj_cqrs.transport.base import Delivery
from local_stack.waiting import eventually
from tests.app.replica_models import Item, Parent
from tests.expectations import expect, expect_equal, expect_some
from tests.pitfalls.consuming import on_rabbitmq, publish, publish_on_rabbitmq, replica_settings
from tests.replica.support import save

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("memory_broker")]


# W27: SIGTERM aborts the work in hand


def test_w27_what_is_in_hand_is_finished_before_the_end(tmp_path: Path) -> None:
    consuming = subprocess.Popen(
        [sys.executable, "-m", "django", "cqrs_consume", "--sigint-timeout", "20"],
        cwd=Path(__file__).resolve().parents[2],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.supervised.settings",
            "PID_DIRECTORY": str(tmp_path),
            "TRANSPORT": "BellTransport",
        },
    )
    try:
        eventually(lambda: expect((tmp_path / "ringing").exists()))
        consuming.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            consuming.wait(1)
        assert not (tmp_path / "rung").exists()

        (tmp_path / "let-go").touch()

        assert consuming.wait(20) == 0
        assert (tmp_path / "rung").exists()
        assert (tmp_path / "acked").exists()
    finally:
        (tmp_path / "let-go").touch()
        consuming.terminate()
        consuming.wait(20)


# W28: --cqrs-id limits the bindings, not what is in the queue


def test_w28_a_worker_for_some_models_does_the_others_no_harm(
    run_worker: Callable[..., Worker],
) -> None:
    publish(save(0, cqrs_id="parent", pk=1, name="p"), save(0, name="x"))

    run_worker(InboxApplier(), {"item"})

    eventually(lambda: expect_equal(Item.objects.count(), 1))
    eventually(lambda: expect_equal(Parent.objects.count(), 1))
    assert not ParkedMessage.objects.exists()


# W29: one message, one transaction; one worker hoards what it cannot apply yet


@pytest.mark.parametrize("count", [2, 50])
def test_w29_a_batch_costs_the_same_few_statements_and_one_commit(
    count: int, django_assert_max_num_queries: Any
) -> None:
    messages = [save(0, pk=pk, name="x") for pk in range(count)]
    batch = [Delivery(each.body, "item", {}, False, tag) for tag, each in enumerate(messages)]

    with django_assert_max_num_queries(12):
        assert list(InboxApplier().apply(batch)) == [Done(batch)]

    assert Item.objects.count() == count


def test_w29_a_worker_leaves_the_others_something_to_do(settings: Any, rabbitmq_url: str) -> None:
    on_rabbitmq(settings, rabbitmq_url, batch_size=5)
    publish_on_rabbitmq(*(RawMessage(b"1", "item", {}) for _ in range(50)))

    first, second = RabbitMQTransport.consumer(), RabbitMQTransport.consumer()
    try:
        assert len(first.receive(max_messages=50, timeout_seconds=10)) <= 10
        eventually(lambda: expect_some(second.receive(max_messages=50, timeout_seconds=1)))
    finally:
        first.close()
        second.close()


# W31: the wrapper drops what execute() returns


@pytest.mark.postgres
def test_w31_a_watched_statement_returns_what_it_returned(settings: Any) -> None:
    replica_settings(settings, CQRS_LOG_TIMED_OUT_QUERIES=True)
    returned: list[Any] = []

    def outer(execute: Callable[..., Any], *args: Any) -> Any:
        returned.append(execute(*args))
        return returned[-1]

    before = list(connection.execute_wrappers)
    logger.install_last_query_capturer(Item)
    try:
        with connection.execute_wrapper(outer), connection.cursor() as cursor:
            connection.execute_wrappers.reverse()
            cursor.execute("SELECT 1")
            connection.execute_wrappers.reverse()
    finally:
        connection.execute_wrappers[:] = before
    assert returned[0] is not None
