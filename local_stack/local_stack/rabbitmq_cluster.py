"""A broker of several nodes, of which a test takes some away.

Quorum queues have a member on each of three nodes: they need two of them, and lose nothing.
"""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol
from uuid import uuid4

from local_stack.containers import RABBITMQ_IMAGE, ContainerRabbitMQ, new_network
from local_stack.errors import ServerFailedError
from local_stack.lifecycle import Restartable
from local_stack.ports import free_ports
from local_stack.rabbitmq import PrivateRabbitMQ
from local_stack.rabbitmq_node import Membership

NODES = 3


class _Node(Protocol):
    @property
    def url(self) -> str: ...

    def launch(self) -> None: ...

    def wait_until_ready(self) -> None: ...

    def stop(self) -> None: ...

    def kill(self) -> None: ...

    def close(self) -> None: ...

    def ctl(self, *arguments: str) -> str: ...


class RabbitMQCluster(Restartable):
    """Nodes that form one broker; each is known by its number, from 0."""

    def __init__(
        self,
        names: Sequence[str],
        nodes: Sequence[_Node],
        description: str,
        remove: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare the cluster; nothing runs yet.

        Args:
            names: Erlang names of the nodes.
            nodes: the nodes, in the same order.
            description: what they are, for people.
            remove: removes what they share, at the very end.
        """
        self.description = description
        self._names = list(names)
        self._nodes = list(nodes)
        self._remove = remove
        self._running: set[int] = set()

    @property
    def urls(self) -> list[str]:
        """AMQP URL of each node; they stay the same over restarts."""
        return [node.url for node in self._nodes]

    @property
    def url(self) -> str:
        """All of them, separated by commas."""
        return ",".join(self.urls)

    @property
    def running(self) -> list[int]:
        """Numbers of the nodes that run."""
        return sorted(self._running)

    def start(self) -> None:
        """Start what does not run, all at once: they wait for each other."""
        # Not in threads: a process of ours ends with the thread that started it.
        numbers = sorted(set(range(len(self._nodes))) - self._running)
        for number in numbers:
            self._nodes[number].launch()
        for number in numbers:
            self._nodes[number].wait_until_ready()
            self._running.add(number)

    def stop(self) -> None:
        """Stop all nodes in good order."""
        self._with_all(self.stop_node, self._running)

    def kill(self) -> None:
        """Kill all nodes with SIGKILL."""
        self._with_all(self.kill_node, self._running)

    def start_node(self, number: int) -> None:
        """Start one node and wait until clients can connect.

        A node that was the last to go must be back before others that went before it.
        """
        self._nodes[number].launch()
        self._nodes[number].wait_until_ready()
        self._running.add(number)

    def stop_node(self, number: int) -> None:
        """Stop one node in good order; its data stays."""
        self._running.discard(number)
        self._nodes[number].stop()

    def kill_node(self, number: int) -> None:
        """Kill one node with SIGKILL; its data stays."""
        self._running.discard(number)
        self._nodes[number].kill()

    def ctl(self, *arguments: str) -> str:
        """Run rabbitmqctl on a node that runs, and return its output."""
        if not self._running:
            raise ServerFailedError("no node of the cluster runs")
        return self._nodes[min(self._running)].ctl(*arguments)

    def leader_of(self, queue: str, vhost: str = "/") -> int:
        """Number of the node that leads a quorum queue.

        Raises:
            ServerFailedError: there is no such queue, or it has no leader at the moment.
        """
        listed = self.ctl("-p", vhost, "list_queues", "--formatter", "json", "name", "leader")
        leaders = {row["name"]: row["leader"] for row in json.loads(listed)}
        if leaders.get(queue) not in self._names:
            raise ServerFailedError(f"queue {queue!r} has no leader: {leaders}")
        return self._names.index(leaders[queue])

    def close(self) -> None:
        """End all nodes for good and remove their data."""
        self._running.clear()
        self._with_all(lambda number: self._nodes[number].close(), set(range(len(self._nodes))))
        self._remove()

    def _with_all(self, action: Callable[[int], None], numbers: set[int]) -> None:
        with ThreadPoolExecutor(max_workers=len(self._nodes)) as pool:
            list(pool.map(action, sorted(numbers)))


def cluster_of_containers() -> RabbitMQCluster:
    """Three containers on a network of their own."""
    names = [f"rabbit@rabbit{number}" for number in range(NODES)]
    membership = _membership(names)
    network = new_network()
    nodes = [ContainerRabbitMQ(name=n, membership=membership, network=network) for n in names]
    return RabbitMQCluster(
        names, nodes, f"{NODES} containers of {RABBITMQ_IMAGE}", remove=network.remove
    )


def cluster_of_processes() -> RabbitMQCluster:
    """Three private nodes of this machine."""
    names = [f"rabbit{number}@localhost" for number in range(NODES)]
    membership = _membership(names)
    (epmd_port,) = free_ports(1)
    nodes = [
        PrivateRabbitMQ(name=name, membership=membership, epmd_port=epmd_port) for name in names
    ]
    return RabbitMQCluster(names, nodes, f"{NODES} private RabbitMQ nodes of this machine")


def _membership(names: Sequence[str]) -> Membership:
    return Membership(tuple(names), cookie=uuid4().hex)
