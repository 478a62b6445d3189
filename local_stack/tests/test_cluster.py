"""A broker of three nodes keeps what it confirmed when one of them is killed."""

import json
from collections.abc import Callable
from typing import Any

import pika
import pytest

from local_stack.errors import ServerFailedError
from local_stack.rabbitmq_cluster import (
    RabbitMQCluster,
    cluster_of_containers,
    cluster_of_processes,
)
from local_stack.servers import choose
from local_stack.waiting import eventually

_MAKE: dict[str, Callable[[], RabbitMQCluster]] = {
    "docker": cluster_of_containers,
    "local": cluster_of_processes,
}


def in_channel(cluster: RabbitMQCluster, action: Callable[[Any], Any]) -> Any:
    connection = pika.BlockingConnection([pika.URLParameters(url) for url in cluster.urls])
    try:
        return action(connection.channel())
    finally:
        connection.close()


def declare_and_publish(channel: Any) -> None:
    channel.queue_declare("kept", durable=True, arguments={"x-queue-type": "quorum"})
    channel.confirm_delivery()
    channel.basic_publish("", "kept", b"body", pika.BasicProperties(delivery_mode=2))


def assert_one_message(cluster: RabbitMQCluster) -> None:
    _, _, body = in_channel(cluster, lambda channel: channel.basic_get("kept"))
    assert body == b"body"


def assert_all_are_online(cluster: RabbitMQCluster) -> None:
    (queue,) = json.loads(cluster.ctl("list_queues", "--formatter", "json", "online"))
    assert len(queue["online"]) == 3, queue


@pytest.mark.slow
def test_the_leader_of_a_queue_is_killed_and_comes_back_to_the_others() -> None:
    kind, _ = choose()
    with _MAKE[kind]() as cluster:
        in_channel(cluster, declare_and_publish)
        killed = eventually(lambda: cluster.leader_of("kept"))

        cluster.kill_node(killed)

        assert cluster.running == sorted({0, 1, 2} - {killed})
        eventually(lambda: assert_one_message(cluster))
        assert eventually(lambda: cluster.leader_of("kept")) != killed

        cluster.start_node(killed)

        assert cluster.running == [0, 1, 2]
        eventually(lambda: assert_all_are_online(cluster))

    with pytest.raises(ServerFailedError, match="no node"):
        cluster.ctl("status")
