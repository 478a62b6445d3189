"""A system that signs its messages, and somebody else who may publish."""

from collections.abc import Iterator

import pytest

from faults.poison import PK, message
from integration_tests import broker, databases
from integration_tests.clients import MasterClient, ReplicaClient
from integration_tests.shelf import unique
from integration_tests.stack import Servers, Stack, Templates
from local_stack.waiting import eventually


@pytest.fixture
def signed_stack(servers: Servers, templates: Templates) -> Iterator[Stack]:
    keys = f"new:{'n' * 32},old:{'o' * 32}"
    stack = Stack(servers, templates, environment={"CQRS_SIGNING_KEYS": keys})
    yield stack
    stack.close()


def test_only_what_the_master_has_signed_reaches_the_replica(signed_stack: Stack) -> None:
    stack = signed_stack
    stack.start()
    headers = {**broker.MARKER, "cqrs-signature": f"new:{'00' * 32}"}
    broker.publish(stack.broker_url, "artist", message(), headers=broker.MARKER)
    broker.publish(stack.broker_url, "artist", message(), headers=headers)

    with MasterClient(stack.master.url) as master, ReplicaClient(stack.replica.url) as replica:
        created = master.create("artists", name=unique("Signed"))

        def only_ours_has_arrived() -> None:
            assert replica.get("artists", created["id"]) is not None
            refused = databases.rows(
                stack.replica.database_url,
                "SELECT status, row_pk, reason FROM cqrs_inbox_parkedmessage ORDER BY reason",
            )
            assert [(status, pk) for status, pk, _ in refused] == [("dead", str(PK))] * 2
            reasons = [reason for _, _, reason in refused]
            assert reasons[0].startswith("UntrustedError: It is not signed")
            assert reasons[1].startswith("UntrustedError: It was forged")

        eventually(only_ours_has_arrived, within_seconds=60)
        assert replica.get("artists", PK) is None
