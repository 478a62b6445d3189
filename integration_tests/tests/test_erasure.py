"""After a customer was deleted, or corrected, no copy of what they were is left anywhere."""

import json
import re

import pytest

from integration_tests import broker, databases
from integration_tests.clients import Item, MasterClient
from integration_tests.copies import places_of
from integration_tests.settling import wait_until_settled
from integration_tests.shelf import create_customer, unique
from integration_tests.stack import Stack
from local_stack.waiting import eventually

OUTBOX = "master: cqrs_outbox_outboxmessage"
INBOX = "replica: cqrs_inbox_parkedmessage"
DEAD_LETTERS = "dead_letter_storefront"


@pytest.fixture
def marker() -> str:
    """A country that is known again wherever a copy of it lies."""
    return unique("Marker")[:40]


@pytest.fixture
def customer(stack: Stack, master: MasterClient, marker: str) -> Item:
    """Somebody of whom there is a copy in every place that keeps one for long."""
    customer = create_customer(master, country=marker)
    wait_until_settled(stack)
    key = customer["id"]
    # For a replica that does not exist.
    options = ("--filter", json.dumps({"id": key}), "--queue", "nobody")
    stack.master.manage("cqrs_sync", "--cqrs-id", "customer", *options)
    # What the storefront cannot apply, and what not even its inbox could keep.
    failing = letter(key, 1, country=marker + "x" * 300)
    broker.publish(stack.broker_url, "customer", failing, letter(key, "first", country=marker))
    broker.publish(
        stack.broker_url, f"cqrs.{DEAD_LETTERS}.customer", letter(key, 0, country=marker)
    )

    def copies_are_everywhere() -> None:
        assert places_of(stack, marker) == {OUTBOX, INBOX, DEAD_LETTERS}
        statuses = databases.rows(
            stack.replica.database_url, "SELECT status FROM cqrs_inbox_parkedmessage"
        )
        assert sorted(statuses) == [("dead",), ("retrying",)]

    eventually(copies_are_everywhere)
    return customer


def letter(key: int, revision: int | str, **fields: str) -> bytes:
    """A message about the customer that somebody may have sent."""
    data = {
        "id": key,
        "cqrs_revision": revision,
        "cqrs_updated": "2026-11-23 18:44:37+00:00",
        **fields,
    }
    message = {
        "signal_type": "SAVE",
        "cqrs_id": "customer",
        "instance_data": data,
        "instance_pk": key,
    }
    return json.dumps(message).encode()


def erase(stack: Stack, customer: Item) -> None:
    """As docs/personal-data.md says: the master first, which knows the revision."""
    arguments = ("--cqrs-id=customer", f"--pk={customer['id']}")
    told = stack.master.manage("cqrs_erase", *arguments)
    (command,) = re.findall(r"On each replica: (cqrs_erase .*)", told)
    wait_until_relayed_and_read(stack)
    stack.replica.manage(*command.split())


def wait_until_relayed_and_read(stack: Stack) -> None:
    def is_empty() -> None:
        unsent = "SELECT count(*) FROM cqrs_outbox_outboxmessage WHERE NOT is_unroutable"
        assert databases.value(stack.master.database_url, unsent) == 0
        assert broker.queue_depth(stack.broker_url, stack.replica.queue) == 0

    eventually(is_empty)


def test_a_deletion_takes_the_copies_with_it_and_the_rest_is_erased(
    stack: Stack, master: MasterClient, customer: Item, marker: str
) -> None:
    master.delete("customers", customer["id"], reason="asked")

    def only_what_nobody_tries_is_left() -> None:
        inbox = "SELECT status FROM cqrs_inbox_parkedmessage"
        assert databases.rows(stack.replica.database_url, inbox) == [("dead",)]  # no revision
        assert OUTBOX not in places_of(stack, marker)

    eventually(only_what_nobody_tries_is_left, within_seconds=120)
    erase(stack, customer)

    assert places_of(stack, marker) == set()
    wait_until_settled(stack)


def test_a_correction_is_erased_without_a_deletion(
    stack: Stack, master: MasterClient, customer: Item, marker: str
) -> None:
    for country in ("Nowhere", "Elsewhere"):
        master.update("customers", customer["id"], country=country)

    erase(stack, customer)

    assert places_of(stack, marker) == set()
    wait_until_settled(stack)
