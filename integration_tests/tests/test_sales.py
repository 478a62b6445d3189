"""Customers and sales: what leaves the master, what does not, and figures that add up."""

import json
import random

from integration_tests import broker, databases
from integration_tests.clients import Item, MasterClient, ReplicaClient
from integration_tests.figures import assert_equal_figures
from integration_tests.settling import wait_until_settled
from integration_tests.shelf import PERSONAL_FIELDS, create_customer, fill_shelf
from integration_tests.stack import Stack
from integration_tests.writer import Writer
from local_stack.waiting import eventually


def sell(master: MasterClient, customer: Item, track_ids: list[int], **fields: str) -> Item:
    lines = [{"track": track_id} for track_id in track_ids]
    return master.create("invoices", customer=customer["id"], lines=lines, **fields)


def test_an_invoice_of_a_hundred_lines_arrives_with_all_of_them(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    shelf = fill_shelf(master, tracks=100)

    invoice = sell(master, create_customer(master), shelf.track_ids, status="paid")

    def all_lines_are_there() -> None:
        assert replica.get("invoices", invoice["id"]) is not None
        sales = replica.find("sales", invoice_id=invoice["id"], page_size=1000)
        assert {sale["track_id"] for sale in sales} == set(shelf.track_ids)
        assert {sale["unit_price"] for sale in sales} == {"0.99"}

    eventually(all_lines_are_there)
    wait_until_settled(stack)


def test_no_message_holds_a_word_of_personal_data(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    (track_id,) = fill_shelf(master).track_ids
    with broker.tap(stack.broker_url) as tap:
        customer = create_customer(master)
        invoice = sell(master, customer, [track_id], status="paid")
        master.update("customers", customer["id"], phone="+55 12 3923-5555")
        stack.master.manage("cqrs_sync", "--cqrs-id", "customer", "--filter", "{}")
        master.settle("cancel", invoice["id"])
        master.delete("customers", customer["id"], reason="asked")

        def is_forgotten() -> None:
            last = tap.of_row("customer", customer["id"])[-1]
            assert last["signal_type"] == "DELETE"
            assert last["instance_data"]["custom"] == {"country": "Brazil", "reason": "asked"}

        eventually(is_forgotten)
        bodies = b"\n".join(published.body for published in tap.published).decode()

    signals = {m["signal_type"] for m in tap.messages if m["cqrs_id"] == "customer"}
    assert signals == {"SAVE", "SYNC", "DELETE"}
    words = [customer["email"], "3923-5555", *(customer[name] for name in PERSONAL_FIELDS)]
    assert [word for word in words if word in bodies or json.dumps(word)[1:-1] in bodies] == []
    wait_until_settled(stack)
    assert replica.get("customers", customer["id"]) is None


def test_a_draft_comes_to_the_storefront_when_it_is_paid(
    stack: Stack, master: MasterClient, replica: ReplicaClient
) -> None:
    shelf = fill_shelf(master, tracks=2)
    customer = create_customer(master)
    draft = sell(master, customer, shelf.track_ids)
    wait_until_settled(stack)
    assert replica.get("invoices", draft["id"]) is None
    assert replica.find("sales", invoice_id=draft["id"]) == []

    master.settle("pay", draft["id"])

    def is_sold() -> None:
        assert len(replica.find("sales", invoice_id=draft["id"], status="paid")) == 2

    eventually(is_sold)
    wait_until_settled(stack)


def test_figures_add_up_after_consumers_and_relays_were_killed(
    stack: Stack, replica: ReplicaClient, rng: random.Random
) -> None:
    with Writer(stack.master.url, rng) as writer:
        for victim in rng.sample([stack.replica.consumer, stack.master.relay], k=2):
            writer.wait_for_writes(rng.randint(10, 40))
            victim.kill()
            victim.start()
        writer.wait_for_writes(20)

    wait_until_settled(stack)
    assert_equal_figures(stack.master.database_url, replica)


def test_a_second_storefront_is_filled_without_a_word_to_the_first(
    stack: Stack, master: MasterClient
) -> None:
    shelf = fill_shelf(master, tracks=3)
    sell(master, create_customer(master), shelf.track_ids, status="paid")
    wait_until_settled(stack)
    ledger = "SELECT * FROM cqrs_inbox_ledgerentry ORDER BY cqrs_id, row_pk"
    before = databases.rows(stack.replica.database_url, ledger)
    second = stack.new_replica("storefront-eu")
    second.manage("cqrs_declare")

    with broker.tap(stack.broker_url, "*", f"cqrs.{stack.replica.queue}.*") as others:
        options = ("--filter", "{}", "--queue", second.queue)
        stack.master.manage_many(
            *(
                ("cqrs_sync", "--cqrs-id", cqrs_id, *options)
                for cqrs_id in ("track", "customer", "invoice", "invoice_line")
            )
        )
        second.consumer.start()
        try:
            paid = "SELECT count(*) FROM sales_sale WHERE status = 'paid'"
            here = databases.value(stack.replica.database_url, paid)

            def is_filled() -> None:
                assert databases.value(second.database_url, paid) == here >= 3

            eventually(is_filled, within_seconds=60)
            assert others.read() == []
        finally:
            second.consumer.kill()
            broker.delete_queues(stack.broker_url, second.queue, second.dead_letter_queue)
    assert databases.rows(stack.replica.database_url, ledger) == before
