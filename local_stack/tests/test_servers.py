"""The servers of this run keep what a test relies on: the same address and the same data.

Where a Docker engine answers, `make test-all` looks at private servers too.
"""

from collections.abc import Callable
from typing import Any

import pika
import psycopg
import pytest

from local_stack import servers
from local_stack.errors import StackError
from local_stack.waiting import eventually

# RabbitMQ 3.10 notes a new quorum queue on disk half a second late; a node killed before that
# comes back without the queue's content.
_QUEUE_IS_ON_DISK_AFTER_SECONDS = 3


def in_channel(url: str, action: Callable[[Any], Any]) -> Any:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        return action(connection.channel())
    finally:
        connection.close()


def declare_and_publish(channel: Any) -> None:
    channel.queue_declare("kept", durable=True, arguments={"x-queue-type": "quorum"})
    channel.confirm_delivery()
    channel.basic_publish("", "kept", b"body", pika.BasicProperties(delivery_mode=2))


def assert_one_message(url: str) -> None:
    _, _, body = in_channel(url, lambda channel: channel.basic_get("kept"))
    assert body == b"body"


@pytest.mark.parametrize("fault", ["restart", "kill"])
def test_broker_keeps_confirmed_messages_and_its_port(
    rabbitmq: servers.RabbitMQServer, fault: str
) -> None:
    url = rabbitmq.url
    in_channel(url, lambda channel: channel.queue_delete("kept"))
    in_channel(url, declare_and_publish)

    if fault == "restart":
        rabbitmq.restart()
    else:
        in_channel(url, lambda channel: channel.connection.sleep(_QUEUE_IS_ON_DISK_AFTER_SECONDS))
        rabbitmq.kill()
        rabbitmq.start()

    assert rabbitmq.url == url
    eventually(lambda: assert_one_message(url))


def test_rabbitmqctl_reaches_the_broker(rabbitmq: servers.RabbitMQServer) -> None:
    rabbitmq.ctl("stop_app")
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        in_channel(rabbitmq.url, lambda channel: None)

    rabbitmq.ctl("start_app")

    assert "test" in rabbitmq.ctl("list_users")
    eventually(lambda: in_channel(rabbitmq.url, lambda channel: None))


def test_broker_has_no_guest_user(rabbitmq: servers.RabbitMQServer) -> None:
    assert "guest" not in rabbitmq.ctl("list_users")


@pytest.mark.parametrize("fault", ["restart", "kill"])
def test_database_keeps_committed_rows_and_its_port(
    postgres: servers.PostgresServer, fault: str
) -> None:
    url = postgres.create_database("kept")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE row (number int)")
        connection.execute("INSERT INTO row VALUES (1)")

    if fault == "restart":
        postgres.restart()
    else:
        postgres.kill()
        postgres.start()

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT number FROM row").fetchall() == [(1,)]


def test_creating_a_database_twice_empties_it(postgres: servers.PostgresServer) -> None:
    url = postgres.create_database("again")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE row (number int)")

    assert postgres.create_database("again") == url

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT to_regclass('row')").fetchone() == (None,)


def test_choice_can_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SERVERS", "local")
    assert servers.choose() == ("local", "TEST_SERVERS=local")

    monkeypatch.setenv("TEST_SERVERS", "podman")
    with pytest.raises(StackError, match="write docker or local"):
        servers.choose()
