"""Whoever is started first: nothing is declared yet, nobody else is there."""

from integration_tests import broker, databases
from integration_tests.clients import MasterClient
from integration_tests.settling import outbox_size, wait_until_settled
from integration_tests.shelf import fill_shelf
from integration_tests.stack import Stack
from local_stack.waiting import eventually


def test_a_consumer_that_is_started_before_any_master_gets_everything(
    fresh_stack: Stack,
) -> None:
    fresh_stack.replica.consumer.start()

    def it_listens() -> None:
        assert broker.consumer_count(fresh_stack.broker_url, "storefront") == 2

    eventually(it_listens, within_seconds=60)
    fresh_stack.start()
    with MasterClient(fresh_stack.master.url) as master:
        fill_shelf(master, tracks=3)

    wait_until_settled(fresh_stack)


def test_what_a_master_writes_before_there_is_any_replica_waits_in_its_outbox(
    fresh_stack: Stack,
) -> None:
    fresh_stack.master.web.start()
    fresh_stack.master.relay.start()
    fresh_stack.master.wait_until_ready()
    with MasterClient(fresh_stack.master.url) as master:
        fill_shelf(master, tracks=3)

    def all_are_unroutable() -> None:
        query = "SELECT count(*) FROM cqrs_outbox_outboxmessage WHERE is_unroutable"
        assert databases.value(fresh_stack.master.database_url, query) == 7

    eventually(all_are_unroutable)
    assert outbox_size(fresh_stack) == 0, "messages without a replica are no backlog"

    fresh_stack.start()

    wait_until_settled(fresh_stack)
