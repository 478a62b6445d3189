"""The broker goes away, closes its doors, or loses what it was told to keep."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pika.adapters.blocking_connection import BlockingChannel

from faults.catalogue.fault import Fault, Strike
from integration_tests import broker
from local_stack.waiting import eventually


def _killed(strike: Strike) -> None:
    rabbitmq = strike.site.servers.rabbitmq
    rabbitmq.kill()
    time.sleep(strike.seconds(0, 2))
    rabbitmq.start()


def _restarted(strike: Strike) -> None:
    strike.site.servers.rabbitmq.restart()


def _restarted_with_backlog(strike: Strike) -> None:
    """Nobody consumes for a while, and what has gathered must be there after the restart."""
    site = strike.site
    site.consumer.pause()
    strike.load.wait_for_writes(20)
    site.consumer.kill()
    site.servers.rabbitmq.restart()
    site.start()


def _application_stopped(strike: Strike) -> None:
    """The node runs, RabbitMQ in it does not."""
    ctl = strike.site.servers.rabbitmq.ctl
    ctl("stop_app")
    time.sleep(strike.seconds(0, 2))
    ctl("start_app")


def _connections_closed(strike: Strike) -> None:
    vhost = strike.site.places.vhost
    strike.site.servers.rabbitmq.ctl("close_all_connections", "--vhost", vhost, "a fault")


def _memory_alarm(strike: Strike) -> None:
    """The broker takes nothing from publishers; connections that try are blocked."""
    ctl = strike.site.servers.rabbitmq.ctl
    ctl("set_vm_memory_high_watermark", "0")
    try:
        time.sleep(strike.seconds(1, 3))
    finally:
        ctl("set_vm_memory_high_watermark", "0.6")


def _disk_alarm(strike: Strike) -> None:
    ctl = strike.site.servers.rabbitmq.ctl
    ctl("set_disk_free_limit", "1000000GB")
    try:
        time.sleep(strike.seconds(1, 3))
    finally:
        ctl("set_disk_free_limit", "50MB")


def _binding_removed(strike: Strike) -> None:
    """What is published meanwhile has no queue; a deploy binds it again."""
    places = strike.site.places
    with _channel(strike) as channel:
        for table in strike.site.tables:
            channel.queue_unbind(places.queue, places.exchange, table.cqrs_id)
    time.sleep(strike.seconds(0.5, 2))
    strike.site.declare()


def _exchange_deleted(strike: Strike) -> None:
    """All bindings go with it."""
    with _channel(strike) as channel:
        channel.exchange_delete(strike.site.places.exchange)
    time.sleep(strike.seconds(0.5, 2))
    strike.site.declare()


def _queue_purged(strike: Strike) -> None:
    strike.site.consumer.pause()
    strike.load.wait_for_writes(5)
    strike.site.consumer.kill()
    broker.purge(strike.site.places.broker_url, strike.site.places.queue)
    strike.site.ledger.is_to_be_mended = True
    strike.site.start()


def _queue_deleted(strike: Strike) -> None:
    """Under the feet of its consumers, with whatever is in it."""
    with _channel(strike) as channel:
        channel.queue_delete(strike.site.places.queue)
    strike.site.ledger.is_to_be_mended = True
    strike.site.declare()
    eventually(strike.site.start, within_seconds=60)


@contextmanager
def _channel(strike: Strike) -> Iterator[BlockingChannel]:
    with broker.channel(strike.site.places.broker_url) as channel:
        yield channel


def broker_faults() -> Iterator[Fault]:
    """All of them."""
    yield Fault("broker killed", "broker", _killed)
    yield Fault("broker restarted", "broker", _restarted)
    yield Fault(
        "broker restarted with a backlog", "broker", _restarted_with_backlog, is_alone=True
    )
    yield Fault("RabbitMQ stopped in its node", "broker", _application_stopped)
    yield Fault("connections closed by an operator", "broker", _connections_closed)
    yield Fault("memory alarm", "broker", _memory_alarm)
    yield Fault("disk alarm", "broker", _disk_alarm)
    yield Fault("bindings removed", "broker", _binding_removed)
    yield Fault("exchange deleted", "broker", _exchange_deleted)
    yield Fault("queue purged", "broker", _queue_purged, forgets=True, is_alone=True)
    yield Fault("queue deleted", "broker", _queue_deleted, forgets=True, is_alone=True)
