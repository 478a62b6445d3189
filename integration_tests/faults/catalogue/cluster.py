"""Nodes of a three-node broker go away: with two left work goes on, with one it waits."""

import time
from collections.abc import Iterator

from faults.catalogue.fault import Fault, NotHereError, Strike
from local_stack.rabbitmq_cluster import RabbitMQCluster
from local_stack.waiting import eventually


def _cluster(strike: Strike) -> RabbitMQCluster:
    rabbitmq = strike.site.servers.rabbitmq
    if not isinstance(rabbitmq, RabbitMQCluster):
        raise NotHereError("one node is all there is")
    return rabbitmq


def _node_killed(strike: Strike) -> None:
    cluster = _cluster(strike)
    _kill_for_a_while(strike, cluster, [strike.rng.choice(cluster.running)])


def _leader_killed(strike: Strike) -> None:
    """The node that leads the replica's queue."""
    cluster, places = _cluster(strike), strike.site.places
    leader = eventually(lambda: cluster.leader_of(places.queue, places.vhost), within_seconds=60)
    _kill_for_a_while(strike, cluster, [leader])


def _two_nodes_killed(strike: Strike) -> None:
    """The one that is left confirms nothing; writes go on, into the outbox."""
    cluster = _cluster(strike)
    _kill_for_a_while(strike, cluster, strike.rng.sample(cluster.running, 2))


def _kill_for_a_while(strike: Strike, cluster: RabbitMQCluster, numbers: list[int]) -> None:
    for number in numbers:
        cluster.kill_node(number)
    time.sleep(strike.seconds(1, 5))
    cluster.start()


def cluster_faults() -> Iterator[Fault]:
    """All of them."""
    yield Fault("one node of three killed", "cluster", _node_killed)
    yield Fault("leader of the queue killed", "cluster", _leader_killed)
    yield Fault("two nodes of three killed", "cluster", _two_nodes_killed)
