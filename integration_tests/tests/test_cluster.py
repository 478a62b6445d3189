"""Nodes of a three-node broker go away: with two left work goes on, with one it waits."""

import random

import pytest

from integration_tests import databases
from integration_tests.settling import (
    assert_nothing_unacknowledged,
    outbox_size,
    wait_until_settled,
)
from integration_tests.stack import Stack
from integration_tests.witness import Witness
from integration_tests.writer import Writer
from local_stack.rabbitmq_cluster import RabbitMQCluster
from local_stack.waiting import eventually

#: How many messages were recorded after one of them, and how many of these are still there.
SINCE = """
    SELECT (SELECT last_value FROM cqrs_outbox_outboxmessage_id_seq) - %s, count(*)
    FROM cqrs_outbox_outboxmessage WHERE id > %s
"""


def leader(stack: Stack, cluster: RabbitMQCluster) -> int:
    return eventually(lambda: cluster.leader_of(stack.replica.queue, f"stack-{stack.token}"))


def test_the_leader_of_the_queue_is_killed_under_load_and_work_goes_on_without_it(
    cluster_stack: Stack, rabbitmq_cluster: RabbitMQCluster, rng: random.Random
) -> None:
    stack = cluster_stack
    killed = leader(stack, rabbitmq_cluster)
    with (
        Witness(stack.master.database_url, stack.replica.database_url),
        Writer(stack.master.url, rng) as writer,
    ):
        writer.wait_for_writes(rng.randint(10, 30))
        rabbitmq_cluster.kill_node(killed)
        writer.wait_for_writes(20)
        assert writer.failures == 0, "a write waited for the broker"
    wait_until_settled(stack)
    assert leader(stack, rabbitmq_cluster) != killed

    rabbitmq_cluster.start_node(killed)
    with Writer(stack.master.url, rng) as writer:
        writer.wait_for_writes(10)
    wait_until_settled(stack)
    eventually(lambda: assert_nothing_unacknowledged(stack))


@pytest.mark.slow
def test_each_node_is_killed_in_turn_under_load(
    cluster_stack: Stack, rabbitmq_cluster: RabbitMQCluster, rng: random.Random
) -> None:
    stack = cluster_stack
    with (
        Witness(stack.master.database_url, stack.replica.database_url),
        Writer(stack.master.url, rng) as writer,
    ):
        for node in rng.sample(rabbitmq_cluster.running, k=3):
            writer.wait_for_writes(rng.randint(5, 20))
            rabbitmq_cluster.kill_node(node)
            writer.wait_for_writes(20)
            rabbitmq_cluster.start_node(node)
        assert writer.failures == 0, "a write waited for the broker"
    wait_until_settled(stack)
    eventually(lambda: assert_nothing_unacknowledged(stack))


@pytest.mark.slow
def test_with_two_nodes_killed_the_broker_takes_nothing_and_nothing_is_lost(
    cluster_stack: Stack, rabbitmq_cluster: RabbitMQCluster, rng: random.Random
) -> None:
    stack = cluster_stack
    master_url = stack.master.database_url
    with (
        Witness(master_url, stack.replica.database_url),
        Writer(stack.master.url, rng) as writer,
    ):
        writer.wait_for_writes(rng.randint(10, 30))
        for node in rng.sample(rabbitmq_cluster.running, k=2):
            rabbitmq_cluster.kill_node(node)
        latest = databases.value(
            master_url, "SELECT last_value FROM cqrs_outbox_outboxmessage_id_seq"
        )
        writer.wait_for_writes(100)
        assert writer.failures == 0, "a write waited for the broker"

    ((recorded, kept),) = databases.rows(master_url, SINCE, latest, latest)
    assert kept == recorded
    assert outbox_size(stack) >= kept > 50

    rabbitmq_cluster.start()
    wait_until_settled(stack)
    eventually(lambda: assert_nothing_unacknowledged(stack))
